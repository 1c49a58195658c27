/* frame.h - a file of tensors as its frame: all bytes but the numbers that a codec keeps.  Put
 * together again the file is what it was, with the numbers that the codec gives back in their
 * places: names, order, metadata, whatever else a pickle holds.
 *
 * STEP/frames/FILE holds the bytes, layout.json of the step where the holes are:
 *   {"bytes": of the file, "holes": [{"at", "dtype", "param", "part"}, ...] by place}
 */
#ifndef CKPT_FRAME_H
#define CKPT_FRAME_H
#include "store.h"

/* The holes of FILE (as the entries of S name it); *OUT NULL without an error: it has none, or its
   numbers do not stand in it one by one (views, another byte order, compressed entries). */
spn_status frame_plan(json_t **out, const struct step_view *s, const char *file,
                      struct spn_err *err);
/* DIR/frames/NAME from FILE of S, by its PLAN. */
spn_status frame_write(const json_t *plan, const struct step_view *s, const char *file,
                       const char *dir, const char *name, struct spn_err *err);
/* TO/NAME from FROM/frames/NAME and the numbers in S. SPN_EFORMAT: holes that are none. */
spn_status frame_restore(const json_t *plan, const struct scratch *s, const char *from,
                         const char *to, const char *name, struct spn_err *err);

#endif
