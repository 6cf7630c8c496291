/* SPDX-License-Identifier: BSD-3-Clause */
#include "pass.h"

#include <math.h>

#include "cpu.h"
#include "terms.h"

static double squares(const struct pynn_flat *flat, const struct pynn_run *run)
{
    return flat->k->sum_squares((size_t)run->length,
                                flat->grads + (size_t)run->offset * flat->k->esize);
}

/* Keras: g * clip / max(norm, clip). */
static double clip_scale(double clip, double sum)
{
    double norm = sqrt(sum);
    return norm > clip ? clip / norm : norm <= clip ? 1 : (double)NAN;
}

double pynn_flat_scale(const struct pynn_flat *flat)
{
    double sum = 0;
    if (flat->spec->global_clipnorm <= 0)
        return 1;
    for (int64_t i = 0; i < flat->n_runs; i++)
        sum += squares(flat, &flat->runs[i]);
    return clip_scale(flat->spec->global_clipnorm, sum);
}

/* Elements [*i, *i + n) of a run: this thread's next piece, 0 past its last. */
static int64_t piece_of(const struct pynn_run *run, int64_t i)
{
    int64_t left = run->length - i;
    return left < 0 ? 0 : left < PYNN_CHUNK ? left : PYNN_CHUNK;
}

void pynn_flat_gather(const struct pynn_flat *flat, const struct pynn_step *step,
                      int32_t size, int32_t thread)
{
    for (int64_t r = 0; flat->state->gathered && r < flat->n_runs; r++) {
        const struct pynn_run *run = &flat->runs[r];
        for (int64_t i = (int64_t)thread * PYNN_CHUNK, n; (n = piece_of(run, i)) > 0;
             i += (int64_t)size * PYNN_CHUNK) {
            size_t at = (size_t)(run->offset + i) * flat->k->esize;
            flat->k->gather(step->gathered, (size_t)n, flat->grads + at,
                            (char *)flat->state->gathered + at);
        }
    }
}

static void move_piece(const struct pynn_flat *flat, const struct pynn_step *step,
                       const struct pynn_update_args *args, int64_t from, int64_t n)
{
    size_t at = (size_t)from * flat->k->esize;
    struct pynn_update_piece piece = {
        .rows = 1, .n = (size_t)n, .w = flat->params + at, .g = flat->grads + at};
    for (int j = 0; j < PYNN_MAX_STATE; j++)
        piece.s[j] = flat->state->slots[j] ? (char *)flat->state->slots[j] + at : NULL;
    if (step->moves)
        flat->k->update[flat->spec->kind](args, &piece);
    if (flat->state->average)
        flat->k->average(step->momentum, step->overwrite, 1, (size_t)n, (size_t)n,
                         piece.w, (char *)flat->state->average + at);
}

void pynn_flat_move(const struct pynn_flat *flat, const struct pynn_step *step,
                    double scale, int32_t size, int32_t thread)
{
    if (!step->moves && !flat->state->average)
        return;
    for (int64_t r = 0; r < flat->n_runs; r++) {
        const struct pynn_run *run = &flat->runs[r];
        struct pynn_update_args args = step->args;
        args.gscale = scale;
        if (step->moves && flat->spec->clipnorm > 0)
            args.gscale = clip_scale(flat->spec->clipnorm, squares(flat, run));
        if (run->undecayed)
            args.decay = 0;
        for (int64_t i = (int64_t)thread * PYNN_CHUNK, n; (n = piece_of(run, i)) > 0;
             i += (int64_t)size * PYNN_CHUNK)
            move_piece(flat, step, &args, run->offset + i, n);
    }
}

static void penalize(const struct pynn_flat *flat)
{
    for (int64_t i = 0; i < flat->n_runs; i++) {
        const struct pynn_run *run = &flat->runs[i];
        size_t at = (size_t)run->offset * flat->k->esize, n = (size_t)run->length;
        if (pynn_run_penalized(run))
            flat->k->penalize(run->l1, run->l2, 1, n, flat->params + at, n,
                              flat->grads + at, n);
    }
}

pynn_status pynn_update(int32_t dtype, const struct pynn_optimizer_spec *spec,
                        double rate, struct pynn_optimizer_state *state,
                        const struct pynn_run *runs, int64_t n_runs, void *params,
                        void *grads)
{
    if ((dtype != PYNN_F32 && dtype != PYNN_F64) || spec->kind < 0 ||
        spec->kind >= PYNN_OPT_COUNT)
        return PYNN_INVALID;
    struct pynn_flat flat = {.k = pynn_kernels_selected(dtype),
                             .spec = spec,
                             .state = state,
                             .runs = runs,
                             .n_runs = n_runs,
                             .params = params,
                             .grads = grads};
    struct pynn_step step = {.moves = false};
    uint64_t mode = pynn_fp_enter();
    pynn_step_prepare(spec, rate, state, &step);
    penalize(&flat);
    pynn_flat_gather(&flat, &step, 1, 0);
    double scale = step.moves ? pynn_flat_scale(&flat) : 1;
    pynn_flat_move(&flat, &step, scale, 1, 0);
    pynn_constrain(flat.k, runs, n_runs, params, 1, 0);
    pynn_fp_leave(mode);
    state->iteration++;
    return PYNN_OK;
}
