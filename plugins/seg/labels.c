/* labels.c - labels and probabilities out of logits: each row of the picture from the two rows of
 * the scaled one between which it lies, and these from the rows of logits, so that no map of all
 * classes is ever held at full size. */
#include "config.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "segment_impl.h"
#include "vision/rows.h"

/* What one thread works with: for a view the two rows of the scaled picture held, [width][classes].
 */
struct held {
    float *row[2];
    int64_t y[2]; /* -1: nothing */
};
struct work {
    const struct segment *s;
    struct held *held; /* [views] */
    float *low;        /* a row of logits in between */
    float *sum, *one;  /* [classes] */
};

static void work_free(struct work *w)
{
    for (int i = 0; w->held != NULL && i < w->s->n; i++) {
        spn_free(w->held[i].row[0]);
        spn_free(w->held[i].row[1]);
    }
    spn_free(w->held);
    spn_free(w->low);
    spn_free(w->sum);
    spn_free(w->one);
}

static bool work_new(struct work *w, const struct segment *s)
{
    int64_t low = 1;
    bool fine;

    *w = (struct work){ .s = s, .held = spn_calloc((size_t)s->n, sizeof *w->held) };
    fine = w->held != NULL;
    for (int i = 0; fine && i < s->n; i++) {
        for (int k = 0; k < 2; k++) {
            w->held[i].y[k] = -1;
            w->held[i].row[k] =
                spn_calloc((size_t)s->view[i].width * (size_t)s->classes, sizeof(float));
            fine = fine && w->held[i].row[k] != NULL;
        }
        for (int k = 0; k < s->view[i].n; k++)
            low = s->view[i].piece[k].cols > low ? s->view[i].piece[k].cols : low;
    }
    w->low = spn_calloc((size_t)low * (size_t)s->classes, sizeof *w->low);
    w->sum = spn_calloc((size_t)s->classes + 1, sizeof *w->sum);
    w->one = spn_calloc((size_t)s->classes + 1, sizeof *w->one);
    if (fine && w->low != NULL && w->sum != NULL && w->one != NULL)
        return true;
    work_free(w);
    return false;
}

/* Row Y of the scaled picture: what the windows over it say, on average. */
static void make_row(struct work *w, const struct view *v, int64_t y, float *row)
{
    int64_t n = w->s->classes;
    bool many = v->n > 1;

    if (many)
        memset(row, 0, (size_t)v->width * (size_t)n * sizeof *row);
    for (int i = 0; i < v->n; i++) {
        const struct piece *p = &v->piece[i];
        int64_t lo, hi, last = v->width - p->x < p->width ? v->width - p->x : p->width;
        float t;

        if (y < p->y || y >= p->y + p->height)
            continue;
        spn_between(y - p->y, p->rows, p->height, &lo, &hi, &t);
        spn_row_mix(w->low, p->logits + lo * p->cols * n, 1 - t, p->logits + hi * p->cols * n, t,
                    p->cols * n);
        for (int64_t x = 0; x < last; x++) {
            float *to = row + (p->x + x) * n;

            spn_between(x, p->cols, p->width, &lo, &hi, &t);
            if (!many) {
                spn_row_mix(to, w->low + lo * n, 1 - t, w->low + hi * n, t, n);
            } else {
                spn_row_mix(w->one, w->low + lo * n, 1 - t, w->low + hi * n, t, n);
                spn_row_mix(to, to, 1, w->one, 1, n);
            }
        }
    }
    for (int64_t x = 0; many && x < v->width; x++) {
        int over = 0;

        for (int i = 0; i < v->n; i++) {
            const struct piece *p = &v->piece[i];

            over += y >= p->y && y < p->y + p->height && x >= p->x && x < p->x + p->width;
        }
        spn_row_mix(row + x * n, row + x * n, 1.0f / (float)over, row + x * n, 0, n);
    }
}

/* Row Y of view I, made or held. */
static const float *row_of(struct work *w, int i, int64_t y, int64_t keep)
{
    struct held *h = &w->held[i];
    int k;

    for (k = 0; k < 2; k++)
        if (h->y[k] == y)
            return h->row[k];
    k = h->y[0] == keep ? 1 : 0;
    make_row(w, &w->s->view[i], y, h->row[k]);
    h->y[k] = y;
    return h->row[k];
}

static void softmax(float *x, int n)
{
    float top = x[spn_row_top(x, n)], sum = 0;

    for (int i = 0; i < n; i++)
        sum += x[i] = expf(x[i] - top);
    for (int i = 0; i < n; i++)
        x[i] /= sum;
}

/* The two rows of each view that row Y of the picture lies between. */
struct between {
    const float *a, *b;
    float t;
};

static struct between rows_for(struct work *w, int i, int64_t y)
{
    int64_t lo, hi;
    struct between r;

