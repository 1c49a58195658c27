/* panel.c - the forest beside the answer: a row a tree, one tree as a drawing of its branches, the
 * answers with their votes, one thought whole; live, and played again step by step. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "talk.h"

#define FILL_S      0.25 /* a growing forest is drawn so often at most */
#define PLAY_MS     80
#define EVENT_BYTES 400 /* of an event's text in the pane of answers */

static const char glyphs[] = { 'o', '*', '=', '-', 'x', '!' };

/* What is shown: the forest, or a step of its replay. */
static const struct grove *shown(const struct talk *t)
{
    return t->replaying ? &t->step : &t->grove;
}

/* ---- words ---- */

/* Verdicts of stepwise tasks have names; others are numbers. */
static void put_score(char *out, size_t room, double score)
{
    out[0] = '\0';
    if (score == 20)
        snprintf(out, room, "sure");
    else if (score == 1)
        snprintf(out, room, "likely");
    else if (score == 0.001)
        snprintf(out, room, "never");
    else if (!isnan(score))
        snprintf(out, room, "%.3g", score);
}

static enum spn_style style_of(const struct spn_node *n, bool on_path)
{
    switch (n->state) {
    case SPN_NODE_TRUE:
        return SPN_STYLE_GOOD;
    case SPN_NODE_CUT:
    case SPN_NODE_STOPPED:
        return SPN_STYLE_DIM;
    case SPN_NODE_BY_HAND:
        return SPN_STYLE_WARN;
    default:
        return on_path ? SPN_STYLE_STRONG : SPN_STYLE_TEXT;
    }
}

/* The first line of TEXT that says something. */
static void first_line(struct spn_buf *b, const char *text)
{
    size_t n;

    text += strspn(text != NULL ? text : "", " \n\t");
    n = strcspn(text, "\n");
    spn_buf_trim(b, 0);
    spn_buf_add(b, text, n < 200 ? n : 200);
    if (b->data == NULL)
        spn_buf_puts(b, " ");
}

/* ---- the trees ---- */

static void fill_trees(struct talk *t)
{
    static const struct spn_column columns[] = {
        { "tree", 4, true, 0 },   { "level", 5, true, 2 }, { "best", 6, false, 0 },
        { "tokens", 6, true, 1 }, { "now", -1, false, 0 },
    };
    const struct grove *g = shown(t);
    struct spn_buf now = SPN_BUF_INIT(1000);
    int trees = grove_trees(g),
        winner = g->winner >= 0 && g->winner < (int64_t)g->n ? g->node[g->winner].tree : -1;

    t->api->columns(t->trees, columns, 5);
    t->api->begin(t->trees);
    for (int i = 0; i < trees; i++) {
        struct grove_tree x = grove_tree(g, i);
        char number[16], level[16], best[24], tokens[24];
        struct spn_field f[5] = { { number, i, SPN_STYLE_TEXT },
                                  { level, x.level, SPN_STYLE_DIM },
                                  { best, x.best, SPN_STYLE_TEXT },
                                  { tokens, (double)x.tokens, SPN_STYLE_DIM },
                                  { NULL, NAN, SPN_STYLE_TEXT } };
        struct spn_row r = { .id = (uint64_t)i + 1, .fields = f, .n = 5 };

        if (x.root < 0)
            continue;
        snprintf(number, sizeof number, "%d", i + 1);
        snprintf(level, sizeof level, "%d", x.level);
        snprintf(tokens, sizeof tokens, "%lld", (long long)x.tokens);
        put_score(best, sizeof best, x.best);
        r.glyph = glyphs[x.state];
        if (x.why != NULL && x.state != SPN_NODE_GROWING)
            first_line(&now, x.why);
        else
            first_line(&now, g->node[x.last].text);
        f[4].text = now.data;
        if (i == winner)
            for (size_t k = 0; k < 5; k++)
                f[k].style = SPN_STYLE_GOOD;
        else if (x.state != SPN_NODE_GROWING && x.state != SPN_NODE_TRUE)
            f[4].style = SPN_STYLE_DIM;
        t->api->row(t->trees, &r);
    }
    t->api->end(t->trees);
    if (t->tree >= 0)
        t->api->choose(t->trees, (uint64_t)t->tree + 1);
    spn_buf_free(&now);
}

