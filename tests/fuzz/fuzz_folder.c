/* fuzz_folder.c - any bytes as files of a training folder; the first byte says of which kind. */
#include "config.h"

#include "fuzz/fuzz_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const kinds[] = { "torch distributed", "deepspeed", "megatron" };

    if (size > 0)
        fuzz_reader(kinds[data[0] % 3], data + 1, size - 1);
    return 0;
}
