/* recipe.c - one table of keys turns an INI text into a struct spn_recipe, saying the line of
 * whatever is wrong. */
#include "config.h"

#include "train/recipe.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "tensor/dtype.h"
#include "train/ini.h"

#define RECIPE_BYTES_MAX (4u << 20)
#define ARENA_BYTES_MAX  (64u << 20)

enum kind { INT, FLOAT, REAL32, TEXT, WORDS, ARCH, SCHEDULE, DTYPE, SEED, VOCAB };

struct key {
    const char *section, *name;
    enum kind   kind;
    size_t      offset;
    double      lo, hi;
    bool        needed;
};
#define AT(field) offsetof(struct spn_recipe, field)

static const struct key keys[] = {
    { "model", "arch", ARCH, AT(arch), 0, 0, true },
    { "model", "embd", INT, AT(shape.n_embd), 1, 65536, true },
    { "model", "layers", INT, AT(shape.n_layer), 1, 1024, true },
    { "model", "ff", INT, AT(shape.n_ff), 1, 1 << 20, true },
    { "model", "heads", INT, AT(shape.n_head), 1, 1024, true },
    { "model", "heads_kv", INT, AT(shape.n_head_kv), 1, 1024, false },
    { "model", "head_dim", INT, AT(shape.dim_k), 2, 1024, false },
    { "model", "context", INT, AT(shape.context), 2, 1 << 20, true },
    { "model", "norm_eps", REAL32, AT(shape.norm_eps), 1e-12, 1, false },
    { "model", "rope_base", REAL32, AT(shape.rope_base), 1, 1e9, false },
    { "tokenizer", "vocab", VOCAB, AT(tokenizer.vocab), 257, 1 << 20, true },
    { "tokenizer", "pre", TEXT, AT(tokenizer.pre), 0, 0, true },
    { "tokenizer", "specials", WORDS, AT(tokenizer.specials), 0, 0, false },
    { "tokenizer", "bos", TEXT, AT(tokenizer.bos), 0, 0, false },
    { "tokenizer", "eos", TEXT, AT(tokenizer.eos), 0, 0, true },
    { "tokenizer", "chat_template", TEXT, AT(tokenizer.chat_template), 0, 0, false },
    { "tokenizer", "examples", INT, AT(tokenizer_examples), 1, 10e6, false },
    { "train", "steps", INT, AT(steps), 1, 1e9, false },
    { "train", "tokens", INT, AT(tokens), 1, 1e15, false },
    { "train", "batch_tokens", INT, AT(batch_tokens), 2, 1 << 20, true },
    { "train", "accumulate", INT, AT(accumulate), 1, 4096, false },
    { "train", "lr", FLOAT, AT(rate.peak), 1e-12, 10, true },
    { "train", "schedule", SCHEDULE, AT(rate.kind), 0, 0, false },
    { "train", "warmup", INT, AT(rate.warmup), 0, 1e9, false },
    { "train", "decay", FLOAT, AT(rate.decay), 0, 1, false },
    { "train", "min_ratio", FLOAT, AT(rate.min_ratio), 0, 1, false },
    { "train", "beta1", FLOAT, AT(adamw.beta1), 0, 0.999999, false },
    { "train", "beta2", FLOAT, AT(adamw.beta2), 0, 0.999999, false },
    { "train", "eps", FLOAT, AT(adamw.eps), 1e-30, 1, false },
    { "train", "weight_decay", FLOAT, AT(adamw.weight_decay), 0, 10, false },
    { "train", "clip", FLOAT, AT(clip), 0, 1e9, false },
    { "train", "prompt_weight", FLOAT, AT(prompt_weight), 0, 1, false },
    { "train", "seed", SEED, AT(seed), 0, 0, false },
    { "train", "save_every", INT, AT(save_every), 1, 1e9, false },
    { "train", "keep", INT, AT(keep), 0, 1e6, false },
    { "train", "log_every", INT, AT(log_every), 1, 1e9, false },
    { "export", "type", DTYPE, AT(export_dtype), 0, 0, false },
    { "export", "name", TEXT, AT(name), 0, 0, false },
    { "export", "prompts", TEXT, AT(prompts), 0, 0, false },
};
#define N_KEYS (sizeof keys / sizeof keys[0])

static const char *const schedules[] = {
    [SPN_SCHED_CONSTANT] = "constant", [SPN_SCHED_COSINE] = "cosine", [SPN_SCHED_WSD] = "wsd"
};

