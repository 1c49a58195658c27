/* thoughts_outline.c - the graph as lines for a person, 80 columns: a row a tree, then the winning
   path unfolded. Text of models is shown with control characters replaced: these lines go to
   terminals. */
#include "config.h"

#include "thoughts_graph.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"

#define CEILING     ((size_t)64 << 20)
#define WIDTH       80
#define INPUT_CELLS 22 /* of the column that shows a tree's input */
#define TEXT_CELLS  46 /* of a thought, its indentation counted */
#define VOTES_SHOWN 5

size_t graph_utf8_length(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t length;
    uint32_t c;

    if (n == 0)
        return 0;
    if (u[0] < 0x80)
        return 1;
    if (u[0] >= 0xc2 && u[0] <= 0xdf)
        length = 2, c = u[0] & 0x1fu;
    else if ((u[0] & 0xf0) == 0xe0)
        length = 3, c = u[0] & 0x0fu;
    else if (u[0] >= 0xf0 && u[0] <= 0xf4)
        length = 4, c = u[0] & 0x07u;
    else
        return 0;
    if (n < length)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (u[i] & 0x3fu);
    }
    if ((length == 3 && (c < 0x800 || (c >= 0xd800 && c <= 0xdfff))) ||
        (length == 4 && (c < 0x10000 || c > 0x10ffff)))
        return 0;
    return length;
}

/* The first line of TEXT in at most CELLS characters, "..." where it was cut, padded when PAD. */
static void put_text(struct spn_buf *b, const char *text, size_t cells, bool pad)
{
    size_t n, used = 0, chars = 0;

    if (text == NULL)
        text = "";
    while (*text == '\n' || *text == ' ')
        text++;
    n = strcspn(text, "\n");
    for (size_t i = 0; i < n; chars++) {
        size_t take = graph_utf8_length(text + i, n - i);

        i += take != 0 ? take : 1;
    }
    for (size_t i = 0; i < n && used < cells;) {
        size_t take = graph_utf8_length(text + i, n - i);
        const unsigned char *u = (const unsigned char *)text + i;

        if (chars > cells && cells > 3 && used == cells - 3) {
            spn_buf_puts(b, "...");
            used += 3;
            break;
        }
        if (take == 0 || u[0] < 0x20 || u[0] == 0x7f || (take == 2 && u[0] == 0xc2 && u[1] < 0xa0))
            spn_buf_puts(b, "?");
        else
            spn_buf_add(b, text + i, take);
        i += take != 0 ? take : 1;
        used++;
    }
    for (; pad && used < cells; used++)
        spn_buf_puts(b, " ");
}

/* What a tree comes to. */
struct summary {
    int64_t root, tokens, nodes;
    int level;
    double best;
    enum spn_node_state state;
};

static struct summary summarise(const struct spn_thoughts *t, int tree)
{
    struct summary s = { -1, 0, 0, 0, NAN, SPN_NODE_GROWING };

    for (size_t i = 0; i < t->n_nodes; i++) {
        const struct spn_node *n = &t->node[i];

        if (n->tree != tree)
            continue;
        s.nodes++;
        s.tokens += n->tokens_out;
        if (n->parent < 0 && s.root < 0) {
            s.root = (int64_t)i;
            s.state = n->state;
        }
        if (n->state == SPN_NODE_CUT)
            continue;
        if (n->level > s.level)
            s.level = n->level;
        if (!(n->score <= s.best) && !isnan(n->score))
            s.best = n->score;
    }
    return s;
}

static const char *ended(const struct spn_thoughts *t, const struct summary *s)
{
    const struct spn_node *root = s->root >= 0 ? &t->node[s->root] : NULL;

    if (root != NULL && root->why != NULL)
        return root->why;
    switch (s->state) {
    case SPN_NODE_GROWING:
        return "growing";
    case SPN_NODE_TRUE:
        return "solved";
    case SPN_NODE_STOPPED:
        return "stopped";
    case SPN_NODE_ENDED:
        return "ended";
    case SPN_NODE_CUT:
        return "cut";
    case SPN_NODE_BY_HAND:
        return "ended by hand";
    }
    return "";
}

static void put_score(struct spn_buf *b, double score)
{
    if (isnan(score))
        spn_buf_puts(b, "      ");
    else
        spn_buf_printf(b, "%6.3g", score);
}

/* The end of a line: blanks that filled an empty column go. */
static void end_line(struct spn_buf *b)
{
    while (b->length > 0 && b->data[b->length - 1] == ' ')
        spn_buf_trim(b, b->length - 1);
    spn_buf_puts(b, "\n");
}

static void put_trees(struct spn_buf *b, const struct spn_thoughts *t, int trees, int winner_tree)
{
    spn_buf_puts(b, "  tree  input                   level    best  tokens  end\n");
    for (int i = 0; i < trees; i++) {
        struct summary s = summarise(t, i);

        if (s.root < 0)
            continue;
        spn_buf_printf(b, "%c %4d  ", i == winner_tree ? '>' : ' ', i + 1);
        put_text(b, t->node[s.root].text, INPUT_CELLS, true);
        spn_buf_printf(b, "  %5d  ", s.level);
        put_score(b, s.best);
        spn_buf_printf(b, "  %6lld  ", (long long)s.tokens);
        put_text(b, ended(t, &s), WIDTH - 57, false);
        end_line(b);
    }
}

