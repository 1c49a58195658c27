/* calculator.c - exact arithmetic for a model. */
#include "config.h"

#include "tools.h"

#include <string.h>

#include "../common/exact.h"

spn_status tools_calculate(const char *expression, struct spn_buf *out, struct spn_err *err)
{
    size_t n = strlen(expression);
    struct exact v;
    const char *why;
    int operators;

    /* "3 * 4 =" is what people type. */
    while (n > 0 && strchr(" =\n\r\t", expression[n - 1]) != NULL)
        n--;
    if (!exact_eval(expression, n, &v, &operators, &why))
        return spn_fail(err, SPN_EFORMAT, "calculator: \"%.60s\": %s", expression, why);
    exact_print(v, out);
    if (out->failed)
        return spn_fail(err, SPN_ENOMEM, "calculator: no memory for a result");
    if (strchr(out->data, '/') != NULL)
        spn_buf_printf(out, " (= %.10g)", exact_double(v));
    return SPN_OK;
}
