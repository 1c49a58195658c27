/* deepspeed.c - DeepSpeed ZeRO 1 to 3: FOLDER/latest names global_stepN, where each rank left its
 * part of the parameters and of the optimiser as flat runs of numbers.
 *
 * Stages 1 and 2: a group of parameters is one run, cut into a slice a rank; parameters follow one
 * another in it in the order of param_shapes.  Stage 3: each parameter is cut into one piece a
 * rank, of ceil(numbers / ranks), and a rank's pieces follow one another through its sub-groups.
 *
 * A parameter NAME is the model's own (16 bits) where the model file has it; its 32-bit copy and
 * the moments are optimizer.state.NAME.fp32, .exp_avg and .exp_avg_sq.  Of stage 3, whose model
 * file has none, NAME is the 32-bit one.  With more than one rank of model parallelism each one's
 * names begin with mp_rank_MM, as Megatron's do.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/deepspeed.h"
#include "format/folder.h"

enum { GROUPS_MAX = 4096, RANKS_MAX = 4096, MP_MAX = 1024 };

spn_status k_zero_name(struct k_zero *z, const char *a, const char *b, const char *c, const char *d,
                       const char **out, struct spn_err *err)
{
    size_t room = strlen(z->prefix) + strlen(a) + strlen(b) + strlen(c) + strlen(d) + 2;
    char *made = NULL;
    spn_status st = k_reader_alloc(z->r, &made, room, 1, err);

    if (st == SPN_OK) {
        snprintf(made, room, "%s%s%s%s%s%s", z->prefix, z->prefix[0] != '\0' ? "." : "", a, b, c,
                 d);
        *out = made;
    }
    return st;
}

/* ---- what the files hold ---- */

bool k_zero_key(const struct k_value *v)
{
    return v->kind == KV_TEXT && v->n > 0 && memchr(v->u.s, '\0', (size_t)v->n) == NULL;
}

/* NAME -> torch.Size pairs of DICT, of parameters of GROUP, to SHAPES. */
static spn_status add_shapes(struct k_zero *z, const struct k_value *dict, size_t group,
                             struct k_zero_shape *shapes, size_t *n, struct spn_err *err)
{
    const struct k_value *d = k_dict(dict);
    spn_status st = SPN_OK;

    for (uint64_t i = 0; st == SPN_OK && d != NULL && i + 1 < d->n; i += 2) {
        struct k_zero_shape *s = &shapes[*n];
        uint64_t product = 1;

        if (!k_zero_key(d->u.items[i]) || !k_torch_sizes(d->u.items[i + 1], s->dim, &s->ndim))
            return spn_fail(err, SPN_EFORMAT,
                            "%s: param_shapes: entry %" PRIu64 " is no name with "
                            "a size",
                            z->dir, i / 2);
        for (int k = 0; k < s->ndim; k++)
            if (s->dim[k] < 0 || !spn_mul_u64(product, (uint64_t)s->dim[k], &product) ||
                product > INT64_MAX)
                return spn_fail(err, SPN_EFORMAT,
                                "%s: param_shapes: the size of parameter %" PRIu64 " is absurd",
                                z->dir, i / 2);
        s->n = (int64_t)product;
        s->group = group;
        st = k_reader_dup(z->r, &s->name, d->u.items[i]->u.s, d->u.items[i]->n, err);
        ++*n;
    }
    return st;
}

static uint64_t pairs_of(const struct k_value *dict)
{
    const struct k_value *d = k_dict(dict);

    return d != NULL ? d->n / 2 : 0;
}

