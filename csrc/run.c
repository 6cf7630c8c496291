/* SPDX-License-Identifier: BSD-3-Clause
 * Predicting, evaluating, and the forward and backward pass on their own. */
#include <string.h>

#include "internal.h"
#include "threads.h"

/* One call on a team of threads; fields but `taken` are read-only while it runs. */
struct job {
    pynn_plan *plan;
    const void *params, *stats;
    struct pynn_source source;
    int64_t rows;
    int32_t size, ops; /* threads of the team; ops to run */
    uint64_t step;
    char *out;
    double *sums, *values;
    _Atomic int64_t taken; /* rows that some thread works on or has done */
};

static int32_t ops_before_scores(const pynn_plan *plan)
{
    return plan->n_ops - plan->n_sums;
}

/* Runs body with as many threads as the work is worth and the plan has memory for. */
static pynn_status run(struct job *job, double flops, pynn_body *body)
{
    int32_t n = pynn_threads_for(flops);
    pynn_status status = pynn_plan_reserve_threads(job->plan, n);
    if (status == PYNN_OK)
        pynn_team_run(n, &job->size, body, job);
    return status;
}

static double *row_values(const pynn_plan *plan)
{
    return (double *)(void *)(plan->arena + plan->row_values);
}

/* Calls with fewer rows are over before a look at the parameters has paid. */
#define REFRESH_ROWS 256

static void look_at_params(const struct job *job)
{
    if (job->rows >= REFRESH_ROWS)
        pynn_refresh(job->plan, job->params);
    else
        atomic_store_explicit(job->plan->wild, true, memory_order_relaxed);
}

/* ---- predict ---- */

/* The next rows [*i, *i + n) for a thread, in pieces small enough for all to end at about
 * the same time, though another process may slow one down; 0 when none are left. */
static int64_t take_rows(struct job *job, int64_t *i)
{
    int64_t limit = job->plan->block_rows, n = job->rows;
    if (job->size > 1)
        n = (n / (4 * job->size) + 8) / 8 * 8;
    n = n < limit ? n : limit;
    *i = atomic_fetch_add(&job->taken, n);
    return job->rows - *i < n ? job->rows - *i : n;
}

static void predict_body(void *context, int32_t thread)
{
    struct job *job = context;
    const pynn_plan *plan = job->plan;
    const struct pynn_tensor *out = &plan->tensors[plan->output];
    size_t out_row = (size_t)(out->inner * out->width) * plan->esize;
    struct pynn_block block;
    pynn_block_init(&block, plan, thread, job->params, job->stats);
    for (int64_t i, n; (n = take_rows(job, &i)) > 0;) {
        pynn_block_load(&block, &job->source, i, n, 0);
        pynn_block_forward(&block, job->ops);
        pynn_block_store(&block, plan->output, block.value[plan->output],
                         job->out + (size_t)i * out_row);
    }
}

pynn_status pynn_predict(pynn_plan *plan, const void *params, const void *stats,
                         const struct pynn_array *x, int64_t first, int64_t rows,
                         void *out)
{
    PYNN_TRY(pynn_source_check(plan, x, NULL, first, rows));
    int32_t ops = ops_before_scores(plan);
    bool fused = ops < plan->n_ops && plan->ops[ops].out == plan->output;
    if (plan->max_rows != 0 || fused || (plan->n_stats && !stats))
        return PYNN_INVALID;
    if (rows == 0)
        return PYNN_OK;
    if (!pynn_plan_enter(plan))
        return PYNN_BUSY;
    struct job job = {.plan = plan,
                      .params = params,
                      .stats = stats,
                      .source = {.x = x, .start = first},
                      .rows = rows,
                      .ops = ops,
                      .out = out};
    look_at_params(&job);
    pynn_status status = run(&job, plan->flops * (double)rows, predict_body);
    pynn_plan_leave(plan);
    return status;
}

/* ---- evaluate ---- */

