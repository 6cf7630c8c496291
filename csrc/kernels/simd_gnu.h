/* SPDX-License-Identifier: BSD-3-Clause
 * simd.h on GNU vector extensions (GCC, Clang); intrinsics only for fma, max, min, sqrt,
 * select and the comparisons, where the extensions have no form that compiles well. */
#ifndef PYNN_KERNELS_SIMD_GNU_H
#define PYNN_KERNELS_SIMD_GNU_H

#define VL_f32 (PYNN_VECTOR_BYTES / 4)
#define VL_f64 (PYNN_VECTOR_BYTES / 8)

typedef float vf32 __attribute__((vector_size(PYNN_VECTOR_BYTES)));
typedef double vf64 __attribute__((vector_size(PYNN_VECTOR_BYTES)));
typedef int32_t if32 __attribute__((vector_size(PYNN_VECTOR_BYTES)));
typedef int64_t if64 __attribute__((vector_size(PYNN_VECTOR_BYTES)));
typedef uint32_t uf32 __attribute__((vector_size(PYNN_VECTOR_BYTES)));
typedef uint64_t uf64 __attribute__((vector_size(PYNN_VECTOR_BYTES)));
#define VP_f32 4
#define VP_f64 2

#if defined(PYNN_SIMD_V4)
#define PYNN_X86(op, T) _mm512_##op##_##T
typedef __m512 nf32;
typedef __m512d nf64;
#elif defined(PYNN_SIMD_V3)
#define PYNN_X86(op, T) _mm256_##op##_##T
typedef __m256 nf32;
typedef __m256d nf64;
#elif defined(PYNN_SIMD_V2)
#define PYNN_X86(op, T) _mm_##op##_##T
typedef __m128 nf32;
typedef __m128d nf64;
#endif

PYNN_INLINE uf64 uf64_low_product(uf64 a, uf64 b)
{
#if defined(PYNN_SIMD_V4)
    return (uf64)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(PYNN_SIMD_V3)
    return (uf64)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(PYNN_SIMD_V2)
    return (uf64)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (uf64)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#endif
}

