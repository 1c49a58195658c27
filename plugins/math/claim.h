/* claim.h - one `calculation = number` of a worked line, found at its sign of equality. */
#ifndef MATH_CLAIM_H
#define MATH_CLAIM_H
#include <stdbool.h>

#include "../common/exact.h"

struct claim {
    const char *begin, *equal, *result, *end; /* of the calculation; of what it is said to be */
    struct exact value, said;
    int decimals; /* of what is said */
};

/* The claim at the '=' EQUAL of the line that begins at LINE; its calculation begins no earlier
   than FROM (behind an earlier claim of the line). false: what stands there is algebra, a part of
   something larger or no number, and claims nothing that arithmetic could judge. */
bool claim_read(struct claim *c, const char *line, const char *from, const char *equal);

/* Is what is said the value, or its rounding to the decimals written? */
bool claim_holds(const struct claim *c);

#endif
