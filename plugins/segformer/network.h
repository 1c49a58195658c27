/* network.h - SegFormer (Xie and others 2021, arXiv 2105.15203) by the names that Hugging Face's
 * transformers gives its weights. No host headers. */
#ifndef SEGFORMER_NETWORK_H
#define SEGFORMER_NETWORK_H
#include "vision/net.h"

#define SEGFORMER_STAGES 4

struct segformer_config {
    int stride[SEGFORMER_STAGES], heads[SEGFORMER_STAGES], reduce[SEGFORMER_STAGES];
};
/* Logits of stride 4 of x [B, H, W, 3]; CONFIG: struct segformer_config. */
spn_val segformer_build(struct spn_vnet *n, spn_val x, const void *config);

#endif
