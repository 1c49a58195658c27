/* store.c - page tables of sequences: append, fork, trim, keep, and the views that attention reads.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "lm/attention_block.h"
#include "lm/store_impl.h"

/* A layer's pages begin at a page of memory. */
enum { BLOCK = SPN_ATTENTION_BLOCK, AREA = 4096 };

bool lm_set_page(struct spn_kv *kv, int layer, struct lm_table *t, int32_t block, uint32_t page)
{
    const struct lm_pages *p = &kv->pages[layer];

    if (block >= t->room) {
        int32_t room = t->room < 8 ? 8 : t->room * 2;
        uint32_t *pg = spn_realloc(t->page, (size_t)room, sizeof *t->page);
        const void **k, **v;
        const int32_t **pos, **row;

        t->page = pg != NULL ? pg : t->page;
        k = spn_realloc((void *)t->k, (size_t)room, sizeof *t->k);
        t->k = k != NULL ? k : t->k;
        v = spn_realloc((void *)t->v, (size_t)room, sizeof *t->v);
        t->v = v != NULL ? v : t->v;
        pos = spn_realloc((void *)t->pos, (size_t)room, sizeof *t->pos);
        t->pos = pos != NULL ? pos : t->pos;
        row = spn_realloc((void *)t->row, (size_t)room, sizeof *t->row);
        t->row = row != NULL ? row : t->row;
        if (pg == NULL || k == NULL || v == NULL || pos == NULL || row == NULL)
            return false;
        t->room = room;
    }
    t->page[block] = page;
    t->k[block] = lm_page_k(p, page);
    t->v[block] = lm_page_v(p, page);
    t->pos[block] = lm_page_pos(p, page);
    t->row[block] = lm_page_row(p, page);
    return true;
}

static void table_free(struct lm_table *t)
{
    spn_free(t->page);
    spn_free((void *)t->k);
    spn_free((void *)t->v);
    spn_free((void *)t->pos);
    spn_free((void *)t->row);
}

/* Give back the pages of T from FIRST on. */
void lm_drop_pages(struct spn_kv *kv, int layer, struct lm_table *t, int32_t first)
{
    while (t->n_blocks > first)
        lm_page_unref(&kv->pages[layer], t->page[--t->n_blocks]);
}

/* Make page BLOCK of T its own. */
bool lm_own_page(struct spn_kv *kv, int layer, struct lm_table *t, int32_t block)
{
    struct lm_pages *p = &kv->pages[layer];
    uint32_t old = t->page[block], page;

    if (p->tier[lm_page_tier(old)].refs[lm_page_index(old)] == 1)
        return true;
    if (!lm_page_take(p, -1, &page))
        return false;
    lm_page_copy(p, page, old);
    lm_page_unref(p, old);
    return lm_set_page(kv, layer, t, block, page);
}

/* ---- what attention asks for ---- */

/* FROM [width] becomes key J of a page: a column of each head's [dim, BLOCK]. */
static void put_key(const struct spn_kv *kv, unsigned char *to, const float *from, int64_t width,
                    int64_t j)
{
    if (kv->dtype == SPN_F32) {
        float *at = (float *)(void *)to + j;

        for (int64_t d = 0; d < width; d++)
            at[d * BLOCK] = from[d];
    } else {
        enum { SOME = 64 };
        uint16_t *at = (uint16_t *)(void *)to + j, some[SOME];

        for (int64_t d = 0; d < width; d += SOME) {
            int64_t n = width - d < SOME ? width - d : SOME;

            lm_halve(from + d, n, some);
            for (int64_t i = 0; i < n; i++)
                at[(d + i) * BLOCK] = some[i];
        }
    }
}

