/* pool.c - workers sleep on a condition variable, spin briefly between loops of one step, and take
 * chunks by a counter. */
#include "config.h"

#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "base/mem.h"

#define SPIN_ROUNDS 4000 /* about 10 us: the gap between two ops of a step */

struct worker {
    struct spn_pool *pool;
    pthread_t thread;
    int number;
};

struct spn_pool {
    int threads;
    struct worker *workers; /* threads - 1 of them; number 0 is the caller */
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    uint64_t round; /* grows with each loop */
    bool quit;
    int busy; /* workers that have not finished this round */
    spn_pool_fn fn;
    void *ctx;
    int64_t n, grain, next; /* next: first item not taken, atomic */
};

static void take_chunks(struct spn_pool *p, int worker)
{
    for (;;) {
        int64_t begin = __atomic_fetch_add(&p->next, p->grain, __ATOMIC_RELAXED), end;

        if (begin >= p->n)
            return;
        end = p->n - begin < p->grain ? p->n : begin + p->grain;
        p->fn(p->ctx, begin, end, worker);
    }
}

/* Waits for a round after SEEN; false when the pool ends. */
static bool wait_round(struct spn_pool *p, uint64_t *seen)
{
    bool go;

    for (int i = 0; i < SPIN_ROUNDS; i++) {
        if (__atomic_load_n(&p->round, __ATOMIC_ACQUIRE) != *seen)
            break;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    pthread_mutex_lock(&p->lock);
    while (p->round == *seen && !p->quit)
        pthread_cond_wait(&p->wake, &p->lock);
    *seen = p->round;
    go = !p->quit;
    pthread_mutex_unlock(&p->lock);
    return go;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct spn_pool *p = w->pool;
    uint64_t seen = 0;

    while (wait_round(p, &seen)) {
        take_chunks(p, w->number);
        pthread_mutex_lock(&p->lock);
        if (--p->busy == 0)
            pthread_cond_signal(&p->idle);
        pthread_mutex_unlock(&p->lock);
    }
    return NULL;
}

struct spn_pool *spn_pool_new(int threads)
{
    struct spn_pool *p = spn_calloc(1, sizeof *p);
    sigset_t all, old;

    if (p == NULL)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->idle, NULL);
    p->threads = 1;
    if (threads <= 1)
        return p;
    p->workers = spn_calloc((size_t)threads - 1, sizeof *p->workers);
    if (p->workers == NULL) {
        spn_pool_free(p);
        return NULL;
    }
    /* Signals belong to the main thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 0; i < threads - 1; i++) {
        struct worker *w = &p->workers[i];

        w->pool = p;
        w->number = i + 1;
        if (pthread_create(&w->thread, NULL, work, w) != 0)
            break; /* fewer threads, the same results */
        p->threads++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return p;
}

void spn_pool_free(struct spn_pool *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->threads - 1; i++)
        pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->idle);
    pthread_mutex_destroy(&p->lock);
    spn_free(p->workers);
    spn_free(p);
}

int spn_pool_threads(const struct spn_pool *p)
{
    return p == NULL ? 1 : p->threads;
}

void spn_pool_run(struct spn_pool *p, int64_t n, int64_t grain, spn_pool_fn fn, void *ctx)
{
    if (n <= 0)
        return;
    if (grain < 1)
        grain = 1;
    if (p == NULL || p->threads == 1 || n <= grain) {
        for (int64_t at = 0; at < n; at += grain)
            fn(ctx, at, n - at < grain ? n : at + grain, 0);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->fn = fn;
    p->ctx = ctx;
    p->n = n;
    p->grain = grain;
    p->next = 0;
    p->busy = p->threads - 1;
    __atomic_store_n(&p->round, p->round + 1, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);

    take_chunks(p, 0);

    pthread_mutex_lock(&p->lock);
    while (p->busy > 0)
        pthread_cond_wait(&p->idle, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
