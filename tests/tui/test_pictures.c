/* test_pictures.c - pictures without a terminal: every protocol decoded back, scaling, pacing,
 * plots. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "host/paths.h"
#include "media/image.h"
#include "screen/picture_batch.h"
#include "screen/picture_encode.h"
#include "screen/picture_levels.h"
#include "screen/picture_modules.h"
#include "screen/picture_pace.h"
#include "screen/picture_worker.h"
#include "screen/plot.h"
#include "screen/term.h"
#include "sixel.h"
#include "tap.h"

static uint64_t seed = 1;

static unsigned any(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33);
}

static struct picture_task task(enum picture_way way, int rows, int columns)
{
    struct picture_task t = { .rows = rows, .columns = columns, .image = 7 };

    t.plan = (struct picture_plan){
        .way = way, .cell_w = 8, .cell_h = 17, .cell_known = true, .colours = 256
    };
    levels_apply(&t, 0);
    return t;
}

/* All pieces of a sixel stream, each at its row; false: one is not well formed. */
static bool sixels(const struct picture_stream *s, const struct picture_task *t, uint8_t *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const char *at = s->bytes.data + s->piece[i].at, *end = at + s->piece[i].n;
        int top = s->piece[i].row * t->plan.cell_h;
        struct sixel x;

        if (!sixel_decode(&x, at, end, out + 3 * (size_t)top * (size_t)t->width, t->width,
                          t->height - top))
            return false;
        if (x.after != end || !x.keeps || x.width != t->width)
            return false;
    }
    return true;
}

static int worst(const uint8_t *a, const uint8_t *b, size_t n)
{
    int w = 0;

    for (size_t i = 0; i < n; i++)
        w = abs(a[i] - b[i]) > w ? abs(a[i] - b[i]) : w;
    return w;
}

/* Every class of a palette comes back as its colour, whatever the colour. */
static void test_palette(void)
{
    struct picture_task t = task(PICTURE_SIXEL, 6, 32);
    size_t n = (size_t)t.width * (size_t)t.height;
    uint8_t *ids = spn_calloc(n, 1), *want = spn_calloc(n, 3), *got = spn_calloc(n, 3),
            palette[768];
    struct picture_stream s;
    struct spn_err err = SPN_ERR_INIT;

    for (int round = 0; round < 4; round++) {
        struct spn_pixels p = { SPN_PIXELS_PALETTE, t.width, t.height, ids, palette, NULL };

        for (int i = 0; i < 256; i++) /* each value of each channel at least once */
            for (int k = 0; k < 3; k++)
                palette[3 * i + k] =
                    (uint8_t)(round == 0 ? i : i * (int[]){ 1, 3, 85, 7 }[round] + k * 50);
        for (size_t i = 0; i < n; i++) {
            ids[i] = (uint8_t)(i < 256 ? i : round < 2 ? any() : (i / 7) % (size_t)(5 + round));
            memcpy(want + 3 * i, palette + 3 * ids[i], 3);
        }
        t.piece_bytes = round % 2 == 0 ? 0 : 3000;
        memset(got, 1, 3 * n);
        if (!ok(picture_encode(&s, &t, &p, &err) == SPN_OK, "sixel of a palette: %s", err.text))
            break;
        ok(sixels(&s, &t, got), "its %zu pieces are well formed", s.n);
        ok(round % 2 == 0 ? s.n == 1 : s.n > 1, "as many pieces as were asked for");
        ok(worst(got, want, 3 * n) <= 1, "every pixel within 1 of 255: %d",
           worst(got, want, 3 * n));
        spn_buf_free(&s.bytes);
        spn_free(s.piece);
    }
    spn_free(ids);
    spn_free(want);
    spn_free(got);
}

static void paint(uint8_t *rgb, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double a = sin(x / 20.0) * cos(y / 13.0);
            uint8_t *c = rgb + 3 * ((size_t)y * (size_t)width + (size_t)x);

            c[0] = (uint8_t)(128 + 100 * a);
            c[1] = (uint8_t)(x * 255 / width);
            c[2] = (uint8_t)(y * 255 / height);
        }
}

