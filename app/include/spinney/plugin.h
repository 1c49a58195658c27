/* plugin.h - all that a plugin sees of the host.  C11 and C++.  See spinney-plugin(7). */
#ifndef SPINNEY_PLUGIN_H
#define SPINNEY_PLUGIN_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/buf.h"
#include "base/cancel.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rng.h"
#include "spinney/codec.h"
#include "spinney/engine.h"
#include "spinney/engine_kind.h"
#include "spinney/option.h"
#include "spinney/picture.h"
#include "spinney/prompts.h"
#include "spinney/steer.h"
#include "spinney/store.h"
#include "spinney/thoughts.h"
#include "spinney/view.h"
#include "tensor/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the descriptor ---- */
#define SPN_PLUGIN_MAGIC 0x53504e50u /* "SPNP" */
#define SPN_ABI_MAJOR    1
#define SPN_ABI_MINOR    0
/* Changes when a struct shared with the core changes its size. */
#define SPN_ABI_FINGERPRINT                                                                \
    ((uint64_t)sizeof(struct spn_tensor) << 48 ^ (uint64_t)sizeof(struct spn_op) << 36 ^   \
     (uint64_t)sizeof(struct spn_op_call) << 24 ^ (uint64_t)sizeof(struct spn_run) << 16 ^ \
     (uint64_t)sizeof(struct spn_err) << 8 ^ (uint64_t)sizeof(struct spn_option))

/* Extension points; their names are in the design. */
enum spn_point {
    SPN_POINT_VIEW,
    SPN_POINT_COMMAND,
    SPN_POINT_REASONER,
    SPN_POINT_TASK,
    SPN_POINT_ENGINE,
    SPN_POINT_TOOL,
    SPN_POINT_DECODER,
    SPN_POINT_KV_POLICY,
    SPN_POINT_ARCHITECTURE,
    SPN_POINT_LAYER,
    SPN_POINT_OP,
    SPN_POINT_TOKEN_REDUCER,
    SPN_POINT_CLASSIFIER,
    SPN_POINT_SEGMENTER,
    SPN_POINT_EMBEDDER,
    SPN_POINT_CODEC,
    SPN_POINT_TRAINER,
    SPN_POINT_DATA,
    SPN_POINT_PLANNER,
    SPN_POINT_BENCH,
    SPN_POINT_COUNT
};
#define SPN_HAS(point) (1u << (point))

struct spn_host;
struct spn_plugin {
    uint32_t magic, size; /* first, so that any host can read them whatever follows */
    uint16_t abi_major, abi_minor;
    uint32_t reserved;
    uint64_t fingerprint;
    const char *name, *summary, *version, *licence;
    const char *papers; /* keys of share/papers it implements, blank between; "" none */
    const char *needs;  /* "", or words for a person: "a CUDA device" */
    uint32_t points;    /* SPN_HAS(…) of what it registers */
    const struct spn_option *options; /* ends with { 0 }; NULL: none */
    /* Registers; allocates nothing heavy. */
    spn_status (*declare)(const struct spn_host *host, struct spn_err *err);
    /* Small, seconds; NULL: none. */
    spn_status (*selftest)(const struct spn_host *host, struct spn_err *err);
};
#define SPN_PLUGIN_HEAD                                                                       \
    .magic = SPN_PLUGIN_MAGIC, .size = sizeof(struct spn_plugin), .abi_major = SPN_ABI_MAJOR, \
    .abi_minor = SPN_ABI_MINOR, .fingerprint = SPN_ABI_FINGERPRINT, .version = "1",           \
    .licence = "GPL-3.0-or-later"
#define SPN_PLUGIN(id)                                  \
    extern const struct spn_plugin id##_LTX_spn_plugin; \
    __attribute__((visibility("default"))) const struct spn_plugin id##_LTX_spn_plugin

/* ---- the host, small and frozen; tables by name only grow ---- */
struct spn_host {
    uint32_t size;
    void *owner; /* who registers: private */
    void (*log)(const struct spn_host *h, enum spn_log_level level, const char *text);
    const void *(*query)(const char *name, int version); /* NULL: this host has no such table */
};
/* Tables: "registry" 1, "engine" 1, "thoughts" 1, "task" 1 … each a struct below or in its own
 * header. */

/* "registry/1". IMPL is the point's own struct, static in the plugin. A name is [a-z][a-z0-9_]*. */
struct spn_registry_api {
    uint32_t size;
    spn_status (*add)(const struct spn_host *h, enum spn_point point, const char *name,
                      const void *impl, struct spn_err *err);
    const void *(*find)(enum spn_point point, const char *name); /* NULL: none */
    /* The Ith by name; NULL past the end. */
    const void *(*at)(enum spn_point point, size_t i, const char **name, const char **plugin);
};

