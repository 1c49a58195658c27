#include "config.h"

#include "expression.h"

#include <ctype.h>
#include <string.h>

#define DEPTH_MAX 64

struct parser {
    const char *p;
    int64_t *used;
    size_t n;
    int depth;
};

static bool sum(struct parser *s, struct rational *out);

static void blanks(struct parser *s)
{
    while (*s->p == ' ' || *s->p == '\t')
        s->p++;
}

/* Reads an operator of either rank; 0 when none follows. */
static char operator_at(const char *p, size_t *length)
{
    *length = 1;
    if (*p != '\0' && strchr("+-*/", *p) != NULL)
        return *p;
    if (*p == 'x')
        return '*';
    *length = 2;
    if (memcmp(p, "\xc3\x97", p[0] == '\0' ? 1 : 2) == 0)
        return '*';
    if (memcmp(p, "\xc3\xb7", p[0] == '\0' ? 1 : 2) == 0)
        return '/';
    return 0;
}

static bool atom(struct parser *s, struct rational *out)
{
    int64_t v = 0;

    blanks(s);
    if (*s->p == '(') {
        if (++s->depth > DEPTH_MAX)
            return false;
        s->p++;
        if (!sum(s, out))
            return false;
        blanks(s);
        s->depth--;
        return *s->p++ == ')';
    }
    if (!isdigit((unsigned char)*s->p))
        return false;
    while (isdigit((unsigned char)*s->p)) {
        v = v * 10 + (*s->p++ - '0');
        if (v > 1000000000)
            return false;
    }
    if (*s->p == '.' || s->n == EXPRESSION_NUMBERS_MAX)
        return false;
    s->used[s->n++] = v;
    *out = rational_int(v);
    return true;
}

static bool product(struct parser *s, struct rational *out)
{
    struct rational b;
    size_t length;
    char op;

    if (!atom(s, out))
        return false;
    for (;;) {
        blanks(s);
        op = operator_at(s->p, &length);
        if (op != '*' && op != '/')
            return true;
        s->p += length;
        if (!atom(s, &b) || !rational_apply(*out, op, b, out))
            return false;
    }
}

static bool sum(struct parser *s, struct rational *out)
{
    struct rational b;
    char op;

    if (!product(s, out))
        return false;
    for (;;) {
        blanks(s);
        op = *s->p;
        if (op != '+' && op != '-')
            return true;
        s->p++;
        if (!product(s, &b) || !rational_apply(*out, op, b, out))
            return false;
    }
}

bool expression_value(const char *text, struct rational *value,
                      int64_t used[EXPRESSION_NUMBERS_MAX], size_t *n_used)
{
    struct parser s = { text, used, 0, 0 };

    if (!sum(&s, value))
        return false;
    blanks(&s);
    *n_used = s.n;
    return *s.p == '\0' || *s.p == '=' || *s.p == '\n';
}

/* The numbers of a hand, blank between; false when anything else is in it. */
static bool hand_numbers(const char *text, int64_t *v, size_t *n)
{
    for (*n = 0;;) {
        while (isspace((unsigned char)*text) || *text == ',')
            text++;
        if (*text == '\0')
            return *n > 0;
        if (!isdigit((unsigned char)*text) || *n == EXPRESSION_NUMBERS_MAX)
            return false;
        for (v[*n] = 0; isdigit((unsigned char)*text); text++)
            if ((v[*n] = v[*n] * 10 + (*text - '0')) > 1000000000)
                return false;
        ++*n;
    }
}

int expression_check(const char *question, const char *answer)
{
    int64_t want[EXPRESSION_NUMBERS_MAX], have[EXPRESSION_NUMBERS_MAX];
    size_t n_want, n_have, i, j;
    struct rational value;

    if (!hand_numbers(question, want, &n_want))
        return -1;
    if (answer == NULL || !expression_value(answer, &value, have, &n_have) ||
        !rational_is(value, 24) || n_have != n_want)
        return 0;
    for (i = 0; i < n_want; i++) {
        for (j = 0; j < n_have && have[j] != want[i]; j++)
            ;
        if (j == n_have)
            return 0;
        have[j] = have[--n_have];
    }
    return 1;
}
