/* jinja_parse.c - tokens to a tree: expressions, in Jinja's order of binding. */
#include "config.h"

#include <string.h>

#include "text/jinja_parser.h"

struct j_node *jp_fail(struct parser *p, const char *what)
{
    if (p->st == SPN_OK)
        p->st = spn_fail(p->err, SPN_EFORMAT, "chat template, line %d: %s%s%.*s%s", p->t->line,
                         what, p->t->n > 0 ? ", at \"" : "", (int)(p->t->n < 40 ? p->t->n : 40),
                         p->t->n > 0 ? p->t->s : "", p->t->n > 0 ? "\"" : "");
    return NULL;
}

void *jp_need(struct parser *p, size_t n, size_t size)
{
    void *at = p->st == SPN_OK ? spn_arena_alloc(p->arena, n, size) : NULL;

    if (at == NULL && p->st == SPN_OK)
        p->st = spn_fail(p->err, SPN_ENOMEM, "chat template: out of memory at line %d", p->t->line);
    return at;
}

struct j_node *jp_node(struct parser *p, enum j_node_kind kind)
{
    struct j_node *n = jp_need(p, 1, sizeof *n);

    if (n != NULL) {
        n->kind = kind;
        n->line = p->t->line;
    }
    return n;
}

/* Parsing goes on after a failure only as far as the callers need to see it. */
bool jp_push(struct parser *p, struct nodes *v, struct j_node *n)
{
    if (n == NULL || p->st != SPN_OK)
        return false;
    if (v->n == v->room) {
        size_t room = v->room < 4 ? 4 : v->room * 2;
        struct j_node **grown = jp_need(p, room, sizeof(struct j_node *));

        if (grown == NULL)
            return false;
        if (v->n > 0)
            memcpy(grown, v->at, v->n * sizeof *grown);
        v->at = grown;
        v->room = room;
    }
    v->at[v->n++] = n;
    return true;
}

bool jp_is_op(const struct parser *p, const char *o)
{
    return p->t->kind == JT_OP && p->t->n == strlen(o) && memcmp(p->t->s, o, p->t->n) == 0;
}

bool jp_is_word(const struct parser *p, const char *w)
{
    return p->t->kind == JT_NAME && p->t->n == strlen(w) && memcmp(p->t->s, w, p->t->n) == 0;
}

bool jp_take_op(struct parser *p, const char *o)
{
    if (!jp_is_op(p, o))
        return false;
    p->t++;
    return true;
}

bool jp_take_word(struct parser *p, const char *w)
{
    if (!jp_is_word(p, w))
        return false;
    p->t++;
    return true;
}

bool jp_expect_op(struct parser *p, const char *o)
{
    char what[40];

    if (jp_take_op(p, o))
        return true;
    memcpy(what, "\"?\" is expected", 16);
    what[1] = o[0];
    jp_fail(p, what);
    return false;
}

struct j_str jp_take_name(struct parser *p)
{
    struct j_str s = { p->t->s, NULL, p->t->n };

    if (p->t->kind != JT_NAME) {
        jp_fail(p, "a name is expected");
        return (struct j_str){ "", NULL, 0 };
    }
    p->t++;
    return s;
}

struct j_node *jp_expression(struct parser *p, bool conditional);
static struct j_node *unary(struct parser *p, bool filters);

/* ---- expressions ---- */

struct j_node *jp_named(struct parser *p, enum j_node_kind kind, struct j_str name,
                            struct j_node *a)
{
    struct j_node *n = jp_node(p, kind);

    if (n != NULL) {
        n->name = name;
        n->a = a;
    }
    return n;
}

static struct j_node *constant(struct parser *p, struct j_value v)
{
    struct j_node *n = jp_node(p, JN_CONST);

    if (n != NULL)
        n->value = v;
    return n;
}

/* Behind "(": arguments up to ")". */
bool jp_arguments(struct parser *p, struct j_node *call)
{
    struct nodes v = { NULL, 0, 0 };

    while (p->st == SPN_OK && !jp_is_op(p, ")")) {
        struct j_node *arg;

        if (p->t->kind == JT_NAME && p->t[1].kind == JT_OP && p->t[1].n == 1 &&
            p->t[1].s[0] == '=') {
            struct j_str name = jp_take_name(p);

            p->t++;
            arg = jp_named(p, JN_KEYWORD, name, jp_expression(p, true));
        } else {
            arg = jp_expression(p, true);
        }
        if (!jp_push(p, &v, arg) || (!jp_is_op(p, ")") && !jp_expect_op(p, ",")))
            return false;
    }
    if (call != NULL) {
        call->list = v.at;
        call->n = v.n;
    }
    return jp_expect_op(p, ")");
}

