/* excp.c - plugin `excp`: registers the codec. */
#include "config.h"

#include <math.h>

#include "codec.h"
#include "method.h"
#include "spinney/plugin.h"

static const struct spn_codec codec = {
    .summary = "differences, pruned together with the moments, as few bits by clustering (ExCP)",
    .suffix = "spx",
    .options = excp_options,
    .estimate = excp_estimate,
    .pack = excp_pack,
    .unpack = excp_unpack,
    .verify = excp_verify,
    .export_ = excp_export,
    .import_ = excp_import,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);

    if (registry == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "excp: this host has no table \"registry\" 1");
    return registry->add(host, SPN_POINT_CODEC, "excp", &codec, err);
}

/* Six numbers by hand: the median of |R| is 3, tau 7.5, s 2. */
static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    const struct excp_rule rule = {
        .alpha = EXCP_ALPHA, .beta = EXCP_BETA, .joint = true, .bits = { 4, 4, 4 }
    };
    float r[] = { 1, -8, 3, 20, -2, 7.5f }, e1[] = { 3, 0.5f, 0, 2.5f, 0, 0 },
          e2[] = { 0, 0, 0, 1e-12f, 0, 0 };
    struct excp_arrays a = { { r, e1, e2 }, 6 };
    struct excp_book book = { 0 };
    struct excp_cut cut;
    unsigned char packed[3] = { 0 };
    spn_status st = excp_prune(&rule, NULL, &a, &cut, err);

    if (st == SPN_OK)
        st = excp_cluster(r, 6, cut.kept[EXCP_R], 4, &book, err);
    if (st == SPN_OK)
        excp_index(&book, 4, r, NULL, 6, packed);
    if (st != SPN_OK)
        return st;
    return cut.tau == 7.5f && cut.s == 2 && e1[0] == 0 && e1[3] == 2.5f && packed[0] == 0x01 &&
                   packed[1] == 0x02 && packed[2] == 0
               ? SPN_OK
               : spn_fail(err, SPN_ENO, "excp: six numbers are pruned or indexed wrongly");
}

SPN_PLUGIN(excp) = {
    SPN_PLUGIN_HEAD,
    .name = "excp",
    .summary = "training checkpoints as pruned and clustered differences (ExCP)",
    .papers = "excp",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_CODEC),
    .declare = declare,
    .selftest = selftest,
};
