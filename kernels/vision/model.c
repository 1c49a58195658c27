/* model.c - a vision model: plans by size, the two used last kept. */
#include "config.h"

#include "vision/model.h"

#include <inttypes.h>
#include <string.h>

#include "vision/net_impl.h"

#define ARENA_BYTES ((size_t)64 << 20) /* of names and entries */

spn_status spn_vision_open(struct spn_vision **out, struct spn_reader *r,
                           const struct spn_vision_setup *setup, struct spn_err *err)
{
    struct spn_vision *v = spn_calloc(1, sizeof *v);

    if (v != NULL)
        v->arena = spn_arena_new(ARENA_BYTES);
    if (v == NULL || v->arena == NULL) {
        spn_free(v);
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to open it", spn_reader_path(r));
    }
    v->r = r;
    v->setup = *setup;
    *out = v;
    return SPN_OK;
}

static void net_free(struct spn_vnet *n)
{
    if (n == NULL)
        return;
    spn_exec_free(n->exec);
    spn_plan_free(n->plan);
    k_made_free(n->made);
    spn_arena_free(n->arena);
    spn_free(n->seconds);
    spn_free(n);
}

void spn_vision_close(struct spn_vision *v)
{
    if (v == NULL)
        return;
    for (int i = 0; i < 2; i++)
        net_free(v->net[i]);
    k_made_free(v->made);
    spn_arena_free(v->arena);
    spn_free(v);
}

void spn_vision_inside(struct spn_vision *v, bool on)
{
    v->inside = on;
}

static spn_status net_plan(struct spn_vnet *n, struct spn_err *err)
{
    const struct spn_vision_setup *s = &n->v->setup;
    int64_t dim[4] = { n->batch, n->h, n->w, s->channels };
    static const int64_t none[SPN_DIM_SYMBOLS];
    spn_status st;

    n->out = s->build(n, spn_plan_input(n->plan, "x", SPN_F32, 4, dim), s->config);
    if (n->out != -1)
        spn_plan_output(n->plan, "y", n->out);
    if (n->err.code != SPN_OK) {
        if (err != NULL)
            *err = n->err;
        return n->err.code;
    }
    st = spn_plan_finish(n->plan, err);
    if (st == SPN_OK)
        st = spn_exec_new(&n->exec, n->plan, none, err);
    if (st != SPN_OK)
        return st;
    n->seconds = spn_calloc((size_t)spn_plan_records(n->plan) + 1, sizeof *n->seconds);
    if (n->seconds == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for its timings", spn_reader_path(n->v->r));
    spn_exec_clock(n->exec, n->seconds);
    return SPN_OK;
}

static spn_status net_new(struct spn_vision *v, int64_t batch, int64_t h, int64_t w,
                          struct spn_vnet **out, struct spn_err *err)
{
    struct spn_vnet *n = spn_calloc(1, sizeof *n);
    spn_status st;

    if (n != NULL) {
        n->arena = spn_arena_new(ARENA_BYTES);
        n->plan = spn_plan_new(SPN_F32);
    }
    if (n == NULL || n->arena == NULL || n->plan == NULL) {
        net_free(n);
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for maps of %" PRId64 " x %" PRId64,
                        spn_reader_path(v->r), w, h);
    }
    n->v = v;
    n->batch = batch;
    n->h = h;
    n->w = w;
    n->inside = v->inside;
    st = net_plan(n, err);
    if (st != SPN_OK) {
        net_free(n);
        return st;
    }
    *out = n;
    return SPN_OK;
}

spn_status spn_vision_prepare(struct spn_vision *v, int64_t batch, int64_t h, int64_t w,
                              struct spn_err *err)
{
    int slot = 0;
    spn_status st;

    for (int i = 0; i < 2; i++) {
        struct spn_vnet *n = v->net[i];

        if (n != NULL && n->batch == batch && n->h == h && n->w == w && n->inside == v->inside) {
            v->last = n;
            return SPN_OK;
        }
    }
    if (v->net[0] != NULL && (v->net[1] == NULL || v->net[1]->used < v->net[0]->used))
        slot = 1;
    if (v->last == v->net[slot])
        v->last = NULL;
    net_free(v->net[slot]); /* before the new one takes its memory */
    v->net[slot] = NULL;
    st = net_new(v, batch, h, w, &v->net[slot], err);
    if (st == SPN_OK)
        v->last = v->net[slot];
    return st;
}

spn_status spn_vision_run(struct spn_vision *v, const float *x, int64_t batch, int64_t h, int64_t w,
                          struct spn_tensor *out, struct spn_err *err)
{
    struct spn_run run = { .pool = v->setup.pool };
    struct spn_tensor in;
    spn_status st = spn_vision_prepare(v, batch, h, w, err);

    if (st == SPN_OK)
        st = spn_exec_input(v->last->exec, &run, "x", &in, err);
    if (st != SPN_OK)
        return st;
    memcpy(in.data, x, (size_t)spn_tensor_bytes(&in));
    v->last->used = ++v->runs;
    st = spn_exec_run(v->last->exec, &run, -1, spn_plan_marks(v->last->plan), err);
    if (st == SPN_OK)
        st = spn_exec_output(v->last->exec, &run, "y", out, err);
    return st;
}

const char *spn_vision_stage(const struct spn_vision *v, int i, double *seconds)
{
    const struct spn_vnet *n = v->last;
    int end;

    if (n == NULL || i < 0 || i >= n->n_stage)
        return NULL;
    end = i + 1 < n->n_stage ? n->stage[i + 1].record : spn_plan_records(n->plan);
    *seconds = 0;
    for (int r = n->stage[i].record; r < end; r++)
        *seconds += n->seconds[r];
    return n->stage[i].name;
}

spn_status spn_vision_map(struct spn_vision *v, const char *name, struct spn_tensor *out,
                          struct spn_err *err)
{
    static const struct spn_run run;

    if (v->last == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "%s: nothing has run yet", spn_reader_path(v->r));
    return spn_exec_output(v->last->exec, &run, name, out, err);
}

const char *spn_vision_map_name(const struct spn_vision *v, int i)
{
    return v->last != NULL && i >= 0 && i < v->last->n_shown ? v->last->shown[i] : NULL;
}

struct spn_vision_cost spn_vision_cost(const struct spn_vision *v)
{
    struct spn_vision_cost c = { .weight_bytes = v->weight_bytes };

    if (v->last != NULL) {
        c.macs = spn_plan_macs(v->last->plan);
        c.run_bytes = spn_exec_bytes(v->last->exec);
    }
    return c;
}