static double psnr(const uint8_t *a, const uint8_t *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (a[i] - b[i]) * (double)(a[i] - b[i]);
    return 10 * log10(255.0 * 255 / (sum / (double)n + 1e-9));
}

static void test_photo(void)
{
    struct picture_task t = task(PICTURE_SIXEL, 10, 40);
    size_t n = (size_t)t.width * (size_t)t.height;
    uint8_t *rgb = spn_calloc(n, 3), *got = spn_calloc(n, 3);
    struct spn_pixels p = { SPN_PIXELS_RGB, t.width, t.height, rgb, NULL, NULL };
    struct picture_stream s;
    struct spn_err err = SPN_ERR_INIT;
    size_t full;

    paint(rgb, t.width, t.height);
    t.piece_bytes = 20000;
    ok(picture_encode(&s, &t, &p, &err) == SPN_OK && sixels(&s, &t, got), "a photograph: %s",
       err.text);
    ok(psnr(rgb, got, 3 * n) > 29, "256 colours: %.1f dB", psnr(rgb, got, 3 * n));
    full = s.bytes.length;
    spn_buf_free(&s.bytes);
    spn_free(s.piece);

    levels_apply(&t, 4);
    ok(picture_encode(&s, &t, &p, &err) == SPN_OK && sixels(&s, &t, got), "made coarse: %s",
       err.text);
    ok(s.bytes.length * 3 < full, "%zu bytes of %zu", s.bytes.length, full);
    ok(psnr(rgb, got, 3 * n) > 15, "and still the same picture: %.1f dB", psnr(rgb, got, 3 * n));
    spn_buf_free(&s.bytes);
    spn_free(s.piece);

    levels_apply(&t, 0);
    for (size_t i = 0; i < 3 * n; i++) /* 125 colours: they are kept as they are */
        rgb[i] = (uint8_t)(rgb[i] / 52 * 51);
    ok(picture_encode(&s, &t, &p, &err) == SPN_OK && sixels(&s, &t, got), "few colours");
    ok(worst(rgb, got, 3 * n) <= 1, "are exact: %d", worst(rgb, got, 3 * n));
    spn_buf_free(&s.bytes);
    spn_free(s.piece);
    spn_free(rgb);
    spn_free(got);
}

/* ---- kitty, iTerm2 ---- */

static int value64(char c)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(letters, c) : NULL;

    return at != NULL ? (int)(at - letters) : -1;
}

static bool unbase64(struct spn_buf *out, const char *p, size_t n)
{
    for (size_t i = 0; i + 3 < n || i < n; i += 4) {
        int v[4];
        char bytes[3];

        if (i + 4 > n)
            return false;
        for (int k = 0; k < 4; k++)
            v[k] = p[i + (size_t)k] == '=' ? 0 : value64(p[i + (size_t)k]);
        if (v[0] < 0 || v[1] < 0 || v[2] < 0 || v[3] < 0)
            return false;
        bytes[0] = (char)(v[0] << 2 | v[1] >> 4);
        bytes[1] = (char)(v[1] << 4 | v[2] >> 2);
        bytes[2] = (char)(v[2] << 6 | v[3]);
        spn_buf_add(out, bytes, p[i + 2] == '=' ? 1 : p[i + 3] == '=' ? 2 : 3);
    }
    return true;
}

/* What tmux hands on of a wrapped stream. */
static bool unwrap(struct spn_buf *out, const char *p, size_t n)
{
    const char *end = p + n;

    while (p < end) {
        if ((size_t)(end - p) < 7 || memcmp(p, "\033Ptmux;", 7) != 0)
            return false;
        for (p += 7; p < end; p++) {
            if (*p == '\033' && p + 1 < end && p[1] == '\\')
                break;
            if (*p == '\033' && (p + 1 >= end || *++p != '\033'))
                return false;
            spn_buf_add(out, p, 1);
        }
        if (p >= end)
            return false;
        p += 2;
    }
    return true;
}

