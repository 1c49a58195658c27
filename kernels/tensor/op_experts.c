/* op_experts.c - a mixture of experts: rows are gathered an expert at a time, so each expert's
 * weights are read once for all rows that chose it. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "tensor/op_params.h"
#include "tensor/ops_impl.h"
#include "tensor/product.h"

static const struct spn_experts *experts_of(const struct spn_op_call *c)
{
    return ((const struct k_experts_params *)c->params)->e;
}

spn_status k_shape_experts(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct spn_experts *e = ((const struct k_experts_params *)params)->e;
    const int64_t want[4] = { e->embd, e->n, e->embd, 1 };

    if (s->float_dtype != SPN_F32)
        return spn_fail(err, SPN_EINTERNAL, "experts: they run in f32 only");
    if (e->n < 1 || e->used < 1 || e->used > e->n)
        return spn_fail(err, SPN_EFORMAT, "experts: %d of %d cannot be used", e->used, e->n);
    if (e->groups > 1 &&
        (e->groups > 64 || e->n % e->groups != 0 || e->groups_used < 1 ||
         e->groups_used > e->groups || e->groups_used * (e->n / e->groups) < e->used))
        return spn_fail(err, SPN_EFORMAT, "experts: %d in %d of %d groups cannot be used", e->used,
                        e->groups_used, e->groups);
    for (int k = 0; k < 4; k++) {
        if (k >= 2 && !s->has_in[k])
            continue;
        if (!s->has_in[k] || s->in[k].dtype != SPN_F32 || s->in[k].ndim != 2 ||
            s->in[k].dim[0] != s->in[0].dim[0] || s->in[k].dim[1] != want[k])
            return spn_fail(err, SPN_EFORMAT, "experts: input %d is not rows of %lld numbers", k,
                            (long long)want[k]);
    }
    s->out[0] = s->in[0];
    return SPN_OK;
}

/* The parts of the scratch, in floats from its start. */
struct room {
    int64_t choice, weight, pick, row, x, gate, up, y, out, product, end;
};

static struct room room_of(const struct spn_experts *e, int64_t rows)
{
    struct room r = { 0 };
    size_t most = 0;

    for (int i = 0; i < 3 * e->n; i++) {
        const struct spn_weight *w = i % 3 == 0   ? &e->gate[i / 3]
                                     : i % 3 == 1 ? &e->up[i / 3]
                                                  : &e->down[i / 3];
        size_t n = w->pack != NULL ? spn_product_scratch(w->pack, rows) : 0;

        most = n > most ? n : most;
    }
    r.weight = r.choice + rows * e->used;
    r.pick = r.weight + rows * e->used;
    r.row = r.pick + e->n;
    r.x = r.row + rows;
    r.gate = r.x + rows * e->embd;
    r.up = r.gate + rows * e->ff;
    r.y = r.up + rows * e->ff;
    r.out = r.y + rows * e->embd;
    r.product = r.out + rows * e->used * e->embd;
    r.end = r.product + (int64_t)((most + sizeof(float) - 1) / sizeof(float));
    return r;
}

size_t k_scratch_experts(const struct spn_op_call *c)
{
    return (size_t)room_of(experts_of(c), c->in[0]->dim[0]).end * sizeof(float);
}

/* What group G is compared by: its largest member, or its two largest with a bias for the choice.
 */
static float group_score(const struct spn_experts *e, const float *pick, int g)
{
    int n = e->n / e->groups;
    float best = -INFINITY, second = -INFINITY;

    for (int i = g * n; i < (g + 1) * n; i++)
        if (pick[i] > best) {
            second = best;
            best = pick[i];
        } else if (pick[i] > second) {
            second = pick[i];
        }
    return e->choice_bias != NULL && n > 1 ? best + second : best;
}

/* Experts outside the best groups can no longer be picked. */
static void keep_groups(const struct spn_experts *e, float *pick)
{
    int n = e->n / e->groups;
    uint64_t kept = 0;

    for (int k = 0; k < e->groups_used; k++) {
        float most = -INFINITY;
        int best = -1;

        for (int g = 0; g < e->groups; g++) {
            float score = kept >> g & 1 ? 0 : group_score(e, pick, g);

            if (!(kept >> g & 1) && (best < 0 || score > most)) {
                best = g;
                most = score;
            }
        }
        kept |= (uint64_t)1 << best;
    }
    for (int i = 0; i < e->n; i++)
        if (!(kept >> (i / n) & 1))
            pick[i] = -INFINITY;
}

/* The USED best of a row's router logits, best first, and their shares.  PICK [n] is room for what
 * the choice goes by. */
