#include "config.h"

#include "host/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define LINE_CEILING   ((size_t)16 << 20)
#define PROMPT_CEILING ((size_t)64 << 20)

struct input {
    const char *const *files;
    size_t n_files, file; /* the source being read */
    const char *prompt, *prompt_key;
    struct spn_cancel *cancel;
    int fd; /* -1: none open */
    bool lines, started,
        ended;            /* this source is JSON Lines; its kind is known; nothing is left in it */
    int64_t line;         /* of this source, from 1 */
    struct spn_buf bytes; /* read, not yet used */
    size_t used;
    int64_t index; /* of the next record */
    struct spn_record record;
    struct spn_buf id;
};

static const char *source_name(const struct input *in)
{
    const char *name = in->n_files > 0 && in->file < in->n_files ? in->files[in->file] : "-";

    return strcmp(name, "-") == 0 ? "stdin" : name;
}

spn_status input_open(struct input **out, const char *const *files, size_t n_files,
                      const char *prompt, const char *prompt_key, struct spn_cancel *cancel,
                      struct spn_err *err)
{
    struct input *in = spn_calloc(1, sizeof *in);

    if (in == NULL)
        return spn_fail(err, SPN_ENOMEM, "input: no memory");
    in->files = files;
    in->n_files = n_files;
    in->prompt = prompt;
    in->prompt_key = prompt_key != NULL ? prompt_key : "prompt";
    in->cancel = cancel;
    in->fd = -1;
    in->bytes = (struct spn_buf)SPN_BUF_INIT(PROMPT_CEILING + LINE_CEILING);
    in->id = (struct spn_buf)SPN_BUF_INIT(1 << 20);
    *out = in;
    return SPN_OK;
}

static void close_source(struct input *in)
{
    if (in->fd > 0)
        close(in->fd);
    in->fd = -1;
    in->started = in->ended = in->lines = false;
    in->line = 0;
    in->used = 0;
    spn_buf_trim(&in->bytes, 0);
}

void input_close(struct input *in)
{
    if (in == NULL)
        return;
    close_source(in);
    json_decref(in->record.object);
    spn_buf_free(&in->bytes);
    spn_buf_free(&in->id);
    spn_free(in);
}

static spn_status open_source(struct input *in, struct spn_err *err)
{
    const char *name = in->n_files > 0 ? in->files[in->file] : "-";

    if (strcmp(name, "-") == 0) {
        in->fd = 0;
        return SPN_OK;
    }
    in->fd = open(name, O_RDONLY | O_CLOEXEC);
    if (in->fd < 0)
        return spn_fail(err, errno == ENOENT ? SPN_ENOTFOUND : SPN_EIO, "%s: %s", name,
                        strerror(errno));
    return SPN_OK;
}

