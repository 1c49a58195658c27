/* heat.c - a matrix as a picture of cells: pixels, characters, a grey image, or numbers. */
#include "config.h"

#include "heat.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "verbs.h"

spn_status heat_run(struct heat *p, int down, int across, const struct spn_tensor *t,
                    const struct spn_measure *how, struct spn_err *err)
{
    spn_status st;

    p->down = (int)(down < p->w.rows ? down : p->w.rows);
    p->across = (int)(across < p->w.cols ? across : p->w.cols);
    p->most = 0;
    p->cell = spn_calloc((size_t)p->down * (size_t)p->across + 1, sizeof *p->cell);
    st = p->cell == NULL
             ? spn_fail(err, SPN_ENOMEM, "heat: no memory for %d x %d cells", p->down, p->across)
             : spn_grid_run(p->cell, p->down, p->across, t, &p->w, how, err);
    if (st == SPN_OK)
        heat_scale(p);
    return st;
}

void heat_scale(struct heat *p)
{
    p->most = 0;
    for (int i = 0; i < p->down * p->across; i++) {
        double v = fabs(heat_value(p, i / p->across, i % p->across));

        p->most = v > p->most ? v : p->most;
    }
}

void heat_free(struct heat *p)
{
    spn_free(p->cell);
    p->cell = NULL;
}

double heat_value(const struct heat *p, int i, int j)
{
    const struct spn_cell *c = &p->cell[i * p->across + j];

    return p->value[0] == 'm'   ? (double)c->mean
           : p->value[0] == 'p' ? (double)c->peak
                                : (double)c->rms;
}

double heat_height(const struct heat *p, double v)
{
    double share = p->most > 0 ? fabs(v) / p->most : 0;

    if (!p->log || share == 0)
        return share;
    share = 1 + log10(share) / 4;
    return share > 0 ? share : 0;
}

/* From nothing to much; a cell with a NaN or an infinity is a question mark. */
static const char ramp[] = " .:-=+*#%@";

static void as_text(struct spn_buf *b, const struct heat *p)
{
    for (int i = 0; i < p->down; i++) {
        spn_buf_printf(b, "%8" PRId64 " ", p->w.row + p->w.rows * i / p->down);
        for (int j = 0; j < p->across; j++) {
            double h = heat_height(p, heat_value(p, i, j));
            const struct spn_cell *c = &p->cell[i * p->across + j];
            char mark = ramp[isnan(h) ? 0 : (int)(h * (sizeof ramp - 2) + 0.5)];

            spn_buf_add(b, c->odd > 0 ? "?" : &mark, 1);
        }
        spn_buf_puts(b, "\n");
    }
}

/* Portable grey map: 128 is zero, darker is below it, lighter above. */
static spn_status as_image(const struct heat *p, const char *path, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT((size_t)64 << 20);
    spn_status st;

    spn_buf_printf(&b, "P5\n%d %d\n255\n", p->across, p->down);
    for (int i = 0; i < p->down; i++)
        for (int j = 0; j < p->across; j++) {
            double v = heat_value(p, i, j), h = isnan(v) ? 0 : heat_height(p, v);
            unsigned char grey = (unsigned char)(127.5 + (v < 0 ? -h : h) * 127.5);

            spn_buf_add(&b, &grey, 1);
        }
    st = b.failed ? spn_fail(err, SPN_ENOMEM, "%s: no memory for %d x %d cells", path, p->down,
                             p->across)
                  : spn_file_write(path, b.data, b.length, err);
    spn_buf_free(&b);
    return st;
}

static json_t *cells_json(const struct heat *p)
{
    json_t *rows = json_array();

    for (int i = 0; i < p->down; i++) {
        json_t *row = json_array();

        for (int j = 0; j < p->across; j++)
            json_array_append_new(row, number_json(heat_value(p, i, j)));
        json_array_append_new(rows, row);
    }
    return rows;
}

/* "3:10,5:7" or all of T. */
static spn_status read_window(struct spn_window *w, const char *text, const struct spn_tensor *t,
                              struct spn_err *err)
{
    long long a = 0, b = spn_matrix_rows(t), c = 0, d = spn_matrix_cols(t);
    int end = 0;

    if (text != NULL &&
        (sscanf(text, "%lld:%lld,%lld:%lld%n", &a, &b, &c, &d, &end) != 4 || text[end] != '\0'))
        return spn_fail(err, SPN_EUSAGE, "--slice: \"%.100s\" is not ROW:ROW,COL:COL", text);
    if (a < 0 || b > spn_matrix_rows(t) || a >= b || c < 0 || d > spn_matrix_cols(t) || c >= d)
        return spn_fail(err, SPN_EUSAGE,
                        "heat: rows %lld:%lld, columns %lld:%lld of %" PRId64 " x %" PRId64
                        " numbers",
                        a, b, c, d, spn_matrix_rows(t), spn_matrix_cols(t));
    *w = (struct spn_window){ a, b - a, c, d - c };
    return SPN_OK;
}

