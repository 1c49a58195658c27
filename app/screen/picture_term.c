#include "config.h"

#include "screen/picture_term.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/settings.h"
#include "screen/picture_levels.h"
#include "screen/picture_pace.h"
#include "screen/picture_worker.h"

#define SLOTS    16
#define STILL_MS 300 /* a picture that has not changed for so long gets its full size */

/* One picture on the screen. */
struct slot {
    const void *key; /* NULL: free */
    struct picture_source *source;
    bool seen, covered; /* in this frame: drawn; something lies over it */
    int top, left, rows, columns;
    unsigned generation; /* counts places: what was made for another is dropped */
    int64_t changed_ms;
    uint64_t asked; /* serial that was given to the worker last, and how coarse */
    int asked_level;
    bool failed;              /* it could not be made: the words stand instead */
    struct picture_work made; /* the newest that is ready; its stream NULL: none */
    bool on;                  /* `made` is on the terminal, or on its way there */
    struct cells art;         /* BLOCKS: its cells, */
    uint64_t art_serial;      /* of this source */
    double bytes_a_pixel;     /* of its last stream at full size; 0: not known */
};

struct pictures {
    struct picture_service service;
    struct term *term;
    struct picture_plan plan;
    enum picture_way forced; /* by the test card; PICTURE_AUTO: not */
    struct picture_worker *worker;
    struct pace pace;
    struct slot slot[SLOTS];
    struct spn_buf drop;           /* sequences that take pictures off, for the next turn */
    int flying;                    /* slot whose picture is on its way; -1: none */
    struct picture_stream *stream; /* of it, lent from its slot or kept here */
    bool stream_ours;
    int fly_top, fly_left; /* where it goes */
    size_t next;           /* piece to send; past the last: it waits for the answers */
    bool unfocused, again;
    int64_t now_ms;
};

static int64_t clock_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool by_bytes(const struct pictures *p)
{
    return p->plan.way == PICTURE_KITTY || p->plan.way == PICTURE_ITERM ||
           p->plan.way == PICTURE_SIXEL;
}

/* The number in a slot's cells: another place is another number, so that the cells are written anew
 * and what was shown there goes. */
static uint8_t number(const struct pictures *p, const struct slot *s)
{
    return (uint8_t)(1 + 2 * (s - p->slot) + (s->generation & 1));
}

/* ---- what leaves the terminal ---- */

/* A picture in flight is given up: its pieces on the way arrive, the rest is not sent. */
static void give_up(struct pictures *p)
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
        give_up(p);
    /* Text does not remove kitty's pictures. */
    if (s->on && p->plan.way == PICTURE_KITTY)
        picture_kitty_delete(&p->drop, &p->plan, number(p, s));
    s->on = false;
}

