/* map.c - mapped files that may shrink.  Touching a page past the new end raises SIGBUS; the
 * handler lays a page of zeros there and marks the mapping, so the work under way ends with a
 * sentence instead of a signal. */
#include "config.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arith.h"
#include "base/mem.h"

#define GUARDS_MAX 4096 /* shards of the largest models, twice over */

struct spn_map_guard {
    int fd;
    uint64_t size;
    struct timespec mtime;
    int slot;
};

/* Read by the signal handler, so a fixed table of plain words: begin 0 = free. */
static struct {
    uintptr_t begin, end;
    int broken;
} guards[GUARDS_MAX];
static pthread_mutex_t guards_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction before;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uintptr_t page_bytes;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;

    for (int i = 0; i < GUARDS_MAX; i++) {
        uintptr_t begin = __atomic_load_n(&guards[i].begin, __ATOMIC_ACQUIRE);

        if (begin == 0 || at < begin || at >= guards[i].end)
            continue;
        if (mmap((void *)(at & ~(page_bytes - 1)), page_bytes, PROT_READ,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
            break;
        __atomic_store_n(&guards[i].broken, 1, __ATOMIC_RELEASE);
        return;
    }
    /* Not ours: as if we had never been here. */
    sigaction(sig, &before, NULL);
    raise(sig);
}

static void install(void)
{
    struct sigaction sa;

    page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    memset(&sa, 0, sizeof sa);
    sa.sa_sigaction = on_sigbus;
    sa.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigemptyset(&sa.sa_mask);
    sigaction(SIGBUS, &sa, &before);
}

/* A free row of the table, or -1. */
static int guard_take(uintptr_t begin, uintptr_t end)
{
    int slot = -1;

    pthread_mutex_lock(&guards_lock);
    for (int i = 0; i < GUARDS_MAX && slot < 0; i++)
        if (guards[i].begin == 0)
            slot = i;
    if (slot >= 0) {
        guards[slot].end = end;
        guards[slot].broken = 0;
        __atomic_store_n(&guards[slot].begin, begin, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&guards_lock);
    return slot;
}

spn_status spn_map_open(struct spn_map *m, const char *path, struct spn_err *err)
{
    struct spn_map_guard *g = NULL;
    struct stat sb;
    void *data = MAP_FAILED;
    size_t size = 0;
    spn_status st = SPN_OK;
    int fd;

    memset(m, 0, sizeof *m);
    pthread_once(&once, install);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return spn_fail(err, errno == ENOENT ? SPN_ENOTFOUND : SPN_EFORMAT, "%s: %s", path,
                        strerror(errno));
    if (fstat(fd, &sb) != 0)
        st = spn_fail(err, SPN_EIO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(sb.st_mode))
        st = spn_fail(err, SPN_EFORMAT, "%s: not a regular file", path);
    else if (sb.st_size < 0 || !spn_size_of_u64((uint64_t)sb.st_size, &size))
        st = spn_fail(err, SPN_EFORMAT, "%s: %lld bytes are too many for this machine", path,
                      (long long)sb.st_size);
    if (st == SPN_OK) {
        g = spn_calloc(1, sizeof *g);
        m->path = spn_strdup(path);
        if (g == NULL || m->path == NULL)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory to open it", path);
    }
    if (st == SPN_OK && size > 0) {
        data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            st = spn_fail(err, SPN_ENOMEM, "%s: cannot map %zu bytes: %s", path, size,
                          strerror(errno));
    }
    if (st == SPN_OK) {
        g->slot = size > 0 ? guard_take((uintptr_t)data, (uintptr_t)data + size) : -1;
        if (size > 0 && g->slot < 0)
            st = spn_fail(err, SPN_ENOMEM, "%s: more than %d files are mapped", path, GUARDS_MAX);
    }
    if (st != SPN_OK) {
        if (data != MAP_FAILED)
            munmap(data, size);
        close(fd);
        spn_free(g);
        spn_free(m->path);
        m->path = NULL;
        return st;
    }
    g->fd = fd;
    g->size = size;
    g->mtime = sb.st_mtim;
    m->data = size > 0 ? data : NULL;
    m->size = size;
    m->guard = g;
    return SPN_OK;
}

spn_status spn_map_check(const struct spn_map *m, struct spn_err *err)
{
    const struct spn_map_guard *g = m->guard;
    struct stat sb;

    if (g == NULL)
        return SPN_OK;
    if (fstat(g->fd, &sb) != 0)
        return spn_fail(err, SPN_EIO, "%s: %s", m->path, strerror(errno));
    if ((uint64_t)sb.st_size < g->size ||
        (g->slot >= 0 && __atomic_load_n(&guards[g->slot].broken, __ATOMIC_ACQUIRE)))
        return spn_fail(err, SPN_EIO, "%s: it shrank from %llu to %llu bytes while it was open",
                        m->path, (unsigned long long)g->size, (unsigned long long)sb.st_size);
    if (sb.st_mtim.tv_sec != g->mtime.tv_sec || sb.st_mtim.tv_nsec != g->mtime.tv_nsec ||
        (uint64_t)sb.st_size != g->size)
        return spn_fail(err, SPN_EIO, "%s: it changed while it was open", m->path);
    return SPN_OK;
}

spn_status spn_map_current(const struct spn_map *m, struct spn_err *err)
{
    const struct spn_map_guard *g = m->guard;
    struct stat mine, now;

    if (g == NULL)
        return SPN_OK;
    if (fstat(g->fd, &mine) != 0)
        return spn_fail(err, SPN_EIO, "%s: %s", m->path, strerror(errno));
    if (stat(m->path, &now) != 0)
        return spn_fail(err, SPN_EIO, "%s: it is not there any more: %s", m->path, strerror(errno));
    if (mine.st_dev != now.st_dev || mine.st_ino != now.st_ino)
        return spn_fail(err, SPN_EIO,
                        "%s: another file took its place while it was open, %lld bytes instead of "
                        "%lld",
                        m->path, (long long)now.st_size, (long long)mine.st_size);
    return SPN_OK;
}

void spn_map_close(struct spn_map *m)
{
    struct spn_map_guard *g = m->guard;

    if (g == NULL)
        return;
    if (g->slot >= 0) {
        pthread_mutex_lock(&guards_lock);
        __atomic_store_n(&guards[g->slot].begin, 0, __ATOMIC_RELEASE);
        pthread_mutex_unlock(&guards_lock);
    }
    if (m->data != NULL)
        munmap((void *)(uintptr_t)m->data, (size_t)m->size);
    close(g->fd);
    spn_free(g);
    spn_free(m->path);
    memset(m, 0, sizeof *m);
}
