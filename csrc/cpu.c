/* SPDX-License-Identifier: BSD-3-Clause */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "cpu.h"

#if defined(__linux__)
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#include <xmmintrin.h>

struct regs {
    unsigned a, b, c, d;
};

static struct regs cpuid(unsigned leaf)
{
    struct regs r = {0, 0, 0, 0};
    __get_cpuid_count(leaf, 0, &r.a, &r.b, &r.c, &r.d);
    return r;
}

static unsigned xcr0(void)
{
    unsigned a, d;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return a;
}

static bool has(unsigned word, unsigned bits) { return (word & bits) == bits; }

enum pynn_level pynn_cpu_level(void)
{
    struct regs l1 = cpuid(1), l7 = cpuid(7), ext = cpuid(0x80000001u);
    if (!has(l1.c, bit_SSE3 | bit_SSSE3 | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT))
        return PYNN_LEVEL_GENERIC;
    unsigned v3 = bit_AVX | bit_FMA | bit_F16C | bit_MOVBE | bit_OSXSAVE;
    if (!has(l1.c, v3) || !has(l7.b, bit_AVX2 | bit_BMI | bit_BMI2) ||
        !has(ext.c, bit_LZCNT) || !has(xcr0(), 0x6)) /* xmm, ymm saved by the system */
        return PYNN_LEVEL_V2;
    unsigned v4 =
        bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
    if (!has(l7.b, v4) || !has(xcr0(), 0xe6)) /* and opmask, zmm */
        return PYNN_LEVEL_V3;
    return PYNN_LEVEL_V4;
}

uint64_t pynn_fp_enter(void)
{
    unsigned mode = _mm_getcsr();
    _mm_setcsr(0x9fc0u); /* all exceptions masked, nearest, FTZ and DAZ */
    return mode;
}

void pynn_fp_leave(uint64_t mode) { _mm_setcsr((unsigned)mode); }

#elif defined(__aarch64__)

enum pynn_level pynn_cpu_level(void) { return PYNN_LEVEL_GENERIC; }

uint64_t pynn_fp_enter(void)
{
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)1 << 24)); /* FZ */
    return mode;
}

void pynn_fp_leave(uint64_t mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }

#else

enum pynn_level pynn_cpu_level(void) { return PYNN_LEVEL_GENERIC; }

uint64_t pynn_fp_enter(void) { return 0; }

void pynn_fp_leave(uint64_t mode) { (void)mode; }

#endif

#if defined(__linux__)

/* "QUOTA PERIOD" of cgroup v2, or "max"; 0 when there is no limit. */
static int cgroup_cpus(void)
{
    char text[64] = {0};
    int fd = open("/sys/fs/cgroup/cpu.max", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0 || strncmp(text, "max", 3) == 0)
        return 0;
    char *end;
    long quota = strtol(text, &end, 10);
    long period = strtol(end, NULL, 10);
    if (quota <= 0 || period <= 0)
        return 0;
    return (int)((quota + period - 1) / period);
}

int pynn_cpu_count(void)
{
    cpu_set_t set;
    int n = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = CPU_COUNT(&set);
    int quota = cgroup_cpus();
    if (quota > 0 && quota < n)
        n = quota;
    return n > 0 ? n : 1;
}

#elif defined(_SC_NPROCESSORS_ONLN)

int pynn_cpu_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

#else

int pynn_cpu_count(void) { return 1; }

#endif
