/* rowops_avx2.c - ops over rows, AVX2 and FMA. */
#include "config.h"

#include "x86/rowops_impl.h"

#include "x86/rowattend_impl.h"
#include "x86/rowloss_impl.h"
#include "x86/weigh_impl.h"
