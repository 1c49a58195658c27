/* test_train.c - runs of a tiny model: it learns, threads and interruptions do not change a byte,
 * nothing is lost on failure. */
#include "config.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "lm/model.h"
#include "tap.h"
#include "toy.h"
#include "train/checkpoint.h"

static char dir[] = "/tmp/spinney-train-XXXXXX";

struct watch { double first, last; int64_t stop_at; struct spn_cancel cancel; int steps; };

static void on_step(void *ctx, const struct spn_train_step *s)
{
    struct watch *w = ctx;

    if (w->steps++ == 0)
        w->first = s->loss;
    w->last = s->loss;
    if (s->step == w->stop_at)
        spn_cancel_set(&w->cancel);
}

/* ST is what is wanted; the sentence is printed. A call inside ok() would be made after its
 * arguments are read. */
static bool gives(spn_status st, spn_status want, const struct spn_err *err, const char *what)
{
    return st == want
               ? ok(true, "%s%s%s", what, st != SPN_OK ? ": " : "", st != SPN_OK ? err->text : "")
               : ok(false, "%s: status %d: %s", what, st, err->text);
}

static void in_dir(char *out, size_t room, const char *name)
{
    snprintf(out, room, "%s/%s", dir, name);
}

/* One call of the program: open, run, close; the model's bytes are copied to *MODEL where wanted.
 */
struct call {
    const char *run;
    bool resume;
    int64_t steps;
    int64_t seed;
    int threads;
    const char *recipe;
    const char *export;
    const char *from;
};
static spn_status train(const struct call *c, struct watch *w, float **model, int64_t *n,
                        struct spn_err *err)
{
    struct toy toy = { .digits = 6 };
    const struct spn_train_source source = { "toy", 1, toy_example, &toy };
    struct spn_train_options o = { .run = c->run,
                                   .resume = c->resume,
                                   .from = c->from,
                                   .steps = c->steps,
                                   .seed = c->seed,
                                   .cancel = &w->cancel,
                                   .on_step = on_step,
                                   .ctx = w };
    struct spn_recipe *r = NULL;
    struct spn_train *t = NULL;
    struct spn_train_info info;
    spn_status st = toy_recipe(
        &r, c->recipe != NULL ? c->recipe : "steps = 40\nsave_every = 15\nlog_every = 5", err);

    o.pool = spn_pool_new(c->threads);
    if (st == SPN_OK)
        st = spn_train_open(&t, r, &source, 1, &o, err);
    if (st == SPN_OK)
        st = spn_train_run(t, err);
    if (st == SPN_OK && c->export != NULL)
        st = spn_train_export(t, c->export, SPN_F32, err);
    if (st == SPN_OK && model != NULL) {
        spn_train_info_get(t, &info);
        *n = info.params;
        *model = spn_calloc((size_t)*n, sizeof **model);
        for (int64_t i = 0, at = 0; at < *n; i++) {
            struct spn_weight *q = spn_lm_weight((struct spn_lm *)spn_train_model(t), (int)i);
            memcpy(*model + at, q->t.data, (size_t)spn_tensor_bytes(&q->t));
            at += spn_tensor_elems(&q->t);
        }
    }
    spn_train_close(t);
    spn_recipe_free(r);
    spn_pool_free(o.pool);
    return st;
}

static bool same_file(const char *a, const char *b, const char *name)
{
    char path[512], *x = NULL, *y = NULL;
    size_t n = 0, m = 1;
    bool same;

    snprintf(path, sizeof path, "%s/%s", a, name);
    if (spn_file_read(&x, &n, path, 1 << 26, NULL) != SPN_OK)
        return false;
    snprintf(path, sizeof path, "%s/%s", b, name);
    same = spn_file_read(&y, &m, path, 1 << 26, NULL) == SPN_OK && n == m && memcmp(x, y, n) == 0;
    spn_free(x);
    spn_free(y);
    return same;
}

static void test_threads(float **model, int64_t *n)
{
    struct spn_err err = SPN_ERR_INIT;
    struct watch w = { 0 }, w2 = { 0 };
    float *two = NULL;
    int64_t n2 = 0;
    spn_status st;

    st = train(&(struct call){ .threads = 1, .seed = 3 }, &w, model, n, &err);
    gives(st, SPN_OK, &err, "40 steps on one thread");
    ok_int(w.steps, 40, "each step is told");
    ok(w.last < w.first - 1, "the loss falls (%.3f to %.3f)", w.first, w.last);
    st = train(&(struct call){ .threads = 2, .seed = 3 }, &w2, &two, &n2, &err);
    gives(st, SPN_OK, &err, "the same on two");
    ok(*n == n2 && *n > 0 && memcmp(*model, two, (size_t)n2 * sizeof *two) == 0,
       "1 and 2 threads: the same bytes in %lld weights", (long long)n2);
    spn_free(two);
    two = NULL;
    st = train(&(struct call){ .threads = 1, .seed = 4 }, &w2, &two, &n2, &err);
    ok(st == SPN_OK && memcmp(*model, two, (size_t)n2 * sizeof *two) != 0,
       "another seed: other weights");
    spn_free(two);
}

