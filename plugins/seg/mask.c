#include "config.h"

#include "mask.h"

#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/reader.h"
#include "rle.h"

#define JSON_MAX ((size_t)256 << 20) /* bytes of a file of run lengths */

/* ---- NPY ---- */

/* Element I of a whole-number array. */
static bool whole_at(const struct spn_tensor *t, size_t i, int64_t *v)
{
    const unsigned char *p = t->data;

    switch (t->dtype) {
    case SPN_U8:
    case SPN_BOOL:
        *v = p[i];
        return true;
    case SPN_I8:
        *v = (int8_t)p[i];
        return true;
    case SPN_U16: {
        uint16_t x;

        memcpy(&x, p + 2 * i, 2);
        *v = x;
        return true;
    }
    case SPN_I16: {
        int16_t x;

        memcpy(&x, p + 2 * i, 2);
        *v = x;
        return true;
    }
    case SPN_I32: {
        int32_t x;

        memcpy(&x, p + 4 * i, 4);
        *v = x;
        return true;
    }
    case SPN_I64:
        memcpy(v, p + 8 * i, 8);
        return true;
    default:
        return false;
    }
}

static spn_status fill_from(struct spn_image *out, const struct spn_tensor *t, const char *path,
                            struct spn_err *err)
{
    const uint64_t most = spn_image_limits_default.pixels;
    spn_status st;

    if (t->ndim != 2 || t->dim[0] < 1 || t->dim[1] < 1 || t->dim[0] > 65500 || t->dim[1] > 65500 ||
        (uint64_t)t->dim[0] * (uint64_t)t->dim[1] > most)
        return spn_fail(err, SPN_EFORMAT, "%s: not an array [h][w] of ids", path);
    st = spn_image_new(out, (int)t->dim[1], (int)t->dim[0], 1, err);
    for (size_t i = 0; st == SPN_OK && i < (size_t)t->dim[0] * (size_t)t->dim[1]; i++) {
        int64_t v;

        if (!whole_at(t, i, &v))
            st = spn_fail(err, SPN_EFORMAT, "%s: its numbers are not whole", path);
        else if (v < 0 || v > IGNORED)
            st = spn_fail(err, SPN_EFORMAT, "%s: id %" PRId64 " at pixel %zu, 0 to 255 are known",
                          path, v, i);
        else
            out->pixels[i] = (uint8_t)v;
    }
    if (st != SPN_OK)
        spn_image_free(out);
    return st;
}

static spn_status read_npy(struct spn_image *out, const char *path, struct spn_err *err)
{
    struct spn_reader *r;
    struct spn_tensor t;
    void *copy = NULL;
    spn_status st = spn_reader_open(&r, path, err);

    if (st != SPN_OK)
        return st;
    if (spn_reader_count(r) != 1)
        st = spn_fail(err, SPN_EFORMAT, "%s: %zu arrays, one is a mask", path, spn_reader_count(r));
    else
        st = spn_entry_view(r, spn_reader_at(r, 0), &t, &copy, err);
    if (st == SPN_OK)
        st = fill_from(out, &t, path, err);
    spn_free(copy);
    spn_reader_close(r);
    return st;
}

/* ---- JSON ---- */

