/* exec.c - running a plan: every value has a place in one arena before the first run; a run
 * allocates nothing. */
#include "config.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/arith.h"
#include "base/cpu.h"
#include "tensor/plan.h"
#include "tensor/plan_impl.h"

struct spn_exec {
    const struct spn_plan *plan;
    int64_t symbol_max[SPN_DIM_SYMBOLS];
    int64_t bound[SPN_DIM_SYMBOLS]; /* what the views are resolved for; -1: nothing yet */
    unsigned char *arena;
    uint64_t arena_bytes, bytes;
    uint64_t *offset;         /* [n_value] */
    struct spn_tensor *view;  /* [n_value] */
    struct spn_op_call *call; /* [n_record] */
    spn_op_fn *fn;            /* [n_record] */
    uint64_t *scratch;        /* [n_record] offsets */
    int *twin;                /* [n_record] the first record that makes the same, else itself */
    double *seconds;          /* [n_record] lent by whoever measures; NULL: nobody does */
    uint64_t *made, runs;     /* [n_record] the run in which it was made last */
};

static const char *const symbol_name[SPN_DIM_SYMBOLS] = { "rows", "out", "keys" };

/* The fastest version that this machine has. */
static spn_op_fn choose(const struct spn_op *op, int float_dtype)
{
    if (float_dtype == SPN_F64)
        return op->ref_f64;
    for (int isa = (int)spn_isa_get(); isa > SPN_ISA_REF; isa--)
        if (op->fast[isa] != NULL)
            return op->fast[isa];
    return op->ref_f32;
}

/* Point the calls at the views: they never move. */
static void wire(struct spn_exec *e)
{
    const struct spn_plan *p = e->plan;

    for (int i = 0; i < p->n_record; i++) {
        const struct k_record *r = p->record[i];
        struct spn_op_call *c = &e->call[i];

        for (int k = 0; k < r->n_in; k++) {
            if (r->in[k] == -1)
                continue;
            c->in[k] = &e->view[r->in[k]];
            c->weight[k] = p->value[r->in[k]]->weight;
        }
        for (int k = 0; k < r->op->n_out; k++)
            c->out[k] = &e->view[r->out[k]];
        c->params = r->params;
        e->fn[i] = choose(r->op, p->float_dtype);
    }
}

/* Does record I make what record K made already in the same run? */
static bool same_record(const struct spn_plan *p, int i, int k)
{
    const struct k_record *a = p->record[i], *b = p->record[k];

    if (a->op != b->op || a->op->n_out != 1 || a->n_in != b->n_in ||
        memcmp(a->params, b->params, sizeof a->params) != 0)
        return false;
    for (int n = 0; n < a->n_in; n++)
        if (a->in[n] != b->in[n] || (a->in[n] != -1 && p->value[a->in[n]]->kind != K_WEIGHT))
            return false;
    return true;
}

static void find_twins(struct spn_exec *e)
{
    const struct spn_plan *p = e->plan;

    for (int i = 0; i < p->n_record; i++) {
        e->twin[i] = i;
        for (int k = 0; p->record[i]->op->once && k < i; k++)
            if (e->twin[k] == k && same_record(p, i, k)) {
                e->twin[i] = k;
                break;
            }
    }
}

/* May a run begin between records I - 1 and I? */
static bool starts_at(const struct spn_plan *p, int i)
{
    for (int m = 0; m < p->n_mark; m++)
        if (p->mark[m].record == i)
            return true;
    return false;
}

/* Records that work on what the one before made of the same input. */
static void find_prepared(struct spn_exec *e)
{
    const struct spn_plan *p = e->plan;

    for (int i = 1; i < p->n_record; i++) {
        const struct k_record *r = p->record[i], *before = p->record[i - 1];

        e->call[i].prepared = r->op->shares != NULL && r->op == before->op &&
                              r->in[0] == before->in[0] && !starts_at(p, i) &&
                              r->op->shares(&e->call[i - 1], &e->call[i]);
    }
}

