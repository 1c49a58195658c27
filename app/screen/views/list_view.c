#include "config.h"

#include "screen/views/list_view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define REFILL_RECORDS 64 /* so many new ones are shown before the rest has come */

struct list_view {
    const struct list_spec *spec;
    struct spn_screen *screen;
    struct spn_pane *list, *detail;
    json_t *records;
    char *wanted; /* the record that is to be chosen */
    size_t shown;
};

static const char *text_of(const json_t *v, char *room, size_t size)
{
    if (json_is_string(v))
        return json_string_value(v);
    if (json_is_integer(v))
        snprintf(room, size, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        snprintf(room, size, "%.6g", json_real_value(v));
    else if (json_is_boolean(v))
        snprintf(room, size, "%s", json_is_true(v) ? "yes" : "no");
    else
        snprintf(room, size, "-");
    return room;
}

static void add_row(struct list_view *v, const json_t *record, size_t i, int depth)
{
    const struct list_spec *spec = v->spec;
    struct spn_field f[LIST_FIELDS_MAX];
    char room[LIST_FIELDS_MAX][64];
    struct spn_row row = { .id = i + 1, .depth = depth, .fields = f };
    int k;

    for (k = 0; spec->field[k].key != NULL; k++) {
        const json_t *value = json_object_get(record, spec->field[k].key);

        f[k].text = text_of(value, room[k], sizeof room[k]);
        f[k].number = json_is_number(value) ? json_number_value(value) : NAN;
        f[k].style = spec->style != NULL ? spec->style(record, k) : SPN_STYLE_TEXT;
    }
    row.n = (size_t)k;
    row.glyph = spec->glyph != NULL ? spec->glyph(record) : 0;
    row.warning = row.glyph == '!';
    pane_table.row(v->list, &row);
}

static bool of_group(const json_t *record, const char *key, const char *value)
{
    const char *s = json_string_value(json_object_get(record, key));

    return s != NULL && strcmp(s, value) == 0;
}

/* The group of record I, when it is the first of it. */
static const char *new_group(struct list_view *v, size_t i)
{
    const char *key = v->spec->group;
    const char *value = json_string_value(json_object_get(json_array_get(v->records, i), key));
    size_t k;

    for (k = 0; value != NULL && k < i; k++)
        if (of_group(json_array_get(v->records, k), key, value))
            return NULL;
    return value;
}

static void choose_wanted(struct list_view *v)
{
    json_t *record;
    size_t i;

    json_array_foreach(v->records, i, record)
    {
        const char *id = json_string_value(json_object_get(record, v->spec->id));

        if (id != NULL && strcmp(id, v->wanted) == 0) {
            pane_table.choose(v->list, i + 1);
            spn_free(v->wanted);
            v->wanted = NULL;
            return;
        }
    }
}

static void fill(struct list_view *v)
{
    json_t *record, *other;
    uint64_t id;
    size_t i, k;

    pane_table.begin(v->list);
    json_array_foreach(v->records, i, record)
    {
        const char *group = v->spec->group != NULL ? new_group(v, i) : NULL;
        struct spn_field f = { group, NAN, SPN_STYLE_HEAD };
        struct spn_row head = {
            .id = (uint64_t)1 << 32 | i, .heading = true, .fields = &f, .n = 1
        };

        if (v->spec->group == NULL) {
            add_row(v, record, i, 0);
        } else if (group != NULL) {
            pane_table.row(v->list, &head);
            json_array_foreach(v->records, k, other) if (of_group(other, v->spec->group, group))
                add_row(v, other, k, 0);
        }
    }
    pane_table.end(v->list);
    v->shown = json_array_size(v->records);
    if (v->wanted != NULL)
        choose_wanted(v);
    if (pane_table.choice(v->list, &id))
        list_chosen(v, v->list, id);
}

static void on_record(void *ctx, json_t *object_take)
{
    struct list_view *v = ctx;

    json_array_append_new(v->records, object_take);
    if (json_array_size(v->records) - v->shown >= REFILL_RECORDS)
        fill(v);
}

static void on_done(void *ctx, spn_status st, const struct spn_err *err)
{
    struct list_view *v = ctx;
    struct spn_buf b = SPN_BUF_INIT(1 << 12);

    if (v->spec->more != NULL)
        v->spec->more(v->screen, v->records);
    fill(v);
    if (v->spec->state != NULL)
        v->spec->state(v->records, &b);
    pane_table.state(v->screen, b.data);
    spn_buf_free(&b);
    if (st != SPN_OK && st != SPN_ECANCEL && st != SPN_ENO)
        pane_table.fail(v->screen, err);
}

void list_again(struct list_view *v)
{
    struct spn_err err = SPN_ERR_INIT;

    if (pane_table.working(v->screen))
        return;
    json_array_clear(v->records);
    v->shown = 0;
    if (pane_table.command(v->screen, v->spec->argc, v->spec->argv, on_record, on_done, v, &err) !=
        SPN_OK)
        pane_table.fail(v->screen, &err);
}

spn_status list_open(const struct list_spec *spec, struct spn_screen *s, int argc, char **argv,
                     void **out, struct spn_err *err)
{
    struct list_view *v = spn_calloc(1, sizeof *v);
    struct spn_column columns[LIST_FIELDS_MAX];
    int i;

    if (v == NULL || (v->records = json_array()) == NULL) {
        spn_free(v);
        return spn_fail(err, SPN_ENOMEM, "screen: no memory");
    }
    v->spec = spec;
    v->screen = s;
    v->list = pane_table.pane(s, "list");
    v->detail = pane_table.pane(s, "detail");
    v->wanted = argc > 0 ? spn_strdup(argv[0]) : NULL;
    for (i = 0; spec->field[i].key != NULL; i++)
        columns[i] = (struct spn_column){ spec->field[i].title, spec->field[i].width,
                                          spec->field[i].right, spec->field[i].rank };
    pane_table.columns(v->list, columns, (size_t)i);
    *out = v;
    list_again(v);
    return SPN_OK;
}

void list_close(void *view)
{
    struct list_view *v = view;

    json_decref(v->records);
    spn_free(v->wanted);
    spn_free(v);
}

const json_t *list_record(const struct list_view *v)
{
    uint64_t id;

    return pane_table.choice(v->list, &id) && id >= 1 && id <= json_array_size(v->records)
               ? json_array_get(v->records, (size_t)id - 1)
               : NULL;
}

struct spn_screen *list_screen(const struct list_view *v)
{
    return v->screen;
}

void list_chosen(void *view, struct spn_pane *p, uint64_t id)
{
    struct list_view *v = view;
    const json_t *record = list_record(v);
    struct spn_buf title = SPN_BUF_INIT(1 << 16), text = SPN_BUF_INIT(1 << 22);

    if (p != v->list || record == NULL || v->spec->detail == NULL)
        return;
    v->spec->detail(record, &title, &text);
    pane_table.title(v->detail, title.data != NULL ? title.data : "detail");
    pane_table.block(v->detail, 1, SPN_TEXT_MARKDOWN, NULL, SPN_STYLE_TEXT,
                     text.data != NULL ? text.data : "", text.length);
    pane_text.command(v->detail, CMD_TOP, 0);
    spn_buf_free(&title);
    spn_buf_free(&text);
}

void list_command(void *view, struct spn_buf *out)
{
    struct list_view *v = view;
    int i;

    spn_buf_puts(out, "spinney");
    for (i = 0; i < v->spec->argc; i++)
        spn_buf_printf(out, " %s", v->spec->argv[i]);
}
