/* fuzz_zip.c - any bytes as a torch.save archive or an NPZ. */
#include "config.h"

#include "fuzz/fuzz_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_reader("zip", data, size);
    return 0;
}