static void title_trees(struct talk *t)
{
    const struct grove *g = shown(t);
    char title[80];

    if (t->replaying)
        snprintf(title, sizeof title, "forest  step %zu of %zu", t->at, t->grove.n_growth);
    else if (t->call != NULL)
        snprintf(title, sizeof title, "forest  %d trees, %d growing", grove_trees(g),
                 grove_growing(g));
    else
        snprintf(title, sizeof title, "forest  %d trees", grove_trees(g));
    t->api->title(t->trees, title);
}

/* ---- one tree ---- */

struct drawing {
    struct talk *t;
    const struct grove *g;
    int64_t leaf; /* of the path that is unfolded */
    bool won;
    bool visits;                 /* any thought is visited: rollouts */
    const int64_t *first, *next; /* children of each node, in order */
    struct spn_buf text, what;
};

static void put_what(struct spn_buf *b, const struct spn_node *n)
{
    spn_buf_trim(b, 0);
    if (n->repaired != NULL)
        spn_buf_printf(b, "~ %.60s", n->repaired);
    else if (n->why != NULL && n->state != SPN_NODE_GROWING && n->parent >= 0)
        spn_buf_printf(b, "%.60s", n->why);
    else if (n->state == SPN_NODE_TRUE)
        spn_buf_puts(b, "true");
    if (b->data == NULL)
        spn_buf_puts(b, "");
}

static void draw_node(struct drawing *d, int64_t id, int depth)
{
    const struct spn_node *n = &d->g->node[id];
    bool path = grove_on_path(d->g, d->leaf, id);
    char score[24], visits[24] = "";
    struct spn_field f[4] = { { NULL, NAN, style_of(n, path && d->won) },
                              { score, n->score, SPN_STYLE_TEXT },
                              { visits, (double)n->visits, SPN_STYLE_DIM },
                              { NULL, NAN, n->repaired != NULL ? SPN_STYLE_WARN : SPN_STYLE_DIM } };
    struct spn_row r = { .id = (uint64_t)id + 1, .depth = depth, .fields = f, .n = 4 };

    first_line(&d->text, n->text);
    put_what(&d->what, n);
    put_score(score, sizeof score, n->score);
    if (n->visits > 0)
        snprintf(visits, sizeof visits, "%lld", (long long)n->visits);
    f[0].text = d->text.data;
    f[3].text = d->what.data;
    if (!d->visits) {
        f[2] = f[3];
        r.n = 3;
    }
    r.glyph = n->repaired != NULL && n->state == SPN_NODE_GROWING ? '~' : glyphs[n->state];
    if (n->state == SPN_NODE_GROWING && n->repaired == NULL && d->t->call == NULL)
        r.glyph = 0; /* nothing grows any more: it was just not needed further */
    r.group = d->first[id] >= 0;
    r.folded = r.group && !path && d->won && n->parent >= 0;
    d->t->api->row(d->t->outline, &r);
    if (depth < 60)
        for (int64_t c = d->first[id]; c >= 0; c = d->next[c])
            draw_node(d, c, depth + 1);
}

