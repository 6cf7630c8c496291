/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Prints the fused multiply-add peak of one core in GFLOP/s for the type REAL: CHAINS
 * independent chains hide the latency (4 cycles x 2 units need 8), nothing is loaded.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
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

typedef REAL vec __attribute__((vector_size(BYTES)));

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(void)
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
    double flops = 2.0 * CHAINS * ROUNDS * (BYTES / sizeof(REAL));
    printf("%.1f\n", flops / took / 1e9);
    return 0;
}
