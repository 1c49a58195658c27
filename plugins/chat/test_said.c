/* test_said.c - conversations in memory and pictures of forests: branches, versions, thinking,
 * titles, JSON of hostile forests, and a replay that ends where the forest did. */
#include "config.h"

#include "tap.h"

#include <math.h>
#include <stdlib.h>

#include "../../app/host/thoughts_table.h"
#include "grove.h"
#include "said.h"

static void test_branches(void)
{
    struct sayings s = { .leaf = SAID_NONE };
    size_t ask = sayings_add(&s, SAID_NONE, true, "one?"), first, second, other, path[8];
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    int which, of;
    json_t *j;

    first = sayings_add(&s, ask, false, "1");
    second = sayings_add(&s, ask, false, "uno");
    other = sayings_add(&s, first, true, "and two?");
    s.leaf = other;
    ok(sayings_path(&s, other, path) == 3 && path[0] == ask && path[2] == other, "a branch");
    sayings_versions(&s, second, &which, &of);
    ok(which == 2 && of == 2, "two versions of an answer: %d of %d", which, of);
    ok(sayings_version(&s, second, -1) == first && sayings_version(&s, first, -1) == SAID_NONE,
       "the one before, and no other");
    ok(sayings_end(&s, ask) == second && sayings_end(&s, first) == other,
       "a branch is followed to what was written last");
    sayings_markdown(&s, "numbers", &b);
    ok(strstr(b.data, "# numbers") != NULL && strstr(b.data, "and two?") != NULL &&
           strstr(b.data, "uno") == NULL,
       "Markdown has the branch that is shown");
    j = sayings_json(&s, "numbers");
    ok(json_array_size(json_object_get(j, "turns")) == 4, "JSON has all of them");
    json_decref(j);
    spn_buf_trim(&b, 0);
    said_title(&b, "\n  why \303\244 ?\nmore");
    ok_str(b.data, "why \303\244 ?", "a title is the first line");
    spn_buf_free(&b);
    sayings_clear(&s);
}

static void test_thinking(void)
{
    bool open;

    ok(said_thinking("plain <think>", &open) == 0, "thinking stands at the beginning");
    ok(said_thinking("<think>ab</think>\n\nyes", &open) == 19 && !open, "it ends with its tag");
    ok(said_thinking("<think>ab", &open) == 9 && open, "or is under way");
}

static bool same_node(const struct spn_node *a, const struct spn_node *b)
{
    return a->parent == b->parent && a->state == b->state && a->visits == b->visits &&
           (a->score == b->score || (isnan(a->score) && isnan(b->score))) &&
           strcmp(a->text, b->text) == 0;
}

static void test_replay(void)
{
    const struct spn_thoughts_api *a = &app_thoughts;
    struct spn_thoughts *t = a->new_();
    struct spn_node n = { .parent = -1, .kind = "input", .text = "4 5 6 10", .score = NAN };
    struct grove g, read, step;
    bool same = true;
    json_t *j;

    a->add(t, &n);
    n = (struct spn_node){ .parent = 0, .level = 1, .kind = "propose", .text = "a", .score = NAN };
    a->add(t, &n);
    n.text = "b";
    a->add(t, &n);
    a->score(t, 1, 20);
    a->visits(t, 1, 3);
    a->state(t, 2, SPN_NODE_CUT, "not among the best");
    a->state(t, 1, SPN_NODE_TRUE, NULL);
    a->vote(t, 0, "a", 1, "vote");
    ok(grove_picture(&g, a, t) && g.n == 3 && grove_trees(&g) == 1, "a picture of a graph");
    j = a->json(t, true);
    ok(grove_read(&read, j) && read.n == 3 && read.n_growth == g.n_growth, "its JSON gives it too");
    ok(read.winner == 1, "and who won");
    ok(grove_step(&step, &read, 2) && step.n == 2 && isnan(step.node[1].score) &&
           step.node[1].state == SPN_NODE_GROWING,
       "two steps: two thoughts, as they came");
    grove_free(&step);
    ok(grove_step(&step, &read, read.n_growth) && step.n == g.n && step.n_votes == 1,
       "all steps: all of it");
    for (size_t i = 0; i < g.n && i < step.n; i++)
        same &= same_node(&g.node[i], &step.node[i]) && same_node(&g.node[i], &read.node[i]);
    ok(same, "the replay ends where the forest did");
    grove_free(&step);
    grove_free(&read);
    grove_free(&g);
    json_decref(j);
    a->free_(t);
}

/* What a file of another program may hold. */
static void test_hostile(void)
{
    static const char *const files[] = {
        "{}",
        "[]",
        "{\"nodes\":[{\"parent\":7,\"tree\":-3,\"level\":1e9}],\"steps\":[[\"node\",5],[7],[]]}",
        "{\"nodes\":[{\"parent\":0}],\"votes\":[{}],\"events\":[1],\"steps\":[[\"score\",-1,2],"
        "[\"vote\",9],[\"event\",0],[\"event\",0],[\"vote\",0],[\"vote\",0]]}",
        "{\"nodes\":{},\"steps\":\"x\"}",
    };

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        json_t *j = json_loads(files[i], 0, NULL);
        struct grove g, step;
        bool read = grove_read(&g, j);

        ok(read, "read: %.40s", files[i]);
        for (size_t k = 0; read && k <= g.n_growth + 1; k++)
            if (grove_step(&step, &g, k))
                grove_free(&step);
        ok(grove_best(&g) < (int)g.n && !grove_on_path(&g, 99, 0), "and looked through");
        grove_free(&g);
        json_decref(j);
    }
}

int main(void)
{
    test_branches();
    test_thinking();
    test_replay();
    test_hostile();
    return done();
}