/* param_shapes: a dict a group, or one alone. */
static spn_status read_shapes(struct k_zero *z, const struct k_value *v, struct spn_err *err)
{
    bool list = v != NULL && (v->kind == KV_LIST || v->kind == KV_TUPLE);
    uint64_t groups = list ? v->n : 1, total = 0;
    spn_status st;

    if (v == NULL || v->kind == KV_NONE)
        return SPN_OK;
    if (groups > GROUPS_MAX)
        return spn_fail(err, SPN_EFORMAT, "%s: %" PRIu64 " groups of parameters, %d are read",
                        z->dir, groups, GROUPS_MAX);
    for (uint64_t g = 0; g < groups; g++)
        total += pairs_of(list ? v->u.items[g] : v);
    st = k_reader_alloc(z->r, &z->shapes, total, sizeof *z->shapes, err);
    if (st == SPN_OK)
        st = k_reader_alloc(z->r, &z->by_name, total, sizeof *z->by_name, err);
    for (uint64_t g = 0; st == SPN_OK && g < groups; g++)
        st = add_shapes(z, list ? v->u.items[g] : v, (size_t)g, z->shapes, &z->n_shapes, err);
    z->n_groups = (size_t)groups;
    for (size_t i = 0; st == SPN_OK && i < z->n_shapes; i++)
        z->by_name[i] = &z->shapes[i];
    if (st == SPN_OK && k_sort_names((const void **)z->by_name, z->n_shapes) != NULL)
        st = spn_fail(err, SPN_EFORMAT, "%s: param_shapes names a parameter twice", z->dir);
    return st;
}

const struct k_zero_shape *k_zero_shape_of(const struct k_zero *z, const char *name)
{
    struct k_zero_shape want = { .name = name };
    const struct k_zero_shape *key = &want, **at = NULL;

    if (z->n_shapes > 0)
        at = bsearch(&key, z->by_name, z->n_shapes, sizeof *z->by_name, k_compare_names);
    return at != NULL ? *at : NULL;
}

/* V as a run: a tensor whose numbers follow one another inside their storage. */
static spn_status read_flat(struct k_torch *t, const struct k_value *v, const char *what,
                            struct k_zero_flat *out, struct spn_err *err)
{
    bool is = false;
    uint64_t end = 0, size;
    int64_t step = 1;
    spn_status st = v != NULL ? k_torch_tensor(t, v, &out->x, &is, err) : SPN_OK;

    if (st != SPN_OK)
        return st;
    out->n = 1;
    for (int i = is ? out->x.ndim - 1 : -1; i >= 0; i--) {
        is = is && out->x.dim[i] >= 0 && (out->x.dim[i] <= 1 || out->x.stride[i] == step) &&
             (out->x.dim[i] == 0 || step <= INT64_MAX / (out->x.dim[i] + 1));
        if (!is)
            break;
        step *= out->x.dim[i];
    }
    out->n = step;
    size = is ? (uint64_t)spn_dtype_info(out->x.dtype)->block_bytes : 1;
    if (!is || out->x.first < 0 || out->x.s.packed != NULL ||
        !spn_add_u64((uint64_t)out->x.first, (uint64_t)out->n, &end) ||
        (!out->x.s.absent && end > out->x.s.bytes / size))
        return spn_fail(err, SPN_EFORMAT, "%s: %s is no flat run of numbers inside its storage",
                        t->f->name, what);
    return SPN_OK;
}

struct use {
    struct k_archive_use use; /* first */
    struct k_zero *z;
    struct k_zero_rank *rank;
};

/* ---- model files ---- */

/* A parameter that the optimiser files have whole is a placeholder in the model file of stage 3. */
static spn_status add_module(struct k_zero *z, struct k_torch *t, const struct k_value *module,
                             uint64_t pickle_bytes, struct spn_err *err)
{
    const struct k_value *d = k_dict(module);
    spn_status st = SPN_OK;

    for (uint64_t i = 0; st == SPN_OK && d != NULL && i + 1 < d->n; i += 2) {
        const struct k_value *key = d->u.items[i];
        const char *plain = NULL, *name = NULL;

        if (!k_zero_key(key))
            continue;
        st = k_reader_dup(z->r, &plain, key->u.s, key->n, err);
        if (st == SPN_OK && z->stage == 3 && k_zero_shape_of(z, plain) != NULL)
            continue;
        for (size_t k = 0; st == SPN_OK && z->stage == 3 && plain != NULL && k < z->n_frozen; k++)
            if (strcmp(z->frozen[k].name, plain) == 0)
                plain = NULL;
        if (st == SPN_OK && plain != NULL)
            st = k_zero_name(z, plain, "", "", "", &name, err);
        if (st == SPN_OK && name != NULL)
            st = k_torch_flatten(t, d->u.items[i + 1], name, pickle_bytes, err);
    }
    return st;
}

