#include "config.h"

#include "screen/picture_term.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "host/settings.h"
#include "screen/picture_state.h"

int64_t pictures_clock_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

bool pictures_by_bytes(const struct pictures *p)
{
    return p->plan.way == PICTURE_KITTY || p->plan.way == PICTURE_ITERM ||
           p->plan.way == PICTURE_SIXEL;
}

uint8_t pictures_number(const struct pictures *p, const struct slot *s)
{
    return (uint8_t)(1 + 2 * (s - p->slot) + (s->generation & 1));
}

/* ---- what leaves the terminal ---- */

void pictures_give_up(struct pictures *p)
{
    if (p->flying < 0)
        return;
    if (p->next > 0 && p->next < p->stream->n)
        spn_buf_puts(&p->drop, p->stream->give_up);
    if (p->stream_ours)
        picture_stream_free(p->stream);
    p->stream = NULL;
    p->stream_ours = false;
    p->slot[p->flying].on = false;
    p->flying = -1;
}

static void off(struct pictures *p, struct slot *s)
{
    if (p->flying == (int)(s - p->slot))
        pictures_give_up(p);
    /* Text does not remove kitty's pictures. */
    if (s->on && p->plan.way == PICTURE_KITTY)
        picture_kitty_delete(&p->drop, &p->plan, pictures_number(p, s));
    s->on = false;
}

static void free_slot(struct pictures *p, struct slot *s)
{
    off(p, s);
    picture_source_unref(s->source);
    picture_work_end(&s->made);
    cells_free(&s->art);
    cells_free(&s->coming);
    *s = (struct slot){ .generation = s->generation + 1 };
}

/* ---- the seam ---- */

static struct slot *slot_of(struct pictures *p, const void *key, bool make)
{
    struct slot *free_one = NULL;

    for (int i = 0; i < SLOTS; i++) {
        if (p->slot[i].key == key)
            return &p->slot[i];
        if (p->slot[i].key == NULL && free_one == NULL)
            free_one = &p->slot[i];
    }
    for (int i = 0; make && free_one == NULL && i < SLOTS; i++)
        if (!p->slot[i].seen) { /* shown no more by a pane that is still there */
            free_slot(p, &p->slot[i]);
            free_one = &p->slot[i];
        }
    if (make && free_one != NULL)
        free_one->key = key;
    return make ? free_one : NULL;
}

static void words(struct area a, const struct spn_pixels *px, const char *else_text)
{
    const char *text = px->alt != NULL ? px->alt : else_text;

    area_fit(a, a.rows / 2, 1, text, strlen(text), a.columns - 2, SPN_STYLE_DIM, 0);
}

/* The cells that the picture takes: bytes of a protocol go over them later. */
static void reserve(const struct pictures *p, const struct slot *s, struct area a)
{
    uint8_t n = pictures_number(p, s);

    for (int r = 0; r < s->rows; r++)
        for (int k = 0; k < s->columns; k++) {
            size_t at = (size_t)(s->top + r) * (size_t)a.on->columns + (size_t)(s->left + k);
            struct cell *c = &a.on->cell[at];

            area_glyph(cells_area(a.on), s->top + r, s->left + k, ' ', SPN_STYLE_TEXT, 0);
            c->picture = n;
            if (p->plan.placeholders) {
                c->code = PICTURE_PLACEHOLDER;
                c->mark = picture_mark(r);
                c->mark2 = picture_mark(k);
            }
        }
}

static void draw_art(struct slot *s, struct area a)
{
    if (s->art.rows != s->rows || s->art.columns != s->columns)
        return; /* on its way */
    for (int r = 0; r < s->rows; r++)
        memcpy(a.on->cell + (size_t)(s->top + r) * (size_t)a.on->columns + s->left,
               s->art.cell + (size_t)r * (size_t)s->columns,
               (size_t)s->columns * sizeof *s->art.cell);
}

static void draw(void *ctx, const void *key, struct area a, struct picture_source *source,
                 bool fill)
{
    struct pictures *p = ctx;
    struct slot *s = slot_of(p, key, true);
    int rows = a.rows, columns = a.columns;

    if (s == NULL || p->plan.way == PICTURE_NONE || a.rows < 1 || a.columns < 1) {
        words(a, &source->pixels, "a picture, not drawn");
        return;
    }
    if (!fill)
        picture_fit(&source->pixels, a.rows, a.columns, p->plan.cell_w, p->plan.cell_h, &rows,
                    &columns);
    if (p->plan.way == PICTURE_KITTY && picture_mark(columns - 1) == 0)
        columns = 297; /* more cells than the protocol has marks for */
    a = area_part(a, (a.rows - rows) / 2, (a.columns - columns) / 2, rows, columns);
    if (s->source != source) {
        picture_source_unref(s->source);
        s->source = picture_source_ref(source);
        s->changed_ms = p->now_ms;
        s->failed = false;
    }
    if (s->top != a.top || s->left != a.left || s->rows != a.rows || s->columns != a.columns) {
        off(p, s);
        s->generation++;
        s->asked = 0;
        s->changed_ms = p->now_ms;
        s->top = a.top;
        s->left = a.left;
        s->rows = a.rows;
        s->columns = a.columns;
    }
    s->seen = true;
    if (s->failed)
        words(a, &source->pixels, s->made.why.text);
    else if (p->plan.way == PICTURE_ASCII)
        picture_blocks(a, &source->pixels, true);
    else if (p->plan.way == PICTURE_BLOCKS)
        draw_art(s, a);
    else
        reserve(p, s, a);
}

