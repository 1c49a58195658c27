/* picture_worker.h - the thread that encodes: one task under way, one waiting at most. */
#ifndef APP_SCREEN_PICTURE_WORKER_H
#define APP_SCREEN_PICTURE_WORKER_H
#include "screen/cells.h"
#include "screen/picture_encode.h"

/* What was asked and what came of it. */
struct picture_work {
    struct picture_source *source; /* held */
    struct picture_task task;
    int slot, level;
    unsigned generation;           /* of the slot's place */
    struct picture_stream *stream; /* KITTY, ITERM, SIXEL; NULL: it failed */
    struct cells art;              /* BLOCKS */
    struct spn_err why;
};
void picture_work_end(struct picture_work *w); /* frees what it holds */

struct picture_worker;
spn_status picture_worker_start(struct picture_worker **out, int wake, struct spn_err *err);
void picture_worker_stop(struct picture_worker *w); /* NULL is fine */
/* Takes W's source over; one that waits is replaced. */
void picture_worker_give(struct picture_worker *w, struct picture_work *work);
bool picture_worker_busy(struct picture_worker *w);
/* What is done; false: nothing. */
bool picture_worker_take(struct picture_worker *w, struct picture_work *out);

#endif
