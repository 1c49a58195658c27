/* safetensors.h - private: the safetensors reader, as the folder reader uses it for shards. */
#ifndef SPN_SAFETENSORS_H
#define SPN_SAFETENSORS_H
#include <stdbool.h>

#include "format/source.h"

/* Add F's tensors to R, and its __metadata__ where WITH_META. */
spn_status k_safetensors_read(struct spn_reader *r, const struct k_file *f, bool with_meta,
                              struct spn_err *err);
/* "BF16"; NULL: the format has no such type. */
const char *k_safetensors_type(int dtype);
/* Its place in the order in which tensors are written, widest first; -1: no such type. */
int k_safetensors_rank(int dtype);

#endif
