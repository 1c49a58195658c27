/* test_local.c - the local engine over a tiny model with a tokenizer of its own. */
#include "config.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/adapters.h"
#include "engine/engine.h"
#include "lm/model.h"

#include "tap.h"

static const char model_path[] = "test_local.gguf";
static const struct spn_engine_api *api;

static bool write_model(void)
{
    static const char *const specials[] = { "<|im_start|>", "<|im_end|>" };
    const struct spn_bpe_options bo = {
        .vocab = 400,
        .pre = "qwen2",
        .specials = specials,
        .n_specials = 2,
        .eos = "<|im_end|>",
        .chat_template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
                         "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}"
                         "<|im_start|>assistant\n{% endif %}",
    };
    struct spn_lm_shape shape = {
        .n_vocab = 400,
        .n_embd = 64,
        .n_layer = 2,
        .n_ff = 128,
        .n_head = 4,
        .n_head_kv = 2,
        .dim_k = 16,
        .dim_v = 16,
        .n_rot = 16,
        .context = 256,
        .norm_eps = 1e-5f,
        .rope_base = 10000,
        .rope_scale = 1,
        .tied = true,
    };
    struct spn_tokenizer *tok = NULL;
    struct spn_lm *m = NULL;
    struct spn_err err = SPN_ERR_INIT;
    char corpus[6000];
    spn_status st;

    for (size_t i = 0; i < sizeof corpus; i++)
        corpus[i] =
            "the cat sat on a mat and saw the dog, caf\xc3\xa9 and 24.\n"[(i * 13 + i / 40 * 7) %
                                                                          51];
    st = spn_bpe_train(&tok, corpus, sizeof corpus, &bo, &err);
    if (st == SPN_OK)
        st = spn_lm_create(&m, spn_arch_find("llama"), &shape, 3, &err);
    for (uint64_t i = 0; st == SPN_OK && i < m->params; i++)
        m->block[i] *= m->block[i] == 1 ? 1 : 8;
    if (st == SPN_OK)
        st = spn_lm_write_gguf(m, model_path, SPN_Q8_0, tok, "tiny", NULL, NULL, &err);
    if (st != SPN_OK)
        printf("# %s\n", err.text);
    spn_lm_close(m);
    spn_tokenizer_free(tok);
    return st == SPN_OK;
}

static struct spn_prompt_request request(const char *text, int64_t tokens)
{
    return (struct spn_prompt_request){
        .text = text,
        .max_tokens = tokens,
        .sampling = { .top_p = 1, .repeat_penalty = 1 },
        .logprobs = true,
    };
}

/* The answer to one request, its text copied into OUT. */
static struct spn_answer ask(struct spn_engine *e, const struct spn_prompt_request *r, char *out,
                             size_t room)
{
    const struct spn_answer *a = NULL;
    struct spn_err err = SPN_ERR_INIT;
    int64_t ticket = 0;

    if (api->submit(e, r, &ticket, &err) != SPN_OK || api->next(e, &a, &err) != SPN_OK ||
        a->ticket != ticket) {
        printf("# %s\n", err.text);
        out[0] = '\0';
        return (struct spn_answer){ .finish = SPN_FINISH_ERROR };
    }
    snprintf(out, room, "%.*s", (int)a->length, a->text);
    return *a;
}

struct stream {
    char text[4096];
    size_t n;
    int calls;
};

static void on_text(void *ctx, const char *bytes, size_t n)
{
    struct stream *s = ctx;

    if (s->n + n < sizeof s->text)
        memcpy(s->text + s->n, bytes, n);
    s->n += n;
    s->calls++;
}

static void test_answers(struct spn_engine *e)
{
    struct spn_prompt_request r = request("the cat", 40);
    static struct stream s;
    struct spn_answer a;
    char whole[4096], cut[4096], stop[3] = { 0 };
    const char *stops[] = { "never this text", stop };
    const char *at;

    r.on_text = on_text;
    r.on_text_ctx = &s;
    a = ask(e, &r, whole, sizeof whole);
    ok(a.tokens_out > 0 && a.tokens_in > 0 && a.seconds > 0 && a.n_logprob == (size_t)a.tokens_out,
       "%d tokens in, %d out, with log probabilities", (int)a.tokens_in, (int)a.tokens_out);
    ok(s.n == a.length && memcmp(s.text, a.text, s.n) == 0, "streamed in %d pieces: the same text",
       s.calls);
    ok(a.finish == SPN_FINISH_LENGTH, "ends at its length");
    /* Stop at two bytes in the middle of the text, wherever the tokens end. */
    memcpy(stop, whole + strlen(whole) / 2, 2);
    at = strstr(whole, stop);
    memset(&s, 0, sizeof s);
    r.stop = stops;
    r.n_stop = 2;
    a = ask(e, &r, cut, sizeof cut);
    ok(at != NULL && a.finish == SPN_FINISH_STOP && strlen(cut) == (size_t)(at - whole) &&
           memcmp(cut, whole, strlen(cut)) == 0,
       "a stop string ends the answer and is cut from it");
    ok(s.n == a.length, "nothing of it was streamed");
}

