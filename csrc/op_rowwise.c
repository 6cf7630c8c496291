/* SPDX-License-Identifier: BSD-3-Clause
 * Ops without parameters that work on each row alone: activation, softmax. */
#include <string.h>

#include "internal.h"

static size_t elements(const struct pynn_block *block, int32_t slot)
{
    return (size_t)(block->rows * block->plan->tensors[slot].row);
}

static bool same_shape(const struct pynn_plan_spec *spec, const struct pynn_op *op)
{
    const struct pynn_slot *in = &spec->slots[op->in], *out = &spec->slots[op->out];
    return in->inner == out->inner && in->width == out->width;
}

/* ---- activation ---- */

static pynn_status activation_check(const struct pynn_plan_spec *spec,
                                    const struct pynn_op *op)
{
    bool known = op->select >= 0 && op->select < PYNN_ACT_COUNT;
    return known && same_shape(spec, op) ? PYNN_OK : PYNN_INVALID;
}

static double activation_flops(const pynn_plan *plan, const struct pynn_op *op)
{
    return 16.0 * (double)plan->tensors[op->in].row;
}

static void activation_forward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    block->plan->k->act_forward[op->select](
        op->attr, elements(block, op->in), block->value[op->in], block->value[op->out]);
}

static void activation_backward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    if (block->grad[op->in])
        block->plan->k->act_backward[op->select](
            op->attr, elements(block, op->in), block->value[op->in],
            block->value[op->out], block->grad[op->out], block->grad[op->in]);
}

const struct pynn_op_class pynn_op_activation = {
    .name = "activation",
    .check = activation_check,
    .flops = activation_flops,
    .forward = activation_forward,
    .backward = activation_backward,
};

/* ---- softmax ---- */

static pynn_status softmax_check(const struct pynn_plan_spec *spec,
                                 const struct pynn_op *op)
{
    bool known = op->select == 0 || op->select == 1;
    return known && same_shape(spec, op) ? PYNN_OK : PYNN_INVALID;
}

static void softmax_forward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    const struct pynn_tensor *t = &block->plan->tensors[op->in];
    block->plan->k->softmax_forward(
        op->select, (size_t)(block->rows * t->inner), (size_t)t->width,
        block->value[op->in], (size_t)t->ld, block->value[op->out], (size_t)t->ld);
}

static void softmax_backward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    const struct pynn_tensor *t = &block->plan->tensors[op->in];
    if (block->grad[op->in])
        block->plan->k->softmax_backward(
            op->select, (size_t)(block->rows * t->inner), (size_t)t->width,
            block->value[op->out], (size_t)t->ld, block->grad[op->out], (size_t)t->ld,
            block->grad[op->in], (size_t)t->ld);
}

const struct pynn_op_class pynn_op_softmax = {
    .name = "softmax",
    .check = softmax_check,
    .flops = activation_flops,
    .forward = softmax_forward,
    .backward = softmax_backward,
};
