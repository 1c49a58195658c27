/* test_answer.c - extraction, normal form and grading: by hand, and over the papers' test sets. */
#include "config.h"

#include <jansson.h>

#include "answer.h"
#include "base/mem.h"
#include "tests/tap.h"

static void test_extract(void)
{
    static const struct {
        const char *reply, *answer;
    } cases[] = {
        { "4 * 6 = 24\n#### 24", "24" },
        { "#### 5\nno\n#### 1,234.\n", "1,234" },
        { "So the answer is 42.", "42" },
        { "The answer is $\\frac{1}{2}$. Not 3.", "\\frac{1}{2}" },
        { "Thus \\boxed{\\frac{\\sqrt{3}}{2}} holds.", "\\frac{\\sqrt{3}}{2}" },
        { "\\boxed{3} is wrong; \\boxed{\\{1,2\\}} is right", "\\{1,2\\}" },
        { "The answer is not clear yet, so \\boxed{7}", "7" },
        { "Answer: 12", "12" },
        { "**Answer:** 3/4", "3/4" },
        { "about 17 of them, -5 in all", "-5" },
        { "9 - 4-5", "5" },
        { "it costs $1,250.50 in total", "1,250.50" },
        { "\\boxed 9", "9" },
    };
    static const char *const none[] = { "", "I cannot say.", "\\boxed{never closed 7", "####" };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *got = answer_extract(cases[i].reply);

        ok_str(got, cases[i].answer, cases[i].answer);
        spn_free(got);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char *got = answer_extract(none[i]);

        ok(got == NULL, "no answer in \"%s\"%s%s", none[i], got != NULL ? ": " : "",
           got != NULL ? got : "");
        spn_free(got);
    }
}

static void test_equal(void)
{
    static const char *const same[][2] = {
        { "\\frac12", "\\frac{1}{2}" },
        { "0.5", "1/2" },
        { "\\dfrac{3}{4}", "\\tfrac34" },
        { "1,234", "1234" },
        { "\\left( 3, \\frac{\\pi}{2} \\right)", "(3,\\frac{\\pi}{2})" },
        { "x = 5", "5" },
        { "\\sqrt3", "\\sqrt{3}" },
        { "10\\%", "10" },
        { "90^\\circ", "90" },
        { "\\$18.90", "18.9" },
        { "\\text{Evelyn}", "Evelyn" },
        { "5 \\text{ cm}^2", "5" },
        { "12 dollars", "12" },
        { "033", "33" },
        { "33.0", "33" },
        { "0.333333", "1/3" },
        { "-\\frac{1}{2}", "\\frac{-1}{2}" },
        { "10,\\!080", "10080" },
        { "\\frac{12}4", "3" },
        { "x \\in [-2,7]", "[-2,7]" },
        { "11,\\! 111", "11{,}111" },
    };
    static const char *const differ[][2] = {
        { "1", "2" },
        { "\\frac{1}{2}", "\\frac{1}{3}" },
        { "(1,2)", "(2,1)" },
        { "x", "y" },
        { "", "" },
        { "3", "-3" },
        { "0.333", "1/3" },
        { "\\sqrt{2}", "\\sqrt{3}" },
        { "1,234", "1234.5" },
        { "2\\pi", "\\pi" },
        { "[1,2]", "(1,2)" },
    };

    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        ok(answer_equal(same[i][0], same[i][1]), "%s is %s", same[i][0], same[i][1]);
    for (size_t i = 0; i < sizeof differ / sizeof *differ; i++)
        ok(!answer_equal(differ[i][0], differ[i][1]), "%s is not %s", differ[i][0], differ[i][1]);
}

/* All lines of FILE: field SOLUTION states what field GOLD says, and not what the line before says.
 */
static void test_set(const char *file, const char *solution, const char *gold, size_t wanted)
{
    const char *path = shared_path(file);
    char *line = NULL, *before = NULL;
    size_t room = 0, n = 0, right = 0, wrong = 0, told = 0, differ = 0;
    FILE *f = path != NULL ? fopen(path, "r") : NULL;

    if (f == NULL) {
        skip("the papers' test sets are not beside the project");
        return;
    }
    while (getline(&line, &room, f) > 0) {
        json_t *o = json_loads(line, 0, NULL), *g = json_object_get(o, gold);
        const char *text = json_string_value(json_object_get(o, solution));
        char number[32], *truth = NULL, *got = text != NULL ? answer_extract(text) : NULL;

        if (json_is_integer(g)) {
            snprintf(number, sizeof number, "%lld", (long long)json_integer_value(g));
            truth = spn_strdup(number);
        } else if (json_is_string(g)) {
            /* A gold answer with its solution around it is read like one. */
            truth = strcmp(solution, gold) == 0 ? answer_extract(json_string_value(g))
                                                : spn_strdup(json_string_value(g));
        }
        n++;
        if (got != NULL && truth != NULL && answer_equal(got, truth))
            right++;
        else if (told++ < 10)
            printf("# line %zu: %s, wanted %s\n", n, got ? got : "(none)",
                   truth ? truth : "(none)");
        if (before != NULL && truth != NULL && !answer_equal(before, truth)) {
            differ++;
            if (got != NULL && !answer_equal(got, before))
                wrong++;
            else
                printf("# line %zu: %s taken for %s\n", n, got ? got : "(none)", before);
        }
        spn_free(before);
        before = truth;
        spn_free(got);
        json_decref(o);
    }
    spn_free(before);
    free(line);
    fclose(f);
    ok(n == wanted && right == n, "%s: %zu of %zu gold solutions are graded right", file, right, n);
    ok(differ > n * 9 / 10 && wrong == differ, "%s: %zu of %zu other answers are graded wrong",
       file, wrong, differ);
}

/* Forms an integer answer of AIME comes in. */
static void test_aime_forms(void)
{
    static const char *const forms[] = {
        "#### %d",          "\\boxed{%d}",
        "\\boxed{%03d}",    "The answer is %d.",
        "Answer: %03d",     "the answer is $%d$",
        "so it is %d",      "**Answer:** \\boxed{%d}",
        "#### \\boxed{%d}", "$\\boxed{\\text{%03d}}$",
        "it equals %d.0",
    };
    char text[64];

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        int right = 0, wrong = 0;

        for (int n = 0; n < 1000; n += 7) {
            char other[16], truth[16], *got;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(text, sizeof text, forms[i], n);
#pragma GCC diagnostic pop
            snprintf(truth, sizeof truth, "%d", n);
            snprintf(other, sizeof other, "%d", n + 1);
            got = answer_extract(text);
            right += got != NULL && answer_equal(got, truth);
            wrong += got != NULL && answer_equal(got, other);
            spn_free(got);
        }
        ok(right == 143 && wrong == 0, "AIME as \"%s\": %d of 143, %d wrong ones taken", forms[i],
           right, wrong);
    }
}

int main(void)
{
    test_extract();
    test_equal();
    test_aime_forms();
    test_set("data/gsm8k-test.jsonl", "answer", "answer", 1319);
    test_set("data/math500.jsonl", "solution", "answer", 500);
    test_set("data/aime2024.jsonl", "Solution", "Answer", 30);
    return done();
}
