#include "config.h"

#include "format/curves.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/curves_in.h"

enum { FILES_MAX = 1024, CHUNK = 1 << 20, HEAD_MAX = 4096, STATE_MAX = 256 << 20, QUIET_S = 60 };

struct curve {
    struct spn_curve seen;             /* points into what follows */
    char *name;
    double *step, *value;
    size_t n, room;
};
struct spn_curves {
    char *path;
    const char *kind;
    struct curve *curve;               /* by name */
    size_t n, room;
    struct k_curve_file *file;
    size_t n_files;
    bool started; /* a session's start was seen */
};

/* ---- points ---- */

/* Where NAME is, or would be. */
static size_t place_of(const struct spn_curves *c, const char *name, bool *there)
{
    size_t low = 0, high = c->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(c->curve[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *there = low < c->n && strcmp(c->curve[low].name, name) == 0;
    return low;
}

bool k_curves_has(const struct spn_curves *c, const char *name)
{
    bool there;

    place_of(c, name, &there);
    return there;
}

spn_status k_curves_add(struct spn_curves *c, const char *name, double step, double value,
                        struct spn_err *err)
{
    bool there;
    size_t at = place_of(c, name, &there);
    struct curve *k;

    if (!there) {
        struct curve fresh = { .name = NULL };

        if (c->n == CURVES_MAX)
            return spn_fail(err, SPN_EFORMAT, "%s: more than %d curves", c->path, CURVES_MAX);
        if (c->n == c->room) {
            struct curve *grown = spn_realloc(c->curve, c->room * 2 + 16, sizeof *grown);

            if (grown == NULL)
                return spn_fail(err, SPN_ENOMEM, "%s: no memory for its curves", c->path);
            c->curve = grown;
            c->room = c->room * 2 + 16;
        }
        fresh.name = spn_strdup(name);
        if (fresh.name == NULL)
            return spn_fail(err, SPN_ENOMEM, "%s: no memory for its curves", c->path);
        memmove(c->curve + at + 1, c->curve + at, (c->n - at) * sizeof *c->curve);
        c->curve[at] = fresh;
        c->n++;
    }
    k = &c->curve[at];
    if (k->n == k->room) {
        size_t room = k->room * 2 + 64;
        double *steps = spn_realloc(k->step, room, sizeof *steps), *values = NULL;

        if (steps != NULL) {
            k->step = steps;
            values = spn_realloc(k->value, room, sizeof *values);
        }
        if (values == NULL)
            return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu points", c->path, room);
        k->value = values;
        k->room = room;
    }
    k->step[k->n] = step;
    k->value[k->n++] = value;
    return SPN_OK;
}

void k_curves_session(struct spn_curves *c, double step)
{
    bool first = !c->started;

    c->started = true;
    if (first)
        return;
    for (size_t i = 0; i < c->n; i++) {
        struct curve *k = &c->curve[i];
        size_t kept = 0;

        for (size_t j = 0; j < k->n; j++)
            if (k->step[j] < step) {
                k->step[kept] = k->step[j];
                k->value[kept++] = k->value[j];
            }
        k->n = kept;
    }
}

static void forget_points(struct spn_curves *c)
{
    for (size_t i = 0; i < c->n; i++) {
        spn_free(c->curve[i].name);
        spn_free(c->curve[i].step);
        spn_free(c->curve[i].value);
    }
    c->n = 0;
    c->started = false;
    for (size_t i = 0; i < c->n_files; i++) {
        struct k_curve_file *f = &c->file[i];

        f->offset = f->size = f->changed_ns = 0;
        f->line = 1;
        k_curves_csv_end(f);
    }
}

/* ---- which files ---- */

static bool has_end(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n > k && strcmp(s + n - k, end) == 0;
}

static bool is_events(const char *name)
{
    return strstr(name, ".tfevents.") != NULL;
}

/* The first bytes of PATH, as text. */
static size_t head_of(const char *path, char out[HEAD_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat sb;
    ssize_t n = 0;

    if (fd >= 0 && fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode))
        n = read(fd, out, HEAD_MAX - 1);
    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

/* Does the first line name a step? Prompts are JSON Lines too. */
static bool names_step(const char *head)
{
    char word[32];
    size_t n = 0;

    for (; *head != '\0' && *head != '\n'; head++)
        if ((*head >= 'a' && *head <= 'z') || (*head >= 'A' && *head <= 'Z') || *head == '_') {
            if (n + 1 < sizeof word)
                word[n++] = *head;
        } else {
            word[n] = '\0';
            if (n > 0 && k_curves_step_rank(word) >= 0)
                return true;
            n = 0;
        }
    word[n] = '\0';
    return n > 0 && k_curves_step_rank(word) >= 0;
}

static const char *const kinds[] = { [K_CURVES_LINES] = "JSON Lines",
                                     [K_CURVES_STATE] = "Trainer",
                                     [K_CURVES_CSV] = "CSV",
                                     [K_CURVES_EVENTS] = "TensorBoard" };

/* What the file PATH is by name and head; -1: nothing of ours. */
static int file_kind(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    char head[HEAD_MAX];

    if (is_events(name))
        return K_CURVES_EVENTS;
    if (strcmp(name, "trainer_state.json") == 0)
        return K_CURVES_STATE;
    if (head_of(path, head) == 0)
        return -1;
    if (has_end(name, ".csv") || has_end(name, ".tsv"))
        return names_step(head) ? K_CURVES_CSV : -1;
    if (head[0] == '{' && names_step(head))
        return K_CURVES_LINES;
    return -1;
}

static spn_status add_file(struct spn_curves *c, char *path_take, int kind, struct spn_err *err)
{
    struct k_curve_file *grown = NULL;

    if (path_take != NULL && c->n_files < FILES_MAX)
        grown = spn_realloc(c->file, c->n_files + 1, sizeof *grown);
    if (grown == NULL) {
        spn_free(path_take);
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu files", c->path, c->n_files + 1);
    }
    c->file = grown;
    grown[c->n_files++] = (struct k_curve_file){ .path = path_take,
                                                 .kind = (enum k_curve_kind)kind,
                                                 .line = 1,
                                                 .step_column = -1 };
    return SPN_OK;
}

static bool holds(const struct spn_curves *c, const char *path)
{
    for (size_t i = 0; i < c->n_files; i++)
        if (strcmp(c->file[i].path, path) == 0)
            return true;
    return false;
}

/* The newest RUN/checkpoint-N/trainer_state.json; NULL: none. */
static char *newest_state(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    long best = -1;
    char *path = NULL;

    while (d != NULL && (e = readdir(d)) != NULL) {
        char *end, *folder, *state;
        long n;

        if (strncmp(e->d_name, "checkpoint-", 11) != 0)
            continue;
        n = strtol(e->d_name + 11, &end, 10);
        if (*end != '\0' || end == e->d_name + 11 || n <= best)
            continue;
        folder = spn_path_join(dir, e->d_name);
        state = folder != NULL ? spn_path_join(folder, "trainer_state.json") : NULL;
        spn_free(folder);
        if (state != NULL && spn_path_exists(state)) {
            spn_free(path);
            path = state;
            best = n;
        } else {
            spn_free(state);
        }
    }
    if (d != NULL)
        closedir(d);
    return path;
}

/* DIR/NAME when it is a file; NULL otherwise. */
static char *file_in(const char *dir, const char *name)
{
    char *path = spn_path_join(dir, name);

    if (path != NULL && spn_path_exists(path) && !spn_path_is_dir(path))
        return path;
    spn_free(path);
    return NULL;
}

static int events_only(const struct dirent *e)
{
    return is_events(e->d_name);
}

/* Event files that are not among C's yet, in the order of their names, which begin with a time. */
static spn_status find_events(struct spn_curves *c, const char *dir, struct spn_err *err)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, events_only, alphasort);
    spn_status st = SPN_OK;

    for (int i = 0; i < n; i++) {
        char *path = st == SPN_OK ? spn_path_join(dir, names[i]->d_name) : NULL;

        if (path != NULL && !holds(c, path))
            st = add_file(c, path, K_CURVES_EVENTS, err);
        else
            spn_free(path);
        free(names[i]);
    }
    free(names);
    return st;
}

static spn_status find_files(struct spn_curves *c, struct spn_err *err)
{
    char *path;
    int kind;
    spn_status st;

    if (!spn_path_is_dir(c->path)) {
        kind = file_kind(c->path);
        if (kind < 0)
            return spn_fail(err, SPN_EFORMAT,
                            "%s: neither an event file, a trainer_state.json nor JSON Lines or CSV "
                            "with a step",
                            c->path);
        c->kind = kinds[kind];
        return add_file(c, spn_strdup(c->path), kind, err);
    }
    if ((path = file_in(c->path, "log.jsonl")) != NULL) {
        c->kind = "spinney";
        return add_file(c, path, K_CURVES_LINES, err);
    }
    if ((path = file_in(c->path, "trainer_state.json")) != NULL ||
        (path = newest_state(c->path)) != NULL) {
        c->kind = kinds[K_CURVES_STATE];
        return add_file(c, path, K_CURVES_STATE, err);
    }
    st = find_events(c, c->path, err);
    if (st == SPN_OK && c->n_files == 0) {
        spn_fail(err, SPN_EFORMAT,
                 "%s: no log.jsonl, trainer_state.json or event file lies in this folder", c->path);
        return spn_cure(err, "spinney lab FILE");
    }
    c->kind = kinds[K_CURVES_EVENTS];
    return st;
}

const char *spn_curves_probe(const char *path)
{
    struct dirent **names = NULL;
    char *found;
    int kind, n;

    if (!spn_path_is_dir(path)) {
        kind = file_kind(path);
        return kind >= 0 ? kinds[kind] : NULL;
    }
    if ((found = file_in(path, "log.jsonl")) != NULL) {
        spn_free(found);
        return "spinney";
    }
    if ((found = file_in(path, "trainer_state.json")) != NULL ||
        (found = newest_state(path)) != NULL) {
        spn_free(found);
        return kinds[K_CURVES_STATE];
    }
    n = scandir(path, &names, events_only, NULL);
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return n > 0 ? kinds[K_CURVES_EVENTS] : NULL;
}

/* ---- reading on ---- */

/* A last line without its end: an object that is closed, or a file that nobody writes any more. */
static bool is_whole(const struct k_curve_file *f, const struct spn_buf *b)
{
    return f->kind == K_CURVES_LINES ? b->data[b->length - 1] == '}'
                                     : time(NULL) - f->changed_ns / 1000000000 > QUIET_S;
}

static spn_status read_lines(struct spn_curves *c, struct k_curve_file *f, int fd,
                             struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT((size_t)CURVES_LINE_MAX + CHUNK);
    char *chunk = spn_calloc(CHUNK, 1);
    spn_status st = chunk != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "%s: no memory", f->path);
    ssize_t got;

    while (st == SPN_OK &&
           (got = pread(fd, chunk, CHUNK, (off_t)f->offset + (off_t)b.length)) > 0) {
        size_t from = 0;
        const char *end;

        st = spn_buf_add(&b, chunk, (size_t)got);
        if (st != SPN_OK)
            spn_fail(err, SPN_EFORMAT, "%s:%lld: a line of more than %d bytes", f->path,
                     (long long)f->line, CURVES_LINE_MAX);
        while (st == SPN_OK && (end = memchr(b.data + from, '\n', b.length - from)) != NULL) {
            size_t n = (size_t)(end - b.data) - from;

            st = f->kind == K_CURVES_CSV ? k_curves_csv(c, f, b.data + from, n, err)
                                         : k_curves_line(c, f, b.data + from, n, err);
            if (st != SPN_OK)
                break;
            from += n + 1;
            f->line++;
        }
        f->offset += (int64_t)from;
        if (from > 0) {
            memmove(b.data, b.data + from, b.length - from);
            spn_buf_trim(&b, b.length - from);
        }
    }
    if (st == SPN_OK && b.length > 0 && is_whole(f, &b)) {
        st = f->kind == K_CURVES_CSV ? k_curves_csv(c, f, b.data, b.length, err)
                                     : k_curves_line(c, f, b.data, b.length, NULL);
        if (st == SPN_OK)
            f->offset += (int64_t)b.length;
        else if (f->kind == K_CURVES_LINES)
            st = SPN_OK; /* not whole after all */
    }
    spn_buf_free(&b);
    spn_free(chunk);
    return st;
}

