/* rng.h - random streams keyed by what they are for, never by the order in which they are used. */
#ifndef SPN_RNG_H
#define SPN_RNG_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* xoshiro256** (Blackman and Vigna 2018), seeded through splitmix64. */
struct spn_rng {
    uint64_t s[4];
};

/* A stream key: start from the seed, mix in numbers and names (tree, node path, kind of call). */
uint64_t spn_key_seed(uint64_t seed);
uint64_t spn_key_int(uint64_t key, uint64_t value);
uint64_t spn_key_str(uint64_t key, const char *text);

void spn_rng_init(struct spn_rng *r, uint64_t key);
uint64_t spn_rng_u64(struct spn_rng *r);
double spn_rng_unit(struct spn_rng *r);                /* uniform in [0, 1), 53 bits */
uint64_t spn_rng_below(struct spn_rng *r, uint64_t n); /* uniform in 0..n-1 without bias; n >= 1 */
double spn_rng_normal(struct spn_rng *r);              /* mean 0, deviation 1 */
void spn_rng_shuffle(struct spn_rng *r, int *items, size_t n);

#ifdef __cplusplus
}
#endif
#endif
