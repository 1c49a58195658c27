/* test_thoughts.c - the graph of thoughts: ids, states, JSON of hostile text, and the outline a
 * person reads. */
#include "config.h"

#include "tap.h"

#include "base/mem.h"
#include "thoughts_table.h"

static int64_t add(struct spn_thoughts *t, int64_t parent, int tree, int level, const char *text,
                   double score)
{
    struct spn_node n = { .parent = parent,
                          .tree = tree,
                          .level = level,
                          .kind = parent < 0 ? "input" : "propose",
                          .text = text,
                          .score = score,
                          .tokens_out = 10 };

    return app_thoughts.add(t, &n);
}

/* Lines of the outline are at most 80 columns and hold no control character. */
static bool readable(const char *s)
{
    size_t cells = 0;

    for (; *s != '\0'; s++) {
        if (*s == '\n') {
            cells = 0;
            continue;
        }
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return false;
        if (((unsigned char)*s & 0xc0) != 0x80 && ++cells > 80)
            return false;
    }
    return true;
}

static void test_graph(void)
{
    const struct spn_thoughts_api *a = &app_thoughts;
    struct spn_thoughts *t = a->new_();
    int64_t root = add(t, -1, 0, 0, "4 5 6 10", NAN);
    int64_t one = add(t, root, 0, 1, "10 - 4 = 6 (left: 5 6 6)", NAN);
    int64_t two = add(t, one, 0, 2, "6 * 5 = 30 (left: 6 30)", NAN);

    ok_int(root, 0, "the first node");
    ok_int(two, 2, "ids count up");
    ok_int(add(t, 77, 0, 1, "x", 0), -1, "a parent that is not there");
    a->score(t, one, 20);
    a->score(t, 99, 1);
    a->state(t, two, SPN_NODE_CUT, "outside the beam");
    a->state(t, -1, SPN_NODE_CUT, NULL);
    ok_near(a->at(t, one)->score, 20, 0, "score");
    a->spent(t, one, 3, 5, 0.5);
    a->spent(t, 99, 3, 5, 0.5);
    ok_int(a->at(t, one)->tokens_out, 15, "tokens add up");
    ok_str(a->at(t, two)->why, "outside the beam", "why");
    ok(a->at(t, 3) == NULL && a->at(t, -1) == NULL, "no node past the end");
    a->link(t, one, two);
    a->link(t, one, 50);
    a->vote(t, 0, "24", 1, "vote");
    a->event(t, "start", NULL);

    json_t *j = a->json(t, false);

    ok_int((long long)json_array_size(json_object_get(j, "nodes")), 3, "nodes in JSON");
    ok_int((long long)json_array_size(json_object_get(j, "edges")), 1, "edges in JSON");
    ok(json_is_null(json_object_get(json_array_get(json_object_get(j, "nodes"), 0), "score")),
       "a score that is no number is null");
    ok_str(json_string_value(
               json_object_get(json_array_get(json_object_get(j, "nodes"), 2), "state")),
           "cut", "state in JSON");
    json_decref(j);
    for (int i = 0; i < 1000; i++)
        add(t, root, 0, 1, "many", i);
    ok_int((long long)a->count(t), 1003, "a thousand more");
    a->free_(t);
    a->free_(NULL);
}

static void test_hostile(void)
{
    const struct spn_thoughts_api *a = &app_thoughts;
    struct spn_thoughts *t = a->new_();
    int64_t root = add(t, -1, 0, 0, "\x1b[2J in\tput \xff\xfe", NAN);
    int64_t id = add(t, root, 0, 1,
                     "\xed\xa0\x80 \xc2\x9b"
                     "31m \xf0\x9f\x98\x80 a very long line that does not fit into the column it "
                     "is given, by far",
                     1e9);
    json_t *j = a->json(t, true);
    char *s = json_dumps(j, 0), *lines = a->outline(t, id);

    ok(s != NULL && strstr(s, "31m") != NULL, "text that is no UTF-8 still makes JSON");
    ok(lines != NULL && readable(lines), "its outline has no control character and 80 columns");
    ok(lines != NULL && strstr(lines, "\xc2\x9b") == NULL, "nor a C1 control");
    free(s);
    spn_free(lines);
    json_decref(j);
    a->free_(t);
}