static void forget(void *ctx, const void *key)
{
    struct slot *s = slot_of(ctx, key, false);

    if (s != NULL)
        free_slot(ctx, s);
}

static bool cell(void *ctx, int *cell_w, int *cell_h)
{
    const struct pictures *p = ctx;

    *cell_w = p->plan.cell_w;
    *cell_h = p->plan.cell_h;
    return pictures_by_bytes(p);
}

/* ---- frames ---- */

void pictures_begin(struct pictures *p)
{
    p->now_ms = pictures_clock_us() / 1000;
    for (int i = 0; i < SLOTS; i++)
        p->slot[i].seen = false;
}

static bool is_covered(const struct pictures *p, const struct slot *s, const struct cells *c)
{
    uint8_t n = pictures_number(p, s);

    for (int r = s->top; r < s->top + s->rows; r++)
        for (int k = s->left; k < s->left + s->columns; k++)
            if (r >= c->rows || k >= c->columns ||
                c->cell[(size_t)r * (size_t)c->columns + (size_t)k].picture != n)
                return true;
    return false;
}

void pictures_shown(struct pictures *p, const struct cells *c)
{
    if (p->revealed > 0) {
        if (!p->pace.by_rate)
            term_write(p->term, "\033[5n", 4);
        pace_sent(&p->pace, p->revealed, pictures_clock_us());
        p->revealed = 0;
    }
    for (int i = 0; i < SLOTS; i++) {
        struct slot *s = &p->slot[i];
        bool covered;

        if (s->key == NULL || !pictures_by_bytes(p))
            continue;
        covered = !s->seen || is_covered(p, s, c);
        /* What lay over it took its cells away; a placeholder's cells come back by themselves. */
        if (covered != s->covered && !p->plan.placeholders)
            off(p, s);
        if (!s->seen)
            off(p, s);
        s->covered = covered;
    }
}

void pictures_lost(struct pictures *p)
{
    pictures_give_up(p);
    for (int i = 0; i < SLOTS; i++)
        off(p, &p->slot[i]);
    pace_forget(&p->pace);
}

void pictures_focus(struct pictures *p, bool focused)
{
    if (p->plan.passthrough && p->plan.way != PICTURE_KITTY && !p->unfocused != focused) {
        if (focused)
            pictures_lost(p);
        else
            pictures_give_up(p);
    }
    p->unfocused = !focused;
}

/* ---- life ---- */

void pictures_replan(struct pictures *p)
{
    const struct term_facts *f = term_facts(p->term);
    const char *set = settings_get("pictures.rate");
    enum picture_way wanted = p->forced;
    struct picture_plan plan;
    bool given;

    if (wanted == PICTURE_AUTO)
        wanted = picture_way_asked(&given);
    if (wanted == PICTURE_AUTO)
        wanted = picture_way_kept(f);
    picture_plan_make(&plan, wanted, f);
    p->service.name = picture_way_name(plan.way);
    if (plan.way == p->plan.way && plan.cell_w == p->plan.cell_w && plan.cell_h == p->plan.cell_h &&
        plan.placeholders == p->plan.placeholders) {
        p->plan = plan;
        return;
    }
    pictures_lost(p);
    for (int i = 0; i < SLOTS; i++)
        if (p->slot[i].key != NULL)
            free_slot(p, &p->slot[i]);
    p->plan = plan;
    if (p->pace.rate == 0 || (p->pace.by_rate != f->tmux && p->pace.answers == 0))
        pace_init(&p->pace, f->tmux, set != NULL ? strtod(set, NULL) : 0);
    p->again = true;
}

void pictures_force(struct pictures *p, enum picture_way way)
{
    p->forced = way;
    pictures_replan(p);
}

spn_status pictures_open(struct pictures **out, struct term *t, int wake, struct spn_err *err)
{
    struct pictures *p = spn_calloc(1, sizeof *p);
    spn_status st;

    if (p == NULL)
        return spn_fail(err, SPN_ENOMEM, "picture: no memory");
    p->term = t;
    p->flying = -1;
    p->drop = (struct spn_buf)SPN_BUF_INIT(1 << 16);
    p->service = (struct picture_service){ "none", draw, forget, cell, p };
    st = picture_worker_start(&p->worker, wake, err);
    if (st != SPN_OK) {
        spn_free(p);
        return st;
    }
    pictures_replan(p);
    picture_use(&p->service);
    *out = p;
    return SPN_OK;
}

void pictures_close(struct pictures *p)
{
    if (p == NULL)
        return;
    picture_use(NULL);
    picture_worker_stop(p->worker);
    for (int i = 0; i < SLOTS; i++)
        if (p->slot[i].key != NULL)
            free_slot(p, &p->slot[i]);
    if (p->drop.length > 0)
        term_write(p->term, p->drop.data, p->drop.length);
    spn_buf_free(&p->drop);
    spn_free(p);
}

const struct picture_plan *pictures_plan(const struct pictures *p)
{
    return &p->plan;
}

void pictures_line(const struct pictures *p, double *rate, double *round_trip_ms)
{
    *rate = p->pace.rate;
    *round_trip_ms = p->pace.rtt_us / 1000;
}
