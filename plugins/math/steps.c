/* steps.c - every `a op b = c` of a worked solution is computed again, exactly. */
#include "config.h"

#include "steps.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "../common/exact.h"
#include "answer.h"
#include "base/mem.h"
#include "claim.h"

#define KNOWN_MAX 512
#define REPLY_MAX ((size_t)1 << 20)

struct known {
    struct exact value[KNOWN_MAX];
    size_t n;
};

static void learn(struct known *k, struct exact v)
{
    if (k->n < KNOWN_MAX)
        k->value[k->n++] = v;
}

static bool knows(const struct known *k, struct exact v)
{
    for (size_t i = 0; i < k->n; i++)
        if (exact_compare(k->value[i], v) == 0)
            return true;
    return false;
}

/* Numbers that words stand for. */
static void learn_words(struct known *k, const char *s)
{
    static const struct {
        const char *word;
        struct exact value;
    } all[] = {
        { "three", { 3, 1 } },         { "four", { 4, 1 } },         { "five", { 5, 1 } },
        { "six", { 6, 1 } },           { "seven", { 7, 1 } },        { "eight", { 8, 1 } },
        { "nine", { 9, 1 } },          { "ten", { 10, 1 } },         { "eleven", { 11, 1 } },
        { "twelve", { 12, 1 } },       { "thirteen", { 13, 1 } },    { "fourteen", { 14, 1 } },
        { "fifteen", { 15, 1 } },      { "sixteen", { 16, 1 } },     { "seventeen", { 17, 1 } },
        { "eighteen", { 18, 1 } },     { "nineteen", { 19, 1 } },    { "twenty", { 20, 1 } },
        { "thirty", { 30, 1 } },       { "forty", { 40, 1 } },       { "fifty", { 50, 1 } },
        { "sixty", { 60, 1 } },        { "seventy", { 70, 1 } },     { "eighty", { 80, 1 } },
        { "ninety", { 90, 1 } },       { "thousand", { 1000, 1 } },  { "half", { 1, 2 } },
        { "third", { 1, 3 } },         { "third", { 3, 1 } },        { "thirds", { 3, 1 } },
        { "quarter", { 1, 4 } },       { "quarter", { 4, 1 } },      { "quarters", { 4, 1 } },
        { "fourth", { 4, 1 } },        { "fifth", { 5, 1 } },        { "triple", { 3, 1 } },
        { "thrice", { 3, 1 } },        { "dozen", { 12, 1 } },       { "dozens", { 12, 1 } },
        { "week", { 7, 1 } },          { "weeks", { 7, 1 } },        { "day", { 24, 1 } },
        { "days", { 24, 1 } },         { "days", { 7, 1 } },         { "day", { 7, 1 } },
        { "hour", { 60, 1 } },         { "hours", { 60, 1 } },       { "minutes", { 60, 1 } },
        { "minute", { 60, 1 } },       { "month", { 12, 1 } },       { "months", { 12, 1 } },
        { "month", { 30, 1 } },        { "year", { 12, 1 } },        { "years", { 12, 1 } },
        { "year", { 52, 1 } },         { "year", { 365, 1 } },       { "weekly", { 7, 1 } },
        { "foot", { 12, 1 } },         { "feet", { 12, 1 } },        { "inches", { 12, 1 } },
        { "kilometers", { 1000, 1 } }, { "kilograms", { 1000, 1 } },
    };

    while (*s != '\0') {
        size_t n = 0;

        while (isalpha((unsigned char)s[n]))
            n++;
        for (size_t i = 0; n > 0 && i < sizeof all / sizeof *all; i++)
            if (strlen(all[i].word) == n && strncasecmp(s, all[i].word, n) == 0)
                learn(k, all[i].value);
        s += n > 0 ? n : 1;
    }
}

