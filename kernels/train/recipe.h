/* recipe.h - what a training run is: model, tokenizer, mixture of data, optimiser, export.  An INI
 * file. */
#ifndef SPN_TRAIN_RECIPE_H
#define SPN_TRAIN_RECIPE_H
#include <stdint.h>
#include "base/err.h"
#include "grad/tape.h"
#include "lm/model.h"
#include "text/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_recipe_pair { const char *key, *value; int line; };

/* [data.POINT] or [data.POINT.LABEL]: a data source by its registered name, its share of the
 * examples, its own options. */
struct spn_recipe_data {
    const char *section;                       /* "data.game24.values" */
    const char *point;                         /* "game24" */
    double      weight;                        /* > 0, relative to the others */
    const struct spn_recipe_pair *option;      /* all keys but weight, as written */
    size_t      n_options;
    int         line;
};

struct spn_recipe {
    const char *path;                          /* for messages */
    const char *text; size_t length;           /* as read: kept in the run */
    struct spn_arena *arena;

    /* [model] arch embd layers ff heads heads_kv head_dim context norm_eps rope_base */
    const struct spn_arch *arch;
    struct spn_lm_shape    shape;              /* n_vocab comes from the tokenizer */
    /* [tokenizer] vocab pre specials bos eos chat_template examples */
    struct spn_bpe_options tokenizer;
    int64_t     tokenizer_examples;            /* examples whose text the BPE is learnt on */
    /* [data.…] */
    struct spn_recipe_data *data; size_t n_data;
    /* [train] steps or tokens; batch_tokens accumulate; lr schedule warmup decay min_ratio; beta1
       beta2 eps weight_decay clip; prompt_weight seed save_every keep log_every */
    int64_t steps; /* of the optimiser; from tokens: as many as full micro-batches would take */
    int64_t     tokens;                        /* 0: steps were given */
    int64_t     batch_tokens;                  /* most tokens of one micro-batch, packed */
    int64_t     accumulate;                    /* micro-batches of a step */
    struct spn_rate  rate;                     /* total = steps */
    struct spn_adamw adamw;
    double      clip;                          /* largest norm of the whole gradient; 0: none */
    double      prompt_weight;                 /* of the tokens of a part with weight 0 */
    int64_t     seed;                          /* from 0 */
    int64_t     save_every, keep, log_every;   /* steps; checkpoints kept (0: all); steps */
    /* [export] type name prompts */
    int         export_dtype;
    const char *name;                          /* NULL: none */
    const char *prompts;                       /* set that the data says; NULL: none */
};

/* SPN_EFORMAT, `PATH:LINE: what`: a key that is not known, a value out of its range, a section
 * or key that is missing. */
spn_status spn_recipe_open(struct spn_recipe **out, const char *path, struct spn_err *err);
/* The same from text; NAME stands for the path in messages. */
spn_status spn_recipe_parse(struct spn_recipe **out, const char *name, const char *text,
                            size_t length, struct spn_err *err);
void       spn_recipe_free(struct spn_recipe *r);      /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
