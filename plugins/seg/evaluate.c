/* evaluate.c - `spinney seg eval`: folders of masks against folders of truth. */
#include "config.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "seg.h"

struct work {
    struct seg *s;
    const struct inputs *truth;
    const char *pred;
    pthread_mutex_t lock; /* of what follows */
    struct score *sum;
    size_t done;
    struct spn_err *why; /* [truth->n]: code SPN_OK where the pair was counted */
};

static spn_status pair(struct work *w, const char *truth_path, struct score *score,
                       struct spn_err *err)
{
    struct spn_image truth = { 0 }, pred = { 0 };
    char *stem = input_stem(truth_path), *path = stem != NULL ? input_mask(w->pred, stem) : NULL;
    spn_status st = SPN_OK;

    if (path == NULL)
        st = spn_fail(err, SPN_ENOTFOUND, "%s: no mask of this name in %s", truth_path, w->pred);
    if (st == SPN_OK)
        st = mask_read(&truth, truth_path, &w->s->classes, err);
    if (st == SPN_OK)
        st = mask_read(&pred, path, &w->s->classes, err);
    if (st == SPN_OK && (pred.width != truth.width || pred.height != truth.height))
        st = spn_fail(err, SPN_EFORMAT, "%s: %d x %d ids, its truth has %d x %d", path, pred.width,
                      pred.height, truth.width, truth.height);
    if (st == SPN_OK)
        score_add(score, pred.pixels, truth.pixels, (size_t)truth.width * (size_t)truth.height,
                  w->s->rule);
    spn_image_free(&truth);
    spn_image_free(&pred);
    spn_free(stem);
    spn_free(path);
    return st;
}

static void pairs(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct work *w = ctx;
    struct score *score = spn_calloc(1, sizeof *score);

    for (int64_t i = begin; i < end && !spn_cancelled(w->s->api->cancel(w->s->job)); i++) {
        w->why[i] = (struct spn_err)SPN_ERR_INIT;
        if (score == NULL)
            spn_fail(&w->why[i], SPN_ENOMEM, "%s: no memory for counts", w->truth->path[i]);
        else
            pair(w, w->truth->path[i], score, &w->why[i]);
        pthread_mutex_lock(&w->lock);
        w->done++;
        if (worker == 0)
            w->s->api->progress(w->s->job, (double)w->done, (double)w->truth->n, "pairs");
        pthread_mutex_unlock(&w->lock);
    }
    if (score != NULL) {
        pthread_mutex_lock(&w->lock);
        score_merge(w->sum, score);
        pthread_mutex_unlock(&w->lock);
    }
    spn_free(score);
}

static json_t *figure(double v)
{
    return isnan(v) ? json_null() : json_real(v);
}

/* A line a class that is somewhere, then the means. */
static spn_status report(struct seg *s, const struct score *score, size_t pairs_done,
                         struct spn_err *err)
{
    struct class_score each[CLASSES_MAX];
    struct score_total total;
    struct spn_buf text = SPN_BUF_INIT(1 << 16);
    json_t *classes = json_array(), *o;
    char room[16];
    spn_status st;

    score_result(score, each, &total);
    spn_buf_puts(&text, "class\tIoU\taccuracy\tpixels\n");
    for (int id = 0; id < IGNORED; id++) {
        const char *name = classes_name(&s->classes, id, room);

        if (isnan(each[id].iou))
            continue;
        spn_buf_printf(&text, "%s\t%.4f\t%.4f\t%llu\n", name, each[id].iou, each[id].accuracy,
                       (unsigned long long)each[id].truth);
        json_array_append_new(classes,
                              json_pack("{s:i, s:s, s:o, s:o, s:I}", "id", id, "name", name, "iou",
                                        figure(each[id].iou), "accuracy", figure(each[id].accuracy),
                                        "pixels", (json_int_t)each[id].truth));
    }
    spn_buf_printf(&text,
                   "mIoU %.4f over %d classes, mean accuracy %.4f, pixel accuracy %.4f, "
                   "%zu pairs\n",
                   total.miou, total.classes, total.macc, total.aacc, pairs_done);
    o = json_pack("{s:o, s:o, s:o, s:i, s:I, s:I}", "miou", figure(total.miou), "macc",
                  figure(total.macc), "aacc", figure(total.aacc), "n_classes", total.classes,
                  "pixels", (json_int_t)total.pixels, "pairs", (json_int_t)pairs_done);
    json_object_set_new(o, "classes", classes);
    st = s->api->emit(s->job, o, text.failed ? NULL : text.data, err);
    spn_buf_free(&text);
    return st;
}

spn_status seg_evaluate(struct seg *s, struct spn_err *err)
{
    const char *pred = spn_value_str(s->v, "pred"), *gt = spn_value_str(s->v, "gt");
    char *folder[1] = { (char *)gt };
    struct inputs truth = { 0 };
    struct work w = { .s = s, .truth = &truth, .pred = pred };
    struct spn_pool *pool;
    int64_t threads = spn_value_int(s->v, "threads");
    size_t counted = 0;
    spn_status st;

    if (pred == NULL || gt == NULL || !spn_path_is_dir(pred) || !spn_path_is_dir(gt)) {
        spn_fail(err, SPN_EUSAGE, "seg eval: two folders of masks are compared");
        return spn_cure(err, "spinney seg eval --pred FOLDER --gt FOLDER");
    }
    st = inputs_read(&truth, 1, folder, NULL, false, spn_value_str(s->v, "shard"), err);
    if (st != SPN_OK)
        return st;
    pool = spn_pool_new(threads > 0 ? (int)threads : spn_threads_allowed());
    w.sum = spn_calloc(1, sizeof *w.sum);
    w.why = spn_calloc(truth.n + 1, sizeof *w.why);
    if (pool == NULL || w.sum == NULL || w.why == NULL) {
        st = spn_fail(err, SPN_ENOMEM, "seg eval: no memory for %zu pairs", truth.n);
    } else {
        pthread_mutex_init(&w.lock, NULL);
        spn_pool_run(pool, (int64_t)truth.n, 4, pairs, &w);
        pthread_mutex_destroy(&w.lock);
        if (spn_cancelled(s->api->cancel(s->job)))
            st = spn_fail(err, SPN_ECANCEL, "seg eval: stopped after %zu of %zu pairs", w.done,
                          truth.n);
    }
    for (size_t i = 0; st == SPN_OK && i < truth.n; i++) {
        struct spn_record record = { .index = (int64_t)i, .id = truth.path[i] };

        if (w.why[i].code != SPN_OK)
            s->api->record_failed(s->job, &record, &w.why[i]);
        else
            counted++;
    }
    if (st == SPN_OK && counted == 0)
        st = spn_fail(err, SPN_EFORMAT, "seg eval: none of %zu pairs could be read", truth.n);
    if (st == SPN_OK)
        st = report(s, w.sum, counted, err);
    spn_pool_free(pool);
    spn_free(w.sum);
    spn_free(w.why);
    inputs_free(&truth);
    return st;
}
