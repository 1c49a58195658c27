#include "config.h"

#include "host/model_facts.h"

#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "host/model_memory.h"
#include "lm/model.h"
#include "tensor/dtype.h"
#include "text/template.h"

static uint64_t elements(const struct spn_tensor *t)
{
    uint64_t n = 1;
    int i;

    for (i = 0; i < t->ndim; i++)
        if (!spn_mul_u64(n, (uint64_t)t->dim[i], &n))
            return 0;
    return n;
}

static const char *main_type(const struct spn_reader *r)
{
    uint64_t bytes[SPN_DTYPE_COUNT] = { 0 };
    int best = 0, d;
    size_t i;

    for (i = 0; i < spn_reader_count(r); i++) {
        const struct spn_tensor *t = &spn_reader_at(r, i)->t;

        if (t->dtype >= 0 && t->dtype < SPN_DTYPE_COUNT)
            bytes[t->dtype] += spn_tensor_bytes(t);
    }
    for (d = 1; d < SPN_DTYPE_COUNT; d++)
        if (bytes[d] > bytes[best])
            best = d;
    return spn_dtype_name(best);
}

static void read_header(struct model_facts *f, const struct spn_reader *r)
{
    const char *arch = spn_meta_str(r, "general.architecture"),
               *source = spn_meta_str(r, "tokenizer.chat_template");
    char key[128];
    size_t i;

    if (arch == NULL)
        arch = spn_meta_str(r, "config.model_type");
    snprintf(f->arch, sizeof f->arch, "%s", arch != NULL ? arch : "?");
    for (i = 0; i < spn_reader_count(r); i++) {
        const struct spn_tensor *t = &spn_reader_at(r, i)->t;

        f->params += elements(t);
        f->bytes += spn_tensor_bytes(t);
    }
    snprintf(f->type, sizeof f->type, "%s", spn_reader_count(r) > 0 ? main_type(r) : "none");
    snprintf(key, sizeof key, "%s.context_length", f->arch);
    if (!spn_meta_int(r, key, &f->ctx) &&
        !spn_meta_int(r, "config.max_position_embeddings", &f->ctx))
        f->ctx = 0;
    if (source == NULL)
        source = spn_meta_str(r, "tokenizer_config.chat_template");
    snprintf(f->chat, sizeof f->chat, "%s", spn_template_name(spn_template_detect(source)));
}

void model_facts_read(struct model_facts *f, const char *path)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_lm_options o;
    struct spn_reader *r = NULL;
    struct spn_lm *lm = NULL;

    *f = (struct model_facts){ 0 };
    snprintf(f->arch, sizeof f->arch, "?");
    snprintf(f->type, sizeof f->type, "?");
    snprintf(f->chat, sizeof f->chat, "none");
    if (spn_reader_open(&r, path, &err) == SPN_OK) {
        read_header(f, r);
        spn_lm_options_default(&o);
        o.pack = false;
        f->runs = spn_lm_open(&lm, path, &o, &err) == SPN_OK;
    }
    if (!f->runs) {
        snprintf(f->why_not, sizeof f->why_not, "%s", err.text);
    } else {
        struct model_memory m;

        model_memory_of(&m, lm, 4);
        f->needs = m.weights + m.token * (uint64_t)m.context;
        f->ctx_fits = m.fits;
        if (m.fits == 0) {
            f->runs = false;
            snprintf(f->why_not, sizeof f->why_not, "needs %.1f GiB for its weights, %.1f are free",
                     (double)m.weights / (1 << 30), (double)m.left / (1 << 30));
        }
    }
    spn_lm_close(lm);
    spn_reader_close(r);
}