static void choose(const struct spn_experts *e, const float *logit, int32_t *choice, float *weight,
                   float *pick)
{
    double mass = 0, taken = 0, share;
    float max = logit[0];

    for (int i = 1; i < e->n; i++)
        max = logit[i] > max ? logit[i] : max;
    for (int i = 0; i < e->n; i++) {
        mass += exp((double)logit[i] - (double)max);
        pick[i] = e->sigmoid ? 1 / (1 + expf(-logit[i])) : logit[i];
        pick[i] += e->choice_bias != NULL ? e->choice_bias[i] : 0;
    }
    if (e->groups > 1)
        keep_groups(e, pick);
    for (int k = 0; k < e->used; k++) {
        int best = -1;

        for (int i = 0; i < e->n; i++) {
            bool free = true;

            for (int j = 0; j < k; j++)
                free = free && choice[j] != i;
            if (free && (best < 0 || pick[i] > pick[best]))
                best = i;
        }
        choice[k] = best;
    }
    for (int k = 0; k < e->used; k++) {
        double l = (double)logit[choice[k]];

        share = e->sigmoid ? 1 / (1 + exp(-l)) : exp(l - (double)max);
        taken += share;
    }
    for (int k = 0; k < e->used; k++) {
        double l = (double)logit[choice[k]];

        share = e->sigmoid ? 1 / (1 + exp(-l)) : exp(l - (double)max);
        share /= e->normed ? taken : e->sigmoid ? 1 : mass;
        weight[k] = (float)(e->scale != 0 ? share * (double)e->scale : share);
    }
}

static void product(const struct spn_op_call *c, const struct spn_weight *w, const float *bias,
                    const float *x, int64_t rows, float *y, void *scratch)
{
    if (w->pack != NULL)
        spn_product(w->pack, x, w->t.dim[1], rows, bias, y, w->t.dim[0], scratch, c->run->pool);
    else
        spn_product_ref(&w->t, SPN_ACT_F32, x, w->t.dim[1], rows, bias, y, w->t.dim[0]);
}

static const float *bias_of(const float *bias, int n, int64_t width)
{
    return bias != NULL ? bias + n * width : NULL;
}

/* The hidden layer, in the place of GATE. */
static void hidden(const struct spn_experts *e, int64_t n, float *gate, const float *up)
{
    for (int64_t i = 0; i < n && e->limit > 0; i++) {
        float g = gate[i] > e->limit ? e->limit : gate[i], u = up[i];

        u = u > e->limit ? e->limit : u < -e->limit ? -e->limit : u;
        gate[i] = g / (1 + expf(-1.702f * g)) * (u + 1);
    }
    for (int64_t i = 0; i < n && !(e->limit > 0); i++)
        gate[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

/* All rows that chose expert N, as the choice's number K of row R says in OUT. */
static void run_expert(const struct spn_op_call *c, const struct spn_experts *e, int n,
                       const struct room *r)
{
    float *base = c->scratch, *x = base + r->x, *gate = base + r->gate, *up = base + r->up,
          *y = base + r->y;
    const int32_t *choice = (const int32_t *)c->scratch + r->choice;
    int32_t *row = (int32_t *)c->scratch + r->row;
    int64_t rows = c->in[0]->dim[0], count = 0;

    for (int64_t i = 0; i < rows * e->used; i++) {
        if (choice[i] != n)
            continue;
        memcpy(x + count * e->embd, (const float *)c->in[0]->data + i / e->used * e->embd,
               (size_t)e->embd * sizeof *x);
        row[count++] = (int32_t)i;
    }
    if (count == 0)
        return;
    product(c, &e->gate[n], bias_of(e->gate_bias, n, e->ff), x, count, gate, base + r->product);
    product(c, &e->up[n], bias_of(e->up_bias, n, e->ff), x, count, up, base + r->product);
    hidden(e, count * e->ff, gate, up);
    product(c, &e->down[n], bias_of(e->down_bias, n, e->embd), gate, count, y, base + r->product);
    for (int64_t i = 0; i < count; i++)
        memcpy(base + r->out + row[i] * e->embd, y + i * e->embd, (size_t)e->embd * sizeof *y);
}

void k_experts(const struct spn_op_call *c)
{
    const struct spn_experts *e = experts_of(c);
    int64_t rows = c->in[0]->dim[0];
    struct room r = room_of(e, rows);
    float *base = c->scratch, *y = c->out[0]->data;

    for (int64_t i = 0; i < rows; i++)
        choose(e, (const float *)c->in[1]->data + i * e->n,
               (int32_t *)c->scratch + r.choice + i * e->used, base + r.weight + i * e->used,
               base + r.pick);
    for (int n = 0; n < e->n; n++)
        run_expert(c, e, n, &r);
    for (int64_t i = 0; i < rows; i++) {
        float part = 1;

        if (c->in[3] != NULL)
            part = 1 / (1 + expf(-((const float *)c->in[3]->data)[i]));
        for (int64_t d = 0; d < e->embd; d++) {
            float sum = 0;

            for (int64_t k = i * e->used; k < (i + 1) * e->used; k++)
                sum += base[r.weight + k] * base[r.out + k * e->embd + d];
            if (c->in[2] != NULL)
                sum += part * ((const float *)c->in[2]->data)[i * e->embd + d];
            y[i * e->embd + d] = sum;
        }
    }
}