/* ---- records in, results out: one object a result ("record/1") ---- */
struct spn_record {
    int64_t index;
    const char *id; /* id NULL: none given */
    json_t *object; /* the input object, lent; a plain prompt is {"prompt": TEXT} */
};
struct spn_job;      /* a command under way: cancel, progress, output */
struct spn_job_api { /* "job/1" */
    uint32_t size;
    struct spn_cancel *(*cancel)(struct spn_job *j);
    /* stderr: live on a terminal, else a line in 30 s. */
    void (*progress)(struct spn_job *j, double done, double total, const char *what);
    bool (*json)(struct spn_job *j); /* --json was given, or results go to the file of -o */
    /* One result: OBJECT (reference taken over) is a line with --json, else TEXT (may be NULL:
     * nothing) is written as it is. */
    spn_status (*emit)(struct spn_job *j, json_t *object_take, const char *text,
                       struct spn_err *err);
    /* Text to stdout now (streaming); nothing with --json. */
    void (*write)(struct spn_job *j, const char *bytes, size_t n);
    void (*say)(struct spn_job *j, const char *text); /* a line on stderr unless --quiet */
    /* Input records of this command: JSON Lines or one prompt, from files or stdin, with --shard
       and --resume already applied. NULL at the end. The record is lent until the next call.
       A malformed line: SPN_EFORMAT, naming the line, with a record that has its index; hand that
       to record_failed and call again to go on. */
    spn_status (*next_record)(struct spn_job *j, struct spn_record **out, struct spn_err *err);
    /* A record that failed: {"id","error","code"}; the command goes on and ends with 1. */
    void (*record_failed)(struct spn_job *j, const struct spn_record *r, const struct spn_err *why);
    bool (*terminal)(struct spn_job *j); /* is stdout a terminal? */
};

/* ---- command: what `spinney NAME …` does; a screen's keys call the same functions ---- */
struct spn_command {
    const char *summary;  /* one line */
    const char *usage;    /* "chat [-m MODEL] [-p TEXT]" */
    const char *details;  /* paragraphs for help and manual */
    const char *examples; /* lines; each is run by the tests */
    const struct spn_option *options;
    bool records; /* reads input records: adds -o --resume --shard --files-from */
    bool model;   /* takes a model: adds -m --ctx --seed … */
    int arguments_min, arguments_max; /* positional; -1: any number */
    spn_status (*run)(const struct spn_host *h, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err);
};

/* ---- task: how an answer of one kind is proposed, checked, repaired and scored. The truth never
 * passes here. ---- */
struct spn_step {        /* one proposed line after the rules */
    char *text;          /* as kept (repaired); free with spn_free */
    char *state;         /* what is left: the next prompt's state */
    char *repaired_from; /* NULL: was right as written */
};
struct spn_worked {    /* what a look at a worked solution finds */
    char *mended;      /* the reply up to its first false result, with the true one in its place: a
                          reply can go on from there; NULL: none is false. Free with spn_free */
    const char *why;   /* what is wrong with it first, static; NULL: nothing */
};
struct spn_task {
    const char *summary;
    bool (*accepts)(const char *question); /* for `task auto` */
    int levels;                            /* model levels of a tree (game24: 2); 0: not stepwise */
    /* Canonical start state of a question; SPN_EFORMAT when it is not one of this task's. Free with
     * spn_free. */
    spn_status (*start)(const char *question, char **state, struct spn_err *err);
    char *(*augment)(const char *state, struct spn_rng *rng); /* input of trees 2..n */
    /* Prompts (user message text). Free with spn_free. */
    char *(*propose_prompt)(const char *state, int level);
    char *(*value_prompt)(const char *state);
    char *(*solve_prompt)(const char *question); /* CoT */
    /* One reply line at LEVEL (from 1) on STATE through the rules. correct: repair; else keep or
       drop as written. false: dropped, WHY filled. LEVEL levels + 1 is the closing line as a value
       reply writes it ("4 * 6 = 24"): its state is what then is left ("24"). */
    bool (*rule)(const char *state, const char *line, int level, bool correct, struct spn_step *out,
                 const char **why);
    /* Verdict to number: sure 20, likely 1, impossible 0.001, else 0. */
    double (*value)(const char *reply);
    /* Cache key: order does not matter. It is a state itself (the sorted one): reasoners ask
       value_prompt(value_key(state)), so a verdict depends on the key alone and a cached one equals
       one computed again. */
    char *(*value_key)(const char *state);
    /* Last level by rule alone: does STATE solve? Fill the last step's text. */
    bool (*finish)(const char *state, char **last);
    /* Whole answer from the steps of a path (question's start, texts in order); NULL: none. */
    char *(*compose)(const char *start, const char *const *steps, size_t n);
    char *(*extract)(const char *reply); /* the answer in a CoT reply; NULL: none */
    /* Independent exact check of an answer against the question: 1 right, 0 wrong, -1 cannot tell.
     */
    int (*check)(const char *question, const char *answer);
    /* For ablations: a reply of uniformly random legal lines on STATE, as many as the prompt's
     * example has; NULL member: none. */
    char *(*random_reply)(const char *state, int level, struct spn_rng *rng);

