/* screen_tree.c - the tree: layers that repeat are one row a kind, with a strip of norms over the
 * layers; the warnings below it. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "screen.h"
#include "verbs.h"

#define STRIP_CELLS 12
#define NAME_CELLS  28
/* The row of one layer: this and its place in the tree's order. */
#define LAYER_ID ((uint64_t)1 << 32)

const char *bytes_text(char *out, size_t room, uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double v = (double)bytes;
    size_t i = 0;

    while (v >= 1000 && i + 1 < sizeof units / sizeof *units) {
        v /= 1024;
        i++;
    }
    snprintf(out, room, i == 0 ? "%.0f %s" : "%.3g %s", v, units[i]);
    return out;
}

const char *short_name(char *out, size_t room, const char *name, size_t columns)
{
    static const char *const ends[][2] = { { ".weight", ".w" }, { ".bias", ".b" } };
    size_t n = strlen(name), head, tail;
    char shorter[256];

    columns = columns < room - 1 ? columns : room - 1;
    columns = columns < 8 ? 8 : columns;
    if (n <= columns) {
        snprintf(out, room, "%s", name);
        return out;
    }
    for (size_t i = 0; i < sizeof ends / sizeof *ends && n < sizeof shorter; i++) {
        size_t m = strlen(ends[i][0]);

        if (n > m && strcmp(name + n - m, ends[i][0]) == 0) {
            snprintf(shorter, sizeof shorter, "%.*s%s", (int)(n - m), name, ends[i][1]);
            name = shorter;
            n = strlen(shorter);
        }
    }
    if (n <= columns) {
        snprintf(out, room, "%s", name);
        return out;
    }
    head = (columns - 2) / 2;
    tail = columns - 2 - head;
    while (head > 0 && ((unsigned char)name[head] & 0xc0) == 0x80) /* no half a character */
        head--;
    while (tail > 0 && ((unsigned char)name[n - tail] & 0xc0) == 0x80)
        tail--;
    snprintf(out, room, "%.*s..%s", (int)head, name, name + n - tail);
    return out;
}

static const struct figure *figure_of(const struct sheet *s, const struct ckpt_row *row)
{
    return &s->figure[row - s->c.row];
}

static bool odd(const struct figure *f)
{
    return f->known && f->s.nan + f->s.inf > 0;
}

/* Norms of the layers of NODE from its smallest to its largest; '!' where something is no number,
   '?' where it is not counted yet; the cell of layer AT in brackets. */
static void strip(char *out, const struct sheet *s, const struct ckpt_node *node, int64_t at)
{
    static const char ramp[] = ".:-=+*#";
    double norm[STRIP_CELLS], lo = INFINITY, hi = -INFINITY;
    bool bad[STRIP_CELLS] = { false };
    int cells = node->tensors < STRIP_CELLS ? (int)node->tensors : STRIP_CELLS, mine = -1, k = 0;

    for (int i = 0; i < cells; i++) {
        size_t from = (size_t)i * node->tensors / (size_t)cells,
               to = (size_t)(i + 1) * node->tensors / (size_t)cells, n = 0;

        norm[i] = 0;
        for (size_t j = from; j < to; j++) {
            const struct figure *f = figure_of(s, s->tree.order[node->at + j]);

            bad[i] |= odd(f);
            norm[i] += f->known ? f->s.norm : 0;
            n += f->known;
            if ((int64_t)j == at)
                mine = i;
        }
        norm[i] = n > 0 ? norm[i] / (double)n : NAN;
        lo = norm[i] < lo ? norm[i] : lo;
        hi = norm[i] > hi ? norm[i] : hi;
    }
    for (int i = 0; i < cells; i++) {
        double share = hi > lo ? (norm[i] - lo) / (hi - lo) : 0.5;

        if (i == mine)
            out[k++] = '[';
        out[k++] = bad[i]           ? '!'
                   : isnan(norm[i]) ? '?'
                                    : ramp[(int)(share * (double)(sizeof ramp - 2) + 0.5)];
        if (i == mine)
            out[k++] = ']';
    }
    out[k] = '\0';
}

static bool repeats(const struct ckpt_node *n)
{
    return n->leaf && n->tensors > 1;
}

static bool any_odd(const struct sheet *s, const struct ckpt_node *n)
{
    for (size_t i = 0; i < n->tensors; i++)
        if (odd(figure_of(s, s->tree.order[n->at + i])))
            return true;
    return false;
}

