/* work.c - numbers of one parameter as f32, its difference to the step before. */
#include "config.h"

#include "work.h"

#include <string.h>

#include "base/mem.h"
#include "tensor/product.h"

#define GRAIN 65536
#define PIECE 1024

void excp_work_free(struct excp_work *w)
{
    for (int k = 0; k < EXCP_PARTS; k++) {
        spn_free(w->room[k]);
        spn_free(w->packed[k]);
    }
    *w = (struct excp_work){ 0 };
}

struct copy {
    const unsigned char *from;
    int dtype;
    size_t each;
    float *to;
    float sign; /* 0: TO is FROM; else TO += SIGN * FROM */
};

static void copy_grain(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct copy *c = ctx;
    float piece[PIECE];

    for (int64_t at = begin; at < end; at += PIECE) {
        int64_t n = end - at < PIECE ? end - at : PIECE;
        float *to = c->to + at;

        spn_dequant(c->dtype, c->from + (size_t)at * c->each, c->sign == 0 ? to : piece, n, NULL);
        for (int64_t i = 0; c->sign != 0 && i < n; i++)
            to[i] += c->sign * piece[i];
    }
}

static spn_status run_copy(const struct spn_tensor *t, float *to, float sign, struct spn_pool *pool,
                           struct spn_err *err)
{
    size_t n = (size_t)spn_tensor_elems(t);
    struct copy c = { t->data, t->dtype, n > 0 ? (size_t)spn_tensor_bytes(t) / n : 0, to, sign };

    if (t->dtype != SPN_F32 && t->dtype != SPN_F16 && t->dtype != SPN_BF16)
        return spn_fail(err, SPN_EFORMAT, "excp: a parameter of type %d", t->dtype);
    spn_pool_run(pool, (int64_t)n, GRAIN, copy_grain, &c);
    return SPN_OK;
}

static spn_status make_room(struct excp_work *w, size_t n, const struct excp_rule *rule,
                            struct spn_err *err)
{
    bool good = true;

    if (n <= w->elems)
        return SPN_OK;
    for (int k = 0; k < EXCP_PARTS; k++) {
        spn_free(w->room[k]);
        spn_free(w->packed[k]);
        w->room[k] = spn_calloc(n, sizeof *w->room[k]);
        w->packed[k] = spn_calloc(excp_packed_bytes(n, rule->bits[k]) + 1, 1);
        good = good && w->room[k] != NULL && w->packed[k] != NULL;
    }
    w->elems = good ? n : 0;
    return good ? SPN_OK : spn_fail(err, SPN_ENOMEM, "excp: no memory for %zu parameters", n);
}

spn_status excp_work_take(struct excp_work *w, const struct spn_codec_param *p,
                          const struct excp_rule *rule, struct spn_pool *pool, bool copy,
                          struct spn_err *err)
{
    size_t n = (size_t)spn_tensor_elems(&p->weight);
    spn_status st = make_room(w, n, rule, err);

    w->a.n = n;
    for (int k = 0; st == SPN_OK && k < EXCP_PARTS; k++) {
        const struct spn_tensor *t = excp_part(p, k);

        w->a.x[k] = t->data != NULL ? w->room[k] : NULL;
        if (t->data == NULL || !copy)
            continue;
        if (spn_tensor_elems(t) != (int64_t)n)
            st = spn_fail(err, SPN_EFORMAT, "%s: its moments have another shape", p->name);
        else
            st = run_copy(t, w->room[k], 0, pool, err);
    }
    return st;
}

spn_status excp_work_difference(struct excp_work *w, const struct spn_codec_param *before,
                                float sign, struct spn_pool *pool, struct spn_err *err)
{
    const struct spn_tensor *t = &before->weight;

    if (t->data == NULL || (size_t)spn_tensor_elems(t) != w->a.n)
        return spn_fail(err, SPN_EFORMAT, "%s: the step before has another shape", before->name);
    return run_copy(t, w->room[EXCP_R], sign, pool, err);
}

uint32_t excp_work_crc(const struct spn_codec_param *p)
{
    return excp_crc(0, p->weight.data, (size_t)spn_tensor_bytes(&p->weight));
}

struct spn_codec_param excp_work_param(struct excp_work *w, const struct spn_codec_param *p)
{
    struct spn_codec_param out = { .name = p->name };
    struct spn_tensor *to[] = { &out.weight, &out.exp_avg, &out.exp_avg_sq };

    for (int k = 0; k < EXCP_PARTS; k++)
        if (w->a.x[k] != NULL)
            spn_tensor_init(to[k], SPN_F32, p->weight.ndim, p->weight.dim, w->a.x[k], NULL);
    return out;
}
