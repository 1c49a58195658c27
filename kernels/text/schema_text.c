/* schema_text.c - ranges of numbers and regular expressions as GBNF; schemas joined. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "text/schema.h"
#include "text/unicode.h"

enum { PATTERN_DEPTH_MAX = 50 };

void schema_literal(struct spn_buf *out, const char *text, size_t n)
{
    spn_buf_puts(out, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\')
            spn_buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            spn_buf_printf(out, "\\x%02x", c);
        else
            spn_buf_add(out, &text[i], 1);
    }
    spn_buf_puts(out, "\"");
}

/* ---- numbers ---- */

/* Numbers of DIGITS digits from LO to HI, both of that length. */
static void digits(struct spn_buf *out, const char *lo, const char *hi)
{
    size_t n = strlen(lo), same = 0, first, last;
    char edge[24];

    while (same < n && lo[same] == hi[same])
        same++;
    if (same > 0) {
        schema_literal(out, lo, same);
        if (same == n)
            return;
        spn_buf_puts(out, " ");
    }
    lo += same;
    hi += same;
    n -= same;
    if (n == 1) {
        spn_buf_printf(out, "[%c-%c]", lo[0], hi[0]);
        return;
    }
    first = strspn(lo + 1, "0") == n - 1; /* LO's first digit takes all that follow */
    last = strspn(hi + 1, "9") == n - 1;
    spn_buf_puts(out, "(");
    if (!first) {
        memset(edge, '9', n);
        edge[n] = '\0';
        edge[0] = lo[0];
        digits(out, lo, edge);
    }
    if (lo[0] + !first <= hi[0] - !last)
        spn_buf_printf(out, "%s[%c-%c] [0-9]{%zu}", first ? "" : " | ", lo[0] + !first,
                       hi[0] - !last, n - 1);
    if (!last) {
        memset(edge, '0', n);
        edge[n] = '\0';
        edge[0] = hi[0];
        spn_buf_puts(out, first && lo[0] + !first > hi[0] - !last ? "" : " | ");
        digits(out, edge, hi);
    }
    spn_buf_puts(out, ")");
}

/* LO..HI, not negative. */
static void natural(struct spn_buf *out, uint64_t lo, uint64_t hi)
{
    char a[24], b[24];
    bool more = false;

    while (lo <= hi) {
        uint64_t top;

        snprintf(a, sizeof a, "%" PRIu64, lo);
        snprintf(b, sizeof b, "%" PRIu64, hi);
        top = hi;
        if (strlen(a) < strlen(b)) {
            memset(b, '9', strlen(a));
            b[strlen(a)] = '\0';
            top = 9;
            for (size_t i = 1; i < strlen(a); i++)
                top = top * 10 + 9;
        }
        spn_buf_puts(out, more ? " | " : "");
        digits(out, a, b);
        more = true;
        if (top >= hi)
            break;
        lo = top + 1;
    }
}

#define DIGITS_MAX 999999999999999

static void clip(int64_t *lo, int64_t *hi)
{
    if (*lo == INT64_MIN)
        *lo = *hi < 0 ? -DIGITS_MAX : -DIGITS_MAX;
    if (*hi == INT64_MAX)
        *hi = *lo > DIGITS_MAX ? *lo : DIGITS_MAX;
    if (*lo > *hi)
        *lo = *hi;
}

static uint64_t without_sign(int64_t x) { return x < 0 ? 0 - (uint64_t)x : (uint64_t)x; }

void schema_integer(struct spn_buf *out, int64_t lo, int64_t hi)
{
    bool negative;

    clip(&lo, &hi);
    negative = lo < 0;
    spn_buf_puts(out, "(");
    if (negative) {
        spn_buf_puts(out, "\"-\" (");
        natural(out, hi < 0 ? without_sign(hi) : 1, without_sign(lo));
        spn_buf_puts(out, ")");
    }
    if (hi >= 0) {
        spn_buf_puts(out, negative ? " | " : "");
        natural(out, lo < 0 ? 0 : (uint64_t)lo, (uint64_t)hi);
    }
    spn_buf_puts(out, ")");
}

