/* test_base.c - arithmetic, arenas, buffers, random streams, threads, files that shrink. */
#include <sched.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arith.h"
#include "base/buf.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "tap.h"

static void test_arith(void)
{
    uint64_t u = 7;
    size_t s = 7;
    int i = 7;

    ok(!spn_add_u64(UINT64_MAX, 1, &u) && u == 7, "a sum that overflows leaves the result alone");
    ok(!spn_mul_u64(UINT64_MAX / 2, 3, &u) && u == 7, "so does a product");
    ok(spn_align_u64(33, 32, &u) && u == 64, "33 aligned to 32 is 64");
    ok(!spn_align_u64(UINT64_MAX - 3, 32, &u), "padding that wraps is refused");
    ok(!spn_align_u64(1, 24, &u), "24 is not an alignment");
    ok(!spn_mul_size(SIZE_MAX, 2, &s) && s == 7, "size products are checked");
    ok(!spn_int_of_i64(1ll << 40, &i) && i == 7, "a cast that loses bits is refused");
    ok(spn_inside_u64(10, 0, 10) && !spn_inside_u64(11, 0, 10) &&
           !spn_inside_u64(4, UINT64_MAX, 10),
       "inside is compared without adding");
}

static void test_memory(void)
{
    struct spn_buf b = SPN_BUF_INIT(10);
    struct spn_arena *a;
    char *p, *text;

    ok(spn_buf_puts(&b, "01234") == SPN_OK && spn_buf_printf(&b, "%d", 56789) == SPN_OK,
       "ten bytes fit a ceiling of ten");
    ok(spn_buf_puts(&b, "x") == SPN_ENOMEM && b.failed && b.length == 10,
       "the eleventh does not, and nothing changed");
    text = spn_buf_steal(&b);
    ok_str(text, "0123456789", "what was added is there");
    spn_free(text);

    a = spn_arena_new(100000);
    p = spn_arena_alloc(a, 3, 5);
    ok(p != NULL && ((uintptr_t)p & 15) == 0 && p[14] == 0, "arena blocks are aligned and zeroed");
    memset(p, 'p', 15);
    text = spn_arena_strndup(a, "second", 6);
    ok(text != NULL && strcmp(text, "second") == 0 && p[0] == 'p' && p[14] == 'p',
       "a second block does not touch the first");
    ok(spn_arena_alloc(a, 90000, 1) == NULL, "the arena's ceiling holds");
    ok(spn_arena_alloc(a, SIZE_MAX, 2) == NULL, "and products are checked");
    spn_arena_free(a);

    spn_fail_at(2);
    p = spn_calloc(1, 1);
    ok(p != NULL && spn_calloc(1, 1) == NULL, "the second allocation fails when asked to");
    spn_free(p);
    p = spn_calloc(1, 1);
    ok(p != NULL, "and only that one");
    spn_free(p);
}

static void test_rng(void)
{
    struct spn_rng a, b;
    int hit[7] = { 0 };
    double mean = 0, square = 0;
    bool near = true;

    spn_rng_init(&a, spn_key_str(spn_key_int(spn_key_seed(1), 2), "value"));
    spn_rng_init(&b, spn_key_str(spn_key_int(spn_key_seed(1), 2), "value"));
    ok(spn_rng_u64(&a) == spn_rng_u64(&b), "the same key gives the same stream");
    spn_rng_init(&b, spn_key_str(spn_key_int(spn_key_seed(1), 3), "value"));
    ok(spn_rng_u64(&a) != spn_rng_u64(&b), "another key another stream");
    for (int i = 0; i < 70000; i++)
        hit[spn_rng_below(&a, 7)]++;
    for (int i = 0; i < 7; i++)
        near = near && hit[i] > 9600 && hit[i] < 10400;
    ok(near, "below(7) is even within 4 standard deviations");
    for (int i = 0; i < 40000; i++) {
        double x = spn_rng_normal(&a);

        mean += x / 40000;
        square += x * x / 40000;
    }
    ok_near(mean, 0, 0.02, "normal: mean");
    ok_near(square, 1, 0.04, "normal: variance");
}

static void add_index(void *ctx, int64_t begin, int64_t end, int worker)
{
    int64_t *sum = ctx;

    for (int64_t i = begin; i < end; i++)
        __atomic_add_fetch(sum, i, __ATOMIC_RELAXED);
    (void)worker;
}

/* A chunk that ends when two are inside at once, or after MEET_SECONDS. */
#define MEET_SECONDS 10
struct meeting {
    int inside, met;
};

static void meet(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct meeting *m = ctx;
    time_t until = time(NULL) + MEET_SECONDS;

    __atomic_add_fetch(&m->inside, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&m->inside, __ATOMIC_SEQ_CST) < 2 && time(NULL) < until)
        sched_yield();
    if (__atomic_load_n(&m->inside, __ATOMIC_SEQ_CST) == 2)
        __atomic_add_fetch(&m->met, 1, __ATOMIC_SEQ_CST);
    (void)begin;
    (void)end;
    (void)worker;
}