/* One thought: mark, indented text, score, what was done to it. */
static void put_node(struct spn_buf *b, const struct spn_node *n, bool on_path, size_t folded)
{
    size_t indent = n->level > 0 ? 2 * ((size_t)n->level - 1) : 0;

    if (indent > 16)
        indent = 16;
    spn_buf_printf(b, "%c %*s", on_path ? '>' : ' ', (int)indent, "");
    put_text(b, n->text, TEXT_CELLS - indent, true);
    put_score(b, n->score);
    if (n->repaired != NULL) {
        spn_buf_puts(b, "  mended");
    } else if (n->state == SPN_NODE_CUT) {
        spn_buf_puts(b, "  ");
        put_text(b, n->why != NULL ? n->why : "cut", WIDTH - TEXT_CELLS - 10, false);
    } else if (n->state == SPN_NODE_TRUE && on_path) {
        spn_buf_puts(b, "  true");
    } else if (folded != 0) {
        spn_buf_printf(b, "  +%zu below", folded);
    }
    end_line(b);
}

static size_t children(const struct spn_thoughts *t, int64_t id)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n_nodes; i++)
        n += t->node[i].parent == id;
    return n;
}

/* Is ID on the way from LEAF to its root? */
static bool on_path(const struct spn_thoughts *t, int64_t leaf, int64_t id)
{
    for (int64_t at = leaf; at >= 0; at = t->node[at].parent)
        if (at == id)
            return true;
    return false;
}

static void put_below(struct spn_buf *b, const struct spn_thoughts *t, int64_t id, int64_t leaf,
                      bool won)
{
    for (size_t i = (size_t)id + 1; i < t->n_nodes; i++) {
        bool path;

        if (t->node[i].parent != id)
            continue;
        path = on_path(t, leaf, (int64_t)i);
        put_node(b, &t->node[i], path && won, path ? 0 : children(t, (int64_t)i));
        if (path)
            put_below(b, t, (int64_t)i, leaf, won);
    }
}

/* The furthest thought that was not cut, by level, then score, then age; -1: none. */
static int64_t furthest(const struct spn_thoughts *t)
{
    int64_t best = -1;

    for (size_t i = 0; i < t->n_nodes; i++) {
        const struct spn_node *n = &t->node[i];

        if (n->state == SPN_NODE_CUT || n->parent < 0)
            continue;
        if (best < 0 || n->level > t->node[best].level ||
            (n->level == t->node[best].level && n->score > t->node[best].score))
            best = (int64_t)i;
    }
    return best;
}

static void put_votes(struct spn_buf *b, const struct spn_thoughts *t)
{
    size_t shown = 0;

    if (t->n_votes < 2)
        return;
    for (size_t i = 0; i < t->n_votes && shown < VOTES_SHOWN; i++) {
        double weight = 0;
        bool first = true;

        for (size_t k = 0; k < t->n_votes; k++) {
            bool same = t->vote[k].answer != NULL && t->vote[i].answer != NULL &&
                        strcmp(t->vote[k].answer, t->vote[i].answer) == 0;

            if (same && k < i)
                first = false;
            if (same)
                weight += t->vote[k].weight;
        }
        if (!first)
            continue;
        if (shown++ == 0)
            spn_buf_puts(b, "\nvotes\n");
        spn_buf_printf(b, "  %6.3g  ", weight);
        put_text(b, t->vote[i].answer, WIDTH - 10, false);
        spn_buf_puts(b, "\n");
    }
}

char *graph_outline(const struct spn_thoughts *t, int64_t winner)
{
    struct spn_buf b = SPN_BUF_INIT(CEILING);
    bool won = winner >= 0 && winner < (int64_t)t->n_nodes;
    int64_t leaf = won ? winner : furthest(t), root;
    int trees = 0;
    char *out = NULL;

    for (size_t i = 0; i < t->n_nodes; i++)
        if (t->node[i].tree >= trees)
            trees = t->node[i].tree + 1;
    put_trees(&b, t, trees, won ? t->node[winner].tree : -1);
    if (leaf >= 0) {
        for (root = leaf; t->node[root].parent >= 0; root = t->node[root].parent)
            continue;
        spn_buf_printf(&b, "\n%stree %d: ", won ? "" : "nearest, ", t->node[root].tree + 1);
        put_text(&b, t->node[root].text, WIDTH - 20, false);
        spn_buf_puts(&b, "\n");
        put_below(&b, t, root, leaf, won);
    }
    put_votes(&b, t);
    if (!b.failed)
        out = spn_buf_steal(&b);
    spn_buf_free(&b);
    return out;
}