static void put_row(struct look *l, struct spn_row *r, const char *name, const char *shape,
                    const char *type, uint64_t bytes, const char *norms, enum spn_style style)
{
    size_t lead = 2 * (size_t)r->depth + (r->group ? 2 : 0);
    char size[32], label[128];
    struct spn_field fields[] = { { short_name(label, sizeof label, name,
                                               NAME_CELLS > lead ? NAME_CELLS - lead : 0),
                                    NAN, style },
                                  { shape, NAN, SPN_STYLE_TEXT },
                                  { type, NAN, SPN_STYLE_DIM },
                                  { size, (double)bytes, SPN_STYLE_TEXT },
                                  { norms, NAN, style } };

    bytes_text(size, sizeof size, bytes);
    r->fields = fields;
    r->n = sizeof fields / sizeof *fields;
    l->api->row(l->tree, r);
}

/* The layers of a kind, a row each, below its own. */
static void put_layers(struct look *l, const struct ckpt_node *node)
{
    const struct sheet *s = l->sheet;

    for (size_t i = 0; i < node->tensors; i++) {
        const struct ckpt_row *row = s->tree.order[node->at + i];
        const struct figure *f = figure_of(s, row);
        char shape[200], norm[32] = "";
        struct spn_row r = { .id = LAYER_ID + node->at + i,
                             .depth = node->depth + 1,
                             .warning = odd(f) };

        if (f->known)
            snprintf(norm, sizeof norm, "%.4g%s", f->s.norm, odd(f) ? " !" : "");
        put_row(l, &r, row->e->name, shape_text(shape, sizeof shape, &row->e->t),
                spn_dtype_name(row->e->t.dtype), row->bytes, norm,
                odd(f) ? SPN_STYLE_BAD : SPN_STYLE_TEXT);
    }
}

void tree_fill(struct look *l)
{
    static const struct spn_column columns[] = { { "name", NAME_CELLS, false, 0 },
                                                 { "shape", 0, false, 3 },
                                                 { "type", 0, false, 4 },
                                                 { "bytes", 8, true, 1 },
                                                 { "norm by layer", STRIP_CELLS + 2, false, 2 } };
    const struct sheet *s = l->sheet;
    char title[80];

    l->dirty = false;
    if (l->mode != MODE_TREE || s == NULL)
        return;
    if (!l->columns_of_tree) { /* once: the person's order of the rows stays */
        l->api->columns(l->tree, columns, sizeof columns / sizeof *columns);
        l->columns_of_tree = true;
    }
    l->api->begin(l->tree);
    for (size_t i = 0; i < s->tree.n; i++) {
        const struct ckpt_node *n = &s->tree.node[i];
        bool bad = any_odd(s, n);
        char shape[200], norms[STRIP_CELLS + 4] = "";
        struct spn_row r = { .id = i + 1,
                             .depth = n->depth,
                             .group = !n->leaf || repeats(n),
                             .folded = repeats(n),
                             .warning = bad && n->leaf };

        if (!n->leaf)
            snprintf(shape, sizeof shape, "%zu tensors", n->tensors);
        else if (n->mixed)
            snprintf(shape, sizeof shape, "%zu, mixed", n->tensors);
        else
            shape_text(shape, sizeof shape, &n->first->t);
        if (repeats(n))
            strip(norms, s, n, i == l->node ? l->layer : -1);
        else if (n->leaf && figure_of(s, s->tree.order[n->at])->known)
            snprintf(norms, sizeof norms, "%.4g%s", figure_of(s, s->tree.order[n->at])->s.norm,
                     bad ? " !" : "");
        put_row(l, &r, n->label, shape,
                n->leaf && !n->mixed ? spn_dtype_name(n->first->t.dtype) : "", n->bytes, norms,
                bad && n->leaf ? SPN_STYLE_BAD : SPN_STYLE_TEXT);
        if (repeats(n))
            put_layers(l, n);
    }
    l->api->end(l->tree);
    snprintf(title, sizeof title, "tensors %zu%s", s->c.n, s->short_of != NULL ? ", not all" : "");
    l->api->title(l->tree, title);
}

void tree_warnings(struct look *l)
{
    static const struct spn_column columns[] = { { "", -1, false, 0 } };
    char title[60];

    l->api->columns(l->warnings, columns, 1);
    l->api->begin(l->warnings);
    for (size_t i = 0; i < l->n_warning; i++) {
        const struct warning *w = &l->warning[i];
        struct spn_buf b = SPN_BUF_INIT(140000);
        struct spn_field field = { "", NAN, SPN_STYLE_WARN };

        spn_buf_printf(&b, "%s: %s", w->name, w->text);
        field.text = b.data != NULL ? b.data : w->text;
        l->api->row(l->warnings,
                    &(struct spn_row){
                        .id = i + 1, .warning = true, .glyph = '!', .fields = &field, .n = 1 });
        spn_buf_free(&b);
    }
    l->api->end(l->warnings);
    snprintf(title, sizeof title,
             l->n_warning > 0      ? "warnings %zu"
             : l->counting != NULL ? "warnings: none so far"
                                   : "no warnings",
             l->n_warning);
    l->api->title(l->warnings, title);
}

