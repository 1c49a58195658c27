/* table.h - the table of a packed step: a row a parameter.
 *
 *   u32 bytes of the name, the name, u32 dimensions, i64 each, u32 parts (bit K: part K is there),
 *   u32 raw (1: the parts stand in their streams as f32, the weight itself in place of R),
 *   f64 rho, f32 tau, f32 s, u32 CRC-32C of the weight that R was taken against; and of each part
 *   that is there u32 CRC-32C of its bytes, unless raw u64 indices, u32 centres, f32 each
 *   ascending (index I + 1: centre I; the bits of an index are in the head)
 */
#ifndef EXCP_TABLE_H
#define EXCP_TABLE_H
#include "stream.h"

struct excp_row {
    const struct spn_codec_param
        *param; /* name and shape; of a row that is read: what it has to be */
    bool raw;
    struct excp_cut cut;
    uint32_t before_crc;
    uint32_t crc[EXCP_PARTS];
    uint64_t count[EXCP_PARTS];
    struct excp_book book[EXCP_PARTS];
};

const struct spn_tensor *excp_part(const struct spn_codec_param *p, int k);
spn_status excp_row_put(const struct excp_row *row, struct excp_writer *w, struct spn_err *err);
/* The next row. SPN_EFORMAT: of another parameter than ROW->param, or impossible. */
spn_status excp_row_get(struct excp_row *row, const struct excp_rule *rule, struct excp_reader *r,
                        const char *path, struct spn_err *err);

#endif
