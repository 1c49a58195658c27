/* rows_order.c - which rows of a pane are shown, and in what order: folds, filter, sorting. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "screen/rows.h"

static const struct rows *sorting; /* qsort has no argument for it; main thread only */

static int compare(const void *a, const void *b)
{
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const struct field *x = rows_field(sorting, &sorting->now.row[i], sorting->sort);
    const struct field *y = rows_field(sorting, &sorting->now.row[k], sorting->sort);
    bool nx = !isnan(x->number), ny = !isnan(y->number);
    int order;

    if (nx != ny) /* figures before words, whichever way round */
        return nx ? -1 : 1;
    order = nx ? (x->number > y->number) - (x->number < y->number) : strcasecmp(x->text, y->text);
    if (sorting->turned)
        order = -order;
    return order != 0 ? order : (i > k) - (i < k);
}

static size_t end_of(const struct rows *r, size_t i, size_t to)
{
    int depth = r->now.row[i].depth;

    for (i++; i < to && r->now.row[i].depth > depth; i++)
        continue;
    return i;
}

/* Append rows [from, to) to OUT, siblings in order; headings part what is sorted. */
static size_t order_rows(struct rows *r, size_t from, size_t to, size_t *out)
{
    size_t i = from, n = 0, k, taken = 0, *sibling;

    sibling = spn_calloc(to - from + 1, sizeof *sibling);
    while (i < to) {
        for (n = 0; i < to && !r->now.row[i].heading; i = end_of(r, i, to))
            sibling[n++] = i;
        if (r->sort >= 0) {
            sorting = r;
            qsort(sibling, n, sizeof *sibling, compare);
        }
        for (k = 0; k < n; k++) {
            size_t last = end_of(r, sibling[k], to);

            out[taken++] = sibling[k];
            if (last > sibling[k] + 1)
                taken += order_rows(r, sibling[k] + 1, last, out + taken);
        }
        if (i < to)
            out[taken++] = i++;
    }
    spn_free(sibling);
    return taken;
}

static bool matches(const struct rows *r, const struct row *row, const char *what)
{
    int i;

    for (i = 0; i < row->n; i++) {
        const char *text = rows_field(r, row, i)->text;

        if (find_text(text, strlen(text), what) >= 0)
            return true;
    }
    return false;
}

/* KEEP[i]: row i or one below it matches. */
static void filter(const struct rows *r, const char *what, bool *keep)
{
    size_t last[ROWS_DEPTH_MAX + 1] = { 0 }, i;
    int d;

    for (i = 0; i < r->now.n; i++) {
        const struct row *row = &r->now.row[i];

        last[row->depth] = i;
        keep[i] = !row->heading && matches(r, row, what);
        for (d = 0; keep[i] && d < row->depth; d++)
            if (r->now.row[last[d]].depth == d)
                keep[last[d]] = true;
    }
}

void rows_arrange(struct spn_pane *p)
{
    struct rows *r = p->content;
    size_t *order = spn_calloc(r->now.n + 1, sizeof *order), i, n, kept = 0;
    bool *keep = spn_calloc(r->now.n + 1, sizeof *keep);
    bool filtered = p->search != NULL && p->search[0] != '\0', had = r->has_choice;
    size_t was = had && r->choice < r->n_shown ? r->shown[r->choice] : SIZE_MAX;
    int hide = -1;

    spn_free(r->shown);
    r->shown = order;
    r->n_shown = 0;
    r->has_choice = false;
    if (order == NULL || keep == NULL) {
        spn_free(keep);
        return;
    }
    if (filtered)
        filter(r, p->search, keep);
    n = order_rows(r, 0, r->now.n, order);
    for (i = 0; i < n; i++) {
        const struct row *row = &r->now.row[order[i]];

        if (hide >= 0 && row->depth > hide)
            continue;
        hide = -1;
        if (filtered && !keep[order[i]])
            continue;
        if (row->group && row->folded && !filtered)
            hide = row->depth;
        if (order[i] == was) {
            r->choice = kept;
            r->has_choice = true;
        }
        order[kept++] = order[i];
    }
    r->n_shown = kept;
    if (!r->has_choice) { /* the nearest row that can be chosen */
        if (r->choice >= kept)
            r->choice = kept > 0 ? kept - 1 : 0;
        for (i = r->choice; i < kept && r->now.row[order[i]].heading; i++)
            continue;
        for (; i > 0 && (i >= kept || r->now.row[order[i]].heading); i--)
            continue;
        r->has_choice = i < kept && !r->now.row[order[i]].heading;
        r->choice = r->has_choice ? i : 0;
    }
    p->note[0] = '\0';
    if (filtered)
        snprintf(p->note, sizeof p->note, "%zu of %zu", kept, r->now.n);
    spn_free(keep);
}
