/* jinja_statement.c - tokens to a tree: statements. */
#include "config.h"

#include "text/jinja_parser.h"

static bool statements(struct parser *p, struct nodes *v, const char *const *ends);

static bool block_end(struct parser *p)
{
    if (p->st == SPN_OK && p->t->kind == JT_BLOCK_END) {
        p->t++;
        return true;
    }
    jp_fail(p, "\"%}\" is expected");
    return false;
}

/* Statements up to one of ENDS, whose word is the next token then. */
static bool body(struct parser *p, struct j_node ***list, size_t *n, const char *const *ends)
{
    struct nodes v = { NULL, 0, 0 };

    if (!block_end(p) || !statements(p, &v, ends))
        return false;
    *list = v.at;
    *n = v.n;
    return true;
}

/* Body up to "{% END %}". */
static struct j_node *closed_body(struct parser *p, struct j_node *n, const char *end)
{
    const char *const ends[] = { end, NULL };

    if (n == NULL || !body(p, &n->list, &n->n, ends))
        return NULL;
    p->t++;
    return block_end(p) ? n : NULL;
}

static struct j_node *parse_if(struct parser *p)
{
    static const char *const ends[] = { "elif", "else", "endif", NULL }, *const last[] = { "endif",
                                                                                         NULL };
    struct j_node *first = NULL, *n, *before = NULL;

    do {
        n = jp_node(p, JN_IF);
        p->t++;
        if (n == NULL)
            return NULL;
        n->a = jp_tuple(p, true);
        if (n->a == NULL || !body(p, &n->list, &n->n, ends))
            return NULL;
        if (before != NULL) /* elif is walked as a chain: no depth is used up */
            before->c = n;
        else
            first = n;
        before = n;
    } while (jp_is_word(p, "elif"));
    if (jp_take_word(p, "else") && !body(p, &n->other, &n->n_other, last))
        return NULL;
    p->t++;
    return block_end(p) ? first : NULL;
}

/* Names to assign to: one, or several with commas, perhaps in parentheses. */
static bool targets(struct parser *p, struct j_node *n)
{
    struct nodes v = { NULL, 0, 0 };
    bool inside = jp_take_op(p, "(");

    do {
        struct j_node *name = jp_named(p, JN_NAME, jp_take_name(p), NULL);

        if (!jp_push(p, &v, name))
            return false;
    } while (jp_take_op(p, ",") && p->t->kind == JT_NAME);
    n->params = v.at;
    n->n_params = v.n;
    return !inside || jp_expect_op(p, ")");
}

static struct j_node *parse_for(struct parser *p)
{
    static const char *const ends[] = { "else", "endfor", NULL }, *const last[] = { "endfor",
                                                                                   NULL };
    struct j_node *n = jp_node(p, JN_FOR);

    p->t++;
    if (n == NULL || !targets(p, n))
        return NULL;
    if (!jp_take_word(p, "in"))
        return jp_fail(p, "\"in\" is expected");
    n->a = jp_tuple(p, false);
    if (jp_take_word(p, "if"))
        n->b = jp_expression(p, true);
    if (jp_is_word(p, "recursive"))
        return jp_fail(p, "a recursive loop is not known");
    if (!body(p, &n->list, &n->n, ends))
        return NULL;
    if (jp_take_word(p, "else") && !body(p, &n->other, &n->n_other, last))
        return NULL;
    p->t++;
    return block_end(p) ? n : NULL;
}

static struct j_node *parse_set(struct parser *p)
{
    struct j_node *n = jp_node(p, JN_SET);

    p->t++;
    if (n == NULL || !targets(p, n))
        return NULL;
    if (n->n_params == 1 && jp_take_op(p, "."))
        n->name = jp_take_name(p);
    if (jp_take_op(p, "=")) {
        n->a = jp_tuple(p, true);
        return n->a != NULL && block_end(p) ? n : NULL;
    }
    if (n->n_params != 1 || n->name.n > 0)
        return jp_fail(p, "\"=\" is expected");
    n->kind = JN_SET_BLOCK;
    /* Filters of the block stand on a value that is its text. */
    n->c = jp_named(p, JN_NAME, (struct j_str){ "", NULL, 0 }, NULL);
    n->a = jp_filters(p, n->c);
    return closed_body(p, n, "endset");
}

static bool parameters(struct parser *p, struct j_node *n)
{
    struct nodes v = { NULL, 0, 0 };

    while (p->st == SPN_OK && !jp_is_op(p, ")")) {
        struct j_node *name = jp_named(p, JN_NAME, jp_take_name(p), NULL);

        if (name != NULL && jp_take_op(p, "="))
            name->a = jp_expression(p, true);
        if (!jp_push(p, &v, name) || (!jp_is_op(p, ")") && !jp_expect_op(p, ",")))
            return false;
    }
    n->params = v.at;
    n->n_params = v.n;
    return jp_expect_op(p, ")");
}

