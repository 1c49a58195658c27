/* test_steps.c - exact arithmetic, and worked lines put right. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "../common/exact.h"
#include "base/file.h"
#include "base/mem.h"
#include "steps.h"
#include "tests/tap.h"

static void test_eval(void)
{
    static const struct {
        const char *text, *value;
    } cases[] = {
        { "1 + 2 * 3", "7" },
        { "(1 + 2) * 3", "9" },
        { "-3 - -4", "1" },
        { "7 / 2", "3.5" },
        { "10 / 3", "10/3" },
        { "0.1 + 0.2", "0.3" },
        { "1,234 + 1", "1235" },
        { "2 ^ 10", "1024" },
        { "50% * 80", "40" },
        { "3 x 4", "12" },
        { "3 \xc3\x97 4 \xc3\xb7 2", "6" },
        { "$5 * 3", "15" },
        { "8 / (3 - 8 / 3)", "24" },
        { "-1 / 8", "-0.125" },
    };
    static const char *const bad[] = { "",      "1 +",  "(1",      "1 / 0", "1 2",
                                       "two",   "1..2", "9 ^ 999", "1 + )", "99999999999999999999",
                                       "9 ^ 40" };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct spn_buf b = SPN_BUF_INIT(256);
        struct exact v;
        const char *why;
        int n;

        if (exact_eval(cases[i].text, strlen(cases[i].text), &v, &n, &why))
            exact_print(v, &b);
        ok_str(b.data, cases[i].value, cases[i].text);
        spn_buf_free(&b);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct exact v;
        const char *why = NULL;
        int n;
        bool refused = !exact_eval(bad[i], strlen(bad[i]), &v, &n, &why);

        ok(refused && why[0] != '\0', "refused: '%s' (%s)", bad[i], why);
    }
}

static void test_steps(void)
{
    static const char question[] = "Tom has 3 bags of 14 apples and gives half of them away.";
    static const struct {
        const char *reply, *mended;
        enum steps_fault fault;
    } cases[] = {
        { "3 * 14 = 42\n42 / 2 = 21\n#### 21", NULL, STEPS_FINE },
        { "3 * 14 = 52\n52 / 2 = 26\n#### 26", "3 * 14 = 42\n", STEPS_FALSE },
        { "3 * 14 = 42 apples. 42 / 2 = 20 left\n#### 20", "3 * 14 = 42 apples. 42 / 2 = 21",
          STEPS_FALSE },
        { "3 * 15 = 45\n#### 45", NULL, STEPS_UNKNOWN },
        { "3 * 15 = 44\n#### 44", "3 * 15 = 45\n", STEPS_UNKNOWN },
        { "3 * 14 = 42\n#### 43", NULL, STEPS_ANSWER },
        { "- 3 * 14 = 42\n1. 42 / 2 = 21\n#### 21", NULL, STEPS_FINE },
        { "<<3*14=42>>42 and <<42*0.5=21>>21", NULL, STEPS_FINE },
        { "14 / 3 = 4.67\n#### 4.67", NULL, STEPS_FINE },
        { "14 / 3 = 4.6\n", "14 / 3 = 4.67\n", STEPS_FALSE },
        { "14 - 42 = -28", NULL, STEPS_UNKNOWN },
        { "3 - 14 = -11\n#### -11", NULL, STEPS_FINE },
        { "x = 5, so all = 9", NULL, STEPS_FINE },
        { "3 + 14 = 17 + 2 = 19", NULL, STEPS_FINE },
        { "no numbers at all", NULL, STEPS_FINE },
        /* algebra, and the ends of larger terms: nothing that arithmetic could judge */
        { "x^2 - 5x - 36 = 0", NULL, STEPS_FINE },
        { "2x + 3 = 11", NULL, STEPS_FINE },
        { "3(3x - 2) - 2 = 9x - 8", NULL, STEPS_FINE },
        { "sqrt(3 * 14) = 5", NULL, STEPS_FINE },
        { "|3 - 14| = 11", NULL, STEPS_FINE },
        { "C(14, 2) = 91", NULL, STEPS_FINE },
        { "the apples - 3 * 2 = 5", NULL, STEPS_FINE },
        { "a * 3 + 14 = 20", NULL, STEPS_FINE },
        { "3 * 14 = 42x", NULL, STEPS_FINE },
        { "14 / 3 = 4 remainder 2", NULL, STEPS_FINE },
        { "10:14 + 3 = 10:17", NULL, STEPS_FINE },
        { "\\frac{1}{2} + 3 = 14", NULL, STEPS_FINE },
        /* claims in other dress */
        { "3 x 14 = 42", NULL, STEPS_FINE },
        { "3 x 14 = 52", "3 x 14 = 42", STEPS_FALSE },
        { "3 / 14 = 6/28", NULL, STEPS_FINE },
        { "3 / 14 = 6/14", "3 / 14 = 0.21", STEPS_FALSE },
        { "1 / 2 = 50%", NULL, STEPS_FINE },
        { "1 / 2 = 5%", "1 / 2 = 0.5", STEPS_FALSE },
        { "2) 3 * 14 = 41\n", "2) 3 * 14 = 42\n", STEPS_FALSE },
        { "All (3 * 14 = 41)", "All (3 * 14 = 42", STEPS_FALSE },
        { "x = 3 * 14 = 41", "x = 3 * 14 = 42", STEPS_FALSE },
        { "", NULL, STEPS_FINE },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum steps_fault fault = STEPS_FINE;
        char *mended = NULL;

        ok(steps_check(question, cases[i].reply, &fault, &mended, NULL) == SPN_OK &&
               fault == cases[i].fault,
           "case %zu: fault %d, wanted %d", i, (int)fault, (int)cases[i].fault);
        if (cases[i].mended != NULL)
            ok_str(mended, cases[i].mended, "its mended beginning");
        else
            ok(mended == NULL, "nothing to mend: %s", mended != NULL ? mended : "");
        spn_free(mended);
    }
}

/* The examples that come with the general prompts: none claims a false result. */
static void test_examples(void)
{
    const char *src = getenv("SPINNEY_SRCDIR");
    char path[4096], *text = NULL;
    int n = 0;

    snprintf(path, sizeof path, "%s/share/prompts/general/math.examples", src != NULL ? src : ".");
    if (!ok(spn_file_read(&text, NULL, path, 1 << 20, NULL) == SPN_OK, "%s", path))
        return;
    for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_t *o = json_loads(line, 0, NULL);
        const char *question = json_string_value(json_object_get(o, "question"));
        const char *answer = json_string_value(json_object_get(o, "answer"));
        enum steps_fault fault = STEPS_FALSE;
        char *mended = NULL;

        n++;
        if (ok(question != NULL && answer != NULL, "example %d is a question and an answer", n)) {
            ok(steps_check(question, answer, &fault, &mended, NULL) == SPN_OK &&
                   fault != STEPS_FALSE && mended == NULL,
               "no step is false: %s", mended != NULL ? mended : answer);
            ok(strstr(answer, "\n#### ") != NULL, "its answer stands alone");
        }
        spn_free(mended);
        json_decref(o);
    }
    ok(n >= 20, "%d examples", n);
    spn_free(text);
}

int main(void)
{
    test_eval();
    test_steps();
    test_examples();
    return done();
}
