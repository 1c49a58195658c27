/* vision_avx2.c - vision ops, AVX2. */
#include "config.h"

#include "x86/vision_impl.h"
