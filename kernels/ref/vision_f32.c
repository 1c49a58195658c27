/* vision_f32.c - the references of the vision ops in float. */
#include "config.h"

#define real      float
#define REF(name) k_##name##_ref_f32
#define R(fn)     fn##f
#include "ref/vision_impl.h"
