/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Builds a plan from a spec: checks every record, lays the slots out, plans the parameter
 * tasks, and takes all memory at once.
 *
 * Training plan: one arena holds value and gradient of every slot for all rows of a batch
 * (the weight gradient reads them after the barrier), and what ops ask for. Inference
 * plan: each thread's region holds the values of one block of rows. */
#include <string.h>

#include "internal.h"

#define ARENA_TARGET ((size_t)64 << 20) /* bytes of rows that a training plan holds */

const struct pynn_op_class *const pynn_op_classes[PYNN_OP_COUNT] = {
#define PYNN_OP(NAME, name) &pynn_op_##name,
#include "ops.def"
};

static bool is_score(int32_t kind)
{
    return kind == PYNN_OP_LOSS || kind == PYNN_OP_SCORE;
}

static bool frozen(const struct pynn_op *op) { return op->flags & PYNN_FLAG_FROZEN; }

static bool trainable(const struct pynn_op *op)
{
    return pynn_op_classes[op->kind]->params && op->params >= 0 && !frozen(op);
}

static bool cuts(const struct pynn_op *op)
{
    return pynn_op_classes[op->kind]->reduce_forward && !frozen(op);
}

/* ---- Checking ---- */

static bool slot_valid(const struct pynn_plan_spec *spec, int32_t slot)
{
    return slot >= 0 && slot < spec->n_slots;
}

static pynn_status check_slots(const struct pynn_plan_spec *spec)
{
    for (int32_t i = 0; i < spec->n_slots; i++) {
        const struct pynn_slot *s = &spec->slots[i];
        size_t total = 0;
        if (s->inner < 1 || s->width < 1 || s->width > PTRDIFF_MAX / 64 ||
            !pynn_size_add(&total, (size_t)s->inner, (size_t)pynn_ld(s->width) * 16))
            return PYNN_INVALID;
    }
    return PYNN_OK;
}

/* Whether `need` elements from `start` on, if any, are a part of `total`. */
static bool part_valid(int64_t start, int64_t need, int64_t total)
{
    return need == 0 || (start >= 0 && start % (int64_t)PYNN_PAD == 0 &&
                         start <= total && need <= total - start);
}

static pynn_status check_params(const struct pynn_plan_spec *spec,
                                const struct pynn_op *op)
{
    const struct pynn_slot *in = &spec->slots[op->in], *out = &spec->slots[op->out];
    size_t total = 0;
    if (!pynn_size_add(&total, (size_t)in->width + 1, (size_t)pynn_ld(out->width) * 8))
        return PYNN_INVALID;
    const struct pynn_op_class *class = pynn_op_classes[op->kind];
    bool fits =
        part_valid(op->params, class->params ? class->params(spec, op) : 0,
                   spec->n_params) &&
        part_valid(op->stats, class->stats ? class->stats(spec, op) : 0, spec->n_stats);
    return fits ? PYNN_OK : PYNN_INVALID;
}

/* `written`: the last slot that an op before this one writes. */
static pynn_status check_op(const struct pynn_plan_spec *spec, const struct pynn_op *op,
                            bool after_loss, int32_t written)
{
    if (op->kind < 0 || op->kind >= PYNN_OP_COUNT || !slot_valid(spec, op->in))
        return PYNN_INVALID;
    bool score = is_score(op->kind);
    if (after_loss && op->kind != PYNN_OP_SCORE)
        return PYNN_INVALID;
    if (op->in == spec->target || (op->out >= 0 && op->out == spec->target))
        return PYNN_INVALID;
    /* slots are written in rising order, each once, so that no value is overwritten */
    bool rising = op->out > op->in && op->out > written && op->out < spec->n_slots;
    if (op->out >= 0 ? !rising : !score && op->kind != PYNN_OP_ACTIVITY)
        return PYNN_INVALID;
    PYNN_TRY(pynn_op_classes[op->kind]->check(spec, op));
    const struct pynn_op_class *class = pynn_op_classes[op->kind];
    return class->params || class->stats ? check_params(spec, op) : PYNN_OK;
}

