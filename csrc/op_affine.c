/* SPDX-License-Identifier: BSD-3-Clause
 * The affine op: y = (x - shift) / scale, or x scale + shift, with constants from the
 * vector of moving statistics that nothing moves. */
#include "internal.h"

/* Bits of `select`. ROOT: the scale is the root of what is stored; PER_VECTOR and
 * PER_COLUMN: there are constants for each vector of a sample, and for each column. The
 * shifts come first, in rows of one element or of the width. */
enum { TIMES = 1, ROOT = 2, PER_VECTOR = 4, PER_COLUMN = 8 };

static int64_t vectors(const struct pynn_op *op, int64_t inner)
{
    return op->select & PER_VECTOR ? inner : 1;
}

static int64_t stride(const struct pynn_op *op, int64_t width)
{
    return pynn_ld(op->select & PER_COLUMN ? width : 1);
}

/* Divided by nothing but a deviation, which is never 0. */
static pynn_status affine_check(const struct pynn_plan_spec *spec,
                                const struct pynn_op *op)
{
    const struct pynn_slot *in = &spec->slots[op->in], *out = &spec->slots[op->out];
    bool known = !(op->select & ~15) && op->select & (TIMES | ROOT);
    bool same = in->inner == out->inner && in->width == out->width;
    return known && same ? PYNN_OK : PYNN_INVALID;
}

static int64_t affine_stats(const struct pynn_plan_spec *spec, const struct pynn_op *op)
{
    const struct pynn_slot *in = &spec->slots[op->in];
    return 2 * vectors(op, in->inner) * stride(op, in->width);
}

static double affine_flops(const pynn_plan *plan, const struct pynn_op *op)
{
    return 8.0 * (double)plan->tensors[op->in].row;
}

typedef void apply(const struct pynn_affine *args, size_t n, const void *x, void *y);

static void each_vector(const struct pynn_block *block, const struct pynn_op *op,
                        apply *kernel, const char *x, char *y)
{
    const struct pynn_tensor *t = &block->plan->tensors[op->in];
    size_t esize = block->plan->esize;
    int64_t count = vectors(op, t->inner), ld = stride(op, t->width);
    const char *shift = block->stats + (size_t)op->stats * esize;
    const char *scale = shift + (size_t)(count * ld) * esize;
    struct pynn_affine args = {.times = (op->select & TIMES) != 0,
                               .root = (op->select & ROOT) != 0,
                               .same = !(op->select & PER_COLUMN)};
    for (int64_t i = 0; i < block->rows * t->inner; i++) {
        size_t at = (size_t)(i % t->inner % count * ld) * esize;
        size_t offset = (size_t)(i * t->ld) * esize;
        args.shift = shift + at;
        args.scale = scale + at;
        kernel(&args, (size_t)pynn_pad(t->width), x + offset, y + offset);
    }
}

static void affine_forward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    each_vector(block, op, block->plan->k->affine, block->value[op->in],
                block->value[op->out]);
}

static void affine_backward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    if (block->grad[op->in])
        each_vector(block, op, block->plan->k->affine_backward, block->grad[op->out],
                    block->grad[op->in]);
}

const struct pynn_op_class pynn_op_affine = {
    .name = "affine",
    .check = affine_check,
    .stats = affine_stats,
    .flops = affine_flops,
    .forward = affine_forward,
    .backward = affine_backward,
};
