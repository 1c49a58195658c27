/* store_open.h - a store as the verbs work on it: its codec, its description, its chain of steps.
 */
#ifndef CKPT_STORE_OPEN_H
#define CKPT_STORE_OPEN_H
#include "base/file.h"
#include "store.h"
#include "verbs.h"

/* A store as a command works on it. */
struct store {
    struct run *run;
    const char *path;
    char *codec_name, *options_text;
    const struct spn_codec *codec;
    const struct spn_values_api *values;
    struct spn_values *options;
    int64_t key_every;
    int lock; /* -1: not held */
    struct spn_codec_job job;
    struct scratch scratch; /* what the step SCRATCH_STEP unpacks to; -1: nothing yet */
    int64_t scratch_step;
};

void store_begin(struct store *s, struct run *r, const char *path);
void store_close(struct store *s);
/* Has folder PATH a store.json? */
bool store_is(const char *path);
/* "excp:alpha=auto" into codec_name and options_text. */
spn_status store_split(struct store *s, const char *text, struct spn_err *err);
/* store.json into S, and S into it. */
spn_status store_read(struct store *s, struct spn_err *err);
spn_status store_write(const struct store *s, struct spn_err *err);
/* SPN_EIO: another process fills it.  Held until store_close. */
spn_status store_lock(struct store *s, struct spn_err *err);
/* Find codec NAME and parse its OPTIONS.  SPN_ENOTFOUND: no plugin has it. */
spn_status store_codec(struct store *s, const char *name, const char *options, struct spn_err *err);
/* The packed file of the step in folder DIR. */
spn_status store_map(struct spn_map *m, const struct store *s, const char *dir,
                     struct spn_err *err);
/* Fill the scratch with what step I of STEP unpacks to, from its key frame on. */
spn_status store_unpack(struct store *s, const struct ckpt_step *step, size_t i,
                        struct spn_err *err);
/* *I: the step of STEP [N] that --step names, else the newest. SPN_ENOTFOUND: none. */
spn_status store_step(size_t *i, const struct store *s, const struct ckpt_step *step, size_t n,
                      struct spn_err *err);
double store_now_s(void);

#endif
