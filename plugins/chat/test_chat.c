/* test_chat.c - the command with a scripted engine: keys of the contract, order, failures, budgets.
 */
#include "config.h"

#include "tap.h"

#include "../common/fakejob.h"
#include "options.h"

extern const struct spn_plugin chat_LTX_spn_plugin, game24_LTX_spn_plugin, fot_LTX_spn_plugin;

static struct spn_job job;

static char *echo(void *ctx, const char *prompt, uint64_t key)
{
    struct spn_buf b = SPN_BUF_INIT(4096);

    spn_buf_printf(&b, "you said: %s", prompt);
    return spn_buf_steal(&b);
}

/* Run `chat` with OPTIONS ("seed=1,reason=fot\:trees=2") over LINES. */
static spn_status chat(const char *options, const char *const *lines, size_t n, bool json,
                       struct spn_err *err)
{
    const struct spn_command *c = fake_find(SPN_POINT_COMMAND, "chat");
    struct spn_values *v = spn_values_new(job_table(c->options));
    char *file[] = { "FILE" };
    spn_status st;

    job_reset(&job, lines, n, json);
    st = spn_values_parse(v, options, err);
    if (st == SPN_OK)
        st = c->run(&job_host, &job, v, 1, file, err);
    spn_values_free(v);
    return st;
}

static const char *text(size_t i, const char *key)
{
    return json_string_value(json_object_get(json_array_get(job.results, i), key));
}

static void test_json(void)
{
    static const char *const keys[] = { "id",         "index",   "prompt",    "answer", "checked",
                                        "text",       "finish",  "seconds",   "model",  "seed",
                                        "reason",     "task",    "tokens_in", "ended",  "calls",
                                        "tokens_out", "thoughts" };
    static const char *const lines[] = {
        "{\"prompt\":\"one\",\"id\":\"a\"}",
        ("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":"
         "\"y\"},{\"role\":\"user\",\"content\":\"two\"}],\"id\":7}"),
        "",
        "{\"messages\":[{\"role\":\"nobody\",\"content\":\"x\"}]}",
        "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}]}",
        "{\"prompt\":\"4 5 6 10\"}",
    };
    struct reason_script s = { .reply = echo, .order = REASON_SCRIPT_LAST };
    struct spn_err err = SPN_ERR_INIT;
    bool all = true;

    job_script = &s;
    ok(chat("", lines, 6, true, &err) == SPN_OK, "six records: %s", err.text);
    ok_int((long long)json_array_size(job.results), 6, "six results");
    ok_int(job.failed, 3, "three of them failures");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        all &= json_object_get(json_array_get(job.results, 1), keys[i]) != NULL;
    ok(all, "every key of the contract");
    ok(s.most_waiting > 1, "replies run together: %lld", (long long)s.most_waiting);
    job_reset(&job, NULL, 0, true);

    static const char *const good[] = { "{\"prompt\":\"one\",\"id\":\"a\"}",
                                        "{\"prompt\":\"two\",\"id\":7}",
                                        "{\"prompt\":\"4 5 6 10\"}" };

    ok(chat("seed=3", good, 3, true, &err) == SPN_OK, "three good records");
    ok_str(text(0, "text"), "you said: one", "in the input's order");
    ok_str(text(0, "id"), "a", "id");
    ok_str(text(0, "answer"), "you said: one", "without a task the reply is the answer");
    ok_str(text(0, "task"), "free", "free");
    ok_str(text(2, "task"), "game24", "four numbers are a Game of 24");
    ok(json_is_false(json_object_get(json_array_get(job.results, 2), "checked")), "and checked");
    ok(json_is_null(json_object_get(json_array_get(job.results, 0), "checked")), "free is not");
    ok_int(json_integer_value(json_object_get(json_array_get(job.results, 1), "id")), 7,
           "number id");
    ok(chat("strict", good, 1, true, &err) == SPN_ENO, "--strict: an ungraded answer is a no");
    ok(chat("unordered", good, 3, true, &err) == SPN_OK && json_array_size(job.results) == 3 &&
           strcmp(text(0, "prompt"), "4 5 6 10") == 0,
       "--unordered: as they come");
}

