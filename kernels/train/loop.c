/* loop.c - the life of a run: open or resume, step, log, save, export. */
#include "config.h"

#include "train/loop.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/reader.h"
#include "train/checkpoint.h"
#include "train/folder.h"
#include "train/runlog.h"
#include "train/step.h"

#define CORPUS_BYTES_MAX (256u << 20)
#define RECIPE_BYTES_MAX (4u << 20)

struct spn_train {
    const struct spn_recipe *recipe;
    struct spn_train_options o;
    struct spn_mixture       mixture;
    struct spn_packing       packing;
    struct spn_tokenizer    *tokenizer;
    struct spn_lm           *lm;
    struct train_stepper     stepper;
    struct spn_train_state   state;
    struct spn_rate          rate;
    struct train_log         log;
    int64_t saved;                             /* step of the newest checkpoint; -1: none */
    int64_t timed_tokens; double timed_s;      /* when the last line was logged */
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- opening ---- */

/* The recipe travels with the run: another one would make other weights of the same checkpoint. */
static spn_status keep_recipe(const struct spn_train *t, struct spn_err *err)
{
    char path[TRAIN_PATH_BYTES];
    char *had = NULL;
    size_t n = 0, line = 1;
    spn_status st = train_path(path, t->o.run, "recipe.ini", err);

    if (st == SPN_OK && !spn_path_exists(path))
        return spn_file_write(path, t->recipe->text, t->recipe->length, err);
    if (st == SPN_OK)
        st = spn_file_read(&had, &n, path, RECIPE_BYTES_MAX, err);
    if (st == SPN_OK && (n != t->recipe->length || memcmp(had, t->recipe->text, n) != 0)) {
        for (size_t i = 0; i < n && i < t->recipe->length && had[i] == t->recipe->text[i]; i++)
            line += had[i] == '\n';
        st = spn_fail(
            err, SPN_EUSAGE,
            "%s: the run was started with another recipe than %s; they differ from line %zu on",
            t->o.run, t->recipe->path, line);
    }
    spn_free(had);
    return st;
}

/* Make or enter the folder of the run; on return its log is locked and *LAST is the newest
 * checkpoint or -1. */
static spn_status enter_run(struct spn_train *t, int64_t *last, struct spn_err *err)
{
    const char *run = t->o.run;
    spn_status st = spn_make_dirs(run, err);

    if (st == SPN_OK)
        st = train_log_open(&t->log, run, err);
    if (st == SPN_OK)
        st = spn_checkpoint_last(run, last, err);
    if (st == SPN_OK && !t->o.resume && (*last >= 0 || !train_log_empty(&t->log))) {
        spn_fail(err, SPN_EUSAGE, "%s: holds a run already, %lld steps saved", run,
                 (long long)(*last < 0 ? 0 : *last));
        return spn_cure(err, "spinney train %s -o %s --resume", t->recipe->path, run);
    }
    if (st == SPN_OK)
        st = keep_recipe(t, err);
    if (st == SPN_OK)
        st = spn_checkpoint_prune(run, 0, err);        /* what a killed process left behind */
    return st;
}

/* Text of the first examples of the mixture, control tokens left out: what the BPE is learnt on. */
static spn_status corpus(const struct spn_train *t, struct spn_buf *text, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (int64_t i = 0; st == SPN_OK && i < t->recipe->tokenizer_examples; i++) {
        const struct spn_train_part *parts = NULL;
        size_t n = 0;

        st = spn_mixture_example(&t->mixture, (uint64_t)i, &parts, &n, err);
        for (size_t k = 0; st == SPN_OK && k < n; k++)
            if (!parts[k].special && (spn_buf_add(text, parts[k].text, parts[k].length) != SPN_OK ||
                                      spn_buf_puts(text, "\n") != SPN_OK))
                st = spn_fail(err, SPN_ENOMEM,
                              "%s: the text of %lld examples to learn the tokenizer on is longer "
                              "than %u bytes",
                              t->recipe->path, (long long)i + 1, CORPUS_BYTES_MAX);
    }
    return st;
}

static spn_status read_tokenizer(struct spn_train *t, const char *path, struct spn_err *err)
{
    struct spn_reader *r = NULL;
    spn_status st = spn_reader_open(&r, path, err);

    if (st == SPN_OK)
        st = spn_tokenizer_open(&t->tokenizer, r, err);
    spn_reader_close(r);
    return st;
}

/* A run that goes on uses the tokenizer it began with, whatever the trainer would make of the
 * examples today. */
static spn_status open_tokenizer(struct spn_train *t, struct spn_err *err)
{
    struct spn_buf text = SPN_BUF_INIT(CORPUS_BYTES_MAX);
    struct spn_writer *w = NULL;
    char path[TRAIN_PATH_BYTES] = "";
    spn_status st = t->o.run != NULL ? train_path(path, t->o.run, "tokenizer.gguf", err) : SPN_OK;

    if (st == SPN_OK && t->o.run != NULL && spn_path_exists(path))
        return read_tokenizer(t, path, err);
    if (st == SPN_OK && t->o.from != NULL) {
        char from[TRAIN_PATH_BYTES];

        st = train_path(from, t->o.from, "tokenizer.gguf", err);
        if (st == SPN_OK)
            st = read_tokenizer(t, from, err);
    } else if (st == SPN_OK) {
        st = corpus(t, &text, err);
        if (st == SPN_OK)
            st = spn_bpe_train(&t->tokenizer, text.data != NULL ? text.data : "", text.length,
                               &t->recipe->tokenizer, err);
    }
    if (st == SPN_OK && t->o.run != NULL) {
        st = spn_gguf_create(&w, path, err);
        if (st == SPN_OK && (spn_writer_str(w, "general.architecture", "tokenizer", 9) != SPN_OK ||
                             spn_tokenizer_write(t->tokenizer, w) != SPN_OK))
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory left to write the tokenizer", path);
        if (st == SPN_OK)
            st = spn_writer_commit(w, err);
        spn_writer_free(w);
    }
    spn_buf_free(&text);
    return st;
}

static spn_status make_model(struct spn_train *t, struct spn_err *err)
{
    struct spn_lm_shape shape = t->recipe->shape;

    shape.n_vocab = spn_token_count(t->tokenizer);
    return spn_lm_create(&t->lm, t->recipe->arch, &shape, (uint64_t)t->o.seed, err);
}

static spn_status restore(struct spn_train *t, int64_t last, struct spn_err *err)
{
    char dir[TRAIN_PATH_BYTES];
    struct spn_train_state read = { 0 };
    spn_status st = train_folder_path(dir, t->o.run, last, false, err);

    if (st == SPN_OK)
        st = spn_checkpoint_load(dir, t->stepper.param, t->stepper.n_params, &read, err);
    if (st == SPN_OK && read.seed != t->o.seed)
        st = spn_fail(err, SPN_EUSAGE, "%s: the run was started with seed %lld, not %lld", t->o.run,
                      (long long)read.seed, (long long)t->o.seed);
    if (st == SPN_OK && read.step != last)
        st = spn_fail(err, SPN_EFORMAT, "%s/state.json: says step %lld", dir, (long long)read.step);
    if (st == SPN_OK) {
        read.total = t->state.total;
        t->state = read;
        t->saved = last;
    }
    return st;
}

/* Begin with the weights of another run's newest checkpoint. */
static spn_status begin_from(struct spn_train *t, struct spn_err *err)
{
    char dir[TRAIN_PATH_BYTES];
    int64_t last = -1;
    spn_status st = spn_checkpoint_last(t->o.from, &last, err);

    if (st == SPN_OK && last < 0)
        st = spn_fail(err, SPN_ENOTFOUND, "%s: holds no checkpoint to begin with", t->o.from);
    if (st == SPN_OK)
        st = train_folder_path(dir, t->o.from, last, false, err);
    return st == SPN_OK
               ? spn_checkpoint_weights(dir, t->stepper.param, t->stepper.n_params, err)
               : st;
}

static spn_status prepare(struct spn_train *t, struct spn_err *err)
{
    int64_t last = -1;
    spn_status st = t->o.run != NULL ? enter_run(t, &last, err) : SPN_OK;

    if (st == SPN_OK)
        st = open_tokenizer(t, err);
    if (st == SPN_OK)
        st = make_model(t, err);
    if (st == SPN_OK)
        st = train_stepper_init(&t->stepper, t->lm, t->recipe->accumulate, t->recipe->batch_tokens,
                                t->o.pool, err);
    if (st == SPN_OK && last >= 0)
        st = restore(t, last, err);
    else if (st == SPN_OK && t->o.from != NULL)
        st = begin_from(t, err);
    if (st == SPN_OK && t->o.run != NULL)
        st = train_log_cut(&t->log, t->state.step, err);
    t->packing = (struct spn_packing){ &t->mixture, t->tokenizer, t->recipe->shape.context,
                                       t->recipe->prompt_weight };
    return st;
}

spn_status spn_train_open(struct spn_train **out, const struct spn_recipe *r,
                          const struct spn_train_source *source, size_t n_sources,
                          const struct spn_train_options *o, struct spn_err *err)
{
    struct spn_train *t = spn_calloc(1, sizeof *t);
    spn_status st;

    if (t == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory left to start a run", r->path);
    t->recipe = r;
    t->o = *o;
    t->log = (struct train_log)TRAIN_LOG_INIT;
    t->saved = -1;
    t->mixture = (struct spn_mixture){ source, n_sources, (uint64_t)o->seed };
    t->rate = r->rate;
    t->rate.total = o->steps > 0 ? o->steps : r->steps;
    t->state = (struct spn_train_state){ .total = t->rate.total, .seed = o->seed };
    st = prepare(t, err);
    if (st == SPN_OK)
        *out = t;
    else
        spn_train_close(t);
    return st;
}

void spn_train_close(struct spn_train *t)
{
    if (t == NULL)
        return;
    train_stepper_free(&t->stepper);
    spn_lm_close(t->lm);
    spn_tokenizer_free(t->tokenizer);
    train_log_close(&t->log);
    spn_free(t);
}

void spn_train_info_get(const struct spn_train *t, struct spn_train_info *info)
{
    *info = (struct spn_train_info){ .params = t->stepper.start[t->stepper.n_params],
                                     .vocab = t->lm->shape.n_vocab,
                                     .step = t->state.step,
                                     .total = t->state.total,
                                     .bytes = t->stepper.bytes,
                                     .workers = t->stepper.n_workers };
}

/* ---- running ---- */

static spn_status save(struct spn_train *t, struct spn_err *err)
{
    spn_status st;

    if (t->o.run == NULL || t->saved == t->state.step)
        return SPN_OK;
    st = train_log_sync(&t->log, err);
    if (st == SPN_OK)
        st = spn_checkpoint_save(t->o.run, t->lm, t->stepper.param, t->stepper.n_params, &t->state,
                                 err);
    if (st == SPN_OK) {
        t->saved = t->state.step;
        st = spn_checkpoint_prune(t->o.run, t->recipe->keep, err);
    }
    return st;
}

/* The batches of a step in the order of the examples; tokens are counted once all are there. */
static spn_status fill(struct spn_train *t, struct spn_err *err)
{
    uint64_t next = (uint64_t)t->state.next_example;
    spn_status st = SPN_OK;

    for (int i = 0; st == SPN_OK && i < t->stepper.n_slots; i++)
        st = spn_batch_fill(&t->stepper.slot[i].batch, &t->packing, &next, &t->state.cut, err);
    for (int i = 0; st == SPN_OK && i < t->stepper.n_slots; i++) {
        t->state.tokens += t->stepper.slot[i].batch.n;
        t->state.loss_tokens += t->stepper.slot[i].batch.loss_tokens;
    }
    t->state.next_example = (int64_t)next;
    return st;
}

static spn_status report(struct spn_train *t, struct spn_train_step *s, struct spn_err *err)
{
    s->logged = s->step % t->recipe->log_every == 0 || s->step == s->total;
    if (s->logged || t->o.on_step != NULL)
        s->tokens_per_s = (double)(s->loss_tokens - t->timed_tokens) /
                          fmax(now_s() - t->timed_s, 1e-9);
    if (s->logged) {
        t->timed_s = now_s();
        t->timed_tokens = s->loss_tokens;
        if (t->o.run != NULL) {
            spn_status st = train_log_add(&t->log, s, err);
            if (st != SPN_OK)
                return st;
        }
    }
    if (t->o.on_step != NULL)
        t->o.on_step(t->o.ctx, s);
    return SPN_OK;
}

static spn_status step(struct spn_train *t, struct spn_err *err)
{
    struct spn_train_step s = { .total = t->state.total,
                                .lr = spn_rate_at(&t->rate, t->state.step) };
    double clip = t->recipe->clip;
    spn_status st = fill(t, err);

    if (st == SPN_OK)
        st = train_stepper_gradient(&t->stepper, &s.loss, &s.grad_norm, err);
    if (st != SPN_OK)
        return st;
    if (!isfinite(s.loss) || !isfinite(s.grad_norm))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: step %lld: the loss is %g and the gradient's norm %g at learning rate "
                        "%g; checkpoint %lld is kept",
                        t->recipe->path, (long long)t->state.step + 1, s.loss, s.grad_norm, s.lr,
                        (long long)(t->saved < 0 ? 0 : t->saved));
    train_stepper_update(&t->stepper, &t->recipe->adamw, s.lr, t->state.step + 1,
                         clip > 0 && s.grad_norm > clip ? clip / s.grad_norm : 1);
    s.step = ++t->state.step;
    s.tokens = t->state.tokens;
    s.loss_tokens = t->state.loss_tokens;
    return report(t, &s, err);
}

spn_status spn_train_run(struct spn_train *t, struct spn_err *err)
{
    int64_t end = t->o.until > 0 && t->o.until < t->state.total ? t->o.until : t->state.total;
    spn_status st = SPN_OK;

    t->timed_s = now_s();
    t->timed_tokens = t->state.loss_tokens;
    while (st == SPN_OK && t->state.step < end) {
        if (spn_cancelled(t->o.cancel)) {
            st = save(t, err);
            return st != SPN_OK ? st
                                : spn_fail(err, SPN_ECANCEL, "%s: stopped at step %lld of %lld",
                                           t->recipe->path, (long long)t->state.step,
                                           (long long)t->state.total);
        }
        st = step(t, err);
        if (st == SPN_OK && t->state.step % t->recipe->save_every == 0)
            st = save(t, err);
    }
    return st == SPN_OK ? save(t, err) : st;
}

const struct spn_lm *spn_train_model(const struct spn_train *t)
{
    return t->lm;
}

const struct spn_tokenizer *spn_train_tokenizer(const struct spn_train *t)
{
    return t->tokenizer;
}

spn_status spn_train_export(const struct spn_train *t, const char *path, int dtype,
                            struct spn_err *err)
{
    /* The chat template is one of the tokenizer's keys. */
    return spn_lm_write_gguf(t->lm, path, dtype, t->tokenizer, t->recipe->name, NULL,
                             t->recipe->prompts, err);
}
