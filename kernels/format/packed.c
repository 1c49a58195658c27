/* packed.c - one place in one compressed stream is kept for a reader: reading a tensor from its
 * first to its last byte, in parts, unpacks it once.
 */
#include "config.h"

#include "format/packed.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "format/inflate.h"

struct k_cursor {
    pthread_mutex_t lock;
    const struct k_packed *at;         /* whose stream it is in; NULL: none */
    struct k_inflate z;
};

spn_status k_packed_new(struct k_packed **out, struct spn_reader *r, const void *in, size_t n,
                        uint64_t skip, struct spn_err *err)
{
    struct k_packed *p = NULL;
    spn_status st = SPN_OK;

    if (r->cursor == NULL) {
        st = k_reader_alloc(r, &r->cursor, 1, sizeof *r->cursor, err);
        if (st == SPN_OK)
            pthread_mutex_init(&r->cursor->lock, NULL);
    }
    if (st == SPN_OK)
        st = k_reader_alloc(r, &p, 1, sizeof *p, err);
    if (st != SPN_OK)
        return st;
    *p = (struct k_packed){ in, n, skip, r->cursor };
    *out = p;
    return SPN_OK;
}

/* To byte AT of the stream, from where it stands. */
static bool go_to(struct k_inflate *z, uint64_t at)
{
    while (z->out < at) {
        size_t part = at - z->out < (1 << 20) ? (size_t)(at - z->out) : 1 << 20, got = 0;

        if (!k_inflate_next(z, NULL, part, &got) || got < part)
            return false;
    }
    return true;
}

spn_status k_packed_read(const struct k_packed *p, const char *file, const char *name,
                         uint64_t first, size_t n, void *dst, struct spn_err *err)
{
    struct k_cursor *c = p->cursor;
    uint64_t stopped;
    size_t got = 0;
    bool good;

    pthread_mutex_lock(&c->lock);
    if (c->at != p || c->z.out > p->skip + first || c->z.state == K_BLOCK_BAD) {
        k_inflate_begin(&c->z, p->in, p->n);
        c->at = p;
    }
    good = go_to(&c->z, p->skip + first) && k_inflate_next(&c->z, dst, n, &got) && got == n;
    stopped = c->z.out;
    pthread_mutex_unlock(&c->lock);
    if (!good)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: tensor %.100s: its compressed data is wrong or cut after %" PRIu64
                        " bytes",
                        file, name, stopped);
    return SPN_OK;
}
