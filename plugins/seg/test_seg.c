/* test_seg.c - run lengths as pycocotools writes them, scores by hand, lists of classes. */
#include "base/file.h"
#include "base/mem.h"
#include "tap.h"

#include "rle.h"
#include "score.h"

/* A disc crossed by a sieve, 37 x 53, and what pycocotools 2.0.11 makes of it. */
enum { H = 37, W = 53 };
static const char runs[] =
    "X11:00000M03000N020000010O00000000050K0000000000010O000N0200080H000T10lN00000M03000N020I4OL801"
    "0H6NL6N30K4L40H>0D6N20H90L3K60I6N21H80M2J50K6N30H>OB901<<MZOI6N30J5M00K9000G60M5M40M2J52I7019"
    "0GO0I<7D00H7OL5M40K4L32I70N1I60J7O20I?7AO0H=d0M\\OJ4L50H7OO0K7O01I6010H90H7O30H6NL6N3013KM90K0"
    "000000000010O000N0200080H000T10lN00000M03000N020000010O00000000050K0000000000010O000J";

static void test_runs(void)
{
    static const char *const bad[] = { "", "0", "o", "zzzzzzzzzzzzzzzz", "\x80", "Y11:" };
    static const int64_t counts[] = { 1, 2, 3 }, past[] = { 1, 6 }, below[] = { 1, -1, 6 };
    uint8_t ids[H * W], back[H * W] = { 0 }, six[6] = { 0 };
    struct spn_buf text = SPN_BUF_INIT(10000);
    struct spn_err err = SPN_ERR_INIT;

    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            ids[y * W + x] =
                (((y - 18) * (y - 18) + (x - 26) * (x - 26) < 150) ^ (y * x % 11 == 3)) != 0 ? 9
                                                                                             : 0;
    rle_encode(&text, ids, W, H, 9);
    ok_str(text.data, runs, "the runs of a mask");
    ok(rle_decode(back, W, H, 9, runs, &err) == SPN_OK && memcmp(ids, back, sizeof ids) == 0,
       "and back %s", err.text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(rle_decode(back, W, H, 1, bad[i], &err) == SPN_EFORMAT, "refused: %s", err.text);
    ok(rle_runs(six, 2, 3, 1, counts, 3, &err) == SPN_OK && six[2] == 1 && six[4] == 1 &&
           six[0] + six[1] + six[3] + six[5] == 0,
       "runs go down the columns");
    ok(rle_runs(six, 2, 3, 1, past, 2, &err) == SPN_EFORMAT, "too long: %s", err.text);
    ok(rle_runs(six, 2, 3, 1, below, 3, &err) == SPN_EFORMAT, "negative: %s", err.text);
    spn_buf_free(&text);
}

static void test_score(void)
{
    /* truth 0 0 0 1 1 255, prediction 0 0 1 1 2 0 */
    static const uint8_t truth[] = { 0, 0, 0, 1, 1, 255 }, pred[] = { 0, 0, 1, 1, 2, 0 };
    static const uint8_t ade[] = { 1, 1, 1, 2, 2, 0 };
    struct score *s = spn_calloc(1, sizeof *s), *t = spn_calloc(1, sizeof *t);
    struct class_score each[CLASSES_MAX];
    struct score_total total;

    score_add(s, pred, truth, 6, TRUTH_PLAIN);
    score_result(s, each, &total);
    ok_near(each[0].iou, 2.0 / 3, 1e-12, "class 0: 2 of 3");
    ok_near(each[1].iou, 1.0 / 3, 1e-12, "class 1: 1 of 3");
    ok_near(each[2].iou, 0, 0, "class 2 is nowhere in the truth: 0 of 1");
    ok(each[3].iou != each[3].iou, "class 3 is nowhere: no number");
    ok_near(total.miou, 1.0 / 3, 1e-12, "mean over three");
    ok_near(total.aacc, 3.0 / 5, 1e-12, "3 of 5 pixels; the ignored one is left out");
    ok_near(total.macc, (2.0 / 3 + 0.5) / 2, 1e-12, "mean accuracy");
    score_add(t, pred, ade, 6, TRUTH_ADE);
    ok(memcmp(s, t, sizeof *s) == 0, "ADE's numbers give the same");
    score_merge(t, s);
    ok_int((long long)t->pixels[0][0], 4, "counts add up");
    ok_int(score_truth(TRUTH_COCO, 10), 10, "COCO 10");
    ok_int(score_truth(TRUTH_COCO, 11), 255, "COCO 11 is no class");
    ok_int(score_truth(TRUTH_COCO, 12), 11, "COCO 12");
    ok_int(score_truth(TRUTH_COCO, 181), 170, "COCO 181 is the last");
    ok_int(score_truth(TRUTH_COCO, 182), 255, "past it");
    spn_free(s);
    spn_free(t);
}

static void test_classes(void)
{
    static const struct {
        const char *text, *want;
    } bad[] = { { "road #12345\n", ":1: \"#12345\" is no colour" },
                { "# nothing\n\n", "no classes in it" } };
    const char *src = getenv("SPINNEY_SRCDIR");
    char path[4096], room[16];
    struct spn_err err = SPN_ERR_INIT;
    struct classes c;

    snprintf(path, sizeof path, "%s/share/palettes/ade20k-150.txt", src ? src : ".");
    if (ok(classes_load(&c, NULL, path, &err) == SPN_OK && c.n == 150, "150 classes of ADE20K %s",
           err.text))
        ok(strcmp(c.name[6], "road") == 0 && c.rgb[6][0] == 0x8c &&
               strcmp(classes_name(&c, 200, room), "class 200") == 0,
           "6 is road, 200 has no name");
    classes_free(&c);
    ok(classes_load(&c, NULL, "no-such-list", &err) == SPN_ENOTFOUND, "%s", err.text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char file[] = "/tmp/spinney-seg-XXXXXX";
        FILE *f = fdopen(mkstemp(file), "w");

        if (f == NULL)
            continue;
        fputs(bad[i].text, f);
        fclose(f);
        ok(classes_load(&c, NULL, file, &err) == SPN_EFORMAT && strstr(err.text, bad[i].want), "%s",
           err.text);
        remove(file);
    }
    classes_load(&c, NULL, NULL, &err);
    ok(c.rgb[0][0] == 128 && c.rgb[1][1] == 128, "unnamed classes have colours");
    classes_free(&c);
}

int main(void)
{
    test_runs();
    test_score();
    test_classes();
    return done();
}
