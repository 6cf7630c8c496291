/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The vector wrapper: the only place where kernels meet an instruction set.
 *
 * kernels_<isa>.c defines exactly one of PYNN_SIMD_{GENERIC,V2,V3,V4,NEON} and
 * includes this header, which provides for T in {f32, f64}:
 *
 *   v<T>            vector of VL_<T> reals; + - * / work on it directly
 *   i<T>            vector of signed integers of the same width; & | ^ ~ + - work
 *   v<T>_load/store unaligned memory access          v<T>_set1   broadcast
 *   v<T>_fma(a,b,c) a*b + c  (fused on v3, v4, neon; two roundings on generic, v2)
 *   v<T>_fnma       c - a*b                           v<T>_sqrt   IEEE square root
 *   v<T>_roots(x)   x[0 .. GROUP_<T>-1] = their square roots, the same bits as
 *                   sqrt; where GROUP_<T> > 1, the divider stays free meanwhile
 *   v<T>_max(a,b)   a > b ? a : b  (b when either is NaN); v<T>_min likewise
 *   v<T>_bits / v<T>_real           reinterpret v <-> i
 *   v<T>_lt/le/gt/ge/eq/ne(a,b)     lane masks, all ones or all zeros, as i<T>
 *   v<T>_select(m,a,b)              m ? a : b, lane by lane
 *   v<T>_iset1(k), v<T>_iadd/isub/ishl/ishr(a,k) integer lanes (ishr is arithmetic)
 *   uf64_low_product(a,b)           products of the low halves of VL_f64 words of 64 bits
 *   v<T>_lane()                     lane numbers 0 .. VL-1 as reals
 *   v<T>_pick(a,first,step,values,offsets)   writes the lanes that are not zero, and
 *                                   first + step * lane of each; returns how many. Up to
 *                                   VL may be written
 *   v<T>_load_parts(p,step)         part i from p + i*step; v<T>_store_parts likewise.
 *                                   A part is VP_<T> reals: 128 bits, or one lane
 *   v<T>_transpose_parts(a)         vectors a[VP]: in each part, element k of vector j
 *                                   and element j of vector k change places
 *
 * real.h maps these to names without the suffix, so each template is written once.
 * No -ffast-math and no contraction: an FMA happens where v_fma says so.
 */
#ifndef PYNN_KERNELS_SIMD_H
#define PYNN_KERNELS_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define PYNN_INLINE static inline __attribute__((always_inline, unused))
#define PYNN_APART __attribute__((noinline)) /* callers keep their small frame */
#if defined(__clang__)
#define PYNN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PYNN_UNROLL _Pragma("GCC unroll 32")
#endif
#define PYNN_NOUNROLL _Pragma("GCC unroll 1")
#define PYNN_RESTRICT __restrict__
#define PYNN_PREFETCH(p) __builtin_prefetch(p, 0, 2) /* into L2 */
#else
#define PYNN_INLINE static inline
#define PYNN_APART
#define PYNN_UNROLL
#define PYNN_NOUNROLL
#define PYNN_RESTRICT
#define PYNN_PREFETCH(p) ((void)(p))
#endif

#if defined(PYNN_SIMD_GENERIC)
#include "simd_generic.h"
#else
#if defined(PYNN_SIMD_NEON)
#include <arm_neon.h>
#define PYNN_VECTOR_BYTES 16
#define PYNN_HAS_FMA 1
#else
#include <immintrin.h>
#if defined(PYNN_SIMD_V4)
#define PYNN_VECTOR_BYTES 64
#define PYNN_HAS_FMA 1
#elif defined(PYNN_SIMD_V3)
#define PYNN_VECTOR_BYTES 32
#define PYNN_HAS_FMA 1
#else
#define PYNN_VECTOR_BYTES 16
#define PYNN_HAS_FMA 0
#endif
#endif
#include "simd_gnu.h"
#endif

#if defined(PYNN_SIMD_V4)
#include "simd_roots.h"
#else
#define GROUP_f32 1
PYNN_INLINE void vf32_roots(vf32 *x) { *x = vf32_sqrt(*x); }
#endif
#define GROUP_f64 1
PYNN_INLINE void vf64_roots(vf64 *x) { *x = vf64_sqrt(*x); }

#endif
