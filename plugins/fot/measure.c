/* measure.c - the same questions and seeds for every method; what counts is the task's exact check
   on the answer that came out.  No truth goes in: a reasoner sees the question alone. */
#include "config.h"

#include "measure.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* The set called SET; NULL: the model's own, else general. */
static spn_status open_prompts(struct measure *m, const char *set, struct spn_err *err)
{
    const struct spn_caps *caps = m->engine_api->caps(m->engine);
    const char *used = set != NULL ? set : caps != NULL ? caps->prompts : NULL;
    spn_status st = m->prompts_api->open(&m->prompts, used, m->task->prompts, err);

    if (st == SPN_ENOTFOUND && set == NULL && used != NULL) {
        used = NULL;
        st = m->prompts_api->open(&m->prompts, NULL, m->task->prompts, err);
    }
    if (st == SPN_OK)
        m->examples = m->prompts_api->examples(used, m->task->prompts);
    return st;
}

spn_status measure_open(struct measure *m, const struct spn_host *host, struct spn_job *job,
                        const char *model, const char *task, const char *prompts,
                        struct spn_err *err)
{
    spn_status st;

    m->registry = host->query("registry", 1);
    m->values = host->query("values", 1);
    m->engine_api = host->query("engine", 1);
    m->thoughts = host->query("thoughts", 1);
    m->job_api = host->query("job", 1);
    m->prompts_api = host->query("prompts", 1);
    m->job = job;
    if (m->registry == NULL || m->values == NULL || m->engine_api == NULL || m->thoughts == NULL ||
        m->job_api == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "bench: this host lacks a table it needs");
    m->task = m->registry->find(SPN_POINT_TASK, task);
    m->task_name = task;
    if (m->task == NULL)
        return spn_fail(err, SPN_EUSAGE, "bench: no task is called %s", task);
    st = m->engine_api->open(&m->engine, model, err);
    return st == SPN_OK && m->task->prompts != NULL && m->prompts_api != NULL
               ? open_prompts(m, prompts, err)
               : st;
}

spn_status measure_questions(struct measure *m, const char *path, size_t limit, struct spn_err *err)
{
    questions_free(&m->questions);
    return path != NULL ? questions_read(&m->questions, path, limit, err)
                        : spn_fail(err, SPN_EUSAGE, "bench: which questions? name a file");
}

void measure_close(struct measure *m)
{
    if (m->engine != NULL)
        m->engine_api->close(m->engine);
    m->engine = NULL;
    spn_prompts_free(m->prompts);
    spn_free(m->examples);
    m->prompts = NULL;
    m->examples = NULL;
    questions_free(&m->questions);
}

/* ---- methods ---- */

void method_clear(struct method *m)
{
    spn_free(m->label);
    spn_free(m->name);
    spn_free(m->options);
    spn_free(m->right);
    spn_free(m->any);
    spn_free(m->rating);
    spn_free(m->rated_right);
    *m = (struct method){ .label = NULL };
}

void methods_free(struct method *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        method_clear(&list[i]);
    spn_free(list);
}

spn_status method_make(struct method *m, const char *label, const char *name, const char *options,
                       struct spn_err *err)
{
    *m = (struct method){ .label = spn_strdup(label),
                          .name = spn_strdup(name),
                          .options = spn_strdup(options) };
    return m->label != NULL && m->name != NULL && m->options != NULL
               ? SPN_OK
               : spn_fail(err, SPN_ENOMEM, "bench: no memory for %s", label);
}

/* "sc:16" and "greedy" mean settings of cot. */
static void expand(const char *part, struct spn_buf *name, struct spn_buf *options)
{
    size_t n = strcspn(part, ":");
    const char *rest = part[n] == ':' ? part + n + 1 : "";

    if (strncmp(part, "greedy", n) == 0 && n == 6) {
        spn_buf_puts(name, "cot");
        spn_buf_puts(options, "temperature=0");
    } else if ((strncmp(part, "sc", n) == 0 && n == 2) ||
               (strncmp(part, "cotsc", n) == 0 && n == 5)) {
        spn_buf_puts(name, "cot");
        spn_buf_printf(options, "samples=%s", rest[0] != '\0' ? rest : "16");
    } else {
        spn_buf_add(name, part, n);
        spn_buf_puts(options, rest);
    }
}

static spn_status add_method(struct method **list, size_t *n, const char *part, struct spn_err *err)
{
    struct spn_buf name = SPN_BUF_INIT(4096), options = SPN_BUF_INIT(4096);
    struct method *bigger = spn_realloc(*list, *n + 1, sizeof *bigger), *m;

    if (bigger == NULL)
        return spn_fail(err, SPN_ENOMEM, "bench: no memory for a method");
    *list = bigger;
    m = &bigger[(*n)++];
    expand(part, &name, &options);
    spn_buf_puts(&name, "");
    spn_buf_puts(&options, "");
    *m = (struct method){ .label = spn_strdup(part),
                          .name = spn_buf_steal(&name),
                          .options = spn_buf_steal(&options) };
    if (m->label == NULL || m->name == NULL || m->options == NULL || name.failed || options.failed)
        return spn_fail(err, SPN_ENOMEM, "bench: no memory for method %.40s", part);
    return SPN_OK;
}

