/* test_curves.c - curves against the libraries that wrote them, files that grow, are cut and are
 * broken. */
#include "config.h"

#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/curves.h"
#include "tap.h"

static char dir[] = "/tmp/spinney-curves-XXXXXX";

static char *data_path(const char *name)
{
    const char *top = getenv("SPINNEY_SRCDIR");
    char *a = spn_path_join(top != NULL ? top : ".", "tests/data/curves"),
         *out = spn_path_join(a, name);

    spn_free(a);
    return out;
}

/* Every line of expected.tsv is the next point of its curve. */
static void test_expected(void)
{
    static const char *const runs[] = { "events", "trainer", "run", "metrics.jsonl",
                                        "metrics.csv" };
    char *path = data_path("expected.tsv"), *text = NULL;
    size_t n = 0;

    ok(spn_file_read(&text, &n, path, 1 << 20, NULL) == SPN_OK, "expected.tsv is there");
    for (size_t r = 0; text != NULL && r < sizeof runs / sizeof *runs; r++) {
        struct spn_err err = SPN_ERR_INIT;
        struct spn_curves *c = NULL;
        char *run = data_path(runs[r]), *copy = spn_strdup(text), *rest = copy, *line;
        size_t seen = 0, wrong = 0, all = 0, at = 0;
        char last[64] = "";

        ok(spn_curves_open(&c, run, &err) == SPN_OK, "%s opens: %s", runs[r], err.text);
        while (c != NULL && (line = strsep(&rest, "\n")) != NULL) {
            char *of = strsep(&line, "\t"), *name = strsep(&line, "\t");
            char *step = strsep(&line, "\t");
            const struct spn_curve *k;
            double want;

            if (of == NULL || step == NULL || line == NULL || strcmp(of, runs[r]) != 0)
                continue;
            if (strcmp(name, last) != 0)
                at = 0;
            snprintf(last, sizeof last, "%s", name);
            k = spn_curves_find(c, name);
            want = strtod(line, NULL);
            if (k == NULL || at >= k->n || k->step[at] != strtod(step, NULL) ||
                !(k->value[at] == want || (isnan(want) && isnan(k->value[at]))))
                wrong++;
            at++;
            seen++;
        }
        for (size_t i = 0; c != NULL && i < spn_curves_count(c); i++)
            all += spn_curves_at(c, i)->n;
        ok(seen > 0 && wrong == 0 && all == seen, "%s: %zu points, %zu wrong, %zu read", runs[r],
           seen, wrong, all);
        spn_curves_close(c);
        spn_free(run);
        spn_free(copy);
    }
    spn_free(text);
    spn_free(path);
}

static size_t points(const struct spn_curves *c, const char *name)
{
    const struct spn_curve *k = spn_curves_find(c, name);

    return k != NULL ? k->n : 0;
}

/* An event file cut at every byte: what is whole is read, and the rest once it is there. */
static void test_cut(void)
{
    char *source = data_path("events/events.out.tfevents.2.host.b"), *text = NULL;
    char *path = spn_path_join(dir, "events.out.tfevents.9.cut");
    size_t n = 0, before = 0, good = 0;

    ok(spn_file_read(&text, &n, source, 1 << 20, NULL) == SPN_OK, "a file to cut");
    for (size_t cut = 0; text != NULL && cut <= n; cut++) {
        struct spn_curves *c = NULL;
        FILE *f = fopen(path, "w");
        bool changed, right;

        fwrite(text, 1, cut, f);
        fclose(f);
        right = spn_curves_open(&c, path, NULL) == SPN_OK;
        right = right && points(c, "train/loss") >= before;
        before = right ? points(c, "train/loss") : before;
        f = fopen(path, "a");
        fwrite(text + cut, 1, n - cut, f);
        fclose(f);
        right = right && spn_curves_update(c, &changed, NULL) == SPN_OK &&
                points(c, "train/loss") == 20 && changed == (cut < n);
        good += right;
        spn_curves_close(c);
    }
    ok(good == n + 1 && before == 20, "cut at each of %zu places and grown: %zu right", n + 1,
       good);
    /* A bit that is wrong is told, and what came before it stays. */
    for (size_t at = 0, told = 0; text != NULL && at <= n; at += 7) {
        struct spn_curves *c = NULL;
        struct spn_err err = SPN_ERR_INIT;

        if (at + 7 > n) {
            ok(told == at / 7, "a changed byte does not match a checksum, %zu of %zu", told,
               at / 7);
            break;
        }
        text[at] ^= 0x10;
        spn_file_write(path, text, n, NULL);
        told += spn_curves_open(&c, path, &err) == SPN_EFORMAT;
        spn_curves_close(c);
        text[at] ^= 0x10;
    }
    spn_free(text);
    spn_free(source);
    spn_free(path);
}