    spn_between(y, w->s->view[i].height, w->s->height, &lo, &hi, &r.t);
    r.a = row_of(w, i, lo, hi);
    r.b = row_of(w, i, hi, lo);
    return r;
}

/* Numbers of pixel X of the row: logits of the only view, or (PROBABILITY, or several views) the
   mean of the views' probabilities. */
static const float *pixel(struct work *w, const struct between *r, int64_t x, bool probability)
{
    const struct segment *s = w->s;
    int64_t n = s->classes;

    if (s->n > 1)
        probability = true;
    for (int i = 0; i < s->n; i++) {
        const struct view *v = &s->view[i];
        float *to = i == 0 ? w->sum : w->one, t;
        int64_t lo, hi, at = v->mirrored ? s->width - 1 - x : x;

        spn_between(at, v->width, s->width, &lo, &hi, &t);
        if (r[i].a == r[i].b || r[i].t == 0) {
            spn_row_mix(to, r[i].a + lo * n, 1 - t, r[i].a + hi * n, t, n);
        } else {
            spn_row_mix(to, r[i].a + lo * n, (1 - t) * (1 - r[i].t), r[i].a + hi * n,
                        t * (1 - r[i].t), n);
            spn_row_mix(to, to, 1, r[i].b + lo * n, (1 - t) * r[i].t, n);
            spn_row_mix(to, to, 1, r[i].b + hi * n, t * r[i].t, n);
        }
        if (probability)
            softmax(to, s->classes);
        if (i > 0)
            spn_row_mix(w->sum, w->sum, 1, w->one, 1, n);
    }
    return w->sum;
}

/* ---- whole pictures ---- */

struct painting {
    const struct segment *s;
    struct spn_image *out;
    int id; /* -2: labels, -1: the best class's probability, else this one's */
    atomic_bool short_of_memory;
};

static void paint_row(struct painting *p, struct work *w, int64_t y)
{
    struct between r[2 * SEGMENT_SCALES_MAX];
    uint8_t *to = p->out->pixels + (size_t)y * (size_t)p->out->width;

    for (int i = 0; i < p->s->n; i++)
        r[i] = rows_for(w, i, y);
    for (int64_t x = 0; x < p->out->width; x++) {
        const float *v = pixel(w, r, x, p->id > -2);
        int64_t best = p->id < 0 ? spn_row_top(v, p->s->classes) : p->id;

        to[x] = p->id == -2 ? (uint8_t)best : (uint8_t)(v[best] / (float)p->s->n * 255.0f + 0.5f);
    }
}

static void paint_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct painting *p = ctx;
    struct work w;

    if (!work_new(&w, p->s)) {
        atomic_store(&p->short_of_memory, true);
        return;
    }
    for (int64_t y = begin; y < end; y++)
        paint_row(p, &w, y);
    work_free(&w);
}

static spn_status paint(const struct segment *s, int id, struct spn_image *out, struct spn_err *err)
{
    struct painting p = { .s = s, .out = out, .id = id };
    spn_status st = spn_image_new(out, s->width, s->height, 1, err);
    int64_t parts = 4 * spn_pool_threads(s->pool);

    if (st != SPN_OK)
        return st;
    spn_pool_run(s->pool, s->height, (s->height + parts - 1) / parts, paint_part, &p);
    if (!atomic_load(&p.short_of_memory))
        return SPN_OK;
    spn_image_free(out);
    return spn_fail(err, SPN_ENOMEM, "seg: no memory for rows of %d x %d numbers", s->width,
                    s->classes);
}

spn_status segment_labels(const struct segment *s, struct spn_image *out, struct spn_err *err)
{
    return paint(s, -2, out, err);
}

spn_status segment_heat(const struct segment *s, int id, struct spn_image *out, struct spn_err *err)
{
    if (id < -1 || id >= s->classes)
        return spn_fail(err, SPN_EUSAGE, "seg: class %d of %d", id, s->classes);
    return paint(s, id, out, err);
}

spn_status segment_probe(const struct segment *s, int x, int y, float *p, struct spn_err *err)
{
    struct between r[2 * SEGMENT_SCALES_MAX];
    struct work w;
    const float *v;

    if (x < 0 || y < 0 || x >= s->width || y >= s->height)
        return spn_fail(err, SPN_EUSAGE, "seg: pixel %d, %d of %d x %d", x, y, s->width, s->height);
    if (!work_new(&w, s))
        return spn_fail(err, SPN_ENOMEM, "seg: no memory for a pixel");
    for (int i = 0; i < s->n; i++)
        r[i] = rows_for(&w, i, y);
    v = pixel(&w, r, x, true);
    for (int i = 0; i < s->classes; i++)
        p[i] = v[i] / (float)s->n;
    work_free(&w);
    return SPN_OK;
}