static spn_status take_runs(struct spn_image *m, json_t *counts, int id, struct spn_err *err)
{
    size_t n = json_array_size(counts);
    int64_t *list;
    spn_status st;

    if (json_is_string(counts))
        return rle_decode(m->pixels, m->width, m->height, id, json_string_value(counts), err);
    if (!json_is_array(counts))
        return spn_fail(err, SPN_EFORMAT, "\"counts\" is neither a string nor a list");
    list = spn_calloc(n + 1, sizeof *list);
    if (list == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for %zu runs", n);
    for (size_t i = 0; i < n; i++)
        list[i] = json_is_integer(json_array_get(counts, i))
                      ? json_integer_value(json_array_get(counts, i))
                      : -1;
    st = rle_runs(m->pixels, m->width, m->height, id, list, n, err);
    spn_free(list);
    return st;
}

static spn_status take_segment(struct spn_image *m, json_t *segment, struct spn_err *err)
{
    json_t *rle = json_object_get(segment, "segmentation"), *size, *category;
    json_int_t h, w, id;

    if (rle == NULL)
        rle = segment;
    size = json_object_get(rle, "size");
    category = json_object_get(segment, "category_id");
    h = json_integer_value(json_array_get(size, 0));
    w = json_integer_value(json_array_get(size, 1));
    id = json_is_integer(category) ? json_integer_value(category) : 1;
    if (h < 1 || w < 1 || h > 65500 || w > 65500 ||
        (uint64_t)h * (uint64_t)w > spn_image_limits_default.pixels)
        return spn_fail(err, SPN_EFORMAT, "no \"size\" [h, w] of a picture");
    if (id < 0 || id > IGNORED)
        return spn_fail(err, SPN_EFORMAT,
                        "category_id %" JSON_INTEGER_FORMAT ", 0 to 255 are known", id);
    if (m->pixels == NULL) {
        if (spn_image_new(m, (int)w, (int)h, 1, err) != SPN_OK)
            return SPN_ENOMEM;
        memset(m->pixels, IGNORED, (size_t)w * (size_t)h);
    }
    if (m->width != w || m->height != h)
        return spn_fail(err, SPN_EFORMAT, "masks of %d x %d and of %d x %d", m->width, m->height,
                        (int)w, (int)h);
    return take_runs(m, json_object_get(rle, "counts"), (int)id, err);
}

static spn_status read_json(struct spn_image *out, const char *path, struct spn_err *err)
{
    char *text = NULL;
    size_t n = 0, i;
    json_error_t why;
    json_t *root = NULL, *item;
    struct spn_image m = { 0 };
    struct spn_err inner = SPN_ERR_INIT;
    spn_status st = spn_file_read(&text, &n, path, JSON_MAX, err);

    if (st != SPN_OK)
        return st;
    root = json_loadb(text, n, 0, &why);
    if (json_is_array(root)) {
        json_array_foreach(root, i, item)
        {
            if (st == SPN_OK)
                st = take_segment(&m, item, &inner);
        }
    } else if (json_is_object(root)) {
        st = take_segment(&m, root, &inner);
    } else {
        st = spn_fail(&inner, SPN_EFORMAT, "line %d: %s", why.line, why.text);
    }
    if (st == SPN_OK && m.pixels == NULL)
        st = spn_fail(&inner, SPN_EFORMAT, "no masks in it");
    json_decref(root);
    spn_free(text);
    if (st != SPN_OK) {
        spn_image_free(&m);
        return spn_fail(err, st, "%s: %s", path, inner.text);
    }
    *out = m;
    return SPN_OK;
}

/* ---- pictures ---- */

/* Colours to ids: the class of exactly that colour; else ignored. */
static spn_status by_colour(struct spn_image *out, const struct spn_image *rgb,
                            const struct classes *c, const char *path, struct spn_err *err)
{
    size_t n = (size_t)rgb->width * (size_t)rgb->height, known = 0;
    spn_status st = spn_image_new(out, rgb->width, rgb->height, 1, err);

    for (size_t i = 0; st == SPN_OK && i < n; i++) {
        int id = 0;

        while (id < c->n && memcmp(c->rgb[id], rgb->pixels + 3 * i, 3) != 0)
            id++;
        known += id < c->n;
        out->pixels[i] = (uint8_t)(id < c->n ? id : IGNORED);
    }
    if (st == SPN_OK && known == 0) {
        spn_image_free(out);
        spn_fail(err, SPN_EFORMAT, "%s: colours that are those of no class", path);
        return spn_cure(err, "--classes FILE with lines `name #RRGGBB`");
    }
    return st;
}

spn_status mask_read(struct spn_image *out, const char *path, const struct classes *c,
                     struct spn_err *err)
{
    const char *dot = strrchr(path, '.');
    struct spn_err why = SPN_ERR_INIT;
    struct spn_image rgb;
    spn_status st;

    if (dot != NULL && strcmp(dot, ".npy") == 0)
        return read_npy(out, path, err);
    if (dot != NULL && strcmp(dot, ".json") == 0)
        return read_json(out, path, err);
    if (spn_image_read_ids(out, NULL, path, NULL, &why) == SPN_OK)
        return SPN_OK;
    st = spn_image_read(&rgb, NULL, path, NULL, err);
    if (st != SPN_OK)
        return st;
    if (rgb.channels != 3)
        st = spn_fail(err, SPN_EFORMAT, "%s", why.text);
    else
        st = by_colour(out, &rgb, c, path, err);
    spn_image_free(&rgb);
    return st;
}

json_t *mask_rle(const struct spn_image *mask, const struct classes *c)
{
    size_t n = (size_t)mask->width * (size_t)mask->height, area[CLASSES_MAX] = { 0 };
    json_t *list = json_array();
    char room[16];

    for (size_t i = 0; i < n; i++)
        area[mask->pixels[i]]++;
    for (int id = 0; id < IGNORED && list != NULL; id++) {
        struct spn_buf runs = SPN_BUF_INIT((size_t)1 << 30);

        if (area[id] == 0)
            continue;
        if (rle_encode(&runs, mask->pixels, mask->width, mask->height, id) != SPN_OK ||
            json_array_append_new(list,
                                  json_pack("{s:i, s:s, s:I, s:{s:[i,i], s:s}}", "category_id", id,
                                            "name", classes_name(c, id, room), "area",
                                            (json_int_t)area[id], "segmentation", "size",
                                            mask->height, mask->width, "counts", runs.data)) != 0) {
            json_decref(list);
            list = NULL;
        }
        spn_buf_free(&runs);
    }
    return list;
}

void mask_over(struct spn_image *picture, const struct spn_image *mask, const struct classes *c,
               double opacity)
{
    size_t n = (size_t)mask->width * (size_t)mask->height;
    int a = (int)(opacity * 256 + 0.5);

    for (size_t i = 0; i < n; i++) {
        uint8_t *p = picture->pixels + 3 * i;

        for (int k = 0; k < 3 && mask->pixels[i] != IGNORED; k++)
            p[k] = (uint8_t)((p[k] * (256 - a) + c->rgb[mask->pixels[i]][k] * a + 128) >> 8);
    }
}
