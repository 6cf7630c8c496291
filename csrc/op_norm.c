/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Batch normalization: each column of the last axis less its mean, divided by its standard
 * deviation, times gamma plus beta. Parameters [scale + bias, ld], gamma first; statistics
 * [2, ld], moving mean and variance; attr: epsilon, momentum.
 *
 * In training it takes mean and variance of all rows of the batch, which are reduced
 * before its forward pass; before its backward pass, the gradients of gamma and beta are,
 * which dx needs. Not in training, frozen or told to be still, it takes the moving values,
 * which then stay; in the last case the gradients of gamma and beta are wanted still. */
#include <string.h>

#include "internal.h"

enum { MEAN, INV, SCALE, DGAMMA, DBETA, SHIFT, SLOPE, N_ROWS }; /* of the workspace */

static bool has_gamma(const struct pynn_op *op) { return op->flags & PYNN_FLAG_SCALE; }

static bool has_beta(const struct pynn_op *op) { return op->flags & PYNN_FLAG_BIAS; }

static bool is_still(const struct pynn_op *op) { return op->flags & PYNN_FLAG_STILL; }

/* Whether the workspace has what the rows of the whole batch, or the moving values, say. */
static bool of_batch(const struct pynn_block *block, const struct pynn_op *op)
{
    return block->training && !(op->flags & PYNN_FLAG_FROZEN);
}

static pynn_status check(const struct pynn_plan_spec *spec, const struct pynn_op *op)
{
    const struct pynn_slot *in = &spec->slots[op->in], *out = &spec->slots[op->out];
    bool valid = op->attr[0] >= 0 && op->attr[1] >= 0 && op->attr[1] <= 1;
    bool same = in->inner == out->inner && in->width == out->width;
    return valid && same ? PYNN_OK : PYNN_INVALID;
}

static int64_t params(const struct pynn_plan_spec *spec, const struct pynn_op *op)
{
    return (has_gamma(op) + has_beta(op)) * pynn_ld(spec->slots[op->in].width);
}

static int64_t stats(const struct pynn_plan_spec *spec, const struct pynn_op *op)
{
    return 2 * pynn_ld(spec->slots[op->in].width);
}

static double flops(const pynn_plan *plan, const struct pynn_op *op)
{
    return 8.0 * (double)plan->tensors[op->in].row;
}

static size_t workspace(const pynn_plan *plan, int32_t index)
{
    const struct pynn_op *op = &plan->ops[index];
    return (size_t)(N_ROWS * plan->tensors[op->in].ld) * plan->esize;
}

static char *row(const pynn_plan *plan, int32_t index, int32_t which, int64_t c0)
{
    int64_t ld = plan->tensors[plan->ops[index].in].ld;
    return plan->arena + plan->workspace[index] +
           (size_t)(which * ld + c0) * plan->esize;
}

/* What is the same for all calls about columns [c0, c1). */
static struct pynn_batch_norm columns(const struct pynn_block *block, int32_t index,
                                      int64_t c0, int64_t c1)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *t = &plan->tensors[op->in];
    size_t esize = plan->esize, ld = (size_t)t->ld * esize, at = (size_t)c0 * esize;
    const char *gamma =
        op->params < 0 ? NULL : block->params + (size_t)op->params * esize + at;
    char *mean = block->stats + (size_t)op->stats * esize + at;
    return (struct pynn_batch_norm){
        .rows = (size_t)(block->rows * t->inner),
        .n = (size_t)(c1 - c0),
        .ld = (size_t)t->ld,
        .epsilon = op->attr[0],
        .momentum = op->attr[1],
        .gamma = has_gamma(op) ? gamma : NULL,
        .beta = has_beta(op) ? gamma + (has_gamma(op) ? ld : 0) : NULL,
        .moving_mean = mean,
        .moving_variance = mean + ld,
    };
}

/* Adds where rows of the batch, of which the arena holds all, and their results lie. */
static void find_rows(const struct pynn_block *block, int32_t index, int64_t c0,
                      struct pynn_batch_norm *a)
{
    const pynn_plan *plan = block->plan;
    a->mean = row(plan, index, MEAN, c0);
    a->inv = row(plan, index, INV, c0);
    a->scale = row(plan, index, SCALE, c0);
    a->dgamma = row(plan, index, DGAMMA, c0);
    a->dbeta = row(plan, index, DBETA, c0);
    a->shift = row(plan, index, SHIFT, c0);
    a->slope = row(plan, index, SLOPE, c0);
}

/* Columns of a row, or of two, beyond the width: zero. */
static void clear(const pynn_plan *plan, int32_t index, int64_t rows, int64_t c0,
                  int64_t c1, void *x)
{
    const struct pynn_tensor *t = &plan->tensors[plan->ops[index].in];
    if (c1 > t->width)
        plan->k->clear_padding((size_t)rows, (size_t)(t->width - c0), x, (size_t)t->ld);
}

