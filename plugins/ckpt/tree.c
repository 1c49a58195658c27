/* tree.c - rows by the parts of their names; layers that repeat are one line. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "checkpoint.h"

#define NAME_BYTES_MAX 65536
#define PARTS_MAX      64 /* deeper names keep their rest as one part */

static bool is_number(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return n > 0;
}

static size_t part_length(const char *s)
{
    return strcspn(s, "./");
}

spn_status ckpt_kind(struct spn_buf *out, const char *name)
{
    spn_status st = SPN_OK;

    while (st == SPN_OK && *name != '\0') {
        size_t n = part_length(name), mark = name[n] != '\0';

        if (is_number(name, n)) {
            st = spn_buf_puts(out, "*");
            if (st == SPN_OK)
                st = spn_buf_add(out, name + n, mark);
        } else {
            st = spn_buf_add(out, name, n + mark);
        }
        name += n + mark;
    }
    return st;
}

struct line { /* a row on its way into the tree */
    const struct ckpt_row *row;
    char *path; /* its name, or its kind */
};

static int by_path(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int order = ckpt_compare_names(x->path, y->path);

    if (order == 0)
        order = strcmp(x->path, y->path);
    return order != 0 ? order : ckpt_compare_names(x->row->e->name, y->row->e->name);
}

static spn_status add_node(struct ckpt_tree *t, const char *path, size_t length,
                           struct spn_buf *label, int depth, struct spn_err *err)
{
    struct ckpt_node *grown, *o;

    if (t->n == t->room) {
        size_t want = t->room + t->room / 2 + 64;

        grown = spn_realloc(t->node, want, sizeof *t->node);
        if (grown == NULL)
            return spn_fail(err, SPN_ENOMEM, "tree: no memory for %zu lines", want);
        t->node = grown;
        t->room = want;
    }
    o = &t->node[t->n++];
    *o = (struct ckpt_node){ .depth = depth };
    o->prefix = spn_strndup(path, length);
    o->label = spn_buf_steal(label);
    if (o->prefix == NULL || o->label == NULL)
        return spn_fail(err, SPN_ENOMEM, "tree: no memory for a line");
    return SPN_OK;
}

static bool same_kind(const struct spn_tensor *a, const struct spn_tensor *b)
{
    if (a->dtype != b->dtype || a->ndim != b->ndim)
        return false;
    for (int d = 0; d < a->ndim; d++)
        if (a->dim[d] != b->dim[d])
            return false;
    return true;
}

static void count_in(struct ckpt_node *o, const struct ckpt_row *r)
{
    if (o->first == NULL)
        o->first = r->e;
    o->mixed |= !same_kind(&o->first->t, &r->e->t);
    o->tensors++;
    o->numbers += r->numbers;
    o->bytes += r->bytes;
}

/* One part of a label: its text, or for a "*" the numbers that it stands for: "0..23". */
static spn_status add_label(struct spn_buf *label, const char *text, size_t length,
                            const struct line *line, size_t n, int part)
{
    uint64_t lo = UINT64_MAX, hi = 0;

    if (length != 1 || text[0] != '*')
        return spn_buf_add(label, text, length);
    for (size_t i = 0; i < n; i++) {
        const char *p = line[i].row->e->name;
        uint64_t v;

        for (int k = 0; k < part; k++)
            p += part_length(p) + 1;
        v = strtoull(p, NULL, 10);
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
    }
    return spn_buf_printf(label, lo == hi ? "%" PRIu64 : "%" PRIu64 "..%" PRIu64, lo, hi);
}

/* Lines that follow LINE[0] and have the same part at OFFSET; LENGTH is that part's. */
static size_t same_part(const struct line *line, size_t n, size_t offset, size_t length)
{
    const char *first = line[0].path + offset;
    size_t end = 1;

    while (end < n && strncmp(line[end].path + offset, first, length) == 0 &&
           line[end].path[offset + length] == first[length])
        end++;
    return end;
}

/* Bytes of the part of PATH at OFFSET.  What a layer is made of is one list, however deep its
   modules lie: after the last number the rest of a name is one part. */