/* Lines of a log whose steps rise; *LAST is the last one's. */
static int log_lines(const char *path, int *last)
{
    FILE *f = fopen(path, "r");
    int lines = 0;

    *last = 0;
    for (int step; f != NULL && fscanf(f, "{\"step\":%d,%*[^\n]\n", &step) == 1 && step > *last;
         lines++)
        *last = step;
    if (f != NULL)
        fclose(f);
    return lines;
}

static void test_resume(const float *want, int64_t n)
{
    char whole[256], cut[256], a[512], b[512], gguf[256];
    struct spn_err err = SPN_ERR_INIT;
    struct watch none = { 0 }, w = { .stop_at = 22 };
    struct call c = { .run = cut, .threads = 2, .seed = 3 };
    float *model = NULL;
    int64_t m = 0;
    int lines, last;
    FILE *f;
    spn_status st;

    in_dir(whole, sizeof whole, "whole");
    in_dir(cut, sizeof cut, "cut");
    in_dir(gguf, sizeof gguf, "toy.gguf");
    st = train(&(struct call){ .run = whole, .threads = 1, .seed = 3, .export = gguf }, &none, NULL,
               NULL, &err);
    gives(st, SPN_OK, &err, "a run with a folder");
    st = train(&c, &w, NULL, NULL, &err);
    gives(st, SPN_ECANCEL, &err, "a run stopped by the user");
    snprintf(a, sizeof a, "%s/checkpoint-22/model.safetensors", cut);
    ok(spn_path_exists(a), "it saved its checkpoint first");
    st = train(&c, &none, NULL, NULL, &err);
    gives(st, SPN_EUSAGE, &err, "without --resume");
    ok(strstr(err.cure, "--resume") != NULL, "the cure: %s", err.cure);
    c.resume = true;
    c.seed = 4;
    st = train(&c, &none, NULL, NULL, &err);
    gives(st, SPN_EUSAGE, &err, "another seed");
    c.seed = 3;
    c.recipe = "steps = 40\nsave_every = 15\nlog_every = 4";
    st = train(&c, &none, NULL, NULL, &err);
    gives(st, SPN_EUSAGE, &err, "another recipe");
    c.recipe = NULL;
    snprintf(a, sizeof a, "%s/log.jsonl", cut);
    f = fopen(a, "a");
    fputs("{\"step\":25,\"loss\":1}\n{\"step\":30,\"lo",
          f); /* what a killed process leaves: a later line, half a line */
    fclose(f);
    snprintf(b, sizeof b, "%s/checkpoint-30.tmp", cut);
    mkdir(b, 0777);
    st = train(&c, &none, &model, &m, &err);
    gives(st, SPN_OK, &err, "it goes on");
    ok(m == n && memcmp(model, want, (size_t)n * sizeof *want) == 0, "to the same weights");
    ok(!spn_path_exists(b), "the half written folder is gone");
    snprintf(a, sizeof a, "%s/checkpoint-40", whole);
    snprintf(b, sizeof b, "%s/checkpoint-40", cut);
    ok(same_file(a, b, "model.safetensors") && same_file(a, b, "optimizer.safetensors") &&
           same_file(a, b, "state.json") && same_file(a, b, "config.json"),
       "and the same bytes in each file of the checkpoint");
    snprintf(a, sizeof a, "%s/log.jsonl", cut);
    lines = log_lines(a, &last);
    ok(lines == 8 && last == 40, "log.jsonl: 8 lines in order (%d, last step %d)", lines, last);
    spn_free(model);
}