/* ---- the choice ---- */

const struct ckpt_row *tree_row(const struct look *l)
{
    const struct ckpt_node *n;
    size_t layer;

    if (l->sheet == NULL || l->node >= l->sheet->tree.n)
        return NULL;
    n = &l->sheet->tree.node[l->node];
    if (!n->leaf)
        return NULL;
    layer = l->layer < 0 ? 0 : (size_t)l->layer < n->tensors ? (size_t)l->layer : n->tensors - 1;
    return l->sheet->tree.order[n->at + layer];
}

void tree_rule(struct look *l)
{
    const struct ckpt_row *row = tree_row(l);
    struct spn_buf b = SPN_BUF_INIT(70000);
    char shape[200];

    if (l->n_step > 0) {
        size_t from = l->at_step > 3 ? l->at_step - 3 : 0;

        spn_buf_puts(&b, from > 0 ? "run ..." : "run");
        for (size_t i = from; i < l->n_step && i < from + 7; i++)
            spn_buf_printf(&b, i == l->at_step ? " [%lld]" : " %lld", (long long)l->step[i].step);
        spn_buf_puts(&b, from + 7 < l->n_step ? " ...   " : "   ");
    }
    if (row != NULL && l->mode == MODE_TREE) {
        const struct ckpt_node *n = &l->sheet->tree.node[l->node];

        spn_buf_printf(&b, "%s   %s %s", row->e->name, spn_dtype_name(row->e->t.dtype),
                       shape_text(shape, sizeof shape, &row->e->t));
        if (repeats(n))
            spn_buf_printf(&b, "   %" PRId64 " of %zu", l->layer + 1, n->tensors);
        spn_buf_printf(&b, "   %s", file_text(&l->sheet->c, row->e));
    }
    l->api->rule(l->screen, b.data != NULL ? b.data : "");
    spn_buf_free(&b);
}

static void now_chosen(struct look *l)
{
    const struct ckpt_row *row = tree_row(l);

    spn_free(l->chosen);
    l->chosen = row != NULL ? spn_strdup(row->e->name) : NULL;
    l->window = (struct spn_window){ 0 };
    l->vals_row = l->vals_col = 0;
    tree_rule(l);
    look_ask(l);
}

void tree_chosen(struct look *l, uint64_t id)
{
    const struct sheet *s = l->sheet;

    if (s == NULL || s->tree.n == 0)
        return;
    if (id < LAYER_ID) {
        l->node = id >= 1 && id <= s->tree.n ? (size_t)id - 1 : 0;
    } else {
        size_t at = (size_t)(id - LAYER_ID);

        for (size_t i = 0; i < s->tree.n; i++)
            if (s->tree.node[i].leaf && at >= s->tree.node[i].at &&
                at < s->tree.node[i].at + s->tree.node[i].tensors) {
                l->node = i;
                l->layer = (int64_t)(at - s->tree.node[i].at);
            }
    }
    if (s->tree.node[l->node].leaf && l->layer >= (int64_t)s->tree.node[l->node].tensors)
        l->layer = (int64_t)s->tree.node[l->node].tensors - 1;
    tree_fill(l); /* the strip shows which layer */
    now_chosen(l);
}

void tree_layer(struct look *l, int by)
{
    const struct ckpt_node *n;
    int64_t layer;

    if (l->sheet == NULL || l->node >= l->sheet->tree.n ||
        !repeats(n = &l->sheet->tree.node[l->node])) {
        l->api->say(l->screen, "[ and ] pick a layer of a kind that repeats");
        return;
    }
    layer = l->layer + by;
    layer = layer < 0 ? 0 : layer >= (int64_t)n->tensors ? (int64_t)n->tensors - 1 : layer;
    if (layer == l->layer)
        return;
    l->layer = layer;
    tree_fill(l);
    now_chosen(l);
}

void tree_choose_name(struct look *l, const char *name)
{
    const struct sheet *s = l->sheet;

    for (size_t i = 0; s != NULL && i < s->tree.n; i++) {
        const struct ckpt_node *n = &s->tree.node[i];

        for (size_t k = 0; n->leaf && k < n->tensors; k++)
            if (strcmp(s->tree.order[n->at + k]->e->name, name) == 0) {
                l->layer = repeats(n) ? (int64_t)k : l->layer;
                l->api->choose(l->tree, i + 1);
                tree_chosen(l, i + 1);
                return;
            }
    }
    if (s != NULL)
        tree_chosen(l, 1);
}