static void free_slot(struct pictures *p, struct slot *s)
{
    off(p, s);
    picture_source_unref(s->source);
    picture_work_end(&s->made);
    cells_free(&s->art);
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
    uint8_t n = number(p, s);

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

static void draw_art(struct pictures *p, struct slot *s, struct area a)
{
    bool fits = s->art.rows == s->rows && s->art.columns == s->columns;

    /* Until it is made: the last one where it has the size, else our own blocks. */
    if (!fits) {
        picture_blocks(area_part(cells_area(a.on), s->top, s->left, s->rows, s->columns),
                       &s->source->pixels);
        return;
    }
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
        picture_blocks(a, &source->pixels);
    else if (p->plan.way == PICTURE_BLOCKS)
        draw_art(p, s, a);
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
    return by_bytes(p);
}

/* ---- frames ---- */

void pictures_begin(struct pictures *p)
{
    p->now_ms = clock_us() / 1000;
    for (int i = 0; i < SLOTS; i++)
        p->slot[i].seen = false;
}

static bool is_covered(const struct pictures *p, const struct slot *s, const struct cells *c)
{
    uint8_t n = number(p, s);

    for (int r = s->top; r < s->top + s->rows; r++)
        for (int k = s->left; k < s->left + s->columns; k++)
            if (r >= c->rows || k >= c->columns ||
                c->cell[(size_t)r * (size_t)c->columns + (size_t)k].picture != n)
                return true;
    return false;
}

void pictures_shown(struct pictures *p, const struct cells *c)
{
    for (int i = 0; i < SLOTS; i++) {
        struct slot *s = &p->slot[i];
        bool covered;

        if (s->key == NULL || !by_bytes(p))
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
    give_up(p);
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
            give_up(p);
    }
    p->unfocused = !focused;
}

/* ---- making ---- */

/* How coarse the next picture of S is to be: as much as goes in FRAME_MS, a still all of it. */
static int level_of(const struct pictures *p, const struct slot *s)
{
    double a_pixel = s->bytes_a_pixel;
    double pixels = (double)s->rows * p->plan.cell_h * s->columns * p->plan.cell_w;

    if (p->now_ms - s->changed_ms >= STILL_MS)
        return 0;
    if (a_pixel == 0)
        a_pixel = levels_guess(p->plan.way, s->source->pixels.kind);
    return levels_for(p->plan.way, pixels * a_pixel, p->pace.rate);
}

static bool wants(const struct pictures *p, const struct slot *s, int *level)
{
    if (s->key == NULL || s->source == NULL || !s->seen || s->failed)
        return false;
    if (p->plan.way == PICTURE_BLOCKS) {
        *level = 0;
        return s->art_serial != s->source->serial || s->art.rows != s->rows ||
               s->art.columns != s->columns;
    }
    if (!by_bytes(p) || s->covered)
        return false;
    *level = level_of(p, s);
    return s->asked != s->source->serial || *level < s->asked_level;
}

static void make(struct pictures *p)
{
    struct slot *s = NULL;
    int level = 0;

    if (picture_worker_busy(p->worker))
        return;
    for (int i = 0; i < SLOTS && s == NULL; i++)
        if (wants(p, &p->slot[i], &level))
            s = &p->slot[i];
    if (s == NULL)
        return;
    s->asked = s->source->serial;
    s->asked_level = level;
    struct picture_work w = { .source = picture_source_ref(s->source),
                              .slot = (int)(s - p->slot),
                              .level = level,
                              .generation = s->generation };

    w.task = (struct picture_task){ .plan = p->plan,
                                    .rows = s->rows,
                                    .columns = s->columns,
                                    .image = number(p, s),
                                    .piece_bytes = p->pace.by_rate && p->plan.way == PICTURE_SIXEL
                                                       ? 0
                                                       : pace_piece_bytes(&p->pace) };
    levels_apply(&w.task, level);
    picture_worker_give(p->worker, &w);
}

static void take(struct pictures *p)
{
    struct picture_work w;
    struct slot *s;

    if (!picture_worker_take(p->worker, &w))
        return;
    s = &p->slot[w.slot];
    if (s->key == NULL || w.generation != s->generation || w.task.plan.way != p->plan.way) {
        picture_work_end(&w);
        return;
    }
    if (w.task.plan.way == PICTURE_BLOCKS) {
        cells_free(&s->art);
        s->art = w.art;
        s->art_serial = w.source->serial;
        w.art = (struct cells){ 0 };
        picture_work_end(&w);
        p->again = true;
        return;
    }
    if (p->flying == w.slot && !p->stream_ours) { /* the one on its way outlives its place here */
        s->made.stream = NULL;
        p->stream_ours = true;
    }
    picture_work_end(&s->made);
    s->made = w;
    s->on = false;
    if (w.stream == NULL) {
        s->failed = true;
        p->again = true;
    } else if (w.level == 0) {
        s->bytes_a_pixel = (double)w.stream->bytes.length / ((double)w.task.width * w.task.height);
    }
}

/* ---- sending ---- */

static void launch(struct pictures *p)
{
    for (int i = 0; i < SLOTS && p->flying < 0; i++) {
        struct slot *s = &p->slot[i];

        if (s->key == NULL || s->on || s->made.stream == NULL || s->covered || !s->seen ||
            s->made.generation != s->generation)
            continue;
        p->flying = i;
        p->stream = s->made.stream;
        p->fly_top = s->top;
        p->fly_left = s->left;
        p->next = 0;
        s->on = true;
    }
}

static void dump(const struct picture_stream *s)
{
    const char *path = settings_get("pictures.dump");

    if (path != NULL)
        spn_file_write(path, s->bytes.data, s->bytes.length, NULL);
}

/* Cursor kept, moved, bytes, put back, and the question that paces: in one write. */
static void send_piece(struct pictures *p, int64_t now_us)
{
    const struct picture_piece *piece = &p->stream->piece[p->next++];
    struct spn_buf b = SPN_BUF_INIT((size_t)1 << 30);

    if (p->next == 1)
        dump(p->stream);
    spn_buf_printf(&b, "\0337\033[%d;%dH", p->fly_top + piece->row + 1, p->fly_left + 1);
    spn_buf_add(&b, p->stream->bytes.data + piece->at, piece->n);
    spn_buf_puts(&b, "\0338");
    if (!p->pace.by_rate)
        spn_buf_puts(&b, "\033[5n");
    if (!b.failed)
        term_write(p->term, b.data, b.length);
    pace_sent(&p->pace, b.length, now_us);
    spn_buf_free(&b);
}

bool pictures_turn(struct pictures *p)
{
    int64_t now_us = clock_us();
    bool again;

    p->now_ms = now_us / 1000;
    take(p);
    make(p);
    /* The refinement of a still gives way to what is newer. */
    if (p->flying >= 0 && p->stream_ours && p->slot[p->flying].asked_level == 0)
        give_up(p);
    if (p->drop.length > 0) {
        term_write(p->term, p->drop.data, p->drop.length);
        spn_buf_trim(&p->drop, 0);
    }
    if (p->flying >= 0 && p->next == p->stream->n && pace_idle(&p->pace, now_us)) {
        if (p->stream_ours)
            picture_stream_free(p->stream);
        p->stream = NULL;
        p->stream_ours = false;
        p->flying = -1;
    }
    if (p->flying < 0 && pace_idle(&p->pace, now_us) &&
        !(p->unfocused && p->plan.passthrough && p->plan.way != PICTURE_KITTY))
        launch(p);
    if (p->flying >= 0 && p->next < p->stream->n &&
        pace_may(&p->pace, p->stream->piece[p->next].n, now_us))
        send_piece(p, now_us);
    again = p->again;
    p->again = false;
    return again;
}

int pictures_wait_ms(const struct pictures *p)
{
    int64_t now_us = clock_us(), wait = -1, least = -1;

    for (int i = 0; i < SLOTS; i++) {
        const struct slot *s = &p->slot[i];

        /* When a coarse still may be made fine. */
        if (by_bytes(p) && s->key != NULL && s->seen && !s->covered && s->asked_level > 0 &&
            !s->failed) {
            int64_t left = (s->changed_ms + STILL_MS) * 1000 - now_us;

            least = left > 0 ? left : 1000;
        }
        if (wait < 0 || (least >= 0 && least < wait))
            wait = least;
    }
    if (p->flying >= 0 && p->next < p->stream->n &&
        pace_may(&p->pace, p->stream->piece[p->next].n, now_us))
        return 0;
    if (p->flying >= 0) {
        int64_t left = pace_wait_us(&p->pace, now_us);

        if (left >= 0 && (wait < 0 || left < wait))
            wait = left;
    }
    return wait < 0 ? -1 : (int)((wait + 999) / 1000);
}

void pictures_answer(struct pictures *p)
{
    pace_answered(&p->pace, clock_us());
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
