/* store.c - `spinney ckpt compress`. */
#include "config.h"

#include "store_open.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct file_sink {
    struct spn_out out;
    uint64_t bytes;
};

static spn_status sink_write(void *ctx, const void *bytes, size_t n, struct spn_err *err)
{
    struct file_sink *f = ctx;

    f->bytes += n;
    if (n > 0 && fwrite(bytes, 1, n, f->out.f) != n)
        return spn_fail(err, SPN_EIO, "%s: %s", f->out.path, strerror(errno));
    return SPN_OK;
}

static spn_status pack_into(struct store *s, struct step_view *v, const char *dir,
                            struct spn_codec_figures *figures, struct spn_err *err)
{
    struct spn_codec_source now = step_source(v), old = scratch_source(&s->scratch);
    struct spn_codec_taker taker = scratch_taker(&s->scratch);
    struct file_sink f = { .bytes = 0 };
    struct spn_codec_sink sink = { sink_write, &f };
    char name[64], *path;
    spn_status st;

    snprintf(name, sizeof name, "packed.%.32s", s->codec->suffix);
    path = spn_path_join(dir, name);
    st = path == NULL ? spn_fail(err, SPN_ENOMEM, "%s: no memory", dir)
                      : spn_out_open(&f.out, path, err);
    spn_free(path);
    if (st != SPN_OK)
        return st;
    st = s->codec->pack(&s->job, &now, s->job.before >= 0 ? &old : NULL, &sink, &taker, figures,
                        err);
    if (st == SPN_OK)
        st = spn_out_commit(&f.out, err);
    else
        spn_out_abandon(&f.out);
    figures->bytes_packed = f.bytes;
    figures->bytes_raw = v->bytes;
    return st;
}

static spn_status put_step(struct table *t, int64_t step, int64_t before,
                           const struct spn_codec_figures *f, double seconds, struct spn_err *err)
{
    double ratio = f->bytes_packed > 0 ? (double)f->bytes_raw / (double)f->bytes_packed : NAN;
    char text[5][NUMBER_BYTES];
    const char *cells[] = { text[0], text[1], text[2], text[3], text[4], before < 0 ? "key" : "" };

    snprintf(text[0], sizeof text[0], "%" PRId64, step);
    snprintf(text[1], sizeof text[1], "%" PRIu64, f->bytes_raw);
    snprintf(text[2], sizeof text[2], "%" PRIu64, f->bytes_packed);
    snprintf(text[3], sizeof text[3], "%.2f", ratio);
    snprintf(text[4], sizeof text[4], "%.3f", seconds);
    return table_row(t,
                     json_pack("{s:I, s:b, s:I, s:I, s:o, s:f, s:o, s:o, s:o}", "step",
                               (json_int_t)step, "key", before < 0, "bytes_raw",
                               (json_int_t)f->bytes_raw, "bytes_packed",
                               (json_int_t)f->bytes_packed, "ratio", number_json(ratio), "seconds",
                               seconds, "kept_weights", number_json(f->kept_weights),
                               "kept_moments", number_json(f->kept_moments), "bits",
                               number_json(f->bits)),
                     cells, err);
}

/* All parameters of V must be those of the scratch. */
static spn_status same_params(const struct store *s, const struct step_view *v, struct spn_err *err)
{
    bool same = v->n == s->scratch.n;

    for (size_t i = 0; same && i < v->n; i++)
        same = strcmp(v->param[i].name, s->scratch.param[i].name) == 0 &&
               spn_tensor_elems(&v->param[i].part[PART_WEIGHT]->t) ==
                   spn_tensor_elems(&s->scratch.param[i].weight) &&
               (v->param[i].part[PART_EXP_AVG] != NULL) ==
                   (s->scratch.param[i].exp_avg.data != NULL) &&
               (v->param[i].part[PART_EXP_AVG_SQ] != NULL) ==
                   (s->scratch.param[i].exp_avg_sq.data != NULL);
    return same ? SPN_OK
                : spn_fail(err, SPN_EFORMAT,
                           "%s: its parameters are not those of the steps before: %zu and %zu",
                           v->c.path, v->n, s->scratch.n);
}

static spn_status compress_step(struct store *s, const struct ckpt_step *step, size_t number,
                                struct table *t, struct spn_err *err)
{
    struct spn_codec_figures figures = { .kept_weights = NAN, .kept_moments = NAN, .bits = NAN };
    bool key = s->scratch_step < 0 || (s->key_every > 0 && number % (size_t)s->key_every == 0);
    struct step_view v;
    char name[64], *temp = NULL, *dir = NULL;
    double began = store_now_s();
    json_t *params;
    spn_status st = step_open(&v, step->path, err);

