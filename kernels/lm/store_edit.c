/* store_edit.c - keys dropped, paths accepted, blocks moved between tiers. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "lm/store_impl.h"

enum { BLOCK = SPN_ATTENTION_BLOCK };

static void move_key_part(const struct spn_kv *kv, unsigned char *to, const unsigned char *from,
                          int64_t width, int64_t j, int64_t i)
{
    size_t elem = kv->dtype == SPN_F16 ? 2 : 4;

    for (int64_t d = 0; d < width; d++)
        memcpy(to + (size_t)(d * BLOCK + j) * elem, from + (size_t)(d * BLOCK + i) * elem, elem);
}

static void move_value(unsigned char *to, const unsigned char *from, uint64_t page_bytes, int heads,
                       int64_t j, int64_t i)
{
    size_t block = (size_t)page_bytes / (size_t)heads, bytes = block / BLOCK;

    for (int h = 0; h < heads; h++)
        memcpy(to + (size_t)h * block + (size_t)j * bytes,
               from + (size_t)h * block + (size_t)i * bytes, bytes);
}

/* Key FROM of a table moves to place TO. */
static void move_key(struct spn_kv *kv, int layer, struct lm_table *t, int64_t to, int64_t from)
{
    const struct lm_pages *p = &kv->pages[layer];
    uint32_t a = t->page[to / BLOCK], b = t->page[from / BLOCK];
    int64_t j = to % BLOCK, i = from % BLOCK;

    move_key_part(kv, lm_page_k(p, a), lm_page_k(p, b), p->width_k, j, i);
    move_value(lm_page_v(p, a), lm_page_v(p, b), p->bytes_v, p->heads, j, i);
    lm_page_pos(p, a)[j] = lm_page_pos(p, b)[i];
    lm_page_row(p, a)[j] = lm_page_row(p, b)[i];
}

/* First key that KEEP drops, or the length. */
static int64_t first_dropped(const struct lm_table *t, const bool *keep)
{
    int64_t i = 0;

    while (i < t->n && keep[i])
        i++;
    return i;
}

/* Pages from the first dropped key on become the sequence's own, before anything moves. */
static spn_status own_from(struct spn_kv *kv, int layer, struct lm_table *t, int64_t first,
                           struct spn_err *err)
{
    for (int32_t b = (int32_t)(first / BLOCK); b < lm_blocks_of(t->n); b++)
        if (!lm_own_page(kv, layer, t, b))
            return spn_fail(err, SPN_ENOMEM, "no page is left to copy one that sequences share");
    return SPN_OK;
}

static void compact(struct spn_kv *kv, int layer, struct lm_table *t, const bool *keep)
{
    int64_t to = first_dropped(t, keep);

    for (int64_t i = to; i < t->n; i++)
        if (keep[i])
            move_key(kv, layer, t, to++, i);
    t->sparse = t->sparse || to < t->n; /* none is left behind a key that went, or it moved */
    t->n = to;
    lm_drop_pages(kv, layer, t, lm_blocks_of(to));
}

spn_status spn_kv_keep(struct spn_kv *kv, int32_t seq, int layer, const bool *keep,
                       struct spn_err *err)
{
    int first = layer < 0 ? 0 : layer, end = layer < 0 ? kv->n_layer : layer + 1;
    spn_status st = SPN_OK;

    for (int l = first; l < end && st == SPN_OK; l++) {
        struct lm_table *t = &kv->seq[seq].table[l];

        st = own_from(kv, l, t, first_dropped(t, keep), err);
    }
    for (int l = first; l < end && st == SPN_OK; l++)
        compact(kv, l, &kv->seq[seq].table[l], keep);
    return st;
}

static bool among(const int32_t *rows, int64_t n, int32_t row)
{
    for (int64_t i = 0; i < n; i++)
        if (rows[i] == row)
            return true;
    return false;
}

spn_status spn_kv_accept(struct spn_kv *kv, int32_t seq, const int32_t *rows, int64_t n,
                         struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (int l = 0; l < kv->n_layer && st == SPN_OK; l++) {
        struct lm_table *t = &kv->seq[seq].table[l];
        bool *keep = spn_calloc((size_t)t->n + 1, sizeof *keep);
        int64_t first;

        if (keep == NULL)
            return spn_fail(err, SPN_ENOMEM, "no memory to accept a path among %" PRId64 " keys",
                            t->n);
        for (int64_t i = 0; i < t->n; i++) {
            int32_t row = t->row[i / BLOCK][i % BLOCK];

            keep[i] = row < 0 || among(rows, n, row);
        }
        first = first_dropped(t, keep);
        st = own_from(kv, l, t, first, err);
        if (st == SPN_OK) {
            compact(kv, l, t, keep);
            /* Keys of the step lie at the end: they are ordinary keys from now on. */
            for (int64_t i = t->n - 1; i >= 0 && t->row[i / BLOCK][i % BLOCK] >= 0; i--)
                lm_page_row(&kv->pages[l], t->page[i / BLOCK])[i % BLOCK] = -1;
            t->tree = t->unordered = false;
            t->sparse = t->n > 0 && t->pos[0][0] != 0;
            for (int64_t i = 1; i < t->n; i++) {
                t->sparse = t->sparse || t->pos[i / BLOCK][i % BLOCK] != i;
                t->unordered = t->unordered || t->pos[i / BLOCK][i % BLOCK] <=
                                                   t->pos[(i - 1) / BLOCK][(i - 1) % BLOCK];
            }
        }
        spn_free(keep);
    }
    return st;
}

spn_status spn_kv_move(struct spn_kv *kv, int32_t seq, int layer, int64_t block, int tier,
                       struct spn_err *err)
{
    struct lm_table *t = &kv->seq[seq].table[layer];
    struct lm_pages *p = &kv->pages[layer];
    uint32_t page, old;

    if (block < 0 || block >= t->n_blocks || tier < 0 || tier >= kv->n_tiers)
        return spn_fail(err, SPN_EUSAGE, "block %" PRId64 " of %d cannot move to tier %d of %d",
                        block, (int)t->n_blocks, tier, kv->n_tiers);
    old = t->page[block];
    if (lm_page_tier(old) == tier)
        return SPN_OK;
    if (!lm_page_take(p, tier, &page))
        return spn_fail(err, SPN_ENOMEM, "tier %d has no page left in layer %d", tier, layer);
    lm_page_copy(p, page, old);
    lm_page_unref(p, old);
    lm_set_page(kv, layer, t, (int32_t)block, page); /* within the table's room: cannot fail */
    return SPN_OK;
}
