/* measure_avx2.c - what measure/ reads fast, AVX2 and FMA. */
#include "config.h"

#include "x86/measure_impl.h"
