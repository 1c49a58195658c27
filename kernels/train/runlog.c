/* runlog.c - the log of a run: appended, synced with each checkpoint, cut back when a run goes on
 * from one. */
#include "config.h"

#include "train/runlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define LOG_BYTES_MAX (1u << 30)
#define LINE_HEAD     "{\"step\":"

spn_status train_log_open(struct train_log *l, const char *run, struct spn_err *err)
{
    l->fd = -1;
    l->path = spn_path_join(run, "log.jsonl");
    if (l->path == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory left to open its log", run);
    l->fd = open(l->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (l->fd < 0)
        return spn_fail(err, SPN_EIO, "%s: %s", l->path, strerror(errno));
    if (flock(l->fd, LOCK_EX | LOCK_NB) != 0)
        return spn_fail(err, SPN_EIO, "%s: %s", l->path,
                        errno == EWOULDBLOCK ? "another process trains in this folder"
                                             : strerror(errno));
    return SPN_OK;
}

void train_log_close(struct train_log *l)
{
    if (l->fd >= 0)
        close(l->fd);
    spn_free(l->path);
    *l = (struct train_log)TRAIN_LOG_INIT;
}

bool train_log_empty(const struct train_log *l)
{
    struct stat sb;

    return fstat(l->fd, &sb) == 0 && sb.st_size == 0;
}

spn_status train_log_cut(struct train_log *l, int64_t step, struct spn_err *err)
{
    char *text = NULL;
    size_t length = 0, keep = 0;
    spn_status st = spn_file_read(&text, &length, l->path, LOG_BYTES_MAX, err);
    const char *end;

    for (int line = 1;
         st == SPN_OK && keep < length && (end = memchr(text + keep, '\n', length - keep)) != NULL;
         line++) {
        const char *s = text + keep;

        if (strncmp(s, LINE_HEAD, strlen(LINE_HEAD)) != 0)
            st = spn_fail(err, SPN_EFORMAT,
                          "%s:%d: not a line of a run's log (it would begin with %s)", l->path,
                          line, LINE_HEAD);
        else if (strtoll(s + strlen(LINE_HEAD), NULL, 10) > step)
            break;
        else
            keep = (size_t)(end - text) + 1;
    }
    if (st == SPN_OK && keep < length && ftruncate(l->fd, (off_t)keep) != 0)
        st = spn_fail(err, SPN_EIO, "%s: cannot be cut to %zu bytes: %s", l->path, keep,
                      strerror(errno));
    spn_free(text);
    return st;
}

spn_status train_log_add(struct train_log *l, const struct spn_train_step *s, struct spn_err *err)
{
    char line[512];
    size_t done = 0, n;

    n = (size_t)snprintf(line, sizeof line,
                         LINE_HEAD "%lld,\"loss\":%.6g,\"lr\":%.6g,\"grad_norm\":%.6g,\"tokens\":%"
                                   "lld,\"loss_tokens\":%lld,\"tokens_per_s\":%.1f}\n",
                         (long long)s->step, s->loss, s->lr, s->grad_norm, (long long)s->tokens,
                         (long long)s->loss_tokens, s->tokens_per_s);
    while (done < n) {
        ssize_t w = write(l->fd, line + done, n - done);

        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return spn_fail(err, SPN_EIO, "%s: %s", l->path, strerror(errno));
        done += (size_t)w;
    }
    return SPN_OK;
}

spn_status train_log_sync(struct train_log *l, struct spn_err *err)
{
    if (fsync(l->fd) != 0)
        return spn_fail(err, SPN_EIO, "%s: %s", l->path, strerror(errno));
    return SPN_OK;
}
