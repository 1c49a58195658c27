/* op_state.c - layers that keep a state of fixed size instead of keys: the short convolution and
 * the scan of Mamba and Mamba 2, one token after another (Gu and Dao 2023, Dao and Gu 2024).
 *
 * A row's bytes follow from its sequence alone: the rows of a sequence are taken in their order and
 * each channel's sum has one order, whatever runs beside it and wherever a chunk ends.
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "tensor/op_params.h"
#include "tensor/ops_impl.h"
#include "tensor/rows.h"
#include "tensor/store.h"

enum { DECAY_MAX = 256 };

static const struct spn_ssm *ssm_of(const struct spn_op_call *c)
{
    return &((const struct k_ssm_params *)c->params)->s;
}

int64_t spn_ssm_state(const struct spn_ssm *s)
{
    return (s->conv - 1) * s->channels + (int64_t)s->heads * s->dim * s->state;
}

/* ---- shapes ---- */

static spn_status need(const struct spn_op_shapes *s, int k, int64_t cols, const char *op,
                       struct spn_err *err)
{
    if (k < s->n_in && s->has_in[k] && s->in[k].dtype == SPN_F32 && s->in[k].ndim == 2 &&
        s->in[k].dim[0] == s->in[0].dim[0] && s->in[k].dim[1] == cols)
        return SPN_OK;
    return spn_fail(err, SPN_EFORMAT, "%s: input %d is not rows of %lld numbers", op, k,
                    (long long)cols);
}

static spn_status need_weight(const struct spn_op_shapes *s, int k, int64_t n, const char *op,
                              struct spn_err *err)
{
    if (k < s->n_in && s->has_in[k] && s->in[k].dtype == SPN_F32 &&
        spn_tensor_elems(&s->in[k]) == n)
        return SPN_OK;
    return spn_fail(err, SPN_EFORMAT, "%s: weight %d has not %lld floats", op, k, (long long)n);
}

static spn_status sizes(const struct spn_op_shapes *s, const struct spn_ssm *m, const char *op,
                        struct spn_err *err)
{
    if (s->float_dtype != SPN_F32)
        return spn_fail(err, SPN_EINTERNAL, "%s: it runs in f32 only", op);
    if (m->heads < 1 || m->dim < 1 || m->state < 1 || (m->own_decay && m->state > DECAY_MAX) ||
        m->groups < 1 || m->conv < 2 || m->channels < 1 || m->heads % m->groups != 0)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: %d heads of %d, %d groups, a state of %d, %d inputs of %lld", op,
                        m->heads, m->dim, m->groups, m->state, m->conv, (long long)m->channels);
    return SPN_OK;
}

spn_status k_shape_ssm_conv(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct spn_ssm *m = &((const struct k_ssm_params *)params)->s;
    spn_status st = sizes(s, m, "ssm_conv", err);

    if (st == SPN_OK)
        st = need(s, 0, m->channels, "ssm_conv", err);
    if (st == SPN_OK)
        st = need_weight(s, 1, m->channels * m->conv, "ssm_conv", err);
    if (st == SPN_OK && s->n_in > 2 && s->has_in[2])
        st = need_weight(s, 2, m->channels, "ssm_conv", err);
    if (st == SPN_OK)
        s->out[0] = s->in[0];
    return st;
}

spn_status k_shape_ssm_scan(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct spn_ssm *m = &((const struct k_ssm_params *)params)->s;
    const int64_t wide[4] = { (int64_t)m->heads * m->dim, m->heads, (int64_t)m->groups * m->state,
                              (int64_t)m->groups * m->state };
    spn_status st = sizes(s, m, "ssm_scan", err);

    for (int k = 0; k < 4 && st == SPN_OK; k++)
        st = need(s, k, wide[k], "ssm_scan", err);
    if (st == SPN_OK)
        st = need_weight(s, 4, (int64_t)m->heads * (m->own_decay ? m->state : 1), "ssm_scan", err);
    if (st == SPN_OK)
        st = need_weight(s, 5, m->heads, "ssm_scan", err);
    if (st == SPN_OK)
        s->out[0] = s->in[0];
    return st;
}

/* A place for each row's state, and one state of a run without a store. */
static size_t scratch(const struct spn_op_call *c)
{
    return (size_t)c->in[0]->dim[0] * sizeof(float *) +
           (size_t)spn_ssm_state(ssm_of(c)) * sizeof(float);
}

size_t k_scratch_ssm_conv(const struct spn_op_call *c)
{
    return scratch(c);
}

size_t k_scratch_ssm_scan(const struct spn_op_call *c)
{
    return scratch(c);
}

spn_status k_check_ssm(const struct spn_op_call *c, struct spn_err *err)
{
    const struct spn_rows *r = c->run->batch;
    const struct spn_store *store = c->run->store;

    if (r == NULL && store == NULL)
        return SPN_OK;
    if (r == NULL || r->n != c->in[0]->dim[0])
        return spn_fail(err, SPN_EINTERNAL, "ssm: the run does not describe its rows");
    if (r->parent != NULL)
        return spn_fail(err, SPN_EUSAGE, "a layer with a state cannot follow a tree of tokens");
    if (store != NULL && (r->seq == NULL || store->ops->state == NULL))
        return spn_fail(err, SPN_EINTERNAL, "ssm: the store keeps no states");
    for (int64_t i = 0; i < r->n && store != NULL; i++)
        if (store->ops->state(c->run->store, ssm_of(c)->layer, r->seq[i]) == NULL)
            return spn_fail(err, SPN_EINTERNAL, "ssm: sequence %d has no state in layer %d",
                            (int)r->seq[i], ssm_of(c)->layer);
    return SPN_OK;
}

