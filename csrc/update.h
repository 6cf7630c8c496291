/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From an optimizer's hyperparameters to the constants of one step. The formulas are
 * those of Keras 3; struct pynn_optimizer_spec is in pynn.h.
 *
 * kind      hyper[0 ...]                                    state vectors
 * SGD       -                                               -
 * MOMENTUM  momentum                                        velocity
 * NESTEROV  momentum                                        velocity
 * RMSPROP   rho, epsilon, momentum, centered (0 or 1)       velocity,
 *                                                           momentum (if momentum > 0),
 *                                                           mean gradient (if centered)
 * ADAM      beta_1, beta_2, epsilon                         m, v
 * AMSGRAD   beta_1, beta_2, epsilon                         m, v, largest v
 * ADAMAX    beta_1, beta_2, epsilon                         m, u
 * NADAM     beta_1, beta_2, epsilon                         m, v
 * ADAGRAD   epsilon, initial accumulator                    accumulator
 * ADADELTA  rho, epsilon                                    gradients, steps
 * LION      beta_1, beta_2                                  m
 * FTRL      learning rate power (<= 0), initial accumulator,
 *           l1, l2, l2 shrinkage, beta                      accumulator, linear
 *
 * State vectors that are absent take no number: later ones move up. AdamW is ADAM with
 * a weight_decay; weight_decay works with every kind. An epsilon below the smallest
 * normal float is raised to it, so that zero parameters (padding) stay zero.
 */
#ifndef PYNN_UPDATE_H
#define PYNN_UPDATE_H

#include <stdbool.h>

#include "kernels/kernels.h"
#include "pynn.h"

/* Constants of step t = 1, 2, ... at learning rate `rate`; gscale is left at 1 for the
 * caller to set. scalar (struct pynn_optimizer_state) moves on by one step, so this is
 * called once per step, in order. Uses no libm function but sqrt: the same bits on
 * every machine. */
void pynn_update_prepare(const struct pynn_optimizer_spec *spec, double rate,
                         uint64_t t, double scalar[2], struct pynn_update_args *out);

/* What one gradient does. */
struct pynn_step {
    struct pynn_update_args args; /* of the rule, if it is applied */
    bool moves;                   /* false: the gradient is only gathered, see below */
    double gathered; /* how many gradients the step takes the mean of; 0: none yet */
    double momentum; /* of the average of the weights */
    bool overwrite;  /* that replaces them */
};

/* The step of the next gradient of `state`, whose scalar moves on; see above. */
void pynn_step_prepare(const struct pynn_optimizer_spec *spec, double rate,
                       struct pynn_optimizer_state *state, struct pynn_step *step);

#endif
