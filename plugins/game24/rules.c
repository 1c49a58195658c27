#include "config.h"

#include "rules.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rational.h"

#define NUMBER_MAX 1000000000

/* One whole number at *P: "12", "-3", "(-3)". False leaves *P alone. A decimal point or a fraction
 * is no whole number. */
static bool number_at(const char **p, int64_t *out)
{
    const char *s = *p;
    bool paren = *s == '(', minus;
    int64_t v = 0;

    if (paren)
        s++;
    minus = *s == '-';
    if (minus)
        s++;
    if (!isdigit((unsigned char)*s))
        return false;
    while (isdigit((unsigned char)*s))
        if ((v = v * 10 + (*s++ - '0')) > NUMBER_MAX)
            return false;
    if (s[0] == '.' && isdigit((unsigned char)s[1]))
        return false;
    if (paren && *s++ != ')')
        return false;
    *out = minus ? -v : v;
    *p = s;
    return true;
}

static const char *blanks(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\r')
        p++;
    return p;
}

bool hand_parse(const char *text, struct hand *h)
{
    const char *p = text;

    for (h->n = 0;;) {
        while (isspace((unsigned char)*p) || *p == ',')
            p++;
        if (*p == '\0')
            return h->n > 0;
        if (h->n == HAND_MAX || !number_at(&p, &h->v[h->n]))
            return false;
        h->n++;
    }
}

