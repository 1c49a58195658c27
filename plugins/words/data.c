/* data.c - one example of each call. */
#include "config.h"

#include "data.h"

#include <string.h>

#define DRILL_LINES  4
#define HARD_SHARE   0.5 /* of the drills look for a product or a quotient first */
#define RIGHT_SHARE  0.45 /* of the judged answers are right */
#define PART_SHARE   0.2  /* of the scored answers are not finished yet */
#define PLAIN_SHARE  0.2  /* of the problems are asked as people do, with no word before */
#define MISLED_SHARE 0.15 /* of the corrections follow a critique that is wrong */
#define CHOICES_MAX  4
#define TEXT_MAX     ((size_t)1 << 16)

const char *const data_call_names[DATA_CALLS] = { "answer",   "drill",  "check", "score",
                                                  "critique", "refine", "choose" };

void data_problem(struct problem *p, uint64_t key, uint64_t index, enum problem_set set,
                  struct spn_rng *r)
{
    spn_rng_init(r, spn_key_int(key, index));
    problem_draw(p, set, r);
}

/* A solution that is judged: lines, and which is the first wrong one (-1: none). */
struct judged {
    struct problem problem;
    struct spn_buf text;
    struct verdict verdict;
};

static void judge_made(struct judged *j, bool right, struct spn_rng *r)
{
    struct work step[PROBLEM_STEPS];

    memcpy(step, j->problem.step, sizeof step);
    j->verdict = (struct verdict){ .lines = j->problem.n_steps, .wrong = -1 };
    if (!right)
        fault_draw(&j->problem, r, step, &j->verdict.wrong);
    for (int i = 0; i < j->problem.n_steps; i++)
        j->verdict.said[i] = step[i].c;
    problem_solution(&j->problem, step, j->problem.n_steps, &j->text);
}

/* An answer to be judged: made, or one of the model's own, which brings its problem along. */
static void draw_judged(const struct data_source *d, struct judged *j, struct spn_rng *r)
{
    bool right = spn_rng_unit(r) < RIGHT_SHARE;

    spn_buf_trim(&j->text, 0);
    if (d->own != NULL && spn_rng_unit(r) < d->own_share) {
        size_t from = right ? 0 : d->own->n_right,
               to = right ? d->own->n_right : d->own->n;
        const struct own_answer *a = &d->own->item[from + spn_rng_below(r, to - from)];

        j->problem = a->problem;
        j->verdict = a->verdict;
        spn_buf_puts(&j->text, a->text);
    } else {
        judge_made(j, right, r);
    }
}

/* The prompt of CALL. */
static spn_status ask(const struct data_source *d, enum data_call call, const struct problem *p,
                      const char *answer, const char *more, struct spn_buf *out)
{
    struct spn_buf question = SPN_BUF_INIT(TEXT_MAX);
    const char *body = d->prompts != NULL ? spn_prompts_get(d->prompts, data_call_names[call])
                                          : "{question}";
    spn_status st;

    problem_question(p, &question);
    const struct spn_place place[] = {
        { "question", question.data }, { "answer", answer }, { "answers", answer },
        { "critique", more }
    };

    st = question.failed ? SPN_ENOMEM : spn_prompts_fill(out, body, place, 4);
    spn_buf_free(&question);
    return st;
}

/* Step W done again, beside the result that was SAID. */
static void put_mark(const struct work *w, int64_t said, bool right, struct spn_buf *b)
{
    spn_buf_printf(b, "%lld %c %lld = %lld, %lld %s\n", (long long)w->a, w->op, (long long)w->b,
                   (long long)w->c, (long long)said, right ? "right" : "wrong");
}

/* The first N steps of J's problem, the last one wrong when WRONG; a step too many is but wrong. */
static void put_marks(const struct judged *j, int n, bool wrong, struct spn_buf *b)
{
    for (int i = 0; i < n && i < j->problem.n_steps; i++)
        put_mark(&j->problem.step[i],
                 i < j->verdict.lines ? j->verdict.said[i] : j->problem.step[i].c,
                 !wrong || i < n - 1, b);
    if (n > j->problem.n_steps)
        spn_buf_puts(b, "wrong\n");
}

