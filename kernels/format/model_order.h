/* model_order.h - private: parameters in the order in which a model's code makes them. */
#ifndef SPN_MODEL_ORDER_H
#define SPN_MODEL_ORDER_H
#include <stdbool.h>

#include "format/source.h"

/* Bring LIST into the order of models of TYPE (config.json's model_type). *KNOWN false: it is not
 * known, or not all of the list has a place in it; then LIST is in no order. */
spn_status k_model_order(struct spn_reader *r, const char *type, const struct spn_entry **list,
                         size_t n, bool *known, struct spn_err *err);

#endif
