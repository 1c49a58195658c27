/* jinja_parser.h - what expressions and statements share while a template is parsed. */
#ifndef SPN_JINJA_PARSER_H
#define SPN_JINJA_PARSER_H
#include "text/jinja_parts.h"

struct parser {
    const struct j_token *t; /* the one to read next */
    struct spn_arena *arena;
    struct spn_err *err;
    spn_status st;
    int depth;
};
struct nodes { /* a list under way */
    struct j_node **at;
    size_t n, room;
};

/* The first failure stays: later calls give NULL or false. */
struct j_node *jp_fail(struct parser *p, const char *what);
void *jp_need(struct parser *p, size_t n, size_t size);
struct j_node *jp_node(struct parser *p, enum j_node_kind kind);
bool jp_push(struct parser *p, struct nodes *v, struct j_node *n);
bool jp_is_op(const struct parser *p, const char *o);
bool jp_is_word(const struct parser *p, const char *w);
bool jp_take_op(struct parser *p, const char *o);
bool jp_take_word(struct parser *p, const char *w);
bool jp_expect_op(struct parser *p, const char *o);
struct j_str jp_take_name(struct parser *p);
struct j_node *jp_expression(struct parser *p, bool conditional);
struct j_node *jp_tuple(struct parser *p, bool conditional);
struct j_node *jp_named(struct parser *p, enum j_node_kind kind, struct j_str name,
                            struct j_node *a);
struct j_node *jp_filters(struct parser *p, struct j_node *n);
bool jp_arguments(struct parser *p, struct j_node *call);

#endif
