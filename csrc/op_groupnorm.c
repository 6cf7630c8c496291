/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Group normalization: a sample's columns in groups of neighbours, each group of all its
 * vectors less its mean, divided by its standard deviation; then times gamma plus beta.
 * Parameters [scale + bias, ld], gamma first; attr: epsilon, groups. The workspace keeps
 * mean and 1 / deviation of each sample, as numbers of each column. */
#include "internal.h"

static bool has_gamma(const struct pynn_op *op) { return op->flags & PYNN_FLAG_SCALE; }

static bool has_beta(const struct pynn_op *op) { return op->flags & PYNN_FLAG_BIAS; }

static pynn_status check(const struct pynn_plan_spec *spec, const struct pynn_op *op)
{
    const struct pynn_slot *in = &spec->slots[op->in], *out = &spec->slots[op->out];
    double groups = op->attr[1];
    bool same = in->inner == out->inner && in->width == out->width;
    bool counted = groups >= 1 && groups <= (double)in->width &&
                   groups == (double)(int64_t)groups &&
                   in->width % (int64_t)groups == 0;
    return same && counted && op->attr[0] >= 0 ? PYNN_OK : PYNN_INVALID;
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
    int64_t ld = plan->tensors[plan->ops[index].in].ld;
    return 2 * (size_t)(plan->max_rows * ld) * plan->esize;
}

static size_t scratch_wanted(const pynn_plan *plan, int32_t index)
{
    int64_t width = plan->tensors[plan->ops[index].in].width;
    return PYNN_GROUP_ROWS * (size_t)(pynn_pad(width) + (int64_t)PYNN_PAD) *
           plan->esize;
}

/* Samples [first, first + rows) of those that the arena holds; in an inference plan,
 * nothing is kept of them. */
static struct pynn_group_norm samples(const pynn_plan *plan, int32_t index,
                                      int64_t first, int64_t rows)
{
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *t = &plan->tensors[op->in];
    size_t one = (size_t)t->ld * plan->esize;
    char *mean = plan->arena + plan->workspace[index] + (size_t)first * one;
    bool kept = plan->max_rows > 0;
    return (struct pynn_group_norm){
        .samples = (size_t)rows,
        .inner = (size_t)t->inner,
        .n = (size_t)t->width,
        .ld = (size_t)t->ld,
        .groups = (size_t)op->attr[1],
        .epsilon = op->attr[0],
        .mean = kept ? mean : NULL,
        .inv = kept ? mean + (size_t)plan->max_rows * one : NULL,
    };
}

static struct pynn_group_norm of_block(const struct pynn_block *block, int32_t index)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_op *op = &plan->ops[index];
    size_t ld = (size_t)plan->tensors[op->in].ld * plan->esize;
    struct pynn_group_norm a = samples(plan, index, block->held, block->rows);
    a.scratch = block->scratch;
    if (op->params < 0)
        return a;
    const char *row = block->params + (size_t)op->params * plan->esize;
    if (has_gamma(op))
        a.gamma = row;
    if (has_beta(op))
        a.beta = has_gamma(op) ? row + ld : row;
    return a;
}

static void forward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    struct pynn_group_norm a = of_block(block, index);
    a.x = block->value[op->in];
    a.y = block->value[op->out];
    block->plan->k->group_norm_forward(&a);
}

static void backward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    if (!block->grad[op->in])
        return;
    struct pynn_group_norm a = of_block(block, index);
    a.x = block->value[op->in];
    a.dy = block->grad[op->out];
    a.dx = block->grad[op->in];
    block->plan->k->group_norm_backward(&a);
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
    struct pynn_group_norm a = samples(plan, task->op, 0, rows);
    a.n = (size_t)(task->c1 - task->c0);
    a.x = plan->arena + in->value + at;
    a.dy = plan->arena + out->grad + at;
    a.mean = (char *)a.mean + at;
    a.inv = (char *)a.inv + at;
    a.dgamma = has_gamma(op) ? g : NULL;
    a.dbeta = has_beta(op) ? g + (size_t)(has_gamma(op) * ldg) * plan->esize : NULL;
    a.accumulate = accumulate;
    plan->k->group_norm_sums(&a);
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

const struct pynn_op_class pynn_op_group_norm = {
    .name = "group_norm",
    .check = check,
    .params = params,
    .flops = flops,
    .workspace = workspace,
    .scratch = scratch_wanted,
    .forward = forward,
    .backward = backward,
    .plan_tasks = plan_tasks,
    .run_task = run_task,
};
