/* fuzz_gbnf.c - any grammar, a NUL, any text. */
#include "config.h"

#include <string.h>

#include "fuzz/fuzz_grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data, *end = size > 0 ? memchr(p, '\0', size) : NULL;
    size_t n = end == NULL ? size : (size_t)(end - p);

    fuzz_grammar(p, n, end == NULL ? "" : end + 1, end == NULL ? 0 : size - n - 1);
    return 0;
}
