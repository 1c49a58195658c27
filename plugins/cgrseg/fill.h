/* fill.h - the numbers of the digest's test vectors: a hash of the key and the place. */
#ifndef CGRSEG_FILL_H
#define CGRSEG_FILL_H
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* FNV-1a, 64 bits. */
static inline uint64_t fill_hash(const char *key)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *key != '\0'; key++)
        h = (h ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    return h;
}

/* Number I of KEY, 0 to 1. */
static inline double fill_unit(uint64_t hash, uint64_t i)
{
    uint64_t x = hash + i + UINT64_C(0x9E3779B97F4A7C15);

    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    x ^= x >> 31;
    return (double)(x >> 11) * 0x1p-53;
}

static inline bool fill_ends(const char *key, const char *end)
{
    size_t n = strlen(key), m = strlen(end);

    return n >= m && strcmp(key + n - m, end) == 0;
}

/* The range of a tensor by its name and shape: the digest's rules, first one wins. */
static inline void fill_range(const char *key, int ndim, const int64_t *dim, double *lo, double *hi)
{
    double fan = 1;

    for (int i = 1; i < ndim; i++)
        fan *= (double)dim[i];
    if (fill_ends(key, "running_var"))
        *lo = 0.5, *hi = 1.5;
    else if (fill_ends(key, "running_mean"))
        *lo = -0.1, *hi = 0.1;
    else if (fill_ends(key, "gamma") || strstr(key, "layer_scale") != NULL)
        *lo = 0.2, *hi = 0.6;
    else if (strstr(key, "attention_biases") != NULL)
        *lo = -1, *hi = 1;
    else if (strstr(key, "pos_embed") != NULL)
        *lo = -0.5, *hi = 0.5;
    else if (fill_ends(key, "bias") || fill_ends(key, ".b"))
        *lo = -0.1, *hi = 0.1;
    else if (fill_ends(key, ".g") || ndim == 1 || (ndim == 3 && dim[1] == 1 && dim[2] == 1))
        *lo = 0.8, *hi = 1.2;
    else
        *hi = sqrt(3 / fan), *lo = -*hi;
}

#endif
