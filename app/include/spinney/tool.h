/* tool.h - what a reasoner may call: a text in, a text out. */
#ifndef SPINNEY_TOOL_H
#define SPINNEY_TOOL_H
#include "base/buf.h"
#include "base/err.h"
#include "base/option.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_tool {
    const char *summary; /* for a person */
    /* For a model: what goes in, what comes out, as in "an arithmetic expression; its exact value".
     */
    const char *describes;
    const struct spn_option *options; /* `search:root=docs`; NULL: none */
    /* Append the result for INPUT to OUT. An error is a result as well: reasoners note its sentence
       and go on. Safe with any input; changes nothing outside. */
    spn_status (*call)(const struct spn_values *options, const char *input, struct spn_buf *out,
                       struct spn_err *err);
};

#ifdef __cplusplus
}
#endif
#endif
