/* shrink.c - the codec's options, and what is done to one parameter. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "pack.h"

const struct spn_option excp_options[] = {
    { "alpha", SPN_OPT_STRING, .dflt.s = "5e-5", .arg = "X|auto",
      .help = "how much of the weights' change is dropped; auto: by the model's size" },
    { "beta", SPN_OPT_FLOAT, .lo = 0, .hi = 1e6, .dflt.f = EXCP_BETA,
      .help = "moments below this many means are dropped" },
    { "bits", SPN_OPT_CHOICE, .dflt.s = "4", .choices = "1 2 4 8", .help = "of a weight's index" },
    { "bits-opt", SPN_OPT_CHOICE, .dflt.s = "4", .choices = "1 2 4 8",
      .help = "of a moment's index" },
    { "mask", SPN_OPT_CHOICE, .dflt.s = "joint", .choices = "joint apart",
      .help = "joint: moments go where their weight's change goes" },
    { "shared-mask", SPN_OPT_FLAG,
      .help = "say once which moments are kept, and only where the weight's change is" },
    { "centres", SPN_OPT_CHOICE, .dflt.s = "kmeans", .choices = "kmeans uniform",
      .help = "where they are; uniform: at even distances, to compare with" },
    { "codebook", SPN_OPT_CHOICE, .dflt.s = "f32", .choices = "f32 f16",
      .help = "type of the centres; f16 loses small second moments" },
    { "clamp", SPN_OPT_FLAG, .dflt.b = true,
      .help = "second moments are at least the square of the first ones" },
    { "coder", SPN_OPT_CHOICE, .dflt.s = "auto", .choices = "auto range lzma none",
      .help = "the lossless stage; auto: range" },
    { 0 }
};

static spn_status read_alpha(double *alpha, const char *text, const struct spn_codec_source *now,
                             struct spn_err *err)
{
    double parameters = 0;
    char *end;

    if (strcmp(text, "auto") != 0) {
        *alpha = strtod(text, &end);
        if (*text == '\0' || *end != '\0' || !(*alpha >= 0 && *alpha <= 1e6))
            return spn_fail(err, SPN_EUSAGE, "excp: alpha is %.40s, not auto or a number from 0 on",
                            text);
        return SPN_OK;
    }
    for (size_t i = 0; i < now->n; i++) {
        struct spn_codec_param p;
        spn_status st = now->get(now->ctx, i, &p, err);

        if (st != SPN_OK)
            return st;
        parameters += (double)spn_tensor_elems(&p.weight);
        now->forget(now->ctx, i);
    }
    *alpha = excp_alpha_auto(parameters);
    return SPN_OK;
}

spn_status excp_settle(struct excp_head *head, const struct spn_values *o,
                       const struct spn_codec_source *now, struct spn_err *err)
{
    const char *coder = spn_value_str(o, "coder");
    struct excp_rule *r = &head->rule;

    r->beta = spn_value_float(o, "beta");
    r->bits[EXCP_R] = spn_value_str(o, "bits")[0] - '0';
    r->bits[EXCP_E1] = r->bits[EXCP_E2] = spn_value_str(o, "bits-opt")[0] - '0';
    r->joint = strcmp(spn_value_str(o, "mask"), "joint") == 0;
    r->half = strcmp(spn_value_str(o, "codebook"), "f16") == 0;
    r->uniform = strcmp(spn_value_str(o, "centres"), "uniform") == 0;
    r->shared = spn_value_flag(o, "shared-mask");
    r->clamp = spn_value_flag(o, "clamp");
    head->coder = strcmp(coder, "lzma") == 0   ? EXCP_LZMA
                  : strcmp(coder, "none") == 0 ? EXCP_PLAIN
                                               : EXCP_RANGE;
    head->n = now->n;
    if (r->shared && !r->joint)
        return spn_fail(err, SPN_EUSAGE, "excp: shared-mask needs mask=joint");
    if (!excp_coder_there(head->coder)) {
        spn_fail(err, SPN_ENOTFOUND, "excp: this build has no LZMA (liblzma-dev was missing)");
        return spn_cure(err, "coder=range");
    }
    r->shared = r->shared && head->coder != EXCP_RANGE; /* which says no mask twice anyway */
    return read_alpha(&r->alpha, spn_value_str(o, "alpha"), now, err);
}

/* The parts of a parameter at once, one a thread. */
struct shrink {
    struct excp_work *w;
    const struct excp_rule *rule;
    struct excp_row *row;
    spn_status st[EXCP_PARTS];
    struct spn_err err[EXCP_PARTS];
};

static void shrink_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct shrink *s = ctx;
    struct excp_work *w = s->w;

    for (int64_t k = begin; k < end; k++) {
        struct excp_book *book = &s->row->book[k];
        const float *x = w->a.x[k], *where = NULL;
        int bits = s->rule->bits[k];
        uint64_t kept = s->row->cut.kept[k];

        if (x == NULL)
            continue;
        for (int64_t j = k - 1; s->rule->shared && where == NULL && j >= 0; j--)
            where = w->a.x[j];
        if (s->rule->uniform)
            excp_spread(x, w->a.n, bits, book);
        else
            s->st[k] = excp_cluster(x, w->a.n, kept, bits, book, &s->err[k]);
        if (s->st[k] != SPN_OK)
            continue;
        s->row->count[k] = excp_index(book, bits, x, where, w->a.n, w->packed[k]);
        if (s->rule->half && kept >= 1u << bits) /* fewer are kept as they are */
            excp_book_half(book);
        s->row->crc[k] =
            excp_crc(0, w->packed[k], excp_packed_bytes((size_t)s->row->count[k], bits));
    }
}

spn_status excp_shrink(struct excp_work *w, const struct excp_rule *rule, struct spn_pool *pool,
                       struct excp_row *row, struct spn_err *err)
{
    struct shrink s = { .w = w, .rule = rule, .row = row };
    spn_status st = excp_prune(rule, pool, &w->a, &row->cut, err);

    row->raw = !row->cut.finite;
    if (st != SPN_OK || row->raw)
        return st;
    spn_pool_run(pool, EXCP_PARTS, 1, shrink_part, &s);
    for (int k = 0; st == SPN_OK && k < EXCP_PARTS; k++) {
        st = s.st[k];
        if (st != SPN_OK && err != NULL)
            *err = s.err[k];
    }
    return st;
}

bool excp_grow(struct excp_work *w, const struct excp_rule *rule, const struct excp_row *row)
{
    const unsigned char *packed[EXCP_PARTS];
    size_t count[EXCP_PARTS];

    for (int k = 0; k < EXCP_PARTS; k++) {
        packed[k] = w->packed[k];
        count[k] = (size_t)row->count[k];
    }
    if (!excp_values(rule, row->book, packed, count, &w->a))
        return false;
    if (rule->clamp && w->a.x[EXCP_E1] != NULL && w->a.x[EXCP_E2] != NULL)
        excp_clamp(w->a.x[EXCP_E1], w->a.x[EXCP_E2], w->a.n);
    return true;
}