static void fill_outline(struct talk *t)
{
    static const struct spn_column with_visits[] = {
        { "thought", -1, false, 0 },
        { "value", 6, true, 0 },
        { "visits", 6, true, 2 },
        { "", 12, false, 1 },
    };
    static const struct spn_column columns[] = {
        { "thought", -1, false, 0 },
        { "value", 6, true, 0 },
        { "", 16, false, 1 },
    };
    const struct grove *g = shown(t);
    struct drawing d = { .t = t, .g = g, .leaf = -1 };
    int64_t *first = spn_calloc(2 * g->n + 2, sizeof *first), *next;
    struct spn_buf title = SPN_BUF_INIT(400);
    struct grove_tree x = grove_tree(g, t->tree);

    d.text = (struct spn_buf)SPN_BUF_INIT(1000);
    d.what = (struct spn_buf)SPN_BUF_INIT(1000);
    if (first == NULL || x.root < 0) {
        spn_free(first);
        return;
    }
    next = first + g->n + 1;
    for (size_t i = 0; i < g->n; i++) {
        first[i] = next[i] = -1;
        d.visits |= g->node[i].visits > 0;
    }
    for (size_t i = g->n; i-- > 0;) /* backwards: the oldest child stands first */
        if (g->node[i].parent >= 0) {
            next[i] = first[g->node[i].parent];
            first[g->node[i].parent] = (int64_t)i;
        }
    d.first = first;
    d.next = next;
    d.won = g->winner >= 0 && g->winner < (int64_t)g->n && g->node[g->winner].tree == t->tree;
    d.leaf = d.won ? g->winner : grove_furthest(g, t->tree);
    t->api->columns(t->outline, d.visits ? with_visits : columns, d.visits ? 4 : 3);
    t->api->branches(t->outline, true);
    t->api->begin(t->outline);
    draw_node(&d, x.root, 0);
    t->api->end(t->outline);
    first_line(&d.text, g->node[x.root].text);
    spn_buf_printf(&title, "tree %d, %.60s", t->tree + 1, d.text.data);
    t->api->title(t->outline, title.data != NULL ? title.data : "tree");
    spn_buf_free(&title);
    spn_buf_free(&d.text);
    spn_buf_free(&d.what);
    spn_free(first);
}

/* ---- answers ---- */

static bool same_answer(const struct spn_vote *a, const struct spn_vote *b)
{
    return a->answer != NULL && b->answer != NULL && strcmp(a->answer, b->answer) == 0 &&
           a->by != NULL && b->by != NULL && strcmp(a->by, b->by) == 0;
}

/* One bar an answer: how much speaks for it, and which trees. */
static void put_votes(struct spn_buf *b, const struct grove *g)
{
    double all = 0;

    for (size_t i = 0; i < g->n_votes; i++)
        all += g->vote[i].weight;
    for (size_t i = 0; i < g->n_votes; i++) {
        double sum = 0;
        bool seen = false;
        struct spn_buf trees = SPN_BUF_INIT(1000);
        int bar;

        for (size_t k = 0; k < g->n_votes; k++) {
            if (!same_answer(&g->vote[k], &g->vote[i]))
                continue;
            seen |= k < i;
            sum += g->vote[k].weight;
            if (trees.length < 60)
                spn_buf_printf(&trees, " %d", g->vote[k].tree + 1);
        }
        if (!seen && g->vote[i].answer != NULL) {
            bar = all > 0 ? (int)(16 * sum / all + 0.5) : 0;
            spn_buf_printf(b, "%-16.*s %.24s  %.3g by %s, tree%s\n", bar, "################",
                           g->vote[i].answer, sum, g->vote[i].by != NULL ? g->vote[i].by : "",
                           trees.data != NULL ? trees.data : "");
        }
        spn_buf_free(&trees);
    }
}

static void fill_answers(struct talk *t)
{
    const struct grove *g = shown(t);
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    int64_t calls = 0, tokens = 0;
    size_t repaired = 0, cut = 0;

    for (int i = 0; i < grove_trees(g); i++) {
        struct grove_tree x = grove_tree(g, i);

        calls += x.calls;
        tokens += x.tokens;
        repaired += x.repaired;
        cut += x.cut;
    }
    if (g->winner >= 0 && g->winner < (int64_t)g->n)
        spn_buf_printf(&b, "tree %d: %.200s%s\n", g->node[g->winner].tree + 1,
                       g->node[g->winner].text,
                       g->node[g->winner].state == SPN_NODE_TRUE ? "   checked true" : "");
    put_votes(&b, g);
    for (size_t i = 0; i < g->n_events; i++)
        if (g->event[i].what != NULL && g->event[i].detail != NULL)
            spn_buf_printf(&b, "%s: %.*s\n", g->event[i].what, EVENT_BYTES, g->event[i].detail);
    if (b.length == 0)
        spn_buf_puts(&b, t->call != NULL || t->replaying ? "none yet\n" : "no answer was found\n");
    spn_buf_printf(&b, "%lld calls   %lld tokens   %zu repaired   %zu cut", (long long)calls,
                   (long long)tokens, repaired, cut);
    t->api->block(t->answers, 1, SPN_TEXT_PLAIN, NULL, SPN_STYLE_TEXT, b.data, b.length);
    spn_buf_free(&b);
}

