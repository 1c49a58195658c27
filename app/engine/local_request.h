/* local_request.h - one request of the local engine: its tokens, its text as it grows, where it
 * stops. */
#ifndef APP_ENGINE_LOCAL_REQUEST_H
#define APP_ENGINE_LOCAL_REQUEST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/reply.h"
#include "engine/constraint.h"
#include "lm/generate.h"
#include "spinney/engine.h"
#include "text/chat.h"

struct request {
    struct request *next; /* in the list of open or of done requests */
    int64_t ticket, gen_id;
    double start; /* seconds, monotonic */
    struct spn_ids prompt;
    struct constraint *hold; /* what its answer follows; NULL: nothing */
    struct spn_detok detok;
    struct reply reply; /* all text so far, whole characters */
    float *logprob; /* NULL: not wanted */
    size_t n_logprob, room_logprob;
    int64_t tokens_out, tokens_cached;
    double seconds;
    enum spn_finish finish;
    spn_status status;
    struct spn_err err;
    bool scoring; /* of score(): its figures are copied into LOGPROB */
    bool over;    /* no longer open: on_text may have cancelled it */
};

/* Tokens of R's prompt: messages through CHAT, or text; then the prefill. */
spn_status request_new(struct request **out, const struct spn_lm *m,
                       const struct spn_chat *chat, const struct spn_prompt_request *r,
                       struct spn_err *err);
void request_free(struct request *q); /* NULL is fine */
/* One drawn token. *STOPPED: a stop string is there; the text is cut before it. ENDS: the token
 * ends the answer and prints nothing. */
spn_status request_token(struct request *q, int32_t token, float logprob, bool ends, bool *stopped);
/* No token comes any more: what was held back for a stop string goes out. */
void request_end(struct request *q, enum spn_finish finish);
bool request_keep_logprob(struct request *q, float logprob);
double request_clock(void);

#endif
