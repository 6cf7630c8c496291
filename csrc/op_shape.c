/* SPDX-License-Identifier: BSD-3-Clause
 * Ops that move elements: copy, transpose, repeat. */
#include <string.h>

#include "internal.h"

static size_t elements(const struct pynn_block *block, int32_t slot)
{
    return (size_t)(block->rows * block->plan->tensors[slot].row);
}

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

/* ---- transpose: samples of shape attr[0..3], (a, b, c, d), become (a, c, b, d) ---- */

static pynn_status transpose_check(const struct pynn_plan_spec *spec,
                                   const struct pynn_op *op)
{
    const struct pynn_slot *in = &spec->slots[op->in], *out = &spec->slots[op->out];
    double total = 1, size = (double)in->inner * (double)in->width;
    for (int i = 0; i < 4; i++) {
        if (!(op->attr[i] >= 1 && op->attr[i] <= size) ||
            op->attr[i] != (double)(int64_t)op->attr[i])
            return PYNN_INVALID;
        total *= op->attr[i];
    }
    bool same = in->inner * in->width == out->inner * out->width;
    return same && total == size ? PYNN_OK : PYNN_INVALID;
}

/* Where element i of a row of a slot lies. */
static int64_t place(const struct pynn_tensor *t, int64_t i)
{
    return i / t->width * t->ld + i % t->width;
}

/* One row: (a, b, c, d) of `from` to (a, c, b, d) of `to`. */
static void transpose_row(const int64_t n[4], const struct pynn_tensor *from,
                          const char *src, const struct pynn_tensor *to, char *dst,
                          size_t esize)
{
    int64_t next = 0;
    for (int64_t a = 0; a < n[0]; a++)
        for (int64_t c = 0; c < n[2]; c++)
            for (int64_t b = 0; b < n[1]; b++)
                for (int64_t d = 0; d < n[3]; d++) {
                    int64_t i = ((a * n[1] + b) * n[2] + c) * n[3] + d;
                    memcpy(dst + (size_t)place(to, next++) * esize,
                           src + (size_t)place(from, i) * esize, esize);
                }
}

static void transpose_rows(const struct pynn_block *block, const int64_t n[4],
                           int32_t from_slot, const char *src, int32_t to_slot,
                           char *dst)
{
    const struct pynn_tensor *from = &block->plan->tensors[from_slot];
    const struct pynn_tensor *to = &block->plan->tensors[to_slot];
    size_t esize = block->plan->esize;
    for (int64_t r = 0; r < block->rows; r++)
        transpose_row(n, from, src + (size_t)(r * from->row) * esize, to,
                      dst + (size_t)(r * to->row) * esize, esize);
}

static void transpose_forward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    int64_t n[4];
    for (int i = 0; i < 4; i++)
        n[i] = (int64_t)op->attr[i];
    transpose_rows(block, n, op->in, block->value[op->in], op->out,
                   block->value[op->out]);
}

static void transpose_backward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    if (!block->grad[op->in])
        return;
    int64_t n[4] = {(int64_t)op->attr[0], (int64_t)op->attr[2], (int64_t)op->attr[1],
                    (int64_t)op->attr[3]};
    memset(block->grad[op->in], 0, elements(block, op->in) * block->plan->esize);
    transpose_rows(block, n, op->out, block->grad[op->out], op->in,
                   block->grad[op->in]);
}

const struct pynn_op_class pynn_op_transpose = {
    .name = "transpose",
    .check = transpose_check,
    .forward = transpose_forward,
    .backward = transpose_backward,
};

/* ---- repeat: the one vector of a sample becomes many ---- */

static pynn_status repeat_check(const struct pynn_plan_spec *spec,
                                const struct pynn_op *op)
{
    const struct pynn_slot *in = &spec->slots[op->in], *out = &spec->slots[op->out];
    return in->inner == 1 && in->width == out->width ? PYNN_OK : PYNN_INVALID;
}

static void repeat_forward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    const struct pynn_tensor *t = &block->plan->tensors[op->out];
    size_t bytes = (size_t)t->ld * block->plan->esize;
    for (int64_t i = 0; i < block->rows * t->inner; i++)
        memcpy(block->value[op->out] + (size_t)i * bytes,
               block->value[op->in] + (size_t)(i / t->inner) * bytes, bytes);
}

/* Vectors are added in their order. */
static void repeat_backward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    const struct pynn_tensor *t = &block->plan->tensors[op->out];
    size_t bytes = (size_t)t->ld * block->plan->esize;
    for (int64_t r = 0; block->grad[op->in] && r < block->rows; r++)
        block->plan->k->column_sum(
            (size_t)t->inner, (size_t)pynn_pad(t->width),
            block->grad[op->out] + (size_t)(r * t->inner) * bytes, (size_t)t->ld,
            block->grad[op->in] + (size_t)r * bytes, 0);
}

const struct pynn_op_class pynn_op_repeat = {
    .name = "repeat",
    .check = repeat_check,
    .forward = repeat_forward,
    .backward = repeat_backward,
};
