/* grid.c - a tensor as a matrix: coarse pictures, zero rows, single numbers. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "measure/block.h"

int64_t spn_matrix_cols(const struct spn_tensor *t)
{
    return t->ndim > 0 ? t->dim[t->ndim - 1] : 1;
}

int64_t spn_matrix_rows(const struct spn_tensor *t)
{
    int64_t cols = spn_matrix_cols(t);

    return cols > 0 ? spn_tensor_elems(t) / cols : 0;
}

/* N numbers from BEGIN on, wherever a type's blocks lie, as doubles. ROOM: 24 K_BLOCK bytes. */
static void some_numbers(double *out, const struct spn_tensor *t, int64_t begin, int64_t n,
                         void *room)
{
    int64_t unit = 256, total = spn_tensor_elems(t); /* a multiple of every type's block */

    while (n > 0) {
        int64_t from = begin / unit * unit, skip = begin - from,
                some = n + skip < K_BLOCK ? n + skip : K_BLOCK,
                whole = (some + unit - 1) / unit * unit;
        const void *x;

        if (whole > total - from)
            whole = total - from;
        x = k_fetch(t, from, whole, room);
        for (int64_t i = skip; i < some; i++)
            *out++ = k_kind_of(t->dtype) == K_FLOATS ? (double)((const float *)x)[i]
                                                     : ((const double *)x)[i];
        begin += some - skip;
        n -= some - skip;
    }
}

spn_status spn_numbers(double *out, const struct spn_tensor *t, int64_t begin, int64_t n,
                       struct spn_err *err)
{
    struct k_rooms rooms = { 0 };
    spn_status st = k_check_numbers(t, "values", err);

    if (st == SPN_OK && (begin < 0 || n < 0 || n > spn_tensor_elems(t) - begin))
        st =
            spn_fail(err, SPN_EUSAGE, "values: %" PRId64 " from %" PRId64 " on, there are %" PRId64,
                     n, begin, spn_tensor_elems(t));
    if (st == SPN_OK)
        st = k_rooms_new(&rooms, NULL, 16 * K_BLOCK, err);
    if (st == SPN_OK)
        some_numbers(out, t, begin, n, rooms.bytes);
    k_rooms_free(&rooms);
    return st;
}

/* ---- pictures ---- */

struct picture {
    struct spn_cell *cell;
    int down, across;
    const struct spn_tensor *t;
    struct spn_window w;
    struct k_rooms rooms;
    const struct spn_measure *how;
};

struct sums {
    double sum, squares, peak;
    int64_t n;
    uint32_t odd;
};

static void add_number(struct sums *s, double d)
{
    if (!isfinite(d)) {
        s->odd += s->odd < UINT32_MAX;
        return;
    }
    s->sum += d;
    s->squares += d * d;
    s->peak = fabs(d) > fabs(s->peak) ? d : s->peak;
    s->n++;
}

static void grid_rows(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct picture *p = ctx;
    char *room = k_room(&p->rooms, worker);
    double *x = (double *)(void *)(room + 16 * K_BLOCK);
    struct sums *line = (struct sums *)(void *)(room + 24 * K_BLOCK);
    int64_t stride = spn_matrix_cols(p->t);

    for (int64_t i = begin; i < end; i++) {
        int64_t from = p->w.rows * i / p->down, to = p->w.rows * (i + 1) / p->down;

        memset(line, 0, (size_t)p->across * sizeof *line);
        for (int64_t r = from; r < to && !k_stopped(p->how); r++)
            for (int64_t c = 0; c < p->w.cols; c += K_BLOCK) {
                int64_t n = p->w.cols - c < K_BLOCK ? p->w.cols - c : K_BLOCK;
                int j = (int)(c * p->across / p->w.cols);

                some_numbers(x, p->t, (p->w.row + r) * stride + p->w.col + c, n, room);
                for (int64_t k = 0; k < n; k++) {
                    while (p->w.cols * (j + 1) / p->across <= c + k)
                        j++;
                    add_number(&line[j], x[k]);
                }
            }
        for (int j = 0; j < p->across; j++) {
            struct spn_cell *o = &p->cell[i * p->across + j];
            double n = (double)line[j].n;

            o->mean = line[j].n > 0 ? (float)(line[j].sum / n) : NAN;
            o->rms = line[j].n > 0 ? (float)sqrt(line[j].squares / n) : NAN;
            o->peak = line[j].n > 0 ? (float)line[j].peak : NAN;
            o->odd = line[j].odd;
        }
    }
}

