/* SPDX-License-Identifier: BSD-3-Clause
 * Ops that are random in training and do nothing outside it. What they draw depends on
 * seed, step and element alone, and is drawn again in the backward pass, never stored. */
#include <math.h>
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

static double flops(const pynn_plan *plan, const struct pynn_op *op)
{
    return 16.0 * (double)plan->tensors[op->in].row;
}

static struct pynn_draw draw_of(const struct pynn_block *block,
                                const struct pynn_op *op)
{
    const struct pynn_tensor *t = &block->plan->tensors[op->in];
    return (struct pynn_draw){{(uint32_t)op->seed, (uint32_t)(op->seed >> 32)},
                              block->step,
                              (uint64_t)(block->first * t->row),
                              0};
}

/* ---- dropout ---- */

/* Bits of `select`: the rule, and the axes along which all elements share a mask. */
enum { ALPHA = 1, SAME_ROWS = 2, SAME_INNER = 4, SAME_WIDTH = 8 };

static pynn_status dropout_check(const struct pynn_plan_spec *spec,
                                 const struct pynn_op *op)
{
    bool valid = op->attr[0] >= 0 && op->attr[0] <= 1 && !(op->select & ~15);
    return valid && same_shape(spec, op) ? PYNN_OK : PYNN_INVALID;
}

/* Elements are numbered along the axes that do not share. */
static void masked(const struct pynn_block *block, const struct pynn_op *op,
                   const struct pynn_mask *mask, const char *x, char *y)
{
    const struct pynn_tensor *t = &block->plan->tensors[op->in];
    struct pynn_draw draw = draw_of(block, op);
    if (!(op->select & ~ALPHA)) {
        block->plan->k->mask(mask, &draw, elements(block, op->in), x, y);
        return;
    }
    int64_t row = (op->select & SAME_INNER ? 1 : t->inner);
    int64_t vector = op->select & SAME_WIDTH ? 1 : t->ld;
    draw.same = (op->select & SAME_WIDTH) != 0;
    for (int64_t i = 0; i < block->rows * t->inner; i++) {
        int64_t r = op->select & SAME_ROWS ? 0 : block->first + i / t->inner;
        int64_t at = op->select & SAME_INNER ? 0 : i % t->inner;
        size_t offset = (size_t)(i * t->ld) * block->plan->esize;
        draw.first = (uint64_t)((r * row + at) * vector);
        block->plan->k->mask(mask, &draw, (size_t)t->ld, x + offset, y + offset);
    }
}

/* Dropout scales what it keeps. Alpha dropout sets the dropped to the limit of selu and
 * brings mean and variance back to what they were (G. Klambauer et al., "Self-normalizing
 * neural networks", NIPS 2017); with all dropped, that tends to zero. */
static struct pynn_mask mask_of(const struct pynn_op *op)
{
    static const double limit = -1.7580993408473766; /* of selu */
    double rate = op->attr[0], keep = 1 - rate;
    if (keep == 0)
        return (struct pynn_mask){rate, 0, 0, 0};
    if (!(op->select & ALPHA))
        return (struct pynn_mask){rate, 1 / keep, 0, 0};
    double a = 1 / sqrt(keep * (1 + rate * limit * limit));
    double b = -a * limit * rate;
    return (struct pynn_mask){rate, a, b, a * limit + b};
}

static void dropout_forward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    char *x = block->value[op->in], *y = block->value[op->out];
    struct pynn_mask mask = mask_of(op);
    if (block->training)
        masked(block, op, &mask, x, y);
    else
        memcpy(y, x, elements(block, op->in) * block->plan->esize);
}

static void dropout_backward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    struct pynn_mask mask = mask_of(op);
    mask.shift = mask.dropped = 0;
    if (block->grad[op->in])
        masked(block, op, &mask, block->grad[op->out], block->grad[op->in]);
}

const struct pynn_op_class pynn_op_dropout = {
    .name = "dropout",
    .check = dropout_check,
    .flops = flops,
    .forward = dropout_forward,
    .backward = dropout_backward,
};

/* ---- noise: normal, added to x or (select 1) to the number that multiplies it ---- */

static pynn_status noise_check(const struct pynn_plan_spec *spec,
                               const struct pynn_op *op)
{
    bool valid = op->attr[0] >= 0 && isfinite(op->attr[0]) && !(op->select & ~1);
    return valid && same_shape(spec, op) ? PYNN_OK : PYNN_INVALID;
}

static void noise_forward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    char *x = block->value[op->in], *y = block->value[op->out];
    struct pynn_draw draw = draw_of(block, op);
    size_t n = elements(block, op->in);
    if (block->training)
        block->plan->k->noise(op->select, op->attr[0], &draw, n, x, y);
    else
        memcpy(y, x, n * block->plan->esize);
}

static void noise_backward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    char *dx = block->grad[op->in], *dy = block->grad[op->out];
    struct pynn_draw draw = draw_of(block, op);
    size_t n = elements(block, op->in);
    if (!dx)
        return;
    if (op->select)
        block->plan->k->noise(1, op->attr[0], &draw, n, dy, dx);
    else
        memcpy(dx, dy, n * block->plan->esize);
}

const struct pynn_op_class pynn_op_noise = {
    .name = "noise",
    .check = noise_check,
    .flops = flops,
    .forward = noise_forward,
    .backward = noise_backward,
};