/* The keys of the first sequence, the payloads of all; false: not kitty's protocol. */
static bool kitty(const char *p, size_t n, char *keys, size_t room, struct spn_buf *payload)
{
    const char *end = p + n;
    bool more = true, first = true;

    while (p < end) {
        const char *semi, *stop;

        if (!more || end - p < 3 || memcmp(p, "\033_G", 3) != 0)
            return false;
        semi = memchr(p, ';', (size_t)(end - p));
        stop = semi != NULL ? memchr(semi, '\033', (size_t)(end - semi)) : NULL;
        if (stop == NULL || stop + 1 >= end || stop[1] != '\\' || stop - semi - 1 > 4096)
            return false;
        if (first)
            snprintf(keys, room, "%.*s", (int)(semi - p - 3), p + 3);
        first = false;
        more = memmem(p, (size_t)(semi - p), "m=1", 3) != NULL;
        if (memmem(p, (size_t)(semi - p), "q=2", 3) == NULL)
            return false;
        if (!unbase64(payload, semi + 1, (size_t)(stop - semi - 1)))
            return false;
        p = stop + 2;
    }
    return !more;
}

static void same_picture(const struct spn_buf *file, const uint8_t *rgb, int width, int height,
                         const char *what)
{
    struct spn_image image = { 0 };
    struct spn_err err = SPN_ERR_INIT;

    if (ok(spn_image_decode(&image, NULL, file->data, file->length, what, NULL, &err) == SPN_OK,
           "%s holds a picture: %s", what, err.text))
        ok(image.width == width && image.height == height &&
               memcmp(image.pixels, rgb, 3 * (size_t)width * (size_t)height) == 0,
           "%s: the same pixels", what);
    spn_image_free(&image);
}

static void test_files(void)
{
    struct picture_task t = task(PICTURE_KITTY, 5, 20);
    size_t n = (size_t)t.width * (size_t)t.height;
    uint8_t *rgb = spn_calloc(n, 3);
    struct spn_pixels p = { SPN_PIXELS_RGB, t.width, t.height, rgb, NULL, NULL };
    struct spn_buf plain = SPN_BUF_INIT(1 << 24), file = SPN_BUF_INIT(1 << 24);
    bool png = spn_media_open(NULL, NULL) != NULL;
    struct picture_stream s;
    struct spn_err err = SPN_ERR_INIT;
    char keys[200], want[200];

    paint(rgb, t.width, t.height);
    for (int wrapped = 0; wrapped < 2; wrapped++) {
        t.plan.passthrough = t.plan.placeholders = wrapped;
        t.piece_bytes = wrapped ? 6000 : 0;
        spn_buf_trim(&plain, 0);
        spn_buf_trim(&file, 0);
        ok(picture_encode(&s, &t, &p, &err) == SPN_OK, "kitty: %s", err.text);
        ok(wrapped ? unwrap(&plain, s.bytes.data, s.bytes.length)
                   : spn_buf_add(&plain, s.bytes.data, s.bytes.length) == SPN_OK,
           wrapped ? "wrapped for tmux" : "as it is");
        ok(kitty(plain.data, plain.length, keys, sizeof keys, &file), "well formed");
        snprintf(want, sizeof want, "c=20,r=5,C=1,q=2%s,m=1", wrapped ? ",U=1" : "");
        ok(strstr(keys, want) != NULL && strstr(keys, "i=7") != NULL, "%s has %s", keys, want);
        if (png)
            same_picture(&file, rgb, t.width, t.height, "kitty's PNG");
        else
            ok(file.length == 3 * n && memcmp(file.data, rgb, 3 * n) == 0, "plain pixels");
        ok(!wrapped || s.n > 1, "%zu pieces", s.n);
        spn_buf_free(&s.bytes);
        spn_free(s.piece);
    }

    t = task(PICTURE_ITERM, 5, 20);
    spn_buf_trim(&file, 0);
    if (picture_encode(&s, &t, &p, &err) == SPN_OK && png) {
        const char *colon = memchr(s.bytes.data, ':', s.bytes.length);

        ok(strncmp(s.bytes.data, "\033]1337;File=inline=1;size=", 26) == 0 && colon != NULL &&
               s.bytes.data[s.bytes.length - 1] == '\a' &&
               unbase64(&file, colon + 1, (size_t)(s.bytes.data + s.bytes.length - 2 - colon)),
           "iTerm2: well formed");
        ok(strtoul(s.bytes.data + 26, NULL, 10) == file.length, "its size is said: %zu",
           file.length);
        same_picture(&file, rgb, t.width, t.height, "iTerm2's PNG");
        spn_buf_free(&s.bytes);
        spn_free(s.piece);
    } else {
        skip("no PNG encoder");
    }
    if (picture_chafa(NULL) != NULL) {
        char *bytes = NULL;
        size_t length = 0;

        ok(picture_chafa(NULL)->iterm(&bytes, &length, 5, 20, rgb, t.width, t.height) == SPN_OK &&
               length > 30 && memcmp(bytes, "\033]1337;File=inline=1;", 21) == 0,
           "iTerm2 by libchafa");
        if (bytes != NULL)
            picture_chafa(NULL)->release(bytes);
    } else {
        skip("no libchafa");
    }
    spn_buf_free(&plain);
    spn_buf_free(&file);
    spn_free(rgb);
}

