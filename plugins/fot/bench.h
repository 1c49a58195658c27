/* bench.h - the benches of this plugin: `reason` compares methods on any questions, `fot` runs the
   paper's comparison on the Game of 24, `words` the one on word problems. */
#ifndef FOT_BENCH_H
#define FOT_BENCH_H
#include "spinney/plugin.h"

extern const struct spn_bench bench_reason, bench_fot, bench_words;

#endif
