/* fuzz_jinja.c - any chat template over a conversation with calls and tools. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "fuzz/fuzz.h"
#include "text/chat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct spn_message talk[] = {
        { "system", "S", NULL },
        { "user", "U <b> {{ 1 }}", NULL },
        { "assistant", "<think>a</think> b",
          "{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"x\":[1,2.5,null]}}}]}" },
        { "tool", "4", NULL },
        { "user", "V", NULL },
    };
    const struct spn_chat_options o = { .generate = true,
                                        .tools = "[{\"name\":\"f\"}]",
                                        .thinking = 1,
                                        .now = 1700000000 };
    char *source = calloc(size + 1, 1);
    struct spn_buf text = SPN_BUF_INIT((size_t)80 << 20);
    struct spn_err err = SPN_ERR_INIT;
    struct spn_chat *c = NULL;

    if (source == NULL)
        return 0;
    if (size > 0)
        memcpy(source, data, size);
    if (spn_chat_open(&c, source, &err) == SPN_OK &&
        spn_chat_text(c, NULL, talk, 5, &o, &text, &err) != SPN_OK &&
        (err.code == SPN_OK || err.code == SPN_EINTERNAL || err.text[0] == '\0'))
        abort();
    spn_chat_free(c);
    spn_buf_free(&text);
    free(source);
    return 0;
}
