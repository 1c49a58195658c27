/* screen_open.c - opening a checkpoint as a job, counting its numbers as another, walking the steps
 * of a run. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "health.h"
#include "screen.h"

#define CHECK_MS 2000 /* between two looks whether the file is what it was */

/* ---- sheets ---- */

struct sheet *sheet_hold(struct sheet *s)
{
    if (s != NULL)
        s->users++;
    return s;
}

void sheet_drop(struct sheet *s)
{
    if (s == NULL || --s->users > 0)
        return;
    ckpt_tree_free(&s->tree);
    ckpt_close(&s->c);
    spn_free(s->short_of);
    spn_free(s->figure);
    spn_free(s);
}

const struct ckpt_row *sheet_find(const struct sheet *s, const char *name)
{
    const struct spn_entry *e = name != NULL ? spn_reader_find(s->c.reader, name) : NULL;

    for (size_t i = 0; e != NULL && i < s->c.n; i++)
        if (s->c.row[i].e == e)
            return &s->c.row[i];
    return NULL;
}

static spn_status sheet_open(struct sheet **out, const char *path, struct spn_err *err)
{
    struct sheet *s = spn_calloc(1, sizeof *s);
    struct spn_meta v;
    spn_status st;

    if (s == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", path);
    s->users = 1;
    s->c.step = -1;
    st = ckpt_open_partial(&s->c, path, &s->short_of, err);
    if (st == SPN_OK)
        st = ckpt_tree_build(&s->tree, &s->c, true, 0, err);
    if (st == SPN_OK && (s->figure = spn_calloc(s->c.n + 1, sizeof *s->figure)) == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu rows", path, s->c.n);
    for (size_t i = 0; st == SPN_OK && i < s->c.n; i++) {
        s->bytes += s->c.row[i].bytes;
        s->numbers += s->c.row[i].numbers;
    }
    if (st != SPN_OK) {
        sheet_drop(s);
        return st;
    }
    s->pickled = spn_reader_meta(s->c.reader, "pickle.globals", &v);
    *out = s;
    return SPN_OK;
}

/* ---- opening ---- */

struct opening {
    struct look *look;
    char *path;
    struct sheet *sheet; /* out */
    struct ckpt_step *step;
    size_t n_step, at_step;
};

/* The steps of the run that PATH is, or is a step of. */
static spn_status find_steps(struct opening *o, struct spn_err *err)
{
    char *parent, *slash;
    spn_status st = ckpt_steps(&o->step, &o->n_step, o->path, err);

    if (st != SPN_OK || o->n_step > 0) {
        o->at_step = o->n_step > 0 ? o->n_step - 1 : 0;
        return st;
    }
    parent = spn_strdup(o->path);
    if (parent == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", o->path);
    slash = strrchr(parent, '/');
    if (slash != NULL)
        slash[slash == parent] = '\0';
    st = ckpt_steps(&o->step, &o->n_step, slash != NULL ? parent : ".", err);
    spn_free(parent);
    for (size_t i = 0; st == SPN_OK && i < o->n_step; i++) {
        const char *a = strrchr(o->step[i].path, '/'), *b = strrchr(o->path, '/');

        a = a != NULL ? a + 1 : o->step[i].path;
        b = b != NULL ? b + 1 : o->path;
        if (strcmp(a, b) == 0) {
            o->at_step = i;
            return SPN_OK;
        }
    }
    ckpt_steps_free(o->step, o->n_step);
    o->step = NULL;
    o->n_step = 0;
    return st;
}

static spn_status run_opening(void *ctx, struct spn_work *w, struct spn_err *err)
{
    struct opening *o = ctx;
    spn_status st = find_steps(o, err);

    (void)w;
    if (st != SPN_OK)
        return st;
    return sheet_open(&o->sheet, o->n_step > 0 ? o->step[o->at_step].path : o->path, err);
}

/* "gguf v3  405.3 M numbers  4.5 GiB". */
static void show_state(struct look *l)
{
    const struct sheet *s = l->sheet;
    struct spn_buf b = SPN_BUF_INIT(1000);
    const char *architecture = spn_meta_str(s->c.reader, "general.architecture");
    char text[40];

    if (architecture == NULL)
        architecture = spn_meta_str(s->c.reader, "config.model_type");
    spn_buf_puts(&b, spn_reader_format(s->c.reader));
    if (architecture != NULL)
        spn_buf_printf(&b, "  %.40s", architecture);
    spn_buf_printf(&b, "  %.4g M numbers  %s", (double)s->numbers / 1e6,
                   bytes_text(text, sizeof text, s->bytes));
    l->api->state(l->screen, b.data);
    spn_buf_free(&b);
}

void look_heading(struct look *l)
{
    struct spn_buf b = SPN_BUF_INIT(70000);

    spn_buf_printf(&b, "ckpt: %s", l->path);
    if (l->n_step > 0)
        spn_buf_printf(&b, "  step %lld", (long long)l->step[l->at_step].step);
    if (l->mode == MODE_DIFF)
        spn_buf_printf(&b, "  against %s", l->other_path);
    l->api->heading(l->screen, b.data);
    spn_buf_free(&b);
}

static void done_opening(void *ctx, spn_status st, const struct spn_err *err)
{
    struct opening *o = ctx;
    struct look *l = o->look;
    char *wanted = l->wanted;

    l->opening = false;
    l->wanted = NULL;
    if (st == SPN_OK && wanted == NULL) {
        if (l->mode == MODE_DIFF)
            diff_end(l);
        sheet_drop(l->sheet);
        l->sheet = o->sheet;
        o->sheet = NULL;
        ckpt_steps_free(l->step, l->n_step);
        l->step = o->step;
        l->n_step = o->n_step;
        l->at_step = o->at_step;
        o->step = NULL;
        o->n_step = 0;
        l->mode = MODE_TREE;
        l->stale = false;
        look_forget_warnings(l);
        series_forget(l);
        codec_free(l);
        show_state(l);
        look_heading(l);
        if (!tabs_has(l, l->tab))
            l->tab = TAB_STAT;
        tree_fill(l);
        tree_warnings(l);
        if (l->chosen != NULL)
            tree_choose_name(l, l->chosen);
        else
            tree_chosen(l, 1);
        if (l->sheet->short_of != NULL)
            l->api->say(l->screen, l->sheet->short_of);
        l->api->focus(l->tree);
        look_count(l);
        l->api->timer(l->screen, CHECK_MS);
    } else if (st != SPN_OK && st != SPN_ECANCEL) {
        l->api->fail(l->screen, err);
        if (l->sheet == NULL && wanted == NULL)
            browse_show(l, l->folder != NULL ? l->folder : ".");
    }
    sheet_drop(o->sheet);
    ckpt_steps_free(o->step, o->n_step);
    spn_free(o->path);
    spn_free(o);
    if (wanted != NULL)
        look_open(l, wanted);
    spn_free(wanted);
}

void look_open(struct look *l, const char *path)
{
    struct opening *o = NULL;
    struct spn_work_spec spec = { "opening", NULL, run_opening, NULL, done_opening };
    struct spn_err err = SPN_ERR_INIT;
    char *copy = spn_strdup(path);

    if (copy == NULL) {
        l->api->say(l->screen, "no memory to open it");
        return;
    }
    if (l->opening) {
        spn_free(l->wanted);
        l->wanted = copy;
        return;
    }
    o = spn_calloc(1, sizeof *o);
    if (o == NULL || (o->path = spn_strdup(path)) == NULL) {
        spn_free(o);
        spn_free(copy);
        l->api->say(l->screen, "no memory to open it");
        return;
    }
    spn_free(l->path);
    l->path = copy;
    o->look = l;
    spec.ctx = o;
    l->opening = true;
    l->api->heading(l->screen, path);
    if (l->api->work(l->screen, &spec, &err) != SPN_OK) {
        l->opening = false;
        l->api->fail(l->screen, &err);
        spn_free(o->path);
        spn_free(o);
    }
}

void look_steps(struct look *l, int by)
{
    size_t at = l->at_step + (size_t)by;
    char *path;

    if (l->n_step == 0 || at >= l->n_step) {
        l->api->say(l->screen, l->n_step == 0 ? "this is no run: there is no step beside"
                               : by < 0       ? "this is the first step"
                                              : "this is the newest step");
        return;
    }
    path = spn_strdup(l->step[at].path);
    if (path != NULL)
        look_open(l, path);
    spn_free(path);
}

/* ---- counting ---- */

struct counting {
    struct look *look;
    struct sheet *sheet;
    struct spn_work *work;
    struct stopper stop;
    int64_t before; /* numbers of the tensors that are done */
};
struct note {                   /* a message of it */
    const struct ckpt_row *row; /* NULL: a warning */
    struct spn_stats s;
    struct warning warning;
};

static spn_status post_note(struct counting *c, const struct note *n, struct spn_err *err)
{
    struct note *copy = spn_calloc(1, sizeof *copy);

    if (copy == NULL) {
        spn_free(n->warning.name);
        spn_free(n->warning.text);
        return spn_fail(err, SPN_ENOMEM, "statistics: no memory for a message");
    }
    *copy = *n;
    c->look->api->work_post(c->work, copy);
    return SPN_OK;
}

static spn_status on_counted(void *ctx, const struct ckpt_row *row, const struct spn_stats *s,
                             struct spn_err *err)
{
    struct counting *c = ctx;

    c->before += row->numbers;
    return post_note(c, &(struct note){ .row = row, .s = *s }, err);
}

static spn_status on_warning(void *ctx, const struct ckpt_warning *w, struct spn_err *err)
{
    struct note n = { .warning = { spn_strdup(w->name), spn_strdup(w->text), w->what } };

    if (n.warning.name == NULL || n.warning.text == NULL) {
        spn_free(n.warning.name);
        spn_free(n.warning.text);
        return spn_fail(err, SPN_ENOMEM, "statistics: no memory for a warning");
    }
    return post_note(ctx, &n, err);
}

static void on_progress(void *ctx, int64_t done, int64_t total)
{
    struct counting *c = ctx;

    c->look->api->work_progress(c->work, (double)(c->before + done), (double)c->sheet->numbers);
}

static spn_status run_counting(void *ctx, struct spn_work *w, struct spn_err *err)
{
    struct counting *c = ctx;
    struct spn_pool *pool = spn_pool_new(spn_threads_allowed());
    struct spn_measure how = { .pool = pool,
                               .cancel = c->look->api->work_cancel(w),
                               .progress = on_progress,
                               .progress_ctx = c };
    spn_status st;

    c->work = w;
    stopper_begin(&c->stop, how.cancel);
    if (pool == NULL)
        return spn_fail(err, SPN_ENOMEM, "statistics: no memory for threads");
    st = ckpt_health(&c->sheet->c, &how, on_warning, on_counted, c, err);
    spn_pool_free(pool);
    return st == SPN_OK ? spn_reader_check(c->sheet->c.reader, err) : st;
}

static void add_warning(struct look *l, const struct warning *w)
{
    struct warning *grown = spn_realloc(l->warning, l->n_warning + 1, sizeof *grown);

    if (grown == NULL) {
        spn_free(w->name);
        spn_free(w->text);
        return;
    }
    l->warning = grown;
    l->warning[l->n_warning++] = *w;
}

void look_forget_warnings(struct look *l)
{
    for (size_t i = 0; i < l->n_warning; i++) {
        spn_free(l->warning[i].name);
        spn_free(l->warning[i].text);
    }
    spn_free(l->warning);
    l->warning = NULL;
    l->n_warning = 0;
}

static void message_counting(void *ctx, void *message_take)
{
    struct counting *c = ctx;
    struct look *l = c->look;
    struct note *n = message_take;

    if (l->sheet != c->sheet) { /* another file is shown meanwhile */
        spn_free(n->warning.name);
        spn_free(n->warning.text);
    } else if (n->row != NULL) {
        c->sheet->figure[n->row - c->sheet->c.row] = (struct figure){ true, n->s };
    } else {
        add_warning(l, &n->warning);
    }
    if (l->sheet == c->sheet && !l->dirty) {
        l->dirty = true;
        l->api->timer(l->screen, 200); /* a tree of thousands is not drawn for each of them */
    }
    spn_free(n);
}

static void done_counting(void *ctx, spn_status st, const struct spn_err *err)
{
    struct counting *c = ctx;
    struct look *l = c->look;
    bool shown = l->sheet == c->sheet;

    l->counting = NULL;
    if (shown) {
        tree_fill(l);
        tree_warnings(l);
        if (st != SPN_OK && st != SPN_ECANCEL)
            look_fail(l, err);
    }
    shown = !c->stop.wanted; /* another file is: its turn */
    sheet_drop(c->sheet);
    spn_free(c);
    if (!shown && l->sheet != NULL)
        look_count(l);
}

void look_count(struct look *l)
{
    struct counting *c;
    struct spn_work_spec spec = { "statistics", NULL, run_counting, message_counting,
                                  done_counting };
    struct spn_err err = SPN_ERR_INIT;

    if (l->counting != NULL) {
        stopper_stop(l->counting);
        return; /* when it has ended this comes again */
    }
    c = spn_calloc(1, sizeof *c);
    if (c == NULL)
        return;
    c->look = l;
    c->sheet = sheet_hold(l->sheet);
    spec.ctx = c;
    l->counting = &c->stop;
    if (l->api->work(l->screen, &spec, &err) != SPN_OK) {
        l->counting = NULL;
        l->api->fail(l->screen, &err);
        sheet_drop(c->sheet);
        spn_free(c);
    }
}

/* ---- changed under us ---- */

void look_fail(struct look *l, const struct spn_err *err)
{
    struct spn_err why = SPN_ERR_INIT;

    if (err->code == SPN_EIO && l->sheet != NULL &&
        spn_reader_check(l->sheet->c.reader, &why) != SPN_OK) {
        l->stale = true;
        spn_cure(&why, "r");
        l->api->fail(l->screen, &why);
    } else {
        l->api->fail(l->screen, err);
    }
}

void look_check(struct look *l)
{
    struct spn_err err = SPN_ERR_INIT;

    if (l->sheet == NULL || l->stale)
        return;
    if (spn_reader_current(l->sheet->c.reader, &err) != SPN_OK) {
        spn_cure(&err, "r");
        l->api->fail(l->screen, &err);
        l->stale = true; /* said once */
        return;
    }
    l->api->timer(l->screen, CHECK_MS);
}
