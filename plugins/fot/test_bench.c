/* test_bench.c - figures of the benches: McNemar, questions of files, methods of a list, and a run
   of `bench reason` with a scripted engine. */
#include "config.h"

#include "tap.h"

#include <unistd.h>

#include "../common/fakejob.h"
#include "base/file.h"
#include "bench.h"
#include "measure.h"
#include "scripted.h"

extern const struct spn_plugin game24_LTX_spn_plugin, fot_LTX_spn_plugin, cot_LTX_spn_plugin,
    tot_LTX_spn_plugin;

static struct spn_job job;

static void test_mcnemar(void)
{
    bool a[40] = { false }, b[40] = { false };
    struct mcnemar t;

    for (int i = 0; i < 10; i++)
        a[i] = true;
    b[20] = true;
    t = measure_mcnemar(a, b, 40);
    ok(t.only_a == 10 && t.only_b == 1, "discordant pairs");
    /* 2 * (C(11,0) + C(11,1)) / 2^11 */
    ok_near(t.p, 24.0 / 2048, 1e-12, "10 against 1");
    t = measure_mcnemar(a, a, 40);
    ok_near(t.p, 1, 0, "no discordant pair");
    for (int i = 0; i < 5; i++)
        b[30 + i] = a[10 + i] = true;
    t = measure_mcnemar(a + 10, b + 10, 30);
    ok_near(t.p, measure_mcnemar(b + 10, a + 10, 30).p, 0, "two-sided");
}

static void test_spread(void)
{
    bool s[8] = { true, true, true, true, true, true, false, false };
    struct measure m = { .seeds = 2 };
    struct spread x;

    m.questions.n = 4;
    x = measure_success(&m, s);
    ok_near(x.mean, 75, 1e-12, "mean of two seeds");
    ok_near(x.sd, sqrt(1250), 1e-9, "deviation between them");
}

static void test_questions(void)
{
    static const struct {
        const char *text;
        size_t limit, n;
        const char *first, *last;
    } cases[] = {
        { "Rank,Puzzles,AMT (s)\r\n901,4 5 6 10,10.02\r\n902,1 2 4 7,10\r\n", 0, 2, "4 5 6 10",
          "1 2 4 7" },
        { "id,question\n1,\"a, \"\"b\"\"\nc\"\n2,d\n", 0, 2, "a, \"b\"\nc", "d" },
        { "{\"question\":\"q\"}\n\n{\"prompt\":\"p\"}\n", 0, 2, "q", "p" },
        { "3 3 8 8\n  \n4 5 6 10", 0, 2, "3 3 8 8", "4 5 6 10" },
        { "1\n2\n3\n", 2, 2, "1", "2" },
    };
    static const char *const bad[] = { "", "{\"answer\":1}\n", "{\n" };
    char name[] = "/tmp/spinney-questions-XXXXXX";
    int fd = mkstemp(name);
    bool refused = true;

    close(fd);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct questions q;
        struct spn_err err = SPN_ERR_INIT;
        spn_status st;

        spn_file_write(name, cases[i].text, strlen(cases[i].text), NULL);
        st = questions_read(&q, name, cases[i].limit, &err);
        ok(st == SPN_OK && q.n == cases[i].n && strcmp(q.item[0], cases[i].first) == 0 &&
               strcmp(q.item[q.n - 1], cases[i].last) == 0,
           "questions of file %zu %s", i + 1, err.text);
        if (st == SPN_OK)
            questions_free(&q);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct questions q;

        spn_file_write(name, bad[i], strlen(bad[i]), NULL);
        refused &= questions_read(&q, name, 0, NULL) == SPN_EFORMAT;
    }
    ok(refused, "files without questions are refused");
    unlink(name);
}

