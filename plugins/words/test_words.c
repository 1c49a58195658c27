/* test_words.c - problems, faults, judgements, and that no held-out number is trained on. */
#include <ctype.h>

#include "base/file.h"
#include "base/mem.h"
#include "tap.h"

#include "data.h"

/* The numbers of TEXT, sorted, as one key. */
static uint64_t numbers_of(const char *text)
{
    long long list[16];
    uint64_t key = spn_key_seed(1);
    int n = 0;

    for (char *end; *text != '\0' && n < 16; text++) {
        int k = n;

        if (!isdigit((unsigned char)*text))
            continue;
        long long v = strtoll(text, &end, 10);

        for (; k > 0 && list[k - 1] > v; k--)
            list[k] = list[k - 1];
        list[k] = v;
        n++;
        text = end - 1;
    }
    for (int i = 0; i < n; i++)
        key = spn_key_int(key, (uint64_t)list[i]);
    return key;
}

static int by_key(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* Keys of N questions of SET as they are printed. */
static void keys_of(enum problem_set set, uint64_t seed, size_t n, uint64_t *out)
{
    struct data_source d = { .key = spn_key_seed(seed), .set = set, .share = { 1 } };
    struct spn_buf q = SPN_BUF_INIT(4096), a = SPN_BUF_INIT(4096);

    for (size_t i = 0; i < n; i++) {
        data_example(&d, i, &q, &a);
        out[i] = numbers_of(q.data);
    }
    spn_buf_free(&q);
    spn_buf_free(&a);
}

static void test_no_leak(void)
{
    enum { TRAIN = 60000, HELD = 600 };
    uint64_t *train = spn_calloc(TRAIN, sizeof *train), *held = spn_calloc(HELD, sizeof *held);

    if (train == NULL || held == NULL) {
        ok(false, "memory");
        return;
    }
    keys_of(PROBLEM_TRAIN, 1, TRAIN, train);
    qsort(train, TRAIN, sizeof *train, by_key);
    for (int set = PROBLEM_ORDINARY; set <= PROBLEM_FAR; set++) {
        int met = 0;

        for (uint64_t seed = 1; seed <= 3; seed++)
            keys_of((enum problem_set)set, seed, HELD / 3, held + HELD / 3 * (seed - 1));
        for (int i = 0; i < HELD; i++)
            met += bsearch(&held[i], train, TRAIN, sizeof *train, by_key) != NULL;
        ok_int(met, 0, set == PROBLEM_FAR ? "far problems whose numbers training meets"
                                          : "ordinary problems whose numbers training meets");
    }
    spn_free(train);
    spn_free(held);
}

/* Every set: results whole and above 0, texts complete, each story drawn, numbers in range. */
static void test_problems(void)
{
    struct spn_buf q = SPN_BUF_INIT(4096), s = SPN_BUF_INIT(4096);
    int seen[3][32] = { { 0 } }, bad = 0;
    int64_t most[3] = { 0 };

    for (int set = 0; set < 3; set++)
        for (uint64_t i = 0; i < 4000; i++) {
            struct problem p;
            struct spn_rng r;
            char end[32];

            data_problem(&p, spn_key_seed(9), i, (enum problem_set)set, &r);
            spn_buf_trim(&q, 0);
            spn_buf_trim(&s, 0);
            problem_question(&p, &q);
            problem_solution(&p, p.step, p.n_steps, &s);
            seen[set][p.story]++;
            for (int k = 0; k < p.n_numbers; k++)
                most[set] = p.number[k] > most[set] ? p.number[k] : most[set];
            snprintf(end, sizeof end, "\n#### %lld", (long long)problem_answer(&p));
            bad += problem_answer(&p) <= 0 || p.n_steps < 2 || strpbrk(q.data, "{}") != NULL ||
                   strpbrk(s.data, "{}") != NULL || strstr(s.data, end) == NULL ||
                   fault_find(&p, s.data).wrong != -1 ||
                   fault_find(&p, s.data).lines != p.n_steps ||
                   problem_held_out(p.number, p.n_numbers) != (set != PROBLEM_TRAIN);
        }
    ok_int(bad, 0, "problems that are not as they should be");
    for (int i = 0; i < problem_stories(); i++)
        if (seen[0][i] < 100 || seen[1][i] < 100 || seen[2][i] < 100)
            bad++;
    ok(bad == 0 && problem_stories() >= 12, "each of %d stories is drawn from every set",
       problem_stories());
    ok(most[0] == 600 && most[1] <= 600 && most[2] > 850 && most[2] <= 900,
       "the largest numbers: %lld, %lld, %lld", (long long)most[0], (long long)most[1],
       (long long)most[2]);
    spn_buf_free(&q);
    spn_buf_free(&s);
}

static void test_faults(void)
{
    struct spn_buf s = SPN_BUF_INIT(4096);
    int bad = 0, at_step[PROBLEM_STEPS] = { 0 };

    for (uint64_t i = 0; i < 4000; i++) {
        struct problem p;
        struct work step[PROBLEM_STEPS];
        struct verdict v;
        struct spn_rng r;
        int at;

        data_problem(&p, spn_key_seed(4), i, PROBLEM_TRAIN, &r);
        fault_draw(&p, &r, step, &at);
        spn_buf_trim(&s, 0);
        problem_solution(&p, step, p.n_steps, &s);
        v = fault_find(&p, s.data);
        bad += v.wrong != at || v.lines != p.n_steps;
        at_step[at]++;
    }
    ok_int(bad, 0, "made faults that are not found where they were made");
    ok(at_step[0] > 600 && at_step[1] > 600 && at_step[2] > 300,
       "they are in every step: %d %d %d %d", at_step[0], at_step[1], at_step[2], at_step[3]);
    spn_buf_free(&s);
}

static void verdict_case(const struct problem *p, const char *text, int lines, int wrong)
{
    struct verdict v = fault_find(p, text);

    ok(v.lines == lines && v.wrong == wrong, "%d lines, wrong %d: %.60s", v.lines, v.wrong, text);
}

static void test_verdicts(void)
{
    const struct problem p = {
        .n_steps = 2, .step = { { '*', 3, 4, 12 }, { '-', 20, 12, 8 } }
    };

    verdict_case(&p, "a: 3 * 4 = 12\nb: 20 - 12 = 8\n#### 8", 2, -1);
    verdict_case(&p, "a: 4 * 3 = 12\nb: 20 - 12 = 8\n#### 8", 2, -1);
    verdict_case(&p, "a: 3 * 4 = 13\nb: 20 - 13 = 7\n#### 7", 2, 0);
    verdict_case(&p, "a: 3 * 4 = 12\nb: 20 - 12 = 9\n#### 9", 2, 1);
    verdict_case(&p, "a: 3 * 4 = 12\n#### 12", 1, 1);
    verdict_case(&p, "a: 3 * 4 = 12\nb: 20 - 12 = 8\nc: 8 + 1 = 9\n#### 9", 3, 2);
    verdict_case(&p, "a: 3 * 4 = 12\nb: 20 - 12 = 8", 2, 2);
    verdict_case(&p, "", 0, 0);
    verdict_case(&p, "1 2 3 = 4 * 5 - 6 = \n####", 0, 0);
    verdict_case(&p, "99999999999999999999 * 2 = 1\n#### 8 of them", 1, -1);
}

static void test_calls(void)
{
    static const char text[] =
        "[answer]\nSolve: {question}\n[score]\nS\n{question}\n{answer}\n[critique]\nC\n{answer}\n"
        "[refine]\nR\n{answer}\nError: {critique}\n[choose]\nX\n{question}\n{answers}\n";
    struct data_source d = { .key = spn_key_seed(3), .own_share = 0.5 };
    struct spn_buf q = SPN_BUF_INIT(1 << 16), a = SPN_BUF_INIT(1 << 16);
    struct spn_err err = SPN_ERR_INIT;
    struct spn_prompts *prompts = NULL;
    int good = 0, low = 0, none = 0, refined = 0, chosen = 0, drills = 0;

    ok(spn_prompts_parse(&prompts, "test", text, strlen(text), &err) == SPN_OK, "prompts %s",
       err.text);
    d.prompts = prompts;
    for (int call = 0; call < DATA_CALLS; call++) {
        memset(d.share, 0, sizeof d.share);
        d.share[call] = 1;
        for (uint64_t i = 0; i < 400; i++) {
            data_example(&d, i, &q, &a);
            good += call == DATA_SCORE && strstr(a.data, "Score: 100") != NULL;
            low += call == DATA_SCORE && strstr(a.data, "wrong\nScore: ") != NULL;
            none += call == DATA_CRITIQUE && strstr(a.data, "right\nNo error found.") != NULL;
            refined += call == DATA_REFINE && strstr(a.data, "\n#### ") != NULL &&
                       strstr(q.data, "\nError: ") != NULL;
            chosen += call == DATA_CHOOSE && strstr(a.data, "\nAnswer: ") != NULL &&
                      strstr(q.data, "\n2:\n") != NULL;
            drills += call == DATA_DRILL && strncmp(q.data, "Compute:\n", 9) == 0;
        }
    }
    ok(good > 140 && low > 140 && good + low == 400, "scores: %d right, %d wrong", good, low);
    ok(none > 120 && none < 260, "critiques: %d find no error", none);
    ok_int(refined, 400, "corrections end in an answer");
    ok_int(chosen, 400, "choices name an answer");
    ok_int(drills, 400, "drills");
    spn_prompts_free(prompts);
    spn_buf_free(&q);
    spn_buf_free(&a);
}

static void own_case(const char *path, const char *text, spn_status want, const char *what)
{
    struct own o;
    struct spn_err err = SPN_ERR_INIT;
    spn_status st;

    spn_file_write(path, text, strlen(text), &err);
    st = own_load(&o, path, spn_key_seed(3), &err);
    ok(st == want && (want == SPN_OK || strstr(err.text, what) != NULL), "%s",
       want == SPN_OK ? what : err.text);
    if (want == SPN_OK && st == SPN_OK)
        ok(o.n == 2 && o.n_right == 1 && o.item[0].verdict.wrong < 0 &&
               o.item[1].verdict.wrong >= 0,
           "right ones come first");
    own_free(&o);
}

static void test_own(void)
{
    char path[] = "/tmp/spinney-words-XXXXXX", line[512];
    struct problem p;
    struct spn_rng r;
    FILE *f = fdopen(mkstemp(path), "w");

    if (f == NULL) {
        ok(false, "a temporary file");
        return;
    }
    fclose(f);
    data_problem(&p, spn_key_seed(3), 5, PROBLEM_TRAIN, &r);
    snprintf(line, sizeof line,
             "{\"id\":4,\"text\":\"#### 1\"}\n\n{\"id\":5,\"text\":\"#### %lld\"}\n",
             (long long)problem_answer(&p));
    own_case(path, line, SPN_OK, "answers are read and judged");
    own_case(path, "{\"id\":4,\"text\":\"#### 1\"}\n", SPN_EFORMAT, "both kinds are wanted");
    own_case(path, "", SPN_EFORMAT, "both kinds are wanted");
    own_case(path, "\n{\"id\":-1,\"text\":\"\"}\n", SPN_EFORMAT, ":2: no \"id\"");
    own_case(path, "{\"id\":1}\n", SPN_EFORMAT, ":1: no \"id\"");
    own_case(path, "{\"id\":1,\n", SPN_EFORMAT, ":1: ");
    remove(path);
}

int main(void)
{
    test_problems();
    test_no_leak();
    test_faults();
    test_verdicts();
    test_calls();
    test_own();
    return done();
}