/* A whole number of the range, or one with decimals between two of them. */
void schema_number(struct spn_buf *out, int64_t lo, int64_t hi)
{
    static const char decimals[] = "\".\" [0-9]{1,9}";

    clip(&lo, &hi);
    spn_buf_puts(out, "(");
    schema_integer(out, lo, hi);
    if (hi > 0 && (lo < 0 ? 0 : lo) < hi) {
        spn_buf_puts(out, " | (");
        natural(out, lo < 0 ? 0 : (uint64_t)lo, (uint64_t)hi - 1);
        spn_buf_printf(out, ") %s", decimals);
    }
    if (lo < 0 && (hi > 0 ? 0 : hi) > lo) {
        spn_buf_puts(out, " | \"-\" (");
        natural(out, hi < 0 ? without_sign(hi) : 0, without_sign(lo) - 1);
        spn_buf_printf(out, ") %s", decimals);
    }
    spn_buf_puts(out, ")");
}

/* ---- patterns ---- */

struct pattern {
    const char *p;
    struct schema *s;
    struct spn_buf *out;
    int depth;
};

/* C in a JSON string, as a GBNF literal. */
static void add_char(struct pattern *x, uint32_t c)
{
    unsigned char text[8];
    unsigned n;

    if (c == '"' || c == '\\') {
        text[0] = '\\';
        text[1] = (unsigned char)c;
        n = 2;
    } else if (c < 0x20) {
        schema_fail(x->s, "a pattern with control characters is not known");
        return;
    } else {
        n = uni_encode(c, text);
    }
    schema_literal(x->out, (const char *)text, n);
    spn_buf_puts(x->out, " ");
}

/* A class of the pattern, which quotes and backslashes stay out of: they are written otherwise. */
static bool shorthand(struct pattern *x, char c, bool inside)
{
    const char *set = c == 'd' ? "0-9" : c == 'w' ? "A-Za-z0-9_" : c == 's' ? " " : NULL;

    if (set == NULL)
        return false;
    spn_buf_printf(x->out, inside ? "%s" : "[%s] ", set);
    return true;
}

static void class_char(struct pattern *x, uint32_t c)
{
    if (c == '"' || c == '\\' || c < 0x20)
        schema_fail(x->s, "a pattern with quotes, backslashes or controls in a class is not known");
    else if (c == ']' || c == '[' || c == '-' || c == '^')
        spn_buf_printf(x->out, "\\%c", (int)c);
    else
        spn_buf_printf(x->out, "\\U%08x", (unsigned)c);
}

static uint32_t next_char(struct pattern *x)
{
    unsigned length;
    int32_t c = uni_decode((const unsigned char *)x->p, strlen(x->p), &length);

    x->p += length;
    if (c < 0)
        schema_fail(x->s, "a pattern is not UTF-8");
    return c < 0 ? '?' : (uint32_t)c;
}

static void class(struct pattern *x)
{
    bool negated = *++x->p == '^', first = true;

    x->p += negated;
    spn_buf_puts(x->out, negated ? "[^\\\"\\\\\\x00-\\x1f\\x7f" : "[");
    for (; *x->p != '\0' && (*x->p != ']' || first) && x->s->st == SPN_OK; first = false) {
        if (*x->p == '\\' && x->p[1] != '\0') {
            x->p++;
            if (shorthand(x, *x->p, true)) {
                x->p++;
                continue;
            }
            if ((*x->p >= 'a' && *x->p <= 'z') || (*x->p >= 'A' && *x->p <= 'Z'))
                schema_fail(x->s, "the pattern's \\%c is not known", *x->p);
        }
        class_char(x, next_char(x));
        if (*x->p == '-' && x->p[1] != ']' && x->p[1] != '\0') {
            x->p += 1 + (x->p[1] == '\\');
            spn_buf_puts(x->out, "-");
            class_char(x, next_char(x));
        }
    }
    if (*x->p != ']')
        schema_fail(x->s, "a class of the pattern has no end");
    else
        x->p++;
    spn_buf_puts(x->out, "] ");
}

static void quantifier(struct pattern *x)
{
    size_t n = 1;

    if (*x->p == '{') {
        n = strspn(x->p + 1, "0123456789,") + 2;
        if (x->p[n - 1] != '}' || x->p[1] == ',') {
            schema_fail(x->s, "a repetition of the pattern is not known");
            return;
        }
    }
    spn_buf_add(x->out, x->p, n);
    spn_buf_puts(x->out, " ");
    x->p += n;
    if (*x->p == '?' || *x->p == '+') /* which of several matches: all one here */
        x->p++;
}

