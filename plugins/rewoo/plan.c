#include "config.h"

#include "plan.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define STEPS_MAX  256
#define NUMBER_MAX 9999
#define INPUT_MAX  ((size_t)1 << 20)

void plan_free(struct plan *p)
{
    for (size_t i = 0; i < p->n_steps; i++)
        spn_free(p->step[i]);
    for (size_t i = 0; i < p->n_calls; i++) {
        spn_free(p->call[i].tool);
        spn_free(p->call[i].input);
        spn_free(p->call[i].evidence);
    }
    spn_free(p->step);
    spn_free(p->call);
    *p = (struct plan){ NULL, 0, NULL, 0 };
}

/* S[0..n) without blanks around it. */
static char *trimmed(const char *s, size_t n)
{
    while (n > 0 && isspace((unsigned char)*s)) {
        s++;
        n--;
    }
    while (n > 0 && isspace((unsigned char)s[n - 1]))
        n--;
    return spn_strndup(s, n);
}

/* The number of "#E12" at S, its bytes in *USED; 0: that is none. */
static int variable(const char *s, size_t *used)
{
    int n = 0;
    size_t i = 2;

    if (s[0] != '#' || s[1] != 'E')
        return 0;
    for (; isdigit((unsigned char)s[i]) && n <= NUMBER_MAX; i++)
        n = n * 10 + (s[i] - '0');
    *used = i;
    return n <= NUMBER_MAX ? n : 0;
}

static spn_status no_memory(struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "rewoo: no memory for a plan");
}

static struct plan_call *find(const struct plan *p, int number, size_t before)
{
    for (size_t i = 0; i < p->n_calls && i < before; i++)
        if (p->call[i].number == number)
            return &p->call[i];
    return NULL;
}

/* "tool[input]" or a literal. */
static spn_status set_call(struct plan_call *c, const char *value, size_t n, struct spn_err *err)
{
    const char *open = memchr(value, '[', n);
    size_t inside;

    spn_free(c->tool);
    spn_free(c->input);
    c->tool = NULL;
    while (n > 0 && isspace((unsigned char)value[n - 1]))
        n--;
    if (open == NULL) {
        c->input = trimmed(value, n);
    } else {
        inside = (size_t)(value + n - open) - 1;
        if (inside > 0 && open[inside] == ']')
            inside--;
        c->tool = trimmed(value, (size_t)(open - value));
        c->input = spn_strndup(open + 1, inside);
    }
    return c->input != NULL && (open == NULL || c->tool != NULL) ? SPN_OK : no_memory(err);
}

static spn_status add_call(struct plan *p, const char *line, size_t n, struct spn_err *err)
{
    const char *equal = memchr(line, '=', n);
    size_t used;
    int number = variable(line, &used);
    struct plan_call *c = number > 0 ? find(p, number, p->n_calls) : NULL, *bigger;

    if (number == 0 || equal == NULL || strspn(line + used, " \t") != (size_t)(equal - line) - used)
        return SPN_OK;
    if (c == NULL) {
        if (p->n_calls == STEPS_MAX)
            return SPN_OK;
        bigger = spn_realloc(p->call, p->n_calls + 1, sizeof *bigger);
        if (bigger == NULL)
            return no_memory(err);
        p->call = bigger;
        c = &p->call[p->n_calls++];
        *c = (struct plan_call){ .number = number };
    }
    return set_call(c, equal + 1, n - (size_t)(equal + 1 - line), err);
}

static spn_status add_step(struct plan *p, const char *line, size_t n, struct spn_err *err)
{
    char **bigger;

    if (p->n_steps == STEPS_MAX)
        return SPN_OK;
    bigger = spn_realloc(p->step, p->n_steps + 1, sizeof *bigger);
    if (bigger == NULL)
        return no_memory(err);
    p->step = bigger;
    p->step[p->n_steps] = trimmed(line, n);
    return p->step[p->n_steps++] != NULL ? SPN_OK : no_memory(err);
}

/* Which calls wait for which. */
static void set_levels(struct plan *p)
{
    for (size_t i = 0; i < p->n_calls; i++) {
        size_t used;

        p->call[i].level = 0;
        for (const char *s = p->call[i].input; *s != '\0'; s++) {
            int number = variable(s, &used);
            const struct plan_call *needs = number > 0 ? find(p, number, i) : NULL;

            if (needs != NULL && needs->level + 1 > p->call[i].level)
                p->call[i].level = needs->level + 1;
        }
    }
}

spn_status plan_parse(struct plan *p, const char *text, struct spn_err *err)
{
    spn_status st = SPN_OK;

    *p = (struct plan){ NULL, 0, NULL, 0 };
    for (const char *s = text; *s != '\0' && st == SPN_OK;) {
        size_t blank = strspn(s, " \t\r\n"), n;

        s += blank;
        n = strcspn(s, "\n");
        /* It goes on to invent what it cannot know. */
        if (strncmp(s, "Question:", 9) == 0 || strncmp(s, "Evidence:", 9) == 0)
            break;
        if (strncmp(s, "Plan:", 5) == 0)
            st = add_step(p, s, n, err);
        else if (s[0] == '#')
            st = add_call(p, s, n, err);
        s += n;
    }
    if (st == SPN_OK)
        set_levels(p);
    else
        plan_free(p);
    return st;
}

char *plan_input(const struct plan *p, size_t i)
{
    struct spn_buf b = SPN_BUF_INIT(INPUT_MAX);

    spn_buf_puts(&b, "");
    for (const char *s = p->call[i].input; *s != '\0';) {
        size_t used = 1;
        int number = variable(s, &used);
        const struct plan_call *c = number > 0 ? find(p, number, i) : NULL;

        if (c != NULL && c->evidence != NULL) {
            spn_buf_printf(&b, "[%s]", c->evidence);
            s += used;
        } else {
            spn_buf_add(&b, s++, 1);
        }
    }
    if (b.failed) {
        spn_buf_free(&b);
        return NULL;
    }
    return spn_buf_steal(&b);
}

const char *plan_evidence(const struct plan *p, size_t i)
{
    const struct plan_call *c = find(p, (int)i + 1, p->n_calls);

    return c != NULL ? c->evidence : NULL;
}

long long plan_cost_react(const struct plan_lengths *l, int k, const int *thought, const int *seen)
{
    long long sum = (long long)k * (l->question + l->context + l->shots);

    for (int j = 1; j < k; j++)
        sum += (long long)(k - j) * (thought[j - 1] + seen[j - 1]);
    return sum;
}

long long plan_cost_rewoo(const struct plan_lengths *l, int k, const int *plan, const int *seen)
{
    long long sum = 2LL * l->question + l->context + l->solver + l->shots;

    for (int j = 0; j < k; j++)
        sum += plan[j] + seen[j];
    return sum;
}
