/* sample.h - a tree that is one worked solution (CoT): one call, its answer read from the reply. */
#ifndef PLUGINS_COMMON_SAMPLE_H
#define PLUGINS_COMMON_SAMPLE_H
#include "tree.h"

struct reason_sample_options {
    bool correct; /* ask once more when there is no answer, the check refutes it or the score is low
                   */
    double threshold; /* of the score: mean token probability */
    bool logprobs;    /* the engine gives them */
};

struct reason_sample {
    struct reason_ground *g;
    const struct reason_sample_options *o;
    int index, attempt;
    char *input;
    char *text, *answer;  /* of the better attempt; NULL: none */
    int checked;          /* of the answer: 1, 0, -1 cannot tell */
    double score;         /* NaN: unknown */
    int64_t root, winner; /* nodes */
    bool done, stopped;
};

/* Ask for a solution of INPUT as tree INDEX. After an error, free it. */
spn_status reason_sample_start(struct reason_sample *s, struct reason_ground *g,
                               const struct reason_sample_options *o, int index, const char *input,
                               struct spn_err *err);
spn_status reason_sample_reply(struct reason_sample *s, const struct reason_reply *reply,
                               struct spn_err *err);
void reason_sample_stop(struct reason_sample *s, enum spn_node_state state, const char *why);
void reason_sample_free(struct reason_sample *s); /* a zeroed one is fine */

#endif