static void test_messages(struct spn_engine *e)
{
    const struct spn_message m[] = { { "system", "be short", NULL },
                                     { "user", "the <|im_end|> dog", NULL } };
    struct spn_prompt_request r = { .messages = m,
                                    .n_messages = 2,
                                    .max_tokens = 10,
                                    .sampling = { .top_p = 1, .repeat_penalty = 1 } };
    struct spn_answer plain, with;
    char a[1024], b[1024];

    ok_str(api->caps(e)->template_name, "chatml", "the template is found");
    plain = ask(e, &r, a, sizeof a);
    r.prefill = "and 24";
    with = ask(e, &r, b, sizeof b);
    ok(plain.tokens_out == 10 && with.tokens_in == plain.tokens_in + api->count_tokens(e, "and 24"),
       "a prefill follows the template");
    ok(strstr(b, "and 24") != b, "and is no part of the answer");
    ok(with.tokens_cached % 32 == 0 && with.tokens_cached > 0,
       "%d tokens of the prompt came from the cache", (int)with.tokens_cached);
}

static void test_many(struct spn_engine *e)
{
    char one[4096];
    struct spn_prompt_request r = request("a mat", 30);
    const struct spn_answer *a;
    struct spn_engine_stats before, after;
    struct spn_err err = SPN_ERR_INIT;
    int64_t ticket[6], got = 0, last;
    bool same = true;

    ask(e, &r, one, sizeof one);
    api->stats(e, &before);
    for (int i = 0; i < 6; i++) {
        struct spn_prompt_request o =
            request(i == 3 ? "a mat" : "saw the dog and", 30 - (i == 3 ? 0 : 4 * i));

        api->submit(e, &o, &ticket[i], NULL);
    }
    last = ticket[5];
    api->cancel(e, ticket[0]);
    while (api->next(e, &a, &err) == SPN_OK) {
        got++;
        if (a->ticket == ticket[0])
            same = same && a->finish == SPN_FINISH_CANCEL;
        if (a->ticket == ticket[3])
            same = same && strcmp(a->text, one) == 0;
        if (got == 1)
            same = same && a->ticket == ticket[0];
        if (got == 2)
            same = same && a->ticket == last;
    }
    ok(got == 6 && same && err.code == SPN_ENOTFOUND,
       "six requests, one cancelled, answers as they end, the same text as alone");
    api->stats(e, &after);
    ok(after.generated_tokens > before.generated_tokens && after.steps > before.steps &&
           after.prompt_tokens > before.prompt_tokens,
       "counters rise");
    api->submit(e, &r, ticket, NULL);
    api->submit(e, &r, ticket, NULL);
    api->cancel(e, 0);
    ok(api->next(e, &a, NULL) == SPN_OK && a->finish == SPN_FINISH_CANCEL &&
           api->next(e, &a, NULL) == SPN_OK && api->next(e, &a, NULL) == SPN_ENOTFOUND,
       "cancel of all reports each once");
}

static void test_score(struct spn_engine *e)
{
    struct spn_prompt_request r = request("the cat sat", 12);
    struct spn_answer a;
    char text[1024];
    const float *lp;
    float drawn[64];
    size_t n = 0;
    struct spn_err err = SPN_ERR_INIT;
    spn_status st;

    a = ask(e, &r, text, sizeof text);
    memcpy(drawn, a.logprob, (size_t)a.tokens_out * sizeof *drawn);
    st = api->score(e, "the cat sat", text, &lp, &n, &err);
    ok(st == SPN_OK && n > 0, "an answer is scored: %zu tokens %s", n, err.text);
    /* The text may be split into other tokens than were drawn. */
    if (n != (size_t)a.tokens_out)
        skip("the answer's text is not split as it was drawn");
    else
        ok(memcmp(lp, drawn, n * sizeof *lp) == 0, "to the bytes of the log probabilities drawn");
    ok(api->score(e, "the cat", "", &lp, &n, &err) == SPN_EUSAGE, "refused: %s", err.text);
}