static void reduce_forward(const struct pynn_block *block, int32_t index, int64_t rows,
                           int64_t c0, int64_t c1)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *t = &plan->tensors[op->in];
    struct pynn_batch_norm a = columns(block, index, c0, c1);
    find_rows(block, index, c0, &a);
    a.rows = (size_t)(rows * t->inner);
    a.x = plan->arena + t->value + (size_t)c0 * plan->esize;
    if (is_still(op)) {
        memcpy(a.mean, a.moving_mean, a.n * plan->esize);
        plan->k->batch_scale(&a);
        return;
    }
    plan->k->batch_moments(&a);
    clear(plan, index, 2, c0, c1, a.moving_mean);
}

static void reduce_backward(const struct pynn_block *block, int32_t index, int64_t rows,
                            int64_t c0, int64_t c1)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *in = &plan->tensors[op->in],
                             *out = &plan->tensors[op->out];
    struct pynn_batch_norm a = columns(block, index, c0, c1);
    find_rows(block, index, c0, &a);
    a.rows = (size_t)(rows * in->inner);
    a.x = plan->arena + in->value + (size_t)c0 * plan->esize;
    a.dy = plan->arena + out->grad + (size_t)c0 * plan->esize;
    plan->k->batch_sums(&a);
    if (is_still(op)) {
        memset(a.shift, 0, a.n * plan->esize);
        memset(a.slope, 0, a.n * plan->esize);
    }
    clear(plan, index, 2, c0, c1, a.dgamma);
}

/* Runs kernel(columns) with the moving statistics; `scratch` holds the scale of as many
 * columns as fit. */
static void with_moving(const struct pynn_block *block, int32_t index, const char *x,
                        char *y, bool forward)
{
    const pynn_plan *plan = block->plan;
    int64_t width = pynn_pad(plan->tensors[plan->ops[index].in].width);
    int64_t most = (int64_t)(PYNN_SCRATCH / plan->esize);
    for (int64_t c0 = 0; c0 < width; c0 += most) {
        int64_t c1 = width - c0 < most ? width : c0 + most;
        struct pynn_batch_norm a = columns(block, index, c0, c1);
        a.scale = block->scratch;
        plan->k->batch_scale(&a);
        a.mean = forward ? a.moving_mean : NULL; /* the gradient is only scaled */
        a.beta = forward ? a.beta : NULL;
        a.x = x + (size_t)c0 * plan->esize;
        a.y = y + (size_t)c0 * plan->esize;
        plan->k->batch_apply(&a);
    }
}

static void forward(const struct pynn_block *block, int32_t index)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_op *op = &plan->ops[index];
    char *x = block->value[op->in], *y = block->value[op->out];
    if (!of_batch(block, op)) {
        with_moving(block, index, x, y, true);
        return;
    }
    struct pynn_batch_norm a =
        columns(block, index, 0, pynn_pad(plan->tensors[op->in].width));
    find_rows(block, index, 0, &a);
    a.x = x;
    a.y = y;
    plan->k->batch_apply(&a);
}

static void backward(const struct pynn_block *block, int32_t index)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_op *op = &plan->ops[index];
    int64_t width = pynn_pad(plan->tensors[op->in].width);
    char *dy = block->grad[op->out], *dx = block->grad[op->in];
    if (!dx)
        return;
    struct pynn_batch_norm a = columns(block, index, 0, width);
    if (of_batch(block, op)) {
        find_rows(block, index, 0, &a);
        a.x = block->value[op->in];
        a.dy = dy;
        a.dx = dx;
        plan->k->batch_backward(&a);
    } else {
        with_moving(block, index, dy, dx, false);
    }
    clear(plan, index, (int64_t)a.rows, 0, width, dx);
}

#define TASK_COLUMNS 1024

static pynn_status plan_tasks(pynn_plan *plan, int32_t index)
{
    const struct pynn_op *op = &plan->ops[index];
    int64_t rows = has_gamma(op) + has_beta(op);
    return pynn_tasks_by_columns(plan, index, rows, TASK_COLUMNS);
}

/* The gradients lie in the workspace, in the order of the parameters. */
static void run_task(const pynn_plan *plan, const struct pynn_task *task, int64_t rows,
                     const struct pynn_apply *apply, char *scratch)
{
    (void)rows, (void)scratch;
    const struct pynn_op *op = &plan->ops[task->op];
    size_t ld = (size_t)plan->tensors[op->in].ld, esize = plan->esize;
    char *g = row(plan, task->op, has_gamma(op) ? DGAMMA : DBETA, task->c0);
    size_t n = (size_t)(task->c1 - task->c0);
    int64_t at = op->params + task->c0;
    struct pynn_gradient whole = {(size_t)task->r1, n, g, ld};
    if (apply->grads) {
        whole.at = apply->grads + (size_t)at * esize;
        for (size_t r = 0; r < whole.rows; r++)
            memcpy(whole.at + r * ld * esize, g + r * ld * esize, n * esize);
    }
    if (apply->args || apply->runs)
        pynn_move(plan, apply, at, (int64_t)ld, &whole);
}

const struct pynn_op_class pynn_op_batch_norm = {
    .name = "batch_norm",
    .check = check,
    .params = params,
    .stats = stats,
    .flops = flops,
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .reduce_forward = reduce_forward,
    .reduce_backward = reduce_backward,
    .plan_tasks = plan_tasks,
    .run_task = run_task,
};
