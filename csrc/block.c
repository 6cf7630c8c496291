/* SPDX-License-Identifier: BSD-3-Clause
 * A block of rows: where its values lie, how it is filled, and its way through the ops. */
#include <string.h>

#include "internal.h"

/* Work that pays for waking a thread and meeting it twice. */
#define FLOPS_PER_THREAD 1e6

/* *size *= n, both positive; false if it is too large. Dividing would show in calls of a
 * microsecond, so only large numbers are. */
static bool multiply(int64_t *size, int64_t n)
{
    if ((*size | n) >> 31 && n > INT64_MAX / *size)
        return false;
    *size *= n;
    return true;
}

static bool array_valid(const struct pynn_array *a, int64_t first, int64_t rows,
                        const struct pynn_tensor *t)
{
    if (!a || a->dtype < 0 || a->dtype >= PYNN_DTYPE_COUNT || a->ndim < 1 ||
        a->ndim > PYNN_MAX_DIMS || first > a->shape[0] || rows > a->shape[0] - first)
        return false;
    int64_t size = 1;
    for (int i = 1; i < a->ndim; i++)
        if (a->shape[i] < 1 || !multiply(&size, a->shape[i]))
            return false;
    return size == t->inner * t->width; /* which was checked with the spec */
}

pynn_status pynn_source_check(const pynn_plan *plan, const struct pynn_array *x,
                              const struct pynn_array *y, int64_t first, int64_t rows)
{
    if (first < 0 || rows < 0 || !array_valid(x, first, rows, &plan->tensors[0]))
        return PYNN_INVALID;
    if (y && (plan->target < 0 ||
              !array_valid(y, first, rows, &plan->tensors[plan->target])))
        return PYNN_INVALID;
    return PYNN_OK;
}

void pynn_block_init(struct pynn_block *block, const pynn_plan *plan, int32_t thread,
                     const void *params)
{
    char *region = plan->regions[thread];
    size_t pointers = 0;
    (void)pynn_size_add(&pointers, 2 * (size_t)plan->n_slots, sizeof(char *));
    memset(block, 0, sizeof *block);
    block->plan = plan;
    block->params = params;
    block->region = region;
    block->value = (char **)(void *)region;
    block->grad = block->value + plan->n_slots;
    block->scratch = region + pointers;
    block->sums_ld = plan->max_rows;
    for (int32_t i = 0; i < plan->n_slots; i++) { /* inference: for good */
        block->value[i] = region + plan->tensors[i].value;
        block->grad[i] = NULL;
    }
}

static void load_slot(const struct pynn_block *block, const struct pynn_array *a,
                      int32_t slot, const int64_t *order, int64_t place)
{
    const pynn_plan *plan = block->plan;
    pynn_load_rows(a, order, place, block->rows, plan->dtype, &plan->tensors[slot],
                   block->value[slot]);
}

static void load_input(struct pynn_block *block, const struct pynn_source *source,
                       int64_t place)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_array *x = source->x;
    int64_t esize = (int64_t)plan->esize;
    block->input_ld = plan->tensors[0].ld;
    if (plan->direct_input && !source->order && pynn_array_row_is(x, plan->dtype) &&
        x->strides[0] % esize == 0 && x->strides[0] > 0 &&
        (uintptr_t)x->data % plan->esize == 0) {
        block->value[0] = (char *)(uintptr_t)x->data + place * x->strides[0];
        block->input_ld = x->strides[0] / esize;
    } else {
        if (plan->max_rows == 0)
            block->value[0] = block->region + plan->tensors[0].value;
        load_slot(block, x, 0, source->order, place);
    }
}

static void load_weights(struct pynn_block *block, const struct pynn_source *source,
                         int64_t place)
{
    if (!source->weight || !source->order) {
        block->weight = source->weight ? source->weight + place : NULL;
        return;
    }
    double *weight = (double *)(void *)(block->plan->arena + block->plan->row_weights);
    weight += block->held;
    for (int64_t i = 0; i < block->rows; i++)
        weight[i] = source->weight[source->order[place + i]];
    block->weight = weight;
}

void pynn_block_place(struct pynn_block *block, int64_t first, int64_t rows,
                      int64_t held)
{
    const pynn_plan *plan = block->plan;
    block->first = first;
    block->rows = rows;
    block->held = held;
    if (plan->max_rows == 0)
        return;
    for (int32_t i = 0; i < plan->n_slots; i++) {
        const struct pynn_tensor *t = &plan->tensors[i];
        size_t at = (size_t)(block->held * t->row) * plan->esize;
        block->value[i] = plan->arena + t->value + at;
        block->grad[i] = t->has_grad ? plan->arena + t->grad + at : NULL;
    }
    block->sums = (double *)(void *)(plan->arena + plan->row_values) + block->held;
}

void pynn_block_load(struct pynn_block *block, const struct pynn_source *source,
                     int64_t first, int64_t rows, int64_t held)
{
    int64_t place = source->start + first;
    pynn_block_place(block, first, rows, held);
    if (!source->held)
        load_input(block, source, place);
    if (!source->held && source->y)
        load_slot(block, source->y, block->plan->target, source->order, place);
    load_weights(block, source, place);
}

void pynn_block_forward(const struct pynn_block *block, int32_t end)
{
    const struct pynn_op *ops = block->plan->ops;
    for (int32_t i = 0; i < end; i++)
        pynn_op_classes[ops[i].kind]->forward(block, i);
}

void pynn_block_backward(const struct pynn_block *block)
{
    const struct pynn_op *ops = block->plan->ops;
    for (int32_t i = block->plan->n_ops - 1; i >= 0; i--)
        if (pynn_op_classes[ops[i].kind]->backward && block->grad[ops[i].out])
            pynn_op_classes[ops[i].kind]->backward(block, i);
}

void pynn_block_store(const struct pynn_block *block, int32_t slot, const char *rows,
                      char *dst)
{
    const struct pynn_tensor *t = &block->plan->tensors[slot];
    size_t esize = block->plan->esize, bytes = (size_t)t->width * esize;
    for (int64_t i = 0; i < block->rows * t->inner; i++)
        memcpy(dst + (size_t)i * bytes, rows + (size_t)(i * t->ld) * esize, bytes);
}

int32_t pynn_threads_for(double flops)
{
    int32_t limit = pynn_get_num_threads();
    double worth = flops / FLOPS_PER_THREAD;
    return worth < 2 ? 1 : worth < limit ? (int32_t)worth : limit;
}

void pynn_share(int64_t rows, int32_t size, int32_t thread, int64_t *a, int64_t *b)
{
    /* whole tiles of rows; no division, which small networks would notice, when alone */
    int64_t share = size == 1 ? rows : ((rows + size - 1) / size + 7) / 8 * 8;
    *a = share * thread < rows ? share * thread : rows;
    *b = *a + share < rows ? *a + share : rows;
}
