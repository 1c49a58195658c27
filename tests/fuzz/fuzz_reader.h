/* fuzz_reader.h - opens bytes as one format and touches all that the reader lends. */
#ifndef FUZZ_READER_H
#define FUZZ_READER_H
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "format/reader.h"
#include "format/test_bytes.h"
#include "fuzz/fuzz.h"
#include "tensor/product.h"

/* False: refused. */
static bool fuzz_reader_as(const char *format, const uint8_t *data, size_t size)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_reader *r = NULL;
    float row[256];

    if (spn_reader_open_memory(&r, format, data, size, &err) != SPN_OK) {
        /* A refusal without a sentence is a finding. */
        if (r != NULL || err.code == SPN_OK || err.text[0] == '\0')
            abort();
        return false;
    }
    walk_reader(r);
    for (size_t i = 0; i < spn_reader_count(r); i++) {
        const struct spn_entry *e = spn_reader_at(r, i);
        int64_t n = spn_tensor_elems(&e->t);

        if (e->layout == NULL && n > 0 && e->t.ndim > 0 && spn_dtype_info(e->t.dtype)->decode)
            spn_dequant(e->t.dtype, e->t.data, row, n < 256 ? e->t.dim[e->t.ndim - 1] : 256, NULL);
    }
    spn_reader_close(r);
    return true;
}

/* What is refused as a whole may be a file that is still being written. */
static void fuzz_reader(const char *format, const uint8_t *data, size_t size)
{
    char partial[64];

    snprintf(partial, sizeof partial, "%s partial", format);
    if (!fuzz_reader_as(format, data, size))
        (void)fuzz_reader_as(partial, data, size);
}

#endif