spn_status spn_grid_run(struct spn_cell *cell, int down, int across, const struct spn_tensor *t,
                        const struct spn_window *w, const struct spn_measure *how,
                        struct spn_err *err)
{
    struct picture p = { cell, down, across, t, *w, { 0 }, how };
    int64_t rows = spn_matrix_rows(t), cols = spn_matrix_cols(t);
    spn_status st = k_check_numbers(t, "picture", err);

    if (st != SPN_OK)
        return st;
    if (w->row < 0 || w->col < 0 || w->rows < 1 || w->cols < 1 || w->rows > rows - w->row ||
        w->cols > cols - w->col || down < 1 || across < 1 || down > w->rows || across > w->cols)
        return spn_fail(err, SPN_EUSAGE,
                        "picture: %d x %d cells of %" PRId64 " x %" PRId64 " numbers from (%" PRId64
                        ", %" PRId64 ") on; there are %" PRId64 " x %" PRId64,
                        down, across, w->rows, w->cols, w->row, w->col, rows, cols);
    st = k_rooms_new(&p.rooms, how, 24 * K_BLOCK + (int64_t)sizeof(struct sums) * across, err);
    if (st == SPN_OK)
        spn_pool_run(k_pool(how), down, 1, grid_rows, &p);
    if (st == SPN_OK && k_stopped(how))
        st = spn_fail(err, SPN_ECANCEL, "picture: stopped by the user");
    k_rooms_free(&p.rooms);
    return st;
}

/* ---- zero rows ---- */

struct zeros {
    const struct spn_tensor *t;
    struct k_rooms rooms;
    int64_t cols, n, first; /* n and first: atomic */
};

static void zero_rows(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct zeros *z = ctx;
    char *room = k_room(&z->rooms, worker);
    double *x = (double *)(void *)(room + 16 * K_BLOCK);

    for (int64_t r = begin; r < end; r++) {
        bool zero = true;
        int64_t step = 32; /* most rows show in their first numbers that they are not zero */

        for (int64_t c = 0; zero && c < z->cols; c += step, step = K_BLOCK / 2) {
            int64_t n = z->cols - c < step ? z->cols - c : step;

            some_numbers(x, z->t, r * z->cols + c, n, room);
            for (int64_t k = 0; zero && k < n; k++)
                zero = x[k] == 0;
        }
        if (!zero)
            continue;
        int64_t first = __atomic_load_n(&z->first, __ATOMIC_RELAXED);

        __atomic_fetch_add(&z->n, 1, __ATOMIC_RELAXED);
        while ((first < 0 || r < first) &&
               !__atomic_compare_exchange_n(&z->first, &first, r, false, __ATOMIC_RELAXED,
                                            __ATOMIC_RELAXED))
            ;
    }
}

spn_status spn_zero_rows(int64_t *n, int64_t *first, const struct spn_tensor *t,
                         const struct spn_measure *how, struct spn_err *err)
{
    struct zeros z = { .t = t, .cols = spn_matrix_cols(t), .first = -1 };
    spn_status st = k_check_numbers(t, "zero rows", err);

    if (st == SPN_OK)
        st = k_rooms_new(&z.rooms, how, 24 * K_BLOCK, err);
    if (st == SPN_OK && z.cols > 0)
        spn_pool_run(k_pool(how), spn_matrix_rows(t), 256, zero_rows, &z);
    if (st == SPN_OK && k_stopped(how))
        st = spn_fail(err, SPN_ECANCEL, "zero rows: stopped by the user");
    *n = z.n;
    *first = z.first;
    k_rooms_free(&z.rooms);
    return st;
}
