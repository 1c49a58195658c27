/* fuzz_tokenizer_json.c - any tokenizer.json, a NUL, any tokenizer_config.json, a NUL, any text. */
#include "config.h"

#include "fuzz/fuzz_tokens.h"

/* The part up to the next NUL; *P moves behind it. */
static size_t part(const char **p, size_t *left)
{
    const char *end = memchr(*p, '\0', *left);
    size_t n = end == NULL ? *left : (size_t)(end - *p), step = end == NULL ? n : n + 1;

    *p += step;
    *left -= step;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data, *json = p, *config;
    size_t left = size, n_json = part(&p, &left), n_config;
    struct spn_tokenizer *t = NULL;
    struct spn_err err = SPN_ERR_INIT;

    config = p;
    n_config = part(&p, &left);
    if (spn_tokenizer_open_json(&t, json, n_json, n_config > 0 ? config : NULL, n_config, &err) ==
        SPN_OK)
        check_tokenizer_take(t, p, left);
    else
        check_refusal(t, &err);
    return 0;
}
