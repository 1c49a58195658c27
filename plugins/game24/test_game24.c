/* test_game24.c - the judge, the rules, the data. */
#include "base/file.h"
#include "base/mem.h"
#include "tap.h"

#include "data.h"
#include "expression.h"
#include "rational.h"
#include "rules.h"
#include "search.h"

static void test_judge(void)
{
    ok_int(expression_check("3 3 8 8", "8/(3-8/3)"), 1, "8/(3-8/3) is 24");
    ok_int(expression_check("3 3 8 8", "8 \xc3\xb7 (3 - 8 \xc3\xb7 3) = 24"), 1,
           "in school signs too");
    ok_int(expression_check("3 3 8 8", "8 * 3"), 0, "a number left out is wrong");
    ok_int(expression_check("2 3 4 5", "2 * 3 * 4"), 0, "so is one of three");
    ok_int(expression_check("1 2 3 4", "1 * 2 * 3 * 4"), 1, "each used once");
    ok_int(expression_check("1 2 3 4", "4 * 3 * 2 + 1 - 1"), 0, "not twice");
    ok_int(expression_check("1 2 3 4", "4 * 3 * 2 / 0"), 0, "division by zero is wrong");
    ok_int(expression_check("1 2 3 4", "23.9999"), 0, "23.9999 is not 24");
    ok_int(expression_check("1 2 3 4", ""), 0, "an empty answer is wrong");
    ok_int(expression_check("1 2 3 4", NULL), 0, "no answer is wrong");
    ok_int(expression_check("1 2 3 4", "1*2*3*4)"), 0, "a stray parenthesis is wrong");
    ok_int(expression_check("one two", "24"), -1, "what is no hand cannot be judged");
}

static struct hand hand(const char *text)
{
    struct hand h = { 0 };

    hand_parse(text, &h);
    return h;
}

/* LINE on STATE gives WANT (NULL: dropped) and whether it was mended. */
static void rule_case(const char *state, const char *line, bool correct, const char *want,
                      bool mended)
{
    struct hand h = hand(state);
    struct step s;
    char text[512] = "";
    const char *why = "";
    bool repaired = false, kept = rule_apply(&h, line, correct, &s, &repaired, &why);

    if (kept)
        step_text(&s, text, sizeof text);
    ok(kept == (want != NULL) && (!kept || (strcmp(text, want) == 0 && repaired == mended)),
       "%s on %s: %s%s", line, state, kept ? text : why, repaired ? " (mended)" : "");
}

static void test_rules(void)
{
    rule_case("4 5 6 10", "10 - 4 = 6 (left: 5 6 6)", true, "10 - 4 = 6 (left: 5 6 6)", false);
    rule_case("4 5 6 10", "10 - 4 = 7 (left: 5 6 7)", true, "10 - 4 = 6 (left: 6 5 6)", true);
    rule_case("4 5 6 10", "10 - 4 = 6 (left: 5 6 9)", true, "10 - 4 = 6 (left: 6 5 6)", true);
    rule_case("4 5 6 10", "10 - 4 = 6", true, "10 - 4 = 6 (left: 6 5 6)", true);
    rule_case("4 5 6 10", "Step one: 4 x 6 = 24, left: 5, 10, 24", true,
              "4 * 6 = 24 (left: 5 10 24)", false);
    rule_case("4 5 6 10", "5 / 4 = 1.25 (left: 1.25 6 10)", true, NULL, false);
    rule_case("4 5 6 10", "5 / 4 = 1 (left: 1 6 10)", true, NULL, false);
    rule_case("4 5 6 10", "5 + 5 = 10 (left: 4 6 10)", true, NULL, false);
    rule_case("4 5 6 10", "hello", true, NULL, false);
    rule_case("11 -3 4", "11 - (-3) = 14 (left: 4 14)", true, "11 - (-3) = 14 (left: 4 14)", false);
    rule_case("4 6 10", "4 - 10 = -6 (left: -6 6)", true, "4 - 10 = -6 (left: -6 6)", false);
    rule_case("11 -3 4", "11 - (-3 = 14 (left: 4 14)", true, NULL, false);
    rule_case("11 -3 4", "-3 + 11 = 8 (left: 4 8)", true, "(-3) + 11 = 8 (left: 4 8)", false);
    rule_case("45 7 2", "45 / 7 = 6 (left: 6 2)", true, NULL, false);
    rule_case("45 7 2", "45 / 7 = 6 (left: 6 2)", false, "45 / 7 = 6 (left: 6 2)", false);
    rule_case("45 7 2", "45 / 7 = 6", false, NULL, false);
    rule_case("1 2 999999999", "999999999 * 2 = 3 (left: 1 3)", true, NULL, false);
}