/* FROM [width] becomes value J of a page: a row of each head's [BLOCK, dim]. */
static void put_value(const struct spn_kv *kv, unsigned char *to, const float *from, int64_t width,
                      int heads, int64_t j)
{
    int64_t dim = width / heads;
    size_t bytes = (size_t)dim * (kv->dtype == SPN_F16 ? 2 : 4);

    for (int h = 0; h < heads; h++) {
        unsigned char *at = to + (size_t)(h * BLOCK + j) * bytes;

        if (kv->dtype == SPN_F32)
            memcpy(at, from + h * dim, bytes);
        else
            lm_halve(from + h * dim, dim, (uint16_t *)(void *)at);
    }
}

static spn_status append(struct spn_store *s, int layer, const struct spn_rows *rows,
                         const float *k, const float *v)
{
    struct spn_kv *kv = (struct spn_kv *)s;
    const struct lm_pages *p = &kv->pages[layer];

    for (int64_t r = 0; r < rows->n; r++) {
        int32_t seq = rows->seq[r];
        struct lm_table *t;

        if (seq < 0 || seq >= kv->max_seqs || !kv->seq[seq].used)
            goto lost;
        t = &kv->seq[seq].table[layer];
        if (t->n >= (int64_t)t->n_blocks * BLOCK || rows->pos[r] < 0)
            goto lost;
        uint32_t page = t->page[t->n / BLOCK];
        int64_t j = t->n % BLOCK;

        if (spn_kv_refs(kv, layer, page) > 1)
            goto lost;
        if (t->n > 0 && rows->pos[r] <= t->pos[(t->n - 1) / BLOCK][(t->n - 1) % BLOCK])
            t->unordered = true;
        t->sparse = t->sparse || rows->pos[r] != t->n;
        put_key(kv, lm_page_k(p, page), k + r * p->width_k, p->width_k, j);
        put_value(kv, lm_page_v(p, page), v + r * p->width_v, p->width_v, p->heads, j);
        lm_page_pos(p, page)[j] = rows->pos[r];
        lm_page_row(p, page)[j] = rows->parent != NULL ? (int32_t)r : -1;
        t->tree = t->tree || rows->parent != NULL;
        t->n++;
        continue;
    lost:
        kv->lost_seq = seq;
        kv->lost_layer = layer;
        return SPN_EINTERNAL;
    }
    return SPN_OK;
}

static void keys(struct spn_store *s, int layer, int32_t seq, struct spn_keys *out)
{
    struct spn_kv *kv = (struct spn_kv *)s;
    const struct lm_table *t;

    memset(out, 0, sizeof *out);
    out->dtype = kv->dtype;
    if (seq < 0 || seq >= kv->max_seqs || !kv->seq[seq].used)
        return;
    t = &kv->seq[seq].table[layer];
    out->n = t->n;
    out->ordered = !t->unordered;
    out->dense = !t->unordered && !t->sparse;
    out->k = t->k;
    out->v = t->v;
    out->pos = t->pos;
    out->row = t->tree ? t->row : NULL;
}

static float *state(struct spn_store *s, int layer, int32_t seq)
{
    struct spn_kv *kv = (struct spn_kv *)s;

    if (seq < 0 || seq >= kv->max_seqs || !kv->seq[seq].used || kv->state_at[layer] < 0)
        return NULL;
    return kv->seq[seq].state + kv->state_at[layer];
}

static const struct spn_store_ops store_ops = { .append = append, .keys = keys, .state = state };

/* Does LAYER keep keys? */
static bool paged(const struct spn_kv *kv, int layer)
{
    return kv->pages[layer].width_k > 0;
}

spn_status spn_kv_check(struct spn_kv *kv, struct spn_err *err)
{
    int32_t seq = kv->lost_seq;

    kv->lost_seq = -1;
    if (seq == -1)
        return SPN_OK;
    return spn_fail(err, SPN_EINTERNAL,
                    "keys of sequence %d in layer %d had no place: reserve comes before a run",
                    (int)seq, kv->lost_layer);
}

/* ---- life of a store ---- */

