/* table.c - results as rows. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "verbs.h"

#define LINE_CEILING ((size_t)64 << 20)

void table_begin(struct table *t, struct run *r, const char *const *heads, size_t columns)
{
    *t = (struct table){ .run = r, .heads = heads, .columns = columns };
}

/* A tab or newline in a name would make columns and rows of its own. */
static void put_cell(struct spn_buf *b, const char *s)
{
    for (; s != NULL && *s != '\0'; s++)
        if (*s == '\t')
            spn_buf_puts(b, "\\t");
        else if (*s == '\n')
            spn_buf_puts(b, "\\n");
        else
            spn_buf_add(b, s, 1);
}

static spn_status keep(struct table *t, const char *const *cells, struct spn_err *err)
{
    if (t->n + t->columns > t->room) {
        size_t want = t->room + t->room / 2 + 16 * t->columns;
        char **grown = spn_realloc(t->cell, want, sizeof *grown);

        if (grown == NULL)
            return spn_fail(err, SPN_ENOMEM, "ckpt: no memory for %zu cells", want);
        t->cell = grown;
        t->room = want;
    }
    for (size_t i = 0; i < t->columns; i++) {
        struct spn_buf b = SPN_BUF_INIT(LINE_CEILING);

        put_cell(&b, cells[i]);
        t->cell[t->n] = spn_strdup(b.data != NULL ? b.data : "");
        spn_buf_free(&b);
        if (t->cell[t->n] == NULL)
            return spn_fail(err, SPN_ENOMEM, "ckpt: no memory for a row");
        t->n++;
    }
    return SPN_OK;
}

spn_status table_row(struct table *t, json_t *object_take, const char *const *cells,
                     struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(LINE_CEILING);
    spn_status st;

    if (!t->run->api->json(t->run->job) && t->run->api->terminal(t->run->job)) {
        json_decref(object_take);
        return keep(t, cells, err);
    }
    for (size_t i = 0; i < t->columns; i++) {
        put_cell(&b, cells[i]);
        spn_buf_puts(&b, i + 1 < t->columns ? "\t" : "\n");
    }
    if (object_take == NULL || b.failed) {
        json_decref(object_take);
        st = spn_fail(err, SPN_ENOMEM, "ckpt: no memory for a row");
    } else {
        st = t->run->api->emit(t->run->job, object_take, b.data, err);
    }
    spn_buf_free(&b);
    return st;
}

/* Characters, not bytes. */
static size_t width(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void aligned(struct spn_buf *b, const struct table *t, const char *const *cells,
                    const size_t *wide)
{
    for (size_t i = 0; i < t->columns; i++) {
        spn_buf_puts(b, cells[i]);
        for (size_t k = width(cells[i]); i + 1 < t->columns && k < wide[i] + 2; k++)
            spn_buf_puts(b, " ");
    }
    spn_buf_puts(b, "\n");
}

spn_status table_end(struct table *t, spn_status st, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(LINE_CEILING);
    size_t wide[TABLE_COLUMNS_MAX] = { 0 }, rows = t->n / t->columns;

    if ((st == SPN_OK || st == SPN_ENO) && rows > 0) {
        spn_status put;

        for (size_t i = 0; i < t->columns; i++)
            wide[i] = width(t->heads[i]);
        for (size_t i = 0; i < t->n; i++)
            if (width(t->cell[i]) > wide[i % t->columns])
                wide[i % t->columns] = width(t->cell[i]);
        aligned(&b, t, t->heads, wide);
        for (size_t i = 0; i < rows; i++)
            aligned(&b, t, (const char *const *)t->cell + i * t->columns, wide);
        put = b.failed ? spn_fail(err, SPN_ENOMEM, "ckpt: no memory for %zu rows", rows)
                       : t->run->api->emit(t->run->job, NULL, b.data, err);
        st = put != SPN_OK ? put : st;
    }
    for (size_t i = 0; i < t->n; i++)
        spn_free(t->cell[i]);
    spn_free(t->cell);
    t->cell = NULL;
    t->n = 0;
    spn_buf_free(&b);
    return st;
}

json_t *number_json(double d)
{
    return isfinite(d) ? json_real(d) : json_null();
}

json_t *string_json(const char *s)
{
    struct spn_buf b = SPN_BUF_INIT(LINE_CEILING);
    json_t *j = s != NULL ? json_string(s) : json_null();

    if (j != NULL)
        return j;
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < 0x80)
            spn_buf_add(&b, s, 1);
        else
            spn_buf_printf(&b, "\\x%02x", (unsigned char)*s);
    j = b.failed ? NULL : json_string(b.data);
    spn_buf_free(&b);
    return j != NULL ? j : json_null();
}

