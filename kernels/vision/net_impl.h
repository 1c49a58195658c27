/* net_impl.h - what a vision model and a net under construction are made of. Private. */
#ifndef K_VISION_NET_IMPL_H
#define K_VISION_NET_IMPL_H
#include "base/mem.h"
#include "tensor/product.h"
#include "vision/model.h"

#define K_NET_STAGES 64
#define K_NET_SHOWN  64

/* Numbers made ready: OWN is what W's tensor points at (NULL once they are packed). */
struct k_made {
    const char *key;
    struct spn_weight w;
    float *own;
    struct k_made *next;
};

struct k_stage {
    const char *name;
    int record; /* the first of it */
};

struct spn_vnet {
    struct spn_vision *v;
    struct spn_plan *plan;
    struct spn_exec *exec;
    struct spn_arena *arena;
    struct k_made *made; /* for this size alone */
    int64_t batch, h, w;
    bool inside;
    spn_val out;
    struct spn_err err; /* the first failure */
    struct k_stage stage[K_NET_STAGES];
    int n_stage;
    const char *shown[K_NET_SHOWN];
    int n_shown;
    double *seconds; /* [records] */
    uint64_t used;   /* when it ran last */
};

struct spn_vision {
    struct spn_reader *r;
    struct spn_vision_setup setup;
    struct spn_arena *arena;
    struct k_made *made;
    uint64_t weight_bytes, runs;
    struct spn_vnet *net[2], *last;
    bool inside;
};

/* The value of M in N's plan. */
spn_val k_net_weight(struct spn_vnet *n, struct k_made *m);
/* KEY among what is made; NULL: not yet. */
struct k_made *k_net_find(struct spn_vnet *n, const char *key);
/* A new one with room for the floats of its shape; kept with the model when LASTS. NULL: the net
   has failed. */
struct k_made *k_net_new(struct spn_vnet *n, const char *key, int ndim, const int64_t *dim,
                         bool lasts);
void k_made_free(struct k_made *m);
spn_status k_net_read(const struct spn_vision *v, const char *name, int64_t want, float **out,
                      struct spn_err *err);

#endif