static void test_pool(void)
{
    struct spn_pool *p = spn_pool_new(3);
    struct meeting m = { 0 };
    bool good = true;

    ok_int(spn_pool_threads(p), 3, "threads of a pool of three");
    spn_pool_run(p, 2, 1, meet, &m);
    ok_int(m.met, 2, "chunks that were inside at the same time");

    for (int round = 0; round < 2000; round++) {
        int64_t sum = 0, n = round % 50;

        spn_pool_run(p, n, 3, add_index, &sum);
        good = good && sum == n * (n - 1) / 2;
    }
    ok(good, "2000 loops on 3 threads visit each item once");
    spn_pool_free(p);
    ok(spn_threads_allowed() >= 1 && spn_memory_free_bytes() > 0,
       "the machine has a thread and memory");
}

static void test_files(void)
{
    char dir[] = "/tmp/spinney-base-XXXXXX", *path, *text = NULL, *again = NULL, *deep, *slashed;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_map m;
    struct spn_out o;
    unsigned sum = 0;
    size_t n = 0;

    if (mkdtemp(dir) == NULL) {
        ok(false, "a temporary folder");
        return;
    }
    path = spn_path_join(dir, "f");
    deep = spn_path_join(dir, "a/b/c");
    ok(spn_make_dirs(deep, &err) == SPN_OK && spn_path_is_dir(deep),
       "folders are made like mkdir -p");
    ok(spn_file_write(path, "in the way", 10, &err) == SPN_OK, "a file is written");
    slashed = spn_path_join("f/", "g");
    ok_str(slashed, "f/g", "one slash is enough");
    spn_free(slashed);
    slashed = spn_path_join(path, "g");
    ok(spn_make_dirs(slashed, &err) == SPN_EIO && strstr(err.text, path) != NULL,
       "no folder below a file: %s", err.text);
    spn_free(slashed);
    text = spn_calloc(3, 65536);
    memset(text, 'x', 3 * 65536);
    ok(spn_file_write(path, text, 3 * 65536, &err) == SPN_OK, "a file is written whole");
    text[0] = text[3 * 65536 - 1] = 'y';
    ok(spn_file_write(path, text, 3 * 65536, &err) == SPN_OK &&
           spn_file_read(&again, &n, path, 3 * 65536, &err) == SPN_OK && n == 3 * 65536 &&
           memcmp(text, again, n) == 0,
       "and read back in pieces");
    spn_free(text);
    spn_free(again);

    ok(spn_map_open(&m, path, &err) == SPN_OK && m.size == 3 * 65536 &&
           spn_map_check(&m, &err) == SPN_OK,
       "and mapped");
    if (truncate(path, 10) != 0)
        ok(false, "truncate");
    for (uint64_t i = 0; i < m.size; i++)
        sum += m.data[i];
    ok(sum < 3 * 65536 * (unsigned)'x', "pages of a file that shrank read as zeros, no signal");
    ok(spn_map_check(&m, &err) == SPN_EIO &&
           strstr(err.text, "shrank from 196608 to 10 bytes") != NULL,
       "and the sentence says so: %s", err.text);
    spn_map_close(&m);
    spn_map_close(&m);

    ok(spn_out_open(&o, path, &err) == SPN_OK && fputs("new", o.f) >= 0,
       "a file is written beside");
    ok(spn_file_read(&text, &n, path, 100, &err) == SPN_OK && n == 10,
       "while the old one is still there");
    spn_free(text);
    spn_out_abandon(&o);
    ok(spn_file_read(&text, &n, path, 9, &err) == SPN_EFORMAT, "a ceiling on reading holds");
    ok(spn_file_write(path, "abc", 3, &err) == SPN_OK &&
           spn_file_read(&text, &n, path, 9, &err) == SPN_OK,
       "and replaced at once");
    ok_str(text, "abc", "with the new text");
    spn_free(text);
    ok(spn_map_open(&m, dir, &err) == SPN_EFORMAT && strstr(err.text, "not a regular file") != NULL,
       "a folder is not mapped: %s", err.text);
    ok(spn_map_open(&m, deep + strlen(deep), &err) == SPN_ENOTFOUND, "a missing file is not found");
    ok(spn_out_open(&o, "/nonexistent/x", &err) == SPN_EIO, "no folder to write in: %s", err.text);
    unlink(path);
    rmdir(deep);
    *strrchr(deep, '/') = '\0';
    rmdir(deep);
    *strrchr(deep, '/') = '\0';
    rmdir(deep);
    ok(rmdir(dir) == 0, "nothing else is left behind");
    spn_free(path);
    spn_free(deep);
}

int main(void)
{
    test_arith();
    test_memory();
    test_rng();
    test_pool();
    test_files();
    return done();
}
