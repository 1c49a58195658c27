/* bench_picture.c - what a picture costs: milliseconds from pixels to bytes, and bytes, by way and
 * by how coarse.  The source is a drawn photograph of 1920 x 1080. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "host/paths.h"
#include "screen/picture_encode.h"
#include "screen/picture_levels.h"

#define WIDTH  1920
#define HEIGHT 1080
#define ROUNDS 5

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Soft shapes, edges and grain, as photographs have. */
static void paint(uint8_t *rgb)
{
    uint32_t grain = 1;

    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++, rgb += 3) {
            double a = sin(x / 160.0) * cos(y / 120.0), edge = x * 9 / 16 > y ? 40 : 0;
            int g;

            grain = grain * 1664525u + 1013904223u;
            g = (int)(grain >> 28);
            rgb[0] = (uint8_t)(110 + 70 * a + edge + g);
            rgb[1] = (uint8_t)(100 + 60 * sin(a * 3 + y / 300.0) + edge + g);
            rgb[2] = (uint8_t)(90 + 80 * y / HEIGHT + g);
        }
}

static void measure(enum picture_way way, int rows, int columns, int level,
                    const struct spn_pixels *p, double full)
{
    struct picture_task t = { .rows = rows, .columns = columns, .image = 1 };
    struct spn_err err = SPN_ERR_INIT;
    double best = 1e9;
    size_t bytes = 0;

    t.plan = (struct picture_plan){
        .way = way, .cell_w = 10, .cell_h = 20, .cell_known = true, .colours = 256
    };
    levels_apply(&t, level);
    t.piece_bytes = 64 << 10;
    for (int i = 0; i < ROUNDS; i++) {
        struct picture_stream s;
        double from = now();

        if (picture_encode(&s, &t, p, &err) != SPN_OK) {
            printf("%s: %s\n", picture_way_name(way), err.text);
            return;
        }
        best = now() - from < best ? now() - from : best;
        bytes = s.bytes.length;
        spn_buf_free(&s.bytes);
        spn_free(s.piece);
    }
    printf("%-6s %3dx%-3d cells  level %d  %7.1f ms  %8zu bytes", picture_way_name(way), columns,
           rows, level, best * 1e3, bytes);
    if (level > 0 && full > 0)
        printf("  %.3f of full", (double)bytes / full);
    printf("\n");
}

/* What a change of opacity costs from the key to the first byte: classes blended over the
 * photograph, the copy that the pane keeps, scaling, colours, encoding. */
static void opacity(int rows, int columns, const uint8_t *rgb)
{
    struct picture_task t = { .rows = rows, .columns = columns, .image = 1 };
    uint8_t *over = spn_calloc((size_t)WIDTH * HEIGHT, 3);
    double best = 1e9;

    t.plan = (struct picture_plan){
        .way = PICTURE_SIXEL, .cell_w = 10, .cell_h = 20, .cell_known = true, .colours = 256
    };
    levels_apply(&t, 0);
    t.piece_bytes = 64 << 10;
    for (int i = 0; over != NULL && i < ROUNDS; i++) {
        double from = now();
        struct picture_source *source;
        struct picture_stream s;

        for (size_t k = 0; k < (size_t)3 * WIDTH * HEIGHT; k++)
            over[k] = (uint8_t)((rgb[k] * (10 - i) + (k / 3 % WIDTH / 240 * 30) * i) / 10);
        source = picture_source_new(
            &(struct spn_pixels){ SPN_PIXELS_RGB, WIDTH, HEIGHT, over, NULL, NULL });
        if (source != NULL && picture_encode(&s, &t, &source->pixels, NULL) == SPN_OK) {
            best = now() - from < best ? now() - from : best;
            spn_buf_free(&s.bytes);
            spn_free(s.piece);
        }
        picture_source_unref(source);
    }
    printf("opacity of 1920x1080 on %dx%d cells, sixel: %.1f ms\n", columns, rows, best * 1e3);
    spn_free(over);
}

int main(void)
{
    uint8_t *rgb = spn_calloc((size_t)WIDTH * HEIGHT, 3);
    struct spn_pixels p = { SPN_PIXELS_RGB, WIDTH, HEIGHT, rgb, NULL, NULL };
    struct spn_err err = SPN_ERR_INIT;
    struct picture_task t = { .rows = 24, .columns = 86 };
    struct picture_stream s;
    double full = 0;

    if (rgb == NULL || paths_init(NULL, &err) != SPN_OK)
        return 1;
    paint(rgb);
    t.plan = (struct picture_plan){
        .way = PICTURE_SIXEL, .cell_w = 10, .cell_h = 20, .cell_known = true, .colours = 256
    };
    levels_apply(&t, 0);
    if (picture_encode(&s, &t, &p, &err) == SPN_OK) {
        full = (double)s.bytes.length;
        spn_buf_free(&s.bytes);
        spn_free(s.piece);
    }
    for (int level = 0; level < 7; level++)
        measure(PICTURE_SIXEL, 24, 86, level, &p, full);
    measure(PICTURE_SIXEL, 45, 160, 0, &p, 0);
    opacity(24, 86, rgb);
    opacity(45, 160, rgb);
    measure(PICTURE_KITTY, 24, 86, 0, &p, 0);
    measure(PICTURE_KITTY, 45, 160, 0, &p, 0);
    spn_free(rgb);
    paths_free();
    return 0;
}
