/* vision_attend_impl.h - plain attention of maps, a row of queries at a time. */

struct attend {
    const struct spn_attend *a;
    int64_t batch, nq, nk, q_width, v_width;
    const real *q, *k, *v, *bias, *mix1, *mix2;
    real *score, *mixed, *other; /* [heads][nk] of one query */
};

static struct attend attend_of(const struct spn_op_call *c)
{
    const struct spn_attend *a = c->params;
    int64_t nk = k_places(c->in[1]);
    real *room = c->scratch;

    return (struct attend){ .a = a,
                            .batch = c->in[0]->dim[0],
                            .nq = k_places(c->in[0]),
                            .nk = nk,
                            .q_width = c->in[0]->dim[3],
                            .v_width = c->in[2]->dim[3],
                            .q = in_data(c, 0),
                            .k = in_data(c, 1),
                            .v = in_data(c, 2),
                            .bias = in_data(c, 3),
                            .mix1 = in_data(c, 4),
                            .mix2 = in_data(c, 5),
                            .score = room,
                            .mixed = room + a->heads * nk,
                            .other = room + 2 * a->heads * nk };
}

/* scale q k + bias of query I of picture B. */
static void scores(const struct attend *t, int64_t b, int64_t i)
{
    for (int h = 0; h < t->a->heads; h++) {
        const real *q = t->q + (b * t->nq + i) * t->q_width + h * t->a->dim_k;

        for (int64_t j = 0; j < t->nk; j++) {
            const real *k = t->k + (b * t->nk + j) * t->q_width + h * t->a->dim_k;
            real sum = 0;

            for (int d = 0; d < t->a->dim_k; d++)
                sum += q[d] * k[d];
            sum *= (real)t->a->scale;
            t->score[h * t->nk + j] =
                sum + (t->bias != NULL ? t->bias[(h * t->nq + i) * t->nk + j] : 0);
        }
    }
}

/* TO = MIX applied to FROM, or FROM itself. */
static void mix(const struct attend *t, const real *m, const real *from, real *to)
{
    int heads = t->a->heads;

    for (int h = 0; h < heads; h++)
        for (int64_t j = 0; j < t->nk; j++) {
            real sum = m != NULL ? m[h * (heads + 1) + heads] : from[h * t->nk + j];

            for (int g = 0; m != NULL && g < heads; g++)
                sum += m[h * (heads + 1) + g] * from[g * t->nk + j];
            to[h * t->nk + j] = sum;
        }
}

static void softmax_rows(const struct attend *t, real *x)
{
    for (int h = 0; h < t->a->heads; h++) {
        real *s = x + h * t->nk, top = s[0], sum = 0;

        for (int64_t j = 1; j < t->nk; j++)
            top = s[j] > top ? s[j] : top;
        for (int64_t j = 0; j < t->nk; j++)
            sum += s[j] = R(exp)(s[j] - top);
        for (int64_t j = 0; j < t->nk; j++)
            s[j] /= sum;
    }
}

void REF(map_attend)(const struct spn_op_call *c)
{
    struct attend t = attend_of(c);
    int heads = t.a->heads, dv = t.a->dim_v;
    real *y = out_data(c, 0);

    zero_out(c, 1);
    for (int64_t b = 0; b < t.batch; b++)
        for (int64_t i = 0; i < t.nq; i++) {
            scores(&t, b, i);
            mix(&t, t.mix1, t.score, t.mixed);
            softmax_rows(&t, t.mixed);
            for (int h = 0; h < heads && t.a->keep; h++)
                memcpy(out_data(c, 1) + ((b * heads + h) * t.nq + i) * t.nk, t.mixed + h * t.nk,
                       (size_t)t.nk * sizeof(real));
            mix(&t, t.mix2, t.mixed, t.score);
            for (int h = 0; h < heads; h++)
                for (int d = 0; d < dv; d++) {
                    real sum = 0;

                    for (int64_t j = 0; j < t.nk; j++)
                        sum += t.score[h * t.nk + j] * t.v[(b * t.nk + j) * t.v_width + h * dv + d];
                    y[(b * t.nq + i) * t.v_width + h * dv + d] = sum;
                }
        }
}

/* d(after mix2) = dy v, into OTHER. */
static void back_values(const struct attend *t, const real *dy, int64_t b, int64_t i)
{
    int dv = t->a->dim_v;

    for (int h = 0; h < t->a->heads; h++)
        for (int64_t j = 0; j < t->nk; j++) {
            const real *v = t->v + (b * t->nk + j) * t->v_width + h * dv,
                       *d = dy + (b * t->nq + i) * t->v_width + h * dv;
            real sum = 0;

            for (int e = 0; e < dv; e++)
                sum += d[e] * v[e];
            t->other[h * t->nk + j] = sum;
        }
}

