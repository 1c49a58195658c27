/* pool.c - workers spin briefly between the loops of one step, then sleep.  A worker joins a loop
 * only while it is open: one that wakes late is not waited for, the caller has done its share. */
#include "config.h"

#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

#define SPIN_ROUNDS 4000 /* about 50 us: the gap between two loops of a step */

/* The gate: loops begun so far, whether this one is still open, workers inside. */
#define GATE_INSIDE 0xffffu
#define GATE_OPEN   0x10000u
#define GATE_LOOP   0x20000u

struct worker {
    struct spn_pool *pool;
    pthread_t thread;
    int number;
};

/* What a worker needs to join lies in one cache line, what all of them change in another: between
   cores that are far apart a line costs as much as a small loop. */
struct spn_pool {
    _Alignas(64) uint64_t gate; /* atomic */
    /* The loop; written while the gate is closed and nobody is inside. */
    spn_pool_fn fn;
    void *ctx;
    int64_t n, grain;
    _Alignas(64) int64_t next;  /* first item not taken, atomic */
    _Alignas(64) int threads;
    struct worker *workers;     /* threads - 1 of them; number 0 is the caller */
    int sleepers;               /* atomic; changed under the lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool quit; /* under the lock */
};

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

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

/* Steps inside the open loop that is not SEEN yet; false when there is none. */
static bool join(struct spn_pool *p, uint64_t *seen)
{
    uint64_t gate = __atomic_load_n(&p->gate, __ATOMIC_SEQ_CST);

    while ((gate & GATE_OPEN) != 0 && gate / GATE_LOOP != *seen)
        if (__atomic_compare_exchange_n(&p->gate, &gate, gate + 1, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            *seen = gate / GATE_LOOP;
            return true;
        }
    return false;
}

/* Waits for a loop to join; false when the pool ends. */
static bool wait_loop(struct spn_pool *p, uint64_t *seen)
{
    bool joined = false, quit;

    for (int i = 0; i < SPIN_ROUNDS; i++) {
        if (join(p, seen))
            return true;
        pause_briefly();
    }
    pthread_mutex_lock(&p->lock);
    /* The caller opens the gate, then looks for sleepers; here it is the other way round. */
    __atomic_add_fetch(&p->sleepers, 1, __ATOMIC_SEQ_CST);
    while (!p->quit && !(joined = join(p, seen)))
        pthread_cond_wait(&p->wake, &p->lock);
    __atomic_sub_fetch(&p->sleepers, 1, __ATOMIC_SEQ_CST);
    quit = p->quit;
    pthread_mutex_unlock(&p->lock);
    return joined || !quit;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct spn_pool *p = w->pool;
    uint64_t seen = 0;

    while (wait_loop(p, &seen)) {
        take_chunks(p, w->number);
        __atomic_sub_fetch(&p->gate, 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

struct spn_pool *spn_pool_new(int threads)
{
    struct spn_pool *p = spn_aligned_alloc(64, sizeof *p);
    sigset_t all, old;

    if (p == NULL)
        return NULL;
    memset(p, 0, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
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
    uint64_t loop;

    if (n <= 0)
        return;
    if (grain < 1)
        grain = 1;
    if (p == NULL || p->threads == 1 || n <= grain) {
        for (int64_t at = 0; at < n; at += grain)
            fn(ctx, at, n - at < grain ? n : at + grain, 0);
        return;
    }
    p->fn = fn;
    p->ctx = ctx;
    p->n = n;
    p->grain = grain;
    __atomic_store_n(&p->next, 0, __ATOMIC_RELAXED);
    loop = __atomic_load_n(&p->gate, __ATOMIC_RELAXED) / GATE_LOOP + 1;
    __atomic_store_n(&p->gate, loop * GATE_LOOP | GATE_OPEN, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&p->sleepers, __ATOMIC_SEQ_CST) > 0) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
    take_chunks(p, 0);
    __atomic_and_fetch(&p->gate, ~(uint64_t)GATE_OPEN, __ATOMIC_ACQ_REL);
    for (int i = 0; (__atomic_load_n(&p->gate, __ATOMIC_ACQUIRE) & GATE_INSIDE) != 0; i++) {
        if (i < SPIN_ROUNDS)
            pause_briefly();
        else
            sched_yield();
    }
}