/* Numbers and words of the model file, but for the names that are used here. */
static spn_status add_rest(struct k_zero *z, struct k_torch *t, const struct k_pickle *p,
                           struct spn_err *err)
{
    static const char *const ours[] = {
        "module",        "param_shapes",           "buffer_names",
        "shared_params", "frozen_param_fragments", "frozen_param_shapes"
    };
    const struct k_value *d = k_dict(p->value);
    spn_status st = SPN_OK;

    for (uint64_t i = 0; st == SPN_OK && i + 1 < d->n; i += 2) {
        const struct k_value *key = d->u.items[i];
        const char *plain = NULL, *name = NULL;
        bool skip = !k_zero_key(key);

        for (size_t k = 0; !skip && k < sizeof ours / sizeof *ours; k++)
            skip = k_is_text(key, ours[k]);
        if (skip)
            continue;
        st = k_reader_dup(z->r, &plain, key->u.s, key->n, err);
        if (st == SPN_OK)
            st = k_zero_name(z, plain, "", "", "", &name, err);
        if (st == SPN_OK)
            st = k_torch_flatten(t, d->u.items[i + 1], name, p->bytes, err);
    }
    return st;
}

/* Fragments of frozen parameters in the model file of one rank. */
static spn_status read_frozen(struct k_zero *z, struct k_torch *t, const struct k_value *v,
                              struct spn_err *err)
{
    const struct k_value *shapes = k_lookup(v, "frozen_param_shapes"),
                         *parts = k_lookup(v, "frozen_param_fragments");
    spn_status st = SPN_OK;

    if (z->stage != 3 || pairs_of(shapes) == 0)
        return SPN_OK;
    if (z->at_rank == 0) {
        st = k_reader_alloc(z->r, &z->frozen, pairs_of(shapes), sizeof *z->frozen, err);
        if (st == SPN_OK)
            st = k_reader_alloc(z->r, &z->fragment, pairs_of(shapes) * z->n_ranks,
                                sizeof *z->fragment, err);
        if (st == SPN_OK)
            st = add_shapes(z, shapes, 0, z->frozen, &z->n_frozen, err);
    }
    for (size_t i = 0; st == SPN_OK && i < z->n_frozen; i++)
        st = read_flat(t, k_lookup(parts, z->frozen[i].name), z->frozen[i].name,
                       &z->fragment[i * z->n_ranks + z->at_rank], err);
    return st;
}

static spn_status use_model(struct k_archive_use *use, struct k_torch *t, const struct k_pickle *p,
                            struct spn_err *err)
{
    struct k_zero *z = ((struct use *)use)->z;
    const struct k_value *v = p->value;
    spn_status st;

