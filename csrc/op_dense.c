/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Dense: y = act(x W + b) on the last axis. Parameters [in + bias, ld(out)], the bias in
 * the last row. The workspace is W transposed, [out, ld(in)], so that the input gradient
 * is the same product as the forward pass; tasks keep it up to date. A large W has none:
 * its products pack their operands, and can transpose then. */

#include "internal.h"

/* A task is a piece of W of up to TASK_ROWS x TASK_COLUMNS, with fewer rows where that
 * would leave less than TASKS pieces for the threads to share. */
#define TASK_ROWS 128
#define TASK_COLUMNS 128
#define TASK_ROWS_LEAST 32
#define TASKS 12

/* A large W, in bytes and in rows of a batch; its tasks, and the pieces of one task. */
#define LARGE ((size_t)2 << 20)
#define LARGE_BATCH 96
#define LARGE_ROWS 1024
#define LARGE_COLUMNS 256
#define LARGE_PIECE 126
#define SPARSE_ROWS 16 /* fewer are a matter of microseconds, whatever is zero */
#define LARGE_GRADIENT ((size_t)LARGE_PIECE * LARGE_COLUMNS * 4)

static bool has_bias(const struct pynn_op *op) { return op->flags & PYNN_FLAG_BIAS; }

static size_t batch_rows(const pynn_plan *plan, const struct pynn_op *op)
{
    int64_t rows = plan->max_rows > 0 ? plan->max_rows : plan->block_rows;
    return (size_t)(rows * plan->tensors[op->in].inner);
}

static bool should_pack(const pynn_plan *plan, const struct pynn_op *op)
{
    const struct pynn_tensor *in = &plan->tensors[op->in],
                             *out = &plan->tensors[op->out];
    return (size_t)(in->width * out->ld) * plan->esize >= LARGE &&
           batch_rows(plan, op) >= LARGE_BATCH;
}

/* Small networks, which would notice the arithmetic, have no large op. */
static bool is_large(const pynn_plan *plan, const struct pynn_op *op)
{
    return plan->scratch_bytes > PYNN_SCRATCH && should_pack(plan, op);
}

/* Whether the weight gradient packs: all of a batch is to fit. */
static bool has_large_tasks(const pynn_plan *plan, const struct pynn_op *op)
{
    return is_large(plan, op) &&
           batch_rows(plan, op) * LARGE_COLUMNS * plan->esize <= PYNN_PACK_D;
}

static size_t scratch_wanted(const pynn_plan *plan, int32_t index)
{
    return should_pack(plan, &plan->ops[index]) ? PYNN_PACK + LARGE_GRADIENT : 0;
}

static bool keeps_transpose(const pynn_plan *plan, const struct pynn_op *op)
{
    return plan->tensors[op->in].has_grad && !is_large(plan, op);
}

/* Whether products pass over zeros if all else is finite. */
static bool looks_for_zeros(const pynn_plan *plan, const struct pynn_op *op)
{
    const struct pynn_tensor *in = &plan->tensors[op->in],
                             *out = &plan->tensors[op->out];
    return in->width * out->ld >= PYNN_SPARSE_WEIGHTS &&
           batch_rows(plan, op) >= SPARSE_ROWS && !is_large(plan, op);
}

/* Small networks are, so that they need not think about zeros. */
static inline bool is_wild(const pynn_plan *plan)
{
    return atomic_load_explicit(plan->wild, memory_order_relaxed);
}

static void *lists(const pynn_plan *plan, const struct pynn_op *op, char *scratch)
{
    return !is_wild(plan) && looks_for_zeros(plan, op) ? scratch - PYNN_LISTS : NULL;
}

/* Rows of a matrix that products read. */
static void note_wild(const pynn_plan *plan, int64_t rows, int64_t width, const char *x,
                      int64_t ld)
{
    if (!plan->k->is_finite((size_t)rows, (size_t)width, x, (size_t)ld))
        atomic_store(plan->wild, true);
}

static pynn_status check(const struct pynn_plan_spec *spec, const struct pynn_op *op)
{
    static const bool from_output[] = {
#define OUTPUT true
#define INPUT false
#define PYNN_ACTIVATION(NAME, name, from) from,
#include "ops.def"
#undef OUTPUT
#undef INPUT
    };
    if (op->select < 0 || op->select >= PYNN_ACT_COUNT || !from_output[op->select])
        return PYNN_INVALID;
    return spec->slots[op->in].inner == spec->slots[op->out].inner ? PYNN_OK
                                                                   : PYNN_INVALID;
}