/* Read some more; ENDED is set when there is no more. */
static spn_status fill(struct input *in, struct spn_err *err)
{
    char some[65536];
    ssize_t n;

    do {
        if (spn_cancelled(in->cancel))
            return spn_fail(err, SPN_ECANCEL, "%s: stopped by the user", source_name(in));
        n = read(in->fd, some, sizeof some);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return spn_fail(err, SPN_EIO, "%s: %s", source_name(in), strerror(errno));
    in->ended = n == 0;
    if (in->used > 0 && in->used == in->bytes.length) {
        spn_buf_trim(&in->bytes, 0);
        in->used = 0;
    }
    if (n > 0 && spn_buf_add(&in->bytes, some, (size_t)n) != SPN_OK)
        return spn_fail(err, SPN_EFORMAT, "%s: more than %zu bytes in one prompt", source_name(in),
                        PROMPT_CEILING);
    return SPN_OK;
}

/* The next line without its newline; *LINE is NULL at the end. A line past the ceiling is skipped
 * and is SPN_EFORMAT. */
static spn_status next_line(struct input *in, const char **line, size_t *n, struct spn_err *err)
{
    size_t looked = 0;
    bool skipping = false;
    spn_status st = SPN_OK;

    *line = NULL;
    for (;;) {
        const char *begin = in->bytes.data != NULL ? in->bytes.data + in->used : "";
        size_t left = in->bytes.length - in->used;
        const char *end = left > looked ? memchr(begin + looked, '\n', left - looked) : NULL;

        if (end != NULL || (in->ended && left > 0)) {
            *n = end != NULL ? (size_t)(end - begin) : left;
            in->used += *n + (end != NULL);
            in->line++;
            if (skipping || *n > LINE_CEILING)
                return spn_fail(err, SPN_EFORMAT, "%s:%lld: a line of more than %zu bytes",
                                source_name(in), (long long)in->line, LINE_CEILING);
            *line = begin;
            return SPN_OK;
        }
        if (in->ended)
            return SPN_OK;
        looked = left;
        if (left >
            LINE_CEILING) { /* forget what was read of it, but remember that it was too long */
            skipping = true;
            looked = 0;
            spn_buf_trim(&in->bytes, 0);
            in->used = 0;
        } else if (in->used > 0) {
            memmove(in->bytes.data, in->bytes.data + in->used, left);
            spn_buf_trim(&in->bytes, left);
            in->used = 0;
        }
        st = fill(in, err);
        if (st != SPN_OK)
            return st;
    }
}

/* ---- one record ---- */

/* The object's id as text, and what it asks under the name "prompt". */
static spn_status take_object(struct input *in, json_t *object, struct spn_err *err)
{
    json_t *id = json_object_get(object, "id"), *asked = json_object_get(object, in->prompt_key);
    json_t *messages = json_object_get(object, "messages");

    in->record.object = object;
    spn_buf_trim(&in->id, 0);
    if (json_is_string(id))
        spn_buf_puts(&in->id, json_string_value(id));
    else if (json_is_integer(id))
        spn_buf_printf(&in->id, "%lld", (long long)json_integer_value(id));
    else if (id != NULL && !json_is_null(id))
        return spn_fail(err, SPN_EFORMAT, "%s:%lld: id is neither a string nor a whole number",
                        source_name(in), (long long)in->line);
    if (id != NULL && !json_is_null(id))
        in->record.id = in->id.data != NULL ? in->id.data : "";
    if (asked == NULL && messages == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s:%lld: the object has neither \"%s\" nor \"messages\"",
                        source_name(in), (long long)in->line, in->prompt_key);
    if (asked != NULL && !json_is_string(asked))
        return spn_fail(err, SPN_EFORMAT, "%s:%lld: \"%s\" is not a string", source_name(in),
                        (long long)in->line, in->prompt_key);
    if (messages != NULL && !json_is_array(messages))
        return spn_fail(err, SPN_EFORMAT, "%s:%lld: \"messages\" is not a list", source_name(in),
                        (long long)in->line);
    if (asked != NULL && strcmp(in->prompt_key, "prompt") != 0 &&
        json_object_set(object, "prompt", asked) != 0)
        return spn_fail(err, SPN_ENOMEM, "%s:%lld: no memory", source_name(in),
                        (long long)in->line);
    return SPN_OK;
}

static spn_status take_json(struct input *in, const char *line, size_t n, struct spn_err *err)
{
    json_error_t why;
    json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES, &why);

    if (json_is_object(object))
        return take_object(in, object, err);
    spn_fail(err, SPN_EFORMAT, "%s:%lld: %s", source_name(in), (long long)in->line,
             object == NULL ? why.text : "not an object");
    json_decref(object);
    in->record.object = json_object();
    return SPN_EFORMAT;
}

static spn_status take_prompt(struct input *in, const char *text, size_t n, struct spn_err *err)
{
    json_t *prompt = json_stringn(text, n);

    in->record.object = json_object();
    if (prompt == NULL || json_object_set_new(in->record.object, "prompt", prompt) != 0)
        return spn_fail(err, SPN_EFORMAT, "%s: the prompt is not UTF-8 text", source_name(in));
    return SPN_OK;
}

/* Everything that is left of this source. */
static spn_status rest(struct input *in, const char **text, size_t *n, struct spn_err *err)
{
    spn_status st = SPN_OK;

    while (st == SPN_OK && !in->ended) {
        if (in->bytes.length > PROMPT_CEILING)
            return spn_fail(err, SPN_EFORMAT, "%s: more than %zu bytes in one prompt",
                            source_name(in), PROMPT_CEILING);
        st = fill(in, err);
    }
    *text = in->bytes.data != NULL ? in->bytes.data + in->used : "";
    *n = in->bytes.length - in->used;
    return st;
}

/* -p: the one record; what stdin holds is attached below it. A terminal is not waited for. */
static spn_status given_prompt(struct input *in, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(2 * PROMPT_CEILING);
    const char *text = "";
    size_t n = 0;
    spn_status st = SPN_OK;

    in->fd = 0;
    if (!isatty(0))
        st = rest(in, &text, &n, err);
    if (st == SPN_OK) {
        while (n > 0 && text[n - 1] == '\n')
            n--;
        spn_buf_puts(&b, in->prompt);
        if (n > 0) {
            spn_buf_puts(&b, "\n\n");
            spn_buf_add(&b, text, n);
        }
        st = b.failed ? spn_fail(err, SPN_ENOMEM, "-p: no memory")
                      : take_prompt(in, b.data != NULL ? b.data : "", b.length, err);
    }
    spn_buf_free(&b);
    return st;
}

/* Is the first line a record? A broken one that names the prompt's key was meant as one. */
static bool looks_like_record(const struct input *in, const char *line, size_t n)
{
    static const char *const keys[] = { "\"messages\"", "\"prompt\"" };
    struct spn_buf key = SPN_BUF_INIT(4096);
    size_t i = 0;
    bool found;

    while (i < n && (line[i] == ' ' || line[i] == '\t'))
        i++;
    if (i == n || line[i] != '{')
        return false;
    spn_buf_printf(&key, "\"%s\"", in->prompt_key);
    found = memmem(line, n, keys[0], strlen(keys[0])) != NULL ||
            memmem(line, n, keys[1], strlen(keys[1])) != NULL ||
            (key.data != NULL && memmem(line, n, key.data, key.length) != NULL);
    spn_buf_free(&key);
    return found;
}

