/* claim.c - which signs of equality claim the result of a calculation.

   A solution mixes arithmetic with algebra: "81 - 45 = 36" can be computed again, the ends of
   "x^2 - 5x - 36 = 0" and "sqrt(81 + 144) = 15" cannot, though they read like calculations. When in
   doubt nothing is claimed: a true line that is called false does more harm than a false one that
   is let pass. */
#include "config.h"

#include "claim.h"

#include <ctype.h>
#include <string.h>

#define CLAIM_MAX 200 /* bytes of a calculation */

/* Characters that may stand in a calculation. */
static bool may_calculate(unsigned char c)
{
    return isdigit(c) || c >= 0x80 || (c != '\0' && strchr(" .,+-*/x^()$%", c) != NULL);
}

/* Does an x of S[0..n) stand for an unknown, not between two numbers? */
static bool has_unknown(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t left = i, right = i + 1;

        if (s[i] != 'x')
            continue;
        while (left > 0 && s[left - 1] == ' ')
            left--;
        while (right < n && s[right] == ' ')
            right++;
        if (left == 0 || right == n || strchr("0123456789)%", s[left - 1]) == NULL ||
            strchr("0123456789($.", s[right]) == NULL)
            return true;
    }
    return false;
}

/* Is LINE..END the mark of an item of a list: "-", "*", "3." or "3)"? */
static bool is_mark(const char *line, const char *end)
{
    while (line < end && *line == ' ')
        line++;
    while (end > line && end[-1] == ' ')
        end--;
    if (end - line == 1 && strchr("-*+", *line) != NULL)
        return true;
    while (end - line > 1 && isdigit((unsigned char)*line))
        line++;
    return end - line == 1 && strchr(".)", *line) != NULL;
}

/* Does the calculation from BEGIN on stand for itself, or is it the end of a larger term? */
static bool stands_alone(const char *line, const char *begin)
{
    const char *p = begin;
    bool sign = *begin == '-' || *begin == '+', next;

    while (p > line && p[-1] == ' ')
        p--;
    if (p == line || is_mark(line, p))
        return true;
    next = p == begin;
    if (sign) /* "bags - 3 * 2": two terms, the first of them in words */
        return strchr(":=,;<[{(", p[-1]) != NULL;
    if (strchr("+-*/^|\\!", p[-1]) != NULL)
        return false;
    if (next && (isalnum((unsigned char)p[-1]) || strchr("_})]", p[-1]) != NULL))
        return false;
    /* 10:30 + 45 is a time. */
    return !(next && p[-1] == ':' && p - line > 1 && isdigit((unsigned char)p[-2]));
}

/* The longest calculation that ends before EQUAL and begins no earlier than FROM. */
static bool calculation(struct claim *c, const char *line, const char *from, const char *equal)
{
    const char *s = equal, *why;
    int operators;

    while (s > from && equal - s < CLAIM_MAX && may_calculate((unsigned char)s[-1]))
        s--;
    /* A list's own mark is not a sign. */
    if (s == from && equal - s > 1 && s[0] == '-' && s[1] == ' ')
        s++;
    for (; s < equal; s++) {
        if (*s == ' ' ||
            (s > from && (isalnum((unsigned char)s[-1]) || s[-1] == '.' || s[-1] == ',') &&
             isalnum((unsigned char)*s)))
            continue;
        if (exact_eval(s, (size_t)(equal - s), &c->value, &operators, &why) && operators > 0) {
            c->begin = s;
            return !has_unknown(s, (size_t)(equal - s)) && stands_alone(line, s);
        }
    }
    return false;
}

/* What follows the number makes it a part of something else: 9x, 3 remainder 1, 11:15. */
static bool goes_on(const char *s)
{
    static const char *const words[] = { "remainder", "rem", "R", "r", "mod" };
    size_t n = 0;

    if (*s == 'x' && !isalnum((unsigned char)s[1]))
        return true;
    if (*s == ':' && isdigit((unsigned char)s[1]))
        return true;
    while (*s == ' ')
        s++;
    if (*s == '\\' || *s == '!' || *s == '(' || isdigit((unsigned char)*s))
        return true;
    while (isalpha((unsigned char)s[n]))
        n++;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == n && strncmp(s, words[i], n) == 0)
            return true;
    return false;
}

/* Take what is said as a term of its own, "36/5" or "2 * 3^2", where it is one. */
static void read_term(struct claim *c)
{
    const char *why;
    size_t n = 0;
    struct exact v;
    int operators;

    while (may_calculate((unsigned char)c->result[n]) && n < CLAIM_MAX)
        n++;
    while (n > 0 && c->result[n - 1] == ' ')
        n--;
    if (has_unknown(c->result, n) || !exact_eval(c->result, n, &v, &operators, &why))
        return;
    c->said = v;
    c->end = c->result + n;
}

bool claim_read(struct claim *c, const char *line, const char *from, const char *equal)
{
    size_t used, sign;
    const char *after;

    c->equal = equal;
    if (!calculation(c, line, from, equal))
        return false;
    c->result = equal + 1;
    while (*c->result == ' ' || *c->result == '$')
        c->result++;
    sign = *c->result == '-';
    if (!exact_number(c->result + sign, strcspn(c->result + sign, "\n"), &c->said, &used,
                      &c->decimals))
        return false;
    c->end = c->result + sign + used;
    if (sign == 1)
        c->said.num = -c->said.num;
    if (*c->end == '%') {
        c->end++;
        c->decimals += 2;
        if (!exact_op(c->said, '/', (struct exact){ 100, 1 }, &c->said))
            return false;
    }
    if (goes_on(c->end))
        return false;
    /* "3 + 14 = 17 + 2 = 19" claims 17 of the first sum; "108/15 = 36/5" claims the fraction. */
    after = c->end + strspn(c->end, " ");
    if (*after != '\0' && strchr("+-*/^x", *after) != NULL && !claim_holds(c))
        read_term(c);
    return true;
}

bool claim_holds(const struct claim *c)
{
    struct exact rounded;

    return exact_compare(c->value, c->said) == 0 ||
           (c->decimals > 0 && exact_round(c->value, c->decimals, &rounded) &&
            exact_compare(rounded, c->said) == 0);
}