static int64_t params(const struct pynn_plan_spec *spec, const struct pynn_op *op)
{
    return (spec->slots[op->in].width + has_bias(op)) *
           pynn_ld(spec->slots[op->out].width);
}

static double flops(const pynn_plan *plan, const struct pynn_op *op)
{
    const struct pynn_tensor *in = &plan->tensors[op->in],
                             *out = &plan->tensors[op->out];
    return 2.0 * (double)in->inner * (double)in->width * (double)pynn_pad(out->width);
}

static size_t workspace(const pynn_plan *plan, int32_t index)
{
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *in = &plan->tensors[op->in],
                             *out = &plan->tensors[op->out];
    return keeps_transpose(plan, op) ? (size_t)(out->width * in->ld) * plan->esize : 0;
}

static void forward(const struct pynn_block *block, int32_t index)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *in = &plan->tensors[op->in],
                             *out = &plan->tensors[op->out];
    const char *w = block->params + (size_t)op->params * plan->esize;
    size_t rows = (size_t)(block->rows * in->inner);
    struct pynn_matmul args = {
        .m = rows,
        .n = (size_t)pynn_pad(out->width),
        .k = (size_t)in->width,
        .x = block->value[op->in],
        .w = w,
        .ldx = (size_t)(op->in == 0 ? block->input_ld : in->ld),
        .ldw = (size_t)out->ld,
        .ldy = (size_t)out->ld,
        .bias = has_bias(op) ? w + (size_t)(in->width * out->ld) * plan->esize : NULL,
        .y = block->value[op->out],
        .relu = op->select == PYNN_ACT_RELU,
        .pack = is_large(plan, op) ? block->scratch : NULL,
        .lists = lists(plan, op, block->scratch),
    };
    plan->k->matmul(&args);
    if (op->select != PYNN_ACT_LINEAR && op->select != PYNN_ACT_RELU)
        plan->k->act_forward[op->select](op->attr, rows * (size_t)out->ld, args.y,
                                         args.y);
}

static void backward(const struct pynn_block *block, int32_t index)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *in = &plan->tensors[op->in],
                             *out = &plan->tensors[op->out];
    size_t rows = (size_t)(block->rows * in->inner);
    char *dy = block->grad[op->out];
    if (op->select != PYNN_ACT_LINEAR)
        plan->k->act_backward[op->select](op->attr, rows * (size_t)out->ld, NULL,
                                          block->value[op->out], dy, dy);
    if (!is_wild(plan) && looks_for_zeros(plan, op))
        note_wild(plan, (int64_t)rows, pynn_pad(out->width), dy, out->ld);
    if (!block->grad[op->in])
        return;
    struct pynn_matmul args = {
        .m = rows,
        .n = (size_t)pynn_pad(in->width),
        .k = (size_t)out->width,
        .x = dy,
        .w = plan->arena + plan->workspace[index],
        .ldx = (size_t)out->ld,
        .ldw = (size_t)in->ld,
        .ldy = (size_t)in->ld,
        .y = block->grad[op->in],
        .lists = lists(plan, op, block->scratch),
    };
    if (is_large(plan, op)) {
        args.w = block->params + (size_t)op->params * plan->esize;
        args.ldw = (size_t)out->ld;
        args.w_rows = (size_t)in->width;
        args.transposed = 1;
        args.pack = block->scratch;
    }
    plan->k->matmul(&args);
}

static int64_t pieces(int64_t total, int64_t size) { return (total + size - 1) / size; }

static pynn_status plan_tasks(pynn_plan *plan, int32_t index)
{
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *in = &plan->tensors[op->in],
                             *out = &plan->tensors[op->out];
    int64_t height = in->width + has_bias(op), width = pynn_pad(out->width);
    int64_t columns = pynn_pad(pieces(width, pieces(width, TASK_COLUMNS)));
    int64_t rows = (int64_t)(PYNN_SCRATCH / plan->esize) / columns;
    rows = rows < TASK_ROWS ? rows : TASK_ROWS;
    while (rows > TASK_ROWS_LEAST &&
           pieces(height, rows) * pieces(width, columns) < TASKS)
        rows /= 2;
    if (has_large_tasks(plan, op)) {
        rows = LARGE_ROWS;
        columns = LARGE_COLUMNS;
    }
    for (int64_t r = 0; r < height; r += rows)
        for (int64_t c = 0; c < width; c += columns) {
            struct pynn_task task = {index, r, r + rows < height ? r + rows : height, c,
                                     c + columns < width ? c + columns : width};
            PYNN_TRY(pynn_plan_add_task(plan, task));
        }
    return PYNN_OK;
}

