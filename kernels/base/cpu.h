/* cpu.h - what this processor can do, and how much of the machine this process may use. */
#ifndef SPN_CPU_H
#define SPN_CPU_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spn_isa { SPN_ISA_REF, SPN_ISA_AVX2, SPN_ISA_AVX512 };

struct spn_cpu {
    bool avx2, fma, f16c; /* AVX2 level asks for all three */
    bool avx512;          /* F, BW, DQ, VL together */
    bool avx512_bf16, avx512_vnni, avx_vnni;
    char name[64];
};

const struct spn_cpu *spn_cpu_get(void);
/* The instruction set in use: the best one here, or the one SPINNEY_ISA=ref|avx2|avx512 asks for.
   A forced one that this processor lacks is SPN_EUSAGE (checked by the program at start). */
enum spn_isa spn_isa_get(void);
const char *spn_isa_name(enum spn_isa isa);
spn_status spn_isa_check(struct spn_err *err);
/* Tests only: change the choice within this process. False when the processor lacks it. */
bool spn_isa_force(enum spn_isa isa);

/* Threads this process may use: the least of affinity, cgroup quota (rounded up) and
 * SLURM_CPUS_PER_TASK. At least 1. */
int spn_threads_allowed(void);
/* Bytes this process can still take: the least of MemAvailable and what its cgroup leaves. */
uint64_t spn_memory_free_bytes(void);

#ifdef __cplusplus
}
#endif
#endif
