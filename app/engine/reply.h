/* reply.h - the text of an answer as it grows: cut at stop strings, handed on in whole characters.
 */
#ifndef APP_ENGINE_REPLY_H
#define APP_ENGINE_REPLY_H
#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "spinney/engine.h"

struct reply {
    char **stop;
    size_t n_stop, longest_stop;
    struct spn_buf text;
    size_t sent;          /* bytes given to on_text */
    struct spn_buf shown; /* what on_text had of an answer that was begun again */
    void (*on_text)(void *ctx, const char *bytes, size_t n);
    void *on_text_ctx;
};

/* Copies the stop strings of R; its on_text is lent. */
spn_status reply_init(struct reply *y, const struct spn_prompt_request *r, struct spn_err *err);
void reply_free(struct reply *y); /* twice is fine */
/* The text grew since it was BEFORE bytes long.  True: a stop string is there, the text is cut
 * before it.  Else what cannot be the beginning of one is handed on. */
bool reply_grown(struct reply *y, size_t before);
/* The answer begins again from nothing: as far as it says what was handed on before, that is not
 * handed on twice; where it differs, it is handed on whole after a line break. */
void reply_again(struct reply *y);
/* No more comes: what was held back is handed on. */
void reply_flush(struct reply *y);

#endif
