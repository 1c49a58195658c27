/* toy.h - a tiny recipe and a source of examples that a test needs no plugin for: digits and their
 * reverse. */
#ifndef TESTS_TRAIN_TOY_H
#define TESTS_TRAIN_TOY_H
#include "train/loop.h"

struct toy { struct spn_train_part part[3]; char question[32], answer[32]; int digits; };

/* "reverse 4821:" -> "1284"; struct spn_train_source's example, ctx is a struct toy. */
spn_status toy_example(void *ctx, uint64_t index, const struct spn_train_part **parts, size_t *n,
                       struct spn_err *err);
/* A recipe of a model with a few thousand parameters; [train] gets MORE, lines of keys. */
spn_status toy_recipe(struct spn_recipe **out, const char *more, struct spn_err *err);

#endif