const char *number_text(char out[NUMBER_BYTES], double d)
{
    if (isfinite(d))
        snprintf(out, NUMBER_BYTES, "%.9g", d);
    else
        snprintf(out, NUMBER_BYTES, "-");
    return out;
}

json_t *shape_json(const struct spn_tensor *t)
{
    json_t *a = json_array();

    for (int d = 0; d < t->ndim; d++)
        json_array_append_new(a, json_integer(t->dim[d]));
    return a;
}

const char *shape_text(char *out, size_t room, const struct spn_tensor *t)
{
    size_t n = 0;

    snprintf(out, room, "scalar");
    for (int d = 0; d < t->ndim && n < room; d++)
        n += (size_t)snprintf(out + n, room - n, d == 0 ? "%" PRId64 : "x%" PRId64, t->dim[d]);
    return out;
}

const char *file_text(const struct ckpt *c, const struct spn_entry *e)
{
    size_t n = strlen(c->path);

    if (strncmp(e->file, c->path, n) == 0 && e->file[n] == '/')
        return e->file + n + 1;
    return strrchr(e->file, '/') != NULL ? strrchr(e->file, '/') + 1 : e->file;
}

static spn_status open_some(struct ckpt *c, struct run *r, bool partial, struct spn_err *err)
{
    static const char *const keys[] = { "file", "name", "size", "dtype" };
    const char *sort = spn_value_str(r->v, "sort");
    char *short_of = NULL;
    spn_status st = partial ? ckpt_open_partial(c, r->argv[0], &short_of, err)
                            : ckpt_open(c, r->argv[0], err);

    if (short_of != NULL)
        r->api->say(r->job, short_of);
    spn_free(short_of);
    if (st == SPN_OK)
        st = ckpt_select(c, r->argv + 1, (size_t)r->argc - 1, err);
    for (size_t i = 0; st == SPN_OK && sort != NULL && i < sizeof keys / sizeof *keys; i++)
        if (strcmp(sort, keys[i]) == 0)
            ckpt_sort(c, (enum ckpt_key)i, spn_value_flag(r->v, "reverse"));
    if (st == SPN_OK && c->step >= 0 && !r->api->json(r->job)) {
        struct spn_buf b = SPN_BUF_INIT(1 << 16);

        spn_buf_printf(&b, "%s: a run, its newest step is %" PRId64, r->argv[0], c->step);
        if (!b.failed)
            r->api->say(r->job, b.data);
        spn_buf_free(&b);
    }
    return st;
}

spn_status open_rows(struct ckpt *c, struct run *r, struct spn_err *err)
{
    return open_some(c, r, false, err);
}

spn_status open_rows_partial(struct ckpt *c, struct run *r, struct spn_err *err)
{
    return open_some(c, r, true, err);
}

spn_status check_rows(const struct ckpt *c, spn_status st, struct spn_err *err)
{
    struct spn_err why = SPN_ERR_INIT;

    if (c->reader == NULL || (st != SPN_OK && st != SPN_ENO) ||
        spn_reader_check(c->reader, &why) == SPN_OK)
        return st;
    if (err != NULL)
        *err = why;
    return why.code;
}

spn_status read_percents(double out[SPN_PERCENTILES_MAX], int *n, struct run *r,
                         struct spn_err *err)
{
    const char *text = spn_value_str(r->v, "percentiles"), *p = text;

    *n = 0;
    if (strcmp(text, "none") == 0)
        return SPN_OK;
    for (;;) {
        char *end;
        double d = strtod(p, &end);

        if (end == p || !(d >= 0 && d <= 100) || (*end != ',' && *end != '\0'))
            return spn_fail(err, SPN_EUSAGE,
                            "--percentiles: \"%.100s\" is no list of numbers from 0 to 100", text);
        if (*n == SPN_PERCENTILES_MAX)
            return spn_fail(err, SPN_EUSAGE, "--percentiles: more than %d of them",
                            SPN_PERCENTILES_MAX);
        out[(*n)++] = d;
        if (*end == '\0')
            return SPN_OK;
        p = end + 1;
    }
}
