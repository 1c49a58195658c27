/* pictures.c - `spinney seg PICTURE…`: one result a picture. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "seg.h"

struct shown { /* a class of a picture */
    int id;
    uint64_t pixels;
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_pixels(const void *a, const void *b)
{
    const struct shown *x = a, *y = b;

    if (x->pixels != y->pixels)
        return x->pixels < y->pixels ? 1 : -1;
    return x->id - y->id;
}

/* Classes of MASK, largest first; how many. */
static int classes_of(const struct spn_image *mask, struct shown list[CLASSES_MAX])
{
    size_t n = (size_t)mask->width * (size_t)mask->height;
    int found = 0;

    for (int id = 0; id < CLASSES_MAX; id++)
        list[id] = (struct shown){ .id = id };
    for (size_t i = 0; i < n; i++)
        list[mask->pixels[i]].pixels++;
    for (int id = 0; id < IGNORED; id++)
        if (list[id].pixels > 0)
            list[found++] = list[id];
    qsort(list, (size_t)found, sizeof *list, by_pixels);
    return found;
}

/* The mask OPTION names for PATH: the file itself, or the one of the same name in the folder. */
static char *mask_path(const struct seg *s, const char *option, const char *path)
{
    const char *given = spn_value_str(s->v, option);
    char *stem, *found;

    if (given == NULL || !spn_path_is_dir(given))
        return given != NULL ? spn_strdup(given) : NULL;
    stem = input_stem(path);
    found = stem != NULL ? input_mask(given, stem) : NULL;
    spn_free(stem);
    return found;
}

/* A mask of the same name beside the picture. */
static char *mask_beside(const char *path)
{
    char *stem = input_stem(path), *dir = spn_strdup(path), *slash, *found = NULL;

    slash = dir != NULL ? strrchr(dir, '/') : NULL;
    if (slash != NULL)
        *slash = '\0';
    if (stem != NULL && dir != NULL)
        found = input_mask(slash != NULL ? (slash == dir ? "/" : dir) : ".", stem);
    if (found != NULL && (strcmp(found, path) == 0 || strcmp(found + 2, path) == 0)) {
        spn_free(found);
        found = NULL;
    }
    spn_free(stem);
    spn_free(dir);
    return found;
}

static spn_status same_size(const struct spn_image *mask, const char *mask_name,
                            const struct spn_image *picture, struct spn_err *err)
{
    if (mask->width == picture->width && mask->height == picture->height)
        return SPN_OK;
    return spn_fail(err, SPN_EFORMAT, "%s: %d x %d ids, the picture has %d x %d pixels", mask_name,
                    mask->width, mask->height, picture->width, picture->height);
}

/* OUT/STEM with the ending of the format; free with spn_free. */
static char *output_path(const struct seg *s, const char *path)
{
    const char *out = spn_value_str(s->v, "out"), *format = spn_value_str(s->v, "format");
    struct spn_buf b = SPN_BUF_INIT(8192);
    char *stem = out != NULL ? input_stem(path) : NULL;

    if (stem == NULL)
        return NULL;
    spn_buf_printf(&b, "%s/%s.%s", out, stem, strcmp(format, "rle") == 0 ? "json" : "png");
    spn_free(stem);
    return b.failed ? NULL : spn_buf_steal(&b);
}

