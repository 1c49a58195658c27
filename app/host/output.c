#include "config.h"

#include "host/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "host/message.h"

char *output_line(const json_t *object)
{
    return json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
}

/* ---- going on with a file ---- */

/* The name under which a record is known: its id as text, else "#" and its index. */
static void record_key(struct spn_buf *b, const json_t *id, int64_t index)
{
    spn_buf_trim(b, 0);
    if (json_is_string(id))
        spn_buf_printf(b, "=%s", json_string_value(id));
    else if (json_is_integer(id))
        spn_buf_printf(b, "=%lld", (long long)json_integer_value(id));
    else
        spn_buf_printf(b, "#%lld", (long long)index);
}

static spn_status keep(struct output *o, const char *key, struct spn_err *err)
{
    json_t *count = json_object_get(o->done, key);

    if (count != NULL)
        json_integer_set(count, json_integer_value(count) + 1);
    else if (json_object_set_new_nocheck(o->done, key, json_integer(1)) != 0)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for the results that are there", o->path);
    o->kept++;
    return SPN_OK;
}

static spn_status take_line(struct output *o, const char *line, size_t n, int64_t number,
                            struct spn_err *err)
{
    json_error_t why;
    json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES, &why);
    const char *run = json_string_value(json_object_get(object, "run"));
    struct spn_buf key = SPN_BUF_INIT(1 << 20);
    spn_status st = SPN_OK;

    if (!json_is_object(object))
        st = spn_fail(err, SPN_EFORMAT, "%s:%lld: not a result of spinney: %s", o->path,
                      (long long)number, object == NULL ? why.text : "not an object");
    else if (run == NULL || strcmp(run, o->run) != 0) {
        st = spn_fail(err, SPN_EUSAGE, "%s:%lld: written by \"%s\", this run is \"%s\"", o->path,
                      (long long)number, run != NULL ? run : "(another program)", o->run);
        spn_cure(err, "the same model, seed and options, or another name after -o");
    } else {
        json_t *index = json_object_get(object, "index");

        record_key(&key, json_object_get(object, "id"),
                   json_is_integer(index) ? json_integer_value(index) : -1);
        st = key.failed ? spn_fail(err, SPN_ENOMEM, "%s:%lld: no memory for its id", o->path,
                                   (long long)number)
                        : keep(o, key.data, err);
        if (json_object_get(object, "error") != NULL)
            o->failed++;
    }
    spn_buf_free(&key);
    json_decref(object);
    return st;
}

/* Read what is there; *WHOLE is the length up to the last whole line. */
static spn_status read_kept(struct output *o, off_t *whole, struct spn_err *err)
{
    FILE *f = fdopen(dup(o->fd), "r");
    spn_status st = SPN_OK;
    int64_t number = 0;
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    if (f == NULL)
        return spn_fail(err, SPN_EIO, "%s: %s", o->path, strerror(errno));
    *whole = 0;
    while (st == SPN_OK && (n = getline(&line, &room, f)) > 0) {
        if (line[n - 1] != '\n')
            break;
        number++;
        if (n > 1)
            st = take_line(o, line, (size_t)n - 1, number, err);
        *whole += n;
    }
    if (st == SPN_OK && ferror(f))
        st = spn_fail(err, SPN_EIO, "%s: %s", o->path, strerror(errno));
    free(line);
    fclose(f);
    return st;
}

