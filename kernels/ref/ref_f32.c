/* ref_f32.c - the reference ops in float. */
#include "config.h"

#define real       float
#define REAL_DTYPE SPN_F32
#define REF(name)  k_##name##_ref_f32
#define R(fn)      fn##f
#include "ref/all_impl.h"
