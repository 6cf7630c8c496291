/* SPDX-License-Identifier: BSD-3-Clause
 * Activity: a penalty on what flows through a slot, l1 |x| + l2 x^2 over the elements of
 * each row. The value is looked at where it lies; the loss adds the penalties to those of
 * its rows, and what they do to the gradient is added on the way back. */
#include <math.h>

#include "internal.h"

static bool strength(double l) { return l >= 0 && isfinite(l); }

static pynn_status check(const struct pynn_plan_spec *spec, const struct pynn_op *op)
{
    (void)spec;
    bool valid = op->out < 0 && strength(op->attr[0]) && strength(op->attr[1]);
    return valid ? PYNN_OK : PYNN_INVALID;
}

static double flops(const pynn_plan *plan, const struct pynn_op *op)
{
    return 8.0 * (double)plan->tensors[op->in].row;
}

static void forward(const struct pynn_block *block, int32_t index)
{
    (void)block, (void)index;
}

static int64_t row_stride(const struct pynn_block *block, int32_t slot)
{
    return slot == 0 ? block->input_ld : block->plan->tensors[slot].ld;
}

void pynn_activity_penalties(const struct pynn_block *block, int32_t index,
                             double *row_loss)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *t = &plan->tensors[op->in];
    size_t ld = (size_t)row_stride(block, op->in) * plan->esize;
    const char *x = block->value[op->in];
    for (int64_t r = 0; r < block->rows; r++) {
        double sum = 0;
        for (int64_t i = 0; i < t->inner; i++, x += ld)
            sum += plan->k->penalty(op->attr[0], op->attr[1], (size_t)t->width, x);
        row_loss[r] += sum;
    }
}

static void backward(const struct pynn_block *block, int32_t index)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *t = &plan->tensors[op->in];
    size_t rows = (size_t)(block->rows * t->inner), ld = (size_t)t->ld;
    char *g = block->grad[op->in];
    plan->k->penalize(block->scale * op->attr[0], block->scale * op->attr[1], rows,
                      (size_t)pynn_pad(t->width), block->value[op->in], ld, g, ld);
    if (t->width % (int64_t)PYNN_PAD != 0)
        plan->k->clear_padding(rows, (size_t)t->width, g, ld);
}

const struct pynn_op_class pynn_op_activity = {
    .name = "activity",
    .check = check,
    .flops = flops,
    .forward = forward,
    .backward = backward,
};
