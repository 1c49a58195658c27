/* words.c - what is said to a model, and what a few short replies mean. */
#include "config.h"

#include "reason.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define WORDS_MAX ((size_t)16 << 20)

spn_status reason_words(const struct spn_reason_request *r, const char *section,
                        const struct spn_place *places, size_t n, char **out, struct spn_err *err)
{
    const char *body = r->prompts != NULL ? spn_prompts_get(r->prompts, section) : NULL;
    struct spn_buf b = SPN_BUF_INIT(WORDS_MAX);

    *out = NULL;
    if (body == NULL)
        return SPN_OK;
    if (spn_prompts_fill(&b, body, places, n) != SPN_OK) {
        spn_buf_free(&b);
        return spn_fail(err, SPN_ENOMEM, "prompts: no memory for the words of [%s]", section);
    }
    *out = spn_buf_steal(&b);
    return SPN_OK;
}

spn_status reason_answer_words(const struct spn_reason_request *r, const char *input, char **out,
                               struct spn_err *err)
{
    const struct spn_place place = { "question", input };
    spn_status st = reason_words(r, "answer", &place, 1, out, err);

    if (st == SPN_OK && *out == NULL) {
        *out = r->task->solve_prompt(input);
        if (*out == NULL)
            st = spn_fail(err, SPN_ENOMEM, "reasoner: no memory for a question");
    }
    return st;
}

bool reason_refuses(const char *text)
{
    static const char *const starts[] = {
        "i'm sorry",
        "i am sorry",
        "sorry,",
        "i cannot",
        "i can't",
        "i can not",
        "i'm unable",
        "i am unable",
        "i'm not able",
        "i am not able",
        "i don't know",
        "i do not know",
        "as an ai",
        "i won't",
        "i will not",
        "i refuse",
        "unfortunately, i can",
        "i must decline",
        "no comment",
        "i'm not sure",
        "i am not sure",
        "cannot be determined",
        "it is not possible to",
    };

    while (*text != '\0' && !isalnum((unsigned char)*text))
        text++;
    if (*text == '\0')
        return true;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncasecmp(text, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

double reason_score(const char *reply)
{
    const char *at = NULL, *number = NULL;
    double value;

    for (const char *s = reply; (s = strcasestr(s, "score")) != NULL; s += 5)
        at = s;
    if (at == NULL)
        return 0;
    for (const char *s = at; *s != '\0';) {
        if (!isdigit((unsigned char)*s)) {
            s++;
            continue;
        }
        /* "87/100" and "87 out of 100" are 87: what is not the scale. */
        if (number == NULL || !(s > at && (s[-1] == '/' || strncmp(s, "100", 3) == 0)))
            number = s > at && s[-1] == '-' ? s - 1 : s;
        while (isdigit((unsigned char)*s) || (*s == '.' && isdigit((unsigned char)s[1])))
            s++;
    }
    if (number == NULL)
        return 0;
    value = strtod(number, NULL);
    return value < 0 ? 0 : value > 100 ? 100 : value;
}
