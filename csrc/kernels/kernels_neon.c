/* SPDX-License-Identifier: BSD-3-Clause
 * All templates for the instruction set neon, in float32 and float64. */
#define PYNN_SIMD_NEON
#define PYNN_ISA_NAME "neon"
#define PYNN_ISA_TABLE pynn_kernels_neon
#include "kernels.inc"
