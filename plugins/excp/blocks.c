/* blocks.c - groups of blocks coded side by side, written in order. */
#include "config.h"

#include "blocks.h"

#include <string.h>

#include "base/mem.h"
#include "range.h"

#define GROUP_A_THREAD 4 /* blocks in memory */

struct group {
    const struct excp_grid *g;
    size_t first, n, room;
    unsigned char *const *packed;
    struct spn_buf *bytes; /* [room] */
    spn_status *st;
    struct spn_err *err;
};

static struct excp_grid grid_of(const struct excp_work *w, const struct excp_rule *rule,
                                const struct excp_row *row)
{
    const struct spn_tensor *t = &row->param->weight;
    struct excp_grid g = { .joint = rule->joint, .n = w->a.n, .columns = w->a.n };

    if (t->ndim > 1 && t->dim[t->ndim - 1] > 0)
        g.columns = (size_t)t->dim[t->ndim - 1];
    for (int k = 0; k < EXCP_PARTS; k++)
        g.bits[k] = w->a.x[k] != NULL ? rule->bits[k] : 0;
    if (g.columns == 0)
        g.columns = 1;
    return g;
}

static void group_free(struct group *p)
{
    for (size_t i = 0; p->bytes != NULL && i < p->room; i++)
        spn_buf_free(&p->bytes[i]);
    spn_free(p->bytes);
    spn_free(p->st);
    spn_free(p->err);
}

static spn_status group_new(struct group *p, const struct excp_grid *g, const struct excp_work *w,
                            struct spn_pool *pool, struct spn_err *err)
{
    size_t all = excp_blocks(g), most = (size_t)spn_pool_threads(pool) * GROUP_A_THREAD;

    *p = (struct group){ .g = g, .room = all < most ? all : most, .packed = w->packed };
    p->bytes = spn_calloc(p->room + 1, sizeof *p->bytes);
    p->st = spn_calloc(p->room + 1, sizeof *p->st);
    p->err = spn_calloc(p->room + 1, sizeof *p->err);
    if (p->bytes == NULL || p->st == NULL || p->err == NULL) {
        group_free(p);
        return spn_fail(err, SPN_ENOMEM, "excp: no memory for %zu blocks", p->room);
    }
    for (size_t i = 0; i < p->room; i++)
        p->bytes[i] = (struct spn_buf)SPN_BUF_INIT(SIZE_MAX / 2);
    return SPN_OK;
}

/* The next blocks; false: there are none. */
static bool group_next(struct group *p)
{
    size_t all = excp_blocks(p->g);

    p->first += p->n;
    p->n = all - p->first < p->room ? all - p->first : p->room;
    for (size_t i = 0; i < p->n; i++)
        spn_buf_trim(&p->bytes[i], 0);
    return p->n > 0;
}

static spn_status group_status(const struct group *p, struct spn_err *err)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->st[i] != SPN_OK) {
            if (err != NULL)
                *err = p->err[i];
            return p->st[i];
        }
    return SPN_OK;
}

static void encode(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct group *p = ctx;

    for (int64_t i = begin; i < end; i++)
        p->st[i] = excp_block_encode(p->g, p->first + (size_t)i,
                                     (const unsigned char *const *)p->packed, &p->bytes[i],
                                     &p->err[i]);
}

static void decode(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct group *p = ctx;

    for (int64_t i = begin; i < end; i++)
        p->st[i] = excp_block_decode(p->g, p->first + (size_t)i,
                                     (const unsigned char *)p->bytes[i].data, p->bytes[i].length,
                                     p->packed, &p->err[i]);
}

spn_status excp_blocks_write(struct excp_writer *to, const struct excp_work *w,
                             const struct excp_rule *rule, const struct excp_row *row,
                             struct spn_pool *pool, struct spn_err *err)
{
    struct excp_grid g = grid_of(w, rule, row);
    struct group p;
    spn_status st = group_new(&p, &g, w, pool, err);

    if (st != SPN_OK)
        return st;
    while (st == SPN_OK && group_next(&p)) {
        spn_pool_run(pool, (int64_t)p.n, 1, encode, &p);
        st = group_status(&p, err);
        for (size_t i = 0; st == SPN_OK && i < p.n; i++) {
            uint32_t n = (uint32_t)p.bytes[i].length; /* at most 3 MiB */

            st = excp_writer_add(to, 1, &n, sizeof n, err);
            if (st == SPN_OK && n > 0)
                st = excp_writer_add(to, 1, p.bytes[i].data, n, err);
        }
        if (st == SPN_OK)
            st = excp_writer_flush(to, err);
    }
    group_free(&p);
    return st;
}

spn_status excp_blocks_measure(double *bytes, const struct excp_work *w,
                               const struct excp_rule *rule, const struct excp_row *row,
                               struct spn_pool *pool, struct spn_err *err)
{
    struct excp_grid g = grid_of(w, rule, row);
    struct group p;
    spn_status st = group_new(&p, &g, w, pool, err);

    *bytes = 0;
    if (st != SPN_OK)
        return st;
    while (st == SPN_OK && group_next(&p)) {
        spn_pool_run(pool, (int64_t)p.n, 1, encode, &p);
        st = group_status(&p, err);
        for (size_t i = 0; i < p.n; i++)
            *bytes += sizeof(uint32_t) + (double)p.bytes[i].length;
    }
    group_free(&p);
    return st;
}

static spn_status read_block(struct group *p, size_t i, struct excp_reader *from, const char *path,
                             struct spn_err *err)
{
    size_t plain = excp_block_plain(p->g, p->first + i);
    struct spn_buf *b = &p->bytes[i];
    uint32_t n = 0;
    spn_status st = excp_reader_get(from, 1, &n, sizeof n, err);

    if (st == SPN_OK && n > plain)
        st = spn_fail(err, SPN_EFORMAT, "%s: a block of %u bytes for %zu bytes of indices", path,
                      n, plain);
    while (st == SPN_OK && b->length < n) {
        char part[16384];
        size_t more = n - b->length < sizeof part ? n - b->length : sizeof part;

        st = excp_reader_get(from, 1, part, more, err);
        if (st == SPN_OK && spn_buf_add(b, part, more) != SPN_OK)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory for a block of %u bytes", path, n);
    }
    return st;
}

spn_status excp_blocks_read(struct excp_reader *from, struct excp_work *w,
                            const struct excp_rule *rule, const struct excp_row *row,
                            struct spn_pool *pool, const char *path, struct spn_err *err)
{
    struct excp_grid g = grid_of(w, rule, row);
    struct group p;
    spn_status st = group_new(&p, &g, w, pool, err);

    if (st != SPN_OK)
        return st;
    while (st == SPN_OK && group_next(&p)) {
        for (size_t i = 0; st == SPN_OK && i < p.n; i++)
            st = read_block(&p, i, from, path, err);
        if (st == SPN_OK) {
            spn_pool_run(pool, (int64_t)p.n, 1, decode, &p);
            st = group_status(&p, err);
        }
    }
    group_free(&p);
    return st;
}
