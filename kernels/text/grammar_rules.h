/* grammar_rules.h - a grammar as rules over bytes; made by gbnf.c, walked by grammar.c. */
#ifndef SPN_GRAMMAR_RULES_H
#define SPN_GRAMMAR_RULES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum { GRAMMAR_ITEMS_MAX = 1 << 20, GRAMMAR_RULES_MAX = 1 << 18 };

enum g_kind { G_END, G_BYTES, G_RULE };
struct g_item { /* of a sequence; its last is G_END */
    uint8_t kind, lo, hi; /* BYTES: from LO to HI */
    int32_t rule;
};
struct g_alternative {
    int32_t first; /* item */
    int32_t next;  /* alternative of the same rule, -1: the last */
};
struct g_rule {
    int32_t first, last; /* alternatives, -1: none yet */
};
struct g_rules {
    struct g_item *item;
    size_t n_item, item_room;
    struct g_alternative *alt;
    size_t n_alt, alt_room;
    struct g_rule *rule;
    size_t n_rule, rule_room;
};
/* Rule 0 is root. Free R with g_rules_free, also after a failure. */
spn_status gbnf_parse(struct g_rules *r, const char *text, size_t n, struct spn_err *err);
void g_rules_free(struct g_rules *r);

#endif
