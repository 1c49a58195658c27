/* mem.h - allocation that can be made to fail, and arenas for work that ends together. */
#ifndef SPN_MEM_H
#define SPN_MEM_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* COUNT * SIZE bytes, zeroed; NULL when the product overflows, memory is short or the test hook
 * says so. Free with spn_free. */
void *spn_calloc(size_t count, size_t size);
/* Resize to COUNT * SIZE bytes; the old block stays valid on failure. New bytes are not set. */
void *spn_realloc(void *old, size_t count, size_t size);
/* ALIGN: power of two. Not zeroed. Free with spn_free. */
void *spn_aligned_alloc(size_t align, size_t size);
void spn_free(void *p); /* NULL is fine */
char *spn_strdup(const char *s);
char *spn_strndup(const char *s, size_t n);

/* Test hook: the Nth allocation from now fails (1 = the next one), 0 = none. Counts per process. */
void spn_fail_at(uint64_t nth);
/* Allocations since start: how far a sweep has to go. */
uint64_t spn_alloc_count(void);

/* An arena: many small blocks, one free. Not shared between threads. */
struct spn_arena;
struct spn_arena *spn_arena_new(size_t ceiling_bytes); /* NULL: no memory */
void spn_arena_free(struct spn_arena *a);              /* NULL is fine */
/* SIZE bytes aligned to 16, zeroed; NULL when the ceiling or memory is reached. */
void *spn_arena_alloc(struct spn_arena *a, size_t count, size_t size);
char *spn_arena_strndup(struct spn_arena *a, const char *s, size_t n);

#ifdef __cplusplus
}
#endif
#endif
