/* work.c - jobs of the screens: a thread each, messages through a bounded queue, stopped by a flag,
 * ended on the main thread. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "screen/work.h"

#define QUEUE_MAX 256

struct spn_work {
    struct spn_work *next;
    struct ui *ui;
    struct spn_screen *screen;
    struct spn_work_spec spec;
    char *what;
    pthread_t thread;
    struct spn_cancel cancel;
    void *queue[QUEUE_MAX]; /* ring: [head, head + n) */
    size_t head, n;
    pthread_cond_t room;
    double done, total;
    bool ended;
    spn_status st;
    struct spn_err err;
    int64_t began_ms;
};

static bool is_quiet(const struct spn_work *w)
{
    return w->what[0] == '\0';
}

static void wake(struct ui *ui)
{
    char b = 1;
    ssize_t n = write(ui->wake[1], &b, 1);

    (void)n; /* a full pipe wakes as well */
}

static void *run(void *arg)
{
    struct spn_work *w = arg;
    spn_status st = w->spec.run(w->spec.ctx, w, &w->err);

    pthread_mutex_lock(&w->ui->lock);
    w->st = st;
    w->ended = true;
    pthread_mutex_unlock(&w->ui->lock);
    wake(w->ui);
    return NULL;
}

spn_status work_start(struct spn_screen *s, const struct spn_work_spec *spec, struct spn_err *err)
{
    struct spn_work *w = spn_calloc(1, sizeof *w), **last;
    sigset_t all, before;
    int failed;

    if (w == NULL || (w->what = spn_strdup(spec->what)) == NULL) {
        spn_free(w);
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for a job", spec->what);
    }
    w->ui = s->ui;
    w->screen = s;
    w->spec = *spec;
    w->began_ms = ui_clock();
    pthread_cond_init(&w->room, NULL);
    /* Signals belong to the main thread. */
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        spn_fail(err, SPN_ENOMEM, "%s: no thread: %s", spec->what, strerror(failed));
        pthread_cond_destroy(&w->room);
        spn_free(w->what);
        spn_free(w);
        return SPN_ENOMEM;
    }
    if (spec->what[0] == '\0')
        s->quiet_jobs++;
    else
        s->jobs++;
    for (last = &s->ui->work; *last != NULL; last = &(*last)->next)
        continue;
    *last = w;
    return SPN_OK;
}

struct spn_cancel *work_cancel(struct spn_work *w)
{
    return &w->cancel;
}

void work_progress(struct spn_work *w, double done, double total)
{
    pthread_mutex_lock(&w->ui->lock);
    w->done = done;
    w->total = total;
    pthread_mutex_unlock(&w->ui->lock);
    wake(w->ui);
}

void work_post(struct spn_work *w, void *message_take)
{
    pthread_mutex_lock(&w->ui->lock);
    while (w->n == QUEUE_MAX)
        pthread_cond_wait(&w->room, &w->ui->lock);
    w->queue[(w->head + w->n++) % QUEUE_MAX] = message_take;
    pthread_mutex_unlock(&w->ui->lock);
    wake(w->ui);
}

/* One message of W, or NULL; *OVER: none is left and its thread has ended. */
static void *take(struct spn_work *w, bool *over)
{
    void *message = NULL;

    pthread_mutex_lock(&w->ui->lock);
    if (w->n > 0) {
        message = w->queue[w->head];
        w->head = (w->head + 1) % QUEUE_MAX;
        w->n--;
        pthread_cond_signal(&w->room);
    }
    *over = w->ended && w->n == 0 && message == NULL;
    pthread_mutex_unlock(&w->ui->lock);
    return message;
}

static void finish(struct ui *ui, struct spn_work *w)
{
    struct spn_work **p = &ui->work;

    while (*p != w)
        p = &(*p)->next;
    *p = w->next;
    pthread_join(w->thread, NULL);
    if (is_quiet(w))
        w->screen->quiet_jobs--;
    else
        w->screen->jobs--;
    if (w->spec.done != NULL)
        w->spec.done(w->spec.ctx, w->st, &w->err);
    pthread_cond_destroy(&w->room);
    spn_free(w->what);
    spn_free(w);
    ui->dirty = true;
}

void work_drain(struct ui *ui)
{
    struct spn_work *w, *next;
    char bytes[256];
    int budget;

    while (read(ui->wake[0], bytes, sizeof bytes) > 0)
        continue;
    for (w = ui->work; w != NULL; w = next) {
        bool over = false;

        for (budget = 2 * QUEUE_MAX; budget > 0 && !over; budget--) {
            void *message = take(w, &over);

            if (message == NULL)
                break;
            w->spec.message(w->spec.ctx, message);
            ui->dirty = true;
        }
        next = w->next;
        if (over)
            finish(ui, w);
        else
            ui->dirty = true;
    }
}

void work_stop(struct ui *ui, struct spn_screen *s)
{
    struct spn_work *w;

    for (w = ui->work; w != NULL; w = w->next)
        if (s == NULL || w->screen == s)
            spn_cancel_set(&w->cancel);
}

bool ui_working(const struct ui *ui)
{
    return ui->work != NULL;
}

size_t work_list(struct ui *ui, size_t i, const struct spn_work **out, char *text, size_t room)
{
    const struct spn_work *w = ui->work;
    size_t n = 0;

    *out = NULL;
    for (; w != NULL; w = w->next) {
        if (is_quiet(w))
            continue;
        if (n++ == i) {
            *out = w;
            pthread_mutex_lock(&ui->lock);
            if (w->total > 0)
                snprintf(text, room, "%.0f of %.0f", w->done, w->total);
            else
                snprintf(text, room, "%.0f", w->done);
            pthread_mutex_unlock(&ui->lock);
        }
    }
    return n;
}

const char *work_what(const struct spn_work *w)
{
    return w->what;
}

const char *work_screen(const struct spn_work *w)
{
    return w->screen->name;
}

const char *work_owner(const struct spn_work *w)
{
    return w->screen->owner;
}

double work_seconds(const struct spn_work *w)
{
    return (double)(ui_clock() - w->began_ms) / 1000;
}

void work_stop_one(struct ui *ui, const struct spn_work *which)
{
    struct spn_work *w;

    for (w = ui->work; w != NULL; w = w->next)
        if (w == which)
            spn_cancel_set(&w->cancel);
}

void work_progress_text(struct ui *ui, char *out, size_t room)
{
    const struct spn_work *w;
    char text[64];
    size_t n = work_list(ui, 0, &w, text, sizeof text);

    out[0] = '\0';
    if (n == 0)
        return;
    pthread_mutex_lock(&ui->lock);
    if (w->total > 0)
        snprintf(out, room, "%.40s %.0f %%", w->what, 100 * w->done / w->total);
    else
        snprintf(out, room, "%.40s", w->what);
    pthread_mutex_unlock(&ui->lock);
    if (n > 1 && strlen(out) + 16 < room)
        snprintf(out + strlen(out), room - strlen(out), ", %zu jobs", n);
}

void work_end(struct ui *ui)
{
    while (ui->work != NULL) {
        struct pollfd p = { ui->wake[0], POLLIN, 0 };

        work_stop(ui, NULL); /* those too that the end of another one has started */
        poll(&p, 1, 100);
        work_drain(ui);
    }
}