static bool tier_bytes(const struct spn_kv_options *o, int tier, int32_t *pages, uint64_t *bytes)
{
    int64_t n = o->tokens[tier] / BLOCK + (o->tokens[tier] % BLOCK != 0);
    struct lm_pages page;
    uint64_t all;

    if (n < 0 || n > 0x0fffffff)
        return false;
    *pages = (int32_t)n;
    *bytes = 0;
    for (int l = 0; l < o->n_layer; l++)
        if (o->layer[l].width_k == 0)
            continue;
        else if (!lm_pages_size(&page, &o->layer[l], o->dtype) ||
                 !spn_mul_u64(page.bytes, (uint64_t)n, &all) || !spn_align_u64(all, AREA, &all) ||
                 !spn_add_u64(*bytes, all, bytes))
            return false;
    return true;
}

uint64_t spn_kv_bytes_for(const struct spn_kv_options *o)
{
    uint64_t total = 0, bytes;
    int32_t pages;

    for (int t = 0; t < o->n_tiers; t++)
        if (!tier_bytes(o, t, &pages, &bytes) || !spn_add_u64(total, bytes, &total))
            return UINT64_MAX;
    return total;
}

uint64_t spn_kv_state_bytes(const struct spn_kv_options *o)
{
    uint64_t n = 0;

    for (int l = 0; l < o->n_layer; l++)
        if (!spn_add_u64(n, (uint64_t)o->layer[l].state, &n))
            return UINT64_MAX;
    return spn_mul_u64(n, sizeof(float), &n) ? n : UINT64_MAX;
}

static spn_status check_options(const struct spn_kv_options *o, struct spn_err *err)
{
    if (o->n_layer < 1 || o->n_tiers < 1 || o->n_tiers > SPN_KV_TIERS || o->max_seqs < 1)
        return spn_fail(err, SPN_EUSAGE,
                        "a store of %d layers, %d tiers and %d sequences cannot be", o->n_layer,
                        o->n_tiers, o->max_seqs);
    if (o->dtype != SPN_F32 && o->dtype != SPN_F16)
        return spn_fail(err, SPN_EUSAGE, "keys cannot be kept as %s (f32 and f16 can)",
                        spn_dtype_name(o->dtype));
    for (int l = 0; l < o->n_layer; l++)
        if (o->layer[l].state < 0 || o->layer[l].width_k < (o->layer[l].state == 0) ||
            o->layer[l].width_v < 0 || o->layer[l].heads < 0 ||
            (o->layer[l].width_k == 0 && o->layer[l].width_v > 0) ||
            (o->layer[l].heads > 0 && (o->layer[l].width_k % o->layer[l].heads != 0 ||
                                       o->layer[l].width_v % o->layer[l].heads != 0)))
            return spn_fail(err, SPN_EUSAGE,
                            "layer %d: keys of %" PRId64 " and values of %" PRId64
                            " numbers in %d heads cannot be",
                            l, o->layer[l].width_k, o->layer[l].width_v, o->layer[l].heads);
    return SPN_OK;
}

static spn_status take_tier(struct spn_kv *kv, const struct spn_kv_options *o, int tier,
                            struct spn_err *err)
{
    uint64_t bytes, at = 0;
    int32_t n;

    if (!tier_bytes(o, tier, &n, &bytes) ||
        (kv->memory[tier] = spn_aligned_alloc(AREA, (size_t)bytes + 64)) == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for the keys and values of %" PRId64 " tokens",
                        o->tokens[tier]);
    for (int l = 0; l < kv->n_layer; l++) {
        if (!paged(kv, l))
            continue;
        if (!lm_pages_init(&kv->pages[l], tier, n, kv->memory[tier] + at))
            return spn_fail(err, SPN_ENOMEM, "no memory for the page lists of layer %d", l);
        spn_align_u64(at + kv->pages[l].bytes * (uint64_t)n, AREA, &at); /* as tier_bytes did */
    }
    return SPN_OK;
}

