/* SPDX-License-Identifier: BSD-3-Clause
 * A block of rows: where its values lie, how it is filled, and its way through the ops. */
#include <string.h>

#include "internal.h"
#include "threads.h"

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
                     const void *params, const void *stats)
{
    char *region = plan->regions[thread];
    size_t pointers = 0;
    (void)pynn_size_add(&pointers, 2 * (size_t)plan->n_slots, sizeof(char *));
    memset(block, 0, sizeof *block);
    block->plan = plan;
    block->params = params;
    block->stats = (char *)(uintptr_t)stats;
    block->region = region;
    block->value = (char **)(void *)region;
    block->grad = block->value + plan->n_slots;
    block->scratch = region + pointers + PYNN_LISTS;
    block->sums_ld = plan->max_rows;
    block->factor = 1;
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

/* Rows that are in the arena already, or will be. */
static void place(struct pynn_block *block, int64_t first, int64_t rows, int64_t held)
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
    int64_t at = source->start + first;
    place(block, first, rows, held);
    if (!source->held)
        load_input(block, source, at);
    if (!source->held && source->y)
        load_slot(block, source->y, block->plan->target, source->order, at);
    load_weights(block, source, at);
}

static void forward(const struct pynn_block *block, int32_t begin, int32_t end)
{
    const struct pynn_op *ops = block->plan->ops;
    for (int32_t i = begin; i < end; i++)
        pynn_op_classes[ops[i].kind]->forward(block, i);
}

void pynn_block_forward(const struct pynn_block *block, int32_t end)
{
    forward(block, 0, end);
}

/* The slot whose gradient an op works on. */
static int32_t passed(const struct pynn_op *op)
{
    return op->out >= 0 ? op->out : op->in;
}

/* Ops (stop, last], the last first. */
static void backward(const struct pynn_block *block, int32_t last, int32_t stop)
{
    const struct pynn_op *ops = block->plan->ops;
    for (int32_t i = last; i > stop; i--)
        if (pynn_op_classes[ops[i].kind]->backward && block->grad[passed(&ops[i])])
            pynn_op_classes[ops[i].kind]->backward(block, i);
}

/* ---- The segments of a pass ----
 *
 * The n ops that look at the whole batch cut the way of a block forward and backward into
 * 2 n + 1 segments: 0 .. n - 1 end before one of these ops, n ends forward and begins
 * backward, n + 1 .. 2 n begin with the backward pass of one. Between two segments, all
 * threads reduce columns for the op that the next one begins with. */

/* The op that is reduced for before a segment, forward or backward. */
static int32_t cut_before(const pynn_plan *plan, int32_t segment)
{
    int32_t n = plan->n_cuts;
    return plan->cuts[segment <= n ? segment - 1 : 2 * n - segment];
}

static void reduce(const struct pynn_block *block, int32_t segment, int64_t rows,
                   int32_t size, int32_t thread)
{
    const pynn_plan *plan = block->plan;
    int32_t index = cut_before(plan, segment);
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_op_class *class = pynn_op_classes[op->kind];
    int64_t n = pynn_pad(plan->tensors[op->in].width) / (int64_t)PYNN_PAD;
    int64_t a = n * thread / size * (int64_t)PYNN_PAD;
    int64_t b = n * (thread + 1) / size * (int64_t)PYNN_PAD;
    pynn_team_barrier(size);
    if (a < b && segment <= plan->n_cuts)
        class->reduce_forward(block, index, rows, a, b);
    else if (a < b && plan->tensors[op->out].has_grad)
        class->reduce_backward(block, index, rows, a, b);
    pynn_team_barrier(size);
}

/* Brings rows in, or back: those that the block holds already stay. */
static void enter(struct pynn_block *block, const struct pynn_pass *pass,
                  int32_t segment, int64_t i, int64_t rows)
{
    const struct pynn_source *source = pass->source;
    if (source && segment == 0) {
        pynn_block_load(block, source, pass->first + i, rows, i);
    } else if (block->held != i || block->rows != rows) {
        place(block, pass->first + i, rows, i);
        if (source)
            load_weights(block, source, source->start + block->first);
    }
}

static void run_segment(struct pynn_block *block, const struct pynn_pass *pass,
                        int32_t segment)
{
    const pynn_plan *plan = block->plan;
    int32_t n = plan->n_cuts, back = 2 * n - segment;
    int32_t from = 0, to = 0, last = -1, stop = -1; /* forward [from, to) */
    if (segment <= n && pass->source) {
        from = segment > 0 ? plan->cuts[segment - 1] : 0;
        to = segment < n ? plan->cuts[segment] : pass->ops;
    }
    if (segment >= n && pass->back) {
        last = segment > n ? plan->cuts[back] : plan->n_ops - 1;
        stop = back > 0 ? plan->cuts[back - 1] : -1;
    }
    for (int64_t i = pass->begin, rows; i < pass->end; i += rows) {
        rows = pass->end - i < plan->block_rows ? pass->end - i : plan->block_rows;
        enter(block, pass, segment, i, rows);
        forward(block, from, to);
        backward(block, last, stop);
    }
}

void pynn_block_pass(struct pynn_block *block, const struct pynn_pass *pass,
                     int32_t size, int32_t thread)
{
    int32_t n = block->plan->n_cuts, end = pass->back ? 2 * n : n;
    for (int32_t segment = pass->source ? 0 : n;; segment++) {
        run_segment(block, pass, segment);
        if (segment == end)
            return;
        reduce(block, segment + 1, pass->rows, size, thread);
    }
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