/* ---- states of a batch's rows ---- */

/* Where row I begins a sequence that nothing was kept of. */
static bool begins(const struct spn_rows *r, int64_t i)
{
    return r == NULL || r->first == NULL ? i == 0 : r->first[i] == i;
}

/* The state of each row, its first number. */
static float **states(const struct spn_op_call *c)
{
    const struct spn_rows *r = c->run->batch;
    struct spn_store *store = c->run->store;
    int64_t rows = c->in[0]->dim[0];
    float **at = c->scratch, *own = (float *)(void *)(at + rows);

    for (int64_t i = 0; i < rows; i++)
        at[i] = store != NULL ? store->ops->state(store, ssm_of(c)->layer, r->seq[i]) : own;
    return at;
}

struct job {
    const struct spn_op_call *c;
    const struct spn_ssm *s;
    float **at;
    bool kept; /* states outlive the run */
};

static float silu(float x)
{
    return x / (1 + expf(-x));
}

/* ---- convolution ---- */

static void conv_channels(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct job *j = ctx;
    const struct spn_op_call *c = j->c;
    const float *x = c->in[0]->data, *w = c->in[1]->data;
    const float *bias = c->in[2] != NULL ? c->in[2]->data : NULL;
    float *y = c->out[0]->data;
    int64_t wide = j->s->channels;
    int before = j->s->conv - 1;

    (void)worker;
    for (int64_t i = 0; i < c->in[0]->dim[0]; i++) {
        float *past = j->at[i]; /* [before, channels], the oldest first */

        for (int64_t ch = begin; ch < end; ch++) {
            const float *of = w + ch * j->s->conv;
            float now = x[i * wide + ch], sum = bias != NULL ? bias[ch] : 0;

            if (!j->kept && begins(c->run->batch, i))
                for (int k = 0; k < before; k++)
                    past[k * wide + ch] = 0;
            for (int k = 0; k < before; k++)
                sum += of[k] * past[k * wide + ch];
            sum += of[before] * now;
            for (int k = 0; k + 1 < before; k++)
                past[k * wide + ch] = past[(k + 1) * wide + ch];
            past[(before - 1) * wide + ch] = now;
            y[i * wide + ch] = silu(sum);
        }
    }
}

void k_ssm_conv(const struct spn_op_call *c)
{
    struct job j = { .c = c, .s = ssm_of(c), .at = states(c), .kept = c->run->store != NULL };

    spn_pool_run(c->run->pool, j.s->channels, 64, conv_channels, &j);
}

/* ---- scan ---- */

/* S [n] = S decay + in B, and the sum of S C: eight chains, then their sum. */
static float step(float *s, int n, const float *decay, float one, float in, const float *b,
                  const float *of)
{
    float sum[8] = { 0 };
    int k = 0;

    for (; k + 8 <= n; k += 8)
        for (int u = 0; u < 8; u++) {
            s[k + u] = s[k + u] * (decay != NULL ? decay[k + u] : one) + in * b[k + u];
            sum[u] += s[k + u] * of[k + u];
        }
    for (; k < n; k++) {
        s[k] = s[k] * (decay != NULL ? decay[k] : one) + in * b[k];
        sum[k % 8] += s[k] * of[k];
    }
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

static void scan_heads(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct job *j = ctx;
    const struct spn_op_call *c = j->c;
    const struct spn_ssm *m = j->s;
    const float *x = c->in[0]->data, *dt = c->in[1]->data, *b = c->in[2]->data,
                *of = c->in[3]->data, *a = c->in[4]->data, *skip = c->in[5]->data;
    float *y = c->out[0]->data;
    int64_t conv = (m->conv - 1) * m->channels, wide = (int64_t)m->groups * m->state;

    (void)worker;
    for (int64_t i = 0; i < c->in[0]->dim[0]; i++)
        for (int64_t h = begin; h < end; h++) {
            float *s = j->at[i] + conv + h * m->dim * m->state, decay[DECAY_MAX];
            int64_t group = i * wide + h / (m->heads / m->groups) * m->state;
            float d = dt[i * m->heads + h], one = 0;

            if (!j->kept && begins(c->run->batch, i))
                memset(s, 0, (size_t)m->dim * (size_t)m->state * sizeof *s);
            d = d > 20 ? d : log1pf(expf(d));
            if (!m->own_decay)
                one = expf(d * a[h]);
            for (int k = 0; k < m->state && m->own_decay; k++)
                decay[k] = expf(d * a[h * m->state + k]);
            for (int p = 0; p < m->dim; p++) {
                int64_t at = (i * m->heads + h) * m->dim + p;

                y[at] = step(s + p * m->state, m->state, m->own_decay ? decay : NULL, one,
                             x[at] * d, b + group, of + group) +
                        skip[h] * x[at];
            }
        }
}

void k_ssm_scan(const struct spn_op_call *c)
{
    struct job j = { .c = c, .s = ssm_of(c), .at = states(c), .kept = c->run->store != NULL };

    spn_pool_run(c->run->pool, j.s->heads, j.s->dim == 1 ? 64 : 1, scan_heads, &j);
}
