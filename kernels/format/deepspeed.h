/* deepspeed.h - private: what the two halves of the reader of DeepSpeed share. */
#ifndef SPN_DEEPSPEED_H
#define SPN_DEEPSPEED_H
#include <stdbool.h>
#include <stdint.h>

#include "format/torch.h"

enum { K_ZERO_KINDS = 8 };

struct k_zero_flat { /* a run of numbers of one rank */
    struct k_torch_tensor x;
    int64_t n;
};

struct k_zero_rank {
    struct k_zero_flat *flat; /* [K_ZERO_KINDS][n_groups] */
    size_t n_groups;
};

struct k_zero_shape { /* of a parameter */
    const char *name; /* first: sorted through it */
    int64_t dim[SPN_DIMS_MAX], n;
    int ndim;
    size_t group;
};

struct k_zero {
    struct spn_reader *r;
    const char *dir, *prefix;
    int64_t stage, ranks_said;
    struct k_zero_shape *shapes; /* in the order of the flat runs */
    const struct k_zero_shape **by_name;
    size_t n_shapes, n_groups;
    struct k_zero_rank *ranks;
    size_t n_ranks;
    const char *kinds[K_ZERO_KINDS]; /* "fp32", "exp_avg", … */
    size_t n_kinds;
    const struct k_value *shared; /* names of one tensor, by pairs */
    /* Of stage 3: frozen parameters, a fragment a rank. */
    struct k_zero_shape *frozen;
    size_t n_frozen;
    struct k_zero_flat *fragment; /* [n_frozen][n_ranks] */
    size_t at_rank;               /* of the model file that is read */
};

/* A B C D behind the prefix, kept by the reader. */
spn_status k_zero_name(struct k_zero *z, const char *a, const char *b, const char *c, const char *d,
                       const char **out, struct spn_err *err);
/* A text that can be a name. */
bool k_zero_key(const struct k_value *v);
/* NULL: no parameter of this name. */
const struct k_zero_shape *k_zero_shape_of(const struct k_zero *z, const char *name);

/* Add KIND of every parameter of GROUP, of stages 1 and 2. */
spn_status k_zero_cut_group(struct k_zero *z, size_t kind, size_t group, struct spn_err *err);
/* Add all of stage 3. */
spn_status k_zero_cut_stage3(struct k_zero *z, struct spn_err *err);
/* A tensor under two names is kept under one of them: the other is a copy of its entry. */
spn_status k_zero_add_shared(struct k_zero *z, struct spn_err *err);

#endif
