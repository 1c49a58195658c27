/* megatron.c - Megatron-LM: latest_checkpointed_iteration.txt names iter_%07d, which holds
 * mp_rank_TT[_PPP]/model_optim_rng.pt a rank of model parallelism.
 *
 * Shards of a layer are shown as they are, a rank after the other, under mp_rank_TT: which
 * dimension was cut depends on the layer. With one rank alone there is no such word.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/folder.h"

#define LATEST "latest_checkpointed_iteration.txt"

static spn_status read_rank(struct spn_reader *r, const char *dir, const char *rank,
                            const char *prefix, struct spn_err *err)
{
    static const char *const files[] = { "model_optim_rng.pt", "model_rng.pt", "distrib_optim.pt" };
    char *path = spn_path_join(dir, rank);
    spn_status st = path != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "%s: no memory", dir);

    for (size_t i = 0; st == SPN_OK && i < sizeof files / sizeof *files; i++) {
        const struct k_file *f = NULL;

        st = k_folder_map(r, path, files[i], &f, err);
        if (st == SPN_OK && f != NULL)
            st = k_torch_file(r, f, prefix, err);
    }
    spn_free(path);
    return st;
}

static spn_status read_ranks(struct spn_reader *r, const char *dir, struct spn_err *err)
{
    const char *const *ranks = NULL;
    size_t n = 0;
    spn_status st = k_folder_list(r, dir, "mp_rank_", "", &ranks, &n, err);

    if (st == SPN_OK && n == 0)
        st = spn_fail(err, SPN_EFORMAT, "%s: no folder mp_rank_… in it", dir);
    for (size_t i = 0; st == SPN_OK && i < n; i++)
        st = read_rank(r, dir, ranks[i], n > 1 ? ranks[i] : "", err);
    return st == SPN_OK ? k_torch_globals(r, err) : st;
}

/* The folder of the newest iteration in DIR, or DIR itself. */
static spn_status read_megatron(struct spn_reader *r, const struct k_file *dir, struct spn_err *err)
{
    const struct k_file *f = NULL;
    long long iteration = 0;
    char name[32], digits[24] = "";
    char *path;
    size_t n;
    spn_status st = k_folder_map(r, dir->name, LATEST, &f, err);

    if (st != SPN_OK)
        return st;
    if (f == NULL)
        return read_ranks(r, dir->name, err);
    n = f->size < sizeof digits - 1 ? (size_t)f->size : sizeof digits - 1;
    memcpy(digits, f->data, n);
    n = strspn(digits, "0123456789");
    if (n == 0 || n > 15 || (digits[n] != '\0' && digits[n] != '\n'))
        return spn_fail(err, SPN_EFORMAT, "%s: no number of an iteration", f->name);
    for (size_t i = 0; i < n; i++)
        iteration = iteration * 10 + (digits[i] - '0');
    snprintf(name, sizeof name, "iter_%07lld", iteration);
    path = spn_path_join(dir->name, name);
    if (path == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", dir->name);
    st = read_ranks(r, path, err);
    spn_free(path);
    return st;
}

static bool knows_megatron(const struct k_file *f)
{
    return f->data == NULL &&
           (k_folder_has(NULL, f->name, LATEST) ||
            k_folder_has(NULL, f->name, "mp_rank_00/model_optim_rng.pt") ||
            k_folder_has(NULL, f->name, "mp_rank_00_000/model_optim_rng.pt"));
}

const struct spn_format k_format_megatron = { .name = "megatron", .folder = true,
                                              .knows = knows_megatron, .read = read_megatron };
