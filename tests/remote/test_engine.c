/* test_engine.c - addresses, keys and requests of the remote engine; then the engine itself over
 * the scripted server: stop strings, a cancel in mid-stream, scores, vectors. */
#include "config.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/net.h"
#include "engine/remote.h"
#include "engine/remote_body.h"
#include "tap.h"

/* ---- without a server ---- */

static void addresses(void)
{
    static const struct {
        const char *url, *base, *model;
    } good[] = {
        { "http://h:8000", "http://h:8000/v1", NULL },
        { "http://h:8000/", "http://h:8000/v1", NULL },
        { "https://h/api/v1/", "https://h/api/v1", NULL },
        { "http://[::1]:8000/v1#a/b:c", "http://[::1]:8000/v1", "a/b:c" },
        { "http://h#m", "http://h/v1", "m" },
    };
    static const char *const bad[] = { "ftp://h",      "http://",       "http://:80/v1",
                                       "h:8000",       "http://h h/v1", "http://me:pw@h/v1",
                                       "http://h\n/v1" };
    static const struct {
        const char *from, *to;
        bool may;
    } hops[] = {
        { "http://h:1/a", "http://h:1/b", true },     { "http://h:1/a", "https://h/b", true },
        { "https://h/a", "http://h/a", false },       { "http://h:1/a", "http://h:2/a", false },
        { "https://h/a", "https://h.evil/a", false }, { "http://h/a", "https://evil/a", false },
        { "https://h/a", "https://h:444/a", false },
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char *base = NULL, *model = NULL;

        ok(net_base(&base, &model, good[i].url, NULL) == SPN_OK &&
               strcmp(base, good[i].base) == 0 &&
               (model == NULL ? good[i].model == NULL
                              : good[i].model != NULL && strcmp(model, good[i].model) == 0),
           "%s is %s", good[i].url, base != NULL ? base : "nothing");
        spn_free(base);
        spn_free(model);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *base = NULL;

        ok(net_base(&base, NULL, bad[i], NULL) == SPN_EUSAGE && base == NULL, "bad address %zu", i);
        spn_free(base);
    }
    for (size_t i = 0; i < sizeof hops / sizeof *hops; i++)
        ok(net_may_follow(hops[i].from, hops[i].to) == hops[i].may, "%s to %s", hops[i].from,
           hops[i].to);
}

static void key_case(const char *text, mode_t mode, bool mine, const char *want, spn_status code)
{
    char path[] = "/tmp/spinney-key-XXXXXX", *key = NULL;
    int fd = mkstemp(path);
    bool good =
        fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0;
    spn_status st = net_key(&key, "https://h:1/v1", mine, "SPINNEY_TEST_NO_KEY", path, NULL);

    ok(good && st == code && (want == NULL ? key == NULL : key != NULL && strcmp(key, want) == 0),
       "key of \"%.30s\", mode %03o: %s", text, (unsigned)mode, key != NULL ? key : "none");
    spn_free(key);
    close(fd);
    unlink(path);
}

static void keys(void)
{
    key_case("k1\n", 0600, true, "k1", SPN_OK);
    key_case("k1\n", 0400, true, "k1", SPN_OK);
    key_case("k1\n", 0600, false, NULL, SPN_OK);
    key_case("k1\n", 0640, true, NULL, SPN_EUSAGE);
    key_case("k1\n", 0604, true, NULL, SPN_EUSAGE);
    key_case("# note\nhttps://other k2\nhttps://h:1 k3\n", 0600, false, "k3", SPN_OK);
    key_case("https://h:11 k2\nhttps://h k4\n", 0600, false, NULL, SPN_OK);
    key_case("k\x01x\n", 0600, true, NULL, SPN_EUSAGE);
    key_case("", 0600, true, NULL, SPN_OK);
}

static json_t *body_of(const struct spn_prompt_request *r, const struct remote_style *s, int n)
{
    struct remote_ask a = { 0 };
    struct spn_buf b = SPN_BUF_INIT(1 << 20);
    json_t *o = NULL;
    bool chat;

    if (remote_ask_copy(&a, r, NULL) == SPN_OK && remote_body(&b, &a, s, n, &chat, NULL) == SPN_OK)
        o = json_loads(b.data, 0, NULL);
    remote_ask_free(&a);
    spn_buf_free(&b);
    return o;
}

