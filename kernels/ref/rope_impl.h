/* rope_impl.h - rotary positions (Su et al. 2021): a table of cosines and sines a row, and the
 * rotation. */

/* table [R, n_rot]: first n_rot/2 cosines, then as many sines, both times mscale.  Angles are taken
   in double: at position 30 000 a float angle is off by 1e-3. */
void REF(rope_table)(const struct spn_op_call *c)
{
    const struct spn_rope *r = &((const struct k_rope_params *)c->params)->rope;
    const struct spn_rows *rows = c->run->batch;
    int64_t half = r->n_rot / 2;

    for (int64_t i = 0; i < rows->n; i++) {
        real *table = out_data(c, 0) + i * r->n_rot;

        for (int64_t j = 0; j < half; j++) {
            double divisor = c->in[0] != NULL ? (double)vec_at(c->in[0], j) : 1;
            double angle = rows->pos[i] * (double)r->freq_scale *
                           pow(r->base, -2.0 * (double)j / r->n_rot) / divisor;

            table[j] = (real)(cos(angle) * (double)r->mscale);
            table[half + j] = (real)(sin(angle) * (double)r->mscale);
        }
    }
}

/* x, table -> the first n_rot elements of every head turned; the rest is copied. */
void REF(rope)(const struct spn_op_call *c)
{
    const struct k_rope_params *p = c->params;
    const struct spn_rope *r = &p->rope;
    int64_t rows = c->in[0]->dim[0], width = c->in[0]->dim[1], half = r->n_rot / 2;
    int64_t step = r->pairs == SPN_ROPE_NEOX ? 1 : 2, other = r->pairs == SPN_ROPE_NEOX ? half : 1;

    for (int64_t i = 0; i < rows; i++) {
        const real *table = in_data(c, 1) + i * r->n_rot;

        for (int64_t head = 0; head < width; head += r->head_dim) {
            const real *x = in_data(c, 0) + i * width + head;
            real *y = out_data(c, 0) + i * width + head;

            for (int64_t j = 0; j < half; j++) {
                real cosine = table[j], sine = p->inverse ? -table[half + j] : table[half + j];
                real a = x[j * step], b = x[j * step + other];

                y[j * step] = a * cosine - b * sine;
                y[j * step + other] = a * sine + b * cosine;
            }
            for (int64_t j = r->n_rot; j < r->head_dim; j++)
                y[j] = x[j];
        }
    }
}
