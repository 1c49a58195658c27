/* cgrseg.c - plugin `cgrseg`: registers the segmenter. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model.h"
#include "spinney/plugin.h"

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);

    if (registry == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "cgrseg: this host has no table \"registry\" 1");
    return registry->add(host, SPN_POINT_SEGMENTER, "cgrseg", &cgrseg_segmenter, err);
}

static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    return cgrseg_selftest(err);
}

SPN_PLUGIN(cgrseg) = {
    SPN_PLUGIN_HEAD,
    .name = "cgrseg",
    .summary = "segmentation guided by context (CGRSeg) over EfficientFormerV2",
    .papers = "cgrseg efficientformerv2",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_SEGMENTER),
    .declare = declare,
    .selftest = selftest,
};