static struct j_node *subscript(struct parser *p, struct j_node *of)
{
    struct j_node *part[3] = { NULL, NULL, NULL }, *n;
    int at = 0;
    bool slice = false;

    while (p->st == SPN_OK && !jp_is_op(p, "]") && at < 3) {
        if (jp_take_op(p, ":")) {
            slice = true;
            at++;
        } else {
            part[at] = jp_expression(p, true);
            if (!jp_is_op(p, ":") && !jp_is_op(p, "]"))
                return jp_fail(p, "\"]\" is expected");
        }
    }
    if (!jp_expect_op(p, "]"))
        return NULL;
    if (!slice && part[0] == NULL)
        return jp_fail(p, "an index is expected");
    n = jp_node(p, slice ? JN_SLICE : JN_ITEM);
    if (n == NULL)
        return NULL;
    n->a = of;
    n->b = part[0];
    if (slice) {
        n->list = jp_need(p, 3, sizeof *n->list);
        if (n->list != NULL)
            memcpy(n->list, part, sizeof part);
    }
    return n;
}

static struct j_node *call(struct parser *p, struct j_node *what)
{
    struct j_node *n = jp_node(p, JN_CALL);

    p->t++;
    if (n == NULL || !jp_arguments(p, n))
        return NULL;
    n->a = what;
    return n;
}

static struct j_node *postfix(struct parser *p, struct j_node *n)
{
    int depth = p->depth;

    while (n != NULL && p->st == SPN_OK) {
        if (p->depth++ > JINJA_DEPTH_MAX)
            return jp_fail(p, "an expression is nested too deeply");
        if (jp_take_op(p, ".")) {
            if (p->t->kind == JT_INT) {
                struct j_node *item = jp_node(p, JN_ITEM);

                if (item == NULL)
                    return NULL;
                item->a = n;
                item->b = constant(p, j_int(p->t->i));
                p->t++;
                n = item;
            } else {
                struct j_str name = jp_take_name(p);

                n = jp_named(p, JN_ATTR, name, n);
            }
        } else if (jp_take_op(p, "[")) {
            n = subscript(p, n);
        } else if (jp_is_op(p, "(")) {
            n = call(p, n);
        } else {
            break;
        }
    }
    p->depth = depth;
    return n;
}

static struct j_node *sequence(struct parser *p, enum j_node_kind kind, const char *end)
{
    struct nodes v = { NULL, 0, 0 };
    struct j_node *n = jp_node(p, kind);

    while (n != NULL && p->st == SPN_OK && !jp_is_op(p, end)) {
        if (kind == JN_DICT) {
            struct j_node *pair = jp_node(p, JN_PAIR);

            if (pair == NULL)
                return NULL;
            pair->a = jp_expression(p, true);
            if (!jp_expect_op(p, ":"))
                return NULL;
            pair->b = jp_expression(p, true);
            if (!jp_push(p, &v, pair))
                return NULL;
        } else if (!jp_push(p, &v, jp_expression(p, true))) {
            return NULL;
        }
        if (!jp_is_op(p, end) && !jp_expect_op(p, ","))
            return NULL;
    }
    if (n == NULL || !jp_expect_op(p, end))
        return NULL;
    n->list = v.at;
    n->n = v.n;
    return n;
}

/* Behind "(": one expression, or a tuple. */
static struct j_node *parenthesis(struct parser *p)
{
    struct nodes v = { NULL, 0, 0 };
    struct j_node *n;
    bool comma = jp_is_op(p, ")");

    while (p->st == SPN_OK && !jp_is_op(p, ")")) {
        if (!jp_push(p, &v, jp_expression(p, true)))
            return NULL;
        if (!jp_take_op(p, ","))
            break;
        comma = true;
    }
    if (!jp_expect_op(p, ")"))
        return NULL;
    if (!comma)
        return v.at[0];
    n = jp_node(p, JN_TUPLE);
    if (n != NULL) {
        n->list = v.at;
        n->n = v.n;
    }
    return n;
}

static struct j_node *strings(struct parser *p)
{
    const struct j_token *first = p->t;
    size_t n = 0;
    char *s;

    for (; p->t->kind == JT_STRING; p->t++)
        n += p->t->n;
    s = jp_need(p, n + 1, 1);
    if (s == NULL)
        return NULL;
    n = 0;
    for (; first != p->t; first++) {
        memcpy(s + n, first->s, first->n);
        n += first->n;
    }
    return constant(p, j_string((struct j_str){ s, NULL, n }));
}

static struct j_node *primary(struct parser *p)
{
    const struct j_token *t = p->t;

