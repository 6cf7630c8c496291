/* SPDX-License-Identifier: BSD-3-Clause
 * All templates for the instruction set v4, in float32 and float64. */
#define PYNN_SIMD_V4
#define PYNN_ISA_NAME "v4"
#define PYNN_ISA_TABLE pynn_kernels_v4
#include "kernels.inc"
