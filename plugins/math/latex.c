/* latex.c - answers in LaTeX brought to one spelling.

   Each pass copies text and replaces one habit of writing; none looks at the question. */
#include "config.h"

#include "answer.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "../common/exact.h"
#include "base/mem.h"

#define ANSWER_MAX ((size_t)64 << 10)

/* One of a list of words at S, the longest first in the list; its length, 0: none. */
static size_t word_at(const char *s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(words[i]);

        if (strncmp(s, words[i], length) == 0 &&
            !(isalpha((unsigned char)words[i][length - 1]) && words[i][0] == '\\' &&
              isalpha((unsigned char)s[length])))
            return length;
    }
    return 0;
}

/* End of the group that begins with the brace at S: behind its closing brace; NULL: never closed.
 */
static const char *group_end(const char *s)
{
    int depth = 0;

    for (; *s != '\0'; s++) {
        if (*s == '\\' && s[1] != '\0') {
            s++;
            continue;
        }
        depth += *s == '{';
        if (*s == '}' && --depth == 0)
            return s + 1;
    }
    return NULL;
}

/* Words that stand before a group whose content is text. */
static const char *const text_words[] = { "\\textbf", "\\textit", "\\textrm", "\\text",
                                          "\\mbox",   "\\mathrm", "\\mathbf", "\\operatorname" };

/* Is S[0..n) a unit: letters, points and blanks that follow a value? */
static bool is_unit(const char *s, size_t n)
{
    bool letter = false;

    for (size_t i = 0; i < n; i++) {
        if (!isalpha((unsigned char)s[i]) && s[i] != ' ' && s[i] != '.' && s[i] != '/')
            return false;
        letter |= isalpha((unsigned char)s[i]) != 0;
    }
    return letter;
}

/* Commands that only change how things look go; \text{...} gives its content, or nothing when it is
   a unit behind a value. */
static void strip_looks(const char *s, struct spn_buf *out)
{
    static const char *const looks[] = {
        "\\left",   "\\right",  "\\bigg",    "\\big",   "\\Bigg", "\\Big", "\\displaystyle",
        "\\quad",   "\\qquad",  "^{\\circ}", "^\\circ", "\\circ", "\\!",   "\\,",
        "\\;",      "\\:",      "\\ ",       "\\$",     "\\%",    "%",     "$",
        "\xc2\xb0", "\\limits", "\\(",       "\\)",     "\\[",    "\\]",
    };

    while (*s != '\0') {
        size_t n = word_at(s, looks, sizeof looks / sizeof *looks);
        const char *end;

        if (n > 0) {
            s += n;
            continue;
        }
        n = word_at(s, text_words, sizeof text_words / sizeof *text_words);
        if (n > 0) {
            while (s[n] == ' ')
                n++;
            end = s[n] == '{' ? group_end(s + n) : NULL;
            if (end != NULL) {
                size_t inside = (size_t)(end - s) - n - 2;
                bool unit = out->length > 0 && is_unit(s + n + 1, inside) &&
                            (isdigit((unsigned char)out->data[out->length - 1]) ||
                             strchr("}) ", out->data[out->length - 1]) != NULL);

                if (!unit)
                    spn_buf_add(out, s + n + 1, inside);
                else if (end[0] == '^')
                    /* The power belongs to the unit. */
                    end += end[1] == '{' && group_end(end + 1) != NULL
                               ? (size_t)(group_end(end + 1) - end)
                           : end[1] != '\0' ? 2
                                            : 1;
                s = end;
                continue;
            }
        }
        spn_buf_add(out, s++, 1);
    }
}

