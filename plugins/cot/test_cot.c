/* test_cot.c - samples and their vote. */
#include "config.h"

#include "tap.h"

#include "../common/fakehost.h"
#include "../fot/scripted.h"
#include "base/mem.h"
#include "samples.h"

extern const struct spn_plugin game24_LTX_spn_plugin;

static struct spn_reason_result ask(const struct cot_options *o, struct reason_script *script,
                                    const struct spn_budget *budget, spn_status *st,
                                    size_t *answers)
{
    struct reason_tables tables = { reason_script_api(), &app_thoughts };
    const struct spn_task *task = scripted_task(fake_find(SPN_POINT_TASK, "game24"));
    struct spn_reason_request r = {
        .question = "4 5 6 10", .task = task, .task_name = "game24", .seed = 5
    };
    struct spn_reason_result out;

    r.engine = reason_script_open(script);
    r.thoughts = app_thoughts.new_();
    if (budget != NULL)
        r.budget = *budget;
    *st = cot_run(&tables, o, &r, &out, NULL);
    *answers = 0;
    for (size_t i = 0; i < app_thoughts.count(r.thoughts); i++)
        *answers += strcmp(app_thoughts.at(r.thoughts, (int64_t)i)->kind, "answer") == 0;
    app_thoughts.free_(r.thoughts);
    tables.engine->close(r.engine);
    return out;
}

static void clear(struct spn_reason_result *r)
{
    spn_free(r->answer);
    spn_free(r->text);
}

static char *mute(void *ctx, const char *prompt, uint64_t key)
{
    return spn_strdup("\n");
}

int main(void)
{
    struct reason_script script = { .reply = scripted_reply },
                         late = { .reply = scripted_reply, .order = REASON_SCRIPT_LAST };
    struct reason_script silent = { .reply = mute },
                         stopped = { .reply = scripted_reply, .stop_after = 3 };
    struct reason_script broken = { .reply = scripted_reply, .fail_at = 2 };
    struct cot_options one = { .samples = 1 }, many = { .samples = 31, .temperature = 0.7 };
    struct spn_budget calls = { .calls = 4 };
    struct spn_reason_result a, b;
    size_t answers;
    spn_status st;

    ok(game24_LTX_spn_plugin.declare(&fake_host, NULL) == SPN_OK, "the task game24 is there");
    a = ask(&one, &script, NULL, &st, &answers);
    ok(st == SPN_OK && a.answer != NULL && a.calls == 1 && a.checked >= 0 &&
           strcmp(a.ended, "answer") == 0,
       "one sample: %s", a.answer);
    clear(&a);
    a = ask(&many, &script, NULL, &st, &answers);
    ok(a.calls == 31 && answers == 31 && script.most_waiting == 31, "31 samples wait together");
    ok_str(a.answer, "(10 - 4) * 5 - 6", "the frequent answer wins");
    ok_int(a.checked, 1, "and is checked");
    b = ask(&many, &late, NULL, &st, &answers);
    ok(b.winner_tree == a.winner_tree && strcmp(a.answer, b.answer) == 0, "whichever comes first");
    clear(&a);
    clear(&b);
    a = ask(&many, &silent, NULL, &st, &answers);
    ok(st == SPN_OK && a.answer == NULL && a.checked == -1 && strcmp(a.ended, "exhausted") == 0,
       "nothing said is no answer");
    clear(&a);
    a = ask(&many, &script, &calls, &st, &answers);
    ok(st == SPN_OK && a.calls == 4 && a.answer != NULL && strcmp(a.ended, "budget") == 0,
       "a budget of 4 calls: the vote of those");
    clear(&a);
    a = ask(&many, &stopped, NULL, &st, &answers);
    ok(st == SPN_OK && answers == 3 && strcmp(a.ended, "user") == 0,
       "stopped: the vote of what came");
    clear(&a);
    a = ask(&many, &broken, NULL, &st, &answers);
    ok(st == SPN_EIO && a.answer == NULL, "an engine that fails");
    return done();
}
