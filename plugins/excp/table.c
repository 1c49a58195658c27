/* table.c - rows of the table, written and checked. */
#include "config.h"

#include "table.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define NAME_BYTES_MAX (1u << 20)

const struct spn_tensor *excp_part(const struct spn_codec_param *p, int k)
{
    return k == EXCP_R ? &p->weight : k == EXCP_E1 ? &p->exp_avg : &p->exp_avg_sq;
}

/* A part is there when it has numbers. */
static uint32_t parts_of(const struct spn_codec_param *p)
{
    uint32_t parts = 0;

    for (int k = 0; k < EXCP_PARTS; k++)
        parts |= (uint32_t)(excp_part(p, k)->data != NULL) << k;
    return parts;
}

static void add_u32(struct spn_buf *b, uint32_t v)
{
    spn_buf_add(b, &v, sizeof v);
}

spn_status excp_row_put(const struct excp_row *row, struct excp_writer *w, struct spn_err *err)
{
    const struct spn_tensor *t = &row->param->weight;
    struct spn_buf b = SPN_BUF_INIT(4u << 20);
    uint32_t parts = parts_of(row->param);
    spn_status st;

    add_u32(&b, (uint32_t)strlen(row->param->name));
    spn_buf_puts(&b, row->param->name);
    add_u32(&b, (uint32_t)t->ndim);
    spn_buf_add(&b, t->dim, (size_t)t->ndim * sizeof *t->dim);
    add_u32(&b, parts);
    add_u32(&b, row->raw);
    spn_buf_add(&b, &row->cut.rho, 8);
    spn_buf_add(&b, &row->cut.tau, 4);
    spn_buf_add(&b, &row->cut.s, 4);
    add_u32(&b, row->before_crc);
    for (int k = 0; k < EXCP_PARTS; k++) {
        if (!(parts >> k & 1))
            continue;
        add_u32(&b, row->crc[k]);
        if (row->raw)
            continue;
        spn_buf_add(&b, &row->count[k], 8);
        add_u32(&b, (uint32_t)row->book[k].k);
        spn_buf_add(&b, row->book[k].c, (size_t)row->book[k].k * sizeof *row->book[k].c);
    }
    st = b.failed ? spn_fail(err, SPN_ENOMEM, "%s: no memory for its row", row->param->name)
                  : excp_writer_add(w, EXCP_TABLE, b.data, b.length, err);
    spn_buf_free(&b);
    return st;
}

static spn_status get(struct excp_reader *r, void *to, size_t n, spn_status st, struct spn_err *err)
{
    return st == SPN_OK ? excp_reader_get(r, EXCP_TABLE, to, n, err) : st;
}

/* The name, which has to be that of the parameter. */
static spn_status get_name(struct excp_reader *r, const char *wanted, const char *path,
                           struct spn_err *err)
{
    uint32_t n = 0;
    char *name = NULL;
    spn_status st = get(r, &n, sizeof n, SPN_OK, err);

    if (st == SPN_OK && n > NAME_BYTES_MAX)
        return spn_fail(err, SPN_EFORMAT, "%s: a name of %u bytes", path, n);
    if (st == SPN_OK && (name = spn_calloc(n + 1, 1)) == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for a name of %u bytes", path, n);
    st = get(r, name, n, st, err);
    if (st == SPN_OK && (strlen(name) != n || strcmp(name, wanted) != 0))
        st = spn_fail(err, SPN_EFORMAT, "%s: holds another parameter in the place of %s", path,
                      wanted);
    spn_free(name);
    return st;
}

static spn_status get_book(struct excp_row *row, int k, const struct excp_rule *rule, size_t elems,
                           struct excp_reader *r, const char *path, struct spn_err *err)
{
    struct excp_book *b = &row->book[k];
    uint32_t centres = 0;
    spn_status st = get(r, &row->count[k], 8, SPN_OK, err);

    st = get(r, &centres, 4, st, err);
    if (st == SPN_OK && (centres >= 1u << rule->bits[k] || row->count[k] > elems))
        return spn_fail(err, SPN_EFORMAT, "%s: %s has %u centres of %d bits, %llu indices", path,
                        row->param->name, centres, rule->bits[k],
                        (unsigned long long)row->count[k]);
    st = get(r, b->c, (size_t)centres * sizeof *b->c, st, err);
    b->k = st == SPN_OK ? (int)centres : 0;
    for (int c = 0; st == SPN_OK && c < b->k; c++)
        if (!isfinite(b->c[c]))
            st = spn_fail(err, SPN_EFORMAT, "%s: a centre of %s is no number", path,
                          row->param->name);
    return st;
}

spn_status excp_row_get(struct excp_row *row, const struct excp_rule *rule, struct excp_reader *r,
                        const char *path, struct spn_err *err)
{
    const struct spn_tensor *t = &row->param->weight;
    size_t elems = (size_t)spn_tensor_elems(t);
    int64_t dim[SPN_DIMS_MAX] = { 0 };
    uint32_t ndim = 0, parts = 0, raw = 0;
    spn_status st = get_name(r, row->param->name, path, err);

    st = get(r, &ndim, 4, st, err);
    if (st == SPN_OK && ndim == (uint32_t)t->ndim)
        st = get(r, dim, ndim * sizeof *dim, st, err);
    if (st == SPN_OK && (ndim != (uint32_t)t->ndim || memcmp(dim, t->dim, ndim * sizeof *dim) != 0))
        st = spn_fail(err, SPN_EFORMAT, "%s: %s has another shape", path, row->param->name);
    st = get(r, &parts, 4, st, err);
    st = get(r, &raw, 4, st, err);
    if (st == SPN_OK && (parts != parts_of(row->param) || raw > 1))
        st = spn_fail(err, SPN_EFORMAT, "%s: %s has other moments", path, row->param->name);
    st = get(r, &row->cut.rho, 8, st, err);
    st = get(r, &row->cut.tau, 4, st, err);
    st = get(r, &row->cut.s, 4, st, err);
    st = get(r, &row->before_crc, 4, st, err);
    row->raw = raw == 1;
    for (int k = 0; st == SPN_OK && k < EXCP_PARTS; k++) {
        if (!(parts >> k & 1))
            continue;
        st = get(r, &row->crc[k], 4, st, err);
        if (st == SPN_OK && !row->raw)
            st = get_book(row, k, rule, elems, r, path, err);
    }
    return st;
}
