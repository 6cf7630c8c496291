/* SPDX-License-Identifier: BSD-3-Clause
 * Ops without parameters that work on each row alone: activation, softmax, copy. */
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

/* ---- copy: the same elements, split into vectors of another width ---- */

static pynn_status copy_check(const struct pynn_plan_spec *spec,
                              const struct pynn_op *op)
{
    const struct pynn_slot *in = &spec->slots[op->in], *out = &spec->slots[op->out];
    return in->inner * in->width == out->inner * out->width ? PYNN_OK : PYNN_INVALID;
}

static void copy_row(const struct pynn_tensor *from, const char *src,
                     const struct pynn_tensor *to, char *dst, size_t esize)
{
    int64_t i = 0, j = 0, total = from->inner * from->width;
    while (i < total) { /* runs that end where either side's vector does */
        int64_t run = from->width - i % from->width, space = to->width - j % to->width;
        if (space < run)
            run = space;
        memcpy(dst + (size_t)(j / to->width * to->ld + j % to->width) * esize,
               src + (size_t)(i / from->width * from->ld + i % from->width) * esize,
               (size_t)run * esize);
        i += run;
        j += run;
    }
}

static void copy_rows(const struct pynn_block *block, int32_t from_slot,
                      const char *src, int32_t to_slot, char *dst)
{
    const struct pynn_tensor *from = &block->plan->tensors[from_slot];
    const struct pynn_tensor *to = &block->plan->tensors[to_slot];
    size_t esize = block->plan->esize;
    for (int64_t r = 0; r < block->rows; r++)
        copy_row(from, src + (size_t)(r * from->row) * esize, to,
                 dst + (size_t)(r * to->row) * esize, esize);
}

static void copy_forward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    copy_rows(block, op->in, block->value[op->in], op->out, block->value[op->out]);
}

static void copy_backward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    if (!block->grad[op->in])
        return;
    memset(block->grad[op->in], 0, elements(block, op->in) * block->plan->esize);
    copy_rows(block, op->out, block->grad[op->out], op->in, block->grad[op->in]);
}

const struct pynn_op_class pynn_op_copy = {
    .name = "copy",
    .check = copy_check,
    .forward = copy_forward,
    .backward = copy_backward,
};
