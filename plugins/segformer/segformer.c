/* segformer.c - plugin `segformer`: registers the segmenter. */
#include "config.h"

#include "model.h"
#include "spinney/plugin.h"

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);

    if (registry == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "segformer: this host has no table \"registry\" 1");
    return registry->add(host, SPN_POINT_SEGMENTER, "segformer", &segformer_segmenter, err);
}

SPN_PLUGIN(segformer) = {
    SPN_PLUGIN_HEAD,
    .name = "segformer",
    .summary = "segmentation by SegFormer, from folders of Hugging Face",
    .papers = "",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_SEGMENTER),
    .declare = declare,
};
