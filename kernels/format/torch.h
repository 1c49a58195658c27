/* torch.h - private: what the objects of a PyTorch or NumPy pickle mean, and their tensors. */
#ifndef SPN_TORCH_H
#define SPN_TORCH_H
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "format/layout.h"
#include "format/pickle.h"

struct k_torch;

/* What a persistent id says: ('storage', type, key, location, numel[, view]). */
struct k_storage_id {
    int dtype;                         /* of its elements; -1: a type that is not known */
    const unsigned char *key;
    uint64_t key_bytes;
    uint64_t bytes;
    const struct k_value *view;        /* a tuple (key, offset, numel), or NULL */
};

/* Where the storage is; SPN_EFORMAT when it is not there or has fewer bytes. */
typedef spn_status (*k_storage_find)(struct k_torch *t, const struct k_storage_id *id,
                                     struct k_storage *out, struct spn_err *err);

struct k_torch {
    struct spn_reader *r;
    const struct k_file *f;            /* where the pickle is */
    k_storage_find find;               /* NULL: a pickle alone */
    void *ctx;
};

struct k_torch_tensor {
    int dtype, ndim;
    int64_t dim[SPN_DIMS_MAX], stride[SPN_DIMS_MAX], first;
    struct k_storage s;
};

/* -1: no such type. NAME: "torch.float32"; "torch.FloatStorage". */
int k_torch_dtype(const char *name);
int k_torch_storage_dtype(const char *name);
/* False: V is no persistent id of a storage. */
bool k_torch_storage_id(const struct k_value *v, struct k_storage_id *out);
/* A tuple of at most SPN_DIMS_MAX whole numbers; torch.Size is one. */
bool k_torch_sizes(const struct k_value *v, int64_t *out, int *n);
/* *IS: V is a tensor or an array, *OUT tells of it. */
spn_status k_torch_tensor(struct k_torch *t, const struct k_value *v, struct k_torch_tensor *out,
                          bool *is, struct spn_err *err);
/* A class or function that belongs in a checkpoint. */
bool k_torch_known(const char *global);

/* NumPy's half (numpy_value.c). */
spn_status k_numpy_array(struct k_torch *t, const struct k_value *v, struct k_torch_tensor *out,
                         bool *is, struct spn_err *err);
/* A numpy scalar as an integer, a float or a boolean. */
bool k_numpy_scalar(struct k_torch *t, const struct k_value *v, struct spn_meta *out);
/* "<f4", "|u1", "b1": element type and whether the highest byte comes first; false: not read. */
bool k_numpy_dtype(const char *s, size_t n, int *dtype, bool *big);

/* Add every tensor under V to R, named by the keys that lead to it, joined with dots, after PREFIX;
 * numbers and texts become metadata. A state dict inside "state_dict", "model_state_dict", "model"
 * or "module" goes without that word, an optimizer's goes under "optimizer". PICKLE_BYTES bound how
 * often shared values are walked. */
spn_status k_torch_flatten(struct k_torch *t, const struct k_value *v, const char *prefix,
                           uint64_t pickle_bytes, struct spn_err *err);
/* F, a legacy stream of torch.save or a pickle alone (torch_legacy.c). */
spn_status k_torch_stream(struct spn_reader *r, const struct k_file *f, const char *prefix,
                          struct spn_err *err);
/* Optimizer state by number, optimizer.state.ID.WHAT, becomes optimizer.state.NAME.WHAT where the
 * parameter's name is certain: the weights' order, or that with those first that decay, fits every
 * shape. Else the numbers stay (optimizer_names.c). */
spn_status k_optimizer_names(struct spn_reader *r, struct spn_err *err);
/* The globals that R's pickles named, as metadata pickle.globals and pickle.unknown. */
spn_status k_torch_globals(struct spn_reader *r, struct spn_err *err);

#endif