/* What stands before a lone "=" with a short name on its left: "x = 5", "f(x)=..." is 5. */
static const char *skip_name(const char *s)
{
    const char *equal = strchr(s, '=');
    size_t n = equal != NULL ? (size_t)(equal - s) : 0;
    const char *in = strstr(s, "\\in");

    if (in != NULL && in > s && in - s <= 3 && !isalpha((unsigned char)in[3]))
        return in + 3;
    if (equal == NULL || n == 0 || n > 6 || strchr(equal + 1, '=') != NULL)
        return s;
    for (size_t i = 0; i < n; i++)
        if (!isalpha((unsigned char)s[i]) && strchr(" ()_", s[i]) == NULL)
            return s;
    return isalpha((unsigned char)s[0]) ? equal + 1 : s;
}

/* \tfrac, \dfrac, \cfrac are \frac; \frac12 and \sqrt3 get their braces; blanks go; {,} between
 * digits goes. */
static void braces(const char *s, struct spn_buf *out)
{
    static const char *const fracs[] = { "\\tfrac", "\\dfrac", "\\cfrac", "\\frac" };

    while (*s != '\0') {
        size_t n = strncmp(s, "\\tfrac", 6) == 0 || strncmp(s, "\\dfrac", 6) == 0 ||
                           strncmp(s, "\\cfrac", 6) == 0
                       ? 6
                   : strncmp(s, "\\frac", 5) == 0 ? 5
                                                  : word_at(s, fracs, 4);
        int arguments = n > 0 ? 2 : 0;

        if (n > 0)
            spn_buf_puts(out, "\\frac");
        if (n == 0 && strncmp(s, "\\sqrt", 5) == 0 && s[5] != '[') {
            spn_buf_puts(out, "\\sqrt");
            n = 5;
            arguments = 1;
        }
        s += n;
        for (; arguments > 0; arguments--) {
            while (*s == ' ')
                s++;
            if (*s == '{' || *s == '\0' || *s == '\\')
                break; /* has braces of its own, or is a command: as written */
            spn_buf_puts(out, "{");
            spn_buf_add(out, s++, 1);
            spn_buf_puts(out, "}");
        }
        if (n > 0)
            continue;
        if (strncmp(s, "{,}", 3) == 0) {
            spn_buf_puts(out, ",");
            s += 3;
        } else if (isspace((unsigned char)*s)) {
            s++;
        } else {
            spn_buf_add(out, s++, 1);
        }
    }
}

/* \frac{12}4 and \frac{a}b after the first argument: the second gets its braces too. */
static void second_argument(const char *s, struct spn_buf *out)
{
    while (*s != '\0') {
        const char *end = strncmp(s, "\\frac{", 6) == 0 ? group_end(s + 5) : NULL;

        if (end != NULL && *end != '{' && *end != '\\' && *end != '\0') {
            spn_buf_add(out, s, 5);
            spn_buf_add(out, s + 5, (size_t)(end - s) - 5);
            spn_buf_puts(out, "{");
            spn_buf_add(out, end, 1);
            spn_buf_puts(out, "}");
            s = end + 1;
        } else {
            spn_buf_add(out, s++, 1);
        }
    }
}

/* S[0..n) as a number: [-+]digits with point and thousands, a/b, \frac{a}{b} of whole numbers. */
static bool number(const char *s, size_t n, struct exact *out)
{
    struct exact below;
    size_t used, more;
    int decimals;
    bool minus = false;

    if (n > 0 && (*s == '-' || *s == '+')) {
        minus = *s == '-';
        s++;
        n--;
    }
    if (n > 6 && strncmp(s, "\\frac{", 6) == 0) {
        if (s[6] == '-') { /* the sign of the numerator is the fraction's */
            minus = !minus;
            s++;
            n--;
        }
        if (!exact_number(s + 6, n - 6, out, &used, &decimals) || 6 + used + 2 >= n ||
            strncmp(s + 6 + used, "}{", 2) != 0 ||
            !exact_number(s + 8 + used, n - 8 - used, &below, &more, &decimals) ||
            8 + used + more + 1 != n || s[n - 1] != '}' || !exact_op(*out, '/', below, out))
            return false;
    } else {
        if (!exact_number(s, n, out, &used, &decimals))
            return false;
        if (used < n && s[used] == '.' && used + 1 == n)
            used++;
        if (used < n && s[used] == '/') {
            if (!exact_number(s + used + 1, n - used - 1, &below, &more, &decimals) ||
                used + 1 + more != n || !exact_op(*out, '/', below, out))
                return false;
        } else if (used != n) {
            return false;
        }
    }
    if (minus)
        out->num = -out->num;
    return true;
}