static spn_status open_file(struct output *o, bool resume, struct spn_err *err)
{
    struct stat s;
    off_t whole = 0;
    spn_status st;

    o->fd = open(o->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (o->fd < 0)
        return spn_fail(err, SPN_EIO, "%s: %s", o->path, strerror(errno));
    if (flock(o->fd, LOCK_EX | LOCK_NB) != 0)
        return spn_fail(err, SPN_EIO, "%s: another process writes to it", o->path);
    if (fstat(o->fd, &s) != 0)
        return spn_fail(err, SPN_EIO, "%s: %s", o->path, strerror(errno));
    if (!S_ISREG(s.st_mode) || s.st_size == 0)
        return SPN_OK;
    if (!resume) {
        spn_fail(err, SPN_EUSAGE, "%s: is there already, %lld bytes", o->path,
                 (long long)s.st_size);
        return spn_cure(err, "the same command with --resume, or another name after -o");
    }
    st = read_kept(o, &whole, err);
    /* A half line is what a killed run left; it is made again. */
    if (st == SPN_OK && (ftruncate(o->fd, whole) != 0 || lseek(o->fd, whole, SEEK_SET) < 0))
        st = spn_fail(err, SPN_EIO, "%s: %s", o->path, strerror(errno));
    return st;
}

spn_status output_open(struct output *o, const char *path, bool resume, const char *run, bool json,
                       struct spn_err *err)
{
    spn_status st = SPN_OK;

    *o = (struct output){ .json = json, .fd = -1, .path = path, .run = run };
    if (path == NULL)
        return SPN_OK;
    o->done = json_object();
    st = o->done == NULL ? spn_fail(err, SPN_ENOMEM, "%s: no memory", path)
                         : open_file(o, resume, err);
    if (st != SPN_OK)
        output_close(o, NULL);
    return st;
}

spn_status output_close(struct output *o, struct spn_err *err)
{
    spn_status st = SPN_OK;

    if (o->fd >= 0 && fsync(o->fd) != 0 && errno != EINVAL && errno != EROFS)
        st = spn_fail(err, SPN_EIO, "%s: %s", o->path, strerror(errno));
    if (o->fd >= 0)
        close(o->fd);
    o->fd = -1;
    json_decref(o->done);
    o->done = NULL;
    return st;
}

bool output_had(struct output *o, int64_t index, const char *id)
{
    struct spn_buf key = SPN_BUF_INIT(1 << 20);
    json_t *count;
    bool had = false;

    if (o->done == NULL)
        return false;
    if (id != NULL)
        spn_buf_printf(&key, "=%s", id);
    else
        spn_buf_printf(&key, "#%lld", (long long)index);
    count = key.data != NULL ? json_object_get(o->done, key.data) : NULL;
    if (json_integer_value(count) > 0) {
        json_integer_set(count, json_integer_value(count) - 1);
        had = true;
    }
    spn_buf_free(&key);
    return had;
}

/* ---- writing ---- */

static spn_status write_fd(const struct output *o, const char *bytes, size_t n, struct spn_err *err)
{
    while (n > 0) {
        ssize_t k = write(o->fd, bytes, n);

        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return spn_fail(err, SPN_EIO, "%s: %s", o->path, strerror(errno));
        bytes += k;
        n -= (size_t)k;
    }
    return SPN_OK;
}

static spn_status put(struct output *o, const char *bytes, size_t n, bool raw, struct spn_err *err)
{
    if (o->closed)
        return SPN_EIO;
    if ((raw ? fwrite(bytes, 1, n, stdout) == n : message_write(stdout, bytes, n)) &&
        fflush(stdout) == 0)
        return SPN_OK;
    if (errno == EPIPE)
        o->closed = true;
    return spn_fail(err, SPN_EIO, "stdout: %s", strerror(errno));
}

spn_status output_bytes(struct output *o, const char *bytes, size_t n, struct spn_err *err)
{
    return put(o, bytes, n, false, err);
}

spn_status output_raw(struct output *o, const char *bytes, size_t n, struct spn_err *err)
{
    return put(o, bytes, n, true, err);
}

static spn_status emit_line(struct output *o, json_t *object, struct spn_err *err)
{
    char *line;
    size_t n;
    spn_status st;

    if (o->fd >= 0 && json_object_set_new(object, "run", json_string(o->run)) != 0)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for a result", o->path);
    line = output_line(object);
    if (line == NULL)
        return spn_fail(err, SPN_EINTERNAL, "%s: a result cannot be written as JSON",
                        o->path != NULL ? o->path : "stdout");
    n = strlen(line);
    line[n] = '\n'; /* one write a line: a reader never sees two halves of different runs */
    st = o->fd >= 0 ? write_fd(o, line, n + 1, err) : output_bytes(o, line, n + 1, err);
    free(line);
    return st;
}

spn_status output_emit(struct output *o, json_t *object_take, const char *text, struct spn_err *err)
{
    spn_status st = SPN_OK;

    if (o->json || o->fd >= 0)
        st = object_take != NULL ? emit_line(o, object_take, err) : SPN_OK;
    else if (text != NULL)
        st = output_bytes(o, text, strlen(text), err);
    json_decref(object_take);
    return st;
}
