/* layout.c - where the tensors of a step stood, and its files again. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "frame.h"
#include "store.h"
#include "tensor/product.h"

#define LAYOUT_BYTES_MAX ((size_t)1 << 30)
#define FILE_BYTES_MAX   ((size_t)1 << 30) /* of what is kept as it is */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

json_t *layout_params(const struct step_view *s)
{
    json_t *params = json_array();

    for (size_t i = 0; params != NULL && i < s->n; i++) {
        const struct spn_tensor *t = &s->param[i].part[PART_WEIGHT]->t;
        json_t *shape = json_array();
        json_int_t parts = 0;

        for (int d = 0; d < t->ndim; d++)
            json_array_append_new(shape, json_integer(t->dim[d]));
        for (int k = 0; k < PARTS; k++)
            parts |= s->param[i].part[k] != NULL ? (json_int_t)1 << k : 0;
        if (json_array_append_new(params, json_pack("{s:s, s:o, s:I}", "name", s->param[i].name,
                                                    "shape", shape, "parts", parts)) != 0) {
            json_decref(params);
            return NULL;
        }
    }
    return params;
}

/* How E stands in its file: a folder's reader puts a prefix before our optimizer's names. NULL:
   as it is named. */
static const char *name_in_file(const struct step_view *s, const struct spn_reader *reader,
                                const struct spn_entry *e)
{
    static const char prefix[] = "optimizer.state.";

    return reader == s->c.reader && strcmp(base_name(e->file), "optimizer.safetensors") == 0 &&
                   spn_path_is_dir(s->c.path) && strncmp(e->name, prefix, sizeof prefix - 1) == 0
               ? e->name + sizeof prefix - 1
               : NULL;
}

/* The tensors by the file that they stood in: a plan of its holes, or a list of them all. */
static spn_status add_to_list(json_t *list, const struct step_view *s,
                              const struct spn_reader *reader, const struct spn_entry *e,
                              struct spn_err *err)
{
    size_t param = 0;
    int part = 0;
    bool found = step_find(s, e, &param, &part);
    json_t *o = json_pack("{s:s, s:s*, s:s, s:I, s:i}", "name", e->name, "as",
                          name_in_file(s, reader, e), "dtype", spn_dtype_name(e->t.dtype), "param",
                          found ? (json_int_t)param : (json_int_t)-1, "part", part);

    return json_array_append_new(list, o) == 0
               ? SPN_OK
               : spn_fail(err, SPN_ENOMEM, "%s: no memory for %s, or its name is not UTF-8",
                          s->c.path, e->name);
}

/* PATHS tells which file a name stands for. */
static spn_status tensors_by_file(json_t *files, json_t *paths, const struct step_view *s,
                                  struct spn_err *err)
{
    struct spn_reader *reader;
    const struct spn_entry *e;
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && (e = step_entry(s, i, &reader)) != NULL; i++) {
        const char *file = base_name(e->file), *path;

        path = json_string_value(json_object_get(paths, file));
        if (path == NULL) {
            json_t *plan = NULL;

            st = frame_plan(&plan, s, e->file, err);
            if (st == SPN_OK &&
                (json_object_set_new(paths, file, json_string(e->file)) != 0 ||
                 json_object_set_new(files, file, plan != NULL ? plan : json_array()) != 0))
                st = spn_fail(err, SPN_ENOMEM, "%s: no memory, or its name is not UTF-8", e->file);
        } else if (strcmp(path, e->file) != 0) {
            st = spn_fail(err, SPN_EFORMAT, "%s and %s: two files of one name in a step", path,
                          e->file);
        }
        if (st == SPN_OK && json_is_array(json_object_get(files, file)))
            st = add_to_list(json_object_get(files, file), s, reader, e, err);
    }
    return st;
}