static void test_refused(struct spn_engine *e)
{
    static char long_text[20000];
    struct spn_prompt_request r = request(NULL, 5);
    struct spn_err err = SPN_ERR_INIT;
    int64_t ticket;

    ok(api->submit(e, &r, &ticket, &err) == SPN_EUSAGE, "refused: %s", err.text);
    memset(long_text, 'q', sizeof long_text - 1);
    r.text = long_text;
    ok(api->submit(e, &r, &ticket, &err) == SPN_EUSAGE, "refused: %s", err.text);
    r = request("a", 5);
    r.sampling.top_p = NAN;
    ok(api->submit(e, &r, &ticket, &err) == SPN_EUSAGE, "refused: %s", err.text);
}

static double cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

static void test_embed(struct spn_engine *e)
{
    const float *v;
    float first[512];
    char long_text[2000];
    struct spn_err err = SPN_ERR_INIT;
    size_t n = 0;

    if (!ok(api->caps(e)->embed && api->embed(e, "the cat sat", &v, &n, &err) == SPN_OK && n > 0 &&
                n <= 512,
            "a text has a vector of %zu numbers: %s", n, err.text))
        return;
    memcpy(first, v, n * sizeof *first);
    api->embed(e, "the cat sat", &v, &n, NULL);
    ok(memcmp(first, v, n * sizeof *first) == 0, "the same one each time");
    api->embed(e, "a dog", &v, &n, NULL);
    ok(cosine(first, v, n) < 0.999, "another text has another one: %.3f", cosine(first, v, n));
    for (size_t i = 0; i + 1 < sizeof long_text; i++)
        long_text[i] = "the cat sat "[i % 12];
    long_text[sizeof long_text - 1] = '\0';
    ok(api->embed(e, long_text, &v, &n, &err) == SPN_OK && isfinite(cosine(first, v, n)),
       "a text longer than the context has one too: %s", err.text);
}

static void test_shared_and_stopped(struct spn_engine *e)
{
    static struct spn_cancel stop;
    struct engine_settings s = {
        .threads = 1, .kv_dtype = SPN_F16, .act_f32 = true, .ctx = 64, .cancel = &stop
    };
    struct spn_engine *same = NULL, *other = NULL, *none = NULL;
    struct spn_prompt_request r = request("the", 1000);
    const struct spn_answer *a;
    struct spn_err err = SPN_ERR_INIT;
    int64_t ticket;

    ok(api->open(&same, "./test_local.gguf", NULL) == SPN_OK && same == e, "one engine a path");
    api->close(same);
    engine_local_configure(&s, NULL);
    ok(api->open(&other, model_path, NULL) == SPN_OK && other != e &&
           api->caps(other)->context == 64,
       "other settings, another engine");
    ok(api->open(&none, "test_local-missing.gguf", &err) != SPN_OK && none == NULL, "refused: %s",
       err.text);
    api->submit(other, &r, &ticket, NULL);
    spn_cancel_set(&stop);
    ok(api->next(other, &a, &err) == SPN_ECANCEL, "the user stops: %s", err.text);
    api->cancel(other, 0);
    ok(api->next(other, &a, NULL) == SPN_OK && a->finish == SPN_FINISH_CANCEL,
       "what was under way is reported");
    api->close(other);
}

/* A path, a path with its scale, and a file whose name only looks like that. */
static void test_adapters(void)
{
    struct spn_lm_adapter *list = NULL;
    struct spn_err err = SPN_ERR_INIT;
    int n = 0;

    ok(adapters_list(&list, &n, NULL, &err) == SPN_OK && n == 0 && list == NULL, "no adapter");
    if (!ok(adapters_list(&list, &n, "a.gguf\nb:0.5\nC:\\x\n", &err) == SPN_OK && n == 3,
            "three adapters"))
        return;
    ok(strcmp(list[0].path, "a.gguf") == 0 && list[0].scale == 1, "one alone has scale 1");
    ok(strcmp(list[1].path, "b") == 0 && list[1].scale == 0.5f, "a scale behind the colon");
    ok(strcmp(list[2].path, "C:\\x") == 0 && list[2].scale == 1, "no number, no scale");
    spn_free(list);
}

int main(void)
{
    struct spn_engine *e = NULL;
    struct spn_err err = SPN_ERR_INIT;
    const struct engine_settings s = { .threads = 1, .kv_dtype = SPN_F32 };

    api = engine_local();
    engine_local_configure(&s, NULL);
    if (!ok(write_model(), "a model is written") ||
        !ok(api->open(&e, model_path, &err) == SPN_OK, "and opened %s", err.text))
        return done();
    ok_str(api->caps(e)->model, "tiny", "its name");
    ok_str(api->caps(e)->type, "q8_0", "its type");
    test_answers(e);
    test_messages(e);
    test_many(e);
    test_score(e);
    test_refused(e);
    test_embed(e);
    test_adapters();
    test_shared_and_stopped(e);
    engine_local_end();
    remove(model_path);
    return done();
}
