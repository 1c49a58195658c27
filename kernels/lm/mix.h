/* mix.h - which tensors of a GGUF model get how many bits.
 *
 * The mixtures and their names are those that llama.cpp's files made common: most matrices have the
 * type of the name, the few that hurt most (output, values, the way down) have more. */
#ifndef SPN_LM_MIX_H
#define SPN_LM_MIX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_mix {
    const char *name; /* "q4_k_m" */
    int dtype;        /* of most matrices */
    int file_type;    /* GGUF's general.file_type */
};
/* By name in any case; "q4_k" is q4_k_m, likewise q3_k and q5_k. NULL: none of this name. */
const struct spn_mix *spn_mix_find(const char *name);
const struct spn_mix *spn_mix_at(size_t i); /* for lists; NULL: out of range */

struct spn_mix_model {
    int64_t n_layer;
    int64_t queries_a_head; /* query heads that share a key and value head */
    bool tied;              /* token_embd is the output, too */
};
/* The type of the tensor NAME (as in a GGUF) of shape T, whose type now is T's: vectors, norms,
   gates of experts, positions and convolutions keep theirs; rows that are no whole number of blocks
   get the next type that fits. PURE: the mixture's own type wherever it fits. */
int spn_mix_type(const struct spn_mix *m, const struct spn_mix_model *model, const char *name,
                 const struct spn_tensor *t, bool pure);

#ifdef __cplusplus
}
#endif
#endif