static spn_status write_json(const char *dir, const char *name, json_t *o, struct spn_err *err)
{
    char *path = spn_path_join(dir, name), *text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
    spn_status st =
        path == NULL || text == NULL
            ? spn_fail(err, SPN_ENOMEM, "%s: no memory for %s, or a tensor's name is not UTF-8",
                       dir, name)
            : spn_file_write(path, text, strlen(text), err);

    free(text);
    spn_free(path);
    return st;
}

/* Tensors that no codec takes. */
static spn_status write_rest(const struct step_view *s, const json_t *files, const char *dir,
                             struct spn_err *err)
{
    char *path = spn_path_join(dir, "rest.safetensors");
    struct spn_writer *w = NULL;
    struct spn_reader *reader;
    const struct spn_entry *e;
    size_t n = 0, total = 0;
    void **copy;
    spn_status st;

    while (step_entry(s, total, &reader) != NULL)
        total++;
    copy = spn_calloc(total + 1, sizeof *copy);
    st = path == NULL || copy == NULL ? spn_fail(err, SPN_ENOMEM, "%s: no memory", dir)
                                      : spn_safetensors_create(&w, path, err);
    for (size_t i = 0; st == SPN_OK && i < total; i++) {
        struct spn_tensor t;
        size_t param;
        int part;

        e = step_entry(s, i, &reader);
        if (step_find(s, e, &param, &part) ||
            json_is_object(json_object_get(files, base_name(e->file))))
            continue; /* a frame has it */
        st = spn_entry_view(reader, e, &t, &copy[i], err);
        if (st == SPN_OK)
            (void)spn_writer_tensor(w, e->name, &t); /* the commit says why not */
        n++;
    }
    if (st == SPN_OK && n > 0)
        st = spn_writer_commit(w, err);
    spn_writer_free(w);
    for (size_t i = 0; copy != NULL && i < total; i++)
        spn_free(copy[i]);
    spn_free(copy);
    spn_free(path);
    return st;
}

static spn_status copy_file(const char *from, const char *to, struct spn_err *err)
{
    char *bytes = NULL;
    size_t n = 0;
    spn_status st = spn_file_read(&bytes, &n, from, FILE_BYTES_MAX, err);

    if (st == SPN_OK)
        st = spn_file_write(to, bytes, n, err);
    spn_free(bytes);
    return st;
}

/* Every plain file of folder FROM that SKIP does not name, into TO. */
static spn_status copy_others(const char *from, const char *to, const json_t *skip,
                              struct spn_err *err)
{
    DIR *d = opendir(from);
    struct dirent *e;
    spn_status st = SPN_OK;

    if (d == NULL)
        return SPN_OK;
    while (st == SPN_OK && (e = readdir(d)) != NULL) {
        char *a = spn_path_join(from, e->d_name), *b = spn_path_join(to, e->d_name);

        if (a == NULL || b == NULL)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory", from);
        else if (e->d_name[0] != '.' && !spn_path_is_dir(a) &&
                 json_object_get(skip, e->d_name) == NULL)
            st = copy_file(a, b, err);
        spn_free(a);
        spn_free(b);
    }
    closedir(d);
    return st;
}

spn_status layout_write(const struct step_view *s, const char *dir, int64_t step, int64_t before,
                        struct spn_err *err)
{
    json_t *files = json_object(), *paths = json_object(), *plan,
           *o = json_pack("{s:I, s:I, s:o, s:O}", "step", (json_int_t)step, "before",
                          (json_int_t)before, "params", layout_params(s), "files", files);
    char *others = spn_path_join(dir, "files");
    const char *name;
    spn_status st = tensors_by_file(files, paths, s, err);

