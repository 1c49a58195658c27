/* jinja_parts.h - what the files of the Jinja interpreter share: tree, values, state. */
#ifndef SPN_JINJA_PARTS_H
#define SPN_JINJA_PARTS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/mem.h"
#include "text/jinja.h"

enum {
    JINJA_SOURCE_MAX = 1 << 20,
    JINJA_DEPTH_MAX = 120,      /* nesting of the source and of values */
    JINJA_CALLS_MAX = 500,      /* nesting of the walk: blocks, calls, operands */
    JINJA_STEPS_MAX = 5000000,  /* of one rendering; work on n bytes counts n / 16 */
    JINJA_OUTPUT_MAX = 64 << 20
};

/* ---- tokens ---- */
enum j_token_kind {
    JT_END, JT_DATA, JT_PRINT_BEGIN, JT_PRINT_END, JT_BLOCK_BEGIN, JT_BLOCK_END,
    JT_NAME, JT_INT, JT_FLOAT, JT_STRING, JT_OP
};
struct j_token {
    enum j_token_kind kind;
    const char *s; /* DATA, NAME, STRING (unescaped), OP; in the arena or the source */
    size_t n;
    int64_t i;
    double f;
    int line;
};
/* All tokens of SOURCE, the last one JT_END, in the arena. */
spn_status jinja_lex(struct j_token **out, size_t *n, const char *source, size_t length,
                     struct spn_arena *arena, struct spn_err *err);

/* ---- tree ---- */
enum j_node_kind {
    /* expressions */
    JN_NAME, JN_CONST, JN_LIST, JN_TUPLE, JN_DICT, JN_ATTR, JN_ITEM, JN_SLICE, JN_CALL, JN_FILTER,
    JN_TEST, JN_NOT, JN_NEG, JN_POS, JN_AND, JN_OR, JN_COMPARE, JN_BINARY, JN_IF_ELSE,
    JN_KEYWORD, JN_PAIR,
    /* statements */
    JN_DATA, JN_PRINT, JN_IF, JN_FOR, JN_SET, JN_SET_BLOCK, JN_MACRO, JN_CALL_BLOCK,
    JN_FILTER_BLOCK, JN_GROUP, JN_BREAK, JN_CONTINUE
};
enum j_op { JO_ADD, JO_SUB, JO_MUL, JO_DIV, JO_FLOOR, JO_MOD, JO_POW, JO_JOIN,
            JO_EQ, JO_NE, JO_LT, JO_LE, JO_GT, JO_GE, JO_IN, JO_NOT_IN };

struct j_str {
    const char *s;
    const unsigned char *mark; /* a byte each: 1 a message's; NULL: all the template's */
    size_t n;
};
enum j_kind { J_UNDEFINED, J_NONE, J_BOOL, J_INT, J_FLOAT, J_STR, J_LIST, J_TUPLE, J_DICT,
              J_NAMESPACE, J_MACRO, J_FUNCTION, J_METHOD };
struct j_list;
struct j_dict;
struct j_macro;
struct j_method;
struct j_value {
    enum j_kind kind;
    union {
        bool b;
        int64_t i;
        double f;
        struct j_str s;          /* STR; of UNDEFINED the name that was missing */
        struct j_list *list;     /* LIST, TUPLE */
        struct j_dict *dict;     /* DICT, NAMESPACE */
        struct j_macro *macro;
        const char *function;    /* its name */
        struct j_method *method;
    };
};
struct j_list {
    struct j_value *at;
    size_t n;
};
struct j_dict { /* in order of insertion */
    struct j_value *key, *value;
    size_t n, room;
};
struct j_method {
    struct j_value self;
    struct j_str name;
};

struct j_node {
    enum j_node_kind kind;
    enum j_op op;
    int line;
    struct j_value value;       /* CONST, DATA */
    struct j_str name;          /* NAME, ATTR, FILTER, TEST, MACRO, KEYWORD, SET's attribute */
    struct j_node *a, *b, *c;   /* operands */
    struct j_node **list;       /* elements, arguments, targets, statements */
    size_t n;
    struct j_node **other;      /* statements after else */
    size_t n_other;
    struct j_node **params;     /* of a macro: NAME nodes, A of each its default */
    size_t n_params;
};
struct jinja {
    struct spn_arena *arena;
    struct j_node **body;
    size_t n;
};
spn_status jinja_parse(struct jinja *t, const struct j_token *token, size_t n, struct spn_err *err);

/* ---- a rendering ---- */
struct j_var {
    struct j_str name;
    struct j_value value;
};
struct j_frame {
    struct j_frame *parent;
    struct j_var *var;
    size_t n, room;
};
struct j_macro {
    const struct j_node *node;
    struct j_frame *home;
    bool caller; /* the body of a call block */
};
struct j_out { /* text with marks, in the arena */
    char *s;
    unsigned char *mark;
    size_t n, room;
};
struct j_run {
    struct spn_arena *arena;
    int64_t now;
    int64_t steps;
    int depth, line;
    bool raised;
    spn_status st;
    struct spn_err *err;
    struct j_frame *frame, *root;
    struct j_out *out;
};
struct j_args { /* of a call */
    struct j_value *at;
    size_t n;
    struct j_str *name; /* of keyword arguments */
    struct j_value *named;
    size_t n_named;
};

