/* lines.c - states grow by a line; all calls of a level go out together. */
#include "config.h"

#include "lines.h"

#include <math.h>
#include <string.h>

#include "../common/tree.h"
#include "base/mem.h"

#define LINE_TOKENS  128
#define SCORE_TOKENS 512
#define RETRIES      3
#define LINE_MIN     2 /* characters of a line */
#define STATE_MAX    ((size_t)1 << 16)

struct state {
    char *text; /* lines so far, each with its newline */
    double value;
    bool final;
    int64_t node;
    uint64_t path;
};
struct states {
    struct state *item;
    size_t n, room;
};
struct search {
    struct reason_ground ground;
    struct reason_tree_options unused;
    const struct tot_options *o;
    const struct spn_reason_request *r;
    char *start;
    struct state best; /* finished, of highest value; text NULL: none */
    bool over;         /* depth first: good enough */
};

static spn_status no_memory(struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "tot: no memory for a state");
}

static void free_states(struct states *s)
{
    for (size_t i = 0; i < s->n; i++)
        spn_free(s->item[i].text);
    spn_free(s->item);
    *s = (struct states){ NULL, 0, 0 };
}

/* X is taken over. */
static spn_status push(struct states *s, struct state x, struct spn_err *err)
{
    if (x.text != NULL && s->n == s->room) {
        size_t room = s->room == 0 ? 16 : 2 * s->room;
        struct state *bigger = spn_realloc(s->item, room, sizeof *bigger);

        if (bigger != NULL) {
            s->item = bigger;
            s->room = room;
        }
    }
    if (x.text == NULL || s->n == s->room) {
        spn_free(x.text);
        return no_memory(err);
    }
    s->item[s->n++] = x;
    return SPN_OK;
}

/* ---- next lines ---- */

/* The lines of X without the last newline; free with spn_free. */
static char *lines_of(const struct state *x)
{
    size_t n = strlen(x->text);

    return spn_strndup(x->text, n > 0 ? n - 1 : 0);
}

/* SECTION with the lines of X as its answer. */
static spn_status words_about(const struct search *s, const struct state *x, const char *section,
                              char **out, struct spn_err *err)
{
    char *lines = lines_of(x);
    const struct spn_place places[] = { { "question", s->start }, { "answer", lines } };
    spn_status st =
        lines != NULL ? reason_words(s->r, section, places, 2, out, err) : no_memory(err);

    spn_free(lines);
    return st;
}

static spn_status ask_line(struct search *s, const struct state *x, int64_t index, int draw,
                           struct spn_err *err)
{
    struct reason_ask a = { .owner = s,
                            .kind = REASON_PROPOSE,
                            .index = index,
                            .max_tokens = LINE_TOKENS,
                            .key = reason_key(x->path, "line", draw),
                            .stop = "\n" };
    char *prompt = NULL;
    spn_status st = words_about(s, x, "step", &prompt, err);

    /* Without words for a step, the answer goes on from its lines so far. */
    if (st == SPN_OK && prompt == NULL) {
        a.prefill = x->text;
        st = reason_answer_words(s->r, s->start, &prompt, err);
    }
    a.prompt = prompt;
    if (st == SPN_OK)
        st = reason_ask(&s->ground.calls, &a, err);
    spn_free(prompt);
    return st;
}

static char *joined(const char *lines, const char *line)
{
    struct spn_buf b = SPN_BUF_INIT(STATE_MAX);

    spn_buf_printf(&b, "%s%s\n", lines, line);
    if (b.failed) {
        spn_buf_free(&b);
        return NULL;
    }
    return spn_buf_steal(&b);
}

/* Is the line of REPLY fit to be a thought below X? *TEXT: the state it makes, when it is. */
static spn_status fit(const struct state *x, const struct states *siblings, const char *reply,
                      char **text, struct spn_err *err)
{
    const char *at = reply;
    char *line = NULL;

    *text = NULL;
    if (!reason_line(&at, &line))
        return SPN_OK;
    if (line == NULL)
        return no_memory(err);
    /* A line that was written before leads nowhere. */
    if (strlen(line) >= LINE_MIN && strstr(x->text, line) == NULL)
        *text = joined(x->text, line);
    spn_free(line);
    for (size_t i = 0; *text != NULL && i < siblings->n; i++)
        if (strcmp(siblings->item[i].text, *text) == 0) {
            spn_free(*text);
            *text = NULL;
        }
    return SPN_OK;
}

/* BRANCH children of each of the N states at FROM, appended to OUT. */
static spn_status expand(struct search *s, const struct state *from, size_t n, int level,
                         struct states *out, struct spn_err *err)
{
    size_t branch = (size_t)s->o->branch, total = n * branch;
    char **reply = spn_calloc(total, sizeof *reply);
    bool *open = spn_calloc(total, sizeof *open);
    spn_status st = reply != NULL && open != NULL ? SPN_OK : no_memory(err);

