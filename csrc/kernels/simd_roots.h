/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Square roots of GROUP_f32 vectors for loops that divide as well. The divider, which also
 * takes roots, is busier there than the FMA units; so these take NEWTON_f32 of the roots.
 *
 * From y = 1/sqrt(x) (1 + e), |e| < 2^-14, Newton's rule makes g = sqrt(x) and
 * h = 1/(2 sqrt(x)) good to about one unit in the last place; then g + (x - g^2) h,
 * rounded once, is the correctly rounded root (Markstein). tests/c/test_roots.c goes
 * through every float, and shows that no estimate y of that quality changes a bit.
 *
 * x = 0 takes y = 0, which gives g = h = 0. For 0 < x < 2^-100, where x - g^2 may
 * underflow, y = 0 also, so that the remainder d = x is above g = 0; for x < 0, infinite
 * or NaN, d is NaN. Unless every lane has d <= g, the hardware takes all roots. */
#ifndef PYNN_KERNELS_SIMD_ROOTS_H
#define PYNN_KERNELS_SIMD_ROOTS_H

#define GROUP_f32 4
#define NEWTON_f32 3
#define PYNN_EACH                                                                      \
    PYNN_UNROLL                                                                        \
    for (int u = 0; u < NEWTON_f32; u++)
#ifndef PYNN_ROOT_SEED /* the test puts other estimates in */
#define PYNN_ROOT_SEED(y) (y)
#endif

/* NEWTON_f32 roots; returns whether all of them are right. */
PYNN_INLINE int vf32_newton_roots(const vf32 *x, vf32 *root)
{
    const __m512i tiny = _mm512_castps_si512(_mm512_set1_ps(0x1p-100f));
    const vf32 half = vf32_set1(0.5f);
    vf32 g[NEWTON_f32], h[NEWTON_f32], r[NEWTON_f32];
    PYNN_EACH
    {
        const __mmask16 big =
            _mm512_cmp_epu32_mask((__m512i)x[u], tiny, _MM_CMPINT_NLT);
        h[u] = PYNN_ROOT_SEED((vf32)_mm512_maskz_rsqrt14_ps(big, (__m512)x[u]));
    }
    PYNN_EACH g[u] = x[u] * h[u];
    PYNN_EACH h[u] *= half;
    PYNN_EACH r[u] = vf32_fnma(g[u], h[u], half);
    PYNN_EACH g[u] = vf32_fma(g[u], r[u], g[u]);
    PYNN_EACH h[u] = vf32_fma(h[u], r[u], h[u]);
    PYNN_EACH r[u] = vf32_fnma(g[u], g[u], x[u]);
    __mmask16 good = 0xffff;
    PYNN_EACH good =
        _mm512_mask_cmp_ps_mask(good, (__m512)r[u], (__m512)g[u], _CMP_LE_OQ);
    PYNN_EACH root[u] = vf32_fma(r[u], h[u], g[u]);
    return good == 0xffff;
}

PYNN_INLINE void vf32_roots(vf32 *x)
{
    vf32 root[NEWTON_f32];
    PYNN_UNROLL
    for (int u = NEWTON_f32; u < GROUP_f32; u++)
        x[u] = vf32_sqrt(x[u]);
    if (__builtin_expect(!vf32_newton_roots(x, root), 0))
        PYNN_EACH root[u] = vf32_sqrt(x[u]);
    PYNN_EACH x[u] = root[u];
}

#endif
