/* engine.h - what answers a prompt: local (our core) or remote; reasoners talk to this only. */
#ifndef SPINNEY_ENGINE_H
#define SPINNEY_ENGINE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cancel.h"
#include "base/err.h"
#include "spinney/probe.h"
#include "text/sampler.h"
#include "text/template.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_engine; /* an open engine: one model behind it */

/* What holds for an engine; a reasoner degrades and records it. */
struct spn_caps {
    const char *model, *type, *device; /* "forest-mini", "q8_0", "cpu 2t" */
    int64_t context;
    bool logprobs, score, batch, templates, seeds; /* seeds: same seed, same text */
    const char *template_name;
    bool embed;          /* else what needs vectors compares letters */
    const char *prompts; /* set of prompts that the model was trained on, as its file says; NULL */
    bool prefill; /* answers begin with a given text for certain; else they are asked to */
    int parallel; /* requests it has under way at once; 0: not told */
    bool lost;    /* nothing more is answered: the server is gone. Until it is opened again. */
    const char *lacks; /* what had to be done without: "seeds score"; NULL or "": nothing */
    bool grammar; /* follows a grammar or a JSON schema */
};

struct spn_prompt_request {
    /* One of: messages (the engine's own template), raw text (special tokens parsed only when
     * `special`). */
    const struct spn_message *messages;
    size_t n_messages;
    const char *tools; /* functions that the model may call, a JSON array for the template; NULL:
                          none */
    int thinking;      /* 1 on, -1 off, 0: as the template has it */
    const char *text;
    bool special;
    /* Text that the answer starts with (after the template), not part of the result; NULL: none. */
    const char *prefill;
    /* What the answer follows, from its first byte on: GBNF, or a JSON schema; NULL: none. An
     * engine that cannot (caps) refuses. */
    const char *grammar, *json_schema;
    const char *const *stop;
    size_t n_stop;      /* strings that end the answer, cut from it */
    int64_t max_tokens; /* -1: until the context is full */
    struct spn_sampling sampling;
    uint64_t rng_key; /* of this call: spn_key_* of seed, tree, path, kind; never by order */
    bool logprobs;
    /* Streaming, whole characters; NULL: none. */
    void (*on_text)(void *ctx, const char *bytes, size_t n);
    void *on_text_ctx;
};

enum spn_finish { SPN_FINISH_STOP, SPN_FINISH_LENGTH, SPN_FINISH_CANCEL, SPN_FINISH_ERROR };
struct spn_answer { /* owned by the engine until the next spn_engine next() or cancel */
    int64_t ticket;
    const char *text;
    size_t length;
    enum spn_finish finish;
    int64_t tokens_in, tokens_cached, tokens_out;
    double seconds; /* from submit */
    const float *logprob;
    size_t n_logprob; /* of the drawn tokens, when asked for */
    spn_status status;
    const char *error; /* finish ERROR */
    const char *cure;  /* what to try; NULL: none */
    bool estimated;    /* the server told no counts of tokens: these are ours */
};

/* Counters of an engine; differences between two readings are what a run took. */
struct spn_engine_stats {
    int64_t prompt_tokens, cached_tokens, generated_tokens, steps;
    int64_t pages_used, pages_shared, pages_total; /* of keys and values, now; a page of a shared
                                                      prefix counts once in pages_used */
    double seconds_prefill, seconds_decode;
};

/* "engine/1": the table a host hands out. */
struct spn_engine_api {
    uint32_t size;
    /* SPEC: what -m or --engine named; NULL: the model order of the design. Engines are shared and
     * counted: close what you opened. */
    spn_status (*open)(struct spn_engine **out, const char *spec, struct spn_err *err);
    void (*close)(struct spn_engine *e);
    const struct spn_caps *(*caps)(struct spn_engine *e);
    /* Queue a request; *ticket > 0 names it. Text is copied. */
    spn_status (*submit)(struct spn_engine *e, const struct spn_prompt_request *r, int64_t *ticket,
                         struct spn_err *err);
    /* Work until any request is done and lend its answer; SPN_ENOTFOUND when none is queued;
     * SPN_ECANCEL when the user stopped. */
    spn_status (*next)(struct spn_engine *e, const struct spn_answer **out, struct spn_err *err);
    /* 0: all. next() still reports a cancelled request once, finish CANCEL, with the tokens it had
       drawn: they were paid for. on_text may call this. */
    void (*cancel)(struct spn_engine *e, int64_t ticket);
    /* log p of each token of CONTINUATION after PROMPT (raw text); *logprob is lent until the next
     * call on E. */
    spn_status (*score)(struct spn_engine *e, const char *prompt, const char *continuation,
                        const float **logprob, size_t *n, struct spn_err *err);
    /* Tokens of a text, without BOS; for budgets and figures. */
    int64_t (*count_tokens)(struct spn_engine *e, const char *text);
    void (*stats)(struct spn_engine *e,
                  struct spn_engine_stats *out); /* NULL: this engine keeps none */
    /* A vector for a text, of any length; the cosine of two says how alike their texts are. *VECTOR
     * is lent until the next call on E. The local engine's is the mean of the last hidden states.
     * NULL, or caps->embed false: this engine has none. */
    spn_status (*embed)(struct spn_engine *e, const char *text, const float **vector, size_t *n,
                        struct spn_err *err);
    /* An engine is shared, and asked by one thread at a time. Jobs of several screens wait for
     * their turn here; SPN_ECANCEL: CANCEL was set meanwhile. release() cancels what is still
     * queued. Commands, which run alone, need neither. */
    spn_status (*hold)(struct spn_engine *e, struct spn_cancel *cancel, struct spn_err *err);
    void (*release)(struct spn_engine *e);
    /* What the model gives each token of ANSWER after R's prompt, and what it would have given
     * others there. No request may be under way. NULL: this engine cannot tell. */
    spn_status (*probe)(struct spn_engine *e, const struct spn_prompt_request *r,
                        const char *answer, struct spn_probe **out, struct spn_err *err);
    void (*probe_free)(struct spn_probe *p); /* NULL is fine */
};

#ifdef __cplusplus
}
#endif
#endif