    for (size_t i = 0; i < total && st == SPN_OK; i++)
        open[i] = !from[i / branch].final;
    for (int round = 0; round <= RETRIES && st == SPN_OK; round++) {
        struct reason_reply got;

        for (size_t i = 0; i < total && st == SPN_OK; i++)
            if (open[i])
                st = ask_line(s, &from[i / branch], (int64_t)i,
                              (int)(i % branch) + round * (int)branch, err);
        while (st == SPN_OK && (st = reason_next(&s->ground.calls, &got, err)) == SPN_OK) {
            spn_free(reply[got.call.index]);
            reply[got.call.index] = spn_strdup(got.text);
            if (reply[got.call.index] == NULL)
                st = no_memory(err);
            else if (s->r->thoughts != NULL)
                s->ground.tables->thoughts->spent(s->r->thoughts,
                                                  from[got.call.index / (int64_t)branch].node,
                                                  got.tokens_in, got.tokens_out, got.seconds);
        }
        st = st == SPN_ENOTFOUND ? SPN_OK : st;
        /* In the order of the states, whatever came first. */
        for (size_t i = 0; i < total && st == SPN_OK; i++) {
            const struct state *x = &from[i / branch];
            struct state child = { .value = NAN };
            struct spn_node node = { .parent = x->node, .level = level, .kind = "propose" };

            if (!open[i] || reply[i] == NULL)
                continue;
            st = fit(x, out, reply[i], &child.text, err);
            if (st != SPN_OK || child.text == NULL)
                continue;
            open[i] = false;
            node.text = child.text + strlen(x->text);
            node.score = NAN;
            child.node = reason_node_add(&s->ground, &node);
            child.path = reason_key(x->path, "child", (int64_t)(i % branch));
            child.final = strstr(node.text, "####") != NULL || strstr(node.text, "\\boxed") != NULL;
            st = push(out, child, err);
        }
    }
    for (size_t i = 0; reply != NULL && i < total; i++)
        spn_free(reply[i]);
    spn_free(reply);
    spn_free(open);
    return st;
}

/* ---- values ---- */

static spn_status judge(struct search *s, struct states *c, size_t first, struct spn_err *err)
{
    size_t eval = (size_t)s->o->eval;
    double *each = spn_calloc((c->n - first) * eval + 1, sizeof *each);
    struct reason_reply got;
    spn_status st = each != NULL ? SPN_OK : no_memory(err);

    for (size_t i = 0; st == SPN_OK && i < (c->n - first) * eval; i++) {
        const struct state *x = &c->item[first + i / eval];
        struct reason_ask a = { .owner = s,
                                .kind = REASON_VALUE,
                                .index = (int64_t)i,
                                .max_tokens = SCORE_TOKENS,
                                .key = reason_key(x->path, "value", (int64_t)(i % eval)) };
        char *prompt = NULL;

        st = words_about(s, x, "score", &prompt, err);
        if (st == SPN_OK && prompt == NULL)
            st = spn_fail(err, SPN_EUSAGE, "tot: the set of prompts has no section [score]");
        a.prompt = prompt;
        if (st == SPN_OK)
            st = reason_ask(&s->ground.calls, &a, err);
        spn_free(prompt);
    }
    while (st == SPN_OK && (st = reason_next(&s->ground.calls, &got, err)) == SPN_OK) {
        const struct state *x = &c->item[first + (size_t)got.call.index / eval];

        each[got.call.index] = reason_score(got.text) / 100;
        if (s->r->thoughts != NULL)
            s->ground.tables->thoughts->spent(s->r->thoughts, x->node, got.tokens_in,
                                              got.tokens_out, got.seconds);
    }
    for (size_t i = first; i < c->n && each != NULL; i++) {
        double sum = 0;

        for (size_t k = 0; k < eval; k++)
            sum += each[(i - first) * eval + k];
        c->item[i].value = sum / (double)eval;
        if (s->r->thoughts != NULL && c->item[i].node >= 0)
            s->ground.tables->thoughts->score(s->r->thoughts, c->item[i].node, c->item[i].value);
    }
    spn_free(each);
    return st == SPN_ENOTFOUND ? SPN_OK : st;
}

/* Best first, equal ones as they came. */
static void sort(struct states *c)
{
    for (size_t i = 1; i < c->n; i++) {
        struct state x = c->item[i];
        size_t k = i;

        for (; k > 0 && c->item[k - 1].value < x.value; k--)
            c->item[k] = c->item[k - 1];
        c->item[k] = x;
    }
}

/* A finished state that is better than what there was. */
static spn_status keep(struct search *s, const struct state *x, struct spn_err *err)
{
    char *text;

    if (!x->final || (s->best.text != NULL && s->best.value >= x->value))
        return SPN_OK;
    text = spn_strdup(x->text);
    if (text == NULL)
        return no_memory(err);
    spn_free(s->best.text);
    s->best = *x;
    s->best.text = text;
    return SPN_OK;
}

/* ---- the two orders ---- */

static bool any_open(const struct states *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (!c->item[i].final)
            return true;
    return false;
}