static void test_methods(void)
{
    struct method *m = NULL;
    size_t n = 0;

    ok(methods_parse(&m, &n, "greedy,sc:16,tot:beam=5,eval=1 fot,trees=8,base=tot", NULL) ==
               SPN_OK &&
           n == 4,
       "four methods");
    ok(n == 4 && strcmp(m[0].name, "cot") == 0 && strcmp(m[0].options, "temperature=0") == 0,
       "greedy");
    ok(n == 4 && strcmp(m[1].name, "cot") == 0 && strcmp(m[1].options, "samples=16") == 0, "sc:16");
    ok(n == 4 && strcmp(m[2].options, "beam=5,eval=1") == 0, "options go on over commas");
    ok(n == 4 && strcmp(m[3].name, "fot") == 0 && strcmp(m[3].options, "trees=8,base=tot") == 0,
       "and begin without a colon");
    methods_free(m, n);
    ok(methods_parse(&m, &n, " , ", NULL) == SPN_EUSAGE, "no method");
}

static double number(size_t row, const char *key)
{
    return json_number_value(json_object_get(json_array_get(job.results, row), key));
}

/* The scripted player through the whole bench. */
static void test_run(void)
{
    struct reason_script script = { .reply = scripted_reply };
    struct spn_values *v = spn_values_new(job_table(bench_reason.options));
    char name[] = "/tmp/spinney-hands-XXXXXX";
    struct spn_err err = SPN_ERR_INIT;
    struct spn_buf options = SPN_BUF_INIT(4096);
    static const char hands[] =
        "4 5 6 10\n1 2 4 7\n2 5 8 11\n6 7 8 9\n1 1 1 1\n3 3 7 12\n5 5 8 10\n1 5 10 11\n";
    int fd = mkstemp(name);
    spn_status st;

    close(fd);
    spn_file_write(name, hands, strlen(hands), NULL);
    job_script = &script;
    job_reset(&job, NULL, 0, true);
    spn_buf_printf(
        &options,
        "task=scripted,data=%s,seeds=2,methods=cot\\,tot:beam=5\\,fot:trees=1\\,fot:trees=8", name);
    st = spn_values_parse(v, options.data, &err);
    if (st == SPN_OK)
        st = bench_reason.run(&job_host, &job, v, 0, NULL, &err);
    ok(st == SPN_OK, "bench reason: %s", err.text);
    ok_int((long long)json_array_size(job.results), 4, "a row a method");
    ok(number(3, "success") > number(2, "success") && number(3, "success") == 87.5,
       "8 trees %.1f %%, one %.1f %%", number(3, "success"), number(2, "success"));
    ok(number(0, "calls") == 16 && number(1, "calls") > 300, "calls are counted");
    ok(number(1, "any") >= number(1, "success"), "any of b");
    ok(json_object_get(json_array_get(job.results, 0), "mcnemar") == NULL &&
           json_object_get(json_array_get(job.results, 3), "mcnemar") != NULL,
       "others are compared with the first");
    spn_values_set(v, "baseline", "nobody", NULL);
    ok(bench_reason.run(&job_host, &job, v, 0, NULL, &err) == SPN_EUSAGE, "no such baseline: %s",
       err.text);
    spn_values_free(v);
    spn_buf_free(&options);
    unlink(name);
}

int main(void)
{
    const struct spn_plugin *plugins[] = { &game24_LTX_spn_plugin, &cot_LTX_spn_plugin,
                                           &tot_LTX_spn_plugin, &fot_LTX_spn_plugin };

    for (size_t i = 0; i < 4; i++)
        ok(plugins[i]->declare(&job_host, NULL) == SPN_OK, "%s declares", plugins[i]->name);
    ok(cot_LTX_spn_plugin.selftest(&job_host, NULL) == SPN_OK, "cot's selftest");
    ok(tot_LTX_spn_plugin.selftest(&job_host, NULL) == SPN_OK, "tot's selftest");
    fake_add(&job_host, SPN_POINT_TASK, "scripted",
             scripted_task(fake_find(SPN_POINT_TASK, "game24")), NULL);
    test_mcnemar();
    test_spread();
    test_questions();
    test_methods();
    test_run();
    job_reset(&job, NULL, 0, true);
    json_decref(job.results);
    return done();
}
