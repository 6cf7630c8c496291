/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The training loop. All threads of a team run the same steps, with two barriers each:
 *
 *   rows: load, forward, loss, input gradients        each thread its rows of the batch
 *   -- barrier --
 *   tasks: weight gradient and optimizer update       each thread its pieces of the weights
 *   (thread 0 first adds the row losses up and prepares the next step)
 *   -- barrier --
 *
 * Ops that look at the whole batch cut the first part (see block.c). A batch larger than the arena goes through in pieces whose gradients are added in order;
 * then, or when gradients are clipped by norm, the update is a pass of its own. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "cpu.h"
#include "pass.h"
#include "rng.h"
#include "terms.h"
#include "threads.h"

/* What a step needs to know; prepared by thread 0 one step ahead. */
struct step {
    bool stop;
    int64_t start, rows; /* the batch: places in the epoch */
    uint64_t number;     /* iteration, for dropout */
    double factor;       /* of the loss, see pynn_block */
    struct pynn_step update;
};

struct trainer {
    pynn_plan *plan;
    struct pynn_fit *fit;
    int32_t size;
    struct pynn_share *shares; /* [size], when that is more than one */
    bool fused;                /* update in the epilogue of the weight gradient */
    bool small;         /* steps of some microseconds: look at the clock now and then */
    double end;         /* when to return; seconds of now() */
    double stretch_end; /* when to choose the threads again */
    int64_t stretch_start;    /* steps done before the stretch */
    bool whole;               /* each step of the stretch takes all rows at once */
    struct step steps[2];     /* the running one, and the next */
    double gscale;            /* of the separate pass: global norm clipping */
    struct pynn_run *special; /* runs by offset, unless none is special to tasks */
    bool constrained;
    double *penalties; /* [n_penalties] parts of the penalty of the running step */
    int64_t n_penalties;
};

