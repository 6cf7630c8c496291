/* SPDX-License-Identifier: BSD-3-Clause
 * All templates for the instruction set generic, in float32 and float64. */
#define PYNN_SIMD_GENERIC
#define PYNN_ISA_NAME "generic"
#define PYNN_ISA_TABLE pynn_kernels_generic
#include "kernels.inc"
