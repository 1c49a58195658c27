#include "config.h"

#include "command/listing.h"

#include <string.h>

#include "base/mem.h"
#include "host/job.h"

void listing_begin(struct listing *l, struct spn_job *job, const char *const *heads, size_t columns)
{
    *l = (struct listing){ .job = job, .heads = heads, .columns = columns };
}

static spn_status keep(struct listing *l, const char *const *cells, struct spn_err *err)
{
    char **grown = spn_realloc(l->cell, l->n_cells + l->columns, sizeof *grown);
    size_t i;

    if (grown == NULL)
        return spn_fail(err, SPN_ENOMEM, "listing: no memory for %zu cells",
                        l->n_cells + l->columns);
    l->cell = grown;
    for (i = 0; i < l->columns; i++) {
        l->cell[l->n_cells] = spn_strdup(cells[i] != NULL ? cells[i] : "");
        if (l->cell[l->n_cells] == NULL)
            return spn_fail(err, SPN_ENOMEM, "listing: no memory");
        l->n_cells++;
    }
    return SPN_OK;
}

/* A tab or newline inside a cell would make columns of its own. */
static void put_cell(struct spn_buf *b, const char *s)
{
    for (; *s != '\0'; s++)
        spn_buf_printf(b, "%c", *s == '\t' || *s == '\n' ? ' ' : *s);
}

spn_status listing_row(struct listing *l, json_t *object_take, const char *const *cells,
                       struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 20);
    spn_status st;
    size_t i;

    if (!table_job.json(l->job) && table_job.terminal(l->job)) {
        json_decref(object_take);
        return keep(l, cells, err);
    }
    for (i = 0; i < l->columns; i++) {
        put_cell(&b, cells[i] != NULL ? cells[i] : "");
        spn_buf_puts(&b, i + 1 < l->columns ? "\t" : "\n");
    }
    if (object_take == NULL)
        st = spn_fail(err, SPN_ENOMEM, "listing: no memory for a row");
    else
        st = table_job.emit(l->job, object_take, b.data, err);
    spn_buf_free(&b);
    return st;
}

/* Columns on a screen: characters, not bytes. */
static size_t width(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void aligned(struct spn_buf *b, const struct listing *l, const char *const *cells,
                    const size_t *wide)
{
    size_t i, k;

    for (i = 0; i < l->columns; i++) {
        put_cell(b, cells[i]);
        for (k = width(cells[i]); i + 1 < l->columns && k < wide[i] + 2; k++)
            spn_buf_puts(b, " ");
    }
    spn_buf_puts(b, "\n");
}

spn_status listing_end(struct listing *l, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(64 << 20);
    size_t wide[LISTING_COLUMNS_MAX] = { 0 }, i,
           rows = l->n_cells / (l->columns > 0 ? l->columns : 1);
    spn_status st = SPN_OK;

    if (rows > 0) {
        for (i = 0; i < l->columns; i++)
            wide[i] = width(l->heads[i]);
        for (i = 0; i < l->n_cells; i++)
            if (width(l->cell[i]) > wide[i % l->columns])
                wide[i % l->columns] = width(l->cell[i]);
        aligned(&b, l, l->heads, wide);
        for (i = 0; i < rows; i++)
            aligned(&b, l, (const char *const *)l->cell + i * l->columns, wide);
        st = b.failed ? spn_fail(err, SPN_ENOMEM, "listing: no memory")
                      : table_job.emit(l->job, NULL, b.data, err);
    }
    for (i = 0; i < l->n_cells; i++)
        spn_free(l->cell[i]);
    spn_free(l->cell);
    l->cell = NULL;
    l->n_cells = 0;
    spn_buf_free(&b);
    return st;
}
