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
#include "screen/picture_encode.h"
#include "screen/picture_levels.h"
#include "screen/picture_modules.h"
#include "screen/picture_worker.h"
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

/* All pieces of a sixel stream, each at its cell; false: one is not well formed. */
static bool sixels(const struct picture_stream *s, const struct picture_task *t, uint8_t *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const char *at = s->bytes.data + s->piece[i].at, *end = at + s->piece[i].n;
        int top = s->piece[i].row * t->plan.cell_h, left = s->piece[i].column * t->plan.cell_w;
        struct sixel x;

        if (!sixel_decode(&x, at, end, out + 3 * ((size_t)top * (size_t)t->width + (size_t)left),
                          t->width, t->width - left, t->height - top))
            return false;
        if (x.after != end || !x.keeps || x.width > 1000 || x.height > 1000)
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
    spn_buf_free(&s.bytes);
    spn_free(s.piece);

    t = task(PICTURE_SIXEL, 62, 128); /* 1024 x 1054: too large for one */
    spn_free(rgb);
    spn_free(got);
    n = (size_t)t.width * (size_t)t.height;
    rgb = spn_calloc(n, 3);
    got = spn_calloc(n, 3);
    p = (struct spn_pixels){ SPN_PIXELS_RGB, t.width, t.height, rgb, NULL, NULL };
    paint(rgb, t.width, t.height);
    ok(picture_encode(&s, &t, &p, &err) == SPN_OK && sixels(&s, &t, got), "a large one: %s",
       err.text);
    ok(s.n == 4 && psnr(rgb, got, 3 * n) > 26, "in %zu tiles: %.1f dB", s.n, psnr(rgb, got, 3 * n));
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

int main(void)
{
    struct spn_err err = SPN_ERR_INIT;

    if (paths_init(NULL, &err) != SPN_OK)
        return skip_all(err.text);
    if (picture_sixel(&err) != NULL) {
        test_palette();
        test_photo();
        test_worker();
        test_no_memory(PICTURE_SIXEL);
    } else {
        skip(err.text);
    }
    test_files();
    test_no_memory(PICTURE_KITTY);
    test_marks();
    test_scale();
    paths_free();
    return done();
}