    if (st != SPN_OK)
        return st;
    snprintf(name, sizeof name, "step-%" PRId64, step->step);
    dir = spn_path_join(s->path, name);
    snprintf(name, sizeof name, "new-%" PRId64, step->step);
    temp = spn_path_join(s->path, name);
    params = layout_params(&v);
    if (dir == NULL || temp == NULL || params == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory, or a name that is not UTF-8", step->path);
    if (st == SPN_OK && s->scratch.base == NULL)
        st = scratch_open(&s->scratch, s->path, params, err);
    if (st == SPN_OK)
        st = same_params(s, &v, err);
    if (st == SPN_OK)
        st = folder_remove(temp, err); /* of a run that was killed */
    if (st == SPN_OK)
        st = spn_make_dirs(temp, err);
    s->job.step = step->step;
    s->job.before = key ? -1 : s->scratch_step;
    if (st == SPN_OK)
        st = pack_into(s, &v, temp, &figures, err);
    if (st == SPN_OK)
        st = layout_write(&v, temp, step->step, s->job.before, err);
    st = check_rows(&v.c, st, err);
    if (st == SPN_OK && rename(temp, dir) != 0)
        st = spn_fail(err, SPN_EIO, "%s: %s", dir, strerror(errno));
    if (st != SPN_OK && temp != NULL)
        folder_remove(temp, NULL);
    if (st == SPN_OK) {
        s->scratch_step = step->step;
        st = put_step(t, step->step, s->job.before, &figures, store_now_s() - began, err);
    }
    json_decref(params);
    spn_free(temp);
    spn_free(dir);
    step_close(&v);
    return st;
}

/* The codec of a store that is there must be the one that is asked for. */
static spn_status settle(struct store *s, const char *codec, struct spn_err *err)
{
    char *asked = NULL, *options = NULL;
    bool same;
    spn_status st = store_split(s, codec, err);

    if (st == SPN_OK && store_is(s->path)) {
        asked = s->codec_name;
        options = s->options_text;
        s->codec_name = s->options_text = NULL;
        st = store_read(s, err);
        same = st != SPN_OK ||
               (strcmp(asked, s->codec_name) == 0 && strcmp(options, s->options_text) == 0);
        if (!same && spn_value_given(s->run->v, "codec"))
            st = spn_fail(err, SPN_EUSAGE, "%s: is packed by %s:%s, this run by %s:%s", s->path,
                          s->codec_name, s->options_text, asked, options);
        spn_free(asked);
        spn_free(options);
    }
    if (st == SPN_OK)
        st = store_codec(s, s->codec_name, s->options_text, err);
    s->job.options = s->options;
    return st;
}

spn_status verb_compress(struct run *r, struct spn_err *err)
{
    static const char *const heads[] = { "step",  "bytes_raw", "bytes_packed",
                                         "ratio", "seconds",   "kind" };
    const char *out = spn_value_str(r->v, "output");
    struct ckpt_step *step = NULL, *there = NULL;
    size_t n = 0, n_there = 0;
    struct store s;
    struct table t;
    spn_status st;

    if (out == NULL)
        return spn_fail(err, SPN_EUSAGE, "ckpt compress: -o says where the store is");
    store_begin(&s, r, out);
    s.key_every = spn_value_int(r->v, "key-every");
    table_begin(&t, r, heads, 6);
    st = settle(&s, spn_value_str(r->v, "codec"), err);
    if (st == SPN_OK)
        st = ckpt_steps(&step, &n, r->argv[0], err);
    if (st == SPN_OK && n == 0)
        st = spn_fail(err, SPN_ENOTFOUND, "%s: no steps there", r->argv[0]);
    if (st == SPN_OK)
        st = spn_make_dirs(out, err);
    if (st == SPN_OK && !store_is(out))
        st = store_write(&s, err);
    if (st == SPN_OK)
        st = store_lock(&s, err);
    if (st == SPN_OK)
        st = ckpt_steps(&there, &n_there, out, err);
    if (st == SPN_OK && n_there > 0 && step[n - 1].step > there[n_there - 1].step)
        st = store_unpack(&s, there, n_there - 1, err);
    for (size_t i = 0, done = n_there; st == SPN_OK && i < n; i++) {
        if (n_there > 0 && step[i].step <= there[n_there - 1].step)
            continue;
        st = compress_step(&s, &step[i], done++, &t, err);
    }
    st = table_end(&t, st, err);
    ckpt_steps_free(step, n);
    ckpt_steps_free(there, n_there);
    store_close(&s);
    return st;
}