static spn_status write_output(struct seg *s, const char *to, struct spn_image *picture,
                               const struct spn_image *mask, struct spn_err *err)
{
    const char *format = spn_value_str(s->v, "format");
    json_t *list;
    char *text;
    spn_status st;

    if (strcmp(format, "png") == 0)
        return spn_image_write_png(mask, NULL, 0, to, err);
    if (strcmp(format, "palette") == 0)
        return spn_image_write_png(mask, s->classes.rgb, CLASSES_MAX, to, err);
    if (strcmp(format, "overlay") == 0) {
        mask_over(picture, mask, &s->classes, spn_value_float(s->v, "opacity"));
        return spn_image_write_png(picture, NULL, 0, to, err);
    }
    list = mask_rle(mask, &s->classes);
    text = list != NULL ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    if (text == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for its runs", to);
    st = spn_file_write(to, text, strlen(text), err);
    free(text);
    return st;
}

/* One result: the picture, its classes, and (SCORE not NULL) how it agrees with the truth. */
static spn_status emit(struct seg *s, const char *path, const struct spn_image *picture,
                       const struct spn_image *mask, const struct score *score, double seconds,
                       struct spn_err *err)
{
    struct shown list[CLASSES_MAX];
    struct class_score each[CLASSES_MAX];
    struct score_total total = { 0 };
    struct spn_buf text = SPN_BUF_INIT(1 << 20);
    double all = (double)picture->width * picture->height;
    int n = classes_of(mask, list);
    json_t *classes = json_array(),
           *o = json_pack("{s:s, s:i, s:i, s:s?}", "path", path, "width", picture->width, "height",
                          picture->height, "model", s->net_path);
    char room[16];
    spn_status st;

    if (score != NULL)
        score_result(score, each, &total);
    spn_buf_printf(&text, "%s\t%dx%d", path, picture->width, picture->height);
    if (score != NULL)
        spn_buf_printf(&text, "\tmIoU %.4f\tagree %.4f", total.miou, total.aacc);
    spn_buf_puts(&text, "\n");
    for (int i = 0; i < n; i++) {
        const char *name = classes_name(&s->classes, list[i].id, room);
        double share = (double)list[i].pixels / all;
        json_t *c = json_pack("{s:i, s:s, s:f}", "id", list[i].id, "name", name, "share", share);

        spn_buf_printf(&text, "%d\t%s\t%.6f", list[i].id, name, share);
        if (score != NULL && c != NULL) {
            double iou = each[list[i].id].iou;

            json_object_set_new(c, "iou", isnan(iou) ? json_null() : json_real(iou));
            spn_buf_printf(&text, "\t%.4f", iou);
        }
        spn_buf_puts(&text, "\n");
        json_array_append_new(classes, c);
    }
    json_object_set_new(o, "classes", classes);
    if (score != NULL && total.pixels > 0) {
        json_object_set_new(o, "miou", json_real(total.miou));
        json_object_set_new(o, "agree", json_real(total.aacc));
    }
    json_object_set_new(o, "seconds", json_real(seconds));
    if (s->net.model != NULL)
        seg_model_tell(s, o);
    st = s->api->emit(s->job, o, text.failed ? NULL : text.data, err);
    spn_buf_free(&text);
    return st;
}

static spn_status compare(const struct seg *s, const char *truth_path, const struct spn_image *mask,
                          const struct spn_image *picture, struct score *score, struct spn_err *err)
{
    struct spn_image truth;
    spn_status st = mask_read(&truth, truth_path, &s->classes, err);

    if (st != SPN_OK)
        return st;
    st = same_size(&truth, truth_path, picture, err);
    memset(score, 0, sizeof *score);
    if (st == SPN_OK)
        score_add(score, mask->pixels, truth.pixels, (size_t)truth.width * (size_t)truth.height,
                  s->rule);
    spn_image_free(&truth);
    return st;
}

/* The classes over the picture, on the terminal. */
static spn_status show(struct seg *s, struct spn_image *picture, const struct spn_image *mask,
                       const char *path, bool drawn, struct spn_err *err)
{
    const struct spn_picture_api *pictures = s->host->query("picture", 1);

    if (pictures == NULL || !pictures->wanted(s->job))
        return SPN_OK;
    if (!drawn)
        mask_over(picture, mask, &s->classes, spn_value_float(s->v, "opacity"));
    return pictures->show(s->job,
                          &(struct spn_pixels){ .kind = SPN_PIXELS_RGB,
                                                .width = picture->width,
                                                .height = picture->height,
                                                .data = picture->pixels,
                                                .alt = path },
                          0, 0, err);
}

static spn_status read_mask(const struct seg *s, const char *path, const char *pred,
                            const struct spn_image *picture, struct spn_image *mask,
                            struct spn_err *err)
{
    spn_status st;

    if (pred == NULL) {
        spn_fail(err, SPN_ENOTFOUND, "%s: no mask for it%s", path,
                 spn_value_str(s->v, "pred") != NULL ? " in the folder of --pred" : "");
        return spn_cure(err, "-m MODEL, --pred MASK, or a PNG, NPY or JSON of the same name beside "
                             "it");
    }
    st = mask_read(mask, pred, &s->classes, err);
    return st == SPN_OK ? same_size(mask, pred, picture, err) : st;
}

static spn_status one(struct seg *s, const char *path, const char *to, struct score *score,
                      struct spn_err *err)
{
    struct spn_image picture = { 0 }, mask = { 0 };
    char *pred = mask_path(s, "pred", path), *truth = mask_path(s, "gt", path);
    double start = now();
    spn_status st;

    if (pred == NULL && spn_value_str(s->v, "pred") == NULL && s->net.model == NULL)
        pred = mask_beside(path);
    st = spn_image_read(&picture, NULL, path, NULL, err);
    if (st == SPN_OK && s->net.model != NULL)
        st = seg_model_labels(s, &picture, &mask, err);
    else if (st == SPN_OK)
        st = read_mask(s, path, pred, &picture, &mask, err);
    if (st == SPN_OK && truth != NULL)
        st = compare(s, truth, &mask, &picture, score, err);
    if (st == SPN_OK && to != NULL)
        st = write_output(s, to, &picture, &mask, err);
    if (st == SPN_OK)
        st = show(s, &picture, &mask, path,
                  to != NULL && strcmp(spn_value_str(s->v, "format"), "overlay") == 0, err);
    if (st == SPN_OK)
        st = emit(s, path, &picture, &mask, truth != NULL ? score : NULL, now() - start, err);
    spn_free(pred);
    spn_free(truth);
    spn_image_free(&picture);
    spn_image_free(&mask);
    return st;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Two pictures of one name would write one file. */
static spn_status check_outputs(const struct seg *s, const struct inputs *in, struct spn_err *err)
{
    spn_status st = SPN_OK;
    char **to = spn_calloc(in->n + 1, sizeof *to);

    if (to == NULL)
        st = spn_fail(err, SPN_ENOMEM, "seg: no memory for %zu names", in->n);
    for (size_t i = 0; st == SPN_OK && i < in->n; i++)
        if ((to[i] = output_path(s, in->path[i])) == NULL)
            st = spn_fail(err, SPN_ENOMEM, "seg: no memory for the name of an output");
    if (st == SPN_OK) {
        qsort(to, in->n, sizeof *to, by_text);
        for (size_t i = 1; st == SPN_OK && i < in->n; i++)
            if (strcmp(to[i - 1], to[i]) == 0)
                st = spn_fail(err, SPN_EUSAGE, "%s: two pictures would write it", to[i]);
    }
    for (size_t i = 0; to != NULL && i < in->n; i++)
        spn_free(to[i]);
    spn_free(to);
    return st;
}

spn_status seg_pictures(struct seg *s, const struct inputs *in, struct spn_err *err)
{
    const char *out = spn_value_str(s->v, "out");
    struct score *score = spn_calloc(1, sizeof *score);
    spn_status st = score != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "seg: no memory for counts");

    if (st == SPN_OK && out != NULL)
        st = check_outputs(s, in, err);
    if (st == SPN_OK && out != NULL)
        st = spn_make_dirs(out, err);
    for (size_t i = 0; i < in->n && st == SPN_OK; i++) {
        struct spn_err why = SPN_ERR_INIT;
        struct spn_record record = { .index = (int64_t)i, .id = in->path[i] };
        char *to = output_path(s, in->path[i]);

        if (spn_cancelled(s->api->cancel(s->job)))
            st = spn_fail(err, SPN_ECANCEL, "seg: stopped after %zu of %zu pictures", i, in->n);
        else if (spn_value_flag(s->v, "resume") && to != NULL && spn_path_exists(to))
            st = SPN_OK;
        else if (one(s, in->path[i], to, score, &why) != SPN_OK) {
            if (in->n == 1) {
                *err = why;
                st = why.code;
            } else {
                s->api->record_failed(s->job, &record, &why);
            }
        }
        s->api->progress(s->job, (double)(i + 1), (double)in->n, "pictures");
        spn_free(to);
    }
    spn_free(score);
    return st;
}
