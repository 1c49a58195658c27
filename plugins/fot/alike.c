/* alike.c - when two answers of prose say the same: by the engine's embeddings, else by the
   trigrams of their letters. */
#include "config.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "decide.h"

#define SLOTS 4096 /* of hashed trigrams */

/* Counts of the trigrams of lower-case letters, digits and single blanks. */
static void trigrams(const char *s, float *v)
{
    uint32_t window = 0;
    int have = 0;
    bool blank = true;

    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        bool word = isalnum(c) || c >= 0x80;

        if (!word && blank)
            continue;
        blank = !word;
        window = (window << 8 | (uint32_t)(word ? tolower(c) : ' ')) & 0xffffffu;
        if (++have >= 3)
            v[(window * 2654435761u) >> 20] += 1;
    }
}

static spn_status vector_of(struct reason_ground *g, const char *text, float **out, size_t *n,
                            bool embeds, struct spn_err *err)
{
    const float *lent = NULL;
    spn_status st = SPN_OK;

    *n = SLOTS;
    if (embeds)
        st = g->calls.api->embed(g->calls.engine, text, &lent, n, err);
    if (st != SPN_OK)
        return st;
    *out = spn_calloc(*n, sizeof **out);
    if (*out == NULL)
        return spn_fail(err, SPN_ENOMEM, "fot: no memory for a vector of %zu numbers", *n);
    if (embeds)
        memcpy(*out, lent, *n * sizeof **out);
    else
        trigrams(text, *out);
    return SPN_OK;
}

static double cosine(const float *a, const float *b, size_t n)
{
    double dot = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < n; i++) {
        dot += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? dot / sqrt(aa * bb) : 0;
}

bool decide_embeds(const struct reason_ground *g)
{
    const struct spn_caps *caps = g->calls.api->caps(g->calls.engine);

    return caps != NULL && caps->embed && g->calls.api->embed != NULL;
}

spn_status decide_alike(struct reason_ground *g, struct decide_candidate *c, size_t n, double alike,
                        struct spn_err *err)
{
    bool embeds = decide_embeds(g);
    float **v = spn_calloc(n, sizeof *v);
    size_t length = 0;
    spn_status st = v != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "fot: no memory for vectors");

    for (size_t i = 0; i < n && st == SPN_OK; i++) {
        st = vector_of(g, c[i].answer, &v[i], &length, embeds, err);
        for (size_t k = 0; k < i && st == SPN_OK; k++)
            if (cosine(v[i], v[k], length) >= alike) {
                c[i].same = c[k].same;
                break;
            }
    }
    for (size_t i = 0; v != NULL && i < n; i++)
        spn_free(v[i]);
    spn_free(v);
    return st;
}
