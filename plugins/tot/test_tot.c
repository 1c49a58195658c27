/* test_tot.c - the beam search with scripted players: a perfect one solves every hand, random
   values and a beam of one lose some; what runs together does not matter. */
#include "config.h"

#include "tap.h"

#include "../common/fakehost.h"
#include "../fot/hands.h"
#include "../fot/scripted.h"
#include "base/mem.h"
#include "search.h"

extern const struct spn_plugin game24_LTX_spn_plugin;

static struct reason_tables tables;

struct outcome {
    int first, any; /* hands solved by the first answer, by any */
    int64_t calls;
    bool ended; /* by an answer or none, always */
};

static struct outcome search(const struct tot_options *o, struct scripted_faults faults,
                             enum reason_script_order order)
{
    struct reason_script script = { .reply = scripted_reply, .ctx = &faults, .order = order };
    struct spn_engine *engine = reason_script_open(&script);
    const struct spn_task *task = scripted_task(fake_find(SPN_POINT_TASK, "game24"));
    struct outcome all = { 0, 0, 0, true };

    for (int i = 0; i < n_hands; i++) {
        struct spn_reason_request r = { .question = hands[i],
                                        .task = task,
                                        .task_name = "game24",
                                        .engine = engine,
                                        .seed = (uint64_t)i };
        struct spn_reason_result out;
        bool any = false;

        r.thoughts = app_thoughts.new_();
        if (tot_run(&tables, o, &r, &out, NULL) != SPN_OK) {
            all.ended = false;
            app_thoughts.free_(r.thoughts);
            continue;
        }
        for (size_t k = 0; k < app_thoughts.count(r.thoughts); k++) {
            const struct spn_node *n = app_thoughts.at(r.thoughts, (int64_t)k);

            any |= strcmp(n->kind, "answer") == 0 && task->check(hands[i], n->text) == 1;
        }
        all.first += out.checked == 1;
        all.any += any;
        all.calls += out.calls;
        all.ended &= strcmp(out.ended, out.answer != NULL ? "answer" : "exhausted") == 0;
        spn_free(out.answer);
        spn_free(out.text);
        app_thoughts.free_(r.thoughts);
    }
    tables.engine->close(engine);
    return all;
}

int main(void)
{
    struct tot_options one = { .beam = 1, .eval = 3, .temperature = 0.7 },
                       five = { .beam = 5, .eval = 3, .temperature = 0.7 };
    const char *path = shared_path("data/24-test95.csv");
    struct outcome perfect, noisy1, noisy5, blind, late, drawn;

    if (path == NULL)
        return skip_all("the 95 hands are not there");
    n_hands = hands_read(path);
    tables = (struct reason_tables){ reason_script_api(), &app_thoughts };
    ok(n_hands == 95 && game24_LTX_spn_plugin.declare(&fake_host, NULL) == SPN_OK,
       "hands and task");
    perfect = search(&five, (struct scripted_faults){ 0, 1, true }, REASON_SCRIPT_FIRST);
    ok_int(perfect.first, 95, "a perfect player solves every hand");
    noisy1 = search(&one, (struct scripted_faults){ 0.3, 0.7, false }, REASON_SCRIPT_FIRST);
    noisy5 = search(&five, (struct scripted_faults){ 0.3, 0.7, false }, REASON_SCRIPT_FIRST);
    blind = search(&five, (struct scripted_faults){ 0, 0.02, true }, REASON_SCRIPT_FIRST);
    ok(noisy1.any < noisy5.any && noisy5.any < perfect.any, "noise: beam 1 %d, beam 5 %d of 95",
       noisy1.any, noisy5.any);
    ok(blind.any < perfect.any / 2, "values that know nothing: %d", blind.any);
    ok(noisy5.first <= noisy5.any, "the first answer is right %d times, any %d", noisy5.first,
       noisy5.any);
    late = search(&five, (struct scripted_faults){ 0.3, 0.7, false }, REASON_SCRIPT_SHUFFLED);
    ok(late.any == noisy5.any && late.first == noisy5.first && late.calls == noisy5.calls,
       "the order of replies does not matter");
    five.sample_select = true;
    drawn = search(&five, (struct scripted_faults){ 0.3, 0.7, false }, REASON_SCRIPT_FIRST);
    ok(drawn.ended && drawn.any > 0, "states drawn by value: %d", drawn.any);
    return done();
}