#define SOON_LEAST 4096 /* parameters: fewer are in the cache anyway */

/* The memory that the update after the gradient touches: weights, state, transpose. */
static size_t list_soon(const pynn_plan *plan, const struct pynn_task *task,
                        const struct pynn_apply *apply,
                        struct pynn_soon soon[PYNN_MAX_SOON])
{
    const struct pynn_op *op = &plan->ops[task->op];
    const struct pynn_tensor *in = &plan->tensors[op->in],
                             *out = &plan->tensors[op->out];
    size_t esize = plan->esize, n = 0, ld = (size_t)out->ld * esize;
    size_t rows = (size_t)(task->r1 - task->r0),
           columns = (size_t)(task->c1 - task->c0);
    size_t at = (size_t)(op->params + task->r0 * out->ld + task->c0) * esize;
    if (!apply->args || plan->n_params < SOON_LEAST)
        return 0;
    soon[n++] = (struct pynn_soon){apply->params + at, rows, columns * esize, ld};
    for (int i = 0; i < PYNN_MAX_STATE && apply->slots[i]; i++)
        soon[n++] = (struct pynn_soon){apply->slots[i] + at, rows, columns * esize, ld};
    if (keeps_transpose(plan, op))
        soon[n++] =
            (struct pynn_soon){plan->arena + plan->workspace[task->op] +
                                   (size_t)(task->c0 * in->ld + task->r0) * esize,
                               columns, rows * esize, (size_t)in->ld * esize};
    return n;
}

/* What a task computes in: see struct pynn_matmul_tn. */
struct memory {
    char *gradient; /* if nobody wants it */
    void *lists, *pack;
    bool kept;
};

/* The gradient of the task's piece goes to g, whose rows are ldg elements apart. */
static void gradient(const pynn_plan *plan, const struct pynn_task *task, int64_t rows,
                     const struct pynn_apply *apply, const struct memory *memory,
                     char *g, int64_t ldg)
{
    const struct pynn_op *op = &plan->ops[task->op];
    const struct pynn_tensor *in = &plan->tensors[op->in],
                             *out = &plan->tensors[op->out];
    size_t esize = plan->esize, columns = (size_t)(task->c1 - task->c0);
    const char *d = plan->arena + out->grad + (size_t)task->c0 * esize;
    int64_t kernel_end = task->r1 < in->width ? task->r1 : in->width;
    if (task->r0 < kernel_end) {
        struct pynn_soon soon[PYNN_MAX_SOON];
        struct pynn_matmul_tn args = {
            .k = (size_t)(kernel_end - task->r0),
            .n = columns,
            .b = (size_t)(rows * in->inner),
            .x = plan->arena + in->value + (size_t)task->r0 * esize,
            .d = d,
            .ldx = (size_t)in->ld,
            .ldd = (size_t)out->ld,
            .ldg = (size_t)ldg,
            .g = g,
            .accumulate = apply->accumulate,
            .soon = soon,
            .n_soon = list_soon(plan, task, apply, soon),
            .pack = memory->pack,
            .kept = memory->kept,
            .lists = memory->lists,
        };
        plan->k->matmul_tn(&args);
    }
    if (task->r1 > in->width)
        plan->k->column_sum((size_t)(rows * in->inner), columns, d, (size_t)out->ld,
                            g + (size_t)((in->width - task->r0) * ldg) * esize,
                            apply->accumulate);
}

/* Padding columns of d are zero, but zero times an infinite x is not. */
static void clear_padding(const pynn_plan *plan, const struct pynn_task *task, char *g,
                          int64_t ldg)
{
    const struct pynn_tensor *out = &plan->tensors[plan->ops[task->op].out];
    if (task->c1 > out->width)
        plan->k->clear_padding((size_t)(task->r1 - task->r0),
                               (size_t)(out->width - task->c0), g, (size_t)ldg);
}