/* Views for these symbol values; data stays NULL until there is an arena. */
static void bind(struct spn_exec *e, const int64_t symbol[SPN_DIM_SYMBOLS])
{
    const struct spn_plan *p = e->plan;

    for (int i = 0; i < p->n_value; i++) {
        const struct k_value *v = p->value[i];

        if (v->kind == K_WEIGHT) {
            e->view[i] = v->weight->t;
            continue;
        }
        k_value_view(v, symbol, &e->view[i]);
        if (e->arena != NULL)
            e->view[i].data = e->arena + e->offset[i];
    }
    memcpy(e->bound, symbol, sizeof e->bound);
}

/* The record whose scratch record I works on. */
static int head_of(const struct spn_exec *e, int i)
{
    while (e->call[i].prepared)
        i--;
    return i;
}

/* Lifetimes of values and scratch blocks -> offsets and the arena's size. */
static spn_status plan_arena(struct spn_exec *e, struct spn_err *err)
{
    const struct spn_plan *p = e->plan;
    struct k_place *item = spn_calloc((size_t)p->n_value + (size_t)p->n_record + 1, sizeof *item);
    struct spn_run widest = { 0 };
    spn_status st = SPN_OK;

    if (item == NULL)
        return spn_fail(err, SPN_ENOMEM, "plan: no memory to place %d values", p->n_value);
    memcpy(widest.symbol, e->symbol_max, sizeof widest.symbol);
    for (int i = 0; i < p->n_value && st == SPN_OK; i++) {
        const struct k_value *v = p->value[i];
        char text[160];

        item[i].first = v->pinned ? 0 : v->record;
        item[i].last = v->pinned ? p->n_record : v->record;
        if (v->kind != K_WEIGHT && !k_value_bytes(v, e->symbol_max, &item[i].bytes)) {
            spn_tensor_shape_text(&v->shape, text, sizeof text);
            st = spn_fail(err, SPN_ENOMEM,
                          "plan: the size of value %d, %s %s, overflows with %" PRId64 " rows", i,
                          spn_dtype_name(v->shape.dtype), text, e->symbol_max[0]);
        }
    }
    if (st == SPN_OK) {
        bind(e, e->symbol_max); /* scratch rules read the largest shapes */
        find_prepared(e);
    }
    for (int i = 0; i < p->n_record && st == SPN_OK; i++) {
        const struct k_record *r = p->record[i];
        struct k_place *scratch = &item[p->n_value + i];

        for (int k = 0; k < r->n_in; k++)
            if (r->in[k] != -1 && !p->value[r->in[k]]->pinned && item[r->in[k]].last < i)
                item[r->in[k]].last = i;
        scratch->first = scratch->last = i;
        e->call[i].run = &widest;
        scratch->bytes = r->op->scratch != NULL ? r->op->scratch(&e->call[i]) : 0;
        e->call[i].run = NULL;
        if (e->call[i].prepared) { /* one block for all, as large as the largest needs */
            struct k_place *before = &item[p->n_value + head_of(e, i)];

            before->last = i;
            before->bytes = scratch->bytes > before->bytes ? scratch->bytes : before->bytes;
            scratch->bytes = 0;
        }
    }
    for (int i = 0; i < p->n_record && st == SPN_OK; i++)
        if (e->twin[i] != i) {
            struct k_place *first = &item[p->record[e->twin[i]]->out[0]],
                           *own = &item[p->record[i]->out[0]];

            first->first = own->first < first->first ? own->first : first->first;
            first->last = own->last > first->last ? own->last : first->last;
            own->bytes = 0;
        }
    if (st == SPN_OK)
        st = k_place_all(item, p->n_value + p->n_record, &e->arena_bytes, err);
    for (int i = 0; i < p->n_value && st == SPN_OK; i++) {
        const struct k_value *v = p->value[i];
        int twin = v->kind == K_RESULT ? e->twin[v->record] : -1;

        e->offset[i] = item[twin < 0 || twin == v->record ? i : p->record[twin]->out[0]].offset;
    }
    for (int i = 0; i < p->n_record && st == SPN_OK; i++)
        e->scratch[i] = item[p->n_value + head_of(e, i)].offset;
    spn_free(item);
    return st;
}

