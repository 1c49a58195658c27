/* pictures.c - the test card: one picture by each way, so that a person can see which is best here.
 */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "screen/picture_term.h"
#include "screen/term.h"
#include "screen/views/views.h"

#define CARD_W    480
#define CARD_H    300
#define ANSWER_MS 400

struct card {
    struct spn_screen *screen;
    struct spn_pane *list, *picture;
    bool moved; /* a way was looked at */
};

/* ---- the card: hues, greys, lines of one pixel, a ring ---- */

static void hue(uint8_t rgb[3], double h)
{
    static const double shift[3] = { 0, 4, 2 };

    for (int k = 0; k < 3; k++) {
        double v = fabs(fmod(h * 6 + shift[k], 6) - 3) - 1;

        rgb[k] = (uint8_t)(255 * (v < 0 ? 0 : v > 1 ? 1 : v));
    }
}

static void pixel(uint8_t rgb[3], int x, int y)
{
    double from = hypot(x - CARD_W / 2, y - CARD_H / 2);

    if (fabs(from - 110) < 3) {
        memset(rgb, 255, 3);
    } else if (y < CARD_H / 3) {
        hue(rgb, (double)x / CARD_W);
    } else if (y < 2 * CARD_H / 3) {
        memset(rgb, x * 255 / (CARD_W - 1), 3);
    } else {
        bool on = x < CARD_W / 3 ? x % 2 == 0 : x < 2 * CARD_W / 3 ? y % 2 == 0 : (x + y) % 8 == 0;

        memset(rgb, on ? 255 : 0, 3);
    }
}

static void show_card(struct card *c)
{
    uint8_t *rgb = spn_calloc((size_t)CARD_W * CARD_H, 3);

    for (int i = 0; rgb != NULL && i < CARD_W * CARD_H; i++)
        pixel(rgb + 3 * i, i % CARD_W, i / CARD_W);
    if (rgb != NULL)
        pane_table.picture(c->picture, &(struct spn_pixels){ .kind = SPN_PIXELS_RGB,
                                                             .width = CARD_W,
                                                             .height = CARD_H,
                                                             .data = rgb,
                                                             .alt = "the test card" });
    spn_free(rgb);
}

/* ---- the ways ---- */

static const char *what(enum picture_way w)
{
    static const char *const words[PICTURE_WAYS] = {
        [PICTURE_KITTY] = "kitty's protocol",
        [PICTURE_ITERM] = "iTerm2's protocol",
        [PICTURE_SIXEL] = "sixel",
        [PICTURE_BLOCKS] = "blocks in colours",
        [PICTURE_ASCII] = "letters",
        [PICTURE_NONE] = "words alone",
    };

    return words[w];
}

static void list_ways(struct card *c)
{
    static const struct spn_column columns[] = { { "", 2, true, 0 },
                                                 { "way", 8, false, 0 },
                                                 { "what", -1, false, 1 },
                                                 { "here", 14, false, 2 } };
    const struct pictures *p = c->screen->ui->pictures;

    pane_table.columns(c->list, columns, 4);
    pane_table.begin(c->list);
    for (int w = PICTURE_KITTY; w < PICTURE_WAYS; w++) {
        bool used = p != NULL && pictures_plan(p)->way == (enum picture_way)w;
        bool works = p != NULL && picture_way_works(w, term_facts(c->screen->ui->term));
        char digit[12];
        const struct spn_field fields[] = {
            { digit, w, SPN_STYLE_DIM },
            { picture_way_name(w), NAN, SPN_STYLE_TEXT },
            { what(w), NAN, SPN_STYLE_TEXT },
            { used    ? "drawn now"
              : works ? "can be drawn"
                      : "not known here",
              NAN, used ? SPN_STYLE_GOOD : SPN_STYLE_DIM },
        };

        snprintf(digit, sizeof digit, "%d", w);
        pane_table.row(c->list, &(struct spn_row){ .id = (uint64_t)w, .fields = fields, .n = 4 });
    }
    pane_table.end(c->list);
}

/* The terminal may not have answered when the list was made. */
static void look_again(void *view)
{
    struct card *c = view;
    const struct pictures *p = c->screen->ui->pictures;

    list_ways(c);
    if (p != NULL && !c->moved)
        pane_table.choose(c->list, pictures_plan(p)->way);
}

static void chosen(void *view, struct spn_pane *p, uint64_t id)
{
    struct card *c = view;
    struct pictures *of = c->screen->ui->pictures;

    if (p != c->list || of == NULL || pictures_plan(of)->way == (enum picture_way)id)
        return;
    c->moved = true;
    pictures_force(of, (enum picture_way)id);
    list_ways(c);
}

static void keep(struct card *c, enum picture_way w)
{
    struct ui *ui = c->screen->ui;
    struct spn_err err = SPN_ERR_INIT;
    char text[160];

    if (ui->pictures == NULL) {
        pane_table.say(c->screen, "no terminal: there is nothing to keep a way for");
    } else if (picture_way_keep(w, term_facts(ui->term), &err) != SPN_OK) {
        pane_table.fail(c->screen, &err);
    } else {
        pane_table.choose(c->list, (uint64_t)w);
        pictures_force(ui->pictures, w);
        list_ways(c);
        snprintf(text, sizeof text, "on this terminal pictures are drawn as %s from now on",
                 picture_way_name(w));
        pane_table.say(c->screen, text);
    }
}

static bool act(void *view, struct spn_pane *p, enum spn_want want, int n)
{
    struct card *c = view;
    uint64_t id;

    if (want == SPN_WANT_PART && n >= PICTURE_KITTY && n < PICTURE_WAYS)
        keep(c, (enum picture_way)n);
    else if (want == SPN_WANT_OPEN && pane_table.choice(c->list, &id))
        keep(c, (enum picture_way)id);
    else
        return false;
    return true;
}

static spn_status open_card(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                            void **out, struct spn_err *err)
{
    struct card *c = spn_calloc(1, sizeof *c);

    if (c == NULL)
        return spn_fail(err, SPN_ENOMEM, "pictures: no memory");
    *c = (struct card){ s, pane_table.pane(s, "ways"), pane_table.pane(s, "card"), false };
    pane_table.heading(s, "pictures: which way is best on this terminal");
    list_ways(c);
    if (s->ui->pictures != NULL)
        pane_table.choose(c->list, pictures_plan(s->ui->pictures)->way);
    show_card(c);
    pane_table.timer(s, ANSWER_MS);
    *out = c;
    return SPN_OK;
}

static void close_card(void *view)
{
    struct card *c = view;

    if (c->screen->ui->pictures != NULL)
        pictures_force(c->screen->ui->pictures, PICTURE_AUTO);
    spn_free(c);
}

static void command(void *view, struct spn_buf *out)
{
    const struct card *c = view;
    uint64_t id;

    spn_buf_printf(out, "spinney --screen pictures --pictures %s",
                   pane_table.choice(c->list, &id) ? picture_way_name((enum picture_way)id)
                                                   : "auto");
}

static const struct spn_want_help acts[] = {
    { SPN_WANT_OPEN, "ways", "keep it", 0 },
    { SPN_WANT_PART, "", "keep that way for this terminal", 0 },
    { 0 },
};

const struct spn_view view_pictures = {
    .summary = "a test card by each way that pictures can be drawn; a digit keeps one",
    .layout = "ways 45 | card",
    .narrow = 70,
    .acts = acts,
    .open = open_card,
    .close = close_card,
    .act = act,
    .chosen = chosen,
    .command = command,
    .timer = look_again,
};