/* Magnitudes as a heat map; a cell with a NaN or an infinity is none. */
static spn_status as_plot(struct run *r, const struct heat *p, struct spn_err *err)
{
    const struct spn_picture_api *pictures = r->host->query("picture", 1);
    size_t n = (size_t)p->down * (size_t)p->across;
    double *v = spn_calloc(n, sizeof *v);
    spn_status st;

    if (v == NULL)
        return spn_fail(err, SPN_ENOMEM, "heat: no memory for %zu cells", n);
    for (size_t i = 0; i < n; i++) {
        double h = heat_value(p, (int)i / p->across, (int)i % p->across);

        h = p->log ? log10(fabs(h) > p->most * 1e-4 ? fabs(h) : p->most * 1e-4) : fabs(h);
        v[i] = p->cell[i].odd > 0 ? NAN : h;
    }
    st = pictures->plot(r->job,
                        &(struct spn_plot){ .kind = SPN_PLOT_HEAT,
                                            .heat = v,
                                            .rows = (size_t)p->down,
                                            .columns = (size_t)p->across },
                        0, 0, err);
    spn_free(v);
    return st;
}

static spn_status put(struct run *r, const struct heat *p, const struct spn_entry *e,
                      bool picture, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT((size_t)64 << 20);
    char shape[200];
    spn_status st;

    spn_buf_printf(&b,
                   "%s %s %s, rows %" PRId64 ":%" PRId64 ", columns %" PRId64 ":%" PRId64
                   ", %s of a cell%s %.6g\n",
                   e->name, spn_dtype_name(e->t.dtype), shape_text(shape, sizeof shape, &e->t),
                   p->w.row, p->w.row + p->w.rows, p->w.col, p->w.col + p->w.cols, p->value,
                   !picture ? ", @ is"
                   : p->log ? ", powers of ten, most"
                            : ", most",
                   p->most);
    if (!picture)
        as_text(&b, p);
    if (b.failed)
        st = spn_fail(err, SPN_ENOMEM, "heat: no memory for %d x %d cells", p->down, p->across);
    else
        st = r->api->emit(r->job,
                          json_pack("{s:o, s:[I, I], s:[I, I], s:s, s:f, s:o}", "name",
                                    string_json(e->name), "rows", (json_int_t)p->w.row,
                                    (json_int_t)(p->w.row + p->w.rows), "columns",
                                    (json_int_t)p->w.col, (json_int_t)(p->w.col + p->w.cols),
                                    "value", p->value, "most", p->most, "cells", cells_json(p)),
                          b.data, err);
    spn_buf_free(&b);
    return st;
}

spn_status verb_heat(struct run *r, struct spn_err *err)
{
    const char *out = spn_value_str(r->v, "output");
    const struct spn_picture_api *pictures = r->host->query("picture", 1);
    bool picture = out == NULL && pictures != NULL && pictures->wanted(r->job);
    struct heat p = { .value = spn_value_str(r->v, "cell"), .log = spn_value_flag(r->v, "log") };
    int64_t down = spn_value_int(r->v, "down"), across = spn_value_int(r->v, "across");
    struct ckpt c;
    struct spn_tensor t;
    void *copy = NULL;
    spn_status st = ckpt_open(&c, r->argv[0], err);

    if (st == SPN_OK)
        st = ckpt_select(&c, r->argv + 1, 1, err);
    if (st == SPN_OK && c.n > 1)
        st = spn_fail(err, SPN_EUSAGE, "%s: %zu tensors match \"%.200s\"", c.path, c.n, r->argv[1]);
    if (st == SPN_OK)
        st = ckpt_view(&t, &copy, &c, c.row[0].e, err);
    if (st == SPN_OK)
        st = read_window(&p.w, spn_value_str(r->v, "slice"), &t, err);
    if (st == SPN_OK) {
        /* A picture on paper is as wide as it can be; 24 lines fit any screen. */
        down = down > 0 ? down : out != NULL || picture ? 512 : 20;
        across = across > 0 ? across : out != NULL || picture ? 512 : 70;
        st = heat_run(&p, (int)down, (int)across, &t, &r->how, err);
    }
    st = check_rows(&c, st, err);
    if (st == SPN_OK && out != NULL)
        st = as_image(&p, out, err);
    else if (st == SPN_OK)
        st = put(r, &p, c.row[0].e, picture, err);
    if (st == SPN_OK && picture)
        st = as_plot(r, &p, err);
    heat_free(&p);
    spn_free(copy);
    ckpt_close(&c);
    return st;
}
