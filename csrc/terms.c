/* SPDX-License-Identifier: BSD-3-Clause */
#include "terms.h"

#include "cpu.h"

/* ---- Runs ---- */

bool pynn_run_penalized(const struct pynn_run *run)
{
    return run->l1 != 0 || run->l2 != 0;
}

/* By insertion: layers list their runs in order but for a few. */
struct pynn_run *pynn_runs_sorted(const struct pynn_run *runs, int64_t n)
{
    struct pynn_run *sorted = pynn_alloc((size_t)(n + 1) * sizeof *sorted);
    for (int64_t i = 0; sorted && i < n; i++) {
        int64_t j = i;
        for (; j > 0 && sorted[j - 1].offset > runs[i].offset; j--)
            sorted[j] = sorted[j - 1];
        sorted[j] = runs[i];
    }
    return sorted;
}

/* The run that element `at` is in, or the next one; NULL past the last. */
static const struct pynn_run *run_from(const struct pynn_run *runs, int64_t n,
                                       int64_t at)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (runs[middle].offset + runs[middle].length > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low < n ? &runs[low] : NULL;
}

bool pynn_runs_plain(const pynn_plan *plan, const struct pynn_run *runs, int64_t n,
                     double decay)
{
    int64_t trained = 0;
    for (int64_t i = 0; i < n; i++) {
        if (pynn_run_penalized(&runs[i]) || (decay != 0 && runs[i].undecayed))
            return false;
        trained += runs[i].length;
    }
    return trained == plan->n_trained;
}

/* ---- Penalties ---- */

int64_t pynn_penalty_count(const struct pynn_run *runs, int64_t n)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        if (pynn_run_penalized(&runs[i]))
            count += (runs[i].length + PYNN_CHUNK - 1) / PYNN_CHUNK;
    return count;
}

/* Part of a run from its element j on. */
static double part_of(const struct pynn_kernels *k, const struct pynn_run *run,
                      int64_t j, const char *params)
{
    int64_t left = run->length - j;
    return k->penalty(run->l1, run->l2, (size_t)(left < PYNN_CHUNK ? left : PYNN_CHUNK),
                      params + (size_t)(run->offset + j) * k->esize);
}

void pynn_penalty_parts(const struct pynn_kernels *k, const struct pynn_run *runs,
                        int64_t n, const char *params, int32_t size, int32_t thread,
                        double *parts)
{
    int64_t part = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!pynn_run_penalized(&runs[i]))
            continue;
        for (int64_t j = 0; j < runs[i].length; j += PYNN_CHUNK, part++)
            if (part % size == thread)
                parts[part] = part_of(k, &runs[i], j, params);
    }
}

pynn_status pynn_penalty(int32_t dtype, const struct pynn_run *runs, int64_t n_runs,
                         const void *params, void *grads, double *penalty)
{
    if (dtype != PYNN_F32 && dtype != PYNN_F64)
        return PYNN_INVALID;
    const struct pynn_kernels *k = pynn_kernels_selected(dtype);
    uint64_t mode = pynn_fp_enter();
    *penalty = 0;
    for (int64_t i = 0; i < n_runs; i++) {
        const struct pynn_run *run = &runs[i];
        size_t at = (size_t)run->offset * k->esize, n = (size_t)run->length;
        if (!pynn_run_penalized(run))
            continue;
        for (int64_t j = 0; j < run->length; j += PYNN_CHUNK)
            *penalty += part_of(k, run, j, params);
        if (grads)
            k->penalize(run->l1, run->l2, 1, n, (const char *)params + at, n,
                        (char *)grads + at, n);
    }
    pynn_fp_leave(mode);
    return PYNN_OK;
}

/* ---- Constraints ---- */

bool pynn_runs_constrained(const struct pynn_run *runs, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (runs[i].constraint != PYNN_FREE)
            return true;
    return false;
}

#define COLUMNS 64 /* that one thread takes at a time */

static void constrain_piece(const struct pynn_kernels *k, const struct pynn_run *run,
                            char *w, int64_t at, int64_t n)
{
    char *from = w + (size_t)at * k->esize;
    if (run->constraint == PYNN_NON_NEGATIVE)
        k->raise((size_t)n, from);
    else if (run->constraint == PYNN_NORM_OF_COLUMNS)
        k->limit_columns(run->limits, (size_t)(run->length / run->ld), (size_t)n,
                         (size_t)run->ld, from);
    else
        k->limit(run->limits, (size_t)n, from);
}

void pynn_constrain(const struct pynn_kernels *k, const struct pynn_run *runs,
                    int64_t n, char *params, int32_t size, int32_t thread)
{
    int64_t piece = 0;
    for (int64_t i = 0; i < n; i++) {
        const struct pynn_run *run = &runs[i];
        int64_t end = run->length, step = run->length;
        if (run->constraint == PYNN_FREE)
            continue;
        if (run->constraint == PYNN_NON_NEGATIVE)
            step = PYNN_CHUNK;
        else if (run->constraint == PYNN_NORM_OF_ROWS)
            step = run->ld;
        else if (run->constraint == PYNN_NORM_OF_COLUMNS)
            end = run->ld, step = COLUMNS;
        for (int64_t j = 0; j < end; j += step, piece++)
            if (piece % size == thread)
                constrain_piece(k, run, params + (size_t)run->offset * k->esize, j,
                                end - j < step ? end - j : step);
    }
}

/* ---- Moving a piece of the parameters ---- */

/* Rows of one run (NULL: that asks for nothing) from element `at` on. */
static void move_rows(const pynn_plan *plan, const struct pynn_apply *apply,
                      const struct pynn_run *run, int64_t at, size_t ld,
                      const struct pynn_gradient *g)
{
    size_t from = (size_t)at * plan->esize;
    char *w = apply->params + from;
    if (run && pynn_run_penalized(run))
        plan->k->penalize(run->l1, run->l2, g->rows, g->n, w, ld, g->at, g->ld);
    if (!apply->args)
        return;
    const struct pynn_update_args *args = apply->args;
    struct pynn_update_args kept;
    if (run && run->undecayed) {
        kept = *args;
        kept.decay = 0;
        args = &kept;
    }
    struct pynn_update_piece piece = {
        .rows = g->rows, .n = g->n, .ldw = ld, .ldg = g->ld, .w = w, .g = g->at};
    for (int i = 0; i < PYNN_MAX_STATE; i++)
        piece.s[i] = apply->slots[i] ? apply->slots[i] + from : NULL;
    plan->k->update[apply->rule](args, &piece);
    if (apply->average)
        plan->k->average(apply->momentum, apply->overwrite, g->rows, g->n, ld, w,
                         apply->average + from);
}

void pynn_move(const pynn_plan *plan, const struct pynn_apply *apply, int64_t at,
               int64_t ld, const struct pynn_gradient *gradient)
{
    if (!apply->runs) {
        move_rows(plan, apply, NULL, at, (size_t)ld, gradient);
        return;
    }
    struct pynn_gradient g = *gradient;
    for (int64_t left = (int64_t)g.rows, rows; left > 0; left -= rows) {
        const struct pynn_run *run = run_from(apply->runs, apply->n_runs, at);
        bool inside = run && run->offset <= at;
        int64_t end = !run ? at + left * ld : run->offset + (inside ? run->length : 0);
        rows = (end - at + ld - 1) / ld;
        rows = rows < left ? rows : left;
        g.rows = (size_t)rows;
        if (inside) /* other rows are of variables that are not trained */
            move_rows(plan, apply, run, at, (size_t)ld, &g);
        at += rows * ld;
        g.at += (size_t)rows * g.ld * plan->esize;
    }
}
