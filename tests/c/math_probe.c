/* SPDX-License-Identifier: BSD-3-Clause
 * Compiled once per instruction set, with the flags of kernels_<isa>.c and
 * -DPYNN_SIMD_<ISA> -DPROBE_TABLE=math_probe_<isa>. */
#include "math_probe.h"

#include "kernels/simd.h"

/* math.inc has more than is probed */
#pragma GCC diagnostic ignored "-Wunused-function"

#define PYNN_REAL_F32
#include "kernels/real.h"

#include "math_probe.inc"

#include "kernels/real_end.h"

#define PYNN_REAL_F64
#include "kernels/real.h"

#include "math_probe.inc"

#include "kernels/real_end.h"

#define ROW(T) {probe_log1p_##T, probe_softplus_##T}
const struct math_probe PROBE_TABLE[2] = {ROW(f32), ROW(f64)};