static void write_text(const char *path, const char *mode, const char *text)
{
    FILE *f = fopen(path, mode);

    fputs(text, f);
    fclose(f);
}

static void test_growing(void)
{
    char *path = spn_path_join(dir, "log.jsonl");
    struct spn_curves *c = NULL;
    struct spn_err err = SPN_ERR_INIT;
    bool changed;

    write_text(path, "w", "{\"step\":1,\"loss\":3}\n{\"step\":2,\"lo");
    ok(spn_curves_open(&c, dir, &err) == SPN_OK, "a run with half a line: %s", err.text);
    ok(points(c, "loss") == 1, "has the whole ones");
    write_text(path, "a", "ss\":2}\n{\"step\":3,\"loss\":null,\"new\":7}");
    ok(spn_curves_update(c, &changed, &err) == SPN_OK && changed && points(c, "loss") == 3 &&
           points(c, "new") == 1,
       "it grows, by a last line without an end too: %s", err.text);
    ok(spn_curves_update(c, &changed, &err) == SPN_OK && !changed, "nothing new is no change");
    write_text(path, "w", "{\"step\":1,\"loss\":9}\n");
    ok(spn_curves_update(c, &changed, &err) == SPN_OK && changed && points(c, "loss") == 1 &&
           spn_curves_find(c, "loss")->value[0] == 9 && points(c, "new") == 0,
       "a file that was cut is read anew");
    write_text(path, "a", "no object\n");
    ok(spn_curves_update(c, &changed, &err) == SPN_EFORMAT && strstr(err.text, ":2") != NULL &&
           points(c, "loss") == 1,
       "a broken line is told with its number: %s", err.text);
    spn_curves_close(c);
    spn_free(path);
}

static void test_refused(void)
{
    char *path = spn_path_join(dir, "x.csv");
    struct spn_curves *c = NULL;
    struct spn_err err = SPN_ERR_INIT;

    write_text(path, "w", "name,colour\na,b\n");
    ok(spn_curves_open(&c, path, &err) == SPN_EFORMAT && spn_curves_probe(path) == NULL,
       "a table without steps: %s", err.text);
    ok(spn_curves_open(&c, "/nowhere/at/all", &err) == SPN_ENOTFOUND, "%s", err.text);
    ok(spn_curves_open(&c, "/dev", &err) == SPN_EFORMAT, "%s", err.text);
    spn_free(path);
}

static int take_away(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path);
}

int main(void)
{
    double v[] = { 1, 1, 1 };

    if (mkdtemp(dir) == NULL)
        return skip_all("no temporary folder");
    test_expected();
    test_cut();
    test_growing();
    test_refused();
    spn_curve_smooth(v, v, 3, 0.9);
    ok(fabs(v[0] - 1) < 1e-12 && fabs(v[2] - 1) < 1e-12, "the mean of a constant is the constant");
    nftw(dir, take_away, 16, FTW_DEPTH | FTW_PHYS);
    return done();
}
