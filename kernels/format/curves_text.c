/* curves_text.c - curves as text: JSON Lines, the Trainer's state, CSV. */
#include "config.h"

#include "format/curves_in.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "format/json_text.h"

enum { DEPTH_MAX = 4, NAME_MAX_BYTES = 512 };

int k_curves_step_rank(const char *name)
{
    static const char *const names[] = { "step",      "global_step", "_step", "train_step",
                                         "iteration", "iter",        "steps", "epoch" };

    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcasecmp(name, names[i]) == 0)
            return i;
    return -1;
}

/* ---- objects ---- */

static spn_status members(struct spn_curves *c, const json_t *o, const char *before,
                          const char *left_out, double step, int depth, struct spn_err *err)
{
    spn_status st = SPN_OK;
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)o, key, v)
    {
        char name[NAME_MAX_BYTES];

        if (st != SPN_OK)
            break;
        if (key == left_out)
            continue;
        snprintf(name, sizeof name, "%s%s%s", before, before[0] != '\0' ? "/" : "", key);
        if (json_is_number(v))
            st = k_curves_add(c, name, step, json_number_value(v), err);
        else if (json_is_null(v)) /* NaN and the infinities, which JSON has no words for */
            st = k_curves_add(c, name, step, (double)NAN, err);
        else if (json_is_object(v) && depth < DEPTH_MAX)
            st = members(c, v, name, NULL, step, depth + 1, err);
    }
    return st;
}

spn_status k_curves_object(struct spn_curves *c, const json_t *o, double count,
                           struct spn_err *err)
{
    const char *key, *best = NULL;
    int rank = -1;
    json_t *v;

    json_object_foreach((json_t *)o, key, v)
    {
        int r = json_is_number(v) ? k_curves_step_rank(key) : -1;

        if (r >= 0 && (rank < 0 || r < rank)) {
            rank = r;
            best = key;
        }
    }
    if (best != NULL)
        count = json_number_value(json_object_get(o, best));
    return members(c, o, "", best, count, 0, err);
}

static spn_status line_object(struct spn_curves *c, const char *place, const char *s, size_t n,
                              double count, struct spn_err *err)
{
    const struct k_text text = { s, n };
    json_t *o = NULL;
    spn_status st = k_json_load(&o, place, text, 0, err);

    if (st == SPN_OK && json_is_object(o))
        st = k_curves_object(c, o, count, err);
    json_decref(o);
    return st;
}

spn_status k_curves_line(struct spn_curves *c, struct k_curve_file *f, const char *line, size_t n,
                         struct spn_err *err)
{
    char place[600];

    while (n > 0 && (*line == ' ' || *line == '\t' || *line == '\r')) {
        line++;
        n--;
    }
    if (n == 0)
        return SPN_OK;
    snprintf(place, sizeof place, "%.500s:%lld", f->path, (long long)f->line);
    return line_object(c, place, line, n, (double)(f->line - 1), err);
}

/* ---- the Trainer's state ---- */

/* The object that begins at or after *AT in an array; false: none is left. */
static bool next_object(struct k_text array, size_t *at, struct k_text *out)
{
    size_t i = *at, start;
    int depth = 0;
    bool in_string = false;

    while (i < array.n && array.s[i] != '{')
        i++;
    for (start = i; i < array.n; i++) {
        char ch = array.s[i];

        if (in_string) {
            if (ch == '\\')
                i++;
            else if (ch == '"')
                in_string = false;
        } else if (ch == '"') {
            in_string = true;
        } else if (ch == '{') {
            depth++;
        } else if (ch == '}' && --depth == 0) {
            *out = (struct k_text){ array.s + start, i + 1 - start };
            *at = i + 1;
            return true;
        }
    }
    return false;
}

spn_status k_curves_state(struct spn_curves *c, const char *place, const char *text, size_t n,
                          struct spn_err *err)
{
    static const char wanted[] = "\"log_history\"";
    const struct k_text whole = { text, n };
    struct k_json_walk w = { 0 };
    struct k_text key, value, one;
    spn_status st = k_json_walk_begin(&w, place, whole, 0, err);
    bool found = false;