static const char *at(json_t *o, const char *list, size_t i, const char *key)
{
    const char *s =
        json_string_value(json_object_get(json_array_get(json_object_get(o, list), i), key));

    return s != NULL ? s : "(none)";
}

static void bodies(void)
{
    const struct spn_message m[] = { { "system", "s", NULL },
                                     { "user", "a\xff"
                                               "b", NULL } };
    const char *const stops[] = { "1", "2", "3", "4", "5" };
    struct spn_prompt_request r = { .messages = m,
                                    .n_messages = 2,
                                    .prefill = "Go",
                                    .stop = stops,
                                    .n_stop = 5,
                                    .max_tokens = 9,
                                    .rng_key = 5 };
    struct remote_style s = { .model = "m",
                              .chat = true,
                              .prefill = REMOTE_ASK,
                              .features = REMOTE_ALL & ~(unsigned)REMOTE_MAX_NEW };
    json_t *o;

    spn_sampling_default(&r.sampling);
    o = body_of(&r, &s, 3);
    ok(strncmp(at(o, "messages", 1, "content"),
               "a\xef\xbf\xbd"
               "b\n\nBegin your answer",
               20) == 0,
       "bytes that are not UTF-8 are replaced, the beginning is asked for");
    ok_int(json_integer_value(json_object_get(o, "n")), 3, "n");
    ok_int((long long)json_array_size(json_object_get(o, "stop")), 4, "four stop strings at most");
    ok_int(json_integer_value(json_object_get(o, "max_tokens")), 9, "max_tokens");
    ok_near(json_real_value(json_object_get(o, "temperature")), 0.8, 0, "0.8 stays 0.8");
    json_decref(o);
    s.prefill = REMOTE_VLLM;
    s.features |= REMOTE_MAX_NEW;
    r.sampling.temperature = 0;
    o = body_of(&r, &s, 1);
    ok_str(at(o, "messages", 2, "content"), "Go", "the beginning as a turn");
    ok(json_is_true(json_object_get(o, "continue_final_message")), "which vLLM goes on from");
    ok(json_object_get(o, "top_k") == NULL && json_object_get(o, "n") == NULL, "greedy is greedy");
    ok_int(json_integer_value(json_object_get(o, "max_completion_tokens")), 9, "the newer name");
    json_decref(o);
    s.chat = false;
    r.max_tokens = -1;
    s.context = 4096;
    o = body_of(&r, &s, 1);
    ok_str(json_string_value(json_object_get(o, "prompt")),
           "s\n\na\xef\xbf\xbd"
           "b\n\nGo",
           "completions: one text");
    ok(json_integer_value(json_object_get(o, "max_tokens")) > 4000, "with room for an answer");
    json_decref(o);
    s.chat = true;
    r.grammar = "root ::= \"a\"";
    r.json_schema = "{\"type\": \"object\"}";
    o = body_of(&r, &s, 1);
    ok_str(json_string_value(json_object_get(o, "grammar")), r.grammar, "a grammar");
    ok_str(json_string_value(json_object_get(
               json_object_get(
                   json_object_get(json_object_get(o, "response_format"), "json_schema"), "schema"),
               "type")),
           "object", "a schema");
    json_decref(o);
    ok(remote_refused("Unknown field: min_p", REMOTE_ALL) == REMOTE_EXTRA, "what min_p refuses");
    ok(remote_refused("the prompt is too long", REMOTE_ALL) == 0, "what refuses nothing");
}

/* ---- with the server ---- */

