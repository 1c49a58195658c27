/* test_recipe.c - recipes: what is read, and the line of what is wrong. */
#include "config.h"

#include <string.h>

#include "tap.h"
#include "toy.h"

static const char base[] =
    "# a comment\n"
    "[model]\n"                                /* 2 */
    "arch = llama\nembd = 32\nlayers = 2\nheads = 4\nheads_kv = 2\nff = 64\ncontext = 24\n"
    "[tokenizer]\n"                            /* 10 */
    "vocab = 300\npre = qwen2\nspecials = <|a|>  <|b|>\neos = <|b|>\n"
    "[data.game24.values]\n"                   /* 15 */
    "weight = 0.25\nheld-out = x = y\n"
    "[train]\n"                                /* 18 */
    "tokens = 10k\nbatch_tokens = 128\naccumulate = 2\nlr = 3e-3\nschedule = cosine\nseed = 42\n"
    "[export]\ntype = q8_0\n";

static spn_status parse(struct spn_recipe **r, const char *text, struct spn_err *err)
{
    return spn_recipe_parse(r, "r.ini", text, strlen(text), err);
}

static void test_good(void)
{
    struct spn_recipe *r = NULL;
    struct spn_err err = SPN_ERR_INIT;

    spn_status st = parse(&r, base, &err);

    if (!ok(st == SPN_OK, "a recipe is read: %s", err.text))
        return;
    ok_int(r->shape.n_embd, 32, "embd");
    ok_int(r->shape.n_head_kv, 2, "heads_kv");
    ok_int(r->shape.dim_k, 8, "head_dim follows from embd and heads");
    ok_int(r->tokenizer.vocab, 300, "vocab");
    ok_int((long long)r->tokenizer.n_specials, 2, "specials");
    ok_str(r->tokenizer.specials[1], "<|b|>", "the second special");
    ok_int((long long)r->n_data, 1, "data sections");
    ok_str(r->data[0].point, "game24", "data point without its label");
    ok_near(r->data[0].weight, 0.25, 0, "data weight");
    ok_int((long long)r->data[0].n_options, 1, "weight is not an option of the source");
    ok_str(r->data[0].option[0].value, "x = y", "a value may hold =");
    ok_int(r->steps, 40, "10k tokens in steps of 256");
    ok_int(r->rate.total, 40, "the schedule ends with the run");
    ok(r->rate.kind == SPN_SCHED_COSINE, "schedule");
    ok_int(r->seed, 42, "seed");
    ok_int(r->export_dtype, SPN_Q8_0, "export type");
    spn_recipe_free(r);
}

/* BASE with the first FROM replaced by TO; WANT is in the sentence. */
static void bad(const char *from, const char *to, const char *want)
{
    char text[4096];
    const char *at = strstr(base, from);
    struct spn_recipe *r = NULL;
    struct spn_err err = SPN_ERR_INIT;
    spn_status st;

    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
    st = parse(&r, text, &err);
    ok(st == SPN_EFORMAT && strstr(err.text, want) != NULL, "%.8s…: \"%s\"", from, err.text);
    if (st == SPN_OK)
        spn_recipe_free(r);
}

int main(void)
{
    struct spn_recipe *r = NULL;
    struct spn_err err = SPN_ERR_INIT;
    spn_status st;

    test_good();
    bad("seed = 42", "sed = 42", "r.ini:24: [train] has no key sed");
    bad("[export]", "[exports]", "r.ini:25: no section [exports]");
    bad("embd = 32", "embd = 32x", "r.ini:4: [model] embd");
    bad("embd = 32", "embd = 1.5", "whole number");
    bad("embd = 32", "embd = nan", "r.ini:4:");
    bad("embd = 32", "embd = 34", "not a multiple of heads");
    bad("heads_kv = 2", "heads_kv = 3", "not a multiple of heads_kv");
    bad("arch = llama", "arch = lama", "r.ini:3:");
    bad("arch = llama\n", "", "[model] arch is missing");
    bad("lr = 3e-3\n", "", "[train] lr is missing");
    bad("lr = 3e-3", "lr", "r.ini:22: neither");
    bad("lr = 3e-3", "lr = 3e-3\nlr = 2e-3", "r.ini:23: lr is given twice");
    bad("[export]", "[model]", "r.ini:25: section [model] is given twice");
    bad("tokens = 10k", "", "either steps or tokens");
    bad("tokens = 10k", "tokens = 1\nsteps = 2", "either steps or tokens");
    bad("schedule = cosine", "schedule = cosin", "constant, cosine or wsd");
    bad("type = q8_0", "type = q9", "r.ini:26:");
    bad("seed = 42", "seed = -1", "r.ini:24:");
    bad("batch_tokens = 128", "batch_tokens = 8", "holds no example");
    bad("weight = 0.25", "weight = 0", "r.ini:16:");
    bad("# a comment", "a = 1", "before the first [section]");
    st = parse(&r, "", &err);
    ok(st == SPN_EFORMAT, "nothing: %s", err.text);
    st = spn_recipe_parse(&r, "z", "[a]\0", 4, &err);
    ok(st == SPN_EFORMAT && strstr(err.text, "zero byte") != NULL, "a zero byte: %s", err.text);
    st = spn_recipe_open(&r, "/nonexistent/r.ini", &err);
    ok(st == SPN_ENOTFOUND, "no file: %s", err.text);
    return done();
}