    while (st == SPN_OK && !w.done) {
        size_t at = 0;
        double count = 0;

        st = k_json_walk_next(&w, &key, &value, err);
        if (st != SPN_OK || w.done || key.n != sizeof wanted - 1 ||
            memcmp(key.s, wanted, key.n) != 0)
            continue;
        found = true;
        while (st == SPN_OK && next_object(value, &at, &one))
            st = line_object(c, place, one.s, one.n, count++, err);
    }
    if (st == SPN_OK && !found)
        st = spn_fail(err, SPN_EFORMAT, "%s: it has no \"log_history\"", place);
    return st;
}

/* ---- CSV ---- */

/* The next field of LINE from *AT on, quotes taken away; false: the line is over. */
static bool next_field(const char *line, size_t n, size_t *at, char separator, struct spn_buf *out)
{
    size_t i = *at;
    bool quoted = false;

    spn_buf_trim(out, 0);
    if (i > n)
        return false;
    for (; i < n; i++) {
        if (line[i] == '"') {
            if (quoted && i + 1 < n && line[i + 1] == '"')
                spn_buf_add(out, &line[++i], 1);
            else
                quoted = !quoted;
        } else if (line[i] == separator && !quoted) {
            break;
        } else if (line[i] != '\r') {
            spn_buf_add(out, &line[i], 1);
        }
    }
    *at = i + 1;
    return true;
}

void k_curves_csv_end(struct k_curve_file *f)
{
    for (char **p = f->column; p != NULL && *p != NULL; p++)
        spn_free(*p);
    spn_free(f->column);
    f->column = NULL;
}

static spn_status csv_heads(struct k_curve_file *f, const char *line, size_t n, struct spn_err *err)
{
    struct spn_buf field = SPN_BUF_INIT(CURVES_LINE_MAX);
    static const char separators[] = { ',', ';', '\t' };
    size_t at = 0, most = 0, i, count = 0;
    int rank = -1;
    spn_status st = SPN_OK;

    f->separator = ',';
    for (i = 0; i < sizeof separators; i++) {
        size_t seen = 0;

        for (size_t k = 0; k < n; k++)
            seen += line[k] == separators[i];
        if (seen > most) {
            most = seen;
            f->separator = separators[i];
        }
    }
    f->step_column = -1;
    f->column = spn_calloc(CURVES_COLUMNS_MAX + 1, sizeof *f->column);
    if (f->column == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory", f->path);
    while (st == SPN_OK && next_field(line, n, &at, f->separator, &field)) {
        const char *name = field.data != NULL ? field.data : "";
        int r = k_curves_step_rank(name);

        if (count == CURVES_COLUMNS_MAX) {
            st = spn_fail(err, SPN_EFORMAT, "%s: more than %d columns", f->path,
                          CURVES_COLUMNS_MAX);
            break;
        }
        if (r >= 0 && (rank < 0 || r < rank)) {
            rank = r;
            f->step_column = (int)count;
        }
        f->column[count] = spn_strdup(name);
        if (f->column[count++] == NULL)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory", f->path);
    }
    spn_buf_free(&field);
    return st;
}

/* A number, the whole of TEXT. */
static bool number(const char *text, double *out)
{
    char *end;

    if (text == NULL || text[0] == '\0')
        return false;
    *out = strtod(text, &end);
    while (*end == ' ')
        end++;
    return *end == '\0';
}

spn_status k_curves_csv(struct spn_curves *c, struct k_curve_file *f, const char *line, size_t n,
                        struct spn_err *err)
{
    struct spn_buf field = SPN_BUF_INIT(CURVES_LINE_MAX);
    size_t at = 0;
    int i;
    double step = (double)(f->line - 2), v;
    spn_status st = SPN_OK;

    if (n == 0 || (n == 1 && line[0] == '\r'))
        return SPN_OK;
    if (f->column == NULL)
        return csv_heads(f, line, n, err);
    for (i = 0; i <= f->step_column && next_field(line, n, &at, f->separator, &field); i++)
        if (i == f->step_column && number(field.data, &v))
            step = v;
    at = 0;
    for (i = 0; st == SPN_OK && f->column[i] != NULL; i++) {
        if (!next_field(line, n, &at, f->separator, &field))
            break;
        if (i != f->step_column && f->column[i][0] != '\0' && number(field.data, &v))
            st = k_curves_add(c, f->column[i], step, v, err);
    }
    spn_buf_free(&field);
    return st;
}
