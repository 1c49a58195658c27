/* net.c - which segmenter knows a file. */
#include "config.h"

#include <string.h>

#include "base/cpu.h"
#include "classes.h"
#include "segment.h"

spn_status segment_net_open(struct segment_net *n, const struct spn_registry_api *registry,
                            const char *path, int threads, bool bf16, struct spn_err *err)
{
    const struct spn_segmenter *s;
    const char *name, *plugin;
    spn_status st;

    memset(n, 0, sizeof *n);
    st = spn_reader_open(&n->reader, path, err);
    for (size_t i = 0; st == SPN_OK && n->segmenter == NULL; i++) {
        s = registry->at(SPN_POINT_SEGMENTER, i, &name, &plugin);
        if (s == NULL)
            break;
        if (s->knows(n->reader)) {
            n->segmenter = s;
            n->plugin = name;
        }
    }
    if (st == SPN_OK && n->segmenter == NULL) {
        spn_fail(err, SPN_EFORMAT, "%s: its %zu tensors are no network that a plugin here knows",
                 path, spn_reader_count(n->reader));
        st = spn_cure(err, "spinney plugins");
    }
    if (st == SPN_OK) {
        n->pool = spn_pool_new(threads > 0 ? threads : spn_threads_allowed());
        if (n->pool == NULL)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory for threads", path);
    }
    if (st == SPN_OK)
        st = n->segmenter->open(&n->model, n->reader, n->pool, bf16, err);
    if (st == SPN_OK)
        n->info = n->segmenter->info(n->model);
    if (st == SPN_OK && (n->info->classes < 1 || n->info->classes > IGNORED))
        st = spn_fail(err, SPN_EFORMAT, "%s: %d classes, 1 to %d are handled", path,
                      n->info->classes, IGNORED);
    if (st != SPN_OK)
        segment_net_close(n);
    return st;
}

void segment_net_close(struct segment_net *n)
{
    if (n->model != NULL)
        n->segmenter->close(n->model);
    spn_pool_free(n->pool);
    spn_reader_close(n->reader);
    memset(n, 0, sizeof *n);
}
