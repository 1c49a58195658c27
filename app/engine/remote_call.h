/* remote_call.h - inside the remote engine: requests under way, tried again, given up. */
#ifndef APP_ENGINE_REMOTE_CALL_H
#define APP_ENGINE_REMOTE_CALL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/cancel.h"
#include "base/rng.h"
#include "engine/net.h"
#include "engine/remote_body.h"
#include "engine/remote_reader.h"
#include "engine/reply.h"
#include "spinney/engine.h"

/* One answer that is wanted. */
struct member {
    struct member *next; /* in the list of done ones */
    struct spn_engine *engine;
    int64_t ticket;
    struct reply reply;
    struct spn_buf lead; /* the beginning, while it may repeat the prefill */
    bool led;            /* that is over */
    float *logprob;
    size_t n_logprob, room_logprob;
    int64_t pieces, tokens_in, tokens_cached, tokens_out;
    bool estimated; /* -1 until they are told */
    double start, seconds;
    bool ended; /* the server said how */
    enum spn_finish finish;
    spn_status status;
    struct spn_err err;
};

enum { MEMBERS_MAX = 64 };
/* One HTTP request: answers to the same prompt. */
struct call {
    struct call *next;
    struct spn_engine *engine;
    struct remote_ask ask;
    char *body;                         /* WHOLE: as it is, NULL a GET */
    const char *path;                   /* WHOLE: "completions" */
    struct member *member[MEMBERS_MAX]; /* NULL: over */
    int n;                              /* asked for */
    struct spn_net_transfer *transfer;  /* NULL: waits */
    struct remote_reader reader;
    struct spn_buf pending;       /* bytes that came, not yet read */
    double ready;                 /* not before this time */
    int tries;                    /* that failed */
    double first_try, busy_since; /* 0: not yet */
    unsigned sent;                /* features of the try under way */
    int redirects;
    char *url;         /* where a redirect sent; NULL: the engine's */
    bool over, failed; /* FAILED: ANSWER says why */
    bool whole;        /* of a request without members: ANSWER is kept for who waits for it */
    struct spn_buf answer;
};

struct spn_engine {
    struct spn_engine *next;
    int count;
    char *base, *key, *model, *spec;
    const struct spn_values *values;
    struct spn_cancel *cancel;
    const struct spn_net_module *net;
    struct spn_net *transfers;
    struct remote_style style;
    struct spn_caps caps;
    char device[128], lacks[256];
    int parallel, window, flying; /* most at once, as the server lets us; under way now */
    int group;                    /* prompts that are the same in one request */
    struct call *calls, **calls_end;
    struct member *done, **done_end;
    struct member *lent;
    struct spn_answer answer;
    struct spn_engine_stats stats;
    int64_t next_ticket;
    double bytes_seen, tokens_seen; /* of prompts with usage: for estimates */
    double narrowed;                /* when the window was made smaller */
    bool troubled;                  /* a failure was said, and nothing came since */
    struct spn_rng jitter;
    bool working;  /* inside calls_work: nothing is freed under it */
    float *scores; /* lent by score() */
};

enum { REMOTE_POLL_MS = 100 }; /* how long a wish to stop waits at most */
double remote_now(void);       /* monotonic seconds */
/* Start what may start, move bytes, take what ended; waits WAIT_MS at most. */
void calls_work(struct spn_engine *e, int wait_ms);
/* A piece of the answer to the call CTX: of remote_reader. */
void member_piece(void *ctx, const struct remote_piece *p);
/* Member I of C is over: next() will give it. */
void member_done(struct call *c, int i, enum spn_finish how);
/* Free calls that nobody waits for. */
void calls_sweep(struct spn_engine *e);
/* A call at the end of the queue, without members.  R NULL: its body is given. */
struct call *call_new(struct spn_engine *e, const struct spn_prompt_request *r,
                      struct spn_err *err);
void call_free(struct call *c);
void member_free(struct member *m);
/* Tokens of BYTES bytes, by what this server counted so far; about four bytes each before. */
int64_t remote_estimate(const struct spn_engine *e, size_t bytes);
/* Make every open call end with this sentence: nothing is answered any more. */
void calls_lost(struct spn_engine *e, const char *why, const char *cure);
/* A request's headers: type and key. */
size_t remote_headers(const struct spn_engine *e, const char *headers[2], struct spn_buf *key);
/* Ask BASE/PATH for a whole answer, with BODY (NULL: a GET; taken over): (*OUT)->answer. Free *OUT
 * with call_free. */
spn_status remote_whole(struct spn_engine *e, const char *path, json_t *body_take,
                        struct call **out, struct spn_err *err);
spn_status remote_score(struct spn_engine *e, const char *prompt, const char *continuation,
                        const float **logprob, size_t *n, struct spn_err *err);
spn_status remote_embed(struct spn_engine *e, const char *text, const float **vector, size_t *n,
                        struct spn_err *err);
void remote_limits(const struct spn_engine *e, struct spn_net_request *q);

#endif
