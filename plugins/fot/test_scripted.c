/* test_scripted.c - the table of the paper's digest for the scripted proposer: hands solved by 1 to
   16 trees, with and without repair, checked exactly.  Argument: seeds (default 4; the long test
   runs 20). */
#include "config.h"

#include "tap.h"

#include "../common/fakehost.h"
#include "base/mem.h"
#include "forest.h"
#include "hands.h"
#include "scripted.h"

extern const struct spn_plugin game24_LTX_spn_plugin;

/* Percent of the hands solved, as the exact check sees it. */
static double solved(const struct spn_task *task, int trees, bool correct, uint64_t seed)
{
    struct reason_tables tables = { reason_script_api(), &app_thoughts };
    struct reason_script script = { .reply = scripted_reply };
    struct spn_engine *engine = reason_script_open(&script);
    struct fot_options o = { .trees = trees,
                             .beam = 5,
                             .eval = 1,
                             .base = FOT_TOT,
                             .sparse = true,
                             .correct = correct,
                             .temperature = 0.9 };
    int right = 0;

    for (int i = 0; i < n_hands; i++) {
        struct spn_reason_request r = { .question = hands[i],
                                        .task = task,
                                        .task_name = "game24",
                                        .engine = engine,
                                        .seed = seed * 1000 + (uint64_t)i };
        struct spn_reason_result out;

        if (fot_run(&tables, &o, &r, &out, NULL) != SPN_OK)
            return NAN;
        right += out.checked == 1;
        spn_free(out.answer);
        spn_free(out.text);
    }
    tables.engine->close(engine);
    return 100.0 * right / n_hands;
}

int main(int argc, char **argv)
{
    static const struct {
        bool correct;
        int trees;
        double mean, sd;
    } table[] = {
        { true, 1, 73.2, 2.7 },   { true, 2, 86.4, 3.1 },  { true, 4, 96.2, 1.7 },
        { true, 8, 99.0, 1.2 },   { true, 16, 100, 0.4 },  { false, 1, 23.1, 4.4 },
        { false, 2, 28.9, 4.4 },  { false, 4, 29.6, 4.9 }, { false, 8, 29.8, 4.5 },
        { false, 16, 29.8, 4.5 },
    };
    int seeds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 4;
    const char *path = shared_path("data/24-test95.csv");
    const struct spn_task *task;

    if (path == NULL)
        return skip_all("the 95 hands are not there");
    n_hands = hands_read(path);
    ok_int(n_hands, 95, "hands");
    ok(game24_LTX_spn_plugin.declare(&fake_host, NULL) == SPN_OK, "the task game24 is there");
    task = scripted_task(fake_find(SPN_POINT_TASK, "game24"));
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double sum = 0, square = 0, mean;

        for (int s = 0; s < seeds; s++) {
            double x = solved(task, table[i].trees, table[i].correct, (uint64_t)s);

            sum += x;
            square += x * x;
        }
        mean = sum / seeds;
        /* The table's deviations are those of one run of 95 hands. */
        ok(fabs(mean - table[i].mean) <= 3 * table[i].sd,
           "%2d trees, %s repair: %.1f +- %.1f %% over %d seeds, the digest has %.1f +- %.1f",
           table[i].trees, table[i].correct ? "with" : "no", mean,
           sqrt(fmax(0, square / seeds - mean * mean)), seeds, table[i].mean, table[i].sd);
    }
    return done();
}