/* Tables of N items of SIZE bytes, counted. */
static void *table(struct spn_exec *e, int n, size_t size)
{
    e->bytes += ((uint64_t)n + 1) * size;
    return spn_calloc((size_t)n + 1, size);
}

static spn_status take_arena(struct spn_exec *e, struct spn_err *err)
{
    uint64_t left = spn_memory_free_bytes();
    size_t size;

    e->bytes += e->arena_bytes;
    if (e->arena_bytes > left || !spn_size_of_u64(e->arena_bytes, &size))
        return spn_fail(err, SPN_ENOMEM,
                        "plan: a run of at most %" PRId64 " rows needs %" PRIu64 " bytes, %" PRIu64
                        " are free",
                        e->symbol_max[0], e->bytes, left);
    e->arena = spn_aligned_alloc(64, size > 0 ? size : 64);
    if (e->arena == NULL)
        return spn_fail(err, SPN_ENOMEM,
                        "plan: no memory for the %" PRIu64 " bytes of a run of at most %" PRId64
                        " rows",
                        e->bytes, e->symbol_max[0]);
    for (int i = 0; i < e->plan->n_record; i++)
        e->call[i].scratch = e->arena + e->scratch[i];
    return SPN_OK;
}

spn_status spn_exec_new(struct spn_exec **out, struct spn_plan *p,
                        const int64_t symbol_max[SPN_DIM_SYMBOLS], struct spn_err *err)
{
    struct spn_exec *e;
    spn_status st;

    if (!p->finished)
        return spn_fail(err, SPN_EINTERNAL, "plan: it is run before spn_plan_finish");
    for (int i = 0; i < SPN_DIM_SYMBOLS; i++)
        if (symbol_max[i] < 0)
            return spn_fail(err, SPN_EUSAGE, "plan: at most %" PRId64 " %s", symbol_max[i],
                            symbol_name[i]);
    e = spn_calloc(1, sizeof *e);
    if (e == NULL)
        return spn_fail(err, SPN_ENOMEM, "plan: no memory to run it");
    e->plan = p;
    e->bytes = sizeof *e;
    memcpy(e->symbol_max, symbol_max, sizeof e->symbol_max);
    e->offset = table(e, p->n_value, sizeof *e->offset);
    e->view = table(e, p->n_value, sizeof *e->view);
    e->call = table(e, p->n_record, sizeof *e->call);
    e->fn = table(e, p->n_record, sizeof *e->fn);
    e->scratch = table(e, p->n_record, sizeof *e->scratch);
    e->twin = table(e, p->n_record, sizeof *e->twin);
    e->made = table(e, p->n_record, sizeof *e->made);
    if (e->offset == NULL || e->view == NULL || e->call == NULL || e->fn == NULL ||
        e->scratch == NULL || e->twin == NULL || e->made == NULL)
        st = spn_fail(err, SPN_ENOMEM, "plan: no memory for the tables of %d records", p->n_record);
    else {
        wire(e);
        find_twins(e);
        st = plan_arena(e, err);
    }
    if (st == SPN_OK)
        st = take_arena(e, err);
    if (st != SPN_OK) {
        spn_exec_free(e);
        return st;
    }
    bind(e, symbol_max);
    *out = e;
    return SPN_OK;
}

void spn_exec_free(struct spn_exec *e)
{
    if (e == NULL)
        return;
    spn_free(e->arena);
    spn_free(e->offset);
    spn_free(e->view);
    spn_free(e->call);
    spn_free(e->fn);
    spn_free(e->scratch);
    spn_free(e->twin);
    spn_free(e->made);
    spn_free(e);
}

uint64_t spn_exec_bytes(const struct spn_exec *e)
{
    return e->bytes;
}

static spn_status check_symbols(const struct spn_exec *e, const struct spn_run *run,
                                struct spn_err *err)
{
    for (int i = 0; i < SPN_DIM_SYMBOLS; i++)
        if (run->symbol[i] < 0 || run->symbol[i] > e->symbol_max[i])
            return spn_fail(err, SPN_EUSAGE,
                            "plan: a run of %" PRId64 " %s, at most %" PRId64 " were planned",
                            run->symbol[i], symbol_name[i], e->symbol_max[i]);
    return SPN_OK;
}

