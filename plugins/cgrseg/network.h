/* network.h - CGRSeg (arXiv 2405.06228) over EfficientFormerV2 (arXiv 2212.08059), written down
 * from the names and shapes of a checkpoint. No host headers. */
#ifndef CGRSEG_NETWORK_H
#define CGRSEG_NETWORK_H
#include "vision/net.h"

#define CGRSEG_MULTIPLE 32 /* the attention halves a map of stride 16 */

/* Maps of stride 4, 8, 16 and 32 of x [B, H, W, 3]; PREFIX: "backbone." */
void ef2_backbone(struct spn_vnet *n, const char *prefix, spn_val x, spn_val maps[4]);
/* Logits of stride 8 from the maps. */
spn_val cgrseg_head(struct spn_vnet *n, const spn_val maps[4]);
/* The whole of it: spn_vision_setup's build. */
spn_val cgrseg_build(struct spn_vnet *n, spn_val x, const void *config);

#endif