/* What a run does where the recipe says nothing. */
static void set_defaults(struct spn_recipe *r)
{
    r->shape.norm_eps = 1e-5f;
    r->shape.rope_base = 10000.0f;
    r->shape.rope_scale = 1.0f;
    r->shape.tied = true;
    r->tokenizer_examples = 4000;
    r->accumulate = 1;
    r->rate = (struct spn_rate){ .kind = SPN_SCHED_WSD, .decay = 0.35, .warmup = 100 };
    r->adamw = (struct spn_adamw){ .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.05 };
    r->clip = 1;
    r->save_every = 500;
    r->keep = 2;
    r->log_every = 10;
    r->export_dtype = SPN_F16;
}

struct place { const char *path, *section; const struct train_ini_pair *pair; };

static spn_status bad_value(struct place at, const char *wanted, struct spn_err *err)
{
    return spn_fail(err, SPN_EFORMAT, "%s:%d: [%s] %s = \"%.80s\": %s is wanted", at.path,
                    at.pair->line, at.section, at.pair->key, at.pair->value, wanted);
}

static spn_status no_memory(const char *path, struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "%s: no memory left to keep the recipe", path);
}

/* Whole numbers may end with k (thousands) or M (millions): `tokens = 12M`. */
static spn_status read_number(struct place at, const struct key *k, double *out,
                              struct spn_err *err)
{
    bool whole = k->kind == INT || k->kind == VOCAB;
    char *end = NULL, wanted[96];
    double v = strtod(at.pair->value, &end);

    if (end != at.pair->value && whole && (*end == 'k' || *end == 'M'))
        v *= *end++ == 'k' ? 1e3 : 1e6;
    if (end == at.pair->value || *end != '\0' || !(v >= k->lo && v <= k->hi) ||
        (whole && v != floor(v))) {
        snprintf(wanted, sizeof wanted, "a %snumber from %.10g to %.10g", whole ? "whole " : "",
                 k->lo, k->hi);
        return bad_value(at, wanted, err);
    }
    *out = v;
    return SPN_OK;
}

static spn_status read_seed(struct place at, int64_t *out, struct spn_err *err)
{
    const char *s = at.pair->value;
    char *end = NULL;
    long long v;

    errno = 0;
    v = strtoll(s, &end, 10);
    if (s[0] < '0' || s[0] > '9' || *end != '\0' || errno == ERANGE)
        return bad_value(at, "a whole number from 0 to 9223372036854775807", err);
    *out = v;
    return SPN_OK;
}

/* Words with blanks between, lent from the arena. */
static spn_status read_words(struct place at, struct spn_arena *arena, const char *const **out,
                             size_t *n, struct spn_err *err)
{
    char *copy = spn_arena_strndup(arena, at.pair->value, strlen(at.pair->value)), *rest = copy,
         *word;
    size_t count = 0, room = strlen(at.pair->value) / 2 + 1;
    const char **list = spn_arena_alloc(arena, room, sizeof *list);

    if (copy == NULL || list == NULL)
        return no_memory(at.path, err);
    while ((word = strsep(&rest, " \t")) != NULL)
        if (word[0] != '\0')
            list[count++] = word;
    *out = list;
    *n = count;
    return SPN_OK;
}

static spn_status read_schedule(struct place at, enum spn_schedule *out, struct spn_err *err)
{
    for (size_t i = 0; i < sizeof schedules / sizeof schedules[0]; i++)
        if (strcmp(schedules[i], at.pair->value) == 0) {
            *out = (enum spn_schedule)i;
            return SPN_OK;
        }
    return bad_value(at, "constant, cosine or wsd", err);
}

static spn_status read_dtype(struct place at, int *out, struct spn_err *err)
{
    int type = spn_dtype_by_name(at.pair->value);

    if (type < 0 || !spn_dtype_info(type)->encode)
        return bad_value(at, "a type that can be written (f32, f16, bf16, q8_0)", err);
    *out = type;
    return SPN_OK;
}

static spn_status set_key(struct spn_recipe *r, const struct key *k, struct place at,
                          struct spn_err *err)
{
    char *field = (char *)r + k->offset;
    double v = 0;
    spn_status st = SPN_OK;

