/* probe.h - what lies behind a text: each token with its probability and what else could have stood
 * there. */
#ifndef SPINNEY_PROBE_H
#define SPINNEY_PROBE_H
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPN_PROBE_OTHERS 8

struct spn_probe_other {
    const char *text; /* bytes of a token, control characters too; owned by the probe */
    size_t length;
    float logprob;
};
struct spn_probe_token {
    const char *text;
    size_t length;
    float logprob;
    float entropy;                                   /* of the whole distribution, nats */
    struct spn_probe_other other[SPN_PROBE_OTHERS]; /* the likeliest first; the token itself may be
                                                        among them */
    int n_others;
};
struct spn_probe {
    struct spn_probe_token *token;
    size_t n;
    char *bytes; /* private: the texts */
};

#ifdef __cplusplus
}
#endif
#endif