/* ---- one thought ---- */

static void put_node(struct spn_buf *b, const struct spn_node *n)
{
    char score[24];

    put_score(score, sizeof score, n->score);
    spn_buf_printf(b, "%s, tree %d, level %d", n->kind, n->tree + 1, n->level);
    if (score[0] != '\0')
        spn_buf_printf(b, ", value %s", score);
    if (n->visits > 0)
        spn_buf_printf(b, ", %lld visits", (long long)n->visits);
    if (n->tokens_out > 0)
        spn_buf_printf(b, ", %lld tokens", (long long)n->tokens_out);
    if (n->why != NULL)
        spn_buf_printf(b, "\n%s", n->why);
    if (n->repaired != NULL)
        spn_buf_printf(b, "\nrepaired, it was: %s", n->repaired);
    spn_buf_printf(b, "\n\n%s\n", n->text);
    if (n->prompt != NULL)
        spn_buf_printf(b, "\n-- what was asked --\n%s\n", n->prompt);
}

static const struct spn_node *chosen_node(const struct talk *t)
{
    uint64_t id;
    const struct grove *g = shown(t);

    return t->api->choice(t->outline, &id) && id >= 1 && id <= g->n ? &g->node[id - 1] : NULL;
}

static void fill_node(struct talk *t)
{
    const struct spn_node *n = chosen_node(t);
    struct spn_buf b = SPN_BUF_INIT(1 << 20);

    if (n == NULL)
        return;
    put_node(&b, n);
    t->api->block(t->node, 1, SPN_TEXT_PLAIN, NULL, SPN_STYLE_TEXT, b.data != NULL ? b.data : "",
                  b.length);
    spn_buf_free(&b);
}

static void open_node(struct talk *t)
{
    const struct spn_node *n = chosen_node(t);
    struct spn_buf b = SPN_BUF_INIT(1 << 20);

    if (n == NULL)
        return;
    put_node(&b, n);
    t->api->popup(t->screen, "a thought", SPN_TEXT_PLAIN, b.data != NULL ? b.data : "", b.length);
    spn_buf_free(&b);
}

/* ---- all of it ---- */

static void hide(struct talk *t, bool hidden)
{
    struct spn_pane *const all[] = { t->trees, t->outline, t->answers, t->node };

    for (size_t i = 0; i < 4; i++)
        t->api->hide(all[i], hidden);
}

bool panel_is(const struct talk *t, const struct spn_pane *p)
{
    return p == t->trees || p == t->outline || p == t->answers || p == t->node;
}

void panel_clear(struct talk *t)
{
    struct spn_pane *const all[] = { t->trees, t->outline, t->answers, t->node };

    grove_free(&t->step);
    grove_free(&t->grove);
    t->grove_turn = SAID_NONE;
    t->replaying = t->playing = false;
    t->tree = -1;
    t->follow = true;
    t->filled = 0;
    for (size_t i = 0; i < 4; i++)
        t->api->clear(all[i]);
    hide(t, true);
}

void panel_fill(struct talk *t, bool at_once)
{
    const struct grove *g = shown(t);
    double now = talk_now();

    if (g->n == 0 || (!at_once && now - t->filled < FILL_S))
        return;
    t->filled = now;
    hide(t, false);
    if (t->follow || t->tree < 0 || t->tree >= grove_trees(g))
        t->tree = grove_best(g);
    title_trees(t);
    fill_trees(t);
    fill_outline(t);
    fill_answers(t);
    fill_node(t);
}