static void test_marks(void)
{
    int n = 0;
    bool rises = true;

    for (; picture_mark(n) != 0; n++)
        rises &= n == 0 || picture_mark(n) > picture_mark(n - 1);
    ok_int(n, 297, "marks of kitty's placeholders");
    ok(rises && picture_mark(0) == 0x305 && picture_mark(296) == 0x1d244, "in their order");
    ok(picture_mark(-1) == 0, "none for what is before the first");
}

/* ---- scaling ---- */

static void test_scale(void)
{
    static const uint8_t two[] = { 0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0 };
    uint8_t ids[7 * 5], palette[768] = { 0 }, out[3 * 64 * 64] = { 0 }, flat[3 * 30 * 20];
    struct spn_pixels p = { SPN_PIXELS_RGB, 2, 2, two, NULL, NULL };
    bool same = true, classes = true;
    int rows, columns;

    ok(picture_scale(out, 1, 1, &p) && abs(out[0] - 128) <= 1, "a mean: %d", out[0]);
    ok(picture_scale(out, 4, 4, &p) && out[0] == 0 && out[3 * 2] == 255, "enlarged by repeating");
    memset(flat, 200, sizeof flat);
    p = (struct spn_pixels){ SPN_PIXELS_RGB, 30, 20, flat, NULL, NULL };
    for (int w = 1; w <= 64; w++) {
        picture_scale(out, w, 65 - w, &p);
        for (int i = 0; i < 3 * w * (65 - w); i++)
            same &= out[i] == 200;
    }
    ok(same, "one colour stays that colour at any size");
    for (int i = 0; i < 35; i++)
        ids[i] = (uint8_t)(i % 2 == 0 ? 3 : 250);
    p = (struct spn_pixels){ SPN_PIXELS_PALETTE, 7, 5, ids, palette, NULL };
    picture_scale(out, 64, 64, &p);
    for (int i = 0; i < 64 * 64; i++)
        classes &= out[i] == 3 || out[i] == 250;
    ok(classes, "classes never mix");
    picture_fit(&(struct spn_pixels){ .width = 1920, .height = 1080 }, 30, 80, 10, 20, &rows,
                &columns);
    ok(rows == 23 && columns == 80, "1920 x 1080 in 80 x 30: %d x %d", columns, rows);
    picture_fit(&(struct spn_pixels){ .width = 1, .height = 10000 }, 30, 80, 10, 20, &rows,
                &columns);
    ok(rows == 30 && columns == 1, "never less than a cell");
}

/* ---- pacing: a line of RATE bytes a second, WAY_US long each way ---- */

struct sent {
    size_t bytes;
    int64_t answer_us;
};

