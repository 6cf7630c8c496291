/* SPDX-License-Identifier: BSD-3-Clause
 * simd.h for a compiler without vector extensions: one lane, plain C. */
#ifndef PYNN_KERNELS_SIMD_GENERIC_H
#define PYNN_KERNELS_SIMD_GENERIC_H

#define PYNN_HAS_FMA 0
#define VL_f32 1
#define VL_f64 1
#define VP_f32 1
#define VP_f64 1

#define PYNN_GENERIC_VECTOR(T, REAL, INT, SQRT)                                        \
    typedef REAL v##T;                                                                 \
    typedef INT i##T;                                                                  \
    PYNN_INLINE v##T v##T##_load(const REAL *p) { return *p; }                         \
    PYNN_INLINE void v##T##_store(REAL *p, v##T v) { *p = v; }                         \
    PYNN_INLINE v##T v##T##_set1(REAL s) { return s; }                                 \
    PYNN_INLINE v##T v##T##_fma(v##T a, v##T b, v##T c) { return a * b + c; }          \
    PYNN_INLINE v##T v##T##_fnma(v##T a, v##T b, v##T c) { return c - a * b; }         \
    PYNN_INLINE v##T v##T##_max(v##T a, v##T b) { return a > b ? a : b; }              \
    PYNN_INLINE v##T v##T##_min(v##T a, v##T b) { return a < b ? a : b; }              \
    PYNN_INLINE v##T v##T##_sqrt(v##T a) { return SQRT(a); }                           \
    PYNN_INLINE i##T v##T##_bits(v##T a)                                               \
    {                                                                                  \
        i##T k;                                                                        \
        memcpy(&k, &a, sizeof k);                                                      \
        return k;                                                                      \
    }                                                                                  \
    PYNN_INLINE v##T v##T##_real(i##T k)                                               \
    {                                                                                  \
        v##T a;                                                                        \
        memcpy(&a, &k, sizeof a);                                                      \
        return a;                                                                      \
    }                                                                                  \
    PYNN_INLINE i##T v##T##_lt(v##T a, v##T b) { return -(i##T)(a < b); }              \
    PYNN_INLINE i##T v##T##_le(v##T a, v##T b) { return -(i##T)(a <= b); }             \
    PYNN_INLINE i##T v##T##_gt(v##T a, v##T b) { return -(i##T)(a > b); }              \
    PYNN_INLINE i##T v##T##_ge(v##T a, v##T b) { return -(i##T)(a >= b); }             \
    PYNN_INLINE i##T v##T##_eq(v##T a, v##T b) { return -(i##T)(a == b); }             \
    PYNN_INLINE i##T v##T##_ne(v##T a, v##T b) { return -(i##T)(a != b); }             \
    PYNN_INLINE v##T v##T##_select(i##T m, v##T a, v##T b) { return m ? a : b; }       \
    PYNN_INLINE i##T v##T##_iset1(INT k) { return k; }                                 \
    PYNN_INLINE i##T v##T##_iadd(i##T a, i##T b) { return (i##T)((u##T)a + (u##T)b); } \
    PYNN_INLINE i##T v##T##_isub(i##T a, i##T b) { return (i##T)((u##T)a - (u##T)b); } \
    PYNN_INLINE i##T v##T##_ishl(i##T a, int k) { return (i##T)((u##T)a << k); }       \
    PYNN_INLINE i##T v##T##_ishr(i##T a, int k) { return a >> k; }                     \
    PYNN_INLINE v##T v##T##_lane(void) { return 0; }                                   \
    PYNN_INLINE size_t v##T##_pick(v##T a, uint32_t first, uint32_t step,              \
                                   REAL *values, uint32_t *offsets)                    \
    {                                                                                  \
        (void)step;                                                                    \
        *values = a;                                                                   \
        *offsets = first;                                                              \
        return a != 0;                                                                 \
    }                                                                                  \
    PYNN_INLINE v##T v##T##_load_parts(const REAL *p, size_t step)                     \
    {                                                                                  \
        return (void)step, *p;                                                         \
    }                                                                                  \
    PYNN_INLINE void v##T##_store_parts(REAL *p, size_t step, v##T v)                  \
    {                                                                                  \
        (void)step, *p = v;                                                            \
    }                                                                                  \
    PYNN_INLINE void v##T##_transpose_parts(v##T *a) { (void)a; }

typedef uint32_t uf32;
typedef uint64_t uf64;
PYNN_INLINE uf64 uf64_low_product(uf64 a, uf64 b)
{
    return (uf64)(uint32_t)a * (uint32_t)b;
}
PYNN_GENERIC_VECTOR(f32, float, int32_t, sqrtf)
PYNN_GENERIC_VECTOR(f64, double, int64_t, sqrt)

#endif
