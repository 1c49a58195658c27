/* fuzz_gguf.c - any bytes as a gguf file. */
#include "config.h"

#include "fuzz/fuzz_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_reader("gguf", data, size);
    return 0;
}
