#include "config.h"

#include "screen/picture_worker.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "screen/picture_modules.h"

struct picture_worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    struct picture_work waiting, finished;
    bool has_waiting, has_finished, working, stop;
    int wake;
};

void picture_work_end(struct picture_work *w)
{
    picture_source_unref(w->source);
    picture_stream_free(w->stream);
    cells_free(&w->art);
    *w = (struct picture_work){ 0 };
}

static void encode(struct picture_work *w)
{
    spn_status st;

    if (w->task.plan.way == PICTURE_BLOCKS) {
        if (cells_resize(&w->art, w->task.rows, w->task.columns, &w->why) == SPN_OK &&
            !picture_symbols(cells_area(&w->art), &w->source->pixels))
            picture_blocks(cells_area(&w->art), &w->source->pixels, false);
        return;
    }
    w->stream = spn_calloc(1, sizeof *w->stream);
    if (w->stream == NULL) {
        spn_fail(&w->why, SPN_ENOMEM, "picture: no memory");
        return;
    }
    st = picture_encode(w->stream, &w->task, &w->source->pixels, &w->why);
    if (st != SPN_OK) {
        spn_free(w->stream);
        w->stream = NULL;
    }
}

static void *run(void *arg)
{
    struct picture_worker *w = arg;
    struct picture_work now;
    char byte = 1;

    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->stop && (!w->has_waiting || w->has_finished))
            pthread_cond_wait(&w->change, &w->lock);
        if (w->stop)
            break;
        now = w->waiting;
        w->waiting = (struct picture_work){ 0 };
        w->has_waiting = false;
        w->working = true;
        pthread_mutex_unlock(&w->lock);
        encode(&now);
        pthread_mutex_lock(&w->lock);
        w->finished = now;
        w->has_finished = true;
        w->working = false;
        if (write(w->wake, &byte, 1) < 0)
            continue; /* a full pipe wakes as well */
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

spn_status picture_worker_start(struct picture_worker **out, int wake, struct spn_err *err)
{
    struct picture_worker *w = spn_calloc(1, sizeof *w);
    sigset_t all, before;
    int failed;

    if (w == NULL)
        return spn_fail(err, SPN_ENOMEM, "picture: no memory");
    w->wake = wake;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->change, NULL);
    /* Signals belong to the main thread; a crash stays where it happens. */
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
        pthread_mutex_destroy(&w->lock);
        pthread_cond_destroy(&w->change);
        spn_free(w);
        return spn_fail(err, SPN_ENOMEM, "picture: no thread: %s", strerror(failed));
    }
    *out = w;
    return SPN_OK;
}

void picture_worker_stop(struct picture_worker *w)
{
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->change);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    picture_work_end(&w->waiting);
    picture_work_end(&w->finished);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->change);
    spn_free(w);
}

void picture_worker_give(struct picture_worker *w, struct picture_work *work)
{
    pthread_mutex_lock(&w->lock);
    if (w->has_waiting)
        picture_work_end(&w->waiting);
    w->waiting = *work;
    w->has_waiting = true;
    pthread_cond_signal(&w->change);
    pthread_mutex_unlock(&w->lock);
}

bool picture_worker_busy(struct picture_worker *w)
{
    bool busy;

    pthread_mutex_lock(&w->lock);
    busy = w->working || w->has_waiting || w->has_finished;
    pthread_mutex_unlock(&w->lock);
    return busy;
}

bool picture_worker_take(struct picture_worker *w, struct picture_work *out)
{
    bool taken;

    pthread_mutex_lock(&w->lock);
    taken = w->has_finished;
    if (taken) {
        *out = w->finished;
        w->finished = (struct picture_work){ 0 };
        w->has_finished = false;
        pthread_cond_signal(&w->change);
    }
    pthread_mutex_unlock(&w->lock);
    return taken;
}