spn_status spn_kv_new(struct spn_kv **out, const struct spn_kv_options *o, struct spn_err *err)
{
    struct spn_kv *kv;
    spn_status st = check_options(o, err);

    if (st != SPN_OK)
        return st;
    kv = spn_calloc(1, sizeof *kv);
    if (kv == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for a store");
    kv->base.ops = &store_ops;
    kv->n_layer = o->n_layer;
    kv->n_tiers = o->n_tiers;
    kv->dtype = o->dtype;
    kv->max_seqs = o->max_seqs;
    kv->lost_seq = -1;
    kv->pages = spn_calloc((size_t)o->n_layer, sizeof *kv->pages);
    kv->seq = spn_calloc((size_t)o->max_seqs, sizeof *kv->seq);
    kv->state_at = spn_calloc((size_t)o->n_layer, sizeof *kv->state_at);
    if (kv->pages == NULL || kv->seq == NULL || kv->state_at == NULL)
        st = spn_fail(err, SPN_ENOMEM, "no memory for a store of %d layers and %d sequences",
                      o->n_layer, o->max_seqs);
    for (int l = 0; l < o->n_layer && st == SPN_OK; l++) {
        struct lm_pages *p = &kv->pages[l];

        kv->state_at[l] = o->layer[l].state > 0 ? kv->state_floats : -1;
        kv->state_floats += o->layer[l].state;
        p->state = o->layer[l].state;
        p->width_k = o->layer[l].width_k;
        p->width_v = o->layer[l].width_v;
        p->heads = o->layer[l].heads > 0 ? o->layer[l].heads : 1;
        p->n_tiers = o->n_tiers;
        if (paged(kv, l) &&
            !lm_pages_size(p, &o->layer[l], o->dtype))
            st = spn_fail(err, SPN_EUSAGE, "layer %d: keys of %" PRId64 " numbers overflow a page",
                          l, p->width_k);
    }
    for (int t = 0; t < o->n_tiers && st == SPN_OK; t++)
        st = take_tier(kv, o, t, err);
    if (st != SPN_OK) {
        spn_kv_free(kv);
        return st;
    }
    *out = kv;
    return SPN_OK;
}

void spn_kv_free(struct spn_kv *kv)
{
    if (kv == NULL)
        return;
    for (int i = 0; kv->seq != NULL && i < kv->max_seqs; i++) {
        for (int l = 0; kv->seq[i].table != NULL && l < kv->n_layer; l++)
            table_free(&kv->seq[i].table[l]);
        spn_free(kv->seq[i].table);
        spn_free(kv->seq[i].state);
    }
    for (int l = 0; kv->pages != NULL && l < kv->n_layer; l++)
        lm_pages_free(&kv->pages[l]);
    for (int t = 0; t < SPN_KV_TIERS; t++)
        spn_free(kv->memory[t]);
    spn_free(kv->state_at);
    spn_free(kv->pages);
    spn_free(kv->seq);
    spn_free(kv);
}

struct spn_store *spn_kv_store(struct spn_kv *kv)
{
    return &kv->base;
}

/* ---- sequences ---- */

/* Lengths change with every row, and sequences run on different cores: their tables share no lines,
   neighbours among them, which cores fetch together. */
static struct lm_table *new_tables(int n_layer)
{
    enum { APART = 256 };
    size_t bytes = ((size_t)n_layer * sizeof(struct lm_table) + APART - 1) / APART * APART;
    struct lm_table *t = spn_aligned_alloc(APART, bytes);

    if (t != NULL)
        memset(t, 0, bytes);
    return t;
}

spn_status spn_kv_seq_new(struct spn_kv *kv, int32_t *seq, struct spn_err *err)
{
    for (int32_t i = 0; i < kv->max_seqs; i++) {
        struct lm_kv_seq *s = &kv->seq[i];

        if (s->used)
            continue;
        if (s->table == NULL && (s->table = new_tables(kv->n_layer)) == NULL)
            return spn_fail(err, SPN_ENOMEM, "no memory for the page tables of sequence %d",
                            (int)i);
        if (kv->state_floats > 0 &&
            (s->state = spn_calloc((size_t)kv->state_floats, sizeof *s->state)) == NULL)
            return spn_fail(err, SPN_ENOMEM, "no memory for the states of sequence %d (%.1f MB)",
                            (int)i, (double)kv->state_floats * 4e-6);
        s->used = true;
        *seq = i;
        return SPN_OK;
    }
    return spn_fail(err, SPN_ENOMEM, "all %d sequences of the store are in use", kv->max_seqs);
}

void spn_kv_seq_free(struct spn_kv *kv, int32_t seq)
{
    spn_kv_trim(kv, seq, -1, 0);
    kv->seq[seq].used = false;
    spn_free(kv->seq[seq].state);
    kv->seq[seq].state = NULL;
}

spn_status spn_kv_seq_fork(struct spn_kv *kv, int32_t seq, int32_t *child, struct spn_err *err)
{
    int32_t c;
    spn_status st = spn_kv_seq_new(kv, &c, err);

    for (int l = 0; l < kv->n_layer && st == SPN_OK; l++) {
        const struct lm_table *from = &kv->seq[seq].table[l];
        struct lm_table *to = &kv->seq[c].table[l];

        for (int32_t b = 0; b < lm_blocks_of(from->n) && st == SPN_OK; b++) {
            if (!lm_set_page(kv, l, to, b, from->page[b])) {
                st = spn_fail(err, SPN_ENOMEM, "no memory for the page table of a fork");
                break;
            }
            lm_page_ref(&kv->pages[l], from->page[b]);
            to->n_blocks = b + 1;
        }
        to->n = from->n;
        to->tree = from->tree;
        to->unordered = from->unordered;
        to->sparse = from->sparse;
    }
    if (st == SPN_OK && kv->state_floats > 0)
        memcpy(kv->seq[c].state, kv->seq[seq].state,
               (size_t)kv->state_floats * sizeof *kv->seq[c].state);
    if (st == SPN_OK)
        *child = c;
    else if (st != SPN_OK && kv->seq[c].used)
        spn_kv_seq_free(kv, c);
    return st;
}

int64_t spn_kv_length(const struct spn_kv *kv, int32_t seq, int layer)
{
    return kv->seq[seq].table[layer].n;
}

/* Does writing at the end of T touch a page that others hold? */
static bool end_is_shared(const struct spn_kv *kv, int layer, const struct lm_table *t)
{
    if (t->n % BLOCK == 0 && t->n_blocks == t->n / BLOCK)
        return false;
    return spn_kv_refs(kv, layer, t->page[t->n / BLOCK]) > 1;
}

int64_t spn_kv_reserve_pages(const struct spn_kv *kv, int32_t seq, int64_t n)
{
    int64_t pages = 0;

    for (int l = 0; l < kv->n_layer; l++) {
        const struct lm_table *t = &kv->seq[seq].table[l];
        int64_t more = lm_blocks_of(t->n + n) - t->n_blocks;

        if (!paged(kv, l))
            continue;
        pages += (more > 0 ? more : 0) + end_is_shared(kv, l, t);
    }
    return pages;
}

spn_status spn_kv_reserve(struct spn_kv *kv, int32_t seq, int layer, int64_t n, struct spn_err *err)
{
    for (int l = layer < 0 ? 0 : layer; l < (layer < 0 ? kv->n_layer : layer + 1); l++) {
        struct lm_table *t = &kv->seq[seq].table[l];
        uint32_t page;

        if (!paged(kv, l))
            continue;
        if (end_is_shared(kv, l, t) && !lm_own_page(kv, l, t, (int32_t)(t->n / BLOCK)))
            return spn_fail(err, SPN_ENOMEM, "no page is left to copy one that sequences share");
        while (t->n_blocks < lm_blocks_of(t->n + n)) {
            if (!lm_page_take(&kv->pages[l], -1, &page))
                return spn_fail(err, SPN_ENOMEM,
                                "no page is left for %" PRId64 " keys more in layer %d", n, l);
            if (!lm_set_page(kv, l, t, t->n_blocks, page)) {
                lm_page_unref(&kv->pages[l], page);
                return spn_fail(err, SPN_ENOMEM, "no memory for a page table");
            }
            t->n_blocks++;
        }
    }
    return SPN_OK;
}

void spn_kv_trim(struct spn_kv *kv, int32_t seq, int layer, int64_t n)
{
    for (int l = layer < 0 ? 0 : layer; l < (layer < 0 ? kv->n_layer : layer + 1); l++) {
        struct lm_table *t = &kv->seq[seq].table[l];

        if (n < t->n)
            t->n = n;
        if (n == 0 && kv->state_at[l] >= 0)
            memset(kv->seq[seq].state + kv->state_at[l], 0,
                   (size_t)kv->pages[l].state * sizeof(float));
        if (t->n == 0)
            t->tree = t->unordered = t->sparse = false;
        lm_drop_pages(kv, l, t, lm_blocks_of(t->n));
    }
}

/* ---- shared blocks ---- */

bool spn_kv_share(struct spn_kv *kv, int32_t seq, int64_t block, uint32_t *page)
{
    if (kv->state_floats > 0)
        return false;
    for (int l = 0; l < kv->n_layer; l++)
        if (kv->seq[seq].table[l].n < (block + 1) * BLOCK || kv->seq[seq].table[l].tree)
            return false;
    for (int l = 0; l < kv->n_layer; l++) {
        page[l] = kv->seq[seq].table[l].page[block];
        lm_page_ref(&kv->pages[l], page[l]);
    }
    return true;
}

spn_status spn_kv_attach(struct spn_kv *kv, int32_t seq, const uint32_t *page, struct spn_err *err)
{
    for (int l = 0; l < kv->n_layer; l++) {
        struct lm_table *t = &kv->seq[seq].table[l];

        if (t->n % BLOCK != 0 || t->n_blocks != t->n / BLOCK)
            return spn_fail(err, SPN_EUSAGE, "layer %d: a block cannot follow %" PRId64 " keys", l,
                            t->n);
    }
    for (int l = 0; l < kv->n_layer; l++) {
        struct lm_table *t = &kv->seq[seq].table[l];

        if (!lm_set_page(kv, l, t, t->n_blocks, page[l])) {
            while (l-- > 0)
                spn_kv_trim(kv, seq, l, kv->seq[seq].table[l].n - BLOCK);
            return spn_fail(err, SPN_ENOMEM, "no memory for a page table");
        }
        lm_page_ref(&kv->pages[l], page[l]);
        for (int j = 0; j < BLOCK; j++)
            t->sparse = t->sparse || lm_page_pos(&kv->pages[l], page[l])[j] != t->n + j;
        t->n_blocks++;
        t->n += BLOCK;
    }
    return SPN_OK;
}

void spn_kv_release(struct spn_kv *kv, const uint32_t *page)
{
    for (int l = 0; l < kv->n_layer; l++)
        lm_page_unref(&kv->pages[l], page[l]);
}

int32_t spn_kv_refs(const struct spn_kv *kv, int layer, uint32_t page)
{
    return kv->pages[layer].tier[lm_page_tier(page)].refs[lm_page_index(page)];
}

void spn_kv_stats(const struct spn_kv *kv, struct spn_kv_stats *s)
{
    memset(s, 0, sizeof *s);
    for (int l = 0; l < kv->n_layer; l++)
        for (int t = 0; t < kv->n_tiers; t++) {
            s->pages_total += kv->pages[l].tier[t].n;
            s->pages_used += kv->pages[l].tier[t].n - kv->pages[l].tier[t].n_free;
            s->pages_shared += kv->pages[l].tier[t].n_shared;
        }
}

int64_t spn_kv_pages_free(const struct spn_kv *kv)
{
    int64_t least = INT64_MAX;

    for (int l = 0; l < kv->n_layer; l++)
        if (paged(kv, l) && lm_pages_left(&kv->pages[l]) < least)
            least = lm_pages_left(&kv->pages[l]);
    return least;
}