    if (k_dict(v) == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: no dict of a model's states", t->f->name);
    if (z->at_rank > 0)
        return read_frozen(z, t, v, err);
    z->shared = k_lookup(v, "shared_params");
    st = read_shapes(z, k_lookup(v, "param_shapes"), err);
    if (st == SPN_OK)
        st = read_frozen(z, t, v, err);
    if (st == SPN_OK)
        st = add_module(z, t, k_lookup(v, "module"), p->bytes, err);
    return st == SPN_OK ? add_rest(z, t, p, err) : st;
}

/* ---- optimiser files ---- */

/* An int, or an enum made of one. */
static bool enum_int(const struct k_value *v, int64_t *out)
{
    return k_int(v, out) ||
           (v != NULL && v->kind == KV_OBJECT && k_int(k_item(v->u.o->args, 0), out));
}

/* K_ZERO_KINDS: there are more kinds than are kept. */
static size_t kind_of(struct k_zero *z, const struct k_value *key, struct spn_err *err)
{
    for (size_t i = 0; i < z->n_kinds; i++)
        if (k_is_text(key, z->kinds[i]))
            return i;
    if (z->n_kinds == K_ZERO_KINDS ||
        k_reader_dup(z->r, &z->kinds[z->n_kinds], key->u.s, key->n, err) != SPN_OK)
        return K_ZERO_KINDS;
    return z->n_kinds++;
}

/* The runs of group G's optimiser state: exp_avg, exp_avg_sq and what else is as long as it is. */
static spn_status read_state(struct k_zero *z, struct k_torch *t, struct k_zero_rank *rank,
                             size_t g, const struct k_value *state, struct spn_err *err)
{
    const struct k_value *d = k_dict(state);
    spn_status st = SPN_OK;

    for (uint64_t i = 0; st == SPN_OK && d != NULL && i + 1 < d->n; i += 2) {
        struct k_torch_tensor x;
        bool is = false;
        size_t kind;

        if (!k_zero_key(d->u.items[i]) || d->u.items[i + 1]->kind != KV_OBJECT)
            continue;
        st = k_torch_tensor(t, d->u.items[i + 1], &x, &is, err);
        if (st != SPN_OK || !is || x.ndim == 0 || k_is_text(d->u.items[i], "step"))
            continue;
        kind = kind_of(z, d->u.items[i], err);
        if (kind < K_ZERO_KINDS)
            st = read_flat(t, d->u.items[i + 1], z->kinds[kind],
                           &rank->flat[kind * rank->n_groups + g], err);
    }
    return st;
}

/* state[G] of a torch.optim dict, or item G of a list. */
static const struct k_value *state_of(const struct k_value *optimizer, size_t g)
{
    const struct k_value *d;

    if (optimizer != NULL && (optimizer->kind == KV_LIST || optimizer->kind == KV_TUPLE))
        return k_item(optimizer, g);
    d = k_dict(k_lookup(optimizer, "state"));
    for (uint64_t i = 0; d != NULL && i + 1 < d->n; i += 2) {
        int64_t id;

        if (k_int(d->u.items[i], &id) && id == (int64_t)g)
            return d->u.items[i + 1];
    }
    return NULL;
}

static spn_status use_optimizer(struct k_archive_use *use, struct k_torch *t,
                                const struct k_pickle *p, struct spn_err *err)
{
    struct k_zero *z = ((struct use *)use)->z;
    struct k_zero_rank *rank = ((struct use *)use)->rank;
    const struct k_value *o = k_lookup(p->value, "optimizer_state_dict"), *flats, *inner, *count;
    const char *name = NULL;
    spn_status st;

    if (!enum_int(k_lookup(o, "zero_stage"), &z->stage))
        z->stage = k_lookup(o, "fp32_flat_groups") != NULL ? 3 : 1;
    count = k_lookup(o, "partition_count");
    for (uint64_t i = 0; count != NULL && i < count->n && count->kind == KV_LIST; i++)
        if (k_int(count->u.items[i], &z->ranks_said) && z->ranks_said > 1)
            break;
    if (count != NULL && count->kind != KV_LIST)
        (void)k_int(count, &z->ranks_said);
    flats = k_lookup(o, z->stage == 3 ? "fp32_flat_groups" : "single_partition_of_fp32_groups");
    inner = k_lookup(o, z->stage == 3 ? "optimizer_state_dict" : "base_optimizer_state");
    if (flats == NULL || (flats->kind != KV_LIST && flats->kind != KV_TUPLE) ||
        flats->n > GROUPS_MAX)
        return spn_fail(err, SPN_EFORMAT, "%s: no list of flat groups of a ZeRO optimiser",
                        t->f->name);
    rank->n_groups = (size_t)flats->n;
    st = k_reader_alloc(z->r, &rank->flat, K_ZERO_KINDS * flats->n, sizeof *rank->flat, err);
    for (uint64_t g = 0; st == SPN_OK && g < flats->n; g++) {
        st = read_flat(t, flats->u.items[g], "a flat group", &rank->flat[g], err);
        if (st == SPN_OK)
            st = read_state(z, t, rank, (size_t)g, state_of(inner, (size_t)g), err);
    }
    if (st == SPN_OK && rank == z->ranks && k_lookup(inner, "param_groups") != NULL) {
        st = k_zero_name(z, "optimizer.param_groups", "", "", "", &name, err);
        if (st == SPN_OK)
            st = k_torch_flatten(t, k_lookup(inner, "param_groups"), name, p->bytes, err);
    }
    return st;
}

static spn_status use_file(struct k_zero *z, const struct k_file *f, struct use *use,
                           struct spn_err *err)
{
    struct k_zip zip;
    spn_status st;

