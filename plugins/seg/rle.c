#include "config.h"

#include "rle.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

static spn_status put_count(struct spn_buf *out, int64_t x)
{
    bool more = true;

    while (more) {
        char c = (char)(x & 31);

        x >>= 5; /* arithmetic: the sign stays */
        more = (c & 16) != 0 ? x != -1 : x != 0;
        if (more)
            c |= 32;
        c += 48;
        if (spn_buf_add(out, &c, 1) != SPN_OK)
            return SPN_ENOMEM;
    }
    return SPN_OK;
}

/* Writes a run, knowing the two before it. */
struct runs {
    struct spn_buf *out;
    int64_t last[2];
    size_t n;
};

static spn_status put_run(struct runs *r, int64_t length)
{
    int64_t value = r->n > 2 ? length - r->last[0] : length;

    r->last[0] = r->last[1];
    r->last[1] = length;
    r->n++;
    return put_count(r->out, value);
}

spn_status rle_encode(struct spn_buf *out, const uint8_t *ids, int w, int h, int id)
{
    struct runs r = { .out = out };
    bool inside = false;
    int64_t length = 0;
    spn_status st = SPN_OK;

    for (int x = 0; x < w; x++) {
        for (int y = 0; y < h && st == SPN_OK; y++) {
            bool now = ids[(size_t)y * (size_t)w + (size_t)x] == id;

            if (now != inside) {
                st = put_run(&r, length);
                inside = now;
                length = 0;
            }
            length++;
        }
    }
    return st == SPN_OK ? put_run(&r, length) : st;
}

/* The LENGTH pixels from AT on, down the columns. */
static void paint(uint8_t *ids, int w, int h, int64_t at, int64_t length, int id)
{
    for (int64_t i = at; i < at + length; i++)
        ids[(i % h) * w + i / h] = (uint8_t)id;
}

spn_status rle_runs(uint8_t *ids, int w, int h, int id, const int64_t *counts, size_t n,
                    struct spn_err *err)
{
    int64_t at = 0, all = (int64_t)w * h;

    for (size_t i = 0; i < n; i++) {
        if (counts[i] < 0 || counts[i] > all - at)
            return spn_fail(err, SPN_EFORMAT, "run %zu of %lld pixels leaves the picture", i,
                            (long long)counts[i]);
        if (i % 2 == 1)
            paint(ids, w, h, at, counts[i], id);
        at += counts[i];
    }
    if (at != all)
        return spn_fail(err, SPN_EFORMAT, "its runs cover %lld of %lld pixels", (long long)at,
                        (long long)all);
    return SPN_OK;
}

spn_status rle_decode(uint8_t *ids, int w, int h, int id, const char *text, struct spn_err *err)
{
    size_t room = strlen(text), n = 0;
    int64_t *counts = spn_calloc(room + 1, sizeof *counts);
    spn_status st = SPN_OK;

    if (counts == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for %zu runs", room);
    while (*text != '\0' && st == SPN_OK) {
        int64_t x = 0;
        int shift = 0, c;

        do {
            c = (unsigned char)*text++ - 48;
            if (c < 0 || c > 63 || shift > 35)
                break;
            x |= (int64_t)(c & 31) << shift;
            shift += 5;
        } while ((c & 32) != 0 && *text != '\0');
        if (c < 0 || c > 63 || (c & 32) != 0) {
            st = spn_fail(err, SPN_EFORMAT, "character %zu of its runs makes no number", n);
            break;
        }
        if ((c & 16) != 0)
            x -= (int64_t)1 << shift;
        counts[n] = n > 2 ? x + counts[n - 2] : x;
        n++;
    }
    if (st == SPN_OK)
        st = rle_runs(ids, w, h, id, counts, n, err);
    spn_free(counts);
    return st;
}