static void test_finish(void)
{
    static const struct {
        const char *state;
        bool solved;
    } cases[] = {
        { "4 6", true },  { "6 30", true },    { "30 6", true },   { "48 2", true },
        { "2 48", true }, { "-3 27", true },   { "12 13", false }, { "0 24", true },
        { "24", true },   { "1 2 21", false }, { "-8 -3", true },
    };
    struct step s;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hand h = hand(cases[i].state);

        ok(rule_finish(&h, &s) == cases[i].solved, "%s %s by one operation", cases[i].state,
           cases[i].solved ? "ends" : "does not end");
    }
}

static void test_expression(void)
{
    struct hand h = hand("4 5 6 10"), twins = hand("6 6 6 6");
    struct step a[3], b[3];
    struct spn_buf out = SPN_BUF_INIT(1000);

    step_parse("10 - 4 = 6 (left: 6 5 6)", &a[0]);
    step_parse("6 * 5 = 30 (left: 30 6)", &a[1]);
    step_parse("30 - 6 = 24", &a[2]);
    step_expression(&h, a, 3, &out);
    ok_str(out.data, "((10 - 4) * 5) - 6", "steps compose to one expression");
    ok_int(expression_check("4 5 6 10", out.data), 1, "which the judge accepts");
    spn_buf_trim(&out, 0);
    step_parse("6 + 6 = 12", &b[0]);
    step_parse("6 + 6 = 12", &b[1]);
    step_parse("12 + 12 = 24", &b[2]);
    step_expression(&twins, b, 3, &out);
    ok_int(expression_check("6 6 6 6", out.data), 1, "equal numbers are not confused");
    spn_buf_free(&out);
}

static void test_rational(void)
{
    const struct rational big = { INT64_MAX, 1 }, tiny = { 1, INT64_MAX }, two = { 2, 1 };
    struct rational out = { 7, 7 };

    ok(!rational_apply(big, '+', big, &out) && !rational_apply(big, '*', two, &out) &&
           !rational_apply(tiny, '/', two, &out) && !rational_apply(tiny, '-', tiny, &out),
       "what does not fit 64 bits is refused");
    ok(!rational_apply(two, '/', (struct rational){ 0, 1 }, &out) &&
           !rational_apply(two, '%', two, &out),
       "so are a division by zero and an unknown operator");
    ok(rational_apply((struct rational){ 1, 2 }, '/', (struct rational){ -3, 4 }, &out) &&
           out.n == -2 && out.d == 3,
       "1/2 over -3/4 is -2/3, the sign above");
}

static void test_search(void)
{
    struct hand h = hand("4 5 6 10"), none = hand("1 1 1 1");
    struct step path[HAND_MAX];
    struct spn_buf out = SPN_BUF_INIT(1000);

    ok(search_nearest(&h, path) == 0, "an exact path is found");
    step_expression(&h, path, 3, &out);
    ok_int(expression_check("4 5 6 10", out.data), 1, "and its steps make 24");
    ok_int(search_nearest(&none, path), 20, "1 1 1 1 comes to 4 at best");
    spn_buf_free(&out);
}

