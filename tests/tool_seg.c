/* tool_seg.c - logits of a segmenter, and their time: tool_seg MODEL THREADS BF16 H W RUNS < X > Y;
 * X and Y are float32 [h][w][c], the shape of Y and the seconds of each run go to stderr. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/pool.h"
#include "../plugins/cgrseg/model.h"
#include "../plugins/segformer/model.h"

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int number(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

static spn_status run(const struct spn_segmenter *s, struct spn_seg_model *m, const float *x, int h,
                      int w, int runs, struct spn_err *err)
{
    struct spn_tensor y = { 0 };
    spn_status st = SPN_OK;

    for (int i = 0; st == SPN_OK && i < runs; i++) {
        double start = now();

        st = s->run(m, x, 1, h, w, &y, err);
        fprintf(stderr, "%.6f\n", now() - start);
    }
    if (st != SPN_OK)
        return st;
    for (int i = 0; getenv("TOOL_SEG_STAGES") != NULL; i++) {
        double seconds;
        const char *name = s->stage(m, i, &seconds);

        if (name == NULL)
            break;
        fprintf(stderr, "# %s %.3f ms\n", name, 1e3 * seconds);
    }
    fprintf(stderr, "%d %d %d\n", (int)y.dim[1], (int)y.dim[2], (int)y.dim[3]);
    if (fwrite(y.data, (size_t)spn_tensor_bytes(&y), 1, stdout) != 1)
        return spn_fail(err, SPN_EIO, "stdout: logits are not written");
    return SPN_OK;
}

int main(int argc, char **argv)
{
    static const struct spn_segmenter *const all[2] = { &cgrseg_segmenter, &segformer_segmenter };
    const struct spn_segmenter *s = NULL;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_reader *r = NULL;
    struct spn_seg_model *m = NULL;
    struct spn_pool *pool;
    int h, w;
    float *x;
    spn_status st;

    if (argc != 7)
        return 2;
    pool = spn_pool_new(number(argv[2]));
    h = number(argv[4]);
    w = number(argv[5]);
    x = spn_calloc((size_t)h * (size_t)w, 3 * sizeof *x);
    st = spn_reader_open(&r, argv[1], &err);
    for (int i = 0; st == SPN_OK && i < 2; i++)
        if (all[i]->knows(r))
            s = all[i];
    if (st == SPN_OK && s == NULL)
        st = spn_fail(&err, SPN_EFORMAT, "%s: no segmenter knows it", argv[1]);
    if (st == SPN_OK)
        st = s->open(&m, r, pool, number(argv[3]) != 0, &err);
    if (st == SPN_OK && (x == NULL || fread(x, (size_t)h * (size_t)w * 12, 1, stdin) != 1))
        st = spn_fail(&err, SPN_EFORMAT, "stdin: no %d x %d x 3 floats", h, w);
    if (st == SPN_OK)
        st = run(s, m, x, h, w, number(argv[6]), &err);
    if (st != SPN_OK)
        fprintf(stderr, "tool_seg: %s\n", err.text);
    if (s != NULL)
        s->close(m);
    spn_reader_close(r);
    spn_pool_free(pool);
    spn_free(x);
    return st == SPN_OK ? 0 : 1;
}
