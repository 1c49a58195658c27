/* fuzz_hf.c - any bytes as the files of a folder. */
#include "config.h"

#include "fuzz/fuzz_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_reader("hf folder", data, size);
    return 0;
}
