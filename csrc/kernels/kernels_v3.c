/* SPDX-License-Identifier: BSD-3-Clause
 * All templates for the instruction set v3, in float32 and float64. */
#define PYNN_SIMD_V3
#define PYNN_ISA_NAME "v3"
#define PYNN_ISA_TABLE pynn_kernels_v3
#include "kernels.inc"
