/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Normalization of each vector by itself, select: enum pynn_norm; then times gamma plus
 * beta. Parameters [scale + bias, ld], gamma first; attr: epsilon. The workspace keeps two
 * numbers for each vector of the batch, mean and 1 / root. */
#include "internal.h"

static bool has_gamma(const struct pynn_op *op) { return op->flags & PYNN_FLAG_SCALE; }

static bool has_beta(const struct pynn_op *op) { return op->flags & PYNN_FLAG_BIAS; }

static pynn_status check(const struct pynn_plan_spec *spec, const struct pynn_op *op)
{
    const struct pynn_slot *in = &spec->slots[op->in], *out = &spec->slots[op->out];
    bool known = op->select >= 0 && op->select < PYNN_NORM_COUNT && op->attr[0] >= 0;
    bool same = in->inner == out->inner && in->width == out->width;
    return known && same ? PYNN_OK : PYNN_INVALID;
}

static int64_t params(const struct pynn_plan_spec *spec, const struct pynn_op *op)
{
    return (has_gamma(op) + has_beta(op)) * pynn_ld(spec->slots[op->in].width);
}

static double flops(const pynn_plan *plan, const struct pynn_op *op)
{
    return 8.0 * (double)plan->tensors[op->in].row;
}

static size_t workspace(const pynn_plan *plan, int32_t index)
{
    int64_t inner = plan->tensors[plan->ops[index].in].inner;
    return 2 * (size_t)(plan->max_rows * inner) * plan->esize;
}

/* Vectors [first, first + rows) of those that the arena holds; in an inference plan,
 * nothing is kept of them. */
static struct pynn_row_norm vectors(const pynn_plan *plan, int32_t index, int64_t first,
                                    int64_t rows)
{
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *t = &plan->tensors[op->in];
    size_t esize = plan->esize;
    char *mean = plan->arena + plan->workspace[index] + (size_t)first * esize;
    bool kept = plan->max_rows > 0;
    return (struct pynn_row_norm){
        .rows = (size_t)rows,
        .n = (size_t)t->width,
        .ld = (size_t)t->ld,
        .kind = op->select,
        .epsilon = op->attr[0],
        .mean = kept ? mean : NULL,
        .inv = kept ? mean + (size_t)(plan->max_rows * t->inner) * esize : NULL,
    };
}

static struct pynn_row_norm of_block(const struct pynn_block *block, int32_t index)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *t = &plan->tensors[op->in];
    struct pynn_row_norm a =
        vectors(plan, index, block->held * t->inner, block->rows * t->inner);
    if (op->params < 0)
        return a;
    const char *row = block->params + (size_t)op->params * plan->esize;
    if (has_gamma(op))
        a.gamma = row;
    if (has_beta(op))
        a.beta = has_gamma(op) ? row + (size_t)t->ld * plan->esize : row;
    return a;
}

static void forward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    struct pynn_row_norm a = of_block(block, index);
    a.x = block->value[op->in];
    a.y = block->value[op->out];
    block->plan->k->row_norm_forward(&a);
}

static void backward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    if (!block->grad[op->in])
        return;
    struct pynn_row_norm a = of_block(block, index);
    a.x = block->value[op->in];
    a.dy = block->grad[op->out];
    a.dx = block->grad[op->in];
    block->plan->k->row_norm_backward(&a);
}

#define TASK_COLUMNS 512

static pynn_status plan_tasks(pynn_plan *plan, int32_t index)
{
    const struct pynn_op *op = &plan->ops[index];
    int64_t rows = has_gamma(op) + has_beta(op);
    return pynn_tasks_by_columns(plan, index, rows, TASK_COLUMNS);
}

/* The gradients of the task's columns go to g, whose rows are ldg elements apart. */
static void gradient(const pynn_plan *plan, const struct pynn_task *task, int64_t rows,
                     int accumulate, char *g, int64_t ldg)
{
    const struct pynn_op *op = &plan->ops[task->op];
    const struct pynn_tensor *in = &plan->tensors[op->in],
                             *out = &plan->tensors[op->out];
    size_t at = (size_t)task->c0 * plan->esize;
    struct pynn_row_norm a = vectors(plan, task->op, 0, rows * in->inner);
    a.n = (size_t)(task->c1 - task->c0);
    a.x = plan->arena + in->value + at;
    a.dy = plan->arena + out->grad + at;
    a.dgamma = has_gamma(op) ? g : NULL;
    a.dbeta = has_beta(op) ? g + (size_t)(has_gamma(op) * ldg) * plan->esize : NULL;
    a.accumulate = accumulate;
    plan->k->row_norm_sums(&a);
    if (task->c1 > in->width)
        plan->k->clear_padding((size_t)task->r1, (size_t)(in->width - task->c0), g,
                               (size_t)ldg);
}

static void run_task(const pynn_plan *plan, const struct pynn_task *task, int64_t rows,
                     const struct pynn_apply *apply, char *scratch)
{
    int64_t ld = plan->tensors[plan->ops[task->op].in].ld;
    pynn_run_task(plan, task, ld, gradient, rows, apply, scratch);
}

const struct pynn_op_class pynn_op_row_norm = {
    .name = "row_norm",
    .check = check,
    .params = params,
    .flops = flops,
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .plan_tasks = plan_tasks,
    .run_task = run_task,
};
