/* schema.h - what the files that turn a JSON schema into GBNF share. */
#ifndef SPN_SCHEMA_H
#define SPN_SCHEMA_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

struct schema {
    const json_t *root;
    struct spn_buf *rules; /* finished rules */
    struct spn_err *err;
    spn_status st;
    int depth, n_rules;
    const json_t **ref;    /* schemas that have a rule of their own, by $ref */
    int *ref_rule;
    size_t n_ref;
};
/* The first failure stays. */
void schema_fail(struct schema *s, const char *fmt, ...) SPN_PRINTF(2, 3);
/* Append to OUT the GBNF of whole numbers from LO to HI, INT64_MIN and INT64_MAX: no bound. */
void schema_integer(struct spn_buf *out, int64_t lo, int64_t hi);
/* The same for numbers with decimals. */
void schema_number(struct spn_buf *out, int64_t lo, int64_t hi);
/* Append the GBNF of JSON strings (without their quotes) that match PATTERN. */
void schema_pattern(struct schema *s, struct spn_buf *out, const char *pattern);
/* Members of FROM into the object INTO, for allOf. */
void schema_merge(struct schema *s, json_t *into, const json_t *from);
/* Append TEXT[N] as a GBNF literal. */
void schema_literal(struct spn_buf *out, const char *text, size_t n);

#endif