    if (st == SPN_OK)
        st = write_json(dir, "layout.json", o, err);
    json_object_foreach(files, name, plan) if (st == SPN_OK && json_is_object(plan)) st =
        frame_write(plan, s, json_string_value(json_object_get(paths, name)), dir, name, err);
    if (st == SPN_OK)
        st = write_rest(s, files, dir, err);
    if (st == SPN_OK && others == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory", dir);
    if (st == SPN_OK)
        st = spn_make_dirs(others, err);
    if (st == SPN_OK)
        st = copy_others(s->c.path, others, files, err);
    spn_free(others);
    json_decref(o);
    json_decref(files);
    json_decref(paths);
    return st;
}

spn_status layout_read(json_t **out, const char *dir, struct spn_err *err)
{
    char *path = spn_path_join(dir, "layout.json"), *text = NULL;
    size_t n = 0;
    json_error_t why;
    spn_status st = path == NULL ? spn_fail(err, SPN_ENOMEM, "%s: no memory", dir)
                                 : spn_file_read(&text, &n, path, LAYOUT_BYTES_MAX, err);

    *out = NULL;
    if (st == SPN_OK && (*out = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why)) == NULL)
        st = spn_fail(err, SPN_EFORMAT, "%s: line %d: %s", path, why.line, why.text);
    if (st == SPN_OK && (!json_is_array(json_object_get(*out, "params")) ||
                         !json_is_object(json_object_get(*out, "files")) ||
                         !json_is_integer(json_object_get(*out, "before")))) {
        json_decref(*out);
        *out = NULL;
        st = spn_fail(err, SPN_EFORMAT, "%s: not the layout of a step", path);
    }
    spn_free(text);
    spn_free(path);
    return st;
}

/* ---- files again ---- */

struct again {
    const struct scratch *s;
    struct spn_reader *rest; /* NULL: none */
    struct spn_writer *w;
    void **made; /* tensors of another type than f32, until the commit */
    size_t n_made;
};

