/* clock.c - the time as a person says it. */
#include "config.h"

#include "tools.h"

#include <string.h>
#include <time.h>

spn_status tools_time(long long seconds, const char *zone, struct spn_buf *out, struct spn_err *err)
{
    time_t t = (time_t)seconds;
    struct tm parts;
    char text[128];
    bool local = strcmp(zone, "local") == 0;

    if ((local ? localtime_r(&t, &parts) : gmtime_r(&t, &parts)) == NULL ||
        strftime(text, sizeof text, local ? "%A %Y-%m-%d %H:%M:%S %Z" : "%A %Y-%m-%d %H:%M:%S UTC",
                 &parts) == 0)
        return spn_fail(err, SPN_EFORMAT, "clock: %lld seconds are no time", seconds);
    spn_buf_puts(out, text);
    return out->failed ? spn_fail(err, SPN_ENOMEM, "clock: no memory for the time") : SPN_OK;
}