static spn_status view_of(struct spn_exec *e, const struct spn_run *run, spn_val v,
                          struct spn_tensor *view, struct spn_err *err)
{
    spn_status st = check_symbols(e, run, err);

    if (st != SPN_OK)
        return st;
    k_value_view(e->plan->value[v], run->symbol, view);
    view->data = e->arena + e->offset[v];
    return SPN_OK;
}

spn_status spn_exec_input(struct spn_exec *e, const struct spn_run *run, const char *name,
                          struct spn_tensor *view, struct spn_err *err)
{
    for (int i = 0; i < e->plan->n_value; i++)
        if (e->plan->value[i]->kind == K_INPUT && strcmp(e->plan->value[i]->name, name) == 0)
            return view_of(e, run, i, view, err);
    return spn_fail(err, SPN_ENOTFOUND, "plan: it has no input %s", name);
}

spn_status spn_exec_output(struct spn_exec *e, const struct spn_run *run, const char *name,
                           struct spn_tensor *view, struct spn_err *err)
{
    for (int i = 0; i < e->plan->n_output; i++)
        if (strcmp(e->plan->output[i].name, name) == 0)
            return view_of(e, run, e->plan->output[i].v, view, err);
    return spn_fail(err, SPN_ENOTFOUND, "plan: it has no output %s", name);
}

spn_status spn_exec_stream(struct spn_exec *e, const struct spn_run *run, int mark,
                           struct spn_tensor *view, struct spn_err *err)
{
    if (mark < 0 || mark >= e->plan->n_mark)
        return spn_fail(err, SPN_EUSAGE, "plan: mark %d, it has 0 to %d", mark,
                        e->plan->n_mark - 1);
    return view_of(e, run, e->plan->mark[mark].stream, view, err);
}

static spn_status check_marks(const struct spn_plan *p, int from, int to, struct spn_err *err)
{
    const struct k_mark *start = from >= 0 && from < p->n_mark ? &p->mark[from] : NULL;

    if (from < -1 || from >= p->n_mark || to < from || to > p->n_mark)
        return spn_fail(err, SPN_EUSAGE,
                        "plan: a run from mark %d to mark %d, it has -1 (begin) to %d (end)", from,
                        to, p->n_mark);
    if (start == NULL || start->blocker == -1 ||
        (to < p->n_mark && start->blocker >= p->mark[to].record))
        return SPN_OK;
    return spn_fail(err, SPN_EUSAGE,
                    "plan: no run starts at mark %d: record %d (%s) reads value %d from before it",
                    from, start->blocker, p->record[start->blocker]->op->name, start->blocked);
}

void spn_exec_clock(struct spn_exec *e, double *seconds)
{
    e->seconds = seconds;
}

static double clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The first record after a mark. */
static int record_at(const struct spn_plan *p, int mark)
{
    return mark < 0 ? 0 : mark == p->n_mark ? p->n_record : p->mark[mark].record;
}

spn_status spn_exec_run(struct spn_exec *e, const struct spn_run *run, int from_mark, int to_mark,
                        struct spn_err *err)
{
    const struct spn_plan *p = e->plan;
    spn_status st = check_symbols(e, run, err);

    if (st == SPN_OK)
        st = check_marks(p, from_mark, to_mark, err);
    if (st == SPN_OK && memcmp(e->bound, run->symbol, sizeof e->bound) != 0)
        bind(e, run->symbol);
    if (st != SPN_OK)
        return st;
    e->runs++;
    for (int i = record_at(p, from_mark); st == SPN_OK && i < record_at(p, to_mark); i++) {
        struct spn_op_call *c = &e->call[i];
        const struct spn_op *op = p->record[i]->op;

        if (e->made[e->twin[i]] == e->runs)
            continue;
        e->made[e->twin[i]] = e->runs;
        c->run = run;
        if (op->check != NULL)
            st = op->check(c, err);
        if (st == SPN_OK && e->seconds == NULL) {
            e->fn[i](c);
        } else if (st == SPN_OK) {
            double start = clock_now();

            e->fn[i](c);
            e->seconds[i] = clock_now() - start;
        }
    }
    return st;
}
