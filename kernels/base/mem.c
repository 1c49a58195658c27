#include "config.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"

static uint64_t alloc_count;   /* atomics: workers allocate too */
static uint64_t alloc_fail_at; /* 0: never */

/* Counts an allocation; true when the test hook wants it to fail. */
static bool refused(void)
{
    uint64_t n = __atomic_add_fetch(&alloc_count, 1, __ATOMIC_RELAXED);
    uint64_t at = __atomic_load_n(&alloc_fail_at, __ATOMIC_RELAXED);

    return at != 0 && n == at;
}

void spn_fail_at(uint64_t nth)
{
    uint64_t now = __atomic_load_n(&alloc_count, __ATOMIC_RELAXED);

    __atomic_store_n(&alloc_fail_at, nth == 0 ? 0 : now + nth, __ATOMIC_RELAXED);
}

uint64_t spn_alloc_count(void)
{
    return __atomic_load_n(&alloc_count, __ATOMIC_RELAXED);
}

void *spn_calloc(size_t count, size_t size)
{
    if (refused())
        return NULL;
    if (count == 0 || size == 0)
        count = size = 1;
    return calloc(count, size);
}

void *spn_realloc(void *old, size_t count, size_t size)
{
    size_t bytes;

    if (refused() || !spn_mul_size(count, size, &bytes))
        return NULL;
    return realloc(old, bytes == 0 ? 1 : bytes);
}

void *spn_aligned_alloc(size_t align, size_t size)
{
    size_t rounded;

    if (refused() || align == 0 || (align & (align - 1)) != 0 ||
        !spn_add_size(size, align - 1, &rounded))
        return NULL;
    rounded &= ~(align - 1);
    return aligned_alloc(align, rounded == 0 ? align : rounded);
}

void spn_free(void *p)
{
    free(p);
}

char *spn_strndup(const char *s, size_t n)
{
    size_t bytes;
    char *copy;

    if (!spn_add_size(n, 1, &bytes) || (copy = spn_realloc(NULL, bytes, 1)) == NULL)
        return NULL;
    if (n > 0)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *spn_strdup(const char *s)
{
    return spn_strndup(s, strlen(s));
}

/* An arena is a list of chunks; a block larger than a chunk gets a chunk of its own. */
#define CHUNK_BYTES (64u << 10)

struct chunk {
    struct chunk *next;
    size_t used, room;
    _Alignas(16) unsigned char bytes[];
};

struct spn_arena {
    struct chunk *first;
    size_t taken, ceiling;
};

struct spn_arena *spn_arena_new(size_t ceiling_bytes)
{
    struct spn_arena *a = spn_calloc(1, sizeof *a);

    if (a != NULL)
        a->ceiling = ceiling_bytes;
    return a;
}

void spn_arena_free(struct spn_arena *a)
{
    struct chunk *c, *next;

    if (a == NULL)
        return;
    for (c = a->first; c != NULL; c = next) {
        next = c->next;
        spn_free(c);
    }
    spn_free(a);
}

void *spn_arena_alloc(struct spn_arena *a, size_t count, size_t size)
{
    struct chunk *c = a->first;
    size_t bytes, room;
    void *p;

    if (!spn_mul_size(count, size, &bytes) || !spn_add_size(bytes, 15, &bytes))
        return NULL;
    bytes &= ~(size_t)15;
    if (c == NULL || bytes > c->room - c->used) {
        room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        if (bytes > a->ceiling - a->taken)
            return NULL;
        if (room > a->ceiling - a->taken)
            room = bytes;
        c = spn_calloc(1, sizeof *c + room);
        if (c == NULL)
            return NULL;
        c->room = room;
        c->next = a->first;
        a->first = c;
        a->taken += room;
    }
    p = c->bytes + c->used;
    c->used += bytes;
    return p;
}

char *spn_arena_strndup(struct spn_arena *a, const char *s, size_t n)
{
    size_t bytes;
    char *copy;

    if (!spn_add_size(n, 1, &bytes) || (copy = spn_arena_alloc(a, bytes, 1)) == NULL)
        return NULL;
    if (n > 0)
        memcpy(copy, s, n);
    return copy;
}