static void test_pace(double rate, int64_t way_us)
{
    struct pace p;
    struct sent on[PACE_MARKS];
    int first = 0, n = 0;
    int64_t now = 0, line_free = 0, most_us = 0, begun = 0;
    size_t total = 0;

    pace_init(&p, false, 0);
    while (total < 3000000) {
        size_t piece = pace_piece_bytes(&p);

        while (n > 0 && on[first].answer_us <= now) {
            pace_answered(&p, on[first].answer_us);
            first = (first + 1) % PACE_MARKS;
            n--;
        }
        if (n == 0) { /* a question alone goes first */
            on[(first + n++) % PACE_MARKS] = (struct sent){ 0, now + 2 * way_us };
            pace_sent(&p, 0, now);
        }
        if (pace_may(&p, now)) {
            int64_t from = line_free > now ? line_free : now;

            line_free = from + (int64_t)((double)piece / rate * 1e6);
            on[(first + n++) % PACE_MARKS] = (struct sent){ piece, line_free + 2 * way_us };
            pace_sent(&p, piece, now);
            total += piece;
            if (total > 300000 && begun == 0)
                begun = now;
            /* How long a key's answer would queue. */
            if (total > 300000 && line_free - now > most_us)
                most_us = line_free - now;
        }
        now += 500;
    }
    ok(most_us <= 45000, "%.0f kB/s: an answer queues %.0f ms at most", rate / 1000,
       (double)most_us / 1000);
    ok(fabs(p.rate - rate) < 0.3 * rate, "the rate is found: %.0f kB/s", p.rate / 1000);
    ok((double)(now - begun) / 1e6 < 1.6 * 2700000 / rate + 0.5, "the line is used: %.1f s",
       (double)(now - begun) / 1e6);
}

static void test_silence(void)
{
    struct pace p;

    pace_init(&p, false, 0);
    pace_sent(&p, 10000, 1000000);
    ok(!pace_idle(&p, 2000000), "it waits for an answer");
    ok(pace_idle(&p, 9000000) && p.by_rate, "none comes: by a rate from then on");
    ok(pace_may(&p, 9000000), "and pieces go on");
    pace_sent(&p, 500000, 9000000);
    ok(!pace_may(&p, 9100000) && pace_may(&p, 9600000), "500 kB take half a second");
}

/* ---- plots, pages ---- */

static void test_ticks(void)
{
    double at[PLOT_TICKS_MAX];
    int n = plot_ticks(&(struct plot_range){ -0.98, 1.01 }, false, 5, at);

    ok(n == 4 && at[0] == -0.5 && at[3] == 1, "halves from -0.98 to 1.01: %d, from %g", n, at[0]);
    n = plot_ticks(&(struct plot_range){ 0, 3969 }, false, 5, at);
    ok(n == 4 && at[3] == 3000, "0 to 3969 by thousands: %d", n);
    n = plot_ticks(&(struct plot_range){ -3.2, 2.1 }, true, 6, at);
    ok(n >= 3 && at[0] == round(at[0]), "powers of ten");
}

static void test_counts(void)
{
    static const double samples[] = { 0, 1, 1, 2, 2, 2, 3, NAN }, middles[] = { .5, 1.5, 2.5 },
                        counts[] = { 4, 0, 9 };
    struct spn_series s = { "s", NULL, samples, 8 };
    struct spn_plot p = { .kind = SPN_PLOT_HISTOGRAM, .series = &s, .n = 1, .bins = 4 };
    struct plot_range x, y;
    int bins;
    double *c = plot_counts(&p, 100, &bins, &x, &y);

    ok(bins == 4 && c[0] == 1 && c[1] == 2 && c[2] == 3 && c[3] == 1, "samples are counted");
    ok(x.lo == 0 && x.hi == 3 && y.hi == 3, "their ranges");
    spn_free(c);
    s = (struct spn_series){ "s", middles, counts, 3 };
    c = plot_counts(&p, 100, &bins, &x, &y);
    ok(bins == 3 && c[0] == 4 && c[1] == 0 && c[2] == 9, "counted bins stay");
    ok(x.lo == 0 && x.hi == 3 && y.hi == 9, "and their edges");
    spn_free(c);
}

