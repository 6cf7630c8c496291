/* SPDX-License-Identifier: BSD-3-Clause
 * Losses, and scores (losses as metrics, values only). The i-th of them in a plan fills
 * the i-th row of block->sums. */
#include "internal.h"

static const struct {
    bool label, gradient;
} losses[] = {
#define DENSE false
#define LABEL true
#define PYNN_LOSS(NAME, name, target, gradient) {target, gradient},
#include "ops.def"
#undef DENSE
#undef LABEL
};

static bool writes_probabilities(int32_t loss)
{
    return loss == PYNN_LOSS_BINARY_CROSSENTROPY_LOGITS ||
           loss == PYNN_LOSS_CATEGORICAL_CROSSENTROPY_LOGITS ||
           loss == PYNN_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY_LOGITS;
}

static pynn_status score_check(const struct pynn_plan_spec *spec,
                               const struct pynn_op *op)
{
    if (op->select < 0 || op->select >= PYNN_LOSS_COUNT || op->target != spec->target ||
        op->target < 0)
        return PYNN_INVALID;
    const struct pynn_slot *in = &spec->slots[op->in], *y = &spec->slots[op->target];
    int64_t width = losses[op->select].label ? 1 : in->width;
    return y->inner == in->inner && y->width == width ? PYNN_OK : PYNN_INVALID;
}

static pynn_status loss_check(const struct pynn_plan_spec *spec,
                              const struct pynn_op *op)
{
    PYNN_TRY(score_check(spec, op));
    if (!losses[op->select].gradient)
        return PYNN_INVALID;
    if (op->out < 0)
        return PYNN_OK;
    const struct pynn_slot *in = &spec->slots[op->in], *out = &spec->slots[op->out];
    bool fits = in->inner == out->inner && in->width == out->width;
    return fits && writes_probabilities(op->select) ? PYNN_OK : PYNN_INVALID;
}

static double flops(const pynn_plan *plan, const struct pynn_op *op)
{
    return 32.0 * (double)plan->tensors[op->in].row;
}

/* With inner > 1 each row is a small batch whose mean is the row's loss. */
static void run_inner(const struct pynn_block *block, struct pynn_loss_args args,
                      const struct pynn_tensor *in, const struct pynn_tensor *target,
                      pynn_loss_kernel *kernel)
{
    size_t esize = block->plan->esize;
    double *means = args.row_loss, *parts = (double *)(void *)block->scratch;
    const double *weight = args.weight;
    double scale = args.scale;
    int64_t part = (int64_t)(PYNN_SCRATCH / sizeof *parts);
    char *pred = (char *)(uintptr_t)args.pred, *y = (char *)(uintptr_t)args.target;
    for (int64_t r = 0; r < block->rows; r++) {
        double w = weight ? weight[r] : 1, sum = 0;
        args.scale = scale * w / (double)in->inner;
        args.weight = NULL;
        args.row_loss = parts;
        for (int64_t i = 0; i < in->inner; i += part) {
            int64_t n = in->inner - i < part ? in->inner - i : part;
            size_t at = (size_t)((r * in->inner + i) * in->ld) * esize;
            struct pynn_loss_args piece = args;
            piece.rows = (size_t)n;
            piece.pred = pred + at;
            piece.target = y + (size_t)((r * in->inner + i) * target->ld) * esize;
            piece.grad = args.grad ? (char *)args.grad + at : NULL;
            piece.probs = args.probs ? (char *)args.probs + at : NULL;
            kernel(&piece);
            for (int64_t j = 0; j < n; j++)
                sum += parts[j];
        }
        means[r] = w * sum / (double)in->inner;
    }
}

static void run(const struct pynn_block *block, int32_t index, char *grad, char *probs)
{
    const pynn_plan *plan = block->plan;
    const struct pynn_op *op = &plan->ops[index];
    const struct pynn_tensor *in = &plan->tensors[op->in];
    const struct pynn_tensor *target = &plan->tensors[op->target];
    int64_t number = index - (plan->n_ops - plan->n_sums);
    pynn_loss_kernel *kernel = plan->k->loss[op->select];
    struct pynn_loss_args args = {
        .rows = (size_t)block->rows,
        .n = (size_t)in->width,
        .pred = block->value[op->in],
        .target = block->value[op->target],
        .ldpred = (size_t)in->ld,
        .ldtarget = (size_t)target->ld,
        .ldgrad = (size_t)in->ld,
        .ldprobs = (size_t)in->ld,
        .weight = op->kind == PYNN_OP_LOSS ? block->weight : NULL,
        .scale = block->scale * block->factor,
        .row_loss = block->sums + number * block->sums_ld,
        .grad = grad,
        .probs = probs,
        .attr = op->attr,
    };
    if (in->inner == 1)
        kernel(&args);
    else
        run_inner(block, args, in, target, kernel);
}

static bool probabilities_wanted(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *ops = block->plan->ops;
    bool wanted = !block->stepping;
    for (int32_t i = index + 1; i < block->plan->n_ops; i++) /* the scores */
        wanted = wanted || ops[i].in == ops[index].out;
    return wanted && ops[index].out >= 0;
}

/* The rest of the rows' losses: what the loss counts for, and penalties on outputs. */
static void complete(const struct pynn_block *block, int32_t index)
{
    const pynn_plan *plan = block->plan;
    int64_t number = index - (plan->n_ops - plan->n_sums);
    double *row_loss = block->sums + number * block->sums_ld;
    if (block->factor != 1)
        for (int64_t i = 0; i < block->rows; i++)
            row_loss[i] *= block->factor;
    for (int32_t i = 0; i < index; i++)
        if (plan->ops[i].kind == PYNN_OP_ACTIVITY)
            pynn_activity_penalties(block, i, row_loss);
}

static void loss_forward(const struct pynn_block *block, int32_t index)
{
    const struct pynn_op *op = &block->plan->ops[index];
    run(block, index, block->grad[op->in],
        probabilities_wanted(block, index) ? block->value[op->out] : NULL);
    complete(block, index);
}

static void score_forward(const struct pynn_block *block, int32_t index)
{
    run(block, index, NULL, NULL);
}

/* The gradient is written with the value. */
const struct pynn_op_class pynn_op_loss = {
    .name = "loss",
    .check = loss_check,
    .flops = flops,
    .forward = loss_forward,
};

const struct pynn_op_class pynn_op_score = {
    .name = "score",
    .check = score_check,
    .flops = flops,
    .forward = score_forward,
};
