/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PYNN_TESTS_CHECK_ACTIVATIONS_H
#define PYNN_TESTS_CHECK_ACTIVATIONS_H

#include "kernels/kernels.h"

/* Prints one line per activation; 1 when something is wrong. */
int check_activations(const struct pynn_kernels *kernels);

#endif
