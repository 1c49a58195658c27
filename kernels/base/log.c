#include "config.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static spn_log_fn sink;
static void *sink_ctx;

void spn_log_sink(spn_log_fn fn, void *ctx)
{
    sink = fn;
    sink_ctx = ctx;
}

void spn_log(enum spn_log_level level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    if (sink == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sink(sink_ctx, level, text);
}