static double now(void)
{
    struct timespec t;
#if defined(CLOCK_MONOTONIC)
    clock_gettime(CLOCK_MONOTONIC, &t);
#else
    timespec_get(&t, TIME_UTC);
#endif
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- Between steps (thread 0) ---- */

static bool all_done(const struct trainer *trainer)
{
    const struct pynn_fit *fit = trainer->fit;
    return fit->epochs_done == fit->epochs ||
           (fit->max_steps > 0 && fit->steps_done == fit->max_steps);
}

static bool stretch_over(const struct trainer *trainer)
{
    int64_t steps = trainer->fit->steps_done;
    bool look = trainer->small ? steps % 64 == 0 : true;
    return look && steps > trainer->stretch_start && now() >= trainer->stretch_end;
}

/* What the loss of a batch is times that which a mean over its rows would give. */
static double loss_factor(const struct trainer *trainer, int64_t start, int64_t rows)
{
    const struct pynn_fit *fit = trainer->fit;
    const pynn_plan *plan = trainer->plan;
    if (fit->reduction == PYNN_SUM)
        return (double)(rows * plan->tensors[plan->target].inner);
    const double *weight = fit->reduction == PYNN_WEIGHTED_MEAN ? fit->weight : NULL;
    if (!weight && !fit->counts)
        return 1;
    bool permuted = fit->shuffle && fit->batch < fit->rows;
    double sum = 0;
    for (int64_t i = start; i < start + rows; i++) {
        int64_t row = permuted ? fit->order[i] : i;
        sum += (weight ? weight[row] : 1) * (fit->counts ? fit->counts[row] : 1);
    }
    return sum != 0 ? (double)rows / sum : 0;
}

static void prepare(struct trainer *trainer, struct step *step)
{
    struct pynn_fit *fit = trainer->fit;
    step->stop = all_done(trainer) || stretch_over(trainer);
    if (step->stop)
        return;
    bool permuted = fit->shuffle && fit->batch < fit->rows;
    if (fit->position == 0 && permuted && fit->shuffle == 2)
        pynn_shuffle_batches(fit->seed, fit->epoch, fit->rows, fit->batch, fit->order);
    else if (fit->position == 0 && permuted)
        pynn_shuffle(fit->seed, fit->epoch, fit->rows, fit->order);
    int64_t left = fit->rows - fit->position;
    step->start = fit->position;
    step->rows = fit->batch < left ? fit->batch : left;
    step->number = fit->state->iteration;
    int64_t i = fit->steps_done < fit->n_rates ? fit->steps_done : fit->n_rates - 1;
    step->factor = loss_factor(trainer, step->start, step->rows);
    pynn_step_prepare(fit->optimizer, fit->rates[i], fit->state, &step->update);
}

/* Adds the losses of arena rows [0, rows) to the epoch's sums, in order of rows, and the
 * penalty as often as `penalized` says. */
static void add_losses(struct trainer *trainer, int64_t rows, int64_t penalized)
{
    const pynn_plan *plan = trainer->plan;
    struct pynn_fit *fit = trainer->fit;
    double *sums = fit->sums + fit->epochs_done * plan->n_sums;
    const double *values =
        (const double *)(const void *)(plan->arena + plan->row_values);
    bool was_finite = isfinite(sums[0]);
    for (int32_t k = 0; k < plan->n_sums; k++) {
        double sum = sums[k];
        for (int64_t i = 0; i < rows; i++)
            sum += values[k * plan->max_rows + i];
        sums[k] = sum;
    }
    if (trainer->n_penalties > 0 && penalized > 0) {
        double penalty = 0;
        for (int64_t i = 0; i < trainer->n_penalties; i++)
            penalty += trainer->penalties[i];
        sums[0] += penalty * (double)penalized;
    }
    if (fit->bad_step < 0 && was_finite && !isfinite(sums[0]))
        fit->bad_step = fit->steps_done;
}

static void count_step(struct trainer *trainer, const struct step *step)
{
    struct pynn_fit *fit = trainer->fit;
    fit->steps_done++;
    fit->state->iteration++;
    fit->position += step->rows;
    if (fit->position == fit->rows) {
        fit->position = 0;
        fit->epoch++;
        fit->epochs_done++;
    }
}

/* ---- One piece of a batch ---- */

static void run_rows(const struct trainer *trainer, const struct step *step,
                     struct pynn_block *block, int32_t thread, int64_t first,
                     int64_t rows)
{
    const struct pynn_fit *fit = trainer->fit;
    bool permuted = fit->shuffle && fit->batch < fit->rows;
    struct pynn_source source = {
        .x = fit->x,
        .y = fit->y,
        .weight = fit->weight,
        .order = permuted ? fit->order : NULL,
        .start = step->start,
        .held = trainer->whole && fit->steps_done > trainer->stretch_start,
    };
    block->training = block->stepping = true;
    block->step = step->number;
    block->scale = 1.0 / (double)step->rows;
    block->factor = step->factor;
    const pynn_plan *plan = trainer->plan;
    struct pynn_share *shares = trainer->shares;
    int32_t size = trainer->size;
    struct pynn_pass pass = {&source, first, rows, 0, rows, plan->n_ops, true};
    if (size == 1) {
        pynn_block_pass(block, &pass, size, thread);
        return;
    }
    double start = now();
    pass.begin = pynn_share_row(shares, size, thread, rows);
    pass.end = pynn_share_row(shares, size, thread + 1, rows);
    pynn_block_pass(block, &pass, size, thread);
    if (pass.end > pass.begin && plan->n_cuts == 0) /* else the others are waited for */
        pynn_share_note(&shares[thread], (double)(pass.end - pass.begin),
                        now() - start);
}

static void run_task(const pynn_plan *plan, int64_t index, int64_t rows,
                     const struct pynn_apply *apply, char *scratch)
{
    const struct pynn_task *task = &plan->tasks[index];
    pynn_op_classes[plan->ops[task->op].kind]->run_task(plan, task, rows, apply,
                                                        scratch);
}

static void run_tasks(const struct trainer *trainer, const struct step *step,
                      int32_t thread, int64_t first, int64_t rows, char *scratch)
{
    bool last = first + rows == step->rows; /* the gradients are complete */
    const pynn_plan *plan = trainer->plan;
    const struct pynn_fit *fit = trainer->fit;
    struct pynn_apply apply = {
        .args = trainer->fused ? &step->update.args : NULL,
        .rule = fit->optimizer->kind,
        .params = fit->params,
        .slots = {fit->state->slots[0], fit->state->slots[1], fit->state->slots[2]},
        .grads = trainer->fused ? NULL : fit->grads,
        .accumulate = first > 0,
        .runs = last ? trainer->special : NULL,
        .n_runs = fit->n_runs,
        .average = fit->state->average,
        .momentum = step->update.momentum,
        .overwrite = step->update.overwrite,
    };
    if (trainer->size == 1) {
        for (int64_t t = 0; t < plan->n_tasks; t++)
            run_task(plan, t, rows, &apply, scratch);
        return;
    }
    for (int64_t t; (t = pynn_take_task(trainer->shares, trainer->size, thread)) >= 0;)
        run_task(plan, t, rows, &apply, scratch);
}

/* ---- After the tasks ---- */

/* Brings what ops keep of changed parameters up to date. */
static void refresh(const struct trainer *trainer, int32_t thread)
{
    const pynn_plan *plan = trainer->plan;
    for (int32_t i = thread; i < plan->n_ops; i += trainer->size)
        if (pynn_op_classes[plan->ops[i].kind]->refresh)
            pynn_op_classes[plan->ops[i].kind]->refresh(plan, i, trainer->fit->params);
}

static void separate_update(struct trainer *trainer, const struct pynn_step *step,
                            int32_t thread)
{
    const struct pynn_fit *fit = trainer->fit;
    struct pynn_flat flat = {trainer->plan->k, fit->optimizer, fit->state, fit->runs,
                             fit->n_runs,      fit->params,    fit->grads};
    if (fit->state->gathered) {
        pynn_flat_gather(&flat, step, trainer->size, thread);
        pynn_team_barrier(trainer->size);
    }
    if (thread == 0 && step->moves)
        trainer->gscale = pynn_flat_scale(&flat);
    pynn_team_barrier(trainer->size);
    pynn_flat_move(&flat, step, trainer->gscale, trainer->size, thread);
    pynn_team_barrier(trainer->size);
}

/* What is left of a step once each task is done; ends with a barrier if it did anything. */
static void finish_step(struct trainer *trainer, const struct step *step,
                        int32_t thread)
{
    const struct pynn_fit *fit = trainer->fit;
    if (!trainer->fused)
        separate_update(trainer, &step->update, thread);
    if (trainer->constrained) {
        pynn_constrain(trainer->plan->k, fit->runs, fit->n_runs, fit->params,
                       trainer->size, thread);
        pynn_team_barrier(trainer->size);
    }
    if (!trainer->fused || trainer->constrained) {
        refresh(trainer, thread);
        pynn_team_barrier(trainer->size);
    }
}

/* ---- The loop ---- */

static void run_step(struct trainer *trainer, const struct step *step,
                     struct step *next, struct pynn_block *block, int32_t thread)
{
    const pynn_plan *plan = trainer->plan;
    if (trainer->n_penalties > 0)
        pynn_penalty_parts(plan->k, trainer->fit->runs, trainer->fit->n_runs,
                           trainer->fit->params, trainer->size, thread,
                           trainer->penalties);
    for (int64_t first = 0, n; first < step->rows; first += n) {
        if (trainer->size > 1)
            pynn_share_reset(&trainer->shares[thread]);
        n = step->rows - first < plan->max_rows ? step->rows - first : plan->max_rows;
        run_rows(trainer, step, block, thread, first, n);
        pynn_team_barrier(trainer->size);
        if (thread == 0) {
            if (trainer->size > 1)
                pynn_share_rows(trainer->shares, trainer->size);
            bool last = first + n == step->rows;
            add_losses(trainer, n, last ? step->rows : 0);
            if (last) {
                count_step(trainer, step);
                prepare(trainer, next);
            }
        }
        run_tasks(trainer, step, thread, first, n, block->scratch);
        pynn_team_barrier(trainer->size);
    }
    finish_step(trainer, step, thread);
}

static void train_body(void *context, int32_t thread)
{
    struct trainer *trainer = context;
    struct pynn_block block;
    pynn_block_init(&block, trainer->plan, thread, trainer->fit->params,
                    trainer->fit->stats);
    if (trainer->size > 1)
        pynn_share_tasks(trainer->plan, trainer->size, thread, trainer->shares);
    for (int i = 0; !trainer->steps[i].stop; i = !i)
        run_step(trainer, &trainer->steps[i], &trainer->steps[!i], &block, thread);
}

static pynn_status check(const pynn_plan *plan, const struct pynn_fit *fit)
{
    PYNN_TRY(pynn_source_check(plan, fit->x, fit->y, 0, fit->rows));
    const struct pynn_optimizer_spec *spec = fit->optimizer;
    int64_t batch = fit->batch < fit->rows ? fit->batch : fit->rows;
    bool loss =
        plan->n_sums > 0 && plan->ops[plan->n_ops - plan->n_sums].kind == PYNN_OP_LOSS;
    bool valid = plan->max_rows > 0 && loss && fit->y && fit->rows > 0 &&
                 fit->batch > 0 && fit->epochs >= 0 && fit->position >= 0 &&
                 fit->position < fit->rows && fit->n_rates > 0 &&
                 (fit->order || !fit->shuffle) && spec->kind >= 0 &&
                 spec->kind < PYNN_OPT_COUNT && (fit->stats || plan->n_stats == 0) &&
                 (plan->n_cuts == 0 || batch <= plan->max_rows);
    return valid ? PYNN_OK : PYNN_INVALID;
}

#define STRETCH_SECONDS 0.005

/* One stretch of steps on one team. */
static void run_stretch(struct trainer *trainer, int32_t threads)
{
    struct pynn_pace *pace = &trainer->plan->pace;
    struct pynn_fit *fit = trainer->fit;
    double begin = now();
    bool team = threads > 1 && pynn_pace_team(pace);
    trainer->stretch_start = fit->steps_done;
    trainer->whole = fit->position == 0 && fit->batch >= fit->rows &&
                     fit->rows <= trainer->plan->max_rows;
    trainer->stretch_end = fit->max_seconds > 0 ? trainer->end : (double)INFINITY;
    if (threads > 1 && begin + STRETCH_SECONDS < trainer->stretch_end)
        trainer->stretch_end = begin + STRETCH_SECONDS;
    prepare(trainer, &trainer->steps[0]);
    pynn_share_rows(trainer->shares, threads);
    pynn_team_run(team ? threads : 1, &trainer->size, train_body, trainer);
    if (threads > 1 && fit->steps_done > trainer->stretch_start)
        pynn_pace_note(pace, team,
                       (now() - begin) /
                           (double)(fit->steps_done - trainer->stretch_start));
}

/* Finds out what runs ask for. */
static pynn_status look_at_runs(struct trainer *trainer)
{
    const struct pynn_fit *fit = trainer->fit;
    const struct pynn_run *runs = fit->runs;
    trainer->constrained = pynn_runs_constrained(runs, fit->n_runs);
    trainer->n_penalties = pynn_penalty_count(runs, fit->n_runs);
    if (trainer->n_penalties > 0) {
        trainer->penalties =
            pynn_alloc((size_t)trainer->n_penalties * sizeof *trainer->penalties);
        if (!trainer->penalties)
            return PYNN_NO_MEMORY;
    }
    double decay = fit->optimizer->weight_decay;
    if (pynn_runs_plain(trainer->plan, runs, fit->n_runs, decay))
        return PYNN_OK;
    trainer->special = pynn_runs_sorted(runs, fit->n_runs);
    return trainer->special ? PYNN_OK : PYNN_NO_MEMORY;
}

static void train(struct trainer *trainer, int32_t threads)
{
    struct pynn_fit *fit = trainer->fit;
    pynn_plan *plan = trainer->plan;
    pynn_share_init(trainer->shares, threads);
    plan->forward_rows = 0;
    fit->epochs_done = fit->steps_done = 0;
    fit->bad_step = -1;
    if (plan->pace.threads != threads)
        plan->pace = (struct pynn_pace){.threads = threads};
    uint64_t mode = pynn_fp_enter(); /* the first step is prepared outside a team */
    pynn_refresh(plan, fit->params);
    do
        run_stretch(trainer, threads);
    while (!all_done(trainer) && (fit->max_seconds <= 0 || now() < trainer->end));
    pynn_fp_leave(mode);
}

pynn_status pynn_train(pynn_plan *plan, struct pynn_fit *fit)
{
    PYNN_TRY(check(plan, fit));
    const struct pynn_optimizer_spec *spec = fit->optimizer;
    int64_t batch = fit->batch < fit->rows ? fit->batch : fit->rows;
    bool separate = spec->clipnorm > 0 || spec->global_clipnorm > 0 || spec->gather > 1;
    struct pynn_share shares[PYNN_MAX_THREADS];
    struct trainer trainer = {.plan = plan,
                              .fit = fit,
                              .shares = shares,
                              .fused = !separate && batch <= plan->max_rows,
                              .small = plan->flops * (double)batch < 1e6,
                              .end = now() + fit->max_seconds};
    if (!trainer.fused && !fit->grads)
        return PYNN_INVALID;
    if (!pynn_plan_enter(plan))
        return PYNN_BUSY;
    int32_t threads = pynn_threads_for(3 * plan->flops * (double)batch);
    pynn_status status = pynn_plan_reserve_threads(plan, threads);
    if (status == PYNN_OK)
        status = look_at_runs(&trainer);
    if (status == PYNN_OK)
        train(&trainer, threads);
    pynn_free(trainer.special);
    pynn_free(trainer.penalties);
    pynn_plan_leave(plan);
    return status;
}