/* The same plot in pixels: the line runs through its points, the ground is exact. */
static void test_plot_pixels(void)
{
    double y[50];
    struct spn_series s = { "s", NULL, y, 50 };
    struct spn_plot p = { .kind = SPN_PLOT_LINE, .series = &s, .n = 1 };
    struct plot_look look;
    struct picture_source *src;
    int through = 0;

    for (int i = 0; i < 50; i++)
        y[i] = i * i;
    y[20] = NAN;
    plot_look_ground(&look, 0x16191f);
    src = plot_pixels_lines(&p, 491, 246, &look);
    ok(src != NULL && src->pixels.kind == SPN_PIXELS_PALETTE, "a line plot is a palette picture");
    ok(memcmp(src->pixels.palette, "\x16\x19\x1f", 3) == 0, "its ground is the ground");
    for (int i = 0; i < 50; i++) {
        int px = i * 10, py = (int)lround((1 - y[i] / 2401) * 245);

        through += i != 20 && src->pixels.data[py * 491 + px] > 10;
    }
    ok_int(through, 49, "points on the line");
    ok(src->pixels.data[(int)lround((1 - 400 / 2401.0) * 245) * 491 + 200] < 2, "a gap is a gap");
    picture_source_unref(src);
}

static void test_page(void)
{
    struct picture_plan plan = { .way = PICTURE_SIXEL, .cell_w = 8, .cell_h = 16, .colours = 256 };
    struct spn_plot p = { .kind = SPN_PLOT_HEAT,
                          .rows = 3,
                          .columns = 4,
                          .heat = (const double[12]){ 0, 1, 2, 3, 4, 5, 6, 7, 8, NAN, 10, 11 } };
    uint8_t *got = spn_calloc(320 * 160, 3);
    struct picture_page page;
    struct plot_look look;
    struct spn_buf b = SPN_BUF_INIT(1 << 24);
    struct spn_err err = SPN_ERR_INIT;
    const char *dcs;
    struct sixel x;
    int lines = 0;

    plot_look_ground(&look, -1);
    ok(picture_page_open(&page, 11, 40, &plan, &err) == SPN_OK, "a page");
    plot_draw(&p, cells_area(&page.cells), &page.service, &page, &look, NULL);
    ok(picture_page_print(&page, &b, &err) == SPN_OK, "is printed: %s", err.text);
    for (size_t i = 0; i < b.length; i++)
        lines += b.data[i] == '\n';
    ok_int(lines, 11, "lines");
    ok(strstr(b.data, "11\n") != NULL, "the scale ends with the largest");
    dcs = memmem(b.data, b.length, "\033P", 2);
    ok(dcs != NULL && memmem(b.data, b.length, "\0337\033[11A\r", 8) != NULL,
       "back up, to its row");
    ok(dcs != NULL && sixel_decode(&x, dcs, b.data + b.length, got, 320, 160), "a sixel");
    ok(x.width == 320 && x.height == 160 && memcmp(x.after, "\0338", 2) == 0,
       "of the size of its cells, cursor put back");
    ok(abs(got[0] - 68) <= 1 && abs(got[3 * (320 * 159 + 319)] - 253) <= 1, "least and most");
    picture_page_close(&page);
    spn_buf_free(&b);

    plan.way = PICTURE_ASCII;
    b = (struct spn_buf)SPN_BUF_INIT(1 << 24);
    ok(picture_page_open(&page, 11, 40, &plan, &err) == SPN_OK, "a page in ASCII");
    plot_draw(&p, cells_area(&page.cells), &page.service, &page, &look, NULL);
    ok(picture_page_print(&page, &b, &err) == SPN_OK && memchr(b.data, '\033', b.length) == NULL,
       "has no sequences");
    picture_page_close(&page);
    spn_buf_free(&b);
    spn_free(got);
}

/* ---- the worker, memory ---- */