static void test_lists(void)
{
    const char *csv = shared_path("data/24.csv"), *src = getenv("SPINNEY_SRCDIR");
    char path[4096], line[256], key[64];
    struct data_hands d;
    struct spn_err err = SPN_ERR_INIT;
    int solvable = 0, held = 0, whole = 0, leaked = 0, rank;
    struct hand h;
    FILE *f;

    snprintf(path, sizeof path, "%s/share/recipes/held-out-24.txt", src ? src : ".");
    if (!ok(data_hands_load(&d, path, &err) == SPN_OK, "the held-out list loads %s", err.text))
        return;
    ok_int(d.n_held_out, 100, "hands held out");
    ok_int(d.n_train, 1720, "hands to train on");
    for (int i = 0; i < d.n_train; i++)
        leaked += data_is_held_out(&d, &d.train[i]);
    ok_int(leaked, 0, "held-out hands among them");
    if (csv == NULL || (f = fopen(csv, "r")) == NULL) {
        skip("no list of hands beside the project");
    } else {
        while (fgets(line, sizeof line, f) != NULL) {
            if (sscanf(line, "%d,%63[0-9 ]", &rank, key) != 2 || !hand_parse(key, &h))
                continue;
            solvable++;
            whole += search_solvable(&h);
            if (rank >= 901 && rank <= 1000)
                held += data_is_held_out(&d, &h) && search_solvable(&h);
        }
        fclose(f);
        ok_int(solvable, 1362, "hands of the list");
        ok_int(whole, 1346, "of them solvable in whole numbers");
        ok_int(held, 100, "of the ranks 901 to 1000 are held out and solvable");
    }

    data_hands_free(&d);
    snprintf(path, sizeof path, "%s/share/recipes/no-such-file", src ? src : ".");
    ok(data_hands_load(&d, path, &err) == SPN_ENOTFOUND, "a missing list is an error: %s",
       err.text);
}

/* The hand is what the question ends with: digits and blanks. */
static const char *hand_of(const char *question)
{
    const char *p = question + strlen(question);

    while (p > question && strchr("0123456789 ", p[-1]) != NULL)
        p--;
    while (*p == ' ')
        p++;
    return p;
}

static void test_examples(void)
{
    const char *src = getenv("SPINNEY_SRCDIR");
    struct data_mix mix = { 0.5, 0.3, 0.2 };
    struct spn_buf q = SPN_BUF_INIT(10000), a = SPN_BUF_INIT(10000), again = SPN_BUF_INIT(10000);
    int proposals = 0, values = 0, solutions = 0, wrong = 0, leaks = 0, sure = 0;
    struct spn_err err = SPN_ERR_INIT;
    struct data_hands d;
    struct spn_rng r;
    char path[4096];

    snprintf(path, sizeof path, "%s/share/recipes/held-out-24.txt", src ? src : ".");
    if (data_hands_load(&d, path, &err) != SPN_OK) {
        ok(false, "%s", err.text);
        return;
    }
    for (uint64_t i = 0; i < 1500; i++) {
        const char *numbers, *p;
        struct hand h;

        spn_rng_init(&r, spn_key_int(7, i));
        data_example(&d, &mix, &r, &q, &a);
        numbers = hand_of(q.data);
        h = hand(numbers);
        leaks += data_is_held_out(&d, &h);
        if ((p = strstr(a.data, "Answer: ")) != NULL) {
            solutions++;
            wrong += expression_check(numbers, p + 8) != 1;
        } else if (strstr(a.data, "left:") != NULL) {
            proposals++;
            for (char *line = a.data; line != NULL && *line != '\0';) {
                char *next = strchr(line, '\n');
                const char *why;
                struct step s;
                bool mended;

                if (next != NULL)
                    *next++ = '\0';
                wrong += !rule_apply(&h, line, true, &s, &mended, &why) || mended;
                line = next;
            }
        } else {
            bool says = strstr(a.data, "sure") != NULL;

            values++;
            sure += says;
            wrong += says != search_solvable(&h);
        }
    }
    ok(proposals > 650 && values > 380 && solutions > 230,
       "a mix of %d proposals, %d values, %d solutions", proposals, values, solutions);
    ok_int(wrong, 0, "wrong lines, verdicts or solutions among them");
    ok_int(leaks, 0, "held-out hands among them");
    ok(sure > values * 2 / 5, "%d of the values are sure", sure);
    spn_rng_init(&r, 99);
    data_example(&d, &mix, &r, &q, &a);
    spn_rng_init(&r, 99);
    data_example(&d, &mix, &r, &q, &again);
    ok_str(again.data, a.data, "the same stream gives the same example");
    spn_buf_free(&q);
    spn_buf_free(&a);
    spn_buf_free(&again);
    data_hands_free(&d);
}

int main(void)
{
    test_judge();
    test_rules();
    test_finish();
    test_expression();
    test_rational();
    test_search();
    test_lists();
    test_examples();
    return done();
}
