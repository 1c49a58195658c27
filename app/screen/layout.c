#include "config.h"

#include "screen/layout.h"

#include <ctype.h>
#include <string.h>

struct parser {
    const char *at;
    struct layout *l;
    struct spn_err *err;
    const char *text;
    int depth;
};

static int new_node(struct parser *p)
{
    if (p->l->n == LAYOUT_NODES_MAX)
        return -1;
    p->l->node[p->l->n] = (struct layout_node){ .first = -1, .next = -1 };
    return p->l->n++;
}

static void blanks(struct parser *p)
{
    while (*p->at == ' ')
        p->at++;
}

static int parse_group(struct parser *p, int node);

/* A name or a group in parentheses, and its share. Returns its node, -1: wrong. */
static int parse_item(struct parser *p)
{
    int node = new_node(p);
    size_t n = 0;

    blanks(p);
    if (node < 0)
        return -1;
    if (*p->at == '(') {
        p->at++;
        if (++p->depth > 8 || parse_group(p, node) < 0 || *p->at != ')')
            return -1;
        p->depth--;
        p->at++;
    } else {
        struct layout_node *d = &p->l->node[node];

        while (isalpha((unsigned char)p->at[n]) || p->at[n] == '_')
            n++;
        if (n == 0 || n >= sizeof d->name)
            return -1;
        memcpy(d->name, p->at, n);
        p->at += n;
        if (layout_find(p->l, d->name) != node)
            return -1;
    }
    blanks(p);
    while (isdigit((unsigned char)*p->at) && p->l->node[node].share < 100)
        p->l->node[node].share = p->l->node[node].share * 10 + (*p->at++ - '0');
    blanks(p);
    return node;
}

/* Items with one kind of sign between them, up to ')' or the end. */
static int parse_group(struct parser *p, int node)
{
    char sign = '\0';
    int last = -1;

    for (;;) {
        int item = parse_item(p);

        if (item < 0)
            return -1;
        if (last < 0)
            p->l->node[node].first = item;
        else
            p->l->node[last].next = item;
        last = item;
        if (*p->at != '|' && *p->at != '/')
            break;
        if (sign != '\0' && *p->at != sign)
            return -1; /* mixed: parentheses say which */
        sign = *p->at++;
    }
    p->l->node[node].beside = sign == '|';
    return 0;
}

spn_status layout_parse(struct layout *l, const char *text, struct spn_err *err)
{
    struct parser p = { text, l, err, text, 0 };

    l->n = 0;
    new_node(&p);
    if (parse_group(&p, 0) < 0 || *p.at != '\0')
        return spn_fail(err, SPN_EFORMAT, "layout \"%s\": not understood at \"%s\"", text, p.at);
    return SPN_OK;
}

int layout_find(const struct layout *l, const char *name)
{
    int i;

    for (i = 0; i < l->n; i++)
        if (l->node[i].name[0] != '\0' && strcmp(l->node[i].name, name) == 0)
            return i;
    return -1;
}

struct placing {
    const struct layout *l;
    struct layout_box *box;
    struct layout_split *split;
    int n, n_splits;
};

static bool hidden(const struct layout *l, int node)
{
    int i;

    if (l->node[node].first < 0)
        return l->node[node].hidden;
    for (i = l->node[node].first; i >= 0; i = l->node[i].next)
        if (!hidden(l, i))
            return false;
    return true;
}

/* The next part of a group that is placed, from NODE on; -1: none. */
static int shown_from(const struct layout *l, int node)
{
    while (node >= 0 && hidden(l, node))
        node = l->node[node].next;
    return node;
}

static void place(struct placing *p, int node, int top, int left, int rows, int columns)
{
    const struct layout_node *d = &p->l->node[node];
    int parts = 0, open = 0, given = 0, i, at = 0, all, left_over, next;

    if (d->first < 0) {
        p->box[p->n++] = (struct layout_box){ node, top, left, rows, columns };
        return;
    }
    for (i = shown_from(p->l, d->first); i >= 0; i = next) {
        next = shown_from(p->l, p->l->node[i].next);
        parts++;
        open += p->l->node[i].share == 0;
        given += p->l->node[i].share;
    }
    all = d->beside ? columns - (parts - 1) : rows; /* a column between, a title row above */
    left_over = 100 - given > 0 ? 100 - given : 0;
    for (i = shown_from(p->l, d->first); i >= 0; i = next) {
        next = shown_from(p->l, p->l->node[i].next);
        int share =
            p->l->node[i].share > 0 ? p->l->node[i].share : left_over / (open > 0 ? open : 1);
        int size = next < 0 ? all - at : all * share / 100;

        if (size < 2 && all - at >= 2)
            size = 2;
        if (size > all - at)
            size = all - at;
        if (size < 0)
            size = 0;
        if (d->beside) {
            place(p, i, top, left + at, rows, size);
            at += size;
            if (next >= 0) {
                p->split[p->n_splits++] =
                    (struct layout_split){ i, top, left + at, rows, true, left, columns };
                at++;
                all++; /* the border itself is no part of the sizes */
            }
        } else {
            place(p, i, top + at, left, size, columns);
            at += size;
            if (next >= 0)
                p->split[p->n_splits++] =
                    (struct layout_split){ i, top + at, left, columns, false, top, rows };
        }
    }
}

int layout_place(const struct layout *l, int top, int left, int rows, int columns,
                 struct layout_box box[LAYOUT_NODES_MAX],
                 struct layout_split split[LAYOUT_NODES_MAX], int *n_splits)
{
    struct placing p = { l, box, split, 0, 0 };

    place(&p, 0, top, left, rows, columns);
    *n_splits = p.n_splits;
    return p.n;
}