/* In order of rows, so that the result does not depend on threads or on slicing. */
static void add_rows(const pynn_plan *plan, const double *values, int64_t ld,
                     int64_t rows, double *sums)
{
    for (int32_t k = 0; k < plan->n_sums; k++)
        for (int64_t i = 0; i < rows; i++)
            sums[k] += values[k * ld + i];
}

static void keep_rows(const struct job *job, int64_t start, int64_t rows)
{
    for (int32_t k = 0; job->values && k < job->plan->n_sums; k++)
        memcpy(job->values + k * job->rows + start,
               row_values(job->plan) + k * PYNN_EVALUATE_ROWS,
               (size_t)rows * sizeof *job->values);
}

static void evaluate_body(void *context, int32_t thread)
{
    const struct job *job = context;
    const pynn_plan *plan = job->plan;
    struct pynn_block block;
    pynn_block_init(&block, plan, thread, job->params, job->stats);
    block.sums_ld = PYNN_EVALUATE_ROWS;
    for (int64_t start = 0; start < job->rows; start += PYNN_EVALUATE_ROWS) {
        int64_t rows = job->rows - start < PYNN_EVALUATE_ROWS ? job->rows - start
                                                              : PYNN_EVALUATE_ROWS;
        int64_t i, end;
        pynn_share(rows, job->size, thread, &i, &end);
        for (int64_t n; i < end; i += n) {
            n = end - i < plan->block_rows ? end - i : plan->block_rows;
            pynn_block_load(&block, &job->source, start + i, n, 0);
            block.sums = row_values(plan) + i;
            pynn_block_forward(&block, plan->n_ops);
        }
        pynn_team_barrier(job->size);
        if (thread == 0) {
            add_rows(plan, row_values(plan), PYNN_EVALUATE_ROWS, rows, job->sums);
            keep_rows(job, start, rows);
        }
        pynn_team_barrier(job->size);
    }
}

pynn_status pynn_evaluate(pynn_plan *plan, const void *params, const void *stats,
                          const struct pynn_array *x, const struct pynn_array *y,
                          const double *weight, int64_t first, int64_t rows,
                          double *sums, double *values)
{
    PYNN_TRY(pynn_source_check(plan, x, y, first, rows));
    if (plan->max_rows != 0 || plan->n_sums == 0 || !y || (plan->n_stats && !stats))
        return PYNN_INVALID;
    if (!pynn_plan_enter(plan))
        return PYNN_BUSY;
    struct job job = {.plan = plan,
                      .params = params,
                      .stats = stats,
                      .source = {.x = x, .y = y, .weight = weight, .start = first},
                      .rows = rows,
                      .sums = sums,
                      .values = values};
    look_at_params(&job);
    pynn_status status = run(&job, plan->flops * (double)rows, evaluate_body);
    pynn_plan_leave(plan);
    return status;
}

/* ---- forward ---- */

static void forward_body(void *context, int32_t thread)
{
    const struct job *job = context;
    const pynn_plan *plan = job->plan;
    struct pynn_block block;
    pynn_block_init(&block, plan, thread, job->params, job->stats);
    block.training = true;
    block.step = job->step;
    block.scale = 1.0 / (double)job->rows;
    struct pynn_pass pass = {&job->source, 0, job->rows, 0, 0, job->ops, false};
    pynn_share(job->rows, job->size, thread, &pass.begin, &pass.end);
    pynn_block_pass(&block, &pass, job->size, thread);
}

static void store_output(const pynn_plan *plan, int64_t rows, char *out)
{
    struct pynn_block all = {.plan = plan, .rows = rows};
    pynn_block_store(&all, plan->output,
                     plan->arena + plan->tensors[plan->output].value, out);
}