static spn_status add_tensor(struct again *a, const json_t *o, struct spn_err *err)
{
    const char *name = json_string_value(json_object_get(o, "name")),
               *as = json_string_value(json_object_get(o, "as")),
               *type = json_string_value(json_object_get(o, "dtype"));
    json_int_t param = json_integer_value(json_object_get(o, "param")),
               part = json_integer_value(json_object_get(o, "part"));
    int dtype = type != NULL ? spn_dtype_by_name(type) : -1;
    struct spn_tensor t, made;
    spn_status st;

    if (name == NULL || dtype < 0 || part < 0 || part >= PARTS ||
        (param >= 0 && (size_t)param >= a->s->n))
        return spn_fail(err, SPN_EFORMAT, "layout.json: a tensor that is none");
    if (as == NULL)
        as = name;
    if (param < 0) {
        const struct spn_entry *e = a->rest != NULL ? spn_reader_find(a->rest, name) : NULL;

        if (e == NULL)
            return spn_fail(err, SPN_EFORMAT, "rest.safetensors: %s is missing", name);
        st = spn_entry_view(a->rest, e, &t, &a->made[a->n_made++], err);
        return st == SPN_OK ? spn_writer_tensor(a->w, as, &t) : st;
    }
    t = part == PART_WEIGHT    ? a->s->param[param].weight
        : part == PART_EXP_AVG ? a->s->param[param].exp_avg
                               : a->s->param[param].exp_avg_sq;
    if (t.data == NULL || !spn_dtype_info(dtype)->encode)
        return spn_fail(err, SPN_EFORMAT, "layout.json: %s has no such part or type", name);
    if (dtype == SPN_F32)
        return spn_writer_tensor(a->w, as, &t);
    st = spn_tensor_init(&made, dtype, t.ndim, t.dim, NULL, err);
    if (st == SPN_OK && (made.data = spn_calloc((size_t)spn_tensor_bytes(&made) + 1, 1)) == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for its numbers", name);
    if (st == SPN_OK) {
        a->made[a->n_made++] = made.data;
        st = spn_quant(dtype, t.data, made.data, spn_tensor_elems(&t), err);
    }
    return st == SPN_OK ? spn_writer_tensor(a->w, as, &made) : st;
}

/* Only safetensors are written: a file of another form gets that ending. */
static char *new_path(const char *dir, const char *file)
{
    size_t n = strlen(file), m = strlen(".safetensors");
    struct spn_buf b = SPN_BUF_INIT(65536);
    char *path = NULL;

    spn_buf_puts(&b, file);
    if (n < m || strcmp(file + n - m, ".safetensors") != 0)
        spn_buf_puts(&b, ".safetensors");
    if (!b.failed)
        path = spn_path_join(dir, b.data);
    spn_buf_free(&b);
    return path;
}

/* Names come from a file: none may lead out of the folder. */
static spn_status plain_name(const char *file, struct spn_err *err)
{
    if (file[0] == '\0' || file[0] == '.' || strchr(file, '/') != NULL)
        return spn_fail(err, SPN_EFORMAT, "layout.json: \"%.100s\" is no name of a file", file);
    return SPN_OK;
}

static spn_status write_file(struct again *a, const char *to, const char *file, const json_t *list,
                             struct spn_err *err)
{
    char *path = new_path(to, file);
    const json_t *o;
    size_t i;
    spn_status st;

    a->n_made = 0;
    a->made = spn_calloc(json_array_size(list) + 1, sizeof *a->made);
    st = path == NULL || a->made == NULL ? spn_fail(err, SPN_ENOMEM, "%s: no memory", to)
                                         : spn_safetensors_create(&a->w, path, err);
    if (st == SPN_OK)
        (void)spn_writer_str(a->w, "format", "pt", 2);
    json_array_foreach(list, i, o) if (st == SPN_OK) st = add_tensor(a, o, err);
    if (a->w != NULL && (st == SPN_OK || (err != NULL && err->code != st)))
        st = spn_writer_commit(a->w, err); /* the writer's own calls leave their sentence to it */
    spn_writer_free(a->w);
    a->w = NULL;
    for (size_t k = 0; a->made != NULL && k < a->n_made; k++)
        spn_free(a->made[k]);
    spn_free(a->made);
    a->made = NULL;
    spn_free(path);
    return st;
}

spn_status layout_restore(const json_t *layout, const struct scratch *s, const char *from,
                          const char *to, struct spn_err *err)
{
    json_t *files = json_object_get(layout, "files"), *list;
    char *rest = spn_path_join(from, "rest.safetensors"), *others = spn_path_join(from, "files");
    struct again a = { .s = s };
    const char *file;
    spn_status st =
        rest == NULL || others == NULL ? spn_fail(err, SPN_ENOMEM, "%s: no memory", to) : SPN_OK;

    if (st == SPN_OK && spn_path_exists(rest))
        st = spn_reader_open(&a.rest, rest, err);
    json_object_foreach(files, file, list) if (st == SPN_OK)
    {
        st = plain_name(file, err);
        if (st == SPN_OK)
            st = json_is_object(list) ? frame_restore(list, s, from, to, file, err)
                                      : write_file(&a, to, file, list, err);
    }
    if (st == SPN_OK)
        st = copy_others(others, to, files, err);
    spn_reader_close(a.rest);
    spn_free(rest);
    spn_free(others);
    return st;
}

spn_status folder_remove(const char *dir, struct spn_err *err)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    spn_status st = SPN_OK;

    if (d == NULL)
        return SPN_OK;
    while (st == SPN_OK && (e = readdir(d)) != NULL) {
        char *path = spn_path_join(dir, e->d_name);

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            ;
        else if (path == NULL)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory", dir);
        else if (unlink(path) != 0)
            st = errno == EISDIR || errno == EPERM
                     ? folder_remove(path, err)
                     : spn_fail(err, SPN_EIO, "%s: %s", path, strerror(errno));
        spn_free(path);
    }
    closedir(d);
    if (st == SPN_OK && rmdir(dir) != 0)
        st = spn_fail(err, SPN_EIO, "%s: %s", dir, strerror(errno));
    return st;
}