    switch (t->kind) {
    case JT_STRING:
        return strings(p);
    case JT_INT:
        p->t++;
        return constant(p, j_int(t->i));
    case JT_FLOAT:
        p->t++;
        return constant(p, (struct j_value){ .kind = J_FLOAT, .f = t->f });
    case JT_NAME:
        p->t++;
        if ((t->n == 4 && (memcmp(t->s, "true", 4) == 0 || memcmp(t->s, "True", 4) == 0)))
            return constant(p, j_bool(true));
        if (t->n == 5 && (memcmp(t->s, "false", 5) == 0 || memcmp(t->s, "False", 5) == 0))
            return constant(p, j_bool(false));
        if (t->n == 4 && (memcmp(t->s, "none", 4) == 0 || memcmp(t->s, "None", 4) == 0))
            return constant(p, j_none());
        return jp_named(p, JN_NAME, (struct j_str){ t->s, NULL, t->n }, NULL);
    default:
        break;
    }
    if (jp_take_op(p, "("))
        return parenthesis(p);
    if (jp_take_op(p, "["))
        return sequence(p, JN_LIST, "]");
    if (jp_take_op(p, "{"))
        return sequence(p, JN_DICT, "}");
    return jp_fail(p, "an expression is expected");
}

static struct j_node *test(struct parser *p, struct j_node *of)
{
    bool negated = jp_take_word(p, "not");
    struct j_str name = jp_take_name(p);
    struct j_node *n = jp_named(p, JN_TEST, name, of);

    if (n == NULL || p->st != SPN_OK)
        return NULL;
    if (jp_take_op(p, "(")) {
        if (!jp_arguments(p, n))
            return NULL;
    } else if ((p->t->kind == JT_NAME && !jp_is_word(p, "else") && !jp_is_word(p, "or") &&
                !jp_is_word(p, "and") && !jp_is_word(p, "is") && !jp_is_word(p, "if") &&
                !jp_is_word(p, "not") && !jp_is_word(p, "in")) ||
               p->t->kind == JT_STRING || p->t->kind == JT_INT || p->t->kind == JT_FLOAT ||
               jp_is_op(p, "[") || jp_is_op(p, "{")) {
        struct nodes v = { NULL, 0, 0 };

        if (!jp_push(p, &v, postfix(p, primary(p))))
            return NULL;
        n->list = v.at;
        n->n = v.n;
    }
    return negated ? jp_named(p, JN_NOT, name, n) : n;
}

struct j_node *jp_filters(struct parser *p, struct j_node *n)
{
    int depth = p->depth;

    while (n != NULL && p->st == SPN_OK) {
        if (p->depth++ > JINJA_DEPTH_MAX)
            return jp_fail(p, "an expression is nested too deeply");
        if (jp_take_op(p, "|")) {
            struct j_str name = jp_take_name(p);

            n = jp_named(p, JN_FILTER, name, n);
            if (n != NULL && jp_take_op(p, "(") && !jp_arguments(p, n))
                return NULL;
        } else if (jp_take_word(p, "is")) {
            n = test(p, n);
        } else if (jp_is_op(p, "(")) {
            n = call(p, n);
        } else {
            break;
        }
    }
    p->depth = depth;
    return n;
}

static struct j_node *unary(struct parser *p, bool with_filters)
{
    struct j_node *n;

    if (++p->depth > JINJA_DEPTH_MAX)
        return jp_fail(p, "an expression is nested too deeply");
    if (jp_is_op(p, "-") || jp_is_op(p, "+")) {
        n = jp_node(p, jp_is_op(p, "-") ? JN_NEG : JN_POS);
        p->t++;
        if (n != NULL)
            n->a = unary(p, false);
    } else {
        n = postfix(p, primary(p));
    }
    p->depth--;
    return with_filters && n != NULL ? jp_filters(p, n) : n;
}

struct level {
    const char *word;
    enum j_op op;
};
static const struct level power[] = { { "**", JO_POW }, { NULL, 0 } },
                          product[] = { { "*", JO_MUL },
                                        { "/", JO_DIV },
                                        { "//", JO_FLOOR },
                                        { "%", JO_MOD },
                                        { NULL, 0 } },
                          join[] = { { "~", JO_JOIN }, { NULL, 0 } },
                          sum[] = { { "+", JO_ADD }, { "-", JO_SUB }, { NULL, 0 } };
static const struct level *const levels[] = { sum, join, product, power };

static struct j_node *binary(struct parser *p, size_t level)
{
    struct j_node *left = level == 4 ? unary(p, true) : binary(p, level + 1);
    int depth = p->depth;