/* A plain value as a whole number or \frac; anything else as it is. */
static void value(const char *s, struct spn_buf *out)
{
    size_t n = strlen(s);
    const char *equal;
    struct exact v;

    while (n > 0 && (s[n - 1] == '.' || s[n - 1] == ','))
        n--;
    /* Brackets around a number, and a calculation before it, are not part of it. */
    if (n > 2 && s[0] == '(' && s[n - 1] == ')' && number(s + 1, n - 2, &v)) {
        s++;
        n -= 2;
    }
    equal = memrchr(s, '=', n);
    if (equal != NULL && strpbrk(s, "\\") == NULL) {
        const char *letter = s;

        while (letter < equal && !isalpha((unsigned char)*letter))
            letter++;
        if (letter == equal) {
            n -= (size_t)(equal + 1 - s);
            s = equal + 1;
        }
    }
    if (!number(s, n, &v))
        spn_buf_add(out, s, n);
    else if (v.den == 1)
        spn_buf_printf(out, "%lld", (long long)v.num);
    else
        spn_buf_printf(out, "%s\\frac{%lld}{%lld}", v.num < 0 ? "-" : "",
                       (long long)(v.num < 0 ? -v.num : v.num), (long long)v.den);
}

/* A value followed by a word, "5 dollars", "3 cm^2": the word goes. */
static size_t without_words(const char *s, size_t n)
{
    size_t used, end = n;
    struct exact v;
    int decimals;

    if (n == 0 || !exact_number(s + (*s == '-'), n - (*s == '-'), &v, &used, &decimals))
        return n;
    used += *s == '-';
    if (used == n || s[used] != ' ')
        return n;
    while (used < end && s[used] == ' ')
        used++;
    for (size_t i = used; i < n; i++)
        if (!isalpha((unsigned char)s[i]) && strchr(" .^23/", s[i]) == NULL)
            return n;
    return isalpha((unsigned char)s[used]) ? used : n;
}

char *answer_normal(const char *answer)
{
    struct spn_buf a = SPN_BUF_INIT(ANSWER_MAX), b = SPN_BUF_INIT(ANSWER_MAX);
    char *out = NULL;
    const char *s;

    while (isspace((unsigned char)*answer))
        answer++;
    strip_looks(answer, &a);
    spn_buf_puts(&a, "");
    if (!a.failed) {
        spn_buf_trim(&a, without_words(a.data, a.length));
        s = skip_name(a.data);
        braces(s, &b);
        spn_buf_puts(&b, "");
    }
    if (!a.failed && !b.failed) {
        spn_buf_trim(&a, 0);
        second_argument(b.data, &a);
        spn_buf_puts(&a, "");
        spn_buf_trim(&b, 0);
        if (!a.failed)
            value(a.data, &b);
        spn_buf_puts(&b, "");
    }
    if (!a.failed && !b.failed)
        out = spn_buf_steal(&b);
    spn_buf_free(&a);
    spn_buf_free(&b);
    return out;
}

bool answer_equal(const char *a, const char *b)
{
    char *x = answer_normal(a), *y = answer_normal(b);
    bool same = x != NULL && y != NULL && x[0] != '\0' && strcmp(x, y) == 0;
    struct exact v, w;

    if (x != NULL && y != NULL && !same && number(x, strlen(x), &v) && number(y, strlen(y), &w))
        same = fabs(exact_double(v) - exact_double(w)) < 1e-5;
    spn_free(x);
    spn_free(y);
    return same;
}