    /* ---- tasks without steps; every member may be NULL ---- */
    const char *prompts; /* the file of a set of prompts that words the calls: "math" */
    /* What equal answers have in common, for votes; NULL: the answer itself. Free with spn_free. */
    char *(*canonical)(const char *answer);
    double alike; /* > 0: answers are prose, the same when so similar (0..1) */
    /* Looks through a worked reply. */
    spn_status (*worked)(const char *question, const char *reply, struct spn_worked *out,
                         struct spn_err *err);
    /* Is ANSWER that of the reference GOLD (an answer, or a solution that states it)? 1, 0, -1
       cannot tell. For whoever measures; no reasoner calls it. */
    int (*grade)(const char *answer, const char *gold);
};

/* ---- reasoner: how a question becomes model calls and an answer ---- */
struct spn_budget { /* 0: no limit */
    double seconds;
    int64_t tokens, calls;
};
struct spn_reason_request {
    const char *question;
    const struct spn_task *task;
    const char *task_name;
    struct spn_engine *engine;
    const struct spn_values *options; /* of this reasoner's table */
    uint64_t seed;
    struct spn_budget budget;
    struct spn_sampling sampling;
    struct spn_cancel *cancel;
    struct spn_thoughts *thoughts; /* appended to; lent */
    void (*on_change)(void *ctx);
    void *on_change_ctx; /* a node was added or changed; NULL: none */
    /* What is said to the model; NULL: the task's own words. Lent. */
    const struct spn_prompts *prompts;
    const char *examples; /* path of worked examples that may go before the question; NULL: none */
    const struct spn_steer *steer; /* wishes of a person who watches; NULL: nobody does */
};
struct spn_reason_result {
    char *answer, *text; /* free with spn_free; answer NULL: none */
    int checked;         /* 1, 0, -1 = null */
    int64_t calls, tokens_in, tokens_cached, tokens_out;
    double seconds;
    const char *ended; /* "answer", "budget", "user", "exhausted" */
    int64_t winner;    /* node, -1: none */
    int winner_tree, trees_run;
};
struct spn_reasoner {
    const char *summary;
    const struct spn_option *options;
    spn_status (*run)(const struct spn_reason_request *r, struct spn_reason_result *out,
                      struct spn_err *err);
    /* Before a run: about how many calls and tokens. */
    void (*estimate)(const struct spn_reason_request *r, int64_t *calls, int64_t *tokens);
};

/* ---- data: examples a recipe trains on ---- */
struct spn_example_part {
    const char *text;
    size_t length;
    float weight; /* of its tokens in the loss */
    bool special;
};
struct spn_data_source;
struct spn_data {
    const char *summary;
    const struct spn_option *options; /* keys of the recipe's [data.NAME] section */
    spn_status (*open)(struct spn_data_source **out, const struct spn_values *options,
                       uint64_t seed, struct spn_err *err);
    void (*close)(struct spn_data_source *s);
    /* Example INDEX (any number; the same index gives the same example). Parts are lent until the
     * next call. Thread: one source, one thread. */
    spn_status (*example)(struct spn_data_source *s, uint64_t index,
                          const struct spn_example_part **parts, size_t *n, struct spn_err *err);
};

/* The parts of one question and its answer as a chatml conversation, which the trained model's
 * template renders the same way. */
#define SPN_CHAT_PARTS 5
static inline size_t spn_chat_parts(struct spn_example_part parts[SPN_CHAT_PARTS],
                                    const struct spn_buf *question, float question_weight,
                                    const struct spn_buf *answer)
{
    static const char user[] = "<|im_start|>user\n",
                      assistant[] = "<|im_end|>\n<|im_start|>assistant\n", end[] = "<|im_end|>";
    const struct spn_example_part all[SPN_CHAT_PARTS] = {
        { user, sizeof user - 1, 0, true },
        { question->data, question->length, question_weight, false },
        { assistant, sizeof assistant - 1, 0, true },
        { answer->data, answer->length, 1, false },
        { end, sizeof end - 1, 1, true },
    };

    for (size_t i = 0; i < SPN_CHAT_PARTS; i++)
        parts[i] = all[i];
    return SPN_CHAT_PARTS;
}

/* ---- bench: a paper's claim as one command: `spinney bench NAME` ---- */
struct spn_bench {
    const char *summary, *usage;
    const struct spn_option *options;
    spn_status (*run)(const struct spn_host *h, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err);
};

/* "values/1": parse `key=value` lists of a choice (--reason fot:trees=8) or a recipe section
 * against a table. */
struct spn_values_api {
    uint32_t size;
    spn_status (*parse)(struct spn_values **out, const struct spn_option *table,
                        const char *key_values, const char *config_prefix, struct spn_err *err);
    spn_status (*set)(struct spn_values *v, const char *name, const char *value,
                      struct spn_err *err);
    void (*free_)(struct spn_values *v);
};

#ifdef __cplusplus
}
#endif
#endif
