/* test_image.c - pictures as Pillow writes them (tests/peer/make_image_golden.py) give its pixels;
 * damaged ones give a sentence. */
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "media/image.h"
#include "tap.h"

struct golden {
    char name[16];
    uint32_t bytes, width, height, tolerance;
};

/* Is IMAGE the golden picture, within the tolerance of its kind? WORST: the largest difference. */
static bool same(const struct spn_image *image, const struct golden *g, const uint8_t *rgb,
                 int *worst)
{
    *worst = 256;
    if (image->channels != 3 || image->width != (int)g->width || image->height != (int)g->height)
        return false;
    *worst = 0;
    for (size_t i = 0; i < (size_t)g->width * g->height * 3; i++) {
        int d = abs(image->pixels[i] - rgb[i]);

        *worst = d > *worst ? d : *worst;
    }
    return *worst <= (int)g->tolerance;
}

/* Cut short at 20 places: a sentence each, or the whole picture where only what follows it is
 * missing. */
static void test_cut(const struct golden *g, const char *name, const uint8_t *bytes)
{
    int wrong = 0, worst;

    for (uint32_t k = 0; k < 20; k++) {
        size_t n = (size_t)g->bytes * k / 20;
        struct spn_err err = SPN_ERR_INIT;
        struct spn_image image = { 0 };
        spn_status st = spn_image_decode(&image, NULL, bytes, n, "cut", NULL, &err);
        bool good = st == SPN_OK ? same(&image, g, bytes + g->bytes, &worst)
                                 : st != SPN_ENOTFOUND && strncmp(err.text, "cut: ", 5) == 0;

        if (!good) {
            printf("# %s: %zu of %u bytes: %s\n", name, n, g->bytes, err.text);
            wrong++;
        }
        spn_image_free(&image);
    }
    ok(wrong == 0, "%s: cut short is a sentence", name);
}

static void test_golden(const uint8_t *p, const uint8_t *end)
{
    struct golden g;

    while ((size_t)(end - p) > sizeof g) {
        struct spn_err err = SPN_ERR_INIT;
        struct spn_image_info info = { 0 };
        struct spn_image image = { 0 };
        char name[17] = "";
        size_t n;
        int worst = 256;

        memcpy(&g, p, sizeof g);
        memcpy(name, g.name, 16);
        p += sizeof g;
        n = (size_t)g.width * g.height * 3;
        ok(spn_image_decode(&image, &info, p, g.bytes, name, NULL, &err) == SPN_OK &&
               same(&image, &g, p + g.bytes, &worst),
           "%s (%s): %d x %d, %d grey levels apart of %u allowed %s", name, info.kind, image.width,
           image.height, worst, g.tolerance, err.text);
        spn_image_free(&image);
        if (g.width > 1)
            test_cut(&g, name, p);
        p += g.bytes + n;
    }
}

static void test_limits(void)
{
    /* A PNG header alone that promises 60,000 x 60,000 pixels. */
    static const uint8_t huge[] =
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xea\x60\0\0\xea\x60\x08\x02\0\0"
        "\0\x13\x14\x4b\xee\0\0\0\0IDAT\x35\xaf\x06\x1e";
    struct spn_err err = SPN_ERR_INIT;
    struct spn_image image = { 0 };

    ok(spn_image_decode(&image, NULL, huge, sizeof huge - 1, "huge", NULL, &err) == SPN_EFORMAT,
       "60,000 x 60,000: %s", err.text);
    ok(spn_image_decode(&image, NULL, "text, no picture", 16, "t", NULL, &err) == SPN_EFORMAT, "%s",
       err.text);
    ok(spn_image_decode(&image, NULL, "", 0, "t", NULL, &err) == SPN_EFORMAT, "%s", err.text);
    ok(spn_image_read(&image, NULL, "/nonexistent.png", NULL, &err) == SPN_ENOTFOUND, "%s",
       err.text);
}

/* What is written is read back. */
static void test_png(void)
{
    static const uint8_t palette[3][3] = { { 0, 0, 0 }, { 255, 0, 0 }, { 10, 20, 30 } };
    char path[] = "/tmp/spinney-image-XXXXXX";
    struct spn_err err = SPN_ERR_INIT;
    struct spn_image ids = { 0 }, back = { 0 }, rgb = { 0 };
    struct spn_image_info info;
    int fd = mkstemp(path);

    if (fd < 0) {
        skip("no temporary file");
        return;
    }
    close(fd);
    spn_image_new(&ids, 5, 4, 1, &err);
    for (int i = 0; i < 20; i++)
        ids.pixels[i] = (uint8_t)(i % 3);
    ok(spn_image_write_png(&ids, palette, 3, path, &err) == SPN_OK &&
           spn_image_read_ids(&back, &info, path, NULL, &err) == SPN_OK && back.channels == 1 &&
           memcmp(ids.pixels, back.pixels, 20) == 0 && info.palette && info.rgb[2][1] == 20,
       "class ids with a palette come back %s", err.text);
    spn_image_free(&back);
    ok(spn_image_read(&rgb, &info, path, NULL, &err) == SPN_OK && rgb.channels == 3 &&
           rgb.pixels[3] == 255 && rgb.pixels[8] == 30,
       "and are its colours to others %s", err.text);
    ok(spn_image_write_png(&rgb, NULL, 0, path, &err) == SPN_OK &&
           spn_image_read(&back, NULL, path, NULL, &err) == SPN_OK &&
           memcmp(rgb.pixels, back.pixels, 60) == 0,
       "colours come back %s", err.text);
    spn_image_free(&back);
    ok(spn_image_read_ids(&back, NULL, path, NULL, &err) == SPN_EFORMAT, "no ids in them: %s",
       err.text);
    spn_image_free(&ids);
    spn_image_free(&rgb);
    unlink(path);
}

int main(void)
{
    const char *src = getenv("SPINNEY_SRCDIR");
    char path[4096], *golden = NULL;
    struct spn_err err = SPN_ERR_INIT;
    size_t n = 0;

    if (spn_media_open(NULL, &err) == NULL)
        return skip_all(err.text);
    snprintf(path, sizeof path, "%s/tests/peer/image_golden.bin", src ? src : ".");
    if (ok(spn_file_read(&golden, &n, path, 1 << 20, &err) == SPN_OK, "golden pictures %s",
           err.text))
        test_golden((const uint8_t *)golden, (const uint8_t *)golden + n);
    spn_free(golden);
    test_limits();
    test_png();
    return done();
}
