/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What runs of parameters ask for beyond gradient and rule: penalties, constraints, no
 * decay. Runs are given by rising offset wherever one is looked for. */
#ifndef PYNN_TERMS_H
#define PYNN_TERMS_H

#include "internal.h"

#define PYNN_CHUNK 4096 /* elements per piece of a pass over a vector */

bool pynn_run_penalized(const struct pynn_run *run);

/* Copies runs, by rising offset; NULL: no memory. pynn_free the copy. */
struct pynn_run *pynn_runs_sorted(const struct pynn_run *runs, int64_t n);
/* Whether a step does with them what it would do without looking at them: they cover what
 * the plan trains, and ask for nothing. */
bool pynn_runs_plain(const pynn_plan *plan, const struct pynn_run *runs, int64_t n,
                     double decay);

/* The penalty is a sum of parts that depend on nothing but the runs. Threads share the
 * parts of pynn_penalty_parts; their sum, in order, is the penalty. */
int64_t pynn_penalty_count(const struct pynn_run *runs, int64_t n);
void pynn_penalty_parts(const struct pynn_kernels *k, const struct pynn_run *runs,
                        int64_t n, const char *params, int32_t size, int32_t thread,
                        double *parts);

bool pynn_runs_constrained(const struct pynn_run *runs, int64_t n);
/* This thread's share of what the constraints change. */
void pynn_constrain(const struct pynn_kernels *k, const struct pynn_run *runs,
                    int64_t n, char *params, int32_t size, int32_t thread);

#endif