#if defined(PYNN_SIMD_NEON)
PYNN_INLINE vf32 vf32_set1(float s) { return (vf32)vdupq_n_f32(s); }
PYNN_INLINE vf64 vf64_set1(double s) { return (vf64)vdupq_n_f64(s); }
PYNN_INLINE vf32 vf32_sqrt(vf32 a) { return (vf32)vsqrtq_f32((float32x4_t)a); }
PYNN_INLINE vf64 vf64_sqrt(vf64 a) { return (vf64)vsqrtq_f64((float64x2_t)a); }
PYNN_INLINE vf32 vf32_fma(vf32 a, vf32 b, vf32 c)
{
    return (vf32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
PYNN_INLINE vf64 vf64_fma(vf64 a, vf64 b, vf64 c)
{
    return (vf64)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
PYNN_INLINE vf32 vf32_fnma(vf32 a, vf32 b, vf32 c)
{
    return (vf32)vfmsq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
PYNN_INLINE vf64 vf64_fnma(vf64 a, vf64 b, vf64 c)
{
    return (vf64)vfmsq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
#else
#define PYNN_X86_VECTOR(T, P, REAL)                                                    \
    PYNN_INLINE v##T v##T##_set1(REAL s) { return (v##T)PYNN_X86(set1, P)(s); }        \
    PYNN_INLINE v##T v##T##_sqrt(v##T a) { return (v##T)PYNN_X86(sqrt, P)((n##T)a); }  \
    PYNN_INLINE v##T v##T##_max(v##T a, v##T b)                                        \
    {                                                                                  \
        return (v##T)PYNN_X86(max, P)((n##T)a, (n##T)b);                               \
    }                                                                                  \
    PYNN_INLINE v##T v##T##_min(v##T a, v##T b)                                        \
    {                                                                                  \
        return (v##T)PYNN_X86(min, P)((n##T)a, (n##T)b);                               \
    }
PYNN_X86_VECTOR(f32, ps, float)
PYNN_X86_VECTOR(f64, pd, double)

#if PYNN_HAS_FMA
#define PYNN_X86_FMA(T, P)                                                             \
    PYNN_INLINE v##T v##T##_fma(v##T a, v##T b, v##T c)                                \
    {                                                                                  \
        return (v##T)PYNN_X86(fmadd, P)((n##T)a, (n##T)b, (n##T)c);                    \
    }                                                                                  \
    PYNN_INLINE v##T v##T##_fnma(v##T a, v##T b, v##T c)                               \
    {                                                                                  \
        return (v##T)PYNN_X86(fnmadd, P)((n##T)a, (n##T)b, (n##T)c);                   \
    }
PYNN_X86_FMA(f32, ps)
PYNN_X86_FMA(f64, pd)
#else
PYNN_INLINE vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return a * b + c; }
PYNN_INLINE vf64 vf64_fma(vf64 a, vf64 b, vf64 c) { return a * b + c; }
PYNN_INLINE vf32 vf32_fnma(vf32 a, vf32 b, vf32 c) { return c - a * b; }
PYNN_INLINE vf64 vf64_fnma(vf64 a, vf64 b, vf64 c) { return c - a * b; }
#endif
#endif

#define PYNN_GNU_VECTOR(T, REAL, INT)                                                  \
    PYNN_INLINE v##T v##T##_load(const REAL *p)                                        \
    {                                                                                  \
        v##T v;                                                                        \
        memcpy(&v, p, sizeof v);                                                       \
        return v;                                                                      \
    }                                                                                  \
    PYNN_INLINE void v##T##_store(REAL *p, v##T v) { memcpy(p, &v, sizeof v); }        \
    PYNN_INLINE i##T v##T##_bits(v##T a) { return (i##T)a; }                           \
    PYNN_INLINE v##T v##T##_real(i##T k) { return (v##T)k; }                           \
    PYNN_INLINE i##T v##T##_lt(v##T a, v##T b) { return (i##T)(a < b); }               \
    PYNN_INLINE i##T v##T##_le(v##T a, v##T b) { return (i##T)(a <= b); }              \
    PYNN_INLINE i##T v##T##_gt(v##T a, v##T b) { return (i##T)(a > b); }               \
    PYNN_INLINE i##T v##T##_ge(v##T a, v##T b) { return (i##T)(a >= b); }              \
    PYNN_INLINE i##T v##T##_eq(v##T a, v##T b) { return (i##T)(a == b); }              \
    PYNN_INLINE i##T v##T##_ne(v##T a, v##T b) { return (i##T)(a != b); }              \
    PYNN_INLINE v##T v##T##_select(i##T m, v##T a, v##T b)                             \
    {                                                                                  \
        return (v##T)(((i##T)a & m) | ((i##T)b & ~m));                                 \
    }                                                                                  \
    PYNN_INLINE i##T v##T##_iset1(INT k) { return (i##T){0} + k; }                     \
    PYNN_INLINE i##T v##T##_iadd(i##T a, i##T b) { return (i##T)((u##T)a + (u##T)b); } \
    PYNN_INLINE i##T v##T##_isub(i##T a, i##T b) { return (i##T)((u##T)a - (u##T)b); } \
    PYNN_INLINE i##T v##T##_ishl(i##T a, int k) { return (i##T)((u##T)a << k); }       \
    PYNN_INLINE i##T v##T##_ishr(i##T a, int k) { return a >> k; }                     \
    PYNN_INLINE v##T v##T##_lane(void)                                                 \
    {                                                                                  \
        v##T v = {0};                                                                  \
        for (int j = 0; j < VL_##T; j++)                                               \
            v[j] = (REAL)j;                                                            \
        return v;                                                                      \
    }
PYNN_GNU_VECTOR(f32, float, int32_t)
PYNN_GNU_VECTOR(f64, double, int64_t)

/* ---- Lanes that are not zero ---- */

#define PYNN_PICK_LANES(T, REAL)                                                       \
    PYNN_INLINE size_t v##T##_pick(v##T a, uint32_t first, uint32_t step,              \
                                   REAL *values, uint32_t *offsets)                    \
    {                                                                                  \
        size_t n = 0;                                                                  \
        for (uint32_t j = 0; j < VL_##T; j++) {                                        \
            values[n] = a[j];                                                          \
            offsets[n] = first + step * j;                                             \
            n += a[j] != 0;                                                            \
        }                                                                              \
        return n;                                                                      \
    }

#if defined(PYNN_SIMD_V4)
PYNN_INLINE size_t vf32_pick(vf32 a, uint32_t first, uint32_t step, float *values,
                             uint32_t *offsets)
{
    const __mmask16 mask =
        _mm512_cmp_ps_mask((nf32)a, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    const uf32 at = (uf32){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} * step;
    _mm512_storeu_ps(values, _mm512_maskz_compress_ps(mask, (nf32)a));
    _mm512_storeu_si512(offsets,
                        _mm512_maskz_compress_epi32(mask, (__m512i)(at + first)));
    return (size_t)__builtin_popcount(mask);
}
PYNN_INLINE size_t vf64_pick(vf64 a, uint32_t first, uint32_t step, double *values,
                             uint32_t *offsets)
{
    typedef uint32_t eight __attribute__((vector_size(32)));
    const __mmask8 mask = _mm512_cmp_pd_mask((nf64)a, _mm512_setzero_pd(), _CMP_NEQ_UQ);
    const eight at = (eight){0, 1, 2, 3, 4, 5, 6, 7} * step + first;
    _mm512_storeu_pd(values, _mm512_maskz_compress_pd(mask, (nf64)a));
    _mm256_storeu_si256((__m256i *)(void *)offsets,
                        _mm256_maskz_compress_epi32(mask, (__m256i)at));
    return (size_t)__builtin_popcount(mask);
}
#else
PYNN_PICK_LANES(f32, float)
PYNN_PICK_LANES(f64, double)
#endif

/* ---- Parts of 128 bits ---- */

#if defined(PYNN_SIMD_V4)
#define PYNN_PARTS(T, P, REAL, WIDE, INSERT, EXTRACT)                                  \
    PYNN_INLINE v##T v##T##_load_parts(const REAL *p, size_t step)                     \
    {                                                                                  \
        n##T v = WIDE(_mm_loadu_##P(p));                                               \
        v = INSERT(v, _mm_loadu_##P(p + step), 1);                                     \
        v = INSERT(v, _mm_loadu_##P(p + 2 * step), 2);                                 \
        return (v##T)INSERT(v, _mm_loadu_##P(p + 3 * step), 3);                        \
    }                                                                                  \
    PYNN_INLINE void v##T##_store_parts(REAL *p, size_t step, v##T v)                  \
    {                                                                                  \
        _mm_storeu_##P(p, EXTRACT((n##T)v, 0));                                        \
        _mm_storeu_##P(p + step, EXTRACT((n##T)v, 1));                                 \
        _mm_storeu_##P(p + 2 * step, EXTRACT((n##T)v, 2));                             \
        _mm_storeu_##P(p + 3 * step, EXTRACT((n##T)v, 3));                             \
    }
PYNN_PARTS(f32, ps, float, _mm512_castps128_ps512, _mm512_insertf32x4,
           _mm512_extractf32x4_ps)
PYNN_PARTS(f64, pd, double, _mm512_castpd128_pd512, _mm512_insertf64x2,
           _mm512_extractf64x2_pd)
#elif defined(PYNN_SIMD_V3)
#define PYNN_PARTS(T, P, REAL)                                                         \
    PYNN_INLINE v##T v##T##_load_parts(const REAL *p, size_t step)                     \
    {                                                                                  \
        n##T v = _mm256_cast##P##128_##P##256(_mm_loadu_##P(p));                       \
        return (v##T)_mm256_insertf128_##P(v, _mm_loadu_##P(p + step), 1);             \
    }                                                                                  \
    PYNN_INLINE void v##T##_store_parts(REAL *p, size_t step, v##T v)                  \
    {                                                                                  \
        _mm_storeu_##P(p, _mm256_extractf128_##P((n##T)v, 0));                         \
        _mm_storeu_##P(p + step, _mm256_extractf128_##P((n##T)v, 1));                  \
    }
PYNN_PARTS(f32, ps, float)
PYNN_PARTS(f64, pd, double)
#else
#define PYNN_PARTS(T, REAL)                                                            \
    PYNN_INLINE v##T v##T##_load_parts(const REAL *p, size_t step)                     \
    {                                                                                  \
        return (void)step, v##T##_load(p);                                             \
    }                                                                                  \
    PYNN_INLINE void v##T##_store_parts(REAL *p, size_t step, v##T v)                  \
    {                                                                                  \
        (void)step, v##T##_store(p, v);                                                \
    }
PYNN_PARTS(f32, float)
PYNN_PARTS(f64, double)
#endif

#if defined(PYNN_SIMD_NEON)
#define PYNN_LOW_f32(a, b) (vf32) vzip1q_f32((float32x4_t)(a), (float32x4_t)(b))
#define PYNN_HIGH_f32(a, b) (vf32) vzip2q_f32((float32x4_t)(a), (float32x4_t)(b))
#define PYNN_LOW_f64(a, b) (vf64) vzip1q_f64((float64x2_t)(a), (float64x2_t)(b))
#define PYNN_HIGH_f64(a, b) (vf64) vzip2q_f64((float64x2_t)(a), (float64x2_t)(b))
#else
#define PYNN_LOW_f32(a, b) (vf32) PYNN_X86(unpacklo, ps)((nf32)(a), (nf32)(b))
#define PYNN_HIGH_f32(a, b) (vf32) PYNN_X86(unpackhi, ps)((nf32)(a), (nf32)(b))
#define PYNN_LOW_f64(a, b) (vf64) PYNN_X86(unpacklo, pd)((nf64)(a), (nf64)(b))
#define PYNN_HIGH_f64(a, b) (vf64) PYNN_X86(unpackhi, pd)((nf64)(a), (nf64)(b))
#endif

PYNN_INLINE void vf64_transpose_parts(vf64 *a)
{
    const vf64 low = PYNN_LOW_f64(a[0], a[1]), high = PYNN_HIGH_f64(a[0], a[1]);
    a[0] = low;
    a[1] = high;
}

PYNN_INLINE void vf32_transpose_parts(vf32 *a)
{
    vf64 even[2] = {(vf64)(PYNN_LOW_f32(a[0], a[1])), (vf64)(PYNN_LOW_f32(a[2], a[3]))};
    vf64 odd[2] = {(vf64)(PYNN_HIGH_f32(a[0], a[1])),
                   (vf64)(PYNN_HIGH_f32(a[2], a[3]))};
    vf64_transpose_parts(even);
    vf64_transpose_parts(odd);
    a[0] = (vf32)even[0];
    a[1] = (vf32)even[1];
    a[2] = (vf32)odd[0];
    a[3] = (vf32)odd[1];
}

#if defined(PYNN_SIMD_NEON) /* fmax on Arm returns NaN; keep the x86 rule everywhere */
PYNN_INLINE vf32 vf32_max(vf32 a, vf32 b) { return vf32_select(vf32_gt(a, b), a, b); }
PYNN_INLINE vf64 vf64_max(vf64 a, vf64 b) { return vf64_select(vf64_gt(a, b), a, b); }
PYNN_INLINE vf32 vf32_min(vf32 a, vf32 b) { return vf32_select(vf32_lt(a, b), a, b); }
PYNN_INLINE vf64 vf64_min(vf64 a, vf64 b) { return vf64_select(vf64_lt(a, b), a, b); }
#endif

#endif