    switch (k->kind) {
    case INT:
    case VOCAB:
    case FLOAT:
    case REAL32:
        st = read_number(at, k, &v, err);
        if (st != SPN_OK)
            return st;
        if (k->kind == INT)
            *(int64_t *)field = (int64_t)v;
        else if (k->kind == VOCAB)
            *(int *)field = (int)v;
        else if (k->kind == FLOAT)
            *(double *)field = v;
        else
            *(float *)field = (float)v;
        return SPN_OK;
    case TEXT:
        if (at.pair->value[0] == '\0')
            return bad_value(at, "a text", err);
        *(const char **)field = at.pair->value;
        return SPN_OK;
    case WORDS:
        return read_words(at, r->arena, &r->tokenizer.specials, &r->tokenizer.n_specials, err);
    case ARCH:
        r->arch = spn_arch_find(at.pair->value);
        return r->arch != NULL
                   ? SPN_OK
                   : bad_value(at, "the name of an architecture (llama, qwen2, qwen3)", err);
    case SCHEDULE:
        return read_schedule(at, (enum spn_schedule *)field, err);
    case DTYPE:
        return read_dtype(at, (int *)field, err);
    case SEED:
        return read_seed(at, (int64_t *)field, err);
    }
    return SPN_OK;
}

static spn_status unknown_key(struct place at, struct spn_err *err)
{
    struct spn_buf known = SPN_BUF_INIT(1024);

    for (size_t i = 0; i < N_KEYS; i++)
        if (strcmp(keys[i].section, at.section) == 0)
            spn_buf_printf(&known, "%s%s", known.length > 0 ? " " : "", keys[i].name);
    spn_fail(err, SPN_EFORMAT, "%s:%d: [%s] has no key %s; it has: %s", at.path, at.pair->line,
             at.section, at.pair->key, known.data != NULL ? known.data : "");
    spn_buf_free(&known);
    return SPN_EFORMAT;
}

static bool section_known(const char *name)
{
    for (size_t i = 0; i < N_KEYS; i++)
        if (strcmp(keys[i].section, name) == 0)
            return true;
    return false;
}

static const struct train_ini_pair *find_pair(const struct train_ini_section *all,
                                              const char *section, const char *key)
{
    for (; all != NULL; all = all->next)
        if (strcmp(all->name, section) == 0)
            for (const struct train_ini_pair *p = all->first; p != NULL; p = p->next)
                if (strcmp(p->key, key) == 0)
                    return p;
    return NULL;
}

static spn_status read_section(struct spn_recipe *r, const struct train_ini_section *s,
                               struct spn_err *err)
{
    if (!section_known(s->name))
        return spn_fail(err, SPN_EFORMAT,
                        "%s:%d: no section [%s]; there are: model tokenizer data.NAME train export",
                        r->path, s->line, s->name);
    for (const struct train_ini_pair *p = s->first; p != NULL; p = p->next) {
        struct place at = { r->path, s->name, p };
        size_t i = 0;
        spn_status st;

        while (i < N_KEYS &&
               (strcmp(keys[i].section, s->name) != 0 || strcmp(keys[i].name, p->key) != 0))
            i++;
        st = i < N_KEYS ? set_key(r, &keys[i], at, err) : unknown_key(at, err);
        if (st != SPN_OK)
            return st;
    }
    return SPN_OK;
}

/* [data.POINT] or [data.POINT.LABEL] */
static spn_status read_data(struct spn_recipe *r, const struct train_ini_section *s,
                            struct spn_recipe_data *d, struct spn_err *err)
{
    static const struct key weight = { "data", "weight", FLOAT, 0, 1e-9, 1e9, false };
    const char *point = s->name + strlen("data.");
    struct spn_recipe_pair *option;
    size_t n = 0;

    for (const struct train_ini_pair *p = s->first; p != NULL; p = p->next)
        n++;
    option = spn_arena_alloc(r->arena, n + 1, sizeof *option);
    d->section = s->name;
    d->line = s->line;
    d->point = spn_arena_strndup(r->arena, point, strcspn(point, "."));
    if (option == NULL || d->point == NULL)
        return no_memory(r->path, err);
    if (d->point[0] == '\0')
        return spn_fail(err, SPN_EFORMAT, "%s:%d: [%s] names no data source", r->path, s->line,
                        s->name);
    d->weight = 1;
    d->option = option;
    for (const struct train_ini_pair *p = s->first; p != NULL; p = p->next) {
        if (strcmp(p->key, "weight") == 0) {
            spn_status st = read_number((struct place){ r->path, s->name, p }, &weight, &d->weight,
                                        err);
            if (st != SPN_OK)
                return st;
        } else {
            option[d->n_options++] = (struct spn_recipe_pair){ p->key, p->value, p->line };
        }
    }
    return SPN_OK;
}

/* What the table cannot say: keys that are needed, and figures that must fit each other. */
static spn_status check(struct spn_recipe *r, const struct train_ini_section *all,
                        struct spn_err *err)
{
    struct spn_lm_shape *s = &r->shape;
    bool steps = find_pair(all, "train", "steps") != NULL;

