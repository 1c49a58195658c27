/* sample.h - a tree that is one worked answer (CoT). */
#ifndef PLUGINS_COMMON_SAMPLE_H
#define PLUGINS_COMMON_SAMPLE_H
#include "work.h"

struct reason_sample {
    struct reason_work work;
    int index;
    int64_t root, winner; /* nodes */
    bool done, stopped;
};

/* Ask for an answer to INPUT as tree INDEX; EXAMPLE NULL: none. After an error, free it. */
spn_status reason_sample_start(struct reason_sample *s, struct reason_ground *g,
                               const struct reason_work_options *o, int index, const char *input,
                               const struct reason_example *example, struct spn_err *err);
/* A reply of kind REASON_SOLVE belongs to the sample that it names: this one. */
struct reason_sample *reason_sample_of(const struct reason_reply *reply);
spn_status reason_sample_reply(struct reason_sample *s, const struct reason_reply *reply,
                               struct spn_err *err);
void reason_sample_stop(struct reason_sample *s, enum spn_node_state state, const char *why);
void reason_sample_free(struct reason_sample *s); /* a zeroed one is fine */

#endif
