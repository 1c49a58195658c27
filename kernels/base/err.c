#include "config.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

spn_status spn_fail(struct spn_err *err, spn_status code, const char *fmt, ...)
{
    va_list ap;

    if (err == NULL)
        return code;
    err->code = code;
    err->cure[0] = '\0';
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    return code;
}

spn_status spn_cure(struct spn_err *err, const char *fmt, ...)
{
    va_list ap;

    if (err == NULL)
        return SPN_EINTERNAL;
    va_start(ap, fmt);
    vsnprintf(err->cure, sizeof err->cure, fmt, ap);
    va_end(ap);
    return err->code;
}

int spn_exit_code(spn_status st)
{
    switch (st) {
    case SPN_OK:
        return 0;
    case SPN_ENO:
        return 1;
    case SPN_EUSAGE:
        return 2;
    case SPN_EFORMAT:
        return 3;
    case SPN_ENOTFOUND:
        return 3;
    case SPN_ENOMEM:
        return 4;
    case SPN_ECANCEL:
        return 130;
    default:
        return 5;
    }
}