/* Begin with the weights of the run before. */
static void test_from(const float *want, int64_t n)
{
    char whole[256], next[256], a[512], b[512];
    struct spn_err err = SPN_ERR_INIT;
    struct watch w = { .stop_at = 1 }, w2 = { 0 };
    struct call c = { .run = next, .from = whole, .threads = 1, .seed = 5,
                      .recipe = "steps = 6\nsave_every = 1\nlr = 1e-9\nkeep = 0" };
    float *model = NULL, far = 0;
    int64_t m = 0;
    spn_status st;

    in_dir(whole, sizeof whole, "whole");
    in_dir(next, sizeof next, "next");
    st = train(&c, &w, NULL, NULL, &err);
    gives(st, SPN_ECANCEL, &err, "a run that begins with another's weights, stopped");
    ok(w.first < 3, "it has learnt already (loss %.3f)", w.first);
    c.resume = true;
    st = train(&c, &w2, &model, &m, &err);
    ok(st == SPN_OK && w2.steps == 5, "it goes on from its own checkpoint (%d steps)", w2.steps);
    for (int64_t i = 0; st == SPN_OK && m == n && i < n; i++)
        if (!(fabsf(model[i] - want[i]) <= far))
            far = fabsf(model[i] - want[i]);
    ok(m == n && far <= 1e-6f, "a rate of nearly 0 keeps the weights (%g)", (double)far);
    snprintf(a, sizeof a, "%s", whole);
    snprintf(b, sizeof b, "%s", next);
    ok(same_file(a, b, "tokenizer.gguf"), "the tokenizer is the same");
    in_dir(next, sizeof next, "other");
    in_dir(whole, sizeof whole, "nobody");
    c.resume = false;
    st = train(&c, &w2, NULL, NULL, &err);
    ok(st != SPN_OK, "no such run: %s", err.text);
    spn_free(model);
}

static void test_export(void)
{
    char gguf[256];
    struct spn_lm_options o;
    struct spn_lm *m = NULL;
    struct spn_err err = SPN_ERR_INIT;
    spn_status st;

    in_dir(gguf, sizeof gguf, "toy.gguf");
    spn_lm_options_default(&o);
    o.pack = false;
    st = spn_lm_open(&m, gguf, &o, &err);
    if (!gives(st, SPN_OK, &err, "the exported model opens"))
        return;
    ok(m->tokenizer != NULL && spn_token_find(m->tokenizer, "<|end|>") >= 0, "with its tokenizer");
    ok_str(m->name, "toy", "and its name");
    spn_lm_close(m);
}

/* A file size limit stands for a full disk: the write fails, the sentence names the file, what was
 * there stays whole. */
static void test_full_disk(void)
{
    char run[256], a[512];
    struct spn_err err = SPN_ERR_INIT;
    struct watch w = { 0 };
    struct rlimit old, small;
    struct call c = {
        .run = run, .threads = 1, .seed = 3, .steps = 5, .recipe = "steps = 10\nsave_every = 5"
    };
    int64_t last = 0;
    spn_status st;

    in_dir(run, sizeof run, "full");
    st = train(&c, &w, NULL, NULL, &err);
    gives(st, SPN_OK, &err, "a run with one checkpoint");
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 20000;
    setrlimit(RLIMIT_FSIZE, &small);
    c.resume = true;
    c.steps = 0;
    st = train(&c, &w, NULL, NULL, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    gives(st, SPN_EIO, &err, "no room for the next");
    st = spn_checkpoint_last(run, &last, &err);
    ok(st == SPN_OK && last == 5, "the old checkpoint is the newest (%lld)", (long long)last);
    snprintf(a, sizeof a, "%s/checkpoint-10.tmp", run);
    ok(!spn_path_exists(a), "nothing half written is left");
    st = train(&c, &w, NULL, NULL, &err);
    gives(st, SPN_OK, &err, "with room it goes on");
}

static void test_failures(void)
{
    char run[256];
    struct spn_err err = SPN_ERR_INIT;
    struct watch w = { 0 };
    int64_t last = 0;
    spn_status st;

    /* Each step multiplies the weights by 1 - 10 * 10. */
    in_dir(run, sizeof run, "diverged");
    st = train(&(struct call){ .run = run,
                               .threads = 1,
                               .recipe = "steps = 200\nlr = 10\nweight_decay = 10\nschedule = "
                                         "constant\nsave_every = 8" },
               &w, NULL, NULL, &err);
    gives(st, SPN_EFORMAT, &err, "a run that diverges");
    st = spn_checkpoint_last(run, &last, &err);
    ok(st == SPN_OK && last > 0 && last % 8 == 0, "its last checkpoint is that of step %lld",
       (long long)last);
    in_dir(run, sizeof run, "whole/log.jsonl");
    st = train(&(struct call){ .run = run, .threads = 1 }, &w, NULL, NULL, &err);
    gives(st, SPN_EIO, &err, "a file where the folder should be");
}

int main(void)
{
    float *model = NULL;
    int64_t n = 0;
    char command[64];

    signal(SIGXFSZ, SIG_IGN);
    if (mkdtemp(dir) == NULL)
        return 99;
    test_threads(&model, &n);
    test_resume(model, n);
    test_from(model, n);
    test_export();
    test_full_disk();
    test_failures();
    spn_free(model);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0)
        return 99;
    return done();
}
