/* official.c - compressed.pt, as the released code writes and reads it.
 *
 * A dict by parameter of dicts: weights_i, opt_v_i (exp_avg), opt_m_i (exp_avg_sq) are indices,
 * bytes of shape [elements / columns, columns / indices a byte] with the first one on top; *_c are
 * their centres, f16 [k, 1]. Where *_c is missing, *_i are the values themselves in f32.
 */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec.h"
#include "format/reader.h"
#include "pack.h"
#include "tensor/half.h"

static const char *const words[EXCP_PARTS] = { "weights", "opt_v", "opt_m" };

/* NAME.weights_i; free with spn_free. */
static char *entry_name(const char *name, int k, char end)
{
    struct spn_buf b = SPN_BUF_INIT(1u << 21);

    spn_buf_printf(&b, "%s.%s_%c", name, words[k], end);
    return b.failed ? (spn_buf_free(&b), NULL) : spn_buf_steal(&b);
}

/* ---- export ---- */

struct given {
    struct spn_writer *w;
    void **kept; /* arrays until the commit, [2 a part] */
    size_t n;
};

/* A copy of N elements of TYPE as NAME's tensor. */
static spn_status give(struct given *g, const char *name, int k, char end, int dtype, int64_t rows,
                       int64_t columns, const void *from, struct spn_err *err)
{
    const int64_t dim[2] = { rows, columns };
    char *full = entry_name(name, k, end);
    struct spn_tensor t;
    size_t bytes;
    spn_status st = spn_tensor_init(&t, dtype, 2, dim, NULL, err);

    if (st == SPN_OK) {
        bytes = (size_t)spn_tensor_bytes(&t);
        t.data = g->kept[g->n] = spn_calloc(bytes + 1, 1);
        if (full == NULL || t.data == NULL) {
            st = spn_fail(err, SPN_ENOMEM, "excp: no memory for %s", name);
        } else {
            g->n++;
            memcpy(t.data, from, bytes);
            (void)spn_writer_tensor(g->w, full, &t); /* the commit says why not */
        }
    }
    spn_free(full);
    return st;
}

/* How many of the N indices are not zero. */
static size_t count_kept(const unsigned char *packed, int bits, size_t n)
{
    size_t each = (size_t)(8 / bits), kept = 0;

    for (size_t i = 0; i < n; i++)
        kept += (packed[i / each] >> (8 - bits - (int)(i % each) * bits) & ((1 << bits) - 1)) != 0;
    return kept;
}

/* Part K of ROW: as values where there are no more than centres. */
static spn_status give_part(struct given *g, const struct excp_rule *rule,
                            const struct excp_work *w, const struct excp_row *row, int k,
                            struct spn_err *err)
{
    const struct spn_tensor *t = &row->param->weight;
    int64_t n = (int64_t)w->a.n, columns = t->ndim > 0 ? t->dim[t->ndim - 1] : 1;
    int bits = rule->bits[k];
    int64_t bytes = (int64_t)excp_packed_bytes(w->a.n, bits);
    bool whole = columns > 0 && columns * bits % 8 == 0;
    uint16_t centre[EXCP_BOOK_MAX];
    spn_status st;

    if (count_kept(w->packed[k], bits, w->a.n) <= (1u << bits) - 1)
        return give(g, row->param->name, k, 'i', SPN_F32, columns > 0 ? n / columns : 0, columns,
                    w->a.x[k], err);
    for (int c = 0; c < row->book[k].k; c++)
        centre[c] = spn_f16_of_f32(row->book[k].c[c]);
    st = give(g, row->param->name, k, 'i', SPN_U8, whole ? n / columns : 1,
              whole ? columns * bits / 8 : bytes, w->packed[k], err);
    return st == SPN_OK ? give(g, row->param->name, k, 'c', SPN_F16, row->book[k].k, 1, centre, err)
                        : st;
}

static spn_status give_row(struct given *g, const struct excp_head *head, struct excp_work *w,
                           const struct excp_row *row, const char *path, struct spn_err *err)
{
    const unsigned char *packed[EXCP_PARTS] = { w->packed[0], w->packed[1], w->packed[2] };
    const size_t count[EXCP_PARTS] = { w->a.n, w->a.n, w->a.n };
    spn_status st = SPN_OK;

    if (row->raw)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: %s is kept as it is (numbers that are not finite), which "
                        "compressed.pt cannot say",
                        path, row->param->name);
    if (!excp_values(&head->rule, row->book, packed, count, &w->a))
        return spn_fail(err, SPN_EFORMAT, "%s: %s has indices without a centre", path,
                        row->param->name);
    for (int k = 0; st == SPN_OK && k < EXCP_PARTS; k++)
        if (w->a.x[k] != NULL)
            st = give_part(g, &head->rule, w, row, k, err);
    return st;
}

