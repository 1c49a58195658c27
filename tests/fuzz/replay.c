/* replay.c - a fuzz target's main() without a fuzzer: every file of its corpus once, as a test.
 *
 *   replay_NAME [FILE|FOLDER]...     default: tests/fuzz/corpus/NAME of the sources
 */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "tap.h"

enum { INPUT_BYTES_MAX = 64 << 20 };

/* The bytes stand in a block of their size, so that a sanitizer sees the end. */
static int replay_file(const char *path)
{
    struct spn_err err = SPN_ERR_INIT;
    char *data = NULL;
    uint8_t *block;
    size_t n = 0;

    if (spn_file_read(&data, &n, path, INPUT_BYTES_MAX, &err) != SPN_OK) {
        printf("# %s\n", err.text);
        return 0;
    }
    block = malloc(n > 0 ? n : 1);
    if (block != NULL) {
        memcpy(block, data, n);
        LLVMFuzzerTestOneInput(block, n);
    }
    free(block);
    spn_free(data);
    return block != NULL;
}

static int replay(const char *path)
{
    int n = 0;
    DIR *d;

    if (!spn_path_is_dir(path))
        return replay_file(path);
    d = opendir(path);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        char *name = e->d_name[0] != '.' ? spn_path_join(path, e->d_name) : NULL;

        if (name != NULL)
            n += replay_file(name);
        spn_free(name);
    }
    if (d != NULL)
        closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    const char *src = getenv("SPINNEY_SRCDIR"), *name = strstr(argv[0], "replay_"), *next;
    char path[4096];

    while (name != NULL && (next = strstr(name + 1, "replay_")) != NULL)
        name = next;
    if (argc < 2 && name != NULL) {
        snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", src != NULL ? src : ".", name + 7);
        ok(replay(path) >= 10, "every file of %s", path);
    }
    for (int i = 1; i < argc; i++)
        ok(replay(argv[i]) > 0, "%s", argv[i]);
    return done();
}