static struct j_node *parse_macro(struct parser *p)
{
    struct j_node *n = jp_node(p, JN_MACRO);

    p->t++;
    if (n == NULL)
        return NULL;
    n->name = jp_take_name(p);
    if (!jp_expect_op(p, "(") || !parameters(p, n))
        return NULL;
    return closed_body(p, n, "endmacro");
}

static struct j_node *parse_call(struct parser *p)
{
    struct j_node *n = jp_node(p, JN_CALL_BLOCK);

    p->t++;
    if (n == NULL || (jp_take_op(p, "(") && !parameters(p, n)))
        return NULL;
    n->a = jp_expression(p, true);
    if (n->a == NULL || n->a->kind != JN_CALL)
        return jp_fail(p, "a call is expected");
    return closed_body(p, n, "endcall");
}

static struct j_node *parse_filter(struct parser *p)
{
    struct j_node *n = jp_node(p, JN_FILTER_BLOCK), *filter;
    struct j_str name;

    p->t++;
    if (n == NULL)
        return NULL;
    n->c = jp_named(p, JN_NAME, (struct j_str){ "", NULL, 0 }, NULL);
    name = jp_take_name(p);
    filter = jp_named(p, JN_FILTER, name, n->c);
    if (filter == NULL || (jp_take_op(p, "(") && !jp_arguments(p, filter)))
        return NULL;
    n->a = jp_filters(p, filter);
    return closed_body(p, n, "endfilter");
}

static struct j_node *word_alone(struct parser *p, enum j_node_kind kind)
{
    struct j_node *n = jp_node(p, kind);

    p->t++;
    return n != NULL && block_end(p) ? n : NULL;
}

static struct j_node *group(struct parser *p, const char *end)
{
    struct j_node *n = jp_node(p, JN_GROUP);

    p->t++;
    return closed_body(p, n, end);
}

static struct j_node *block(struct parser *p)
{
    if (jp_is_word(p, "if"))
        return parse_if(p);
    if (jp_is_word(p, "for"))
        return parse_for(p);
    if (jp_is_word(p, "set"))
        return parse_set(p);
    if (jp_is_word(p, "macro"))
        return parse_macro(p);
    if (jp_is_word(p, "call"))
        return parse_call(p);
    if (jp_is_word(p, "filter"))
        return parse_filter(p);
    if (jp_is_word(p, "break"))
        return word_alone(p, JN_BREAK);
    if (jp_is_word(p, "continue"))
        return word_alone(p, JN_CONTINUE);
    if (jp_is_word(p, "generation")) /* marks an answer for training; nothing else */
        return group(p, "endgeneration");
    return jp_fail(p, "this statement is not known");
}

static bool ends_here(const struct parser *p, const char *const *ends)
{
    for (; ends != NULL && *ends != NULL; ends++)
        if (jp_is_word(p, *ends))
            return true;
    return false;
}

static bool statements(struct parser *p, struct nodes *v, const char *const *ends)
{
    if (++p->depth > JINJA_DEPTH_MAX) {
        jp_fail(p, "blocks are nested too deeply");
        return false;
    }
    while (p->st == SPN_OK) {
        struct j_node *n = NULL;

        if (p->t->kind == JT_END) {
            if (ends != NULL)
                jp_fail(p, "the template ends inside a block");
            break;
        }
        if (p->t->kind == JT_DATA) {
            n = jp_node(p, JN_DATA);
            if (n != NULL)
                n->value = j_string((struct j_str){ p->t->s, NULL, p->t->n });
            p->t++;
        } else if (p->t->kind == JT_PRINT_BEGIN) {
            n = jp_node(p, JN_PRINT);
            p->t++;
            if (n != NULL)
                n->a = jp_tuple(p, true);
            if (p->st == SPN_OK && p->t->kind != JT_PRINT_END)
                jp_fail(p, "\"}}\" is expected");
            else
                p->t += p->st == SPN_OK;
        } else {
            p->t++;
            if (ends_here(p, ends))
                break;
            n = block(p);
        }
        jp_push(p, v, n);
    }
    p->depth--;
    return p->st == SPN_OK;
}

spn_status jinja_parse(struct jinja *t, const struct j_token *token, size_t n, struct spn_err *err)
{
    struct parser p = { .t = token, .arena = t->arena, .err = err };
    struct nodes v = { NULL, 0, 0 };

    if (n == 0)
        return spn_fail(err, SPN_EINTERNAL, "chat template: no tokens");
    statements(&p, &v, NULL);
    t->body = v.at;
    t->n = v.n;
    return p.st;
}
