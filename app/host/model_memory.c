#include "config.h"

#include "host/model_memory.h"

#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "base/cpu.h"
#include "host/message.h"

static const double gib = 1 << 30;
enum { SHORTEST = 256 }; /* tokens without which a model is of no use */

void model_memory_of(struct model_memory *m, const struct spn_lm *lm, int kv_bytes)
{
    *m = (struct model_memory){ .left = spn_memory_free_bytes(),
                                .context = lm->shape.context,
                                .token =
                                    spn_lm_kv_token_bytes(lm, kv_bytes == 2 ? SPN_F16 : SPN_F32) };
    for (int i = 0; i < lm->n_list; i++)
        m->weights += spn_tensor_bytes(&lm->list[i]->t);
    m->weights += spn_lm_state_bytes(lm); /* a sequence's, whatever its length */
    if (m->token == 0 && m->left > m->weights)
        m->fits = m->context;
    if (m->token > 0 && m->left > m->weights) {
        uint64_t tokens = (m->left - m->weights) / m->token;

        m->fits = tokens < (uint64_t)m->context ? (int64_t)tokens : m->context;
    }
}

spn_status model_memory_check(const char *path, int64_t ctx, int kv_bytes, bool quiet,
                              struct spn_err *err)
{
    const char *slash = strrchr(path, '/'),
               *name = slash != NULL && slash[1] != '\0' ? slash + 1 : path;
    struct spn_lm_options o;
    struct model_memory m;
    struct spn_lm *lm = NULL;
    int64_t tokens;
    double cache;

    spn_lm_options_default(&o);
    o.pack = o.tokenizer = false;
    if (spn_lm_open(&lm, path, &o, NULL) != SPN_OK)
        return SPN_OK;
    model_memory_of(&m, lm, kv_bytes);
    spn_lm_close(lm);
    tokens = ctx > 0 ? ctx : m.context < SHORTEST ? m.context : SHORTEST;
    cache = (double)m.token * (double)tokens;
    if (m.fits < tokens) {
        spn_fail(err, SPN_ENOMEM,
                 "%s: needs %.1f GiB (%.1f weights, %.1f cache of %lld tokens), %.1f are free",
                 name, ((double)m.weights + cache) / gib, (double)m.weights / gib, cache / gib,
                 (long long)tokens, (double)m.left / gib);
        return m.fits >= SHORTEST
                   ? spn_cure(err, "--ctx %lld", (long long)m.fits)
                   : spn_cure(
                         err,
                         "a smaller `--ctx`, `--engine URL`, or one of `spinney models --fits`");
    }
    if (!quiet && m.weights > m.left / 8)
        message_warn(
            "%s: takes %.1f GiB for its weights of %.1f that are free; %lld of %lld tokens "
            "of context fit beside them",
            name, (double)m.weights / gib, (double)m.left / gib, (long long)m.fits,
            (long long)m.context);
    return SPN_OK;
}
