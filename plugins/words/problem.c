/* problem.c - numbers, names and words for a story. */
#include "config.h"

#include "problem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "stories.h"

#define HELD_OUT_ONE_IN 8   /* sets of numbers kept from training */
#define INVENTED_SHARE  0.5 /* of the names */
#define FAR_LO          0.7
#define FAR_HI          1.5

int problem_stories(void)
{
    return (int)n_stories;
}

bool problem_held_out(const int64_t *number, int n)
{
    int64_t sorted[PROBLEM_NUMBERS];
    uint64_t key = spn_key_str(spn_key_seed(0), "held out");

    for (int i = 0; i < n; i++) {
        int k = i;

        for (; k > 0 && sorted[k - 1] > number[i]; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = number[i];
    }
    for (int i = 0; i < n; i++)
        key = spn_key_int(key, (uint64_t)sorted[i]);
    return key % HELD_OUT_ONE_IN == 0;
}

bool problem_apply(char op, int64_t a, int64_t b, int64_t *c)
{
    switch (op) {
    case '+':
        return !__builtin_add_overflow(a, b, c);
    case '-':
        return !__builtin_sub_overflow(a, b, c);
    case '*':
        return !__builtin_mul_overflow(a, b, c);
    default:
        if (b == 0 || (b == -1 && a == INT64_MIN) || a % b != 0)
            return false;
        *c = a / b;
        return true;
    }
}

static int64_t operand(const struct problem *p, const struct work *step, char which)
{
    return which >= 'A' ? p->number[which - 'A'] : step[which - '1'].c;
}

bool problem_solve_from(const struct problem *p, int at, struct work bad,
                        struct work step[PROBLEM_STEPS])
{
    const struct story *s = &stories[p->story];

    for (int i = 0; i < p->n_steps; i++) {
        const struct story_step *t = &s->step[i];

        step[i] = (struct work){ t->op, operand(p, step, t->a), operand(p, step, t->b), 0 };
        if (i == at)
            step[i] = bad;
        else if (!problem_apply(t->op, step[i].a, step[i].b, &step[i].c))
            return false;
        if (step[i].c <= 0)
            return false;
    }
    return true;
}

bool problem_solve(const struct problem *p, struct work step[PROBLEM_STEPS])
{
    return problem_solve_from(p, -1, (struct work){ 0 }, step);
}

static void draw_name(char name[PROBLEM_NAME], struct spn_rng *r)
{
    size_t n = 0;

    if (spn_rng_unit(r) >= INVENTED_SHARE) {
        snprintf(name, PROBLEM_NAME, "%s", story_names[spn_rng_below(r, n_story_names)]);
        return;
    }
    for (int left = 2 + (int)spn_rng_below(r, 2); left > 0; left--)
        n += (size_t)snprintf(name + n, PROBLEM_NAME - n, "%s",
                              story_syllables[spn_rng_below(r, n_story_syllables)]);
    name[0] = (char)toupper((unsigned char)name[0]);
}

static void draw_numbers(struct problem *p, enum problem_set set, struct spn_rng *r)
{
    const struct story *s = &stories[p->story];

    for (p->n_numbers = 0; p->n_numbers < PROBLEM_NUMBERS && s->range[p->n_numbers].hi > 0;
         p->n_numbers++) {
        int64_t lo = s->range[p->n_numbers].lo, hi = s->range[p->n_numbers].hi;

        if (set == PROBLEM_FAR) {
            lo = (int64_t)(FAR_LO * (double)hi + 0.999999);
            hi = (int64_t)(FAR_HI * (double)hi);
        }
        p->number[p->n_numbers] = lo + (int64_t)spn_rng_below(r, (uint64_t)(hi - lo + 1));
    }
}

void problem_draw(struct problem *p, enum problem_set set, struct spn_rng *r)
{
    const struct story *s;
    size_t thing = spn_rng_below(r, n_story_things),
           other = spn_rng_below(r, n_story_things - 1);

    memset(p, 0, sizeof *p);
    p->story = (int)spn_rng_below(r, n_stories);
    s = &stories[p->story];
    while (p->n_steps < PROBLEM_STEPS && s->step[p->n_steps].label != NULL)
        p->n_steps++;
    do
        p->wording = (int)spn_rng_below(r, STORY_WORDINGS);
    while (s->wording[p->wording] == NULL);
    do
        draw_numbers(p, set, r);
    while (problem_held_out(p->number, p->n_numbers) != (set != PROBLEM_TRAIN) ||
           !problem_solve(p, p->step));
    p->thing[0] = story_things[thing];
    p->thing[1] = story_things[other + (other >= thing)];
    draw_name(p->name[0], r);
    do
        draw_name(p->name[1], r);
    while (strcmp(p->name[0], p->name[1]) == 0);
}

/* TEXT with its {…} filled in. */
static void fill(const struct problem *p, const char *text, struct spn_buf *b)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "{");

        spn_buf_add(b, text, plain);
        text += plain;
        if (*text == '\0')
            return;
        if (text[1] >= 'A' && text[1] <= 'E')
            spn_buf_printf(b, "%lld", (long long)p->number[text[1] - 'A']);
        else if (text[1] == 'n' || text[1] == 'm')
            spn_buf_puts(b, p->name[text[1] == 'm']);
        else
            spn_buf_puts(b, p->thing[text[1] == 'y']);
        text += 3;
    }
}

void problem_question(const struct problem *p, struct spn_buf *b)
{
    size_t from = b->length;

    fill(p, stories[p->story].wording[p->wording], b);
    if (b->length > from)
        b->data[from] = (char)toupper((unsigned char)b->data[from]);
}

void problem_lines(const struct problem *p, const struct work *step, int n, struct spn_buf *b)
{
    for (int i = 0; i < n; i++) {
        spn_buf_printf(b, "%s: %lld %c %lld = %lld\n", stories[p->story].step[i].label,
                       (long long)step[i].a, step[i].op, (long long)step[i].b,
                       (long long)step[i].c);
    }
}

void problem_solution(const struct problem *p, const struct work *step, int n, struct spn_buf *b)
{
    problem_lines(p, step, n, b);
    spn_buf_printf(b, "#### %lld", (long long)(n > 0 ? step[n - 1].c : 0));
}

int64_t problem_answer(const struct problem *p)
{
    return p->step[p->n_steps - 1].c;
}
