/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The square roots of csrc/kernels/simd_roots.h against the hardware's, to the bit.
 *
 *     test_roots [STRIDE]
 *
 * Compiled with the flags of kernels_v4.c, for a CPU that has AVX-512. Sees every
 * STRIDE-th group of 48 bit patterns (default 1, exhaustive: half a minute), special
 * values in every lane, and the hard cases below with every estimate of 1/sqrt(x) that
 * another CPU may give; with subnormals and flushing them. Returns 1 when something is wrong.
 *
 * Hard cases. Let x = m 2^q with q = 23 or 24 and 2^23 <= m < 2^24; its root lies in
 * [2^23, 2^24), midpoints there are k + 1/2, and x - (k + 1/2)^2 = t - 1/4, where
 * t = x - k (k + 1) is even. So the root is |t - 1/4| / 2^25 or more from the midpoint.
 * What the last step rounds is off by less than 2^-22 (in units in the last place, as
 * here): the step adds less than 2 units, with a relative error below 2^-23. So whatever
 * the estimate, only cases with |t| <= 8 could go wrong. For each even t, here up to 64,
 * k (k + 1) + t = 0 has two solutions mod 2^q, found bit by bit.
 */
#include <stdio.h>
#include <stdlib.h>

#define PYNN_ROOT_SEED(y) ((y) * seed_error)
#define PYNN_SIMD_V4
static float seed_errors[16]; /* of the lanes, as factors */
#define seed_error vf32_load(seed_errors)
#include "kernels/simd.h"

enum { COUNT = NEWTON_f32 * VL_f32 };

static uint64_t groups, fast, wrong; /* fast: without the hardware's root */

static void check(const float *x)
{
    vf32 roots[GROUP_f32] = {{0}}, newton[NEWTON_f32];
    memcpy(roots, x, sizeof newton);
    groups++;
    fast += (uint64_t)vf32_newton_roots(roots, newton);
    vf32_roots(roots);
    for (int u = 0; u < NEWTON_f32; u++) {
        const vf32 want = vf32_sqrt(vf32_load(x + u * VL_f32));
        if (memcmp(&want, &roots[u], sizeof want) && wrong++ < 10)
            printf("wrong: of %a ... %a, estimates %a ... %a\n", (double)x[u * VL_f32],
                   (double)x[u * VL_f32 + VL_f32 - 1], (double)seed_errors[0],
                   (double)seed_errors[VL_f32 - 1]);
    }
}

static void every_pattern(uint64_t stride)
{
    float x[COUNT];
    for (uint64_t from = 0; from >> 32 == 0; from += COUNT * stride) {
        for (uint32_t i = 0; i < COUNT; i++) {
            const uint32_t bits = (uint32_t)from + i;
            memcpy(&x[i], &bits, sizeof bits);
        }
        check(x);
    }
}

static void special_values(void)
{
    static const float values[] = {
        0x1p-100f, 0x1.fffffep-101f, 0x1p-126f, 0x1p-149f, -0.f,
        -1,        INFINITY,         -INFINITY, NAN,       0x1.fffffep127f};
    float x[COUNT];
    for (size_t i = 0; i < 2 * sizeof values / sizeof *values; i++)
        for (int lane = 0; lane < COUNT; lane++) {
            for (int j = 0; j < COUNT; j++)
                x[j] = j == lane ? values[i / 2] : i % 2 ? 2 : 0;
            check(x);
        }
}

/* x[] and x[] 4^e, with estimates up to 1.5 x 2^-14 off the CPU's, in steps of one
 * unit in their last place or less */
static void every_estimate(const float *x)
{
    static const float powers[] = {1, 0x1p-122f, 0x1p-40f, 0x1p64f};
    float y[COUNT];
    for (int error = -1536; error < 1536; error += 16) {
        for (int lane = 0; lane < 16; lane++)
            seed_errors[lane] = 1 + (float)(error + lane) * 0x1p-24f;
        for (int i = 0; i < 4; i++) {
            for (int j = 0; j < COUNT; j++)
                y[j] = x[j] * powers[i];
            check(y);
        }
    }
}

static int hard_cases(void)
{
    float x[COUNT];
    int found = 0;
    for (int64_t t = -64; t <= 64; t += 2)
        for (int i = 0; i < 4; i++) {
            const int q = 23 + i / 2;
            uint64_t k = (uint64_t)i % 2;
            for (int bit = 1; bit < q; bit++) /* k solves mod 2^bit */
                k |= ((k * (k + 1) + (uint64_t)t) >> bit & 1) << bit;
            k |= 1 << 23; /* q = 23: the same mod 2^q; q = 24: a solution or not */
            const uint64_t square = k * (k + 1) + (uint64_t)t, m = square >> q;
            if (square & ((UINT64_C(1) << q) - 1) || m >> 23 != 1)
                continue; /* or the root belongs to the other q */
            for (int lane = 0; lane < VL_f32; lane++)
                x[found % NEWTON_f32 * VL_f32 + lane] = (float)m * (q == 23 ? 1 : 2);
            if (++found % NEWTON_f32 == 0)
                every_estimate(x);
        }
    every_estimate(x); /* the last, with some of before */
    return found;
}

int main(int argc, char **argv)
{
    const uint64_t stride = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    int hard = 0;
    for (int mode = 0; mode < 2 && stride > 0; mode++) {
        _mm_setcsr(mode == 0 ? 0x1f80 : 0x9fc0); /* 1: flush to zero, both ways */
        for (int error = -1; error <= 1; error++) {
            for (int lane = 0; lane < 16; lane++)
                seed_errors[lane] = 1 + (float)error * 0x1p-14f;
            every_pattern(stride);
            special_values();
        }
        hard = hard_cases();
    }
    printf("%llu groups, %.1f %% fast, %d hard cases, %llu wrong\n",
           (unsigned long long)groups, 100.0 * (double)fast / (double)groups, hard,
           (unsigned long long)wrong);
    /* 28.5 % of all floats lie between 2^-100 and 2^46, where d <= g always */
    return wrong > 0 || hard < 60 || (double)fast < 0.28 * (double)groups;
}