static void score(const struct data_source *d, struct judged *j, struct spn_rng *r,
                  struct spn_buf *answer)
{
    const struct verdict *v = &j->verdict;

    draw_judged(d, j, r);
    if (spn_rng_unit(r) < PART_SHARE && v->lines > 1) {
        int keep = 1 + (int)spn_rng_below(r, (uint64_t)(v->lines - 1));
        const char *s = j->text.data;

        for (int i = 0; i < keep && s != NULL; i++)
            s = strchr(s, '\n') != NULL ? strchr(s, '\n') + 1 : NULL;
        if (s != NULL && s > j->text.data) {
            spn_buf_trim(&j->text, (size_t)(s - 1 - j->text.data));
            j->verdict.lines = keep;
            if (v->wrong >= keep)
                j->verdict.wrong = -1;
        }
    }
    if (v->wrong < 0) {
        put_marks(j, v->lines, false, answer);
        spn_buf_puts(answer, "Score: 100");
    } else {
        /* What was right before counts a little. */
        put_marks(j, v->wrong + 1, true, answer);
        spn_buf_printf(answer, "Score: %d", 40 * v->wrong / j->problem.n_steps / 10 * 10);
    }
}

static void put_critique(const struct problem *p, int wrong, const struct work *want,
                         struct spn_buf *b)
{
    if (wrong < 0)
        spn_buf_puts(b, "No error found.");
    else if (wrong >= p->n_steps)
        spn_buf_printf(b, "Step %d is not needed.", wrong + 1);
    else
        spn_buf_printf(b, "Step %d is wrong: %lld %c %lld = %lld.", wrong + 1,
                       (long long)want[wrong].a, want[wrong].op, (long long)want[wrong].b,
                       (long long)want[wrong].c);
}

/* A critique that names a step, or none, that it should not have. */
static void put_misled(const struct judged *j, struct spn_rng *r, struct spn_buf *b)
{
    struct work step[PROBLEM_STEPS];
    int at;

    if (j->verdict.wrong >= 0 && spn_rng_unit(r) < 0.5) {
        spn_buf_puts(b, "No error found.");
        return;
    }
    fault_draw(&j->problem, r, step, &at);
    put_critique(&j->problem, at, step, b);
}

static spn_status refine(const struct data_source *d, struct judged *j, struct spn_rng *r,
                         struct spn_buf *question, struct spn_buf *answer)
{
    struct spn_buf critique = SPN_BUF_INIT(TEXT_MAX);
    spn_status st;

    draw_judged(d, j, r);
    if (spn_rng_unit(r) < MISLED_SHARE)
        put_misled(j, r, &critique);
    else
        put_critique(&j->problem, j->verdict.wrong, j->problem.step, &critique);
    st = critique.failed || j->text.failed
             ? SPN_ENOMEM
             : ask(d, DATA_REFINE, &j->problem, j->text.data, critique.data, question);
    problem_solution(&j->problem, j->problem.step, j->problem.n_steps, answer);
    spn_buf_free(&critique);
    return st;
}

/* Several answers of which one is right: the problem is solved anew. */
static spn_status choose(const struct data_source *d, struct judged *j, struct spn_rng *r,
                         struct spn_buf *question, struct spn_buf *answer)
{
    struct spn_buf answers = SPN_BUF_INIT(TEXT_MAX);
    int n = 2 + (spn_rng_unit(r) < 0.35) * (1 + (int)spn_rng_below(r, CHOICES_MAX - 2)),
        good = (int)spn_rng_below(r, (uint64_t)n);
    spn_status st;

    for (int i = 0; i < n; i++) {
        spn_buf_trim(&j->text, 0);
        judge_made(j, i == good, r);
        spn_buf_printf(&answers, "%s%d:\n%s", i > 0 ? "\n" : "", i + 1,
                       j->text.failed ? "" : j->text.data);
    }
    problem_lines(&j->problem, j->problem.step, j->problem.n_steps, answer);
    spn_buf_printf(answer, "Answer: %lld", (long long)problem_answer(&j->problem));
    st = answers.failed || j->text.failed
             ? SPN_ENOMEM
             : ask(d, DATA_CHOOSE, &j->problem, answers.data, "", question);
    spn_buf_free(&answers);
    return st;
}

