/* own.c - reads answers and judges them. */
#include "config.h"

#include "own.h"

#include <jansson.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "data.h"

#define FILE_MAX ((size_t)256 << 20)

static spn_status add(struct own *o, size_t *room, const char *line, size_t n, uint64_t key,
                      const char *place, struct spn_err *err)
{
    json_error_t why;
    json_t *object = json_loadb(line, n, 0, &why), *id = json_object_get(object, "id");
    const char *text = json_string_value(json_object_get(object, "text"));
    struct own_answer *a;
    struct spn_rng r;
    spn_status st = SPN_OK;

    if (o->n == *room) {
        size_t more = *room == 0 ? 1024 : 2 * *room;
        void *bigger = spn_realloc(o->item, more, sizeof *o->item);

        if (bigger == NULL)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu answers", place, more);
        else {
            o->item = bigger;
            *room = more;
        }
    }
    if (st == SPN_OK && (!json_is_integer(id) || json_integer_value(id) < 0 || text == NULL))
        st = spn_fail(err, SPN_EFORMAT, "%s: %s", place,
                      object == NULL ? why.text : "no \"id\" from 0 and \"text\" in it");
    if (st == SPN_OK) {
        a = &o->item[o->n];
        data_problem(&a->problem, key, (uint64_t)json_integer_value(id), PROBLEM_TRAIN, &r);
        a->verdict = fault_find(&a->problem, text);
        a->text = spn_strdup(text);
        if (a->text == NULL)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory for an answer", place);
        else
            o->n++;
    }
    json_decref(object);
    return st;
}

/* Right ones to the front, each kind in its order. */
static spn_status sort_kinds(struct own *o, const char *path, struct spn_err *err)
{
    struct own_answer *sorted = spn_calloc(o->n, sizeof *sorted);
    size_t at = 0;

    if (sorted == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu answers", path, o->n);
    for (int right = 1; right >= 0; right--) {
        for (size_t i = 0; i < o->n; i++)
            if ((o->item[i].verdict.wrong < 0) == right)
                sorted[at++] = o->item[i];
        if (right)
            o->n_right = at;
    }
    spn_free(o->item);
    o->item = sorted;
    return SPN_OK;
}

spn_status own_load(struct own *o, const char *path, uint64_t key, struct spn_err *err)
{
    struct spn_buf place = SPN_BUF_INIT(8192);
    char *text = NULL;
    size_t room = 0;
    int number = 0;
    spn_status st = spn_file_read(&text, NULL, path, FILE_MAX, err);

    *o = (struct own){ 0 };
    for (const char *line = text; st == SPN_OK && *line != '\0';) {
        size_t n = strcspn(line, "\n");

        number++;
        spn_buf_trim(&place, 0);
        spn_buf_printf(&place, "%s:%d", path, number);
        if (n > 0)
            st = add(o, &room, line, n, key, place.data != NULL ? place.data : path, err);
        line += n + (line[n] == '\n');
    }
    if (st == SPN_OK && o->n > 0)
        st = sort_kinds(o, path, err);
    if (st == SPN_OK && (o->n_right == 0 || o->n_right == o->n))
        st = spn_fail(err, SPN_EFORMAT, "%s: %zu answers, %zu of them right: both kinds are wanted",
                      path, o->n, o->n_right);
    if (st != SPN_OK)
        own_free(o);
    spn_buf_free(&place);
    spn_free(text);
    return st;
}

void own_free(struct own *o)
{
    for (size_t i = 0; i < o->n; i++)
        spn_free(o->item[i].text);
    spn_free(o->item);
    *o = (struct own){ 0 };
}
