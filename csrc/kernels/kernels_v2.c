/* SPDX-License-Identifier: BSD-3-Clause
 * All templates for the instruction set v2, in float32 and float64. */
#define PYNN_SIMD_V2
#define PYNN_ISA_NAME "v2"
#define PYNN_ISA_TABLE pynn_kernels_v2
#include "kernels.inc"