    if (!k_format_zip.knows(f))
        return spn_fail(err, SPN_EFORMAT, "%s: no archive of torch.save", f->name);
    st = k_zip_read(&zip, z->r, f, err);
    return st == SPN_OK ? k_torch_zip_use(z->r, f, &zip, &use->use, err) : st;
}

/* ---- one rank of model parallelism ---- */

static bool kind_there(const struct k_zero *z, size_t kind, size_t group)
{
    const struct k_zero_rank *r = &z->ranks[0];

    return group < r->n_groups && r->flat[kind * r->n_groups + group].x.s.file != NULL;
}

static spn_status list_ranks(struct k_zero *z, int mp, const char *const **names, size_t *n,
                             struct spn_err *err)
{
    static const char *const heads[] = { "zero_pp_rank_", "bf16_zero_pp_rank_" };
    char tail[64];
    spn_status st = SPN_OK;

    snprintf(tail, sizeof tail, "_mp_rank_%02d_optim_states.pt", mp);
    *n = 0;
    for (size_t i = 0; st == SPN_OK && *n == 0 && i < sizeof heads / sizeof *heads; i++)
        st = k_folder_list(z->r, z->dir, heads[i], tail, names, n, err);
    if (st == SPN_OK && *n > RANKS_MAX)
        st = spn_fail(err, SPN_EFORMAT, "%s: files of %zu ranks, %d are read", z->dir, *n,
                      RANKS_MAX);
    return st;
}

static spn_status read_optimizers(struct k_zero *z, const char *const *names, struct spn_err *err)
{
    spn_status st = k_reader_alloc(z->r, &z->ranks, z->n_ranks, sizeof *z->ranks, err);

    z->kinds[0] = "fp32";
    z->n_kinds = 1;
    for (size_t i = 0; st == SPN_OK && i < z->n_ranks; i++) {
        struct use use = { { use_optimizer }, z, &z->ranks[i] };
        const struct k_file *f = NULL;

        st = k_folder_map(z->r, z->dir, names[i], &f, err);
        if (st == SPN_OK && f == NULL)
            st = spn_fail(err, SPN_EFORMAT, "%s: %s is not there any more", z->dir, names[i]);
        if (st == SPN_OK)
            st = use_file(z, f, &use, err);
    }
    if (st == SPN_OK && z->n_ranks > 0 && z->ranks_said > (int64_t)z->n_ranks)
        st =
            spn_fail(err, SPN_EFORMAT, "%s: files of %zu ranks, the optimiser was cut for %" PRId64,
                     z->dir, z->n_ranks, z->ranks_said);
    return st;
}

static spn_status read_models(struct k_zero *z, int mp, struct spn_err *err)
{
    size_t n = z->stage == 3 && z->n_ranks > 0 ? z->n_ranks : 1;
    spn_status st = SPN_OK;

    for (z->at_rank = 0; st == SPN_OK && z->at_rank < n; z->at_rank++) {
        struct use use = { { use_model }, z, NULL };
        const struct k_file *f = NULL;
        char name[80];

        snprintf(name, sizeof name, "mp_rank_%02d_model_states.pt", mp);
        if (z->stage == 3)
            snprintf(name, sizeof name, "zero_pp_rank_%zu_mp_rank_%02d_model_states.pt", z->at_rank,
                     mp);
        st = k_folder_map(z->r, z->dir, name, &f, err);
        if (st == SPN_OK && f == NULL)
            st = spn_fail(err, SPN_EFORMAT, "%s: %s is missing", z->dir, name);
        if (st == SPN_OK)
            st = use_file(z, f, &use, err);
        if (st == SPN_OK && z->n_frozen == 0)
            break; /* the others say nothing new */
    }
    return st;
}

static bool has_model(const struct spn_reader *r, const char *dir, int mp)
{
    char name[80];

    snprintf(name, sizeof name, "mp_rank_%02d_model_states.pt", mp);
    if (k_folder_has(r, dir, name))
        return true;
    snprintf(name, sizeof name, "zero_pp_rank_0_mp_rank_%02d_model_states.pt", mp);
    return k_folder_has(r, dir, name);
}

static spn_status read_mp(struct spn_reader *r, const char *dir, int mp, bool alone,
                          struct spn_err *err)
{
    struct k_zero z = { .r = r, .dir = dir, .prefix = "" };
    const char *const *names = NULL;
    char prefix[32];
    spn_status st = list_ranks(&z, mp, &names, &z.n_ranks, err);