static spn_status breadth_first(struct search *s, const struct state *root, struct spn_err *err)
{
    struct states front = { NULL, 0, 0 };
    struct state copy = *root;
    spn_status st;

    copy.text = spn_strdup(root->text);
    st = push(&front, copy, err);
    for (int level = 1;
         st == SPN_OK && level <= s->o->depth && any_open(&front) && reason_open(&s->ground.calls);
         level++) {
        struct states next = { NULL, 0, 0 };
        size_t first;

        /* Finished states stand beside the new ones. */
        for (size_t i = 0; i < front.n && st == SPN_OK; i++)
            if (front.item[i].final) {
                copy = front.item[i];
                copy.text = spn_strdup(copy.text);
                st = push(&next, copy, err);
            }
        first = next.n;
        if (st == SPN_OK)
            st = expand(s, front.item, front.n, level, &next, err);
        if (st == SPN_OK)
            st = judge(s, &next, first, err);
        sort(&next);
        for (size_t i = (size_t)s->o->beam; i < next.n; i++)
            reason_node_state(&s->ground, next.item[i].node, SPN_NODE_CUT, "not among the best");
        while (next.n > (size_t)s->o->beam)
            spn_free(next.item[--next.n].text);
        for (size_t i = 0; i < next.n && st == SPN_OK; i++)
            st = keep(s, &next.item[i], err);
        free_states(&front);
        front = next;
        if (front.n == 0)
            break;
    }
    free_states(&front);
    return st;
}

static spn_status depth_first(struct search *s, const struct state *x, int level,
                              struct spn_err *err)
{
    struct states next = { NULL, 0, 0 };
    spn_status st = SPN_OK;

    if (level > s->o->depth || !reason_open(&s->ground.calls))
        return SPN_OK;
    st = expand(s, x, 1, level, &next, err);
    if (st == SPN_OK)
        st = judge(s, &next, 0, err);
    sort(&next);
    for (size_t i = 0; i < next.n && st == SPN_OK && !s->over; i++) {
        const struct state *child = &next.item[i];

        st = keep(s, child, err);
        if (child->final)
            s->over = child->value >= s->o->gate;
        else if (i < (size_t)s->o->beam && child->value > s->o->threshold && st == SPN_OK)
            st = depth_first(s, child, level + 1, err);
        else
            reason_node_state(&s->ground, child->node, SPN_NODE_CUT, "its value is low");
    }
    free_states(&next);
    return st;
}

/* ---- the run ---- */

static spn_status conclude(struct search *s, struct spn_reason_result *out, struct spn_err *err)
{
    const char *ended = s->ground.calls.ended;
    char *answer;

    out->trees_run = 1;
    out->ended = ended != NULL ? ended : "exhausted";
    answer = s->best.text != NULL ? s->r->task->extract(s->best.text) : NULL;
    if (answer == NULL)
        return SPN_OK;
    out->answer = answer;
    out->text = spn_strndup(s->best.text, strlen(s->best.text) - 1);
    if (out->text == NULL)
        return no_memory(err);
    out->checked = s->r->task->check(s->r->question, answer);
    struct spn_node n = { .parent = s->best.node,
                          .level = s->o->depth + 1,
                          .kind = "answer",
                          .text = answer,
                          .score = s->best.value,
                          .state = out->checked == 1 ? SPN_NODE_TRUE : SPN_NODE_ENDED };

    out->winner = reason_node_add(&s->ground, &n);
    out->winner_tree = 0;
    if (ended == NULL)
        out->ended = "answer";
    return SPN_OK;
}

spn_status lines_run(const struct reason_tables *tables, const struct tot_options *o,
                     const struct spn_reason_request *r, struct spn_reason_result *out,
                     struct spn_err *err)
{
    struct search s = { .o = o, .r = r };
    struct state root = { .text = "", .value = NAN, .node = -1 };
    spn_status st;

    *out = (struct spn_reason_result){
        .checked = -1, .winner = -1, .winner_tree = -1, .ended = "exhausted"
    };
    reason_ground_init(&s.ground, tables, r, &s.unused, 1, o->temperature);
    st = r->task->start(r->question, &s.start, err);
    if (st == SPN_OK) {
        root.node = reason_node_input(&s.ground, 0, s.start);
        root.path = reason_tree_key(r->seed, 0);
        st = o->depth_first ? depth_first(&s, &root, 1, err) : breadth_first(&s, &root, err);
    }
    if (st == SPN_OK)
        st = conclude(&s, out, err);
    reason_node_state(&s.ground, root.node, SPN_NODE_ENDED, out->answer != NULL ? "answers" : NULL);
    reason_calls_end(&s.ground.calls);
    reason_calls_totals(&s.ground.calls, out);
    spn_free(s.start);
    spn_free(s.best.text);
    reason_ground_free(&s.ground);
    if (st != SPN_OK) {
        spn_free(out->answer);
        spn_free(out->text);
        out->answer = out->text = NULL;
    }
    return st;
}
