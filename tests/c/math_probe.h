/* SPDX-License-Identifier: BSD-3-Clause
 * The functions of math.inc that no kernel table offers, one table per instruction set
 * (math_probe.c) and element type: [0] float32, [1] float64. */
#ifndef PYNN_TESTS_MATH_PROBE_H
#define PYNN_TESTS_MATH_PROBE_H

#include <stddef.h>

typedef void array_function(size_t n, const void *x, void *y); /* n a multiple of 16 */

struct math_probe {
    array_function *log1p, *softplus;
};

extern const struct math_probe math_probe_generic[2];
extern const struct math_probe math_probe_v2[2];
extern const struct math_probe math_probe_v3[2];
extern const struct math_probe math_probe_v4[2];
extern const struct math_probe math_probe_neon[2];

#endif