/* The first failure of a run stays; later work sees R->st and stops. */
void j_fail(struct j_run *r, spn_status st, const char *fmt, ...) SPN_PRINTF(3, 4);
bool j_step(struct j_run *r, size_t bytes); /* false: over */
void *j_alloc(struct j_run *r, size_t n, size_t size); /* NULL: failed */

/* values (jinja_value.c) */
struct j_value j_text(const char *s); /* a static text */
struct j_value j_int(int64_t i);
struct j_value j_bool(bool b);
struct j_value j_none(void);
struct j_value j_undefined(struct j_str name);
struct j_value j_string(struct j_str s);
struct j_value j_new_list(struct j_run *r, size_t n, enum j_kind kind);
struct j_value j_new_dict(struct j_run *r);
struct j_value j_from_json(struct j_run *r, const json_t *v, int depth, bool trusted);
bool j_is(struct j_str s, const char *text);
bool j_same_bytes(struct j_str a, struct j_str b);
struct j_str j_sub(struct j_str s, size_t begin, size_t n);
bool j_truth(const struct j_value *v);
bool j_equal(struct j_run *r, const struct j_value *a, const struct j_value *b);
int j_order(struct j_run *r, const struct j_value *a, const struct j_value *b);
const char *j_kind_name(const struct j_value *v);
struct j_value *j_dict_find(struct j_run *r, struct j_dict *d, const struct j_value *key);
void j_dict_set(struct j_run *r, struct j_dict *d, struct j_value key, struct j_value value);
/* What `for` walks over: elements, keys, characters; nothing of an undefined value. */
struct j_value j_elements(struct j_run *r, const struct j_value *v);
bool j_contains(struct j_run *r, const struct j_value *in, const struct j_value *what);
int64_t j_length(struct j_run *r, const struct j_value *v);
double j_number(const struct j_value *v); /* BOOL, INT, FLOAT */
bool j_is_number(const struct j_value *v);

/* text (jinja_text.c) */
void j_add(struct j_run *r, struct j_out *o, struct j_str s);
void j_puts(struct j_run *r, struct j_out *o, const char *s);
struct j_str j_out_str(const struct j_out *o);
void j_add_value(struct j_run *r, struct j_out *o, const struct j_value *v); /* as str() */
struct j_str j_str_of(struct j_run *r, const struct j_value *v);
struct j_json {
    int indent; /* -1: all on one line */
    bool sort, ascii;
    struct j_str comma, colon;
};
void j_add_json(struct j_run *r, struct j_out *o, const struct j_value *v,
                const struct j_json *how, int depth);
bool j_is_space(int32_t c);
struct j_str j_strip(struct j_str s, const struct j_str *chars, bool left, bool right);
size_t j_count_chars(struct j_str s);
size_t j_char_offset(struct j_str s, size_t index); /* byte offset of a character */
struct j_str j_replace(struct j_run *r, struct j_str s, struct j_str old, struct j_str by,
                       int64_t most);
enum j_case { J_UPPER, J_LOWER, J_CAPITALIZE, J_TITLE };
struct j_str j_change_case(struct j_run *r, struct j_str s, enum j_case how);
/* Where WHAT begins in S from FROM on; SIZE_MAX: nowhere. */
size_t j_find(struct j_str s, struct j_str what, size_t from);

/* calls */
/* Filters of lists; *KNOWN false: NAME is none of them. */
struct j_value j_list_filter(struct j_run *r, struct j_str name, struct j_value v,
                             const struct j_args *a, bool *known);
struct j_value j_filter(struct j_run *r, struct j_str name, struct j_value v,
                        const struct j_args *a);
bool j_test(struct j_run *r, struct j_str name, const struct j_value *v, const struct j_args *a);
struct j_value j_call_function(struct j_run *r, const char *name, const struct j_args *a);
struct j_value j_call_method(struct j_run *r, const struct j_method *m, const struct j_args *a);
bool j_has_method(const struct j_value *v, struct j_str name);
struct j_value j_get_attr(struct j_run *r, const struct j_value *v, struct j_str name);
struct j_value j_get_item(struct j_run *r, const struct j_value *v, const struct j_value *key);
/* The argument at place I or called NAME, or NULL; as a number, a text, a yes. */
const struct j_value *j_arg(const struct j_args *a, size_t i, const char *name);
int64_t j_int_arg(struct j_run *r, const struct j_args *a, size_t i, const char *name,
                  int64_t otherwise);
struct j_str j_text_arg(struct j_run *r, const struct j_args *a, size_t i, const char *name,
                        const char *otherwise);
bool j_flag_arg(const struct j_args *a, size_t i, const char *name);
struct j_value j_slice(struct j_run *r, const struct j_value *v, const struct j_value *from,
                       const struct j_value *to, const struct j_value *step);
/* the walk (jinja_eval.c) */
enum j_flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };
void j_set(struct j_run *r, struct j_frame *f, struct j_str name, struct j_value v);
enum j_flow j_run_all(struct j_run *r, struct j_node *const *list, size_t n);
struct j_value j_eval(struct j_run *r, const struct j_node *n);
struct j_value j_eval_compare(struct j_run *r, const struct j_node *n);
struct j_value j_eval_binary(struct j_run *r, const struct j_node *n);
/* Call any value that can be called. */
struct j_value j_call(struct j_run *r, const struct j_value *what, const struct j_args *a);

#endif
