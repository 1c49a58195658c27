/* pack.c - a step packed and unpacked, parameter by parameter. */
#include "config.h"

#include "pack.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "blocks.h"
#include "codec.h"

struct totals {
    double done, total; /* bytes */
    double values, weights, moments;
    double kept_weights, kept_moments;
};

static void count(struct totals *t, const struct excp_work *w, const struct excp_row *row)
{
    for (int k = 0; k < EXCP_PARTS; k++) {
        double n = w->a.x[k] != NULL ? (double)w->a.n : 0;
        double kept = row->raw ? n : (double)row->cut.kept[k];

        t->values += n;
        t->done += n * sizeof(float);
        if (k == EXCP_R) {
            t->weights += n;
            t->kept_weights += kept;
        } else {
            t->moments += n;
            t->kept_moments += n > 0 ? kept : 0;
        }
    }
}

static void figures(struct spn_codec_figures *f, const struct totals *t, double packed, bool key)
{
    f->bytes_raw = (uint64_t)t->done;
    f->bytes_packed = (uint64_t)packed;
    f->kept_weights = key || t->weights == 0 ? NAN : t->kept_weights / t->weights;
    f->kept_moments = key || t->moments == 0 ? NAN : t->kept_moments / t->moments;
    f->bits = t->values > 0 ? 8 * packed / t->values : NAN;
}

static spn_status go_on(const struct spn_codec_job *job, double done, double total,
                        struct spn_err *err)
{
    if (job->progress != NULL)
        job->progress(job->progress_ctx, done, total);
    return spn_cancelled(job->cancel) ? spn_fail(err, SPN_ECANCEL, "excp: stopped") : SPN_OK;
}

/* ---- pack ---- */

struct code {
    struct excp_writer *w;
    const struct excp_work *work;
    const struct excp_rule *rule;
    const struct excp_row *row;
    spn_status st[EXCP_PARTS];
    struct spn_err err[EXCP_PARTS];
};

static void code_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct code *c = ctx;

    for (int64_t k = begin; k < end; k++) {
        size_t n = excp_packed_bytes((size_t)c->row->count[k], c->rule->bits[k]);
        const void *bytes = c->work->packed[k];

        if (c->row->raw) {
            n = c->work->a.n * sizeof(float);
            bytes = c->work->a.x[k];
        }
        if (c->work->a.x[k] != NULL)
            c->st[k] = excp_writer_add(c->w, 1 + (int)k, bytes, n, &c->err[k]);
    }
}

/* The parts' bytes to the streams: of a key frame straight to the sink. */
static spn_status write_parts(struct excp_writer *w, const struct excp_work *work,
                              const struct excp_head *head, const struct excp_row *row,
                              struct spn_pool *pool, struct spn_err *err)
{
    struct code c = { .w = w, .work = work, .rule = &head->rule, .row = row };
    bool key = head->before < 0;
    spn_status st = SPN_OK;

    if (head->coder == EXCP_RANGE && !row->raw)
        return excp_blocks_write(w, work, &head->rule, row, pool, err);
    if (!key)
        spn_pool_run(pool, EXCP_PARTS, 1, code_part, &c);
    for (int k = 0; st == SPN_OK && k < EXCP_PARTS; k++) {
        if (key && work->a.x[k] != NULL)
            st = excp_writer_plain(w, 1 + k, work->a.x[k], work->a.n * sizeof(float), err);
        else
            st = c.st[k];
        if (c.st[k] != SPN_OK && err != NULL)
            *err = c.err[k];
    }
    return st == SPN_OK ? excp_writer_flush(w, err) : st;
}

/* The parameter P as it is. */
static spn_status take_raw(struct excp_work *w, const struct spn_codec_param *p,
                           const struct excp_rule *rule, struct spn_pool *pool,
                           struct excp_row *row, struct spn_err *err)
{
    spn_status st = excp_work_take(w, p, rule, pool, true, err);

    row->raw = true;
    for (int k = 0; st == SPN_OK && k < EXCP_PARTS; k++)
        if (w->a.x[k] != NULL)
            row->crc[k] = excp_crc(0, w->a.x[k], w->a.n * sizeof(float));
    return st;
}

static spn_status pack_one(const struct spn_codec_job *job, const struct excp_head *head,
                           const struct spn_codec_param *p, const struct spn_codec_param *old,
                           struct excp_work *w, struct excp_row *row, struct spn_err *err)
{
    const struct excp_rule *rule = &head->rule;
    spn_status st;

    *row = (struct excp_row){ .param = p };
    if (old == NULL)
        return take_raw(w, p, rule, job->pool, row, err);
    row->before_crc = excp_work_crc(old);
    st = excp_work_take(w, p, rule, job->pool, true, err);
    if (st == SPN_OK)
        st = excp_work_difference(w, old, -1, job->pool, err);
    if (st == SPN_OK)
        st = excp_shrink(w, rule, job->pool, row, err);
    if (st == SPN_OK && row->raw) {
        spn_log(SPN_LOG_WARN, "excp: %s has numbers that are not finite; kept as it is", p->name);
        st = take_raw(w, p, rule, job->pool, row, err);
    }
    return st;
}

