/* test_resample.c - the same bytes as OpenCV 5 and Pillow 13 (hashes by
 * tests/peer/make_image_golden.py), and planes against the vectors of the CGRSeg digest. */
#include "base/mem.h"
#include "media/resample.h"
#include "tap.h"

static uint64_t hash(const struct spn_image *i)
{
    uint64_t h = 0xcbf29ce484222325u;
    size_t n = (size_t)i->width * (size_t)i->height * (size_t)i->channels;

    for (size_t k = 0; k < n; k++)
        h = (h ^ i->pixels[k]) * 0x100000001b3u;
    return h;
}

static void test_bytes(void)
{
    static const struct {
        int w, h;
        uint64_t opencv, bilinear, bicubic;
    } cases[] = {
        { 74, 46, 0xbfba0beda85ec3d6u, 0x16a296b566b645fdu, 0xcfc93db580e31392u },
        { 20, 11, 0x5914f2417b0a127du, 0x48885e3e3791f8feu, 0x189431d9b8db58a0u },
        { 37, 50, 0xd48258e33b180584u, 0xa60434cfe00bd6ebu, 0xf486dba31be52265u },
        { 5, 23, 0xa6552b8cfb6179e5u, 0xda7438d0c711874bu, 0xcf101c4c50a57392u },
        { 100, 3, 0xd7cb92b1081bd489u, 0x5ce81a5f8ccdaf6au, 0x90f2d40bd2778018u },
    };
    struct spn_image in, out;
    uint32_t x = 12345;

    spn_image_new(&in, 37, 23, 3, NULL);
    for (int i = 0; i < 37 * 23 * 3; i++) {
        x = (x * 1103515245u + 12345) & 0x7fffffff;
        in.pixels[i] = (uint8_t)(x >> 16);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int w = cases[i].w, h = cases[i].h;

        ok(spn_resize_opencv_linear(&out, &in, w, h, NULL) == SPN_OK &&
               hash(&out) == cases[i].opencv,
           "37x23 to %dx%d: OpenCV's bilinear", w, h);
        spn_image_free(&out);
        ok(spn_resize_pillow(&out, &in, w, h, SPN_FILTER_BILINEAR, NULL) == SPN_OK &&
               hash(&out) == cases[i].bilinear,
           "Pillow's bilinear");
        spn_image_free(&out);
        ok(spn_resize_pillow(&out, &in, w, h, SPN_FILTER_BICUBIC, NULL) == SPN_OK &&
               hash(&out) == cases[i].bicubic,
           "Pillow's bicubic");
        spn_image_free(&out);
    }
    ok(spn_resize_nearest(&out, &in, 74, 46, NULL) == SPN_OK &&
           memcmp(out.pixels + 3, in.pixels, 3) == 0 &&
           memcmp(out.pixels + 6, in.pixels + 3, 3) == 0,
       "nearest repeats pixels");
    spn_image_free(&out);
    spn_image_free(&in);
}

static void test_planes(void)
{
    static const float in[16] = { 0, 1, 4, 9, 2, 3, 5, 7, 1, 0, 2, 8, 6, 4, 3, 5 };
    static const double row0[6] = { -.26042, .03700, 1.26488, 3.03091, 6.83279, 9.63025 };
    static const double row3[6] = { .79857, .22085, .28630, 1.53170, 5.43193, 8.57880 };
    static const double small[3] = { .40331, 2.44249, 8.09936 };
    static const double line[6] = { 1, 1.5, 2.41667, 4.08333, 6.25, 8 };
    float out[36];

    spn_resize_f32(out, 6, 6, in, 4, 4, SPN_FILTER_BICUBIC, NULL);
    for (int i = 0; i < 6; i++) {
        ok_near(out[i], row0[i], 1e-5, "bicubic to 6x6, row 0");
        ok_near(out[18 + i], row3[i], 1e-5, "row 3");
    }
    spn_resize_f32(out, 3, 3, in, 4, 4, SPN_FILTER_BICUBIC, NULL);
    for (int i = 0; i < 3; i++)
        ok_near(out[i], small[i], 1e-5, "bicubic to 3x3, row 0");
    spn_resize_f32(out, 6, 6, in, 4, 4, SPN_FILTER_BILINEAR, NULL);
    for (int i = 0; i < 6; i++)
        ok_near(out[6 + i], line[i], 1e-5, "bilinear to 6x6, row 1");
    ok(spn_resize_f32(out, 0, 6, in, 4, 4, SPN_FILTER_BILINEAR, NULL) != SPN_OK,
       "no rows are refused");
}

int main(void)
{
    test_bytes();
    test_planes();
    return done();
}