void hand_text(const struct hand *h, char *out, size_t room)
{
    size_t at = 0;

    out[0] = '\0';
    for (int i = 0; i < h->n && at < room; i++)
        at += (size_t)snprintf(out + at, room - at, i == 0 ? "%lld" : " %lld", (long long)h->v[i]);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

void hand_key(const struct hand *h, char *out, size_t room)
{
    struct hand sorted = *h;

    qsort(sorted.v, (size_t)sorted.n, sizeof sorted.v[0], by_value);
    hand_text(&sorted, out, room);
}

/* Takes V out of H; false when it is not there. */
static bool hand_take(struct hand *h, int64_t v)
{
    for (int i = 0; i < h->n; i++) {
        if (h->v[i] != v)
            continue;
        memmove(&h->v[i], &h->v[i + 1], (size_t)(h->n - i - 1) * sizeof h->v[0]);
        h->n--;
        return true;
    }
    return false;
}

static char operator_at(const char **p)
{
    static const struct {
        const char *text;
        char op;
    } table[] = {
        { "+", '+' }, { "-", '-' },        { "*", '*' },        { "/", '/' },
        { "x", '*' }, { "\xc3\x97", '*' }, { "\xc3\xb7", '/' }, { "\xe2\x88\x92", '-' },
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        size_t n = strlen(table[i].text);

        if (strncmp(*p, table[i].text, n) == 0) {
            *p += n;
            return table[i].op;
        }
    }
    return 0;
}

/* The equation at P: a op b = c. *END is what follows. */
static bool equation_at(const char *p, struct step *s, const char **end)
{
    if (!number_at(&p, &s->a))
        return false;
    p = blanks(p);
    s->op = operator_at(&p);
    if (s->op == 0)
        return false;
    p = blanks(p);
    if (!number_at(&p, &s->b))
        return false;
    p = blanks(p);
    if (*p++ != '=')
        return false;
    p = blanks(p);
    if (!number_at(&p, &s->c))
        return false;
    *end = p;
    return true;
}

bool step_parse(const char *line, struct step *s)
{
    const char *p, *end = NULL, *left;

    memset(s, 0, sizeof *s);
    for (p = line; *p != '\0' && end == NULL; p++) {
        bool starts = (isdigit((unsigned char)*p) || *p == '(' || *p == '-') &&
                      (p == line || !isalnum((unsigned char)p[-1]));

        if (starts)
            equation_at(p, s, &end);
    }
    if (end == NULL)
        return false;
    left = strstr(end, "left");
    if (left == NULL)
        return true;
    left += 4;
    while (*left == ':' || isspace((unsigned char)*left))
        left++;
    while (s->left.n < HAND_MAX && number_at(&left, &s->left.v[s->left.n])) {
        s->left.n++;
        while (*left == ',' || isspace((unsigned char)*left))
            left++;
    }
    s->has_left = s->left.n > 0;
    return true;
}

static void number_text(int64_t v, char out[24])
{
    snprintf(out, 24, v < 0 ? "(%lld)" : "%lld", (long long)v);
}

void step_text(const struct step *s, char *out, size_t room)
{
    char a[24], b[24], left[HAND_MAX * 24];

    number_text(s->a, a);
    number_text(s->b, b);
    hand_text(&s->left, left, sizeof left);
    if (s->left.n > 0)
        snprintf(out, room, "%s %c %s = %lld (left: %s)", a, s->op, b, (long long)s->c, left);
    else
        snprintf(out, room, "%s %c %s = %lld", a, s->op, b, (long long)s->c);
}

static bool same_numbers(const struct hand *a, const struct hand *b)
{
    char x[HAND_MAX * 24], y[HAND_MAX * 24];

    hand_key(a, x, sizeof x);
    hand_key(b, y, sizeof y);
    return a->n == b->n && strcmp(x, y) == 0;
}

bool rule_apply(const struct hand *state, const char *line, bool correct, struct step *out,
                bool *repaired, const char **why)
{
    struct hand rest = *state, right;
    struct rational c;

    *repaired = false;
    if (!step_parse(line, out)) {
        *why = "no step in it";
        return false;
    }
    if (!correct) {
        *why = "not the numbers of a next state";
        return out->has_left && out->left.n == state->n - 1;
    }
    if (!hand_take(&rest, out->a) || !hand_take(&rest, out->b)) {
        *why = "uses a number that is not there";
        return false;
    }
    if (!rational_apply(rational_int(out->a), out->op, rational_int(out->b), &c)) {
        *why = "has no value";
        return false;
    }
    if (c.d != 1 || c.n > NUMBER_MAX || c.n < -NUMBER_MAX) {
        *why = "not a whole number";
        return false;
    }
    *repaired = c.n != out->c;
    out->c = c.n;
    right.v[0] = c.n;
    memcpy(&right.v[1], rest.v, (size_t)rest.n * sizeof rest.v[0]);
    right.n = rest.n + 1;
    if (!same_numbers(&right, &out->left)) {
        *repaired = true;
        out->left = right;
    }
    return true;
}

bool rule_finish(const struct hand *state, struct step *out)
{
    static const char ops[] = "+-*/-/"; /* the last two with the numbers the other way round */
    struct rational r;

    memset(out, 0, sizeof *out);
    if (state->n != 2)
        return state->n == 1 && state->v[0] == 24;
    for (int i = 0; i < 6; i++) {
        int64_t a = state->v[i >= 4], b = state->v[i < 4];

        if (rational_apply(rational_int(a), ops[i], rational_int(b), &r) && rational_is(r, 24)) {
            *out = (struct step){ .a = a, .b = b, .c = 24, .op = ops[i] };
            return true;
        }
    }
    return false;
}

/* One operand: the newest unused result of that value first, so that a chain of steps nests. */
struct term {
    int64_t v;
    int step;
    bool used;
}; /* step -1: a number of the hand */

static int take_term(struct term *t, int n, int64_t v)
{
    for (int i = n - 1; i >= 0; i--)
        if (!t[i].used && t[i].v == v) {
            t[i].used = true;
            return t[i].step;
        }
    return -1;
}

struct build {
    const struct step *steps;
    const int (*operand)[2];
    struct spn_buf *out;
};

static void put_operation(const struct build *b, int k, bool paren)
{
    const struct step *s = &b->steps[k];

    if (paren)
        spn_buf_puts(b->out, "(");
    for (int side = 0; side < 2; side++) {
        int from = b->operand[k][side];
        int64_t v = side == 0 ? s->a : s->b;

        if (side == 1)
            spn_buf_printf(b->out, " %c ", s->op);
        if (from >= 0)
            put_operation(b, from, true);
        else
            spn_buf_printf(b->out, v < 0 ? "(%lld)" : "%lld", (long long)v);
    }
    if (paren)
        spn_buf_puts(b->out, ")");
}

void step_expression(const struct hand *start, const struct step *steps, int n, struct spn_buf *out)
{
    struct term t[2 * HAND_MAX];
    int operand[HAND_MAX][2], terms = 0;
    struct build b = { steps, operand, out };

    if (n < 1 || n > HAND_MAX)
        return;
    for (int i = 0; i < start->n; i++)
        t[terms++] = (struct term){ start->v[i], -1, false };
    for (int k = 0; k < n; k++) {
        operand[k][0] = take_term(t, terms, steps[k].a);
        operand[k][1] = take_term(t, terms, steps[k].b);
        t[terms++] = (struct term){ steps[k].c, k, false };
    }
    put_operation(&b, n - 1, false);
}