    if (!alone) {
        snprintf(prefix, sizeof prefix, "mp_rank_%02d", mp);
        z.prefix = prefix;
    }
    if (st == SPN_OK)
        st = read_optimizers(&z, names, err);
    if (st == SPN_OK && z.n_ranks == 0 && !k_folder_has(r, dir, "mp_rank_00_model_states.pt"))
        z.stage = 3;
    if (st == SPN_OK)
        st = read_models(&z, mp, err);
    for (size_t g = 0; st == SPN_OK && z.n_ranks > 0 && z.stage < 3 && g < z.n_groups; g++)
        for (size_t k = 0; st == SPN_OK && k < z.n_kinds; k++)
            if (k == 0 || kind_there(&z, k, g))
                st = k_zero_cut_group(&z, k, g, err);
    if (st == SPN_OK && z.n_ranks > 0 && z.stage == 3)
        st = k_zero_cut_stage3(&z, err);
    return st == SPN_OK ? k_zero_add_shared(&z, err) : st;
}

/* The tag that DIR's file `latest` names, as a folder of DIR; NULL: none, DIR is one itself. */
static spn_status tag_of(struct spn_reader *r, const char *dir, const char **tag,
                         struct spn_err *err)
{
    const struct k_file *f = NULL;
    uint64_t n = 0;
    spn_status st = k_folder_map(r, dir, "latest", &f, err);

    *tag = NULL;
    if (st != SPN_OK || f == NULL)
        return st;
    while (n < f->size && n < 256 && f->data[n] != '\n' && f->data[n] != '\r')
        n++;
    st = k_reader_dup(r, tag, f->data, n, err);
    if (st == SPN_OK && (strlen(*tag) != n || !k_folder_plain_name(*tag)))
        st = spn_fail(err, SPN_EFORMAT, "%s: it names no folder beside it", f->name);
    return st;
}

static spn_status read_deepspeed(struct spn_reader *r, const struct k_file *dir,
                                 struct spn_err *err)
{
    const char *tag = NULL, *path = dir->name;
    char *joined = NULL;
    int mp = 0, count = 0;
    spn_status st = has_model(r, dir->name, 0) ? SPN_OK : tag_of(r, dir->name, &tag, err);

    if (st == SPN_OK && tag != NULL) {
        joined = spn_path_join(dir->name, tag);
        if (joined == NULL)
            return spn_fail(err, SPN_ENOMEM, "%s: no memory", dir->name);
        st = k_reader_dup(r, &path, joined, strlen(joined), err);
        spn_free(joined);
    }
    while (st == SPN_OK && count < MP_MAX && has_model(r, path, count))
        count++;
    if (st == SPN_OK && count == 0)
        st = spn_fail(err, SPN_EFORMAT, "%s: no mp_rank_00_model_states.pt in it", path);
    for (; st == SPN_OK && mp < count; mp++)
        st = read_mp(r, path, mp, count == 1, err);
    return st == SPN_OK ? k_torch_globals(r, err) : st;
}

/* `latest` alone may be anybody's: the folder that it names has to have a model of DeepSpeed. */
static bool knows_deepspeed(const struct k_file *f)
{
    char tag[300], *path, *text = NULL;
    size_t n = 0;
    bool known = false;

    if (f->data != NULL)
        return false;
    if (has_model(NULL, f->name, 0))
        return true;
    path = spn_path_join(f->name, "latest");
    if (path != NULL && spn_path_exists(path) &&
        spn_file_read(&text, &n, path, sizeof tag, NULL) == SPN_OK) {
        snprintf(tag, sizeof tag, "%.*s", (int)strcspn(text, "\r\n"), text);
        spn_free(path);
        path = k_folder_plain_name(tag) ? spn_path_join(f->name, tag) : NULL;
        known = path != NULL && has_model(NULL, path, 0);
    }
    spn_free(text);
    spn_free(path);
    return known;
}

const struct spn_format k_format_deepspeed = {
    .name = "deepspeed", .folder = true, .knows = knows_deepspeed, .read = read_deepspeed
};
