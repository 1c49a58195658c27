#include "config.h"

#include "command/npy_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

/* NPY 1.0: magic, version, a header padded so that the data begin at a multiple of 64. */
spn_status npy_file_write(const char *path, const float *x, int64_t rows, int64_t columns,
                          struct spn_err *err)
{
    static const unsigned char magic[8] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0 };
    char head[192];
    struct spn_out o;
    size_t n, total, elements = (size_t)rows * (size_t)columns;
    unsigned char length[2];
    spn_status st = spn_out_open(&o, path, err);

    if (st != SPN_OK)
        return st;
    n = (size_t)snprintf(head, sizeof head,
                         "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                         (long long)rows, (long long)columns);
    total = (10 + n + 1 + 63) / 64 * 64;
    memset(head + n, ' ', total - 10 - n);
    head[total - 11] = '\n';
    length[0] = (unsigned char)((total - 10) & 255);
    length[1] = (unsigned char)((total - 10) >> 8);
    if (fwrite(magic, 1, 8, o.f) != 8 || fwrite(length, 1, 2, o.f) != 2 ||
        fwrite(head, 1, total - 10, o.f) != total - 10 ||
        fwrite(x, sizeof *x, elements, o.f) != elements) {
        st = spn_fail(err, SPN_EIO, "%s: %s", path, strerror(errno));
        spn_out_abandon(&o);
        return st;
    }
    return spn_out_commit(&o, err);
}