spn_status methods_parse(struct method **out, size_t *n, const char *methods, struct spn_err *err)
{
    struct method *list = NULL;
    struct spn_buf part = SPN_BUF_INIT(1 << 16);
    size_t count = 0;
    spn_status st = SPN_OK;

    for (const char *s = methods; st == SPN_OK && *s != '\0';) {
        size_t length = strcspn(s, ", "), colon = strcspn(s, ":"), equal = strcspn(s, "=");
        bool goes_on = equal < length && colon > equal && part.length > 0;

        if (!goes_on && part.length > 0) {
            st = add_method(&list, &count, part.data, err);
            spn_buf_trim(&part, 0);
        }
        if (goes_on)
            spn_buf_puts(&part, strchr(part.data, ':') == NULL ? ":" : ",");
        spn_buf_add(&part, s, length);
        s += length;
        s += strspn(s, ", ");
    }
    if (st == SPN_OK && part.length > 0)
        st = add_method(&list, &count, part.data, err);
    if (st == SPN_OK && (count == 0 || part.failed))
        st = spn_fail(err, SPN_EUSAGE, "methods: \"%.60s\" names none: as in cot,sc:16,fot:trees=8",
                      methods);
    spn_buf_free(&part);
    if (st != SPN_OK) {
        methods_free(list, count);
        return st;
    }
    *out = list;
    *n = count;
    return SPN_OK;
}

/* ---- runs ---- */

struct watch {
    struct measure *m;
    struct method *what;
};

/* Called while a forest grows: how many pages of keys and values it takes, and shares. */
static void watch_pages(void *ctx)
{
    struct watch *w = ctx;
    struct spn_engine_stats s = { .pages_used = 0 };

    if (w->m->engine_api->stats == NULL)
        return;
    w->m->engine_api->stats(w->m->engine, &s);
    if (s.pages_used > w->what->pages) {
        w->what->pages = s.pages_used;
        w->what->shared = s.pages_shared;
    }
}

/* Is ANSWER to question I right, by the task's check or by the true answer? */
static bool is_right(const struct measure *m, size_t i, const char *answer)
{
    return m->task->check(m->questions.item[i], answer) == 1 ||
           (m->questions.gold[i] != NULL && m->task->grade != NULL &&
            m->task->grade(answer, m->questions.gold[i]) == 1);
}

/* Answers of the graph that were rated go to the method's list. */
static spn_status keep_ratings(const struct measure *m, struct method *what,
                               const struct spn_thoughts *t, size_t q, struct spn_err *err)
{
    for (size_t i = 0; i < m->thoughts->count(t); i++) {
        const struct spn_node *n = m->thoughts->at(t, (int64_t)i);

        if (n->text == NULL || strcmp(n->kind, "answer") != 0 || !isfinite(n->score))
            continue;
        if (what->n_rated == what->room_rated) {
            size_t room = what->room_rated == 0 ? 256 : 2 * what->room_rated;
            double *rating = spn_realloc(what->rating, room, sizeof *rating);
            bool *right;

            if (rating != NULL)
                what->rating = rating;
            right = spn_realloc(what->rated_right, room, sizeof *right);
            if (right != NULL)
                what->rated_right = right;
            if (rating == NULL || right == NULL)
                return spn_fail(err, SPN_ENOMEM, "bench: no memory for %zu ratings", room);
            what->room_rated = room;
        }
        what->rating[what->n_rated] = n->score;
        what->rated_right[what->n_rated++] = is_right(m, q, n->text);
    }
    return SPN_OK;
}

/* Is any answer in the graph right? */
static bool any_right(const struct measure *m, const struct spn_thoughts *t, size_t q)
{
    for (size_t i = 0; i < m->thoughts->count(t); i++) {
        const struct spn_node *n = m->thoughts->at(t, (int64_t)i);

        if (n->text != NULL && strcmp(n->kind, "answer") == 0 && is_right(m, q, n->text))
            return true;
    }
    return false;
}

