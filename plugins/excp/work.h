/* work.h - arrays that one parameter after another is worked on in. */
#ifndef EXCP_WORK_H
#define EXCP_WORK_H
#include "table.h"

struct excp_work {
    struct excp_arrays a;              /* x[k] NULL: the parameter has no part K */
    float *room[EXCP_PARTS];           /* [elems] */
    unsigned char *packed[EXCP_PARTS]; /* [elems at 8 bits at most] */
    size_t elems;
};

void excp_work_free(struct excp_work *w);
/* Room for P, whose parts with numbers are copied in as f32 where COPY. */
spn_status excp_work_take(struct excp_work *w, const struct spn_codec_param *p,
                          const struct excp_rule *rule, struct spn_pool *pool, bool copy,
                          struct spn_err *err);
/* R: the weight less (SIGN -1), or more (1), that of BEFORE. */
spn_status excp_work_difference(struct excp_work *w, const struct spn_codec_param *before,
                                float sign, struct spn_pool *pool, struct spn_err *err);
uint32_t excp_work_crc(const struct spn_codec_param *p);
/* What the arrays hold as parameter P's numbers. */
struct spn_codec_param excp_work_param(struct excp_work *w, const struct spn_codec_param *p);

#endif
