/* fuzz_answer.c - what a model writes about mathematics: where it states an answer, its normal
 * form, its worked lines. The first byte says which. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "../../plugins/math/answer.h"
#include "../../plugins/math/steps.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"

/* What holds for any text. */
static void must(bool holds)
{
    if (!holds)
        abort();
}

static void extract(const char *text)
{
    char *answer = answer_extract(text);

    must(answer == NULL || (answer[0] != '\0' && strlen(answer) <= strlen(text)));
    spn_free(answer);
}

/* An answer is equal to itself, and equality does not depend on the side. */
static void compare(char *text)
{
    char *other = strchr(text, '\n'), *a, *b;

    if (other != NULL)
        *other++ = '\0';
    else
        other = text;
    must(answer_equal(text, other) == answer_equal(other, text));
    a = answer_normal(text);
    must(a != NULL);
    must(a[0] == '\0' || answer_equal(text, text));
    b = answer_normal(a);
    must(b != NULL);
    spn_free(a);
    spn_free(b);
}

/* A mended beginning has one false result less: the first one that is left lies behind it. */
static void work(const char *text)
{
    const char *question = "Tom has 3 bags of 14 apples, half of 50 % are red.";
    enum steps_fault fault;
    char *mended = NULL, *again = NULL;

    must(steps_check(question, text, &fault, &mended, NULL) == SPN_OK);
    if (mended != NULL) {
        must(fault != STEPS_FINE);
        must(steps_check(question, mended, &fault, &again, NULL) == SPN_OK);
    }
    spn_free(mended);
    spn_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size < 1 || size > 4096)
        return 0;
    text = malloc(size);
    if (text == NULL)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 3) {
    case 0:
        extract(text);
        break;
    case 1:
        compare(text);
        break;
    default:
        work(text);
    }
    free(text);
    return 0;
}
