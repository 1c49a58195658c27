/* screen_codec.c - what packing this step against the one before would give, while one changes the
 * codec's options. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "screen.h"
#include "store.h"

#define CODEC        "excp"
#define OPTIONS_MAX  24
#define FIRST_FIGURE 1000 /* ids of the rows below the options */

struct codec_panel {
    const struct spn_codec *codec;
    const struct spn_values_api *values;
    struct spn_values *v;
    struct stopper *working; /* NULL: no job */
    struct spn_codec_figures one, all;
    bool has_one, has_all, asked; /* asked: for what is set and chosen now */
    char *asked_of;               /* the tensor that ONE is about */
};

struct estimating {
    struct look *look;
    struct stopper stop;
    struct spn_work *work;
    const struct spn_codec *codec;
    const struct spn_values_api *api;
    struct spn_values *v;
    char *now, *before, *name;
    int64_t step_now, step_before;
};
struct estimate { /* a message */
    struct spn_codec_figures f;
    bool all;
};

/* ---- options as text ---- */

static void value_text(const struct codec_panel *p, const struct spn_option *o, char *out,
                       size_t room)
{
    switch (o->kind) {
    case SPN_OPT_FLAG:
        snprintf(out, room, "%s", spn_value_flag(p->v, o->name) ? "on" : "off");
        break;
    case SPN_OPT_INT:
        snprintf(out, room, "%lld", (long long)spn_value_int(p->v, o->name));
        break;
    case SPN_OPT_FLOAT:
        snprintf(out, room, "%.6g", spn_value_float(p->v, o->name));
        break;
    default:
        snprintf(out, room, "%s",
                 spn_value_str(p->v, o->name) != NULL ? spn_value_str(p->v, o->name) : "");
        break;
    }
}

/* "alpha=5e-5,bits=4": those that were changed. */
static void options_text(const struct codec_panel *p, struct spn_buf *b)
{
    bool any = false;

    for (const struct spn_option *o = p->codec->options; o->name != NULL; o++) {
        char text[64];

        if (!spn_value_given(p->v, o->name))
            continue;
        value_text(p, o, text, sizeof text);
        spn_buf_printf(b, "%s%s=%s", any ? "," : "", o->name, text);
        any = true;
    }
}

void codec_text(const struct look *l, struct spn_buf *out)
{
    struct spn_buf b = SPN_BUF_INIT(4096);

    if (l->panel == NULL)
        return;
    options_text(l->panel, &b);
    spn_buf_puts(out, CODEC);
    if (b.length > 0)
        spn_buf_printf(out, ":%s", b.data);
    spn_buf_free(&b);
}

/* The choice after (WAY 1) or before NOW in "a b c"; the ends stay. */
static void next_choice(const char *choices, const char *now, int way, char *out, size_t room)
{
    char copy[256], *rest = copy, *word, *list[32];
    int n = 0, at = 0;

    snprintf(copy, sizeof copy, "%s", choices);
    while (n < 32 && (word = strsep(&rest, " ")) != NULL) {
        if (strcmp(word, now) == 0)
            at = n;
        list[n++] = word;
    }
    at += way;
    at = at < 0 ? 0 : at >= n ? n - 1 : at;
    snprintf(out, room, "%s", list[at]);
}

static void change(struct look *l, const struct spn_option *o, int way, bool big)
{
    struct codec_panel *p = l->panel;
    struct spn_err err = SPN_ERR_INIT;
    char now[64], text[64] = "";
    double v;
    char *end;

    value_text(p, o, now, sizeof now);
    v = strtod(now, &end);
    if (o->kind == SPN_OPT_FLAG) {
        snprintf(text, sizeof text, "%s", way > 0 ? "on" : "off");
    } else if (o->kind == SPN_OPT_CHOICE) {
        next_choice(o->choices, now, way, text, sizeof text);
    } else if (o->kind == SPN_OPT_INT) {
        snprintf(text, sizeof text, "%.0f", v + way * (big ? 10 : 1));
    } else {
        if (*end != '\0' || now[0] == '\0') /* "auto": from what the method takes by itself */
            spn_option_default_text(o, now, sizeof now);
        v = strtod(now, &end);
        snprintf(text, sizeof text, "%.3g",
                 way > 0 ? v * (big ? 10 : 1.25) : v / (big ? 10 : 1.25));
    }
    if (p->values->set(p->v, o->name, text, &err) != SPN_OK)
        l->api->fail(l->screen, &err);
    p->has_one = p->has_all = p->asked = false;
}

/* ---- the job ---- */

static void estimate_progress(void *ctx, double done, double total)
{
    struct estimating *e = ctx;

    e->look->api->work_progress(e->work, done, total);
}