/* What unpack will make of ROW goes to REBUILT. */
static spn_status rebuild(const struct spn_codec_taker *to, size_t i, struct excp_work *w,
                          const struct excp_rule *rule, const struct excp_row *row,
                          const struct spn_codec_param *old, struct spn_pool *pool,
                          const char *path, struct spn_err *err)
{
    struct spn_codec_param made;
    spn_status st = SPN_OK;

    if (!row->raw) {
        if (!excp_grow(w, rule, row))
            return spn_fail(err, SPN_EFORMAT, "%s: %s has indices without a centre", path,
                            row->param->name);
        st = excp_work_difference(w, old, 1, pool, err);
    }
    made = excp_work_param(w, row->param);
    return st == SPN_OK ? to->put(to->ctx, i, &made, err) : st;
}

spn_status excp_pack(const struct spn_codec_job *job, const struct spn_codec_source *now,
                     const struct spn_codec_source *before, const struct spn_codec_sink *sink,
                     const struct spn_codec_taker *rebuilt, struct spn_codec_figures *out,
                     struct spn_err *err)
{
    struct excp_head head = { .step = job->step, .before = before != NULL ? job->before : -1 };
    struct excp_writer *w = NULL;
    struct excp_work work = { 0 };
    struct totals t = { 0 };
    spn_status st = excp_settle(&head, job->options, now, err);

    if (before == NULL)
        head.coder = EXCP_PLAIN;
    if (st == SPN_OK)
        st = excp_writer_new(&w, &head, sink, err);
    for (size_t i = 0; st == SPN_OK && i < now->n; i++) {
        struct spn_codec_param p, old;
        struct excp_row row;

        st = now->get(now->ctx, i, &p, err);
        if (st == SPN_OK && before != NULL)
            st = before->get(before->ctx, i, &old, err);
        if (st == SPN_OK)
            st = pack_one(job, &head, &p, before != NULL ? &old : NULL, &work, &row, err);
        if (st == SPN_OK)
            st = excp_row_put(&row, w, err);
        if (st == SPN_OK)
            st = write_parts(w, &work, &head, &row, job->pool, err);
        if (st == SPN_OK)
            count(&t, &work, &row);
        if (st == SPN_OK && rebuilt != NULL)
            st = rebuild(rebuilt, i, &work, &head.rule, &row, &old, job->pool, "excp", err);
        now->forget(now->ctx, i);
        if (before != NULL)
            before->forget(before->ctx, i);
        if (st == SPN_OK)
            st = go_on(job, (double)(i + 1), (double)now->n, err);
    }
    if (st == SPN_OK)
        st = excp_writer_end(w, err);
    if (st == SPN_OK)
        figures(out, &t, (double)excp_writer_bytes(w), before == NULL);
    excp_writer_free(w);
    excp_work_free(&work);
    return st;
}

/* ---- unpack ---- */

spn_status excp_read_parts(struct excp_reader *r, struct excp_work *w, const struct excp_head *head,
                           const struct excp_row *row, struct spn_pool *pool, const char *path,
                           struct spn_err *err)
{
    const struct excp_rule *rule = &head->rule;
    bool blocks = head->coder == EXCP_RANGE && !row->raw;
    spn_status st = blocks ? excp_blocks_read(r, w, rule, row, pool, path, err) : SPN_OK;

    for (int k = 0; st == SPN_OK && k < EXCP_PARTS; k++) {
        void *to = row->raw ? (void *)w->a.x[k] : w->packed[k];
        size_t n = row->raw ? w->a.n * sizeof(float)
                            : excp_packed_bytes((size_t)row->count[k], rule->bits[k]);

        if (w->a.x[k] == NULL)
            continue;
        if (!blocks)
            st = excp_reader_get(r, 1 + k, to, n, err);
        if (st == SPN_OK && excp_crc(0, to, n) != row->crc[k])
            st = spn_fail(err, SPN_EFORMAT, "%s: part %d of %s has a wrong checksum", path, k,
                          row->param->name);
    }
    return st;
}

spn_status excp_unpack(const struct spn_codec_job *job, const struct spn_codec_packed *packed,
                       const struct spn_codec_source *before, const struct spn_codec_taker *taker,
                       struct spn_err *err)
{
    struct excp_head head;
    struct excp_reader *r = NULL;
    struct excp_work work = { 0 };
    spn_status st = excp_reader_new(&r, &head, packed, err);