/* The first line decides what this source is; the line itself is given back. */
static spn_status begin_source(struct input *in, struct spn_err *err)
{
    const char *line = NULL;
    size_t n = 0;
    struct spn_err why = SPN_ERR_INIT;
    spn_status st = open_source(in, err);

    if (st != SPN_OK)
        return st;
    in->started = true;
    st = next_line(in, &line, &n, &why);
    if (st == SPN_EFORMAT) /* no record is that long: a prompt, whose own ceiling decides */
        return spn_fail(err, SPN_EFORMAT, "%s", why.text);
    if (st != SPN_OK) {
        if (err != NULL)
            *err = why;
        return st;
    }
    in->lines = line != NULL && looks_like_record(in, line, n);
    in->used = 0;
    in->line = 0;
    return SPN_OK;
}

static bool blank(const char *line, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            return false;
    return true;
}

/* A record of the open source; *GOT false: it has no more. */
static spn_status from_source(struct input *in, bool *got, struct spn_err *err)
{
    const char *text = NULL;
    size_t n = 0;
    spn_status st;

    *got = true;
    if (in->lines) {
        do
            st = next_line(in, &text, &n, err);
        while (st == SPN_OK && text != NULL && blank(text, n));
        if (st == SPN_OK && text == NULL)
            *got = false;
        return st != SPN_OK || text == NULL ? st : take_json(in, text, n, err);
    }
    st = rest(in, &text, &n, err);
    if (st != SPN_OK)
        return st;
    in->used = in->bytes.length;
    if (n > 0 && text[n - 1] == '\n')
        n--;
    if (n == 0) {
        *got = false;
        return SPN_OK;
    }
    return take_prompt(in, text, n, err);
}

spn_status input_next(struct input *in, struct spn_record **out, struct spn_err *err)
{
    size_t sources = in->n_files > 0 ? in->n_files : 1;

    json_decref(in->record.object);
    in->record = (struct spn_record){ .index = in->index };
    *out = NULL;
    while (in->file < sources) {
        bool got = false, was_started = in->started;
        spn_status st = SPN_OK;

        if (in->prompt != NULL) {
            st = given_prompt(in, err);
            got = true;
            in->file = sources;
        } else {
            if (!was_started)
                st = begin_source(in, err);
            if (st == SPN_OK)
                st = from_source(in, &got, err);
            /* A source that cannot be read, and one prompt, are over now; after a bad line the next
             * one follows. */
            if (!in->lines || (st != SPN_OK && st != SPN_EFORMAT) || (st == SPN_OK && !got)) {
                close_source(in);
                in->file++;
            }
        }
        if (got || st != SPN_OK) {
            in->index++;
            if (in->record.object == NULL)
                in->record.object = json_object();
            *out = &in->record;
            return st;
        }
    }
    return SPN_OK;
}

spn_status input_names(char ***out, size_t *n, const char *file, bool nul, struct spn_err *err)
{
    const char *const files[] = { file };
    struct input in = {
        .files = files, .n_files = 1, .fd = -1, .bytes = SPN_BUF_INIT(PROMPT_CEILING)
    };
    const char *text = NULL, *end;
    char **names = NULL;
    size_t count = 0, left = 0;
    spn_status st = open_source(&in, err);

    if (st == SPN_OK)
        st = rest(&in, &text, &left, err);
    end = st == SPN_OK ? text + left : text;
    while (st == SPN_OK && text < end) {
        const char *stop = memchr(text, nul ? '\0' : '\n', (size_t)(end - text));
        size_t k = (size_t)((stop != NULL ? stop : end) - text);
        char **grown = k > 0 ? spn_realloc(names, count + 1, sizeof *grown) : names;

        if (k > 0 && grown != NULL) {
            names = grown;
            names[count] = spn_strndup(text, k);
            count++;
        }
        if (k > 0 && (grown == NULL || names[count - 1] == NULL))
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu names", file, count + 1);
        text += k + 1;
    }
    close_source(&in);
    spn_buf_free(&in.bytes);
    *out = names;
    *n = count;
    return st;
}

static bool is_file(int fd, const char *name)
{
    struct stat s;

    return (name != NULL ? stat(name, &s) : fstat(fd, &s)) == 0 && S_ISREG(s.st_mode);
}

bool input_is_file(const struct input *in)
{
    size_t i;

    for (i = 0; i < in->n_files; i++)
        if (!is_file(0, strcmp(in->files[i], "-") == 0 ? NULL : in->files[i]))
            return false;
    return in->n_files > 0 || is_file(0, NULL);
}

int64_t input_count(const struct input *in, int64_t k, int64_t n)
{
    return in->index / n + (in->index % n > k);
}
