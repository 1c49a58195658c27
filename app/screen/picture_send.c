/* picture_send.c - what is encoded when, and what goes to the terminal when. */
#include "config.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/settings.h"
#include "screen/picture_levels.h"
#include "screen/picture_state.h"

#define STILL_MS         300   /* a picture that has not changed for so long gets its full size */
#define LONG_S           0.25  /* a picture that takes longer gives way to a newer one */
#define CELL_BYTES       16    /* of a cell in two colours, about */
#define FIRST_ROWS_BYTES 16384 /* while the line is not known */

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
        return s->coming.cell == NULL && (s->art_serial != s->source->serial ||
                                          s->art.rows != s->rows || s->art.columns != s->columns);
    }
    if (!pictures_by_bytes(p) || s->covered)
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
                                    .image = pictures_number(p, s),
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
        cells_free(&s->coming);
        s->coming = w.art;
        s->came = 0;
        s->art_serial = w.source->serial;
        w.art = (struct cells){ 0 };
        picture_work_end(&w);
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

/* Some rows of blocks, as the line takes them; they go out with the cells of the next frame. */
static void reveal(struct pictures *p, struct slot *s, int64_t now_us)
{
    size_t piece =
        p->pace.measured || p->pace.by_rate ? pace_piece_bytes(&p->pace) : FIRST_ROWS_BYTES;
    int rows = (int)(piece / CELL_BYTES) / s->columns;
    struct spn_err err = SPN_ERR_INIT;

    if (s->coming.rows != s->rows || s->coming.columns != s->columns) { /* of another place */
        cells_free(&s->coming);
        return;
    }
    if (p->revealed > 0 || !pace_may(&p->pace, now_us))
        return;
    if ((s->art.rows != s->rows || s->art.columns != s->columns) &&
        cells_resize(&s->art, s->rows, s->columns, &err) != SPN_OK) {
        cells_free(&s->coming);
        return;
    }
    rows = rows < 1 ? 1 : rows < s->rows - s->came ? rows : s->rows - s->came;
    memcpy(s->art.cell + (size_t)s->came * (size_t)s->columns,
           s->coming.cell + (size_t)s->came * (size_t)s->columns,
           (size_t)rows * (size_t)s->columns * sizeof *s->art.cell);
    s->came += rows;
    p->revealed = (size_t)rows * (size_t)s->columns * CELL_BYTES;
    p->again = true;
    if (s->came == s->rows)
        cells_free(&s->coming);
}

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
        p->fly_long = (double)p->stream->bytes.length > p->pace.rate * LONG_S;
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
    if (p->next == 1 && !p->pace.by_rate) { /* nothing is on the way: how long is it? */
        spn_buf_puts(&b, "\033[5n");
        pace_sent(&p->pace, 0, now_us);
    }
    spn_buf_printf(&b, "\0337\033[%d;%dH", p->fly_top + piece->row + 1,
                   p->fly_left + piece->column + 1);
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
    int64_t now_us = pictures_clock_us();
    bool again;

    p->now_ms = now_us / 1000;
    take(p);
    make(p);
    /* The refinement of a still gives way to what is newer. */
    if (p->flying >= 0 && p->stream_ours && p->fly_long)
        pictures_give_up(p);
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
    pace_idle(&p->pace, now_us); /* notices when answers stay away */
    for (int i = 0; i < SLOTS; i++)
        if (p->slot[i].coming.cell != NULL && p->slot[i].seen)
            reveal(p, &p->slot[i], now_us);
    if (p->flying < 0 && pace_idle(&p->pace, now_us) &&
        !(p->unfocused && p->plan.passthrough && p->plan.way != PICTURE_KITTY))
        launch(p);
    if (p->flying >= 0 && p->next < p->stream->n && pace_may(&p->pace, now_us))
        send_piece(p, now_us);
    again = p->again;
    p->again = false;
    return again;
}

int pictures_wait_ms(const struct pictures *p)
{
    int64_t now_us = pictures_clock_us(), wait = -1, least = -1;

    for (int i = 0; i < SLOTS; i++) {
        const struct slot *s = &p->slot[i];

        /* When a coarse still may be made fine. */
        if (pictures_by_bytes(p) && s->key != NULL && s->seen && !s->covered &&
            s->asked_level > 0 && !s->failed) {
            int64_t left = (s->changed_ms + STILL_MS) * 1000 - now_us;

            least = left > 0 ? left : 1000;
        }
        if (wait < 0 || (least >= 0 && least < wait))
            wait = least;
    }
    if (p->flying >= 0 && p->next < p->stream->n && pace_may(&p->pace, now_us))
        return 0;
    for (int i = 0; i < SLOTS; i++)
        if (p->slot[i].coming.cell != NULL && p->slot[i].seen && p->revealed == 0 &&
            pace_may(&p->pace, now_us))
            return 0;
    if (p->flying >= 0 || p->pace.n > 0) {
        int64_t left = pace_wait_us(&p->pace, now_us);

        if (left >= 0 && (wait < 0 || left < wait))
            wait = left;
    }
    return wait < 0 ? -1 : (int)((wait + 999) / 1000);
}

void pictures_answer(struct pictures *p)
{
    pace_answered(&p->pace, pictures_clock_us());
}
