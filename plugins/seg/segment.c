/* segment.c - pictures through a network: scaling, windows, views. */
#include "config.h"

#include "segment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "media/resample.h"
#include "segment_impl.h"

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int up_to(int n, int multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

#define SIDE_MAX 16384 /* of a scaled picture */

/* The size a picture is scaled to. */
static spn_status scaled_size(const struct spn_seg_info *info, const struct spn_image *picture,
                              double scale, int *width, int *height, struct spn_err *err)
{
    double w = picture->width, h = picture->height, s;

    if (info->resize == SPN_SEG_FIXED) {
        w = info->long_side * scale;
        h = info->short_side * scale;
    } else {
        s = fmin(info->long_side * scale / fmax(w, h), info->short_side * scale / fmin(w, h));
        w *= s;
        h *= s;
    }
    if (!(w + 0.5 < SIDE_MAX && h + 0.5 < SIDE_MAX))
        return spn_fail(err, SPN_EUSAGE, "seg: at scale %g the picture has %.0f x %.0f pixels",
                        scale, w, h);
    *width = (int)(w + 0.5) > 0 ? (int)(w + 0.5) : 1;
    *height = (int)(h + 0.5) > 0 ? (int)(h + 0.5) : 1;
    if (info->fit == SPN_SEG_STRETCH) {
        *width = up_to(*width, info->multiple);
        *height = up_to(*height, info->multiple);
    }
    return SPN_OK;
}

static spn_status scale_picture(const struct spn_seg_info *info, const struct spn_image *picture,
                                int width, int height, struct spn_image *out, struct spn_err *err)
{
    return info->pillow ? spn_resize_pillow(out, picture, width, height, SPN_FILTER_BILINEAR, err)
                        : spn_resize_opencv_linear(out, picture, width, height, err);
}

/* Normalised pixels of a window at X, Y, mirrored where asked; zeros past the picture. */
static void normalise(const struct spn_seg_info *info, const struct spn_image *from, int x, int y,
                      int width, int height, bool mirrored, float *to)
{
    for (int i = 0; i < height; i++)
        for (int j = 0; j < width; j++, to += 3) {
            size_t at, column = (size_t)(mirrored ? from->width - 1 - (x + j) : x + j);

            if (y + i >= from->height || x + j >= from->width) {
                to[0] = to[1] = to[2] = 0;
                continue;
            }
            at = ((size_t)(y + i) * (size_t)from->width + column) * (size_t)from->channels;
            for (int c = 0; c < 3; c++)
                to[c] = ((float)from->pixels[at + (size_t)c] - info->mean[c]) / info->std[c];
        }
}

/* One window through the network; its logits are kept. */
static spn_status run_piece(struct segment_net *n, const struct spn_image *scaled, bool mirrored,
                            struct piece *p, struct spn_err *err)
{
    float *x = spn_calloc((size_t)p->width * (size_t)p->height, 3 * sizeof *x);
    struct spn_tensor logits;
    spn_status st;

    if (x == NULL)
        return spn_fail(err, SPN_ENOMEM, "seg: no memory for a window of %d x %d", p->width,
                        p->height);
    normalise(n->info, scaled, p->x, p->y, p->width, p->height, mirrored, x);
    st = n->segmenter->run(n->model, x, 1, p->height, p->width, &logits, err);
    spn_free(x);
    if (st != SPN_OK)
        return st;
    p->rows = logits.dim[1];
    p->cols = logits.dim[2];
    p->logits = spn_calloc((size_t)spn_tensor_elems(&logits), sizeof *p->logits);
    if (p->logits == NULL)
        return spn_fail(err, SPN_ENOMEM, "seg: no memory for %lld logits",
                        (long long)spn_tensor_elems(&logits));
    memcpy(p->logits, logits.data, (size_t)spn_tensor_bytes(&logits));
    return SPN_OK;
}

/* Where window I of COUNT begins: the last one ends with the picture. */
static int window_at(int i, int stride, int window, int side)
{
    int at = i * stride;

    return at + window <= side ? at : side > window ? side - window : 0;
}

static int window_count(int side, int window, int stride)
{
    return side > window ? (side - window + stride - 1) / stride + 1 : 1;
}

/* The windows of a view: one of everything, or a grid. */
static spn_status lay_windows(const struct segment_net *n, const struct segment_options *o,
                              struct view *v, struct spn_err *err)
{
    int multiple = n->info->multiple, window, stride, rows, cols;

    window = o->window > 0 ? o->window : n->info->short_side;
    stride = o->stride > 0 ? o->stride : window * 2 / 3;
    window = up_to(window, multiple);
    rows = o->slide ? window_count(v->height, window, stride > 0 ? stride : 1) : 1;
    cols = o->slide ? window_count(v->width, window, stride > 0 ? stride : 1) : 1;
    v->piece = spn_calloc((size_t)rows * (size_t)cols, sizeof *v->piece);
    if (v->piece == NULL)
        return spn_fail(err, SPN_ENOMEM, "seg: no memory for %d x %d windows", cols, rows);
    v->n = rows * cols;
    for (int i = 0; i < v->n; i++)
        v->piece[i] = o->slide
                          ? (struct piece){ .x = window_at(i % cols, stride, window, v->width),
                                            .y = window_at(i / cols, stride, window, v->height),
                                            .width = window,
                                            .height = window }
                          : (struct piece){ .width = up_to(v->width, multiple),
                                            .height = up_to(v->height, multiple) };
    return SPN_OK;
}

static spn_status run_view(struct segment_net *n, const struct spn_image *scaled,
                           const struct segment_options *o, struct view *v,
                           struct spn_cancel *cancel, struct spn_err *err)
{
    spn_status st;

    v->width = scaled->width;
    v->height = scaled->height;
    st = lay_windows(n, o, v, err);
    for (int i = 0; st == SPN_OK && i < v->n; i++) {
        if (cancel != NULL && spn_cancelled(cancel))
            return spn_fail(err, SPN_ECANCEL, "seg: stopped after %d of %d windows", i, v->n);
        st = run_piece(n, scaled, v->mirrored, &v->piece[i], err);
    }
    if (st == SPN_OK && n->info->direct && !o->slide) {
        struct piece *p = &v->piece[0];

        v->width = p->width = (int)p->cols;
        v->height = p->height = (int)p->rows;
    }
    return st;
}

static void note_stages(const struct segment_net *n, struct segment_times *t)
{
    const char *name;

    t->n_stage = 0;
    for (int i = 0; i < SEGMENT_STAGES_MAX; i++) {
        name = n->segmenter->stage(n->model, i, &t->seconds[i]);
        if (name == NULL)
            break;
        t->stage[t->n_stage++] = name;
    }
}

spn_status segment_run(struct segment **out, struct segment_net *n, const struct spn_image *picture,
                       const struct segment_options *o, struct spn_cancel *cancel,
                       struct segment_times *times, struct spn_err *err)
{
    static const double one[1] = { 1 };
    const double *scale = o->n_scale > 0 ? o->scale : one;
    int n_scale = o->n_scale > 0 ? o->n_scale : 1;
    struct segment *s = spn_calloc(1, sizeof *s);
    spn_status st = SPN_OK;

    memset(times, 0, sizeof *times);
    if (s == NULL)
        return spn_fail(err, SPN_ENOMEM, "seg: no memory for a picture");
    s->width = picture->width;
    s->height = picture->height;
    s->classes = n->info->classes;
    s->pool = n->pool;
    for (int i = 0; st == SPN_OK && i < n_scale; i++) {
        struct spn_image scaled = { 0 };
        int width = 0, height = 0;
        double start = now(), middle;

        st = scaled_size(n->info, picture, scale[i], &width, &height, err);
        if (st == SPN_OK)
            st = scale_picture(n->info, picture, width, height, &scaled, err);
        middle = now();
        for (int m = 0; st == SPN_OK && m < (o->flip ? 2 : 1); m++) {
            s->view[s->n].mirrored = m == 1;
            st = run_view(n, &scaled, o, &s->view[s->n++], cancel, err);
        }
        if (i == 0) {
            s->net_width = up_to(width, n->info->multiple);
            s->net_height = up_to(height, n->info->multiple);
        }
        times->scale += middle - start;
        times->net += now() - middle;
        spn_image_free(&scaled);
    }
    if (st != SPN_OK) {
        segment_free(s);
        return st;
    }
    note_stages(n, times);
    *out = s;
    return SPN_OK;
}

void segment_free(struct segment *s)
{
    if (s == NULL)
        return;
    for (int i = 0; i < s->n; i++) {
        for (int k = 0; k < s->view[i].n; k++)
            spn_free(s->view[i].piece[k].logits);
        spn_free(s->view[i].piece);
    }
    spn_free(s);
}

void segment_size(const struct segment *s, int *width, int *height)
{
    *width = s->net_width;
    *height = s->net_height;
}