static void test_text(void)
{
    static const char *const lines[] = { "{\"prompt\":\"hello\"}" };
    struct reason_script s = { .reply = echo };
    struct spn_err err = SPN_ERR_INIT;

    job_script = &s;
    ok(chat("prompt=hello", lines, 1, false, &err) == SPN_OK, "text");
    ok(job.text.data != NULL && job.text.data[job.text.length - 1] == '\n', "ends its line");
    ok(chat("prompt=hello,task=nothing", lines, 1, false, &err) == SPN_EUSAGE, "no such task: %s",
       err.text);
    ok(chat("prompt=hello,reason=fot", lines, 1, false, &err) == SPN_EUSAGE &&
           strstr(err.text, "no task takes") != NULL,
       "no task takes it: %s", err.text);
    ok(chat("prompt=hello,temp=-1", lines, 1, false, &err) == SPN_EUSAGE, "temperature: %s",
       err.text);

    struct reason_script broken = { .reply = echo, .fail_at = 1 };

    job_script = &broken;
    ok(chat("prompt=hello", lines, 1, false, &err) == SPN_EIO,
       "-p: its failure is the command's: %s", err.text);
    broken = (struct reason_script){ .reply = echo, .fail_at = 1 };
    ok(chat("", lines, 1, true, &err) == SPN_OK && job.failed == 1, "of a file, the record's");
}

static void test_reason(void)
{
    static const char *const lines[] = { "{\"prompt\":\"4 5 6 10\"}" };
    struct reason_script s = { .reply = echo };
    struct spn_err err = SPN_ERR_INIT;
    json_t *thoughts;

    job_script = &s;
    ok(chat("prompt=4 5 6 10,reason=fot:trees=64\\,values=random\\,proposer=random", lines, 1, true,
            &err) == SPN_OK,
       "a forest of random proposals: %s", err.text);
    ok(json_is_true(json_object_get(json_array_get(job.results, 0), "checked")), "solves the hand");
    thoughts = json_object_get(json_array_get(job.results, 0), "thoughts");
    ok(json_array_size(json_object_get(thoughts, "nodes")) > 3, "the result holds the forest");
    ok(chat("thoughts=none,reason=fot:trees=64\\,values=random\\,proposer=random", lines, 1, true,
            &err) == SPN_OK &&
           json_is_null(json_object_get(json_array_get(job.results, 0), "thoughts")),
       "or not");
    ok(chat("reason=fot:trees=64\\,values=random\\,proposer=random", lines, 1, false, &err) ==
               SPN_OK &&
           strstr(job.text.data, "answer: ") != NULL && strstr(job.text.data, "tokens/s") != NULL,
       "text for a person");
    ok(chat("reason=fot:base=mcts", lines, 1, true, &err) == SPN_OK && job.failed == 1 &&
           job.code == SPN_EUSAGE,
       "mcts is refused");
    ok(chat("strict,reason=fot:trees=1\\,values=random\\,proposer=random",
            (const char *[]){ "{\"prompt\":\"1 1 1 1\"}" }, 1, true, &err) == SPN_ENO,
       "--strict: an unsolved hand is a no");
}

static void test_budget(void)
{
    struct spn_budget b = { 0, 0, 0 };
    static const char *const bad[] = { "time",     "time=",     "time=x", "time=-1",   "time=5d",
                                       "tokens=0", "tokens=3s", "call=3", "tokens=nan" };
    bool refused = true;

    ok(chat_budget(&b, "time=1.5m,tokens=70,calls=3", NULL) == SPN_OK && b.seconds == 90 &&
           b.tokens == 70 && b.calls == 3,
       "three limits");
    ok(chat_budget(&b, "time=250ms", NULL) == SPN_OK && b.seconds == 0.25, "milliseconds");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused &= chat_budget(&b, bad[i], NULL) == SPN_EUSAGE;
    ok(refused, "what is no limit is refused");
}

int main(void)
{
    ok(chat_LTX_spn_plugin.declare(&job_host, NULL) == SPN_OK &&
           game24_LTX_spn_plugin.declare(&job_host, NULL) == SPN_OK &&
           fot_LTX_spn_plugin.declare(&job_host, NULL) == SPN_OK,
       "plugins declare");
    ok(chat_LTX_spn_plugin.selftest(&job_host, NULL) == SPN_OK, "chat's selftest");
    ok(fot_LTX_spn_plugin.selftest(&job_host, NULL) == SPN_OK, "fot's selftest");
    ok(spn_options_check(chat_options, "chat", NULL) == SPN_OK, "the table is well formed");
    test_json();
    test_text();
    test_reason();
    test_budget();
    job_reset(&job, NULL, 0, true);
    json_decref(job.results);
    return done();
}