static pynn_status check_spec(const struct pynn_plan_spec *spec)
{
    if ((spec->dtype != PYNN_F32 && spec->dtype != PYNN_F64) || spec->n_slots < 1 ||
        spec->n_ops < 0 || spec->n_params < 0 || spec->n_stats < 0 ||
        !slot_valid(spec, spec->output) || spec->target == 0 ||
        spec->target >= spec->n_slots)
        return PYNN_INVALID;
    PYNN_TRY(check_slots(spec));
    bool after_loss = false;
    int32_t written = 0;
    for (int32_t i = 0; i < spec->n_ops; i++) {
        PYNN_TRY(check_op(spec, &spec->ops[i], after_loss, written));
        if (spec->ops[i].out >= 0)
            written = spec->ops[i].out;
        after_loss = after_loss || is_score(spec->ops[i].kind);
    }
    return PYNN_OK;
}

/* ---- Layout ---- */

/* A slot needs a gradient when something trainable, or the input if wanted, is behind it
 * and the loss is ahead. */
static void mark_gradients(pynn_plan *plan, bool input)
{
    plan->tensors[0].has_grad = input;
    for (int32_t i = 0; i < plan->n_ops; i++) {
        const struct pynn_op *op = &plan->ops[i];
        if (is_score(op->kind) || op->out < 0)
            continue;
        plan->tensors[op->out].has_grad =
            trainable(op) || plan->tensors[op->in].has_grad;
    }
}

static bool direct_input(const pynn_plan *plan)
{
    bool direct = plan->tensors[0].inner == 1;
    for (int32_t i = 0; i < plan->n_ops; i++)
        if (plan->ops[i].in == 0 && plan->ops[i].kind != PYNN_OP_DENSE)
            direct = false;
    return direct && plan->output != 0;
}

static bool lay_out_rows(pynn_plan *plan, size_t *total)
{
    bool training = plan->max_rows > 0;
    size_t rows = (size_t)(training ? plan->max_rows : plan->block_rows);
    for (int32_t i = 0; i < plan->n_slots; i++) {
        struct pynn_tensor *t = &plan->tensors[i];
        size_t row_bytes = (size_t)t->row * plan->esize;
        t->value = *total;
        if (!pynn_size_add(total, rows, row_bytes))
            return false;
        t->grad = *total;
        if (training && t->has_grad && !pynn_size_add(total, rows, row_bytes))
            return false;
    }
    return true;
}

static size_t scratch_bytes(const pynn_plan *plan)
{
    size_t most = PYNN_SCRATCH;
    for (int32_t i = 0; i < plan->n_ops; i++) {
        const struct pynn_op_class *class = pynn_op_classes[plan->ops[i].kind];
        size_t bytes = class->scratch ? class->scratch(plan, i) : 0;
        most = bytes > most ? bytes : most;
    }
    return most;
}

static bool lay_out(pynn_plan *plan)
{
    size_t arena = 0, region = 0;
    bool training = plan->max_rows > 0;
    size_t kept = (size_t)(training ? plan->max_rows : PYNN_EVALUATE_ROWS);
    plan->scratch_bytes = scratch_bytes(plan);
    if (!pynn_size_add(&region, 2 * (size_t)plan->n_slots, sizeof(char *)) ||
        !pynn_size_add(&region, 1, PYNN_LISTS + plan->scratch_bytes) ||
        !lay_out_rows(plan, training ? &arena : &region))
        return false;
    plan->row_values = arena;
    if (!pynn_size_add(&arena, kept * (size_t)plan->n_sums, sizeof(double)))
        return false;
    plan->row_weights = arena;
    if (training && !pynn_size_add(&arena, kept, sizeof(double)))
        return false;
    for (int32_t i = 0; i < plan->n_ops; i++) {
        const struct pynn_op_class *class = pynn_op_classes[plan->ops[i].kind];
        plan->workspace[i] = arena;
        if (training && class->workspace &&
            !pynn_size_add(&arena, 1, class->workspace(plan, i)))
            return false;
    }
    plan->arena_bytes = arena;
    plan->region_bytes = region;
    return true;
}

