/* step.c - gradients of the micro-batches side by side, added in their order, then AdamW. */
#include "config.h"

#include "train/step.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "tensor/ops.h"

/* Elements a chunk of the reduction and of the update: fixed, so that sums do not depend on the
 * threads. */
#define CHUNK 16384

static int64_t total_of(const struct train_stepper *s)
{
    return s->start[s->n_params];
}

static spn_status no_memory(struct spn_err *err, const char *what, uint64_t bytes)
{
    return spn_fail(err, SPN_ENOMEM, "train: no memory left for %s (%llu bytes)", what,
                    (unsigned long long)bytes);
}

/* The trained weights with their place among all elements. */
static spn_status list_params(struct train_stepper *s, struct spn_err *err)
{
    int n = 0;

    while (spn_lm_weight(s->lm, n) != NULL)
        n++;
    s->param = spn_calloc((size_t)n, sizeof *s->param);
    s->start = spn_calloc((size_t)n + 1, sizeof *s->start);
    if (s->param == NULL || s->start == NULL)
        return no_memory(err, "the list of weights", (uint64_t)n * sizeof *s->param);
    s->n_params = n;
    for (int i = 0; i < n; i++) {
        s->param[i].weight = spn_lm_weight(s->lm, i);
        s->param[i].n = spn_tensor_elems(&s->param[i].weight->t);
        s->start[i + 1] = s->start[i] + s->param[i].n;
    }
    return SPN_OK;
}

static void grad_name(char out[32], int i)
{
    snprintf(out, 32, "grad.%d", i);
}

static spn_status build_plan(struct train_stepper *s, struct spn_err *err)
{
    static const int64_t rows[1] = { SPN_DIM_ROWS };
    spn_val *wrt = spn_calloc((size_t)s->n_params, sizeof *wrt),
            *grad = spn_calloc((size_t)s->n_params, sizeof *grad);
    spn_val logits, target, weight, loss;
    spn_status st = SPN_OK;

    s->plan = spn_plan_new(SPN_F32);
    if (wrt == NULL || grad == NULL || s->plan == NULL) {
        st = no_memory(err, "the plan", 0);
    } else {
        logits = spn_lm_forward(s->lm, s->plan, SPN_LM_TRAIN);
        target = spn_plan_input(s->plan, "target", SPN_I32, 1, rows);
        weight = spn_plan_input(s->plan, "weight", SPN_F32, 1, rows);
        loss = spn_op_cross_entropy(s->plan, logits, target, weight);
        spn_plan_output(s->plan, "loss", loss);
        for (int i = 0; i < s->n_params; i++)
            wrt[i] = spn_plan_weight(s->plan, s->param[i].weight);
        st = loss < 0 ? SPN_EINTERNAL : spn_grad(s->plan, loss, wrt, s->n_params, grad, err);
        for (int i = 0; st == SPN_OK && i < s->n_params; i++) {
            char name[32];

            grad_name(name, i);
            if (grad[i] < 0)
                st = spn_fail(err, SPN_EINTERNAL, "train: the loss does not depend on %s",
                              s->param[i].weight->name);
            else
                spn_plan_output(s->plan, name, grad[i]);
        }
        if (st == SPN_OK || loss < 0)
            st = spn_plan_finish(s->plan, err);
    }
    spn_free(wrt);
    spn_free(grad);
    return st;
}