/* Rows [r0, r1) of W become columns of its transpose. */
static void refresh_rows(const pynn_plan *plan, int32_t index, const char *all,
                         int64_t r0, int64_t r1, int64_t c0, int64_t c1)
{
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *in = &plan->tensors[op->in],
                             *out = &plan->tensors[op->out];
    if (r1 > in->width)
        r1 = in->width;
    if (c1 > out->width)
        c1 = out->width;
    if (r0 >= r1 || c0 >= c1)
        return;
    char *transposed = plan->arena + plan->workspace[index];
    plan->k->transpose(
        (size_t)(r1 - r0), (size_t)(c1 - c0),
        all + (size_t)(op->params + r0 * out->ld + c0) * plan->esize, (size_t)out->ld,
        transposed + (size_t)(c0 * in->ld + r0) * plan->esize, (size_t)in->ld);
}

/* The piece of W is new. */
static void refresh_piece(const pynn_plan *plan, const struct pynn_task *task,
                          const char *params)
{
    const struct pynn_op *op = &plan->ops[task->op];
    int64_t ld = plan->tensors[op->out].ld;
    if (!is_wild(plan) && looks_for_zeros(plan, op))
        note_wild(
            plan, task->r1 - task->r0, task->c1 - task->c0,
            params + (size_t)(op->params + task->r0 * ld + task->c0) * plan->esize, ld);
    if (keeps_transpose(plan, op))
        refresh_rows(plan, task->op, params, task->r0, task->r1, task->c0, task->c1);
}

/* Gradient and update of a piece of W. */
static void run_piece(const pynn_plan *plan, const struct pynn_task *task, int64_t rows,
                      const struct pynn_apply *apply, const struct memory *memory)
{
    char *g = memory->gradient;
    const struct pynn_op *op = &plan->ops[task->op];
    int64_t ld = plan->tensors[op->out].ld, ldg = task->c1 - task->c0;
    if (apply->grads) {
        g = apply->grads +
            (size_t)(op->params + task->r0 * ld + task->c0) * plan->esize;
        ldg = ld;
    }
    gradient(plan, task, rows, apply, memory, g, ldg);
    clear_padding(plan, task, g, ldg);
    struct pynn_gradient whole = {(size_t)(task->r1 - task->r0),
                                  (size_t)(task->c1 - task->c0), g, (size_t)ldg};
    if (apply->args || apply->runs)
        pynn_move(plan, apply, op->params + task->r0 * ld + task->c0, ld, &whole);
    if (apply->args)
        refresh_piece(plan, task, apply->params);
}

static void run_task(const pynn_plan *plan, const struct pynn_task *task, int64_t rows,
                     const struct pynn_apply *apply, char *scratch)
{
    if (!has_large_tasks(plan, &plan->ops[task->op])) {
        struct memory memory = {.gradient = scratch,
                                .lists = lists(plan, &plan->ops[task->op], scratch)};
        run_piece(plan, task, rows, apply, &memory);
        return;
    }
    size_t row_bytes = (size_t)(task->c1 - task->c0) * plan->esize;
    int64_t limit = (int64_t)(LARGE_GRADIENT / row_bytes), height = task->r1 - task->r0;
    int64_t n = pieces(height, limit < LARGE_PIECE ? limit : LARGE_PIECE);
    for (int64_t i = 0; i < n; i++) {
        struct pynn_task piece = *task;
        piece.r0 = task->r0 + height * i / n;
        piece.r1 = task->r0 + height * (i + 1) / n;
        struct memory memory = {
            .gradient = scratch + PYNN_PACK, .pack = scratch, .kept = i > 0};
        run_piece(plan, &piece, rows, apply, &memory);
    }
}

static void refresh(const pynn_plan *plan, int32_t index, const char *params)
{
    const struct pynn_op *op = &plan->ops[index];
    struct pynn_task all = {index, 0, plan->tensors[op->in].width, 0,
                            pynn_pad(plan->tensors[op->out].width)};
    refresh_piece(plan, &all, params);
}

const struct pynn_op_class pynn_op_dense = {
    .name = "dense",
    .check = check,
    .params = params,
    .flops = flops,
    .workspace = workspace,
    .scratch = scratch_wanted,
    .forward = forward,
    .backward = backward,
    .plan_tasks = plan_tasks,
    .run_task = run_task,
    .refresh = refresh,
};