/* A step of P for a drill. */
static struct work draw_step(const struct problem *p, struct spn_rng *r)
{
    int at = (int)spn_rng_below(r, (uint64_t)p->n_steps);

    if (spn_rng_unit(r) < HARD_SHARE)
        for (int i = 0; i < p->n_steps && (p->step[at].op == '+' || p->step[at].op == '-'); i++)
            at = (at + 1) % p->n_steps;
    return p->step[at];
}

/* Lines of arithmetic from the steps of problems; CHECK: are they right? */
static void drill(const struct problem *first, bool check, struct spn_rng *r,
                  struct spn_buf *question, struct spn_buf *answer)
{
    struct problem p = *first;

    spn_buf_puts(question, check ? "Check:" : "Compute:");
    for (int i = 0; i < DRILL_LINES; i++) {
        struct work w = draw_step(&p, r);

        spn_buf_printf(question, "\n%lld %c %lld", (long long)w.a, w.op, (long long)w.b);
        if (check) {
            bool right = spn_rng_unit(r) < 0.5;

            int64_t said = right ? w.c : fault_slip(w.c, r);

            spn_buf_printf(question, " = %lld", (long long)said);
            put_mark(&w, said, right, answer);
        } else {
            spn_buf_printf(answer, "%s%lld %c %lld = %lld", i > 0 ? "\n" : "", (long long)w.a,
                           w.op, (long long)w.b, (long long)w.c);
        }
        problem_draw(&p, PROBLEM_TRAIN, r);
    }
    if (check)
        spn_buf_trim(answer, answer->length - 1);
}

static enum data_call draw_call(const struct data_source *d, struct spn_rng *r)
{
    double sum = 0, at;
    int call = 0;

    for (int i = 0; i < DATA_CALLS; i++)
        sum += d->share[i];
    at = spn_rng_unit(r) * sum;
    while (call < DATA_CALLS - 1 && at >= d->share[call])
        at -= d->share[call++];
    return (enum data_call)call;
}

static spn_status render(const struct data_source *d, struct judged *j, struct spn_rng *r,
                         struct spn_buf *question, struct spn_buf *answer)
{
    enum data_call call = draw_call(d, r);

    switch (call) {
    case DATA_DRILL:
    case DATA_CHECK:
        drill(&j->problem, call == DATA_CHECK, r, question, answer);
        return SPN_OK;
    case DATA_SCORE:
        score(d, j, r, answer);
        break;
    case DATA_CRITIQUE:
        draw_judged(d, j, r);
        put_marks(j, j->verdict.wrong < 0 ? j->verdict.lines : j->verdict.wrong + 1,
                  j->verdict.wrong >= 0, answer);
        put_critique(&j->problem, j->verdict.wrong, j->problem.step, answer);
        break;
    case DATA_REFINE:
        return refine(d, j, r, question, answer);
    case DATA_CHOOSE:
        return choose(d, j, r, question, answer);
    default:
        problem_solution(&j->problem, j->problem.step, j->problem.n_steps, answer);
        if (d->set != PROBLEM_TRAIN || spn_rng_unit(r) < PLAIN_SHARE) {
            problem_question(&j->problem, question);
            return SPN_OK;
        }
    }
    return j->text.failed ? SPN_ENOMEM
                          : ask(d, call, &j->problem, j->text.data, "", question);
}

spn_status data_example(const struct data_source *d, uint64_t index, struct spn_buf *question,
                        struct spn_buf *answer)
{
    struct judged j = { .text = SPN_BUF_INIT(TEXT_MAX) };
    struct spn_rng r;
    spn_status st;

    spn_buf_trim(question, 0);
    spn_buf_trim(answer, 0);
    data_problem(&j.problem, d->key, index, d->set, &r);
    st = render(d, &j, &r, question, answer);
    spn_buf_free(&j.text);
    return st != SPN_OK || question->failed || answer->failed ? SPN_ENOMEM : SPN_OK;
}
