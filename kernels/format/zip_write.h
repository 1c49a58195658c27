/* zip_write.h - private: a zip archive under construction, stored entries with their checksums. */
#ifndef SPN_ZIP_WRITE_H
#define SPN_ZIP_WRITE_H
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "format/writer.h"

struct k_zip_out {
    const struct spn_writer *w;        /* for messages */
    FILE *f;
    uint64_t at;                       /* bytes written */
    struct spn_buf table;              /* the central directory so far */
    uint64_t n;
    uint64_t header, bytes, done;      /* of the entry under way */
    uint32_t crc;
    struct spn_buf name;               /* of the entry under way */
};

void k_zip_out_init(struct k_zip_out *z, const struct spn_writer *w, FILE *f);
void k_zip_out_free(struct k_zip_out *z);
/* An entry of BYTES bytes, whose first one lies at a multiple of 64. */
spn_status k_zip_begin(struct k_zip_out *z, const char *name, uint64_t bytes, struct spn_err *err);
spn_status k_zip_put(struct k_zip_out *z, const void *bytes, size_t n, struct spn_err *err);
/* Writes the checksum where the entry began. */
spn_status k_zip_end(struct k_zip_out *z, struct spn_err *err);
spn_status k_zip_entry(struct k_zip_out *z, const char *name, const void *bytes, size_t n,
                       struct spn_err *err);
/* The table and the end records, zip64 where numbers need it. */
spn_status k_zip_finish(struct k_zip_out *z, struct spn_err *err);

#endif