pynn_status pynn_forward(pynn_plan *plan, const void *params, void *stats,
                         const struct pynn_array *x, const struct pynn_array *y,
                         const double *weight, uint64_t step, int64_t rows, void *out,
                         double *sums)
{
    PYNN_TRY(pynn_source_check(plan, x, y, 0, rows));
    if (rows > plan->max_rows || (plan->n_stats && !stats))
        return PYNN_INVALID;
    if (!pynn_plan_enter(plan))
        return PYNN_BUSY;
    struct job job = {.plan = plan,
                      .params = params,
                      .stats = stats,
                      .source = {.x = x, .y = y, .weight = weight},
                      .rows = rows,
                      .ops = y ? plan->n_ops : ops_before_scores(plan),
                      .step = step};
    atomic_store_explicit(plan->wild, true, memory_order_relaxed); /* not looked at */
    pynn_status status = run(&job, plan->flops * (double)rows, forward_body);
    if (status == PYNN_OK) {
        plan->forward_rows = rows;
        plan->forward_step = step;
        plan->forward_scored = y != NULL;
        if (out)
            store_output(plan, rows, out);
        if (sums && y)
            add_rows(plan, row_values(plan), plan->max_rows, rows, sums);
    }
    pynn_plan_leave(plan);
    return status;
}

/* ---- backward ---- */

struct backward_job {
    struct job base;
    struct pynn_apply apply;
};

static void backward_body(void *context, int32_t thread)
{
    const struct backward_job *job = context;
    const pynn_plan *plan = job->base.plan;
    struct pynn_block block;
    pynn_block_init(&block, plan, thread, job->base.params, job->base.stats);
    block.training = true;
    block.step = job->base.step;
    block.scale = 1.0 / (double)job->base.rows;
    struct pynn_pass pass = {NULL, 0, job->base.rows, 0, 0, plan->n_ops, true};
    pynn_share(pass.rows, job->base.size, thread, &pass.begin, &pass.end);
    pynn_block_pass(&block, &pass, job->base.size, thread);
    pynn_team_barrier(job->base.size);
    for (int64_t t = thread; t < plan->n_tasks; t += job->base.size)
        pynn_op_classes[plan->ops[plan->tasks[t].op].kind]->run_task(
            plan, &plan->tasks[t], job->base.rows, &job->apply, block.scratch);
}

/* dst[rows, slot] padded with zeros = src[rows, slot] unpadded. */
static void load_gradient(const pynn_plan *plan, int32_t slot, int64_t rows,
                          const char *src)
{
    const struct pynn_tensor *t = &plan->tensors[slot];
    char *dst = plan->arena + t->grad;
    size_t bytes = (size_t)t->width * plan->esize, ld = (size_t)t->ld * plan->esize;
    for (int64_t i = 0; i < rows * t->inner; i++, dst += ld, src += bytes) {
        memcpy(dst, src, bytes);
        memset(dst + bytes, 0, ld - bytes);
    }
}

static bool backward_possible(const pynn_plan *plan, const void *dout, int64_t rows,
                              const void *dx)
{
    return plan->max_rows > 0 && rows > 0 && plan->forward_rows == rows &&
           (dout ? plan->tensors[plan->output].has_grad : plan->forward_scored) &&
           (!dx || plan->tensors[0].has_grad);
}

pynn_status pynn_backward(pynn_plan *plan, const void *params, const void *stats,
                          const void *dout, int64_t rows, void *grads, void *dx)
{
    if (!pynn_plan_enter(plan))
        return PYNN_BUSY;
    if (!backward_possible(plan, dout, rows, dx) || (plan->n_stats && !stats)) {
        pynn_plan_leave(plan);
        return PYNN_INVALID;
    }
    struct backward_job job = {
        .base = {.plan = plan,
                 .params = params,
                 .stats = stats,
                 .rows = rows,
                 .step = plan->forward_step},
        .apply = {.grads = grads},
    };
    plan->forward_rows = 0; /* gradients are overwritten on the way */
    if (dout)
        load_gradient(plan, plan->output, rows, dout);
    pynn_refresh(plan, params);
    memset(grads, 0, (size_t)plan->n_params * plan->esize);
    pynn_status status = run(&job.base, 2 * plan->flops * (double)rows, backward_body);
    if (status == PYNN_OK && dx) {
        struct pynn_block all = {.plan = plan, .rows = rows};
        pynn_block_store(&all, 0, plan->arena + plan->tensors[0].grad, dx);
    }
    pynn_plan_leave(plan);
    return status;
}
