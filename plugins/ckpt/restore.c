/* restore.c - `spinney ckpt restore`, and `verify` of a store. */
#include "config.h"

#include "store_open.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- restore ---- */

static spn_status restore_into(struct store *s, const struct ckpt_step *step, size_t i,
                               const char *out, struct spn_err *err)
{
    struct spn_buf temp = SPN_BUF_INIT(65536);
    size_t n = strlen(out);
    json_t *layout = NULL;
    spn_status st;

    while (n > 1 && out[n - 1] == '/')
        n--;
    spn_buf_add(&temp, out, n);
    spn_buf_puts(&temp, ".new-XXXXXX");
    if (temp.failed)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory", out);
    else if (spn_path_exists(out))
        st = spn_fail(err, SPN_EUSAGE, "%s: is there already", out);
    else
        st = store_unpack(s, step, i, err);
    if (st == SPN_OK)
        st = layout_read(&layout, step[i].path, err);
    if (st == SPN_OK && mkdtemp(temp.data) == NULL)
        st = spn_fail(err, SPN_EIO, "%s: cannot write there: %s", out, strerror(errno));
    else if (st == SPN_OK) {
        st = layout_restore(layout, &s->scratch, step[i].path, temp.data, err);
        if (st == SPN_OK && rename(temp.data, out) != 0)
            st = spn_fail(err, SPN_EIO, "%s: %s", out, strerror(errno));
        if (st != SPN_OK)
            folder_remove(temp.data, NULL);
    }
    json_decref(layout);
    spn_buf_free(&temp);
    return st;
}

spn_status verb_restore(struct run *r, struct spn_err *err)
{
    const char *out = spn_value_str(r->v, "output");
    struct ckpt_step *step = NULL;
    size_t n = 0, i = 0;
    double began = store_now_s();
    struct store s;
    spn_status st;

    if (out == NULL)
        return spn_fail(err, SPN_EUSAGE, "ckpt restore: -o says where to");
    if (spn_value_given(r->v, "before"))
        return import_file(r, err);
    store_begin(&s, r, r->argv[0]);
    st = store_read(&s, err);
    if (st == SPN_OK)
        st = store_codec(&s, s.codec_name, s.options_text, err);
    s.job.options = s.options;
    if (st == SPN_OK)
        st = ckpt_steps(&step, &n, r->argv[0], err);
    if (st == SPN_OK)
        st = store_step(&i, &s, step, n, err);
    if (st == SPN_OK)
        st = restore_into(&s, step, i, out, err);
    if (st == SPN_OK) {
        struct spn_buf b = SPN_BUF_INIT(65536);

        spn_buf_printf(&b, "%" PRId64 "\t%s\n", step[i].step, out);
        st = r->api->emit(r->job,
                          json_pack("{s:I, s:o, s:f}", "step", (json_int_t)step[i].step, "out",
                                    string_json(out), "seconds", store_now_s() - began),
                          b.data, err);
        spn_buf_free(&b);
    }
    ckpt_steps_free(step, n);
    store_close(&s);
    return st;
}

/* ---- verify ---- */

static spn_status verify_step(struct store *s, const struct ckpt_step *step, size_t i,
                              struct spn_err *err)
{
    struct spn_map m = { 0 };
    struct spn_codec_packed packed;
    int64_t number = -1, before = -1;
    json_t *layout = NULL;
    spn_status st = layout_read(&layout, step[i].path, err);

    if (st == SPN_OK)
        st = store_map(&m, s, step[i].path, err);
    if (st == SPN_OK) {
        packed = (struct spn_codec_packed){ m.data, (size_t)m.size, m.path };
        st = s->codec->verify(&packed, &number, &before, err);
    }
    if (st == SPN_OK &&
        (number != step[i].step || before != json_integer_value(json_object_get(layout, "before"))))
        st = spn_fail(err, SPN_EFORMAT, "%s: packed as step %" PRId64 " against %" PRId64,
                      step[i].path, number, before);
    if (st == SPN_OK && before >= 0 && (i == 0 || step[i - 1].step != before))
        st = spn_fail(err, SPN_EFORMAT, "%s: packed against step %" PRId64 ", which is not there",
                      step[i].path, before);
    spn_map_close(&m);
    json_decref(layout);
    return st;
}

bool verify_store(struct run *r, spn_status *st, struct spn_err *err)
{
    static const char *const heads[] = { "step", "whole", "why" };
    struct ckpt_step *step = NULL;
    size_t n = 0, wrong = 0;
    struct store s;
    struct table t;

    if (!store_is(r->argv[0]))
        return false;
    store_begin(&s, r, r->argv[0]);
    table_begin(&t, r, heads, 3);
    *st = store_read(&s, err);
    if (*st == SPN_OK)
        *st = store_codec(&s, s.codec_name, s.options_text, err);
    if (*st == SPN_OK)
        *st = ckpt_steps(&step, &n, r->argv[0], err);
    for (size_t i = 0; *st == SPN_OK && i < n; i++) {
        struct spn_err why = SPN_ERR_INIT;
        bool whole = verify_step(&s, step, i, &why) == SPN_OK;
        char number[24];
        const char *cells[] = { number, whole ? "whole" : "damaged", why.text };

        wrong += !whole;
        snprintf(number, sizeof number, "%" PRId64, step[i].step);
        *st = table_row(&t,
                        json_pack("{s:I, s:b, s:o}", "step", (json_int_t)step[i].step, "whole",
                                  whole, "why", whole ? json_null() : string_json(why.text)),
                        cells, err);
    }
    *st = table_end(&t, *st, err);
    if (*st == SPN_OK && wrong > 0)
        *st = spn_fail(err, SPN_ENO, "%s: %zu of %zu steps are damaged", r->argv[0], wrong, n);
    ckpt_steps_free(step, n);
    store_close(&s);
    return true;
}
