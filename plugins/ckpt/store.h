/* store.h - a folder that keeps the steps of a run packed by a codec.
 *
 * STORE/store.json       codec, its options, how often a key frame comes
 * STORE/step-N/          one step, renamed into place when it is whole:
 *   packed.SUFFIX        what the codec made of the parameters
 *   layout.json          which file each tensor stood in, its type, its parameter
 *   frames/              files of tensors without the numbers that are packed (frame.h)
 *   rest.safetensors     of files that have no frame: tensors that are no parameters
 *   files/               configuration, states of schedule and random numbers, as they were
 *
 * A step is packed against what the step before unpacks to.  Whatever kills the process, the steps
 * that are there are whole, and the next run goes on after the last of them.
 */
#ifndef CKPT_STORE_H
#define CKPT_STORE_H
#include <jansson.h>

#include "checkpoint.h"
#include "spinney/codec.h"

/* The tensors of a step by parameter. */
enum { PART_WEIGHT, PART_EXP_AVG, PART_EXP_AVG_SQ, PARTS };
struct step_param {
    char *name;
    const struct spn_entry *part[PARTS]; /* NULL: it has none */
    struct spn_reader *reader[PARTS];
    void *copy[PARTS]; /* while a codec looks at it */
};
struct step_view {
    struct ckpt c;
    struct spn_reader *moments; /* optimizer.safetensors beside the model; NULL: none, or in c */
    struct step_param *param;   /* by name */
    size_t n;
    uint64_t bytes; /* of all its tensors */
};
spn_status step_open(struct step_view *s, const char *path, struct spn_err *err);
void step_close(struct step_view *s);
/* Entry I of both readers together; NULL past the end. */
const struct spn_entry *step_entry(const struct step_view *s, size_t i, struct spn_reader **reader);
/* Its parameter and part; false: it is the rest. */
bool step_find(const struct step_view *s, const struct spn_entry *e, size_t *param, int *part);
struct spn_codec_source step_source(struct step_view *s);

/* What a step unpacks to: f32, in a file without a name inside the store. */
struct scratch {
    char *base;
    uint64_t bytes;
    struct spn_codec_param *param; /* [n], names of their own */
    size_t n;
};
/* Room for the parameters of LAYOUT (layout.json's "params"); SPN_EIO: the disk is full. */
spn_status scratch_open(struct scratch *s, const char *store, const json_t *params,
                        struct spn_err *err);
void scratch_close(struct scratch *s);
struct spn_codec_source scratch_source(struct scratch *s);
struct spn_codec_taker scratch_taker(struct scratch *s);

/* Write the step's layout, rest and other files into folder DIR. */
spn_status layout_write(const struct step_view *s, const char *dir, int64_t step, int64_t before,
                        struct spn_err *err);
/* layout.json of folder DIR, checked; json_decref it. */
spn_status layout_read(json_t **out, const char *dir, struct spn_err *err);
/* "params" of a step, as in its layout; NULL: no memory, or a name that is not UTF-8. */
json_t *layout_params(const struct step_view *s);
/* Write the files of the step in folder FROM, whose parameters are in S, into folder TO. */
spn_status layout_restore(const json_t *layout, const struct scratch *s, const char *from,
                          const char *to, struct spn_err *err);
/* Remove folder DIR and what is in it; one that is not there is fine. */
spn_status folder_remove(const char *dir, struct spn_err *err);

#endif