spn_status excp_export(const struct spn_codec_job *job, const struct spn_codec_packed *packed,
                       const struct spn_codec_taker *shapes, const char *path, struct spn_err *err)
{
    struct excp_head head;
    struct excp_reader *r = NULL;
    struct excp_work work = { 0 };
    struct given g = { .kept = spn_calloc(2 * EXCP_PARTS * shapes->n + 1, sizeof *g.kept) };
    spn_status st = excp_reader_new(&r, &head, packed, err);

    if (st == SPN_OK && g.kept == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu parameters", path, shapes->n);
    if (st == SPN_OK && (head.n != shapes->n || head.before < 0 || head.rule.shared))
        st = spn_fail(err, head.n != shapes->n ? SPN_EFORMAT : SPN_EUSAGE,
                      head.n != shapes->n ? "%s: other parameters than its layout says"
                      : head.before < 0   ? "%s: a key frame; compressed.pt holds a difference"
                                          : "%s: packed with shared-mask; compressed.pt says all",
                      packed->path);
    if (st == SPN_OK)
        st = spn_torch_create(&g.w, path, SPN_TORCH_DICTS, err);
    for (size_t i = 0; st == SPN_OK && i < shapes->n; i++) {
        struct spn_codec_param shape;
        struct excp_row row;

        st = shapes->shape(shapes->ctx, i, &shape, err);
        row = (struct excp_row){ .param = &shape };
        if (st == SPN_OK)
            st = excp_row_get(&row, &head.rule, r, packed->path, err);
        if (st == SPN_OK)
            st = excp_work_take(&work, &shape, &head.rule, job->pool, false, err);
        if (st == SPN_OK)
            st = excp_read_parts(r, &work, &head, &row, job->pool, packed->path, err);
        if (st == SPN_OK)
            st = give_row(&g, &head, &work, &row, packed->path, err);
    }
    if (st == SPN_OK)
        st = spn_writer_commit(g.w, err);
    spn_writer_free(g.w);
    for (size_t i = 0; i < g.n; i++)
        spn_free(g.kept[i]);
    spn_free(g.kept);
    excp_reader_free(r);
    excp_work_free(&work);
    return st;
}

/* ---- import ---- */

/* The values of part K from indices I and centres C. */
static spn_status decode(float *x, size_t n, const struct spn_reader *r, const struct spn_entry *i,
                         const struct spn_entry *c, struct spn_err *err)
{
    size_t bytes = (size_t)spn_tensor_elems(&i->t), k = (size_t)spn_tensor_elems(&c->t), each;
    uint16_t centre[EXCP_BOOK_MAX];
    unsigned char *packed;
    int bits = 0;
    spn_status st;

    for (int b = 8; b >= 1; b /= 2)
        if (excp_packed_bytes(n, b) == bytes)
            bits = b;
    if (i->t.dtype != SPN_U8 || c->t.dtype != SPN_F16 || bits == 0 || k > (1u << bits) - 1)
        return spn_fail(err, SPN_EFORMAT, "%s: %s: %zu bytes, %zu centres for %zu numbers",
                        spn_reader_path(r), i->name, bytes, k, n);
    packed = spn_calloc(bytes + 1, 1);
    if (packed == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu indices", spn_reader_path(r), n);
    st = spn_entry_read(r, i, 0, (int64_t)bytes, packed, err);
    if (st == SPN_OK)
        st = spn_entry_read(r, c, 0, (int64_t)k, centre, err);
    each = (size_t)(8 / bits);
    for (size_t e = 0; st == SPN_OK && e < n; e++) {
        unsigned index =
            packed[e / each] >> (8 - bits - (int)(e % each) * bits) & ((1u << bits) - 1);

        if (index > k)
            st = spn_fail(err, SPN_EFORMAT, "%s: %s: index %u of %zu centres", spn_reader_path(r),
                          i->name, index, k);
        else
            x[e] = index > 0 ? spn_f32_of_f16(centre[index - 1]) : 0;
    }
    spn_free(packed);
    return st;
}

static spn_status take_part(struct excp_work *w, int k, const char *name,
                            const struct spn_reader *r, struct spn_err *err)
{
    char *i_name = entry_name(name, k, 'i'), *c_name = entry_name(name, k, 'c');
    const struct spn_entry *i = i_name != NULL ? spn_reader_find(r, i_name) : NULL,
                           *c = c_name != NULL ? spn_reader_find(r, c_name) : NULL;
    spn_status st;

    if (i_name == NULL || c_name == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for a name", spn_reader_path(r));
    else if (i == NULL)
        st = spn_fail(err, SPN_EFORMAT, "%s: no tensor %s", spn_reader_path(r), i_name);
    else if (c != NULL)
        st = decode(w->a.x[k], w->a.n, r, i, c, err);
    else if (i->t.dtype != SPN_F32 || (size_t)spn_tensor_elems(&i->t) != w->a.n)
        st = spn_fail(err, SPN_EFORMAT, "%s: %s has neither centres nor %zu numbers",
                      spn_reader_path(r), i_name, w->a.n);
    else
        st = spn_entry_read(r, i, 0, (int64_t)w->a.n, w->a.x[k], err);
    spn_free(i_name);
    spn_free(c_name);
    return st;
}

spn_status excp_import(const struct spn_codec_job *job, const char *path,
                       const struct spn_codec_source *before, const struct spn_codec_taker *taker,
                       struct spn_err *err)
{
    static const struct excp_rule rule = { .bits = { 8, 8, 8 } }; /* room for any width */
    struct spn_reader *r = NULL;
    struct excp_work work = { 0 };
    spn_status st = spn_reader_open(&r, path, err);

    for (size_t i = 0; st == SPN_OK && i < taker->n; i++) {
        struct spn_codec_param shape, old, made;

        st = taker->shape(taker->ctx, i, &shape, err);
        if (st == SPN_OK)
            st = before->get(before->ctx, i, &old, err);
        if (st == SPN_OK)
            st = excp_work_take(&work, &shape, &rule, job->pool, false, err);
        for (int k = 0; st == SPN_OK && k < EXCP_PARTS; k++)
            if (work.a.x[k] != NULL)
                st = take_part(&work, k, shape.name, r, err);
        if (st == SPN_OK)
            st = excp_work_difference(&work, &old, 1, job->pool, err);
        if (st == SPN_OK) {
            made = excp_work_param(&work, &shape);
            st = taker->put(taker->ctx, i, &made, err);
        }
        before->forget(before->ctx, i);
    }
    if (st == SPN_OK)
        st = spn_reader_check(r, err);
    spn_reader_close(r);
    excp_work_free(&work);
    return st;
}
