/* remote_body.h - a request in the words of the OpenAI-compatible API, and what a server does not
 * take of it. */
#ifndef APP_ENGINE_REMOTE_BODY_H
#define APP_ENGINE_REMOTE_BODY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "spinney/engine.h"

/* What is sent beyond the core of the API; a server that refuses one is asked without it. */
enum {
    REMOTE_EXTRA = 1 << 0,    /* top_k, min_p, repeat_penalty */
    REMOTE_SEED = 1 << 1,     /* seed */
    REMOTE_LOGPROBS = 1 << 2, /* logprobs */
    REMOTE_USAGE = 1 << 3,    /* stream_options */
    REMOTE_N = 1 << 4,        /* n */
    REMOTE_MAX_NEW = 1 << 5,  /* max_completion_tokens; off: max_tokens, the older name */
    REMOTE_STREAM = 1 << 6,
    REMOTE_ALL = (1 << 7) - 1
};

enum remote_prefill { REMOTE_ASK, REMOTE_APPEND, REMOTE_VLLM };

/* A request, owned. */
struct remote_ask {
    struct spn_message *messages; /* NULL: text */
    size_t n_messages;
    char *text, *prefill, *grammar, *json_schema;
    char **stop;
    size_t n_stop;
    int64_t max_tokens;
    struct spn_sampling sampling;
    uint64_t rng_key;
    bool logprobs;
};
spn_status remote_ask_copy(struct remote_ask *a, const struct spn_prompt_request *r,
                           struct spn_err *err);
void remote_ask_free(struct remote_ask *a); /* twice is fine */
/* Do both ask the same but for the random stream? */
bool remote_ask_same(const struct remote_ask *a, const struct remote_ask *b);
/* Bytes of the prompt, for estimates. */
size_t remote_ask_bytes(const struct remote_ask *a);

struct remote_style {
    const char *model; /* NULL: not named */
    bool chat;         /* messages go to chat/completions, else as one text to completions */
    enum remote_prefill prefill;
    unsigned features; /* REMOTE_… */
    int64_t context;   /* of the server, 0: not known */
};
/* Is the prefill part of what is asked for, so that the reply repeats it? */
bool remote_repeats_prefill(const struct remote_ask *a, const struct remote_style *s);
/* The body of A asking for N answers; *CHAT: it goes to chat/completions. */
spn_status remote_body(struct spn_buf *b, const struct remote_ask *a, const struct remote_style *s,
                       int n, bool *chat, struct spn_err *err);
/* Which of the features that were SENT the server's words ERROR refuse; 0: none of them. */
unsigned remote_refused(const char *error, unsigned sent);
/* Words for a person; FEATURE is one bit. */
const char *remote_feature_name(unsigned feature);

#endif
