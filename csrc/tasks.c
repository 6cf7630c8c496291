/* SPDX-License-Identifier: BSD-3-Clause
 * Parameter tasks of ops that have a few rows of parameters: by columns. */
#include "internal.h"

pynn_status pynn_tasks_by_columns(pynn_plan *plan, int32_t index, int64_t rows,
                                  int64_t columns)
{
    int64_t width = pynn_pad(plan->tensors[plan->ops[index].in].width);
    for (int64_t c = 0; c < width; c += columns) {
        int64_t end = width - c < columns ? width : c + columns;
        struct pynn_task task = {index, 0, rows, c, end};
        PYNN_TRY(pynn_plan_add_task(plan, task));
    }
    return PYNN_OK;
}

void pynn_run_task(const pynn_plan *plan, const struct pynn_task *task, int64_t ld,
                   pynn_task_gradient *gradient, int64_t rows,
                   const struct pynn_apply *apply, char *scratch)
{
    int64_t at = plan->ops[task->op].params + task->r0 * ld + task->c0;
    int64_t ldg = task->c1 - task->c0;
    char *g = scratch;
    if (apply->grads) {
        g = apply->grads + (size_t)at * plan->esize;
        ldg = ld;
    }
    gradient(plan, task, rows, apply->accumulate, g, ldg);
    struct pynn_gradient whole = {(size_t)(task->r1 - task->r0),
                                  (size_t)(task->c1 - task->c0), g, (size_t)ldg};
    if (apply->args || apply->runs)
        pynn_move(plan, apply, at, ld, &whole);
}