/* Rows per block: few enough for the activations to stay in L2; the more, the further
 * away the weights come from, since each block reads them once. */
static int64_t choose_block_rows(const pynn_plan *plan)
{
    size_t bytes = (size_t)plan->n_params * plan->esize;
    return bytes <= (size_t)1 << 20 ? 64 : bytes <= (size_t)16 << 20 ? 192 : 512;
}

static int64_t limit_rows(const pynn_plan *plan, int64_t rows)
{
    size_t bytes = 0;
    if (plan->n_cuts > 0)
        return rows;
    for (int32_t i = 0; i < plan->n_slots; i++)
        bytes += 2 * (size_t)plan->tensors[i].row * plan->esize;
    int64_t limit = (int64_t)(ARENA_TARGET / bytes) / 64 * 64;
    if (limit < 64)
        limit = 64;
    return rows < limit ? rows : limit;
}

/* ---- Creation ---- */

static pynn_status copy_spec(pynn_plan *plan, const struct pynn_plan_spec *spec,
                             int64_t max_rows)
{
    plan->tensors = pynn_alloc((size_t)spec->n_slots * sizeof *plan->tensors);
    plan->ops = pynn_alloc((size_t)spec->n_ops * sizeof *plan->ops);
    plan->workspace = pynn_alloc((size_t)spec->n_ops * sizeof *plan->workspace);
    plan->cuts = pynn_alloc((size_t)spec->n_ops * sizeof *plan->cuts);
    if (!plan->tensors || !plan->ops || !plan->workspace || !plan->cuts)
        return PYNN_NO_MEMORY;
    for (int32_t i = 0; i < spec->n_slots; i++) {
        struct pynn_tensor *t = &plan->tensors[i];
        t->inner = spec->slots[i].inner;
        t->width = spec->slots[i].width;
        t->ld = pynn_ld(t->width);
        t->row = t->inner * t->ld;
    }
    plan->n_slots = spec->n_slots;
    for (int32_t i = 0; i < spec->n_ops; i++) {
        plan->ops[i] = spec->ops[i];
        plan->n_sums += is_score(spec->ops[i].kind);
        if (max_rows > 0 && cuts(&spec->ops[i]))
            plan->cuts[plan->n_cuts++] = i;
    }
    plan->n_ops = spec->n_ops;
    return PYNN_OK;
}

pynn_status pynn_plan_add_task(pynn_plan *plan, struct pynn_task task)
{
    if (plan->n_tasks == plan->cap_tasks) {
        int64_t cap = plan->cap_tasks ? 2 * plan->cap_tasks : 16;
        struct pynn_task *grown = pynn_alloc((size_t)cap * sizeof *grown);
        if (!grown)
            return PYNN_NO_MEMORY;
        if (plan->tasks)
            memcpy(grown, plan->tasks, (size_t)plan->n_tasks * sizeof *grown);
        pynn_free(plan->tasks);
        plan->tasks = grown;
        plan->cap_tasks = cap;
    }
    plan->tasks[plan->n_tasks++] = task;
    return PYNN_OK;
}

static pynn_status plan_tasks(pynn_plan *plan)
{
    for (int32_t i = 0; i < plan->n_ops; i++) {
        const struct pynn_op *op = &plan->ops[i];
        const struct pynn_op_class *class = pynn_op_classes[op->kind];
        if (class->plan_tasks && trainable(op))
            PYNN_TRY(class->plan_tasks(plan, i));
    }
    return PYNN_OK;
}

