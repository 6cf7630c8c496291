/* SPDX-License-Identifier: BSD-3-Clause
 * How the tasks of a training step are shared out, and on how many threads steps run. */
#include "internal.h"

/* ---- Rows ---- */

void pynn_share_init(struct pynn_share *shares, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
        shares[i].speed = 1;
}

/* The thread took so long for so many rows. */
void pynn_share_note(struct pynn_share *share, double rows, double seconds)
{
    double speed = rows / (seconds > 1e-9 ? seconds : 1e-9);
    share->speed =
        share->speed == 1 ? speed : share->speed + 0.25 * (speed - share->speed);
}

/* Shares the rows out by speed; a slow thread still gets some, to be measured again. */
void pynn_share_rows(struct pynn_share *shares, int32_t size)
{
    double fastest = 0, total = 0, from = 0;
    for (int32_t i = 0; i < size; i++)
        fastest = shares[i].speed > fastest ? shares[i].speed : fastest;
    for (int32_t i = 0; i < size; i++) {
        if (shares[i].speed < fastest / 4)
            shares[i].speed = fastest / 4;
        total += shares[i].speed;
    }
    for (int32_t i = 0; i < size; i++) {
        shares[i].from = from;
        from += shares[i].speed / total;
    }
}

/* First of `rows` rows that the thread takes, in whole tiles; `rows` for thread `size`. */
int64_t pynn_share_row(const struct pynn_share *shares, int32_t size, int32_t thread,
                       int64_t rows)
{
    if (thread == size)
        return rows;
    int64_t row = (int64_t)(shares[thread].from * (double)rows / 8 + 0.5) * 8;
    return row < rows ? row : rows;
}

/* ---- Tasks ---- */

static double work(const struct pynn_task *task)
{
    return (double)(task->r1 - task->r0) * (double)(task->c1 - task->c0);
}

/* First task of the thread's part: parts are runs of tasks with about equal work. */
static int64_t part_start(const pynn_plan *plan, int32_t size, int32_t thread)
{
    double total = 0, before = 0;
    for (int64_t t = 0; t < plan->n_tasks; t++)
        total += work(&plan->tasks[t]);
    int64_t t = 0;
    for (; t < plan->n_tasks; t++) {
        double half = work(&plan->tasks[t]) / 2;
        if ((before + half) * size >= total * thread)
            break;
        before += 2 * half;
    }
    return t;
}

/* Sets shares[thread]. */
void pynn_share_tasks(const pynn_plan *plan, int32_t size, int32_t thread,
                      struct pynn_share *shares)
{
    shares[thread].first = part_start(plan, size, thread);
    shares[thread].end =
        thread + 1 < size ? part_start(plan, size, thread + 1) : plan->n_tasks;
    pynn_share_reset(&shares[thread]);
}

/* All tasks of the share are to be done again. Nobody may be taking at that time. */
void pynn_share_reset(struct pynn_share *share)
{
    atomic_store(&share->next, share->first);
}

/* The next task for the thread: of its own share, then of the others'; -1: none is left. */
int64_t pynn_take_task(struct pynn_share *shares, int32_t size, int32_t thread)
{
    for (int32_t i = 0; i < size; i++) {
        struct pynn_share *share = &shares[(thread + i) % size];
        int64_t task = atomic_load(&share->next);
        if (task < share->end &&
            (task = atomic_fetch_add(&share->next, 1)) < share->end)
            return task;
    }
    return -1;
}

/* ---- How many threads: measured, not modelled ---- */

#define RETRY_STRETCHES 50 /* the slower choice is tried again after so many */

/* Whether the next stretch runs on all threads: the choice that was faster, or one that
 * has not been tried for long. Another process on the same cores can make many threads
 * slower than one at any time; the bits are the same either way. */
bool pynn_pace_team(struct pynn_pace *pace)
{
    pace->stretches++;
    for (int i = 1; i >= 0; i--)
        if (pace->seconds[i] == 0 || pace->stretches - pace->tried[i] > RETRY_STRETCHES)
            return i;
    return pace->seconds[1] <= pace->seconds[0];
}

void pynn_pace_note(struct pynn_pace *pace, bool team, double seconds)
{
    double before = pace->seconds[team]; /* smoothed: one stretch says little */
    pace->seconds[team] = before > 0 ? (before + seconds) / 2 : seconds;
    pace->tried[team] = pace->stretches;
}