    for (size_t i = 0; i < N_KEYS; i++)
        if (keys[i].needed && find_pair(all, keys[i].section, keys[i].name) == NULL)
            return spn_fail(err, SPN_EFORMAT, "%s: [%s] %s is missing", r->path, keys[i].section,
                            keys[i].name);
    if (r->n_data == 0)
        return spn_fail(err, SPN_EFORMAT, "%s: no [data.NAME] section: nothing to train on",
                        r->path);
    if (steps == (r->tokens != 0))
        return spn_fail(err, SPN_EFORMAT, "%s: [train] wants either steps or tokens, %s given",
                        r->path, steps ? "both are" : "neither is");
    if (!steps)
        r->steps = (r->tokens + r->batch_tokens * r->accumulate - 1) /
                   (r->batch_tokens * r->accumulate);
    r->rate.total = r->steps;
    if (s->n_head_kv == 0)
        s->n_head_kv = s->n_head;
    if (s->n_head % s->n_head_kv != 0)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: [model] heads = %lld is not a multiple of heads_kv = %lld", r->path,
                        (long long)s->n_head, (long long)s->n_head_kv);
    if (s->dim_k == 0) {
        if (s->n_embd % s->n_head != 0)
            return spn_fail(err, SPN_EFORMAT,
                            "%s: [model] embd = %lld is not a multiple of heads = %lld, and "
                            "head_dim is not given",
                            r->path, (long long)s->n_embd, (long long)s->n_head);
        s->dim_k = s->n_embd / s->n_head;
    }
    if (s->dim_k % 2 != 0)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: [model] a head of %lld elements cannot be rotated in pairs: an even "
                        "number is wanted",
                        r->path, (long long)s->dim_k);
    s->dim_v = s->n_rot = s->dim_k;
    if (r->batch_tokens < s->context)
        return spn_fail(
            err, SPN_EFORMAT,
            "%s: [train] batch_tokens = %lld holds no example of [model] context = %lld tokens",
            r->path, (long long)r->batch_tokens, (long long)s->context);
    return SPN_OK;
}

static spn_status parse(struct spn_recipe *r, const char *name, const char *text, size_t length,
                        struct spn_err *err)
{
    struct train_ini_section *all = NULL;
    spn_status st;
    size_t n = 0;

    r->path = spn_arena_strndup(r->arena, name, strlen(name));
    r->text = spn_arena_strndup(r->arena, text, length);
    r->length = length;
    if (r->path == NULL || r->text == NULL)
        return no_memory(name, err);
    st = train_ini_parse(&all, r->arena, r->path, text, length, err);
    for (struct train_ini_section *s = all; s != NULL; s = s->next)
        n += strncmp(s->name, "data.", 5) == 0;
    r->data = spn_arena_alloc(r->arena, n + 1, sizeof *r->data);
    if (st == SPN_OK && r->data == NULL)
        st = no_memory(name, err);
    for (struct train_ini_section *s = all; st == SPN_OK && s != NULL; s = s->next) {
        if (strncmp(s->name, "data.", 5) == 0)
            st = read_data(r, s, &r->data[r->n_data++], err);
        else
            st = read_section(r, s, err);
    }
    return st == SPN_OK ? check(r, all, err) : st;
}

spn_status spn_recipe_parse(struct spn_recipe **out, const char *name, const char *text,
                            size_t length, struct spn_err *err)
{
    struct spn_arena *arena = spn_arena_new(ARENA_BYTES_MAX);
    struct spn_recipe *r = arena != NULL ? spn_arena_alloc(arena, 1, sizeof *r) : NULL;
    spn_status st;

    if (r == NULL) {
        spn_arena_free(arena);
        return no_memory(name, err);
    }
    r->arena = arena;
    set_defaults(r);
    st = parse(r, name, text, length, err);
    if (st == SPN_OK)
        *out = r;
    else
        spn_recipe_free(r);
    return st;
}

spn_status spn_recipe_open(struct spn_recipe **out, const char *path, struct spn_err *err)
{
    char *text = NULL;
    size_t length = 0;
    spn_status st = spn_file_read(&text, &length, path, RECIPE_BYTES_MAX, err);

    if (st == SPN_OK)
        st = spn_recipe_parse(out, path, text, length, err);
    spn_free(text);
    return st;
}

void spn_recipe_free(struct spn_recipe *r)
{
    if (r != NULL)
        spn_arena_free(r->arena);
}