void panel_turn(struct talk *t, size_t i)
{
    if (t->call != NULL || i == SAID_NONE || (i == t->grove_turn && t->grove.n > 0))
        return;
    if (t->said.item[i].forest == NULL)
        return;
    panel_clear(t);
    if (!grove_read(&t->grove, t->said.item[i].forest))
        return;
    t->grove_turn = i;
    panel_fill(t, true);
}

/* ---- replay ---- */

static void go_to_step(struct talk *t, size_t step)
{
    struct grove g;

    t->at = step < t->grove.n_growth ? step : t->grove.n_growth;
    if (!grove_step(&g, &t->grove, t->at)) {
        talk_say(t, "no memory for the replay");
        return;
    }
    grove_free(&t->step);
    t->step = g;
    t->replaying = t->at < t->grove.n_growth;
    if (!t->replaying)
        t->playing = false;
    panel_fill(t, true);
}

static void replay(struct talk *t, int way)
{
    if (t->call != NULL || t->grove.n_growth == 0) {
        talk_say(t, t->call != NULL ? "it can be replayed once it is done"
                                    : "this forest came without its steps");
        return;
    }
    if (!t->replaying)
        t->at = way < 0 ? t->grove.n_growth : 0;
    if (way < 0 && t->at <= 1)
        return;
    go_to_step(t, way < 0 ? t->at - 1 : t->at + 1);
}

static void play(struct talk *t)
{
    t->playing = !t->playing;
    if (t->playing)
        replay(t, 1);
    t->playing &= t->replaying;
    t->api->timer(t->screen, t->playing ? PLAY_MS : 0);
}

void panel_timer(struct talk *t)
{
    if (!t->playing)
        return;
    go_to_step(t, t->at + 1 + t->grove.n_growth / 200); /* a long growth in larger steps */
    if (t->playing)
        t->api->timer(t->screen, PLAY_MS);
}

/* ---- what a person does ---- */

static void look_at(struct talk *t, int tree)
{
    if (tree < 0 || tree >= grove_trees(shown(t))) {
        talk_say(t, "there is no tree %d", tree + 1);
        return;
    }
    t->tree = tree;
    t->follow = false;
    panel_fill(t, true);
}

static void by_hand(struct talk *t, enum spn_steer_kind kind)
{
    if (t->call == NULL) {
        talk_say(t, "the forest has ended; r grows another");
        return;
    }
    call_wish(t, kind, t->tree);
    if (kind == SPN_STEER_ADD_TREE)
        talk_say(t, "one tree more is asked for");
    else
        talk_say(t, "tree %d is being ended", t->tree + 1);
}

void panel_chosen(struct talk *t, struct spn_pane *p, uint64_t id)
{
    if (p == t->trees && id >= 1)
        look_at(t, (int)id - 1);
    else if (p == t->outline) {
        t->follow = false;
        fill_node(t);
    }
}

bool panel_act(struct talk *t, struct spn_pane *p, enum spn_want act, int n)
{
    if (shown(t)->n == 0 && t->call == NULL)
        return false;
    switch (act) {
    case SPN_WANT_PART:
        look_at(t, n - 1);
        return true;
    case SPN_WANT_OPEN:
        if (p == t->trees)
            t->api->focus(t->outline);
        else
            open_node(t);
        return true;
    case SPN_WANT_PROBE:
        open_node(t);
        return true;
    case SPN_WANT_ADD:
        by_hand(t, SPN_STEER_ADD_TREE);
        return true;
    case SPN_WANT_REMOVE:
        by_hand(t, SPN_STEER_END_TREE);
        return true;
    case SPN_WANT_SERIES_BACK:
        t->playing = false;
        replay(t, -1);
        return true;
    case SPN_WANT_SERIES_ON:
        t->playing = false;
        replay(t, 1);
        return true;
    case SPN_WANT_SPACE:
        play(t);
        return true;
    case SPN_WANT_FOLLOW:
        t->follow = !t->follow;
        panel_fill(t, true);
        return true;
    default:
        return false;
    }
}
