/* full_disk.c - preloaded into a program it makes a disk that is full after $FULL_DISK_BYTES: what
 * would be written past them fails with ENOSPC.  Standard output and errors are not counted. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long long used;

/* The first call finds the libc's own function. */
static void *find(void **keep, const char *name)
{
    if (*keep == NULL)
        *keep = dlsym(RTLD_NEXT, name);
    return *keep;
}

/* May N bytes more be written? */
static int room(size_t n)
{
    const char *limit = getenv("FULL_DISK_BYTES");
    long long all = limit != NULL ? strtoll(limit, NULL, 10) : -1;

    if (all < 0 || __atomic_add_fetch(&used, (long long)n, __ATOMIC_RELAXED) <= all)
        return 1;
    errno = ENOSPC;
    return 0;
}

size_t fwrite(const void *bytes, size_t size, size_t n, FILE *f)
{
    static void *keep;
    size_t (*real)(const void *, size_t, size_t, FILE *);
    void *p = find(&keep, "fwrite");

    memcpy(&real, &p, sizeof real);
    if (f != stdout && f != stderr && !room(size * n))
        return 0;
    return real(bytes, size, n, f);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    static void *keep;
    ssize_t (*real)(int, const void *, size_t);
    void *p = find(&keep, "write");

    memcpy(&real, &p, sizeof real);
    return fd > 2 && !room(n) ? -1 : real(fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    static void *keep;
    ssize_t (*real)(int, const void *, size_t, off_t);
    void *p = find(&keep, "pwrite");

    memcpy(&real, &p, sizeof real);
    return !room(n) ? -1 : real(fd, bytes, n, at);
}