static pynn_status build(pynn_plan *plan, const struct pynn_plan_spec *spec,
                         int64_t max_rows)
{
    PYNN_TRY(copy_spec(plan, spec, max_rows));
    plan->dtype = spec->dtype;
    plan->k = pynn_kernels_selected(spec->dtype);
    plan->esize = plan->k->esize;
    plan->output = spec->output;
    plan->target = spec->target;
    plan->n_params = spec->n_params;
    plan->n_stats = spec->n_stats;
    plan->max_rows = max_rows > 0 ? limit_rows(plan, max_rows) : 0;
    plan->block_rows = choose_block_rows(plan);
    plan->direct_input = max_rows == 0 && direct_input(plan);
    if (max_rows > 0)
        mark_gradients(plan, spec->input_gradient);
    if (!lay_out(plan))
        return PYNN_NO_MEMORY;
    for (int32_t i = 0; i < plan->n_ops; i++) {
        const struct pynn_op_class *class = pynn_op_classes[plan->ops[i].kind];
        plan->flops += class->flops ? class->flops(plan, &plan->ops[i]) : 0;
        if (trainable(&plan->ops[i]))
            plan->n_trained += class->params(spec, &plan->ops[i]);
    }
    if (max_rows > 0)
        PYNN_TRY(plan_tasks(plan));
    plan->arena = pynn_alloc(plan->arena_bytes);
    plan->wild = pynn_alloc(sizeof *plan->wild);
    if (!plan->arena || !plan->wild)
        return PYNN_NO_MEMORY;
    atomic_store(plan->wild, true);
    return pynn_plan_reserve_threads(plan, 1);
}

pynn_status pynn_plan_create(const struct pynn_plan_spec *spec, int64_t max_rows,
                             pynn_plan **result)
{
    *result = NULL;
    if (max_rows < 0)
        return PYNN_INVALID;
    PYNN_TRY(check_spec(spec));
    pynn_plan *plan = pynn_alloc(sizeof *plan);
    if (!plan)
        return PYNN_NO_MEMORY;
    atomic_flag_clear(&plan->running);
    pynn_status status = build(plan, spec, max_rows);
    if (status != PYNN_OK)
        pynn_plan_destroy(plan);
    else
        *result = plan;
    return status;
}

void pynn_plan_destroy(pynn_plan *plan)
{
    if (!plan)
        return;
    for (int32_t i = 0; i < plan->n_regions; i++)
        pynn_free(plan->regions[i]);
    pynn_free(plan->regions);
    pynn_free(plan->wild);
    pynn_free(plan->arena);
    pynn_free(plan->tasks);
    pynn_free(plan->cuts);
    pynn_free(plan->workspace);
    pynn_free(plan->ops);
    pynn_free(plan->tensors);
    pynn_free(plan);
}

/* ---- Use ---- */

pynn_status pynn_plan_reserve_threads(pynn_plan *plan, int32_t n)
{
    if (n <= plan->n_regions)
        return PYNN_OK;
    char **regions = pynn_alloc((size_t)n * sizeof *regions);
    if (!regions)
        return PYNN_NO_MEMORY;
    if (plan->regions)
        memcpy(regions, plan->regions, (size_t)plan->n_regions * sizeof *regions);
    pynn_free(plan->regions);
    plan->regions = regions;
    while (plan->n_regions < n) {
        char *region = pynn_alloc(plan->region_bytes);
        if (!region)
            return PYNN_NO_MEMORY;
        plan->regions[plan->n_regions++] = region;
    }
    return PYNN_OK;
}

bool pynn_plan_enter(pynn_plan *plan)
{
    return !atomic_flag_test_and_set(&plan->running);
}

void pynn_plan_leave(pynn_plan *plan) { atomic_flag_clear(&plan->running); }

size_t pynn_plan_bytes(const pynn_plan *plan)
{
    return plan->arena_bytes + (size_t)plan->n_regions * plan->region_bytes;
}

double pynn_plan_flops(const pynn_plan *plan) { return plan->flops; }

int64_t pynn_plan_rows(const pynn_plan *plan) { return plan->max_rows; }

int32_t pynn_plan_sums(const pynn_plan *plan) { return plan->n_sums; }

void pynn_refresh(const pynn_plan *plan, const char *params)
{
    atomic_store(plan->wild, plan->n_params < PYNN_SPARSE_WEIGHTS);
    for (int32_t i = 0; i < plan->n_ops; i++)
        if (pynn_op_classes[plan->ops[i].kind]->refresh)
            pynn_op_classes[plan->ops[i].kind]->refresh(plan, i, params);
}
