/* fuzz_curves.c - any bytes as a run: the first byte says as which kind of file.
 *
 * 'e': an event file whose records are framed here (a byte of length, the event), so that what lies
 * behind the checksums is reached; 'r': an event file as it stands; 's': a trainer_state.json;
 * 'c': CSV; else JSON Lines.  It is read in two halves, as a file that grows. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/curves.h"
#include "fuzz/fuzz.h"

static uint32_t crc_masked(const uint8_t *p, size_t n)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static void put(FILE *f, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        fputc((int)(v >> 8 * i & 0xff), f);
}

static void framed(FILE *f, const uint8_t *data, size_t size)
{
    while (size > 0) {
        size_t n = data[0] < size - 1 ? data[0] : size - 1;
        const uint8_t head[8] = { (uint8_t)n };

        fwrite(head, 1, 8, f);
        put(f, crc_masked(head, 8), 4);
        fwrite(data + 1, 1, n, f);
        put(f, crc_masked(data + 1, n), 4);
        data += n + 1;
        size -= n + 1;
    }
}

static const char *path_for(char kind)
{
    static char dir[] = "/tmp/spinney-fuzz-XXXXXX", path[128];

    if (path[0] == '\0' && mkdtemp(dir) == NULL)
        abort();
    snprintf(path, sizeof path, "%s/%s", dir,
             kind == 'e' || kind == 'r' ? "x.tfevents.1"
             : kind == 's'              ? "trainer_state.json"
             : kind == 'c'              ? "x.csv"
                                        : "x.jsonl");
    return path;
}

static void add(const char *path, const char *mode, char kind, const uint8_t *data, size_t n)
{
    FILE *f = fopen(path, mode);

    if (f == NULL)
        abort();
    if (kind == 'e')
        framed(f, data, n);
    else
        fwrite(data, 1, n, f);
    fclose(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spn_curves *c = NULL;
    const char *path;
    bool changed;
    char kind;

    if (size < 2)
        return 0;
    kind = (char)data[0];
    path = path_for(kind);
    data++;
    size--;
    add(path, "w", kind, data, size / 2);
    spn_curves_probe(path);
    if (spn_curves_open(&c, path, NULL) == SPN_OK) {
        add(path, "a", kind, data + size / 2, size - size / 2);
        spn_curves_update(c, &changed, NULL);
        for (size_t i = 0; i < spn_curves_count(c); i++) {
            const struct spn_curve *k = spn_curves_at(c, i);
            double last = k->n > 0 ? k->value[k->n - 1] : 0;

            spn_curve_smooth(&last, &last, 1, 0.5);
        }
        spn_curves_last_step(c);
    }
    spn_curves_close(c);
    remove(path);
    return 0;
}