static void choices(struct pattern *x)
{
    if (++x->depth > PATTERN_DEPTH_MAX)
        schema_fail(x->s, "a pattern is nested too deeply");
    spn_buf_puts(x->out, "(");
    while (*x->p != '\0' && *x->p != ')' && x->s->st == SPN_OK) {
        if (*x->p == '|') {
            spn_buf_puts(x->out, "| ");
            x->p++;
            continue;
        }
        if (*x->p == '(') {
            x->p++;
            if (*x->p == '?' && x->p[1] == ':')
                x->p += 2;
            else if (*x->p == '?')
                schema_fail(x->s, "the pattern looks around, which is not known");
            choices(x);
            if (*x->p != ')')
                schema_fail(x->s, "a group of the pattern has no end");
            else
                x->p++;
        } else if (*x->p == '[') {
            class(x);
        } else if (*x->p == '.') {
            spn_buf_puts(x->out, "[^\\\"\\\\\\x00-\\x1f\\x7f] ");
            x->p++;
        } else if (*x->p == '^' || *x->p == '$' || *x->p == '*' || *x->p == '+' || *x->p == '?') {
            schema_fail(x->s, "the pattern's %c stands where it is not known", *x->p);
        } else {
            if (*x->p == '\\' && x->p[1] != '\0') {
                x->p++;
                if (shorthand(x, *x->p, false)) {
                    x->p++;
                    goto repeated;
                }
                if ((*x->p >= 'a' && *x->p <= 'z') || (*x->p >= 'A' && *x->p <= 'Z') ||
                    (*x->p >= '0' && *x->p <= '9'))
                    schema_fail(x->s, "the pattern's \\%c is not known", *x->p);
            }
            spn_buf_puts(x->out, "(");
            add_char(x, next_char(x));
            spn_buf_puts(x->out, ") ");
        }
    repeated:
        if (*x->p == '*' || *x->p == '+' || *x->p == '?' || *x->p == '{')
            quantifier(x);
    }
    spn_buf_puts(x->out, ") ");
    x->depth--;
}

void schema_pattern(struct schema *s, struct spn_buf *out, const char *pattern)
{
    size_t n = strlen(pattern);
    char *body;
    struct pattern x = { .s = s, .out = out };

    if (n < 2 || pattern[0] != '^' || pattern[n - 1] != '$' || pattern[n - 2] == '\\') {
        schema_fail(s, "a pattern is to begin with ^ and end with $, not \"%.60s\"", pattern);
        return;
    }
    body = spn_strndup(pattern + 1, n - 2);
    if (body == NULL) {
        s->st = spn_fail(s->err, SPN_ENOMEM, "schema: out of memory");
        return;
    }
    x.p = body;
    choices(&x);
    if (*x.p != '\0')
        schema_fail(s, "the pattern has a \")\" too many");
    spn_free(body);
}

/* ---- allOf ---- */

/* Members of FROM into the object INTO: properties and required are joined, of others the stricter
 * bound holds. */
void schema_merge(struct schema *s, json_t *into, const json_t *from)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)from, key, value) {
        json_t *old = json_object_get(into, key);
        bool low = strncmp(key, "min", 3) == 0 || strcmp(key, "exclusiveMinimum") == 0,
             high = strncmp(key, "max", 3) == 0 || strcmp(key, "exclusiveMaximum") == 0;

        if (strcmp(key, "allOf") == 0)
            continue;
        if (old == NULL) {
            json_object_set_new(into, key, json_deep_copy(value));
        } else if (strcmp(key, "properties") == 0) {
            schema_merge(s, old, value);
        } else if (strcmp(key, "required") == 0) {
            json_array_extend(old, value);
        } else if (low || high) {
            if ((json_number_value(value) > json_number_value(old)) == low)
                json_object_set(into, key, value);
        } else if (!json_equal(old, value) && strcmp(key, "title") != 0 &&
                   strcmp(key, "description") != 0) {
            schema_fail(s, "allOf: two different \"%.40s\" are not known", key);
        }
    }
}
