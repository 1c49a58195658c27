/* answer.c - where a reply states its answer. */
#include "config.h"

#include "answer.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* Last place of WORD in S, letters of any size; NULL: none. */
static const char *last_of(const char *s, const char *word)
{
    size_t n = strlen(word), length = strlen(s);

    for (size_t i = length >= n ? length - n + 1 : 0; i > 0; i--)
        if (strncasecmp(s + i - 1, word, n) == 0)
            return s + i - 1;
    return NULL;
}

/* S[0..n) without blanks, dollar signs, stars and a full stop around it; NULL: nothing is left. */
static char *trimmed(const char *s, size_t n)
{
    while (n > 0 && (isspace((unsigned char)*s) || *s == '$' || *s == '*' || *s == ':')) {
        s++;
        n--;
    }
    while (n > 0 && (isspace((unsigned char)s[n - 1]) || strchr(".$*", s[n - 1]) != NULL))
        n--;
    return n > 0 ? spn_strndup(s, n) : NULL;
}

/* What stands in the braces behind \boxed at S, or the one word behind it; *END behind all of it.
 */
static char *boxed(const char *s, const char **end)
{
    int depth = 0;
    const char *begin;

    s += strcspn(s, "{ \n");
    while (*s == ' ')
        s++;
    begin = s;
    if (*s != '{') {
        s += strcspn(s, "$ \n,");
        *end = s;
        return trimmed(begin, (size_t)(s - begin));
    }
    for (; *s != '\0'; s++) {
        if (*s == '\\' && s[1] != '\0') {
            s++;
            continue;
        }
        depth += *s == '{';
        if (*s == '}' && --depth == 0)
            break;
    }
    *end = *s != '\0' ? s + 1 : s;
    /* Never closed: a reply that was cut off states no answer. */
    return *s != '\0' ? trimmed(begin + 1, (size_t)(s - begin - 1)) : NULL;
}

/* To the end of the line or the sentence: a full stop before a blank or the end. */
static char *sentence(const char *s)
{
    size_t n = strcspn(s, "\n");

    for (size_t i = 0; i + 1 < n; i++)
        if (s[i] == '.' && (s[i + 1] == ' ' || s[i + 1] == '\r')) {
            n = i;
            break;
        }
    return trimmed(s, n);
}

/* The last number: a sign where no digit stands before it, thousands, decimals, a fraction. */
static char *last_number(const char *s)
{
    size_t end = strlen(s), begin;

    while (end > 0 && !isdigit((unsigned char)s[end - 1]))
        end--;
    if (end == 0)
        return NULL;
    for (begin = end; begin > 0; begin--) {
        char c = s[begin - 1];
        bool inside = (c == '.' || c == ',' || c == '/') && begin > 1 &&
                      isdigit((unsigned char)s[begin - 2]) && isdigit((unsigned char)s[begin]);

        if (!isdigit((unsigned char)c) && !inside)
            break;
    }
    if (begin > 0 && s[begin - 1] == '-' &&
        (begin == 1 || !(isalnum((unsigned char)s[begin - 2]) || s[begin - 2] == ')')))
        begin--;
    return spn_strndup(s + begin, end - begin);
}

char *answer_extract(const char *reply)
{
    static const char *const phrases[] = { "answer is", "answer:", "answer**:" };
    const char *at = last_of(reply, "####"), *box, *end, *other;

    if (at != NULL) {
        size_t n;

        at += strspn(at, "#");
        n = strcspn(at, "\n");
        box = last_of(at, "\\boxed");
        return box != NULL && box < at + n ? boxed(box, &end) : trimmed(at, n);
    }
    box = last_of(reply, "\\boxed");
    other = last_of(reply, "\\fbox");
    if (box == NULL || (other != NULL && other > box))
        box = other;
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
        other = last_of(reply, phrases[i]);
        if (other != NULL && (at == NULL || other + strlen(phrases[i]) > at))
            at = other + strlen(phrases[i]);
    }
    if (box != NULL && (at == NULL || box > at))
        return boxed(box, &end);
    if (at != NULL) {
        char *stated = sentence(at);

        /* "Our answer is correct" says nothing that a box before it has not said. */
        if (stated != NULL && (box == NULL || strpbrk(stated, "0123456789\\$") != NULL))
            return stated;
        spn_free(stated);
    }
    if (box != NULL)
        return boxed(box, &end);
    return last_number(reply);
}
