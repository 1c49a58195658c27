/* vision_f64.c - the references of the vision ops in double: the judge. */
#include "config.h"

#define real      double
#define REF(name) k_##name##_ref_f64
#define R(fn)     fn
#include "ref/vision_impl.h"
