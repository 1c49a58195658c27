/* faults.c - wrong solutions. */
#include "config.h"

#include "faults.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TRIES      64
#define SLIP_SHARE 0.7 /* of the faults are slips in the arithmetic */
#define NUMBER_MAX 1000000000

int64_t fault_slip(int64_t c, struct spn_rng *r)
{
    static const int64_t near[] = { 1, 10, 2, 100, 20, 11, 9, 90 };

    for (int i = 0; i < TRIES; i++) {
        int64_t place = 1, bad = c;

        switch (spn_rng_below(r, 4)) {
        case 0: /* another digit in one place */
            while (place <= c / 10 && spn_rng_unit(r) < 0.5)
                place *= 10;
            bad = c - c / place % 10 * place + (int64_t)spn_rng_below(r, 10) * place;
            break;
        case 1: /* a carry too many or too few */
            place = near[spn_rng_below(r, sizeof near / sizeof *near)];
            bad = spn_rng_unit(r) < 0.5 ? c + place : c - place;
            break;
        case 2: /* two neighbours change places */
            while (place <= c / 100 && spn_rng_unit(r) < 0.5)
                place *= 10;
            bad = c + (c / (10 * place) % 10 - c / place % 10) * (place - 10 * place);
            break;
        default: /* a digit lost */
            while (place <= c / 10 && spn_rng_unit(r) < 0.5)
                place *= 10;
            bad = c / (10 * place) * place + c % place;
        }
        if (bad > 0 && bad != c)
            return bad;
    }
    return c + 1;
}

/* Another number of the story, or an earlier result. */
static int64_t other_operand(const struct problem *p, const struct work *step, int at,
                             struct spn_rng *r)
{
    int i = (int)spn_rng_below(r, (uint64_t)(p->n_numbers + at));

    return i < p->n_numbers ? p->number[i] : step[i - p->n_numbers].c;
}

static struct work spoil(const struct problem *p, int at, struct spn_rng *r)
{
    static const char ops[] = "+-*/";
    struct work w = p->step[at];

    if (spn_rng_unit(r) < SLIP_SHARE) {
        w.c = fault_slip(w.c, r);
        return w;
    }
    if (spn_rng_unit(r) < 0.6) {
        int64_t *which = spn_rng_unit(r) < 0.5 ? &w.a : &w.b;

        *which = other_operand(p, p->step, at, r);
    } else {
        w.op = ops[spn_rng_below(r, 4)];
    }
    if (!problem_apply(w.op, w.a, w.b, &w.c))
        w.c = 0;
    return w;
}

void fault_draw(const struct problem *p, struct spn_rng *r, struct work step[PROBLEM_STEPS],
                int *at)
{
    for (int i = 0; i < TRIES; i++) {
        struct work bad;

        *at = (int)spn_rng_below(r, (uint64_t)p->n_steps);
        bad = spoil(p, *at, r);
        if (problem_solve_from(p, *at, bad, step) &&
            step[p->n_steps - 1].c != problem_answer(p))
            return;
    }
    /* A slip in the last line always does. */
    *at = p->n_steps - 1;
    memcpy(step, p->step, sizeof p->step);
    step[*at].c = fault_slip(step[*at].c, r);
}

/* The next calculation `a op b = c` of *TEXT. */
static bool next_work(const char **text, struct work *w)
{
    for (const char *s = *text; *s != '\0'; s++) {
        char *end;
        long long a, b, c;
        char op;

        if (!isdigit((unsigned char)*s))
            continue;
        a = strtoll(s, &end, 10);
        s = end - 1;
        if (end[0] != ' ' || end[1] == '\0' || strchr("+-*/", end[1]) == NULL || end[2] != ' ' ||
            !isdigit((unsigned char)end[3]))
            continue;
        op = end[1];
        b = strtoll(end + 3, &end, 10);
        if (strncmp(end, " = ", 3) != 0 || !isdigit((unsigned char)end[3])) {
            s = end - 1;
            continue;
        }
        c = strtoll(end + 3, &end, 10);
        *text = end;
        if (a > NUMBER_MAX || b > NUMBER_MAX || c > NUMBER_MAX)
            a = b = c = 0;
        *w = (struct work){ op, a, b, c };
        return true;
    }
    return false;
}

static bool same_work(const struct work *w, const struct work *want)
{
    bool turned = (w->op == '+' || w->op == '*') && w->a == want->b && w->b == want->a;

    return w->op == want->op && w->c == want->c &&
           ((w->a == want->a && w->b == want->b) || turned);
}

/* The number after the last "####". */
static bool final_number(const char *text, long long *out)
{
    const char *at = NULL;
    char *end;

    for (const char *s = strstr(text, "####"); s != NULL; s = strstr(s + 4, "####"))
        at = s + 4;
    if (at == NULL)
        return false;
    *out = strtoll(at, &end, 10);
    return end != at;
}

struct verdict fault_find(const struct problem *p, const char *text)
{
    struct verdict v = { .wrong = -1 };
    struct work w;
    long long answer;
    bool right = final_number(text, &answer) && answer == problem_answer(p);

    for (const char *at = text; next_work(&at, &w); v.lines++) {
        if (v.lines < PROBLEM_STEPS)
            v.said[v.lines] = w.c;
        if (v.wrong < 0 && (v.lines >= p->n_steps || !same_work(&w, &p->step[v.lines])))
            v.wrong = v.lines;
    }
    if (right)
        v.wrong = -1;
    else if (v.wrong < 0)
        v.wrong = v.lines;
    return v;
}