    while (level < 4 && left != NULL && p->st == SPN_OK) {
        const struct level *l = levels[level];
        struct j_node *n;

        while (l->word != NULL && !jp_is_op(p, l->word))
            l++;
        if (l->word == NULL)
            break;
        /* A long sum leans to the left: as deep as it is long. */
        if (++p->depth > JINJA_DEPTH_MAX)
            return jp_fail(p, "an expression is nested too deeply");
        n = jp_node(p, JN_BINARY);
        p->t++;
        if (n == NULL)
            return NULL;
        n->op = l->op;
        n->a = left;
        n->b = binary(p, level + 1);
        left = n;
    }
    p->depth = depth;
    return left;
}

static bool take_compare(struct parser *p, enum j_op *op)
{
    static const struct level compare[] = { { "==", JO_EQ }, { "!=", JO_NE }, { "<", JO_LT },
                                            { "<=", JO_LE }, { ">", JO_GT },  { ">=", JO_GE } };

    for (size_t i = 0; i < sizeof compare / sizeof compare[0]; i++)
        if (jp_take_op(p, compare[i].word)) {
            *op = compare[i].op;
            return true;
        }
    if (jp_take_word(p, "in")) {
        *op = JO_IN;
        return true;
    }
    if (jp_is_word(p, "not") && p->t[1].kind == JT_NAME && p->t[1].n == 2 &&
        memcmp(p->t[1].s, "in", 2) == 0) {
        p->t += 2;
        *op = JO_NOT_IN;
        return true;
    }
    return false;
}

/* a < b < c: the first operand is A, the others are a list, each with its operator. */
static struct j_node *comparison(struct parser *p)
{
    struct nodes v = { NULL, 0, 0 };
    struct j_node *left = binary(p, 0), *n;
    enum j_op op;

    while (left != NULL && p->st == SPN_OK && take_compare(p, &op)) {
        struct j_node *part = jp_node(p, JN_PAIR);

        if (part == NULL)
            return NULL;
        part->op = op;
        part->a = binary(p, 0);
        if (part->a == NULL || !jp_push(p, &v, part))
            return NULL;
    }
    if (v.n == 0 || left == NULL || (n = jp_node(p, JN_COMPARE)) == NULL)
        return left;
    n->a = left;
    n->list = v.at;
    n->n = v.n;
    return n;
}

static struct j_node *negation(struct parser *p)
{
    struct j_node *n;

    if (!jp_is_word(p, "not"))
        return comparison(p);
    if (++p->depth > JINJA_DEPTH_MAX)
        return jp_fail(p, "an expression is nested too deeply");
    n = jp_node(p, JN_NOT);
    p->t++;
    if (n != NULL)
        n->a = negation(p);
    p->depth--;
    return n;
}

static struct j_node *logic(struct parser *p, bool both)
{
    struct j_node *left = both ? negation(p) : logic(p, true);
    int depth = p->depth;

    while (left != NULL && p->st == SPN_OK && jp_is_word(p, both ? "and" : "or")) {
        struct j_node *n = jp_node(p, both ? JN_AND : JN_OR);

        if (++p->depth > JINJA_DEPTH_MAX)
            return jp_fail(p, "an expression is nested too deeply");
        p->t++;
        if (n == NULL)
            return NULL;
        n->a = left;
        n->b = both ? negation(p) : logic(p, true);
        left = n;
    }
    p->depth = depth;
    return left;
}

struct j_node *jp_expression(struct parser *p, bool conditional)
{
    struct j_node *n;

    if (p->st != SPN_OK)
        return NULL;
    if (++p->depth > JINJA_DEPTH_MAX)
        return jp_fail(p, "an expression is nested too deeply");
    n = logic(p, false);
    while (conditional && n != NULL && jp_is_word(p, "if")) {
        struct j_node *choice = jp_node(p, JN_IF_ELSE);

        p->t++;
        if (choice == NULL)
            return NULL;
        choice->a = n;
        choice->b = logic(p, false);
        if (jp_take_word(p, "else"))
            choice->c = jp_expression(p, true);
        n = choice;
    }
    p->depth--;
    return p->st == SPN_OK ? n : NULL;
}

/* a, b: a tuple where a comma stands. */
struct j_node *jp_tuple(struct parser *p, bool conditional)
{
    struct nodes v = { NULL, 0, 0 };
    struct j_node *first = jp_expression(p, conditional), *n;

    if (first == NULL || !jp_is_op(p, ","))
        return first;
    jp_push(p, &v, first);
    while (jp_take_op(p, ",") && p->t->kind != JT_BLOCK_END && p->t->kind != JT_PRINT_END)
        if (!jp_push(p, &v, jp_expression(p, conditional)))
            return NULL;
    n = jp_node(p, JN_TUPLE);
    if (n != NULL) {
        n->list = v.at;
        n->n = v.n;
    }
    return n;
}