static spn_status ask(struct measure *m, struct method *what, const struct spn_reasoner *reasoner,
                      const struct spn_values *options, int seed, size_t i, struct spn_err *err)
{
    struct watch w = { m, what };
    struct spn_reason_request r = { .question = m->questions.item[i],
                                    .task = m->task,
                                    .task_name = m->task_name,
                                    .engine = m->engine,
                                    .options = options,
                                    .seed = m->seed + (uint64_t)seed,
                                    .prompts = m->prompts,
                                    .examples = m->examples,
                                    .cancel = m->job_api->cancel(m->job),
                                    .on_change = watch_pages,
                                    .on_change_ctx = &w };
    struct spn_reason_result out = { .answer = NULL };
    size_t at = (size_t)seed * m->questions.n + i;
    spn_status st;

    spn_sampling_default(&r.sampling);
    r.sampling.top_k = 0;
    r.sampling.top_p = 1;
    r.sampling.min_p = 0;
    r.thoughts = m->thoughts->new_();
    if (r.thoughts == NULL)
        return spn_fail(err, SPN_ENOMEM, "bench: no memory for a graph");
    st = reasoner->run(&r, &out, err);
    if (st == SPN_OK && strcmp(out.ended, "user") == 0)
        st = spn_fail(err, SPN_ECANCEL, "bench: stopped by the user");
    if (st == SPN_OK) {
        what->right[at] = out.answer != NULL && is_right(m, i, out.answer);
        what->any[at] = what->right[at] || any_right(m, r.thoughts, i);
        if (what->rates)
            st = keep_ratings(m, what, r.thoughts, i, err);
        what->calls += out.calls;
        what->tokens_in += out.tokens_in;
        what->tokens_cached += out.tokens_cached;
        what->tokens_out += out.tokens_out;
        what->seconds += out.seconds;
    }
    spn_free(out.answer);
    spn_free(out.text);
    m->thoughts->free_(r.thoughts);
    return st;
}

spn_status measure_run(struct measure *m, struct method *what, struct spn_err *err)
{
    const struct spn_reasoner *reasoner = m->registry->find(SPN_POINT_REASONER, what->name);
    size_t n = m->questions.n * (size_t)m->seeds;
    struct spn_values *options = NULL;
    spn_status st;

    if (reasoner == NULL)
        return spn_fail(err, SPN_EUSAGE, "methods: no reasoner is called %s", what->name);
    st = m->values->parse(&options, reasoner->options, what->options, what->name, err);
    if (st != SPN_OK)
        return st;
    what->right = spn_calloc(n, sizeof *what->right);
    what->any = spn_calloc(n, sizeof *what->any);
    if (what->right == NULL || what->any == NULL)
        st = spn_fail(err, SPN_ENOMEM, "bench: no memory for %zu results", n);
    for (int seed = 0; seed < m->seeds && st == SPN_OK; seed++)
        for (size_t i = 0; i < m->questions.n && st == SPN_OK; i++) {
            st = ask(m, what, reasoner, options, seed, i, err);
            m->job_api->progress(m->job, ++m->done, m->total, what->label);
        }
    m->values->free_(options);
    return st;
}

/* ---- figures ---- */

struct spread measure_success(const struct measure *m, const bool *success)
{
    double sum = 0, squares = 0, variance;

    for (int seed = 0; seed < m->seeds; seed++) {
        size_t right = 0;
        double percent;

        for (size_t i = 0; i < m->questions.n; i++)
            right += success[(size_t)seed * m->questions.n + i];
        percent = 100.0 * (double)right / (double)m->questions.n;
        sum += percent;
        squares += percent * percent;
    }
    variance = m->seeds > 1 ? (squares - sum * sum / m->seeds) / (m->seeds - 1) : 0;
    return (struct spread){ sum / m->seeds, sqrt(fmax(0, variance)) };
}

/* Two-sided exact binomial: under the null each discordant pair falls either way with 1/2. */
struct mcnemar measure_mcnemar(const bool *a, const bool *b, size_t n)
{
    struct mcnemar t = { 0, 0, 1 };
    int64_t all, least;
    double tail = 0;

    for (size_t i = 0; i < n; i++) {
        t.only_a += a[i] && !b[i];
        t.only_b += b[i] && !a[i];
    }
    all = t.only_a + t.only_b;
    least = t.only_a < t.only_b ? t.only_a : t.only_b;
    for (int64_t k = 0; k <= least; k++)
        tail += exp(lgamma((double)all + 1) - lgamma((double)k + 1) -
                    lgamma((double)(all - k) + 1) - (double)all * log(2));
    t.p = fmin(1, 2 * tail);
    return t;
}

struct paired measure_paired(const struct measure *m, const bool *a, const bool *b)
{
    double n = (double)m->questions.n, sum = 0, squares = 0, mean, variance;

    /* Seeds of one question are not independent: its mean over them is one figure. */
    for (size_t i = 0; i < m->questions.n; i++) {
        double d = 0;

        for (int s = 0; s < m->seeds; s++) {
            size_t at = (size_t)s * m->questions.n + i;

            d += (double)a[at] - (double)b[at];
        }
        d /= m->seeds;
        sum += d;
        squares += d * d;
    }
    mean = sum / n;
    variance = n > 1 ? (squares - sum * mean) / (n - 1) : 0;
    return (struct paired){ 100 * mean, 100 * 1.959964 * sqrt(fmax(0, variance) / n) };
}

double measure_auc(const struct method *what)
{
    double above = 0, pairs = 0;

    for (size_t i = 0; i < what->n_rated; i++)
        for (size_t k = 0; what->rated_right[i] && k < what->n_rated; k++) {
            if (what->rated_right[k])
                continue;
            pairs++;
            above += what->rating[i] > what->rating[k]    ? 1
                     : what->rating[i] == what->rating[k] ? 0.5
                                                          : 0;
        }
    return pairs > 0 ? above / pairs : NAN;
}