static size_t length_of_part(const char *path, size_t offset, int part)
{
    const char *p = path + offset;
    bool in_layer = offset >= 2 && p[-2] == '*' && (offset == 2 || p[-3] == '.' || p[-3] == '/');

    return part + 1 < PARTS_MAX && !(in_layer && strchr(p, '*') == NULL) ? part_length(p)
                                                                         : strlen(p);
}

/* Lines LINE[0..n), from FIRST on of all, which agree in their first PART parts, OFFSET bytes; they
   are shown at LEVEL. */
static spn_status add_lines(struct ckpt_tree *t, const struct line *line, size_t n, size_t first,
                            size_t offset, int part, int level, int depth, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && i < n;) {
        size_t length = length_of_part(line[i].path, offset, part), at = t->n,
               same = same_part(line + i, n - i, offset, length), end = offset + length;
        struct spn_buf label = SPN_BUF_INIT(NAME_BYTES_MAX);
        int next = part + 1;

        st = add_label(&label, line[i].path + offset, length, line + i, same, part);
        /* A part with nothing beside the one below it shares its line. */
        while (st == SPN_OK && line[i].path[end] != '\0') {
            size_t more = length_of_part(line[i].path, end + 1, next);

            if (same_part(line + i, same, end + 1, more) != same)
                break;
            st = spn_buf_add(&label, line[i].path + end, 1);
            if (st == SPN_OK)
                st = add_label(&label, line[i].path + end + 1, more, line + i, same, next);
            end += 1 + more;
            next++;
        }
        if (st == SPN_OK)
            st = add_node(t, line[i].path, end, &label, level, err);
        else
            st = spn_fail(err, SPN_ENOMEM, "tree: no memory for a line");
        spn_buf_free(&label);
        if (st != SPN_OK)
            break;
        for (size_t k = i; k < i + same; k++)
            count_in(&t->node[at], line[k].row);
        t->node[at].at = first + i;
        t->node[at].leaf = line[i].path[end] == '\0';
        if (!t->node[at].leaf && (depth == 0 || level + 1 < depth))
            st = add_lines(t, line + i, same, first + i, end + 1, next, level + 1, depth, err);
        i += same;
    }
    return st;
}

spn_status ckpt_tree_build(struct ckpt_tree *t, const struct ckpt *c, bool fold, int depth,
                           struct spn_err *err)
{
    struct line *line = spn_calloc(c->n + 1, sizeof *line);
    spn_status st = SPN_OK;

    *t = (struct ckpt_tree){ 0 };
    t->order = spn_calloc(c->n + 1, sizeof *t->order);
    if (line == NULL || t->order == NULL) {
        spn_free(line);
        ckpt_tree_free(t);
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for its tree", c->path);
    }
    for (size_t i = 0; st == SPN_OK && i < c->n; i++) {
        struct spn_buf b = SPN_BUF_INIT(NAME_BYTES_MAX);

        line[i].row = &c->row[i];
        st = fold ? ckpt_kind(&b, c->row[i].e->name) : spn_buf_puts(&b, c->row[i].e->name);
        if (st == SPN_OK)
            line[i].path = spn_buf_steal(&b);
        if (line[i].path == NULL)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory for the name of tensor %zu", c->path, i);
        spn_buf_free(&b);
    }
    if (st == SPN_OK && c->n > 1)
        qsort(line, c->n, sizeof *line, by_path);
    for (size_t i = 0; i < c->n; i++)
        t->order[i] = line[i].row;
    if (st == SPN_OK)
        st = add_lines(t, line, c->n, 0, 0, 0, 0, depth, err);
    for (size_t i = 0; i < c->n; i++)
        spn_free(line[i].path);
    spn_free(line);
    if (st != SPN_OK)
        ckpt_tree_free(t);
    return st;
}

void ckpt_tree_free(struct ckpt_tree *t)
{
    for (size_t i = 0; i < t->n; i++) {
        spn_free(t->node[i].label);
        spn_free(t->node[i].prefix);
    }
    spn_free(t->node);
    spn_free(t->order);
    *t = (struct ckpt_tree){ 0 };
}