static void test_worker(void)
{
    uint8_t rgb[3 * 64] = { 0 };
    struct picture_worker *w;
    struct picture_work in, out;
    struct spn_err err = SPN_ERR_INIT;
    struct picture_source *s =
        picture_source_new(&(struct spn_pixels){ SPN_PIXELS_RGB, 8, 8, rgb, NULL, "black" });
    int wake[2];
    char byte;

    ok(pipe(wake) == 0 && picture_worker_start(&w, wake[1], &err) == SPN_OK, "a worker");
    for (int i = 0; i < 5; i++) {
        in = (struct picture_work){ .source = picture_source_ref(s), .slot = i };
        in.task = task(PICTURE_SIXEL, 2, 4);
        picture_worker_give(w, &in);
    }
    ok(read(wake[0], &byte, 1) == 1 && picture_worker_take(w, &out) && out.stream != NULL,
       "makes a picture: %s", out.why.text);
    picture_work_end(&out);
    while (picture_worker_busy(w)) {
        ok(read(wake[0], &byte, 1) == 1 && picture_worker_take(w, &out), "and the newest after it");
        ok_int(out.slot, 4, "which replaced those that waited");
        picture_work_end(&out);
    }
    in = (struct picture_work){ .source = picture_source_ref(s) };
    in.task = task(PICTURE_SIXEL, 2, 4);
    picture_worker_give(w, &in);
    picture_worker_stop(w);
    ok_int(s->holders, 1, "holders of its source when it has stopped");
    picture_source_unref(s);
    close(wake[0]);
    close(wake[1]);
}

static void test_no_memory(enum picture_way way)
{
    uint8_t rgb[3 * 64] = { 9 }, out[3 * 64];
    struct spn_pixels p = { SPN_PIXELS_RGB, 8, 8, rgb, NULL, NULL };
    struct picture_task t = task(way, 1, 4);
    struct picture_stream s;
    struct spn_err err = SPN_ERR_INIT;
    int failures = 0, i = 1;
    spn_status st = SPN_ENOMEM;

    picture_scale(out, 8, 8, &p);
    for (; i < 100 && st != SPN_OK; i++) {
        spn_fail_at((uint64_t)i);
        st = picture_encode(&s, &t, &p, &err);
        spn_fail_at(0);
        failures += st == SPN_ENOMEM;
    }
    ok(st == SPN_OK && failures > 2 && failures == i - 2, "%s: each of %d allocations may fail",
       picture_way_name(way), failures);
    if (st == SPN_OK) {
        spn_buf_free(&s.bytes);
        spn_free(s.piece);
    }
}

/* ---- ways ---- */

static void check_way(const struct term_facts *f, enum picture_way wanted, enum picture_way want,
                      const char *what)
{
    struct picture_plan p;

    picture_plan_make(&p, wanted, f);
    ok_str(picture_way_name(p.way), picture_way_name(want), what);
}

static void test_ways(void)
{
    struct term_facts f = {
        .name = "xterm-256color", .colours = 256, .utf8 = true, .answered = true
    };

    check_way(&f, PICTURE_AUTO, PICTURE_BLOCKS, "a terminal that names nothing");
    f.sixel = true;
    check_way(&f, PICTURE_AUTO, PICTURE_SIXEL, "one with field 4");
    snprintf(f.version, sizeof f.version, "kitty(0.35.2)");
    check_way(&f, PICTURE_AUTO, PICTURE_KITTY, "kitty");
    check_way(&f, PICTURE_ASCII, PICTURE_ASCII, "what is asked for");
    snprintf(f.version, sizeof f.version, "iTerm2 3.5.0");
    check_way(&f, PICTURE_AUTO, PICTURE_ITERM, "iTerm2");
    f = (struct term_facts){ .name = "vt100", .ascii = true };
    check_way(&f, PICTURE_AUTO, PICTURE_ASCII, "a VT100");
    ok(picture_way_parse("sixel") == PICTURE_SIXEL && picture_way_parse("six") == PICTURE_WAYS,
       "names");
}

int main(void)
{
    struct spn_err err = SPN_ERR_INIT;
    bool sixel;

    if (paths_init(NULL, &err) != SPN_OK)
        return skip_all(err.text);
    sixel = picture_sixel(&err) != NULL;
    if (sixel) {
        test_palette();
        test_photo();
        test_page();
        test_worker();
        test_no_memory(PICTURE_SIXEL);
    } else {
        skip(err.text);
    }
    test_files();
    test_no_memory(PICTURE_KITTY);
    test_marks();
    test_scale();
    test_pace(250e3, 80000);
    test_pace(250e3, 40000);
    test_pace(2e6, 20000);
    test_pace(40e6, 200);
    test_silence();
    test_ticks();
    test_counts();
    test_plot_pixels();
    test_ways();
    paths_free();
    return done();
}
