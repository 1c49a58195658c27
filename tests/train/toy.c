/* toy.c - see toy.h. */
#include "config.h"

#include "toy.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"

spn_status toy_example(void *ctx, uint64_t index, const struct spn_train_part **parts, size_t *n,
                       struct spn_err *err)
{
    struct toy *t = ctx;
    struct spn_rng r;
    int len, at = 0;

    spn_rng_init(&r, spn_key_int(spn_key_str(spn_key_seed(7), "toy"), index));
    len = 1 + (int)spn_rng_below(&r, (uint64_t)t->digits);
    at = snprintf(t->question, sizeof t->question, "reverse ");
    for (int i = 0; i < len; i++) {
        char c = (char)('0' + (int)spn_rng_below(&r, 10));
        t->question[at + i] = c;
        t->answer[len - 1 - i] = c;
    }
    t->question[at + len] = ':';
    t->part[0] = (struct spn_train_part){ t->question, (size_t)(at + len + 1), 0, false };
    t->part[1] = (struct spn_train_part){ t->answer, (size_t)len, 1, false };
    t->part[2] = (struct spn_train_part){ "<|end|>", 7, 1, true };
    *parts = t->part;
    *n = 3;
    return SPN_OK;
}

spn_status toy_recipe(struct spn_recipe **out, const char *more, struct spn_err *err)
{
    char text[2048];
    int n = snprintf(text, sizeof text,
        "[model]\narch = llama\nembd = 32\nlayers = 2\nheads = 2\nff = 64\ncontext = 24\n"
        "[tokenizer]\nvocab = 264\npre = qwen2\nspecials = <|end|>\neos = <|end|>\nexamples = 200\n"
        "[data.toy]\n"
        "[train]\nbatch_tokens = 128\naccumulate = 3\nwarmup = 5\nprompt_weight = 0.05\n%s%s\n"
        "[export]\nname = toy\n", strstr(more, "lr =") == NULL ? "lr = 1e-2\n" : "", more);

    return spn_recipe_parse(out, "toy.ini", text, (size_t)n, err);
}
