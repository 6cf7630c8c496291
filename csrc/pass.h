/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The update as a pass of its own over vectors of gradients and parameters: when several
 * gradients make a step, when they are clipped by norm, or when they came from the
 * caller. The same bits as the update of each task in passing. */
#ifndef PYNN_PASS_H
#define PYNN_PASS_H

#include "internal.h"
#include "update.h"

struct pynn_flat { /* the vectors */
    const struct pynn_kernels *k;
    const struct pynn_optimizer_spec *spec;
    const struct pynn_optimizer_state *state;
    const struct pynn_run *runs;
    int64_t n_runs;
    char *params, *grads;
};

/* The parts of a pass, in this order, each after all threads did the one before. */
void pynn_flat_gather(const struct pynn_flat *flat, const struct pynn_step *step,
                      int32_t size, int32_t thread);
double pynn_flat_scale(const struct pynn_flat *flat); /* of clipping by global norm */
void pynn_flat_move(const struct pynn_flat *flat, const struct pynn_step *step,
                    double scale, int32_t size, int32_t thread);

#endif
