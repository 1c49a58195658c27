#include "config.h"

#include "base/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static struct spn_cpu cpu;
static enum spn_isa isa_best, isa_now;
static const char *isa_wanted_bad; /* what SPINNEY_ISA asked for in vain */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *const isa_names[] = { "ref", "avx2", "avx512" };

#if defined(__x86_64__)
/* XCR0: which register files the operating system saves. */
static uint64_t xgetbv0(void)
{
    uint32_t lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static void read_name(void)
{
    uint32_t words[12] = { 0 };
    char *p = cpu.name, text[sizeof words + 1];
    const char *s;

    for (uint32_t i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2],
                         &words[4 * i + 3]))
            return;
    memcpy(text, words, sizeof words);
    text[sizeof words] = '\0';
    for (s = text; *s == ' '; s++)
        ;
    while (*s != '\0' && p < cpu.name + sizeof cpu.name - 1)
        *p++ = *s++;
    while (p > cpu.name && p[-1] == ' ')
        p--;
    *p = '\0';
}

static void detect(void)
{
    uint32_t a, b, c, d, c7 = 0, b7 = 0, a71 = 0;
    uint64_t saved;
    bool ymm, zmm;

    read_name();
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_OSXSAVE) == 0)
        return;
    saved = xgetbv0();
    ymm = (saved & 6) == 6;
    zmm = (saved & 0xe6) == 0xe6;
    if (__get_cpuid_count(7, 0, &a, &b7, &c7, &d) && a >= 1)
        __get_cpuid_count(7, 1, &a71, &b, &a, &d);
    cpu.fma = ymm && (c & bit_FMA) != 0;
    cpu.f16c = ymm && (c & bit_F16C) != 0;
    cpu.avx2 = ymm && (b7 & bit_AVX2) != 0;
    cpu.avx512 = zmm && (b7 & bit_AVX512F) && (b7 & bit_AVX512BW) && (b7 & bit_AVX512DQ) &&
                 (b7 & bit_AVX512VL);
    cpu.avx512_vnni = cpu.avx512 && (c7 & bit_AVX512VNNI) != 0;
    cpu.avx512_bf16 = cpu.avx512 && (a71 & (1u << 5)) != 0;
    cpu.avx_vnni = cpu.avx2 && (a71 & (1u << 4)) != 0;
}
#else
static void detect(void)
{
}
#endif

static void start(void)
{
    const char *want = getenv("SPINNEY_ISA");

    detect();
    isa_best = SPN_ISA_REF;
#ifdef HAVE_X86
    if (cpu.avx2 && cpu.fma && cpu.f16c)
        isa_best = cpu.avx512 && cpu.avx512_vnni ? SPN_ISA_AVX512 : SPN_ISA_AVX2;
#endif
    isa_now = isa_best;
    if (want == NULL || *want == '\0')
        return;
    for (int i = 0; i < 3; i++) {
        if (strcmp(want, isa_names[i]) == 0 && i <= (int)isa_best) {
            isa_now = (enum spn_isa)i;
            return;
        }
    }
    isa_wanted_bad = want;
}

const struct spn_cpu *spn_cpu_get(void)
{
    pthread_once(&once, start);
    return &cpu;
}

enum spn_isa spn_isa_get(void)
{
    pthread_once(&once, start);
    return isa_now;
}

const char *spn_isa_name(enum spn_isa isa)
{
    return isa_names[isa];
}

spn_status spn_isa_check(struct spn_err *err)
{
    pthread_once(&once, start);
    if (isa_wanted_bad == NULL)
        return SPN_OK;
    return spn_fail(err, SPN_EUSAGE,
                    "SPINNEY_ISA: '%.32s' is not one of ref, avx2, avx512 that this processor has "
                    "(best here: %s)",
                    isa_wanted_bad, isa_names[isa_best]);
}

bool spn_isa_force(enum spn_isa isa)
{
    pthread_once(&once, start);
    if (isa > isa_best)
        return false;
    isa_now = isa;
    return true;
}

/* The first number in a small file of the kernel's; -1 when there is none ("max"). */
static long long read_number(const char *path, long long *second)
{
    FILE *f = fopen(path, "re");
    char text[128] = "";
    long long a = -1, b = -1;

    if (f == NULL)
        return -1;
    if (fgets(text, sizeof text, f) != NULL && sscanf(text, "%lld %lld", &a, &b) < 1)
        a = -1;
    fclose(f);
    if (second != NULL)
        *second = b;
    return a;
}

/* Folder of this process's cgroup (version 2), "" at the root or when there is none. */
static void cgroup_folder(char *out, size_t room)
{
    FILE *f = fopen("/proc/self/cgroup", "re");
    char line[1024];

    out[0] = '\0';
    if (f == NULL)
        return;
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(out, room, "/sys/fs/cgroup%s", line + 3);
        }
    }
    fclose(f);
}

/* Least figure of NAME over this cgroup and those above it: FN reads one folder, -1 = no limit
 * there. */
static double least_over_cgroups(double (*fn)(const char *folder))
{
    char folder[1100];
    double least = -1;

    cgroup_folder(folder, sizeof folder);
    while (strncmp(folder, "/sys/fs/cgroup", 14) == 0) {
        double here = fn(folder);
        char *slash = strrchr(folder, '/');

        if (here >= 0 && (least < 0 || here < least))
            least = here;
        if (slash == NULL || slash <= folder + 13)
            break;
        *slash = '\0';
    }
    return least;
}

static double quota_of(const char *folder)
{
    char path[1200];
    long long period = 0, quota;

    snprintf(path, sizeof path, "%s/cpu.max", folder);
    quota = read_number(path, &period);
    return quota > 0 && period > 0 ? (double)quota / (double)period : -1;
}

static double memory_left_in(const char *folder)
{
    char path[1200];
    long long limit, used;

    snprintf(path, sizeof path, "%s/memory.max", folder);
    limit = read_number(path, NULL);
    snprintf(path, sizeof path, "%s/memory.current", folder);
    used = read_number(path, NULL);
    if (limit < 0 || used < 0)
        return -1;
    return limit > used ? (double)(limit - used) : 0;
}

int spn_threads_allowed(void)
{
    const char *slurm = getenv("SLURM_CPUS_PER_TASK");
    cpu_set_t set;
    int n = 1;
    double quota;
    char *end;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        n = CPU_COUNT(&set);
    quota = least_over_cgroups(quota_of);
    if (quota < 0) { /* version 1 */
        long long q = read_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", NULL);
        long long p = read_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us", NULL);

        if (q > 0 && p > 0)
            quota = (double)q / (double)p;
    }
    if (quota > 0 && quota < n)
        n = quota <= 1 ? 1 : (int)(quota + 0.999);
    if (slurm != NULL) {
        long k = strtol(slurm, &end, 10);

        if (end != slurm && *end == '\0' && k >= 1 && k < n)
            n = (int)k;
    }
    return n;
}

uint64_t spn_memory_free_bytes(void)
{
    FILE *f = fopen("/proc/meminfo", "re");
    char line[256];
    uint64_t bytes = 0, kib;
    double left;

    if (f == NULL)
        return UINT64_MAX;
    while (fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "MemAvailable: %lu", &kib) == 1)
            bytes = kib << 10;
    fclose(f);
    left = least_over_cgroups(memory_left_in);
    if (left >= 0 && left < (double)bytes)
        bytes = (uint64_t)left;
    return bytes;
}