static void test_outline(void)
{
    const struct spn_thoughts_api *a = &app_thoughts;
    struct spn_thoughts *t = a->new_();
    int64_t root = add(t, -1, 0, 0, "4 5 6 10", NAN), other, leaf;
    char *lines;

    add(t, root, 0, 1, "4 + 5 = 9 (left: 6 9 10)", 0.001);
    other = add(t, -1, 1, 0, "10 4 6 5", NAN);
    leaf = add(t, other, 1, 1, "10 - 4 = 6 (left: 5 6 6)", 20);
    add(t, other, 1, 1, "5 + 4 = 9 (left: 6 9 10)", 1);
    leaf = add(t, leaf, 1, 2, "5 * 6 = 30 (left: 6 30)", NAN);
    lines = a->outline(t, -1);
    ok(lines != NULL && strstr(lines, "nearest, tree 2") != NULL && strstr(lines, "\n> ") == NULL,
       "unsolved: the nearest tree, nothing marked");
    spn_free(lines);
    a->state(t, leaf, SPN_NODE_TRUE, NULL);
    a->state(t, other, SPN_NODE_TRUE, "solved");
    lines = a->outline(t, leaf);
    ok(lines != NULL && strstr(lines, ">    2  10 4 6 5") != NULL, "the tree that won is marked");
    ok(lines != NULL && strstr(lines, "\n>   5 * 6 = 30 (left: 6 30)") != NULL,
       "so is the winning path");
    ok(lines != NULL && strstr(lines, "4 + 5 = 9") == NULL, "other trees stay folded");
    ok(lines != NULL && readable(lines), "80 columns");
    spn_free(lines);
    a->free_(t);
}

/* Every allocation of a small graph fails in turn: no crash, and what was refused is refused whole.
 */
static void test_memory(void)
{
    const struct spn_thoughts_api *a = &app_thoughts;
    bool fine = true;

    for (uint64_t nth = 1; nth < 12; nth++) {
        struct spn_thoughts *t;

        spn_fail_at(nth);
        t = a->new_();
        if (t != NULL) {
            int64_t id = add(t, -1, 0, 0, "input", NAN);

            a->vote(t, 0, "1", 1, "vote");
            a->event(t, "a", "b");
            a->state(t, id, SPN_NODE_ENDED, "why");
            fine &= a->count(t) == (size_t)(id >= 0);
            spn_free(a->outline(t, -1));
        }
        spn_fail_at(0);
        a->free_(t);
    }
    ok(fine, "short memory refuses a node whole");
}

/* The steps of the growth, played again from nothing, give the graph as it stands. */
static void test_growth(void)
{
    const struct spn_thoughts_api *a = &app_thoughts;
    struct spn_thoughts *t = a->new_();
    const struct spn_growth *g;
    int64_t root = add(t, -1, 0, 0, "input", NAN), leaf = add(t, root, 0, 1, "step", 1);
    json_t *j;
    size_t n;

    a->score(t, leaf, 20);
    a->score(t, leaf, 20); /* as it was: no step */
    a->visits(t, leaf, 3);
    a->state(t, leaf, SPN_NODE_CUT, "too far");
    a->vote(t, 0, "24", 1, "vote");
    a->event(t, "hand", "tree 2 was added");
    n = a->growth(t, &g);
    ok(n == 7, "steps: %zu", n);
    ok(n == 7 && g[1].kind == SPN_GROWTH_NODE && g[1].id == leaf && g[1].value == 1,
       "a node comes with the score it had");
    ok(n == 7 && g[2].kind == SPN_GROWTH_SCORE && g[2].value == 20 && g[3].value == 3 &&
           g[4].state == SPN_NODE_CUT && strcmp(g[4].text, "too far") == 0 &&
           g[5].kind == SPN_GROWTH_VOTE && g[6].kind == SPN_GROWTH_EVENT,
       "then what happened, in order");
    ok(a->votes(t) == 1 && strcmp(a->vote_at(t, 0).answer, "24") == 0, "the vote can be read");
    j = a->json(t, true);
    ok(json_array_size(json_object_get(j, "steps")) == 7, "the JSON has them");
    json_decref(j);
    j = a->json(t, false);
    ok(json_object_get(j, "steps") == NULL, "a summary has not");
    json_decref(j);
    a->free_(t);
}

int main(void)
{
    test_graph();
    test_hostile();
    test_outline();
    test_growth();
    test_memory();
    return done();
}
