/* gguf.h - private: one GGUF file read into a reader, and a model split over several of them. */
#ifndef SPN_GGUF_H
#define SPN_GGUF_H
#include "format/source.h"

/* Add F's keys and tensors to R. */
spn_status k_gguf_read(struct spn_reader *r, const struct k_file *f, struct spn_err *err);
/* When F, whose keys are in R, is part 1 of several, add the tensors of the other parts. */
spn_status k_gguf_read_parts(struct spn_reader *r, const struct k_file *f, struct spn_err *err);

#endif
