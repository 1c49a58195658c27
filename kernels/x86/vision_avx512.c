/* vision_avx512.c - vision ops, AVX-512. */
#include "config.h"

#include "x86/vision_impl.h"