static void learn_question(struct known *k, const char *question)
{
    learn(k, (struct exact){ 1, 1 });
    learn(k, (struct exact){ 2, 1 });
    learn(k, (struct exact){ 100, 1 });
    learn_words(k, question);
    for (const char *s = question; *s != '\0';) {
        struct exact v, share;
        size_t used;
        int decimals;

        if (!isdigit((unsigned char)*s) || !exact_number(s, strlen(s), &v, &used, &decimals)) {
            s++;
            continue;
        }
        learn(k, v);
        s += used;
        if (*s == '%' && exact_op(v, '/', (struct exact){ 100, 1 }, &share))
            learn(k, share);
    }
}

static bool operands_known(const struct known *k, const struct claim *c)
{
    for (const char *s = c->begin; s < c->equal;) {
        struct exact v;
        size_t used;
        int decimals;

        if (!isdigit((unsigned char)*s) ||
            !exact_number(s, (size_t)(c->equal - s), &v, &used, &decimals)) {
            s++;
            continue;
        }
        if (!knows(k, v))
            return false;
        s += used;
    }
    return true;
}

/* The value as it would be written: a decimal that ends, else rounded. false: it does not fit. */
static bool written(const struct claim *c, struct exact *v)
{
    int64_t rest = c->value.den;

    while (rest % 2 == 0)
        rest /= 2;
    while (rest % 5 == 0)
        rest /= 5;
    *v = c->value;
    return rest == 1 || exact_round(c->value, c->decimals > 2 ? c->decimals : 2, v);
}

static char *mend(const char *reply, const struct claim *c, struct exact v)
{
    struct spn_buf b = SPN_BUF_INIT(REPLY_MAX);

    spn_buf_add(&b, reply, (size_t)(c->result - reply));
    exact_print(v, &b);
    /* The line went on behind the number or ended there: so it does now. */
    if (*c->end == '\n')
        spn_buf_puts(&b, "\n");
    if (b.failed) {
        spn_buf_free(&b);
        return NULL;
    }
    return spn_buf_steal(&b);
}

static enum steps_fault check_answer(const struct known *k, const char *reply)
{
    char *answer = strstr(reply, "####") != NULL ? answer_extract(reply) : NULL;
    size_t used, minus = answer != NULL && answer[0] == '-';
    struct exact v;
    int decimals;
    enum steps_fault fault = STEPS_FINE;

    if (answer != NULL &&
        exact_number(answer + minus, strlen(answer + minus), &v, &used, &decimals) &&
        answer[minus + used] == '\0') {
        if (minus)
            v.num = -v.num;
        if (!knows(k, v))
            fault = STEPS_ANSWER;
    }
    spn_free(answer);
    return fault;
}

spn_status steps_check(const char *question, const char *reply, enum steps_fault *fault,
                       char **mended, struct spn_err *err)
{
    struct known *k = spn_calloc(1, sizeof *k);
    size_t claims = 0;

    *fault = STEPS_FINE;
    *mended = NULL;
    if (k == NULL)
        return spn_fail(err, SPN_ENOMEM, "math: no memory for the numbers of a question");
    learn_question(k, question);
    for (const char *line = reply; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        const char *from = line;

        for (const char *s = memchr(line, '=', n); s != NULL && *mended == NULL;
             s = memchr(s + 1, '=', n - (size_t)(s + 1 - line))) {
            struct claim c;
            struct exact v;

            if (!claim_read(&c, line, from, s))
                continue;
            claims++;
            if (*fault == STEPS_FINE && !operands_known(k, &c))
                *fault = STEPS_UNKNOWN;
            if (!claim_holds(&c)) {
                if (*fault == STEPS_FINE)
                    *fault = STEPS_FALSE;
                *mended = written(&c, &v) ? mend(reply, &c, v) : NULL;
                if (*mended == NULL && written(&c, &v)) {
                    spn_free(k);
                    return spn_fail(err, SPN_ENOMEM, "math: no memory to mend a line");
                }
            }
            learn(k, c.value);
            learn(k, c.said);
            from = c.result;
        }
        if (*mended != NULL)
            break;
        line += n + (line[n] == '\n');
    }
    if (*fault == STEPS_FINE && claims > 0)
        *fault = check_answer(k, reply);
    spn_free(k);
    return SPN_OK;
}