/* TO = the mix's transpose applied to FROM, or FROM itself. */
static void mix_back(const struct attend *t, const real *m, const real *from, real *to)
{
    int heads = t->a->heads;

    for (int g = 0; g < heads; g++)
        for (int64_t j = 0; j < t->nk; j++) {
            real sum = m != NULL ? 0 : from[g * t->nk + j];

            for (int h = 0; m != NULL && h < heads; h++)
                sum += m[h * (heads + 1) + g] * from[h * t->nk + j];
            to[g * t->nk + j] = sum;
        }
}

/* d(before softmax) in place, from the softmax P of query I. */
static void back_softmax(const struct attend *t, const real *p, int64_t b, int64_t i, real *d)
{
    for (int h = 0; h < t->a->heads; h++) {
        const real *ph = p + ((b * t->a->heads + h) * t->nq + i) * t->nk;
        real *dh = d + h * t->nk, dot = 0;

        for (int64_t j = 0; j < t->nk; j++)
            dot += ph[j] * dh[j];
        for (int64_t j = 0; j < t->nk; j++)
            dh[j] = ph[j] * (dh[j] - dot);
    }
}

/* The softmax of query I, kept by the forward record, into TO. */
static void kept(const struct attend *t, const real *p, int64_t b, int64_t i, real *to)
{
    for (int h = 0; h < t->a->heads; h++)
        memcpy(to + h * t->nk, p + ((b * t->a->heads + h) * t->nq + i) * t->nk,
               (size_t)t->nk * sizeof(real));
}

void REF(map_attend_grad)(const struct spn_op_call *c)
{
    struct attend t = attend_of(c);
    const real *p = in_data(c, 6), *dy = in_data(c, 7);
    real *dq = out_data(c, 0), *dk = out_data(c, 1), *dv = out_data(c, 2), *ds = out_data(c, 3);
    int heads = t.a->heads;

    for (int k = 0; k < 3; k++)
        zero_out(c, k);
    for (int64_t b = 0; b < t.batch; b++)
        for (int64_t i = 0; i < t.nq; i++) {
            kept(&t, p, b, i, t.mixed);
            mix(&t, t.mix2, t.mixed, t.score);
            for (int h = 0; h < heads; h++)
                for (int64_t j = 0; j < t.nk; j++)
                    for (int e = 0; e < t.a->dim_v; e++)
                        dv[(b * t.nk + j) * t.v_width + h * t.a->dim_v + e] +=
                            t.score[h * t.nk + j] *
                            dy[(b * t.nq + i) * t.v_width + h * t.a->dim_v + e];
            back_values(&t, dy, b, i);
            mix_back(&t, t.mix2, t.other, t.mixed);
            back_softmax(&t, p, b, i, t.mixed);
            mix_back(&t, t.mix1, t.mixed, t.score);
            for (int h = 0; h < heads; h++)
                for (int64_t j = 0; j < t.nk; j++) {
                    int64_t to_q = (b * t.nq + i) * t.q_width + h * t.a->dim_k,
                            to_k = (b * t.nk + j) * t.q_width + h * t.a->dim_k;
                    real d = t.score[h * t.nk + j];

                    ds[((b * heads + h) * t.nq + i) * t.nk + j] = d;
                    d *= (real)t.a->scale;
                    for (int e = 0; e < t.a->dim_k; e++) {
                        dq[to_q + e] += d * t.k[to_k + e];
                        dk[to_k + e] += d * t.q[to_q + e];
                    }
                }
        }
}

/* D [heads][heads + 1] += AFTER (gradient past a mix) times FROM (what went into it). */
static void add_mix(const struct attend *t, const real *after, const real *from, real *d)
{
    int heads = t->a->heads;

    for (int h = 0; h < heads; h++)
        for (int g = 0; g <= heads; g++)
            for (int64_t j = 0; j < t->nk; j++)
                d[h * (heads + 1) + g] +=
                    after[h * t->nk + j] * (g < heads ? from[g * t->nk + j] : 1);
}

void REF(map_attend_mix_grad)(const struct spn_op_call *c)
{
    struct attend t = attend_of(c);
    const real *p = in_data(c, 6), *dy = in_data(c, 7);

    zero_out(c, 0);
    zero_out(c, 1);
    for (int64_t b = 0; b < t.batch; b++)
        for (int64_t i = 0; i < t.nq; i++) {
            kept(&t, p, b, i, t.mixed);
            back_values(&t, dy, b, i);
            add_mix(&t, t.other, t.mixed, out_data(c, 1));
            mix_back(&t, t.mix2, t.other, t.mixed);
            back_softmax(&t, p, b, i, t.mixed);
            scores(&t, b, i);
            add_mix(&t, t.mixed, t.score, out_data(c, 0));
        }
}
