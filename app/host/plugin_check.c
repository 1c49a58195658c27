/* plugin_check.c - is this descriptor one that this host can use?  Every sentence has both sides'
 * numbers. */
#include "config.h"

#include "host/plugins.h"

#include <stddef.h>
#include <string.h>

/* The descriptor of ABI 1.0 ended here; later ones only grow. */
#define DESCRIPTOR_MIN (offsetof(struct spn_plugin, selftest) + sizeof(void *))

static spn_status check_head(const struct plugin *p, const struct spn_plugin *d,
                             struct spn_err *err)
{
    if (d->magic != SPN_PLUGIN_MAGIC)
        return spn_fail(err, SPN_EFORMAT, "%s: magic number 0x%08x, a spinney plugin has 0x%08x",
                        p->path, (unsigned)d->magic, SPN_PLUGIN_MAGIC);
    if (d->abi_major != SPN_ABI_MAJOR || d->abi_minor > SPN_ABI_MINOR)
        return spn_fail(err, SPN_EFORMAT, "%s: built for plugin ABI %u.%u, this program has %d.%d",
                        p->path, d->abi_major, d->abi_minor, SPN_ABI_MAJOR, SPN_ABI_MINOR);
    if (d->size < DESCRIPTOR_MIN || d->size > sizeof *d)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: descriptor of %u bytes, this program takes %zu to %zu", p->path,
                        (unsigned)d->size, DESCRIPTOR_MIN, sizeof *d);
    if (d->fingerprint != SPN_ABI_FINGERPRINT)
        return spn_fail(
            err, SPN_EFORMAT,
            "%s: layout fingerprint %016llx, this program has %016llx: built against other headers",
            p->path, (unsigned long long)d->fingerprint, (unsigned long long)SPN_ABI_FINGERPRINT);
    return SPN_OK;
}

static spn_status check_body(const struct plugin *p, struct spn_err *err)
{
    const struct spn_plugin *d = &p->desc;
    const uint32_t known = SPN_HAS(SPN_POINT_COUNT) - 1;

    if (d->name == NULL || d->summary == NULL || d->version == NULL || d->licence == NULL)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: name, summary, version and licence are needed, %s is missing", p->path,
                        d->name == NULL      ? "name"
                        : d->summary == NULL ? "summary"
                        : d->version == NULL ? "version"
                                             : "licence");
    if (strcmp(d->name, p->name) != 0)
        return spn_fail(err, SPN_EFORMAT, "%s: the file is called %s, its descriptor says %.64s",
                        p->path, p->name, d->name);
    if ((d->points & ~known) != 0)
        return spn_fail(err, SPN_EFORMAT, "%s: extension points 0x%x, this program knows 0x%x",
                        p->path, (unsigned)d->points, known);
    if (d->declare == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: no declare function", p->path);
    return spn_options_check(d->options, p->path, err);
}

spn_status plugin_check(struct plugin *p, const void *data, struct spn_err *err)
{
    const struct spn_plugin *d = data;
    spn_status st = check_head(p, d, err);

    if (st != SPN_OK)
        return st;
    memset(&p->desc, 0, sizeof p->desc);
    memcpy(&p->desc, d, d->size);
    if (p->desc.papers == NULL)
        p->desc.papers = "";
    if (p->desc.needs == NULL)
        p->desc.needs = "";
    return check_body(p, err);
}
