/* case_codec.c - a codec for the tests of the store: differences of bits, without loss, and slowly
 * where it is told to.
 *
 * "CASE", step, before as i64, then each parameter's numbers as u32, exclusive or with those of the
 * step before.
 */
#include "config.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "spinney/plugin.h"
#include "tensor/product.h"

static const struct spn_option options[] = {
    { "sleep-ms", SPN_OPT_INT, .hi = 10000, .help = "time for each parameter" }, { 0 }
};

static const struct spn_tensor *part(const struct spn_codec_param *p, int k)
{
    return k == 0 ? &p->weight : k == 1 ? &p->exp_avg : &p->exp_avg_sq;
}

/* The parts of P as f32, in MADE (free each); those without data stay so. */
static spn_status as_floats(struct spn_codec_param *made, const struct spn_codec_param *p,
                            struct spn_err *err)
{
    struct spn_tensor *to[] = { &made->weight, &made->exp_avg, &made->exp_avg_sq };
    spn_status st = SPN_OK;

    *made = (struct spn_codec_param){ .name = p->name };
    for (int k = 0; st == SPN_OK && k < 3; k++) {
        const struct spn_tensor *t = part(p, k);
        float *x;

        if (t->data == NULL)
            continue;
        x = spn_calloc((size_t)spn_tensor_elems(t) + 1, sizeof *x);
        st = x == NULL ? spn_fail(err, SPN_ENOMEM, "case: no memory")
                       : spn_tensor_init(to[k], SPN_F32, t->ndim, t->dim, x, err);
        if (st == SPN_OK)
            st = spn_dequant(t->dtype, t->data, x, spn_tensor_elems(t), err);
    }
    return st;
}

static void free_floats(struct spn_codec_param *p)
{
    spn_free(p->weight.data);
    spn_free(p->exp_avg.data);
    spn_free(p->exp_avg_sq.data);
}

/* Bits of X, exclusive or with those of OLD where there is one. */
static void mix(struct spn_codec_param *x, const struct spn_codec_param *old)
{
    for (int k = 0; k < 3; k++) {
        uint32_t *a = part(x, k)->data;
        const uint32_t *b = part(old, k)->data;

        for (int64_t i = 0; a != NULL && b != NULL && i < spn_tensor_elems(part(x, k)); i++)
            a[i] ^= b[i];
    }
}

static spn_status pack(const struct spn_codec_job *job, const struct spn_codec_source *now,
                       const struct spn_codec_source *before, const struct spn_codec_sink *sink,
                       const struct spn_codec_taker *rebuilt, struct spn_codec_figures *out,
                       struct spn_err *err)
{
    int64_t head[2] = { job->step, job->before };
    struct timespec rest = { 0, 1000000 * spn_value_int(job->options, "sleep-ms") };
    spn_status st = sink->write(sink->ctx, "CASE", 4, err);

    if (st == SPN_OK)
        st = sink->write(sink->ctx, head, sizeof head, err);
    for (size_t i = 0; st == SPN_OK && i < now->n; i++) {
        struct spn_codec_param p, made, old = { 0 };

        nanosleep(&rest, NULL);
        st = now->get(now->ctx, i, &p, err);
        if (st == SPN_OK && before != NULL)
            st = before->get(before->ctx, i, &old, err);
        if (st == SPN_OK)
            st = as_floats(&made, &p, err);
        if (st == SPN_OK) {
            mix(&made, &old);
            for (int k = 0; st == SPN_OK && k < 3; k++)
                if (part(&made, k)->data != NULL)
                    st = sink->write(sink->ctx, part(&made, k)->data,
                                     (size_t)spn_tensor_bytes(part(&made, k)), err);
            mix(&made, &old);
            if (st == SPN_OK && rebuilt != NULL)
                st = rebuilt->put(rebuilt->ctx, i, &made, err);
            free_floats(&made);
        }
        now->forget(now->ctx, i);
    }
    return st;
}

static spn_status check(const struct spn_codec_packed *packed, int64_t head[2], struct spn_err *err)
{
    if (packed->n < 20 || memcmp(packed->bytes, "CASE", 4) != 0)
        return spn_fail(err, SPN_EFORMAT, "%s: not packed by case", packed->path);
    memcpy(head, (const char *)packed->bytes + 4, 16);
    return SPN_OK;
}

static spn_status unpack(const struct spn_codec_job *job, const struct spn_codec_packed *packed,
                         const struct spn_codec_source *before, const struct spn_codec_taker *taker,
                         struct spn_err *err)
{
    int64_t head[2];
    size_t at = 20;
    spn_status st = check(packed, head, err);

    for (size_t i = 0; st == SPN_OK && i < taker->n; i++) {
        struct spn_codec_param shape, made, old = { 0 };

        st = taker->shape(taker->ctx, i, &shape, err);
        if (st == SPN_OK && before != NULL)
            st = before->get(before->ctx, i, &old, err);
        if (st == SPN_OK)
            st = as_floats(&made, &shape, err);
        if (st != SPN_OK)
            break;
        for (int k = 0; st == SPN_OK && k < 3; k++) {
            size_t n = part(&made, k)->data != NULL ? (size_t)spn_tensor_bytes(part(&made, k)) : 0;

            if (n > packed->n - at)
                st = spn_fail(err, SPN_EFORMAT, "%s: %zu bytes wanted at %zu of %zu", packed->path,
                              n, at, packed->n);
            else if (n > 0)
                memcpy(part(&made, k)->data, (const char *)packed->bytes + at, n);
            at += st == SPN_OK ? n : 0;
        }
        mix(&made, &old);
        if (st == SPN_OK)
            st = taker->put(taker->ctx, i, &made, err);
        free_floats(&made);
    }
    return st;
}

static spn_status verify(const struct spn_codec_packed *packed, int64_t *step, int64_t *before,
                         struct spn_err *err)
{
    int64_t head[2];
    spn_status st = check(packed, head, err);

    if (st == SPN_OK) {
        *step = head[0];
        *before = head[1];
    }
    return st;
}

static spn_status estimate(const struct spn_codec_job *job, const struct spn_codec_source *now,
                           const struct spn_codec_source *before, size_t index,
                           struct spn_codec_figures *out, struct spn_err *err)
{
    return spn_fail(err, SPN_ENO, "case: not estimated");
}

static const struct spn_codec codec = {
    .summary = "differences of bits",
    .suffix = "case",
    .options = options,
    .estimate = estimate,
    .pack = pack,
    .unpack = unpack,
    .verify = verify,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);

    return registry->add(host, SPN_POINT_CODEC, "case", &codec, err);
}

SPN_PLUGIN(case_codec) = {
    SPN_PLUGIN_HEAD,    .name = "case_codec", .summary = "a codec for tests",
    .papers = "",       .needs = "",          .points = SPN_HAS(SPN_POINT_CODEC),
    .declare = declare,
};
