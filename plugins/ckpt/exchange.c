/* exchange.c - steps of a store in the form of a method's own program, and such a file as a step.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store_open.h"

static spn_status emit(struct run *r, const char *out, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(65536);
    spn_status st;

    spn_buf_printf(&b, "%s\n", out);
    st = r->api->emit(r->job, json_pack("{s:o}", "out", string_json(out)), b.data, err);
    spn_buf_free(&b);
    return st;
}

/* Step I of STEP to file OUT. */
static spn_status export_step(struct store *s, const struct ckpt_step *step, const char *out,
                              struct spn_err *err)
{
    struct spn_map m = { 0 };
    struct spn_codec_packed packed;
    struct spn_codec_taker shapes;
    json_t *layout = NULL;
    spn_status st = layout_read(&layout, step->path, err);

    if (st == SPN_OK)
        st = scratch_open(&s->scratch, s->path, json_object_get(layout, "params"), err);
    if (st == SPN_OK)
        st = store_map(&m, s, step->path, err);
    if (st == SPN_OK) {
        packed = (struct spn_codec_packed){ m.data, (size_t)m.size, m.path };
        shapes = scratch_taker(&s->scratch);
        st = s->codec->export_(&s->job, &packed, &shapes, out, err);
    }
    if (st == SPN_OK)
        st = spn_map_check(&m, err);
    spn_map_close(&m);
    json_decref(layout);
    return st;
}

bool export_store(struct run *r, spn_status *st, struct spn_err *err)
{
    const char *out = spn_value_str(r->v, "output");
    struct ckpt_step *step = NULL;
    struct store s;
    size_t n = 0, i = 0;

    if (!store_is(r->argv[0]))
        return false;
    if (out == NULL) {
        *st = spn_fail(err, SPN_EUSAGE, "ckpt export: -o says where to");
        return true;
    }
    store_begin(&s, r, r->argv[0]);
    *st = store_read(&s, err);
    if (*st == SPN_OK)
        *st = store_codec(&s, s.codec_name, s.options_text, err);
    if (*st == SPN_OK && s.codec->export_ == NULL)
        *st = spn_fail(err, SPN_EUSAGE, "%s: codec %s has no form for other programs", s.path,
                       s.codec_name);
    s.job.options = s.options;
    if (*st == SPN_OK)
        *st = ckpt_steps(&step, &n, s.path, err);
    if (*st == SPN_OK)
        *st = store_step(&i, &s, step, n, err);
    if (*st == SPN_OK)
        *st = export_step(&s, &step[i], out, err);
    if (*st == SPN_OK)
        *st = emit(r, out, err);
    ckpt_steps_free(step, n);
    store_close(&s);
    return true;
}

/* The numbers of V, as they are, into the scratch. */
static spn_status copy_step(struct scratch *s, struct step_view *v, struct spn_err *err)
{
    struct spn_codec_source from = step_source(v);
    struct spn_codec_taker to = scratch_taker(s);
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && i < from.n; i++) {
        struct spn_codec_param p;

        st = from.get(from.ctx, i, &p, err);
        if (st == SPN_OK)
            st = to.put(to.ctx, i, &p, err);
        from.forget(from.ctx, i);
    }
    return st;
}

/* The files of the step in folder BEFORE with the numbers of file ARGV[0] over its own, in TEMP. */
static spn_status import_into(struct store *s, struct step_view *v, const char *temp,
                              struct spn_err *err)
{
    struct spn_codec_source old = scratch_source(&s->scratch);
    struct spn_codec_taker taker;
    char *made = spn_path_join(temp, "made"), *frames = spn_path_join(temp, "frames");
    json_t *layout = NULL;
    spn_status st = made == NULL || frames == NULL
                        ? spn_fail(err, SPN_ENOMEM, "%s: no memory", temp)
                        : spn_make_dirs(frames, err);

    if (st == SPN_OK)
        st = spn_make_dirs(made, err);
    if (st == SPN_OK)
        st = layout_write(v, temp, 0, -1, err);
    if (st == SPN_OK)
        st = layout_read(&layout, temp, err);
    if (st == SPN_OK)
        st = scratch_open(&s->scratch, temp, json_object_get(layout, "params"), err);
    if (st == SPN_OK)
        st = copy_step(&s->scratch, v, err);
    if (st == SPN_OK) {
        old = scratch_source(&s->scratch);
        taker = scratch_taker(&s->scratch);
        st = s->codec->import_(&s->job, s->run->argv[0], &old, &taker, err);
    }
    if (st == SPN_OK)
        st = layout_restore(layout, &s->scratch, temp, made, err);
    json_decref(layout);
    spn_free(made);
    spn_free(frames);
    return st;
}

spn_status import_file(struct run *r, struct spn_err *err)
{
    const char *out = spn_value_str(r->v, "output"), *before = spn_value_str(r->v, "before");
    struct spn_buf temp = SPN_BUF_INIT(65536);
    struct step_view v = { .c = { .step = -1 } };
    char *made = NULL;
    struct store s;
    spn_status st;

    store_begin(&s, r, out);
    st = store_split(&s, spn_value_str(r->v, "codec"), err);
    if (st == SPN_OK)
        st = store_codec(&s, s.codec_name, s.options_text, err);
    s.job.options = s.options;
    if (st == SPN_OK && s.codec->import_ == NULL)
        st = spn_fail(err, SPN_EUSAGE, "ckpt restore: codec %s reads no form of other programs",
                      s.codec_name);
    if (st == SPN_OK && spn_path_exists(out))
        st = spn_fail(err, SPN_EUSAGE, "%s: is there already", out);
    if (st == SPN_OK)
        st = step_open(&v, before, err);
    spn_buf_printf(&temp, "%s.new-XXXXXX", out);
    if (st == SPN_OK && (temp.failed || mkdtemp(temp.data) == NULL)) {
        st = spn_fail(err, SPN_EIO, "%s: cannot write there", out);
    } else if (st == SPN_OK) {
        st = import_into(&s, &v, temp.data, err);
        made = spn_path_join(temp.data, "made");
        if (st == SPN_OK && (made == NULL || rename(made, out) != 0))
            st = spn_fail(err, SPN_EIO, "%s: cannot be put there", out);
        folder_remove(temp.data, NULL);
    }
    if (st == SPN_OK)
        st = emit(r, out, err);
    spn_free(made);
    spn_buf_free(&temp);
    step_close(&v);
    store_close(&s);
    return st;
}
