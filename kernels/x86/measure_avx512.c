/* measure_avx512.c - what measure/ reads fast, AVX-512. */
#include "config.h"

#include "x86/measure_impl.h"
