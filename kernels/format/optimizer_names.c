/* optimizer_names.c - which parameter an optimizer's state belongs to.
 *
 * torch.optim counts parameters across its groups. Two orders are usual: that of the model, and
 * Hugging Face's Trainer's, where the weights that decay come before biases and norms. Either is
 * believed only when there are as many weights as numbers and every moment has its weight's shape.
 * safetensors sorts weights by name: their order is that of the model's kind where that is known
 * (model_order.c), else two of a shape could be exchanged, and the numbers stay.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/model_order.h"
#include "format/torch.h"

static const char before[] = "optimizer.state.";

struct state { int64_t id; const char *what; struct spn_entry *e; };

/* optimizer.state.ID.WHAT; false: another name. */
static bool parse(struct spn_entry *e, struct state *out)
{
    const char *p = e->name + sizeof before - 1;
    int64_t id = 0;

    if (strncmp(e->name, before, sizeof before - 1) != 0 || *p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9' && id < (1 << 30); p++)
        id = id * 10 + (*p - '0');
    *out = (struct state){ id, p + 1, e };
    return *p == '.';
}

static bool is_buffer(const char *name)
{
    const char *dot = strrchr(name, '.');
    const char *last = dot != NULL ? dot + 1 : name;

    return strcmp(last, "running_mean") == 0 || strcmp(last, "running_var") == 0 ||
           strcmp(last, "inv_freq") == 0 || strcmp(last, "masked_bias") == 0;
}

/* A float weight that is not the same memory as an earlier one. */
static bool is_parameter(const struct spn_reader *r, size_t i, size_t first)
{
    const struct spn_entry *e = &r->entries[i];
    int t = e->t.dtype;

    if (strncmp(e->name, "optimizer.", 10) == 0 || is_buffer(e->name) ||
        (t != SPN_F32 && t != SPN_F16 && t != SPN_BF16 && t != SPN_F64))
        return false;
    for (size_t k = first; k < i; k++)
        if (r->entries[k].offset == e->offset && strcmp(r->entries[k].file, e->file) == 0 &&
            spn_tensor_bytes(&r->entries[k].t) == spn_tensor_bytes(&e->t))
            return false;
    return true;
}

/* As the Trainer tells: biases and norms do not decay. */
static bool decays(const char *name)
{
    return strstr(name, "bias") == NULL && strstr(name, "norm") == NULL &&
           strstr(name, "Norm") == NULL && strstr(name, "ln_") == NULL;
}

static bool same_shape(const struct spn_tensor *a, const struct spn_tensor *b)
{
    if (a->ndim != b->ndim)
        return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

/* Every moment has the shape of its parameter; `step` and the like are numbers. */
static bool fits(const struct state *s, size_t n, const struct spn_entry *const *by_id,
                 size_t n_ids)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i].id >= (int64_t)n_ids)
            return false;
        if (strncmp(s[i].what, "exp_avg", 7) == 0 || strcmp(s[i].what, "momentum_buffer") == 0)
            if (!same_shape(&s[i].e->t, &by_id[s[i].id]->t))
                return false;
    }
    return true;
}

static spn_status rename_states(struct spn_reader *r, const struct state *s, size_t n,
                                const struct spn_entry *const *by_id, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && i < n; i++) {
        const char *name = by_id[s[i].id]->name;
        size_t room = sizeof before + strlen(name) + 1 + strlen(s[i].what);
        char *made = NULL;

        st = k_reader_alloc(r, &made, room, 1, err);
        if (st == SPN_OK) {
            snprintf(made, room, "%s%s.%s", before, name, s[i].what);
            s[i].e->name = made;
        }
    }
    return st;
}

/* Weights of a pickle are in the model's order; safetensors sorts them. */
static bool order_is_known(const struct spn_entry *const *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = strlen(p[i]->file);

        if (k > 12 && strcmp(p[i]->file + k - 12, ".safetensors") == 0)
            return false;
    }
    return true;
}

/* config.json's model_type; the metadata has no index yet. */
static const char *model_type(const struct spn_reader *r)
{
    for (size_t i = 0; i < r->n_meta; i++)
        if (strcmp(r->meta[i].key, "config.model_type") == 0 &&
            r->meta[i].v.kind == SPN_META_STRING)
            return r->meta[i].v.s;
    return "";
}

spn_status k_optimizer_names(struct spn_reader *r, struct spn_err *err)
{
    const struct spn_entry **parameters = NULL, **by_id = NULL;
    struct state *s = NULL;
    size_t n = 0, n_parameters = 0, used = 0;
    int64_t most = -1;
    spn_status st = k_reader_alloc(r, &s, r->n_entries, sizeof *s, err);

    for (size_t i = 0; st == SPN_OK && i < r->n_entries; i++)
        if (parse(&r->entries[i], &s[n])) {
            most = s[n].id > most ? s[n].id : most;
            n++;
        }
    if (st != SPN_OK || n == 0 || most >= (int64_t)r->n_entries)
        return st;
    st = k_reader_alloc(r, &parameters, r->n_entries, sizeof *parameters, err);
    if (st == SPN_OK)
        st = k_reader_alloc(r, &by_id, r->n_entries, sizeof *by_id, err);
    if (st != SPN_OK)
        return st;
    for (size_t i = 0; i < r->n_entries && i < 100000; i++)
        if (is_parameter(r, i, i > 2000 ? i - 2000 : 0))
            parameters[n_parameters++] = &r->entries[i];
    if ((int64_t)n_parameters != most + 1)
        return SPN_OK;
    if (!order_is_known(parameters, n_parameters)) {
        bool known;

        st = k_model_order(r, model_type(r), parameters, n_parameters, &known, err);
        if (st != SPN_OK || !known)
            return st;
    }
    if (fits(s, n, parameters, n_parameters))
        return rename_states(r, s, n, parameters, err);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < n_parameters; i++)
            if (decays(parameters[i]->name) == (pass == 0))
                by_id[used++] = parameters[i];
    return fits(s, n, by_id, n_parameters) ? rename_states(r, s, n, by_id, err) : SPN_OK;
}