static spn_status allocate(struct train_stepper *s, int64_t batch_tokens, struct spn_err *err)
{
    size_t total = (size_t)total_of(s), chunks = (total + CHUNK - 1) / CHUNK;
    const int64_t most[SPN_DIM_SYMBOLS] = { batch_tokens, batch_tokens, 0 };
    spn_status st = SPN_OK;

    s->moments = spn_calloc(total, 2 * sizeof *s->moments);
    s->partial = spn_calloc(chunks, sizeof *s->partial);
    s->worker = spn_calloc((size_t)s->n_workers, sizeof *s->worker);
    if (s->moments == NULL || s->partial == NULL || s->worker == NULL)
        return no_memory(err, "the moments of the optimiser", (uint64_t)total * 8);
    for (int i = 0; i < s->n_params; i++) {
        s->param[i].exp_avg = s->moments + s->start[i];
        s->param[i].exp_avg_sq = s->moments + total + s->start[i];
    }
    s->bytes = (uint64_t)total * sizeof(float) * (uint64_t)(3 + s->n_slots);
    for (int i = 0; st == SPN_OK && i < s->n_slots; i++) {
        s->slot[i].grad = spn_calloc(total, sizeof(float));
        st = s->slot[i].grad == NULL ? no_memory(err, "a gradient", (uint64_t)total * 4)
                                     : spn_batch_init(&s->slot[i].batch, batch_tokens, err);
    }
    for (int i = 0; st == SPN_OK && i < s->n_workers; i++) {
        st = spn_exec_new(&s->worker[i].exec, s->plan, most, err);
        if (st == SPN_OK)
            s->bytes += spn_exec_bytes(s->worker[i].exec);
    }
    return st;
}

spn_status train_stepper_init(struct train_stepper *s, struct spn_lm *lm, int64_t slots,
                              int64_t batch_tokens, struct spn_pool *pool, struct spn_err *err)
{
    int threads = spn_pool_threads(pool);
    spn_status st;

    *s = (struct train_stepper){ .lm = lm, .pool = pool };
    s->slot = spn_calloc((size_t)slots, sizeof *s->slot);
    if (s->slot == NULL)
        return no_memory(err, "the micro-batches", (uint64_t)slots * sizeof *s->slot);
    s->n_slots = (int)slots;
    s->n_workers = threads < s->n_slots ? threads : s->n_slots;
    st = list_params(s, err);
    if (st == SPN_OK)
        st = build_plan(s, err);
    if (st == SPN_OK)
        st = allocate(s, batch_tokens, err);
    if (st != SPN_OK)
        train_stepper_free(s);
    return st;
}

void train_stepper_free(struct train_stepper *s)
{
    for (int i = 0; s->slot != NULL && i < s->n_slots; i++) {
        spn_batch_free(&s->slot[i].batch);
        spn_free(s->slot[i].grad);
    }
    for (int i = 0; s->worker != NULL && i < s->n_workers; i++)
        spn_exec_free(s->worker[i].exec);
    spn_plan_free(s->plan);
    spn_free(s->worker);
    spn_free(s->slot);
    spn_free(s->param);
    spn_free(s->start);
    spn_free(s->moments);
    spn_free(s->partial);
    *s = (struct train_stepper){ 0 };
}

/* Forward and backward of one micro-batch; its gradient is copied out because the arena is used
 * again. */
static spn_status run_slot(struct train_stepper *s, struct train_slot *slot, struct spn_exec *exec)
{
    const struct spn_batch *b = &slot->batch;
    struct spn_run run = { .symbol = { b->n, b->n, 0 }, .batch = &b->rows };
    struct spn_tensor view;
    spn_status st = spn_exec_input(exec, &run, "target", &view, &slot->err);

    if (st == SPN_OK) {
        memcpy(view.data, b->target, (size_t)b->n * sizeof *b->target);
        st = spn_exec_input(exec, &run, "weight", &view, &slot->err);
    }
    if (st == SPN_OK) {
        memcpy(view.data, b->weight, (size_t)b->n * sizeof *b->weight);
        st = spn_exec_run(exec, &run, -1, spn_plan_marks(s->plan), &slot->err);
    }
    if (st == SPN_OK)
        st = spn_exec_output(exec, &run, "loss", &view, &slot->err);
    if (st == SPN_OK)
        slot->loss = *(const float *)view.data;
    for (int i = 0; st == SPN_OK && i < s->n_params; i++) {
        char name[32];

        grad_name(name, i);
        st = spn_exec_output(exec, &run, name, &view, &slot->err);
        if (st == SPN_OK)
            memcpy(slot->grad + s->start[i], view.data, (size_t)s->param[i].n * sizeof(float));
    }
    return st;
}