static spn_status estimate(struct estimating *e, struct step_view *now, struct step_view *before,
                           size_t index, struct spn_err *err)
{
    struct spn_pool *pool = spn_pool_new(spn_threads_allowed());
    struct spn_codec_job job = { .options = e->v,
                                 .pool = pool,
                                 .cancel = e->look->api->work_cancel(e->work),
                                 .progress = estimate_progress,
                                 .progress_ctx = e,
                                 .step = e->step_now,
                                 .before = e->step_before };
    struct spn_codec_source a = step_source(now), b = step_source(before);
    struct estimate *m = spn_calloc(1, sizeof *m);
    spn_status st = m == NULL ? spn_fail(err, SPN_ENOMEM, "estimate: no memory") : SPN_OK;

    if (st == SPN_OK)
        st = e->codec->estimate(&job, &a, &b, index, &m->f, err);
    spn_pool_free(pool);
    if (st != SPN_OK) {
        spn_free(m);
        return st;
    }
    m->all = index == SIZE_MAX;
    e->look->api->work_post(e->work, m);
    return SPN_OK;
}

static spn_status run(void *ctx, struct spn_work *w, struct spn_err *err)
{
    struct estimating *e = ctx;
    struct step_view now = { 0 }, before = { 0 };
    spn_status st = step_open(&now, e->now, err);

    e->work = w;
    stopper_begin(&e->stop, e->look->api->work_cancel(w));
    if (st == SPN_OK) {
        st = step_open(&before, e->before, err);
        for (size_t i = 0; st == SPN_OK && e->name != NULL && i < now.n; i++)
            if (strcmp(now.param[i].name, e->name) == 0)
                st = estimate(e, &now, &before, i, err);
        if (st == SPN_OK)
            st = estimate(e, &now, &before, SIZE_MAX, err);
        if (st == SPN_OK)
            st = spn_reader_check(now.c.reader, err);
        step_close(&before);
        step_close(&now);
    }
    return st;
}

static void message(void *ctx, void *message_take)
{
    struct estimating *e = ctx;
    struct look *l = e->look;
    struct estimate *m = message_take;

    if (l->panel != NULL && !e->stop.wanted) {
        *(m->all ? &l->panel->all : &l->panel->one) = m->f;
        *(m->all ? &l->panel->has_all : &l->panel->has_one) = true;
        if (l->tab == TAB_CODEC)
            codec_show(l, l->detail);
    }
    spn_free(m);
}

static void estimating_free(struct estimating *e)
{
    if (e->v != NULL)
        e->api->free_(e->v);
    spn_free(e->now);
    spn_free(e->before);
    spn_free(e->name);
    spn_free(e);
}

static void start(struct look *l);

static void done(void *ctx, spn_status st, const struct spn_err *err)
{
    struct estimating *e = ctx;
    struct look *l = e->look;
    bool unwanted = e->stop.wanted != 0;

    estimating_free(e);
    if (l->panel == NULL)
        return;
    l->panel->working = NULL;
    if (unwanted) {
        l->panel->asked = true;
        start(l);
    } else if (st != SPN_OK && st != SPN_ECANCEL) {
        look_fail(l, err);
    }
    if (l->tab == TAB_CODEC)
        codec_show(l, l->detail);
}

static void start(struct look *l)
{
    struct codec_panel *p = l->panel;
    struct spn_work_spec spec = { "estimate", NULL, run, message, done };
    struct spn_buf b = SPN_BUF_INIT(4096);
    struct spn_err err = SPN_ERR_INIT;
    struct estimating *e;
    spn_status st;

    if (l->n_step == 0 || l->at_step == 0)
        return;
    if (p->working != NULL) {
        stopper_stop(p->working);
        return;
    }
    e = spn_calloc(1, sizeof *e);
    if (e == NULL)
        return;
    *e = (struct estimating){ .look = l, .codec = p->codec, .api = p->values };
    e->now = spn_strdup(l->step[l->at_step].path);
    e->before = spn_strdup(l->step[l->at_step - 1].path);
    e->name = l->chosen != NULL ? spn_strdup(l->chosen) : NULL;
    e->step_now = l->step[l->at_step].step;
    e->step_before = l->step[l->at_step - 1].step;
    options_text(p, &b);
    st = e->now == NULL || e->before == NULL
             ? spn_fail(&err, SPN_ENOMEM, "estimate: no memory")
             : p->values->parse(&e->v, p->codec->options, b.data, CODEC, &err);
    spn_buf_free(&b);
    spec.ctx = e;
    p->working = &e->stop;
    if (st == SPN_OK)
        st = l->api->work(l->screen, &spec, &err);
    if (st != SPN_OK) {
        p->working = NULL;
        l->api->fail(l->screen, &err);
        estimating_free(e);
    }
}

/* ---- the panel ---- */

static void put_row(struct look *l, struct spn_pane *pane, uint64_t id, const char *name,
                    const char *value, const char *what, enum spn_style style)
{
    const struct spn_field fields[] = { { name, NAN, SPN_STYLE_TEXT },
                                        { value, NAN, style },
                                        { what, NAN, SPN_STYLE_DIM } };

    l->api->row(pane, &(struct spn_row){ .id = id, .fields = fields, .n = 3 });
}

static void put_heading(struct look *l, struct spn_pane *pane, uint64_t id, const char *text)
{
    const struct spn_field field = { text, NAN, SPN_STYLE_HEAD };

    l->api->row(pane, &(struct spn_row){ .id = id, .heading = true, .fields = &field, .n = 1 });
}

