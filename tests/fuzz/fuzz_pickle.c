/* fuzz_pickle.c - any bytes as a pickle or a legacy stream of torch.save. */
#include "config.h"

#include "fuzz/fuzz_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_reader("pickle", data, size);
    return 0;
}
