/* SPDX-License-Identifier: BSD-3-Clause
 *
 * PReLU: y = x where positive, alpha x below. Parameters [attr[0], ld]: vector i of a sample
 * takes row i / attr[1] % attr[0], so that attr[1] neighbours share one, and periods of
 * them do; `select` 1: a row is one number, which all columns share. */
#include "internal.h"

enum { SAME_COLUMNS = 1 };

static bool same(const struct pynn_op *op) { return op->select & SAME_COLUMNS; }

/* Rows of alpha, and vectors next to each other that share one. */
static int64_t period(const struct pynn_op *op) { return (int64_t)op->attr[0]; }

static int64_t neighbours(const struct pynn_op *op) { return (int64_t)op->attr[1]; }

static int64_t stride(const struct pynn_op *op, int64_t width)
{
    return pynn_ld(same(op) ? 1 : width);
}

static bool count_valid(double n, int64_t most)
{
    return n >= 1 && n <= (double)most && n == (double)(int64_t)n;
}

static pynn_status check(const struct pynn_plan_spec *spec, const struct pynn_op *op)
{
    const struct pynn_slot *in = &spec->slots[op->in], *out = &spec->slots[op->out];
    bool known = !(op->select & ~SAME_COLUMNS) && op->params >= 0;
    bool shape = in->inner == out->inner && in->width == out->width;
    if (!known || !shape || !count_valid(op->attr[0], in->inner) ||
        !count_valid(op->attr[1], in->inner / period(op)))
        return PYNN_INVALID;
    return in->inner % (period(op) * neighbours(op)) == 0 ? PYNN_OK : PYNN_INVALID;
}

static int64_t params(const struct pynn_plan_spec *spec, const struct pynn_op *op)
{
    return period(op) * stride(op, spec->slots[op->in].width);
}

static double flops(const pynn_plan *plan, const struct pynn_op *op)
{
    return 2.0 * (double)plan->tensors[op->in].row;
}

typedef void kernel(const struct pynn_prelu *args);

static void move(struct pynn_prelu *a, size_t bytes)
{
    a->x = (const char *)a->x + bytes;
    if (a->dy)
        a->dy = (const char *)a->dy + bytes;
    if (a->y)
        a->y = (char *)a->y + bytes;
    if (a->dx)
        a->dx = (char *)a->dx + bytes;
}

/* Runs the kernel on the vectors of `samples` that take row r of alpha, in their order. */
static void each(const pynn_plan *plan, const struct pynn_op *op, int64_t samples,
                 int64_t r, struct pynn_prelu a, kernel *run)
{
    const struct pynn_tensor *t = &plan->tensors[op->in];
    int64_t rows = period(op), near = neighbours(op);
    int64_t pieces = samples * (t->inner / (rows * near));
    size_t vector = (size_t)t->ld * plan->esize, step = (size_t)(rows * near) * vector;
    a.ld = (size_t)t->ld;
    a.rows = (size_t)near;
    if (rows == 1 || near == 1) { /* the vectors are equally far from each other */
        a.rows = (size_t)(pieces * near);
        a.ld *= (size_t)rows;
        pieces = 1;
    }
    move(&a, (size_t)(r * near) * vector);
    for (int64_t i = 0; i < pieces; i++) {
        run(&a);
        a.accumulate = 1;
        if (i + 1 < pieces)
            move(&a, step);
    }
}

static void each_row(const struct pynn_block *block, int32_t index, struct pynn_prelu a,
                     kernel *run)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_op *op = &plan->ops[index];
    int64_t ld = stride(op, plan->tensors[op->in].width);
    a.n = (size_t)plan->tensors[op->in].width;
    a.same = same(op);
    for (int64_t r = 0; r < period(op); r++) {
        a.alpha = block->params + (size_t)(op->params + r * ld) * plan->esize;
        each(plan, op, block->rows, r, a, run);
    }
}

static void forward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    struct pynn_prelu a = {.x = block->value[op->in], .y = block->value[op->out]};
    each_row(block, index, a, block->plan->k->prelu_forward);
}

static void backward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    if (!block->grad[op->in])
        return;
    struct pynn_prelu a = {.x = block->value[op->in],
                           .dy = block->grad[op->out],
                           .dx = block->grad[op->in]};
    each_row(block, index, a, block->plan->k->prelu_backward);
}

#define TASK_ROWS 16
#define TASK_COLUMNS 512 /* with so many rows, as many as the scratch memory holds */

static pynn_status plan_tasks(pynn_plan *plan, int32_t index)
{
    const struct pynn_op *op = &plan->ops[index];
    int64_t rows = period(op);
    int64_t width = pynn_pad(same(op) ? 1 : plan->tensors[op->in].width);
    for (int64_t r = 0; r < rows; r += TASK_ROWS)
        for (int64_t c = 0; c < width; c += TASK_COLUMNS) {
            struct pynn_task task = {
                index, r, r + TASK_ROWS < rows ? r + TASK_ROWS : rows, c,
                c + TASK_COLUMNS < width ? c + TASK_COLUMNS : width};
            PYNN_TRY(pynn_plan_add_task(plan, task));
        }
    return PYNN_OK;
}

/* The gradient of the task's piece goes to g, whose rows are ldg elements apart. */
static void gradient(const pynn_plan *plan, const struct pynn_task *task, int64_t rows,
                     int accumulate, char *g, int64_t ldg)
{
    const struct pynn_op *op = &plan->ops[task->op];
    const struct pynn_tensor *in = &plan->tensors[op->in],
                             *out = &plan->tensors[op->out];
    size_t at = (size_t)task->c0 * plan->esize;
    struct pynn_prelu a = {
        .n = (size_t)(same(op) ? in->width : task->c1 - task->c0),
        .same = same(op),
        .x = plan->arena + in->value + at,
        .dy = plan->arena + out->grad + at,
        .accumulate = accumulate,
    };
    for (int64_t r = task->r0; r < task->r1; r++) {
        a.dalpha = g + (size_t)((r - task->r0) * ldg) * plan->esize;
        each(plan, op, rows, r, a, plan->k->prelu_sums);
    }
    if (!same(op) && task->c1 > in->width)
        plan->k->clear_padding((size_t)(task->r1 - task->r0),
                               (size_t)(in->width - task->c0), g, (size_t)ldg);
}

static void run_task(const pynn_plan *plan, const struct pynn_task *task, int64_t rows,
                     const struct pynn_apply *apply, char *scratch)
{
    const struct pynn_op *op = &plan->ops[task->op];
    int64_t ld = stride(op, plan->tensors[op->in].width);
    pynn_run_task(plan, task, ld, gradient, rows, apply, scratch);
}

const struct pynn_op_class pynn_op_prelu = {
    .name = "prelu",
    .check = check,
    .params = params,
    .flops = flops,
    .forward = forward,
    .backward = backward,
    .plan_tasks = plan_tasks,
    .run_task = run_task,
};
