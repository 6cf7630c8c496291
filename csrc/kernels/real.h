/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Chooses the element type for the templates (*.inc): define PYNN_REAL_F32 or
 * PYNN_REAL_F64, include this, include the templates, then include real_end.h.
 * R(name) makes a static name unique per type.
 */
#if defined(PYNN_REAL_F32)
#define T_ f32
#define real float
#define ireal int32_t
#define VL VL_f32
#define VP VP_f32
#define REAL_C(x) x##f
#elif defined(PYNN_REAL_F64)
#define T_ f64
#define real double
#define ireal int64_t
#define VL VL_f64
#define VP VP_f64
#define REAL_C(x) x
#else
#error "define PYNN_REAL_F32 or PYNN_REAL_F64"
#endif

#define PYNN_CAT_(a, b) a##b
#define PYNN_CAT(a, b) PYNN_CAT_(a, b)
#define R(name) PYNN_CAT(PYNN_CAT(name, _), T_)
#define GROUP PYNN_CAT(GROUP_, T_)
#define V_(op) PYNN_CAT(PYNN_CAT(v, T_), _##op)
#define vr PYNN_CAT(v, T_)
#define vi PYNN_CAT(i, T_)
#define v_load V_(load)
#define v_store V_(store)
#define v_set1 V_(set1)
#define v_fma V_(fma)
#define v_fnma V_(fnma)
#define v_max V_(max)
#define v_min V_(min)
#define v_sqrt V_(sqrt)
#define v_roots V_(roots)
#define v_bits V_(bits)
#define v_real V_(real)
#define v_lt V_(lt)
#define v_le V_(le)
#define v_gt V_(gt)
#define v_ge V_(ge)
#define v_eq V_(eq)
#define v_ne V_(ne)
#define v_select V_(select)
#define v_iset1 V_(iset1)
#define v_iadd V_(iadd)
#define v_isub V_(isub)
#define v_ishl V_(ishl)
#define v_ishr V_(ishr)
#define v_lane V_(lane)
#define v_pick V_(pick)
#define v_load_parts V_(load_parts)
#define v_store_parts V_(store_parts)
#define v_transpose_parts V_(transpose_parts)