static spn_status read_state(struct spn_curves *c, struct k_curve_file *f, struct spn_err *err)
{
    char *text = NULL;
    size_t n = 0;
    spn_status st = spn_file_read(&text, &n, f->path, STATE_MAX, err);

    if (st == SPN_OK)
        st = k_curves_state(c, f->path, text, n, err);
    spn_free(text);
    return st;
}

static int64_t changed_ns(const struct stat *sb)
{
    return (int64_t)sb->st_mtim.tv_sec * 1000000000 + (int64_t)sb->st_mtim.tv_nsec;
}

/* Has F become another file, or was it cut? */
static bool is_other(const struct k_curve_file *f, const struct stat *sb)
{
    if (f->size == 0 && f->changed_ns == 0)
        return false;
    return (int64_t)sb->st_ino != f->inode || (int64_t)sb->st_size < f->offset ||
           (f->kind == K_CURVES_STATE && changed_ns(sb) != f->changed_ns);
}

static spn_status read_file(struct spn_curves *c, struct k_curve_file *f, bool *changed,
                            struct spn_err *err)
{
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat sb;
    spn_status st = SPN_OK;

    if (fd < 0 || fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {
        st = spn_fail(err, SPN_EIO, "%s: %s", f->path,
                      fd < 0 ? strerror(errno) : "not a plain file");
    } else if ((int64_t)sb.st_size != f->size || changed_ns(&sb) != f->changed_ns) {
        *changed = true;
        f->size = (int64_t)sb.st_size;
        f->inode = (int64_t)sb.st_ino;
        f->changed_ns = changed_ns(&sb);
        st = f->kind == K_CURVES_EVENTS  ? k_curves_events(c, f, fd, err)
             : f->kind == K_CURVES_STATE ? read_state(c, f, err)
                                         : read_lines(c, f, fd, err);
    }
    if (fd >= 0)
        close(fd);
    return st;
}

/* The Trainer writes a state a checkpoint: the newest one counts. */
static spn_status follow_state(struct spn_curves *c, bool *moved, struct spn_err *err)
{
    char *path = spn_path_is_dir(c->path) ? newest_state(c->path) : NULL;
    char *own = file_in(c->path, "trainer_state.json");

    *moved = path != NULL && own == NULL && strcmp(path, c->file[0].path) != 0;
    spn_free(own);
    if (!*moved) {
        spn_free(path);
        return SPN_OK;
    }
    spn_free(c->file[0].path);
    c->file[0].path = path;
    return SPN_OK;
}

spn_status spn_curves_update(struct spn_curves *c, bool *changed, struct spn_err *err)
{
    spn_status st = SPN_OK;
    bool anew = false;
    struct stat sb;

    *changed = false;
    if (c->kind == kinds[K_CURVES_EVENTS] && spn_path_is_dir(c->path))
        st = find_events(c, c->path, err);
    else if (c->file[0].kind == K_CURVES_STATE)
        st = follow_state(c, &anew, err);
    for (size_t i = 0; st == SPN_OK && i < c->n_files; i++)
        anew |= stat(c->file[i].path, &sb) == 0 && is_other(&c->file[i], &sb);
    if (anew) {
        forget_points(c);
        *changed = true;
    }
    for (size_t i = 0; st == SPN_OK && i < c->n_files; i++)
        st = read_file(c, &c->file[i], changed, err);
    return st;
}

spn_status spn_curves_open(struct spn_curves **out, const char *path, struct spn_err *err)
{
    struct spn_curves *c = spn_calloc(1, sizeof *c);
    bool changed;
    spn_status st = SPN_OK;

    if (c == NULL || (c->path = spn_strdup(path)) == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory", path);
    if (st == SPN_OK && !spn_path_exists(path))
        st = spn_fail(err, SPN_ENOTFOUND, "%s: no such file or folder", path);
    if (st == SPN_OK)
        st = find_files(c, err);
    if (st == SPN_OK)
        st = spn_curves_update(c, &changed, err);
    if (st != SPN_OK) {
        spn_curves_close(c);
        return st;
    }
    *out = c;
    return SPN_OK;
}

void spn_curves_close(struct spn_curves *c)
{
    if (c == NULL)
        return;
    forget_points(c);
    for (size_t i = 0; i < c->n_files; i++)
        spn_free(c->file[i].path);
    spn_free(c->file);
    spn_free(c->curve);
    spn_free(c->path);
    spn_free(c);
}

/* ---- what there is ---- */

size_t spn_curves_count(const struct spn_curves *c)
{
    return c->n;
}

const struct spn_curve *spn_curves_at(const struct spn_curves *c, size_t i)
{
    struct curve *k = i < c->n ? &c->curve[i] : NULL;

    if (k == NULL)
        return NULL;
    k->seen = (struct spn_curve){ k->name, k->step, k->value, k->n };
    return &k->seen;
}

const struct spn_curve *spn_curves_find(const struct spn_curves *c, const char *name)
{
    bool there;
    size_t at = place_of(c, name, &there);

    return there ? spn_curves_at(c, at) : NULL;
}

const char *spn_curves_kind(const struct spn_curves *c)
{
    return c->kind;
}

double spn_curves_last_step(const struct spn_curves *c)
{
    double last = (double)NAN;

    for (size_t i = 0; i < c->n; i++)
        if (c->curve[i].n > 0 && !(c->curve[i].step[c->curve[i].n - 1] <= last))
            last = c->curve[i].step[c->curve[i].n - 1];
    return last;
}

void spn_curve_smooth(double *out, const double *v, size_t n, double weight)
{
    double mean = 0, left = 1;

    for (size_t i = 0; i < n; i++) {
        double x = v[i];

        if (isfinite(x)) {
            mean = weight * mean + (1 - weight) * x;
            left *= weight;
            x = mean / (1 - left);
        }
        out[i] = x;
    }
}
