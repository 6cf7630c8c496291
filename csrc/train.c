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
#include "internal.h"
#include "rng.h"
#include "threads.h"
#include "update.h"

#define CHUNK 4096 /* elements per piece of a separate update pass */

/* What a step needs to know; prepared by thread 0 one step ahead. */
struct step {
    bool stop;
    int64_t start, rows; /* the batch: places in the epoch */
    uint64_t number;     /* iteration, for dropout */
    struct pynn_update_args args;
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
    int64_t stretch_start; /* steps done before the stretch */
    bool whole;            /* each step of the stretch takes all rows at once */
    struct step steps[2];  /* the running one, and the next */
    double gscale;         /* of the separate pass: global norm clipping */
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
    pynn_update_prepare(fit->optimizer, fit->rates[i], step->number + 1,
                        fit->state->scalar, &step->args);
}

/* Adds the losses of arena rows [0, rows) to the epoch's sums, in order of rows. */
static void add_losses(struct trainer *trainer, int64_t rows)
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
    const pynn_plan *plan = trainer->plan;
    const struct pynn_fit *fit = trainer->fit;
    struct pynn_apply apply = {
        .args = trainer->fused ? &step->args : NULL,
        .rule = fit->optimizer->kind,
        .params = fit->params,
        .slots = {fit->state->slots[0], fit->state->slots[1], fit->state->slots[2]},
        .grads = trainer->fused ? NULL : fit->grads,
        .accumulate = first > 0,
    };
    if (trainer->size == 1) {
        for (int64_t t = 0; t < plan->n_tasks; t++)
            run_task(plan, t, rows, &apply, scratch);
        return;
    }
    for (int64_t t; (t = pynn_take_task(trainer->shares, trainer->size, thread)) >= 0;)
        run_task(plan, t, rows, &apply, scratch);
}

/* ---- The separate update pass ---- */

static double squares(const struct pynn_kernels *k, const struct pynn_run *run,
                      const char *grads)
{
    return k->sum_squares((size_t)run->length, grads + (size_t)run->offset * k->esize);
}

/* Keras: g * clip / max(norm, clip). */
static double clip_scale(double clip, double sum)
{
    double norm = sqrt(sum);
    return norm > clip ? clip / norm : norm <= clip ? 1 : (double)NAN;
}

static double global_scale(const struct pynn_kernels *k,
                           const struct pynn_optimizer_spec *spec,
                           const struct pynn_run *runs, int64_t n_runs,
                           const char *grads)
{
    double sum = 0;
    if (spec->global_clipnorm <= 0)
        return 1;
    for (int64_t i = 0; i < n_runs; i++)
        sum += squares(k, &runs[i], grads);
    return clip_scale(spec->global_clipnorm, sum);
}

struct pass { /* one flat update */
    const struct pynn_kernels *k;
    const struct pynn_optimizer_spec *spec;
    struct pynn_update_args args;
    const struct pynn_optimizer_state *state;
    char *params, *grads;
};

static void update_run(const struct pass *pass, const struct pynn_run *run,
                       int32_t thread, int32_t size)
{
    struct pynn_update_args args = pass->args;
    size_t esize = pass->k->esize;
    if (pass->spec->clipnorm > 0)
        args.gscale =
            clip_scale(pass->spec->clipnorm, squares(pass->k, run, pass->grads));
    for (int64_t i = (int64_t)thread * CHUNK; i < run->length;
         i += (int64_t)size * CHUNK) {
        int64_t n = run->length - i < CHUNK ? run->length - i : CHUNK;
        size_t at = (size_t)(run->offset + i) * esize;
        struct pynn_update_piece piece = {
            .rows = 1, .n = (size_t)n, .w = pass->params + at, .g = pass->grads + at};
        for (int j = 0; j < PYNN_MAX_STATE; j++)
            piece.s[j] =
                pass->state->slots[j] ? (char *)pass->state->slots[j] + at : NULL;
        pass->k->update[pass->spec->kind](&args, &piece);
    }
}