static void run_slots(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct train_stepper *s = ctx;

    /* With a thread for every slot an arena belongs to a slot, since a worker's number may be above
     * their count. */
    for (int64_t i = begin; i < end; i++)
        s->slot[i].st = run_slot(s, &s->slot[i],
                                 s->worker[s->n_workers == s->n_slots ? i : worker].exec);
}

/* Chunk c of the mean gradient into slot 0: each micro-batch counts by the weight of its targets.
 */
static void add_chunks(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct train_stepper *s = ctx;
    int64_t total = total_of(s);
    double weight = 0;

    for (int k = 0; k < s->n_slots; k++)
        weight += s->slot[k].batch.weight_sum;
    for (int64_t c = begin; c < end; c++) {
        int64_t from = c * CHUNK, to = from + CHUNK < total ? from + CHUNK : total;
        float *g = s->slot[0].grad;
        float share = (float)(s->slot[0].batch.weight_sum / weight);
        double squares = 0;

        for (int64_t i = from; i < to; i++)
            g[i] *= share;
        for (int k = 1; k < s->n_slots; k++) {
            const float *more = s->slot[k].grad;

            share = (float)(s->slot[k].batch.weight_sum / weight);
            for (int64_t i = from; i < to; i++)
                g[i] += share * more[i];
        }
        for (int64_t i = from; i < to; i++)
            squares += (double)g[i] * g[i];
        s->partial[c] = squares;
    }
}

spn_status train_stepper_gradient(struct train_stepper *s, double *loss, double *norm,
                                  struct spn_err *err)
{
    int64_t chunks = (total_of(s) + CHUNK - 1) / CHUNK;
    double sum = 0, weight = 0, squares = 0;

    spn_pool_run(s->pool, s->n_slots, 1, run_slots, s);
    for (int k = 0; k < s->n_slots; k++) {
        if (s->slot[k].st != SPN_OK) {
            if (err != NULL)
                *err = s->slot[k].err;
            return s->slot[k].st;
        }
        sum += s->slot[k].loss * s->slot[k].batch.weight_sum;
        weight += s->slot[k].batch.weight_sum;
    }
    spn_pool_run(s->pool, chunks, 1, add_chunks, s);
    for (int64_t c = 0; c < chunks; c++)
        squares += s->partial[c];
    *loss = sum / weight;
    *norm = sqrt(squares);
    return SPN_OK;
}

struct update {
    struct train_stepper *s;
    const struct spn_adamw *adamw;
    double lr, scale;
    int64_t step;
};

static void update_chunks(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct update *u = ctx;
    struct train_stepper *s = u->s;
    int64_t total = total_of(s);
    int p = 0;

    for (int64_t c = begin; c < end; c++) {
        int64_t from = c * CHUNK, to = from + CHUNK < total ? from + CHUNK : total;
        float *g = s->slot[0].grad;

        if (u->scale != 1)
            for (int64_t i = from; i < to; i++)
                g[i] *= (float)u->scale;
        while (from < to) { /* the pieces of the parameters that lie in this chunk */
            const struct spn_train_param *q;
            struct spn_adamw adamw = *u->adamw;
            int64_t at, n;

            while (s->start[p + 1] <= from)
                p++;
            q = &s->param[p];
            at = from - s->start[p];
            n = (s->start[p + 1] < to ? s->start[p + 1] : to) - from;
            if (q->weight->t.ndim < 2)
                adamw.weight_decay = 0;
            spn_adamw_step(&adamw, (float)u->lr, u->step, n, (float *)q->weight->t.data + at,
                           g + from, q->exp_avg + at, q->exp_avg_sq + at);
            from += n;
        }
    }
}

void train_stepper_update(struct train_stepper *s, const struct spn_adamw *o, double lr,
                          int64_t step, double scale)
{
    struct update u = { s, o, lr, scale, step };

    spn_pool_run(s->pool, (total_of(s) + CHUNK - 1) / CHUNK, 1, update_chunks, &u);
}
