/* ref_f64.c - the reference ops in double, for gradient checks and as the judge of the float ones.
 */
#include "config.h"

#define real       double
#define REAL_DTYPE SPN_F64
#define REF(name)  k_##name##_ref_f64
#define R(fn)      fn
#include "ref/all_impl.h"