    if (st == SPN_OK && head.n != taker->n)
        st = spn_fail(err, SPN_EFORMAT, "%s: holds %" PRIu64 " parameters, not %zu", packed->path,
                      head.n, taker->n);
    if (st == SPN_OK && (head.before >= 0) != (before != NULL))
        st = spn_fail(err, SPN_EFORMAT, "%s: packed against step %" PRId64, packed->path,
                      head.before);
    for (size_t i = 0; st == SPN_OK && i < taker->n; i++) {
        struct spn_codec_param shape, old;
        struct excp_row row;

        st = taker->shape(taker->ctx, i, &shape, err);
        row = (struct excp_row){ .param = &shape };
        if (st == SPN_OK)
            st = excp_row_get(&row, &head.rule, r, packed->path, err);
        if (st == SPN_OK && before != NULL)
            st = before->get(before->ctx, i, &old, err);
        if (st == SPN_OK && before == NULL && !row.raw)
            st = spn_fail(err, SPN_EFORMAT, "%s: %s is a difference in a key frame", packed->path,
                          shape.name);
        if (st == SPN_OK && before != NULL && excp_work_crc(&old) != row.before_crc)
            st = spn_fail(err, SPN_EFORMAT, "%s: %s was packed against other numbers", packed->path,
                          shape.name);
        if (st == SPN_OK)
            st = excp_work_take(&work, &shape, &head.rule, job->pool, false, err);
        if (st == SPN_OK)
            st = excp_read_parts(r, &work, &head, &row, job->pool, packed->path, err);
        if (st == SPN_OK)
            st = rebuild(taker, i, &work, &head.rule, &row, &old, job->pool, packed->path, err);
        if (before != NULL)
            before->forget(before->ctx, i);
        if (st == SPN_OK)
            st = go_on(job, (double)(i + 1), (double)taker->n, err);
    }
    if (st == SPN_OK)
        st = excp_reader_end(r, err);
    excp_reader_free(r);
    excp_work_free(&work);
    return st;
}

spn_status excp_verify(const struct spn_codec_packed *packed, int64_t *step, int64_t *before,
                       struct spn_err *err)
{
    struct excp_head head;
    spn_status st = excp_check(packed, &head, err);

    if (st == SPN_OK) {
        *step = head.step;
        *before = head.before;
    }
    return st;
}

/* ---- estimate ---- */

/* Bits that a coder of single indices would need for COUNT of them. */
static double entropy(const unsigned char *packed, size_t n, int bits)
{
    double seen[256] = { 0 }, sum = 0;
    size_t each = (size_t)(8 / bits);

    for (size_t i = 0; i < n; i++)
        seen[packed[i / each] >> (8 - bits - (int)(i % each) * bits) & ((1 << bits) - 1)]++;
    for (int v = 0; v < 1 << bits; v++)
        sum -= seen[v] > 0 ? seen[v] * log2(seen[v] / (double)n) : 0;
    return sum;
}

/* LZMA of packed indices comes out larger than their entropy by about so much (the digest). */
#define LZMA_OVER_ENTROPY 1.2

/* Bytes that a parameter will take are added to *BYTES. */
static spn_status predict(double *bytes, const struct excp_work *w, const struct excp_head *head,
                          const struct excp_row *row, struct spn_pool *pool, struct spn_err *err)
{
    bool range = head->coder == EXCP_RANGE && !row->raw;
    double coded = 0;
    spn_status st =
        range ? excp_blocks_measure(&coded, w, &head->rule, row, pool, err) : SPN_OK;

    for (int k = 0; st == SPN_OK && k < EXCP_PARTS; k++) {
        size_t n = (size_t)row->count[k];
        int bits = head->rule.bits[k];

        if (w->a.x[k] == NULL)
            continue;
        if (row->raw)
            coded += (double)w->a.n * sizeof(float);
        else if (head->coder == EXCP_LZMA)
            coded += LZMA_OVER_ENTROPY * entropy(w->packed[k], n, bits) / 8;
        else if (!range)
            coded += (double)excp_packed_bytes(n, bits);
        coded += row->raw ? 0 : (double)row->book[k].k * sizeof(float);
    }
    *bytes += coded;
    return st;
}

spn_status excp_estimate(const struct spn_codec_job *job, const struct spn_codec_source *now,
                         const struct spn_codec_source *before, size_t index,
                         struct spn_codec_figures *out, struct spn_err *err)
{
    size_t first = index == SIZE_MAX ? 0 : index, end = index == SIZE_MAX ? now->n : index + 1;
    struct excp_head head = { .step = job->step, .before = job->before };
    struct excp_work work = { 0 };
    struct totals t = { 0 };
    double bytes = 0;
    spn_status st = excp_settle(&head, job->options, now, err);

    if (st == SPN_OK && end > now->n)
        st = spn_fail(err, SPN_EUSAGE, "excp: parameter %zu of %zu", index, now->n);
    for (size_t i = first; st == SPN_OK && i < end; i++) {
        struct spn_codec_param p, old;
        struct excp_row row;

        st = now->get(now->ctx, i, &p, err);
        if (st == SPN_OK && before != NULL)
            st = before->get(before->ctx, i, &old, err);
        if (st == SPN_OK)
            st = pack_one(job, &head, &p, before != NULL ? &old : NULL, &work, &row, err);
        if (st == SPN_OK)
            st = predict(&bytes, &work, &head, &row, job->pool, err);
        if (st == SPN_OK)
            count(&t, &work, &row);
        now->forget(now->ctx, i);
        if (before != NULL)
            before->forget(before->ctx, i);
        if (st == SPN_OK)
            st = go_on(job, (double)(i - first + 1), (double)(end - first), err);
    }
    if (st == SPN_OK)
        figures(out, &t, bytes, before == NULL);
    excp_work_free(&work);
    return st;
}