static void put_figures(struct look *l, struct spn_pane *pane, uint64_t id, const char *head,
                        const struct spn_codec_figures *f, bool known)
{
    char text[80], raw[40], packed[40];

    put_heading(l, pane, id, head);
    if (!known) {
        put_row(l, pane, id + 1, "", l->panel->working != NULL ? "counted now" : "-", "",
                SPN_STYLE_DIM);
        return;
    }
    snprintf(text, sizeof text, "%.3g %%", 100 * f->kept_weights);
    put_row(l, pane, id + 1, "weights kept", isnan(f->kept_weights) ? "-" : text,
            "of the change since the step before", SPN_STYLE_ACCENT);
    snprintf(text, sizeof text, "%.3g %%", 100 * f->kept_moments);
    put_row(l, pane, id + 2, "moments kept", isnan(f->kept_moments) ? "-" : text, "",
            SPN_STYLE_ACCENT);
    snprintf(text, sizeof text, "%.3g", f->bits);
    put_row(l, pane, id + 3, "bits a value", text, "over weights and moments", SPN_STYLE_ACCENT);
    snprintf(text, sizeof text, "%s / %s", bytes_text(packed, sizeof packed, f->bytes_packed),
             bytes_text(raw, sizeof raw, f->bytes_raw));
    put_row(l, pane, id + 4, "size", text, "", SPN_STYLE_TEXT);
    snprintf(text, sizeof text, "%.1fx",
             f->bytes_packed > 0 ? (double)f->bytes_raw / (double)f->bytes_packed : 0);
    put_row(l, pane, id + 5, "ratio", text, "before it is written: expected", SPN_STYLE_GOOD);
}

static bool make_panel(struct look *l)
{
    const struct spn_registry_api *registry = l->host->query("registry", 1);
    const struct spn_codec *codec =
        registry != NULL ? registry->find(SPN_POINT_CODEC, CODEC) : NULL;
    struct spn_err err = SPN_ERR_INIT;

    if (codec == NULL) {
        l->api->say(l->screen, "no plugin here has the codec " CODEC);
        return false;
    }
    l->panel = spn_calloc(1, sizeof *l->panel);
    if (l->panel == NULL)
        return false;
    l->panel->codec = codec;
    l->panel->values = l->host->query("values", 1);
    if (l->panel->values->parse(&l->panel->v, codec->options, NULL, CODEC, &err) != SPN_OK) {
        l->api->fail(l->screen, &err);
        codec_free(l);
        return false;
    }
    return true;
}

void codec_show(struct look *l, struct spn_pane *pane)
{
    static const struct spn_column columns[] = { { "option", 14, false, 0 },
                                                 { "value", 18, false, 0 },
                                                 { "what", -1, false, 1 } };
    struct codec_panel *p;
    uint64_t id = 1;

    if (l->panel == NULL && !make_panel(l))
        return;
    p = l->panel;
    if (l->chosen != NULL && (p->asked_of == NULL || strcmp(p->asked_of, l->chosen) != 0)) {
        spn_free(p->asked_of);
        p->asked_of = spn_strdup(l->chosen);
        p->has_one = p->asked = false;
    }
    if (p->working == NULL && !p->asked) {
        p->asked = true;
        start(l);
    }
    l->api->columns(pane, columns, 3);
    l->api->begin(pane);
    for (const struct spn_option *o = p->codec->options; o->name != NULL; o++) {
        char text[64];

        value_text(p, o, text, sizeof text);
        put_row(l, pane, id++, o->name, text, o->help,
                spn_value_given(p->v, o->name) ? SPN_STYLE_STRONG : SPN_STYLE_TEXT);
    }
    put_figures(l, pane, FIRST_FIGURE, l->chosen != NULL ? l->chosen : "no tensor chosen", &p->one,
                p->has_one);
    put_figures(l, pane, FIRST_FIGURE + 100, "the whole step against the one before", &p->all,
                p->has_all);
    l->api->end(pane);
}

bool codec_act(struct look *l, enum spn_want act)
{
    int way = act == SPN_WANT_MORE || act == SPN_WANT_MORE_BIG ? 1 : -1;
    bool big = act == SPN_WANT_LESS_BIG || act == SPN_WANT_MORE_BIG;
    uint64_t id, at = 1;

    if (l->panel == NULL || !l->api->choice(l->detail, &id))
        return false;
    for (const struct spn_option *o = l->panel->codec->options; o->name != NULL; o++)
        if (at++ == id) {
            change(l, o, way, big);
            if (l->panel->working != NULL)
                stopper_stop(l->panel->working); /* its end starts the next */
            codec_show(l, l->detail);
            return true;
        }
    return false;
}

void codec_free(struct look *l)
{
    struct codec_panel *p = l->panel;

    if (p == NULL)
        return;
    if (p->working != NULL)
        stopper_stop(p->working);
    if (p->v != NULL)
        p->values->free_(p->v);
    spn_free(p->asked_of);
    spn_free(p);
    l->panel = NULL;
}
