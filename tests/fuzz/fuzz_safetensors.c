/* fuzz_safetensors.c - any bytes as a safetensors file. */
#include "config.h"

#include "fuzz/fuzz_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_reader("safetensors", data, size);
    return 0;
}