static pid_t start_server(char *url, size_t room)
{
    const char *dir = getenv("SPINNEY_BUILDDIR");
    char port_file[] = "/tmp/spinney-port-XXXXXX", program[4096], *text = NULL;
    int fd = mkstemp(port_file);
    pid_t pid;

    snprintf(program, sizeof program, "%s/tool_server", dir != NULL ? dir : ".");
    pid = fd >= 0 ? fork() : -1;
    if (pid == 0) {
        execl(program, program, port_file, "/dev/null", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; pid > 0 && i < 200; i++) {
        struct timespec t = { 0, 10000000 };
        size_t n = 0;

        nanosleep(&t, NULL);
        spn_free(text);
        text = NULL;
        if (spn_file_read(&text, &n, port_file, 64, NULL) == SPN_OK && n > 1 && text[n - 1] == '\n')
            break;
    }
    snprintf(url, room, "http://127.0.0.1:%ld/v1", text != NULL ? strtol(text, NULL, 10) : 1);
    spn_free(text);
    close(fd);
    unlink(port_file);
    return pid;
}

struct watcher {
    const struct spn_engine_api *api;
    struct spn_engine *engine;
    int64_t ticket;
    char text[256];
};

static void stop_it(void *ctx, const char *bytes, size_t n)
{
    struct watcher *w = ctx;

    if (strlen(w->text) + n < sizeof w->text)
        strncat(w->text, bytes, n);
    if (strstr(w->text, "two") != NULL)
        w->api->cancel(w->engine, w->ticket);
}

static void engine(const char *url)
{
    const struct spn_engine_api *api = engine_remote();
    struct spn_values *v = spn_values_new(engine_remote_kind.options);
    struct spn_engine *e = NULL, *again = NULL;
    struct spn_err err = SPN_ERR_INIT;
    const struct spn_answer *a = NULL;
    const char *const stops[] = { "two three" };
    struct spn_message m = { "user", "@slow one two three four", NULL };
    struct spn_prompt_request r = { .messages = &m, .n_messages = 1, .max_tokens = 50 };
    struct watcher w = { .api = api };
    const float *x = NULL;
    size_t n = 0;
    int64_t ticket = 0;

    spn_sampling_default(&r.sampling);
    spn_values_set(v, "url", url, NULL);
    spn_values_set(v, "score", "yes", NULL);
    spn_values_set(v, "backoff", "0.02", NULL);
    engine_remote_configure(v, NULL);
    ok(api->open(&e, NULL, &err) == SPN_OK, "the engine opens %s", err.text);
    if (e == NULL) {
        spn_values_free(v);
        return;
    }
    ok(api->open(&again, NULL, NULL) == SPN_OK && again == e, "and is shared");
    api->close(again);
    ok_str(api->caps(e)->model, "scripted", "its model");
    ok_int(api->caps(e)->context, 4096, "its context");
    ok(api->next(e, &a, NULL) == SPN_ENOTFOUND, "no request is queued");

    r.stop = stops;
    r.n_stop = 1;
    ok(api->submit(e, &r, &ticket, NULL) == SPN_OK && api->next(e, &a, NULL) == SPN_OK,
       "a stop string");
    ok(a->ticket == ticket && a->finish == SPN_FINISH_STOP && strcmp(a->text, "re: one ") == 0,
       "across two pieces: \"%s\"", a->text);
    r.n_stop = 0;
    w.engine = e;
    r.on_text = stop_it;
    r.on_text_ctx = &w;
    api->submit(e, &r, &w.ticket, NULL);
    ok(api->next(e, &a, NULL) == SPN_OK && a->finish == SPN_FINISH_CANCEL,
       "a cancel in mid-stream");
    ok_str(a->text, "re: one two", "keeps what there was");
    ok(a->tokens_out > 0 && a->estimated, "and what it cost");
    r.on_text = NULL;
    api->submit(e, &r, &ticket, NULL);
    api->cancel(e, 0);
    ok(api->next(e, &a, NULL) == SPN_OK && a->finish == SPN_FINISH_CANCEL && a->tokens_in == 0,
       "one that was not sent costs nothing");

    ok(api->score(e, "aab", "bca", &x, &n, &err) == SPN_OK && n == 3, "a score of 3 tokens %s",
       err.text);
    ok(n == 3 && fabsf(x[0] + 0.5f) < 1e-6f && fabsf(x[1] + 0.25f) < 1e-6f,
       "is that of the continuation");
    ok(api->embed(e, "abba", &x, &n, &err) == SPN_OK && n == 4 && fabsf(x[0] - 2) < 1e-6f &&
           fabsf(x[2]) < 1e-6f,
       "a vector %s", err.text);
    ok(api->embed(e, "tokens aaaa", &x, &n, NULL) == SPN_OK && n == 4 && fabsf(x[0] - 3) < 1e-6f,
       "the mean of one a token");
    ok(api->embed(e, "@400", &x, &n, NULL) != SPN_OK && !api->caps(e)->embed && !api->caps(e)->lost,
       "a server without vectors");
    ok(strstr(api->caps(e)->lacks, "embed") != NULL, "which is recorded");
    ok(api->count_tokens(e, "") == 0 && api->count_tokens(e, "abcdefgh") > 0,
       "tokens are estimated");
    api->close(e);
    engine_remote_end();
    spn_values_free(v);
}

/* Faults of all kinds under way together, equal prompts in groups, some cancelled in between: each
 * ticket comes back once, with its text or a sentence. */
static void crowd(const char *url)
{
    static const struct {
        const char *ask, *text; /* NULL: fails */
    } all[] = {
        { "@cut*1 a b", "re: a b" },  { "@mess*1 c d", "re: c d" },
        { "@429*2 e", "re: e" },      { "@500 f", NULL },
        { "@html g", NULL },          { "@fail*1 h", "re: h" },
        { "@nofinish*1 i", "re: i" }, { "@400 j", NULL },
        { "@raw*1 k", "re: k" },      { "@503*1 l", "re: l" },
        { "m", "re: m 0" },           { "m", "re: m 1" },
        { "m", "re: m 2" },           { "m", "re: m" },
        { "@here*1 n", "re: n" },     { "@stall*1 o p", "re: o p" },
        { "@slow q r s", NULL },
    };
    enum { N = sizeof all / sizeof *all };
    const struct spn_engine_api *api = engine_remote();
    struct spn_values *v = spn_values_new(engine_remote_kind.options);
    int64_t ticket[N] = { 0 };
    int seen[N] = { 0 };
    struct spn_engine *e = NULL;
    const struct spn_answer *a;

    spn_values_set(v, "url", url, NULL);
    spn_values_set(v, "backoff", "0.02", NULL);
    spn_values_set(v, "idle", "0.3", NULL);
    spn_values_set(v, "group", "3", NULL);
    engine_remote_configure(v, NULL);
    ok(api->open(&e, NULL, NULL) == SPN_OK, "the engine opens again");
    for (size_t i = 0; e != NULL && i < N; i++) {
        struct spn_message m = { "user", all[i].ask };
        struct spn_prompt_request r = { .messages = &m, .n_messages = 1, .max_tokens = 50 };

        spn_sampling_default(&r.sampling);
        ok(api->submit(e, &r, &ticket[i], NULL) == SPN_OK, "\"%s\" goes out", all[i].ask);
    }
    while (e != NULL && api->next(e, &a, NULL) == SPN_OK)
        for (size_t i = 0; i < N; i++)
            if (ticket[i] == a->ticket) {
                if (seen[N - 1] == 0 && i != N - 1)
                    api->cancel(e, ticket[N - 1]); /* A's text is gone with that */
                else
                    ok(i == N - 1 ? a->finish == SPN_FINISH_CANCEL
                       : all[i].text != NULL
                           ? a->status == SPN_OK && strcmp(a->text, all[i].text) == 0
                           : a->finish == SPN_FINISH_ERROR && a->status == SPN_EIO,
                       "\"%s\": %s", all[i].ask, a->error != NULL ? a->error : a->text);
                seen[i]++;
                break;
            }
    for (size_t i = 0; i < N; i++)
        ok_int(seen[i], 1, all[i].ask);
    api->close(e);
    engine_remote_end();
    spn_values_free(v);
}

int main(void)
{
    const char *dir = getenv("SPINNEY_BUILDDIR");
    char url[64], module[4096];
    pid_t pid;

    addresses();
    keys();
    bodies();
    snprintf(module, sizeof module, "%s/.libs/spn_net.so", dir != NULL ? dir : ".");
    if (!spn_path_exists(module)) {
        skip("no module spn_net in this build");
        return done();
    }
    net_configure(module);
    pid = start_server(url, sizeof url);
    engine(url);
    crowd(url);
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return done();
}
