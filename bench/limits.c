/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Limits of one core. Without arguments, prints the fused multiply-add peak in GFLOP/s for
 * the type REAL: CHAINS independent chains hide the latency (4 cycles x 2 units need 8),
 * nothing is loaded. With "triad" or "read" and a number of bytes, prints the GB/s that pass
 * through a loop a = b + s * c over three arrays of that size together (two are read, one is
 * written), or through a loop that only reads.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef __AVX512F__
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
#define CHAINS 12
#define ROUNDS 20000000
#define SECONDS 0.2

typedef REAL vec __attribute__((vector_size(BYTES)));

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double peak(void)
{
    vec sum[CHAINS], factor = (vec){0} + (REAL)0.999, term = (vec){0} + (REAL)0.001;
    for (int i = 0; i < CHAINS; i++)
        sum[i] = (vec){0} + (REAL)i;
    double start = seconds();
    for (long n = 0; n < ROUNDS; n++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            sum[i] = sum[i] * factor + term;
    }
    double took = seconds() - start;
    volatile REAL keep = 0; /* so that the loop is not removed */
    for (int i = 0; i < CHAINS; i++)
        keep += sum[i][0];
    return 2.0 * CHAINS * ROUNDS * (BYTES / sizeof(REAL)) / took / 1e9;
}

static void triad(vec *a, size_t n)
{
    const vec *b = a + n, *c = b + n;
    for (size_t i = 0; i < n; i++)
        a[i] = b[i] + (REAL)0.5 * c[i];
}

static void sum(vec *a, size_t n)
{
    vec total[CHAINS] = {{0}};
    for (size_t i = 0; i + CHAINS <= 3 * n; i += CHAINS)
        for (int j = 0; j < CHAINS; j++)
            total[j] += a[i + (size_t)j];
    for (int j = 0; j < CHAINS; j++)
        __asm__ volatile("" ::"x"(total[j]));
}

static double bandwidth(void (*pass)(vec *, size_t), size_t bytes)
{
    size_t n = bytes / 3 / BYTES / 4 * 4;
    vec *memory = aligned_alloc(4096, (3 * n * BYTES / 4096 + 1) * 4096);
    if (!memory || n == 0)
        exit(1);
    for (size_t i = 0; i < 3 * n; i++)
        memory[i] = (vec){0} + (REAL)1;
    double best = 0, end = seconds() + SECONDS;
    size_t passes = 1 + ((size_t)1 << 22) / bytes;
    do {
        double start = seconds();
        for (size_t i = 0; i < passes; i++) {
            pass(memory, n);
            __asm__ volatile("" ::"r"(memory) : "memory");
        }
        double rate = 3.0 * (double)(n * BYTES * passes) / (seconds() - start) / 1e9;
        best = rate > best ? rate : best;
    } while (seconds() < end);
    free(memory);
    return best;
}

int main(int argc, char **argv)
{
    double value;
    if (argc < 3)
        value = peak();
    else
        value = bandwidth(argv[1][0] == 't' ? triad : sum, strtoull(argv[2], NULL, 10));
    printf("%.1f\n", value);
    return 0;
}
