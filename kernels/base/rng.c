#include "config.h"

#include "base/rng.h"

#include <math.h>

/* splitmix64 (Steele, Lea and Flood 2014): the finaliser that spreads keys. */
static uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t spn_key_seed(uint64_t seed)
{
    return mix(seed);
}

uint64_t spn_key_int(uint64_t key, uint64_t value)
{
    return mix(key ^ mix(value));
}

/* FNV-1a over the bytes, then mixed in like a number. */
uint64_t spn_key_str(uint64_t key, const char *text)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
        h = (h ^ *p) * 0x100000001b3u;
    return spn_key_int(key, h);
}

void spn_rng_init(struct spn_rng *r, uint64_t key)
{
    for (int i = 0; i < 4; i++) {
        key = mix(key);
        r->s[i] = key;
    }
    if ((r->s[0] | r->s[1] | r->s[2] | r->s[3]) == 0)
        r->s[0] = 1; /* the one state that never leaves itself */
}

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

uint64_t spn_rng_u64(struct spn_rng *r)
{
    uint64_t *s = r->s, out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

double spn_rng_unit(struct spn_rng *r)
{
    return (double)(spn_rng_u64(r) >> 11) * 0x1p-53;
}

uint64_t spn_rng_below(struct spn_rng *r, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, x;

    do
        x = spn_rng_u64(r);
    while (x >= limit);
    return x % n;
}

double spn_rng_normal(struct spn_rng *r)
{
    double u = 1.0 - spn_rng_unit(r), v = spn_rng_unit(r); /* u in (0, 1] */

    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

void spn_rng_shuffle(struct spn_rng *r, int *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)spn_rng_below(r, i);
        int t = items[i - 1];

        items[i - 1] = items[j];
        items[j] = t;
    }
}
