/* stdin.c - standard input to its end, or until the job is stopped. */
#include "config.h"

#include "command/stdin.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "host/job.h"

spn_status stdin_read(struct spn_buf *b, struct spn_job *job, struct spn_err *err)
{
    char some[65536];

    for (;;) {
        ssize_t n = read(0, some, sizeof some);

        if (spn_cancelled(table_job.cancel(job)))
            return SPN_ECANCEL;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return spn_fail(err, SPN_EIO, "stdin: %s", strerror(errno));
        if (n == 0)
            return SPN_OK;
        if (spn_buf_add(b, some, (size_t)n) != SPN_OK)
            return spn_fail(err, SPN_ENOMEM, "stdin: more than %zu bytes", STDIN_MAX);
    }
}
