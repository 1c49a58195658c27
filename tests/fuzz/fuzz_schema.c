/* fuzz_schema.c - any JSON schema, a NUL, any text. */
#include "config.h"

#include <string.h>

#include "fuzz/fuzz_grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data, *end = size > 0 ? memchr(p, '\0', size) : NULL;
    size_t n = end == NULL ? size : (size_t)(end - p);
    struct spn_buf gbnf = SPN_BUF_INIT((size_t)64 << 20);
    struct spn_err err = SPN_ERR_INIT;

    if (spn_grammar_from_schema(&gbnf, p, n, &err) == SPN_OK)
        fuzz_grammar(gbnf.data, gbnf.length, end == NULL ? "" : end + 1,
                     end == NULL ? 0 : size - n - 1);
    else if (err.code == SPN_EINTERNAL || err.text[0] == '\0')
        abort();
    spn_buf_free(&gbnf);
    return 0;
}
