/* fuzz_npy.c - any bytes as an NPY file. */
#include "config.h"

#include "fuzz/fuzz_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_reader("npy", data, size);
    return 0;
}