static void update_pass(struct trainer *trainer, const struct step *step,
                        int32_t thread)
{
    const struct pynn_fit *fit = trainer->fit;
    const pynn_plan *plan = trainer->plan;
    if (thread == 0)
        trainer->gscale =
            global_scale(plan->k, fit->optimizer, fit->runs, fit->n_runs, fit->grads);
    pynn_team_barrier(trainer->size);
    struct pass pass = {plan->k,    fit->optimizer, step->args,
                        fit->state, fit->params,    fit->grads};
    pass.args.gscale = trainer->gscale;
    for (int64_t i = 0; i < fit->n_runs; i++)
        update_run(&pass, &fit->runs[i], thread, trainer->size);
    pynn_team_barrier(trainer->size);
    for (int32_t i = thread; i < plan->n_ops; i += trainer->size)
        if (pynn_op_classes[plan->ops[i].kind]->refresh)
            pynn_op_classes[plan->ops[i].kind]->refresh(plan, i, fit->params);
}

pynn_status pynn_update(int32_t dtype, const struct pynn_optimizer_spec *spec,
                        double rate, struct pynn_optimizer_state *state,
                        const struct pynn_run *runs, int64_t n_runs, void *params,
                        void *grads)
{
    if ((dtype != PYNN_F32 && dtype != PYNN_F64) || spec->kind < 0 ||
        spec->kind >= PYNN_OPT_COUNT)
        return PYNN_INVALID;
    struct pass pass = {.k = pynn_kernels_selected(dtype),
                        .spec = spec,
                        .state = state,
                        .params = params,
                        .grads = grads};
    uint64_t mode = pynn_fp_enter();
    pynn_update_prepare(spec, rate, state->iteration + 1, state->scalar, &pass.args);
    pass.args.gscale = global_scale(pass.k, spec, runs, n_runs, grads);
    for (int64_t i = 0; i < n_runs; i++)
        update_run(&pass, &runs[i], 0, 1);
    pynn_fp_leave(mode);
    state->iteration++;
    return PYNN_OK;
}

/* ---- The loop ---- */

static void run_step(struct trainer *trainer, const struct step *step,
                     struct step *next, struct pynn_block *block, int32_t thread)
{
    const pynn_plan *plan = trainer->plan;
    for (int64_t first = 0, n; first < step->rows; first += n) {
        if (trainer->size > 1)
            pynn_share_reset(&trainer->shares[thread]);
        n = step->rows - first < plan->max_rows ? step->rows - first : plan->max_rows;
        run_rows(trainer, step, block, thread, first, n);
        pynn_team_barrier(trainer->size);
        if (thread == 0) {
            if (trainer->size > 1)
                pynn_share_rows(trainer->shares, trainer->size);
            add_losses(trainer, n);
            if (first + n == step->rows) {
                count_step(trainer, step);
                prepare(trainer, next);
            }
        }
        run_tasks(trainer, step, thread, first, n, block->scratch);
        pynn_team_barrier(trainer->size);
    }
    if (!trainer->fused) {
        update_pass(trainer, step, thread);
        pynn_team_barrier(trainer->size);
    }
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

pynn_status pynn_train(pynn_plan *plan, struct pynn_fit *fit)
{
    PYNN_TRY(check(plan, fit));
    int64_t batch = fit->batch < fit->rows ? fit->batch : fit->rows;
    bool norms = fit->optimizer->clipnorm > 0 || fit->optimizer->global_clipnorm > 0;
    struct pynn_share shares[PYNN_MAX_THREADS];
    struct trainer trainer = {.plan = plan,
                              .fit = fit,
                              .shares = shares,
                              .fused = !norms && batch <= plan->max_rows,
                              .small = plan->flops * (double)batch < 1e6,
                              .end = now() + fit->max_seconds};
    if (!trainer.fused && !fit->grads)
        return PYNN_INVALID;
    if (!pynn_plan_enter(plan))
        return PYNN_BUSY;
    int32_t threads = pynn_threads_for(3 * plan->flops * (double)batch);
    pynn_status status = pynn_plan_reserve_threads(plan, threads);
    if (status == PYNN_OK) {
        pynn_share_init(shares, threads);
        plan->forward_rows = 0;
        fit->epochs_done = fit->steps_done = 0;
        fit->bad_step = -1;
        if (plan->pace.threads != threads)
            plan->pace = (struct pynn_pace){.threads = threads};
        uint64_t mode = pynn_fp_enter(); /* the first step is prepared outside a team */
        pynn_refresh(plan, fit->params);
        do
            run_stretch(&trainer, threads);
        while (!all_done(&trainer) && (fit->max_seconds <= 0 || now() < trainer.end));
        pynn_fp_leave(mode);
    }
    pynn_plan_leave(plan);
    return status;
}
