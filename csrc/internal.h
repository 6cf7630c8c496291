/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Structures shared by the files of the core. A plan is a list of ops over slots; a block
 * is a run of batch rows that passes through all row-independent ops while it is in cache;
 * a task is a piece of the parameter gradient that one thread computes and applies.
 */
#ifndef PYNN_INTERNAL_H
#define PYNN_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "kernels/kernels.h"
#include "pynn.h"

#define PYNN_TRY(call)                                                                 \
    do {                                                                               \
        pynn_status status_ = (call);                                                  \
        if (status_ != PYNN_OK)                                                        \
            return status_;                                                            \
    } while (0)

enum pynn_op_kind {
#define PYNN_OP(NAME, name) PYNN_OP_##NAME,
#include "ops.def"
    PYNN_OP_COUNT
};

static inline int64_t pynn_pad(int64_t n)
{
    return (n + (int64_t)PYNN_PAD - 1) / (int64_t)PYNN_PAD * (int64_t)PYNN_PAD;
}

/* Elements from one row to the next: whole vectors, but no multiple of 128 (512 bytes of
 * float32), since rows so far apart would share few of the sets of a cache. */
static inline int64_t pynn_ld(int64_t width)
{
    int64_t padded = pynn_pad(width);
    return padded % 128 == 0 ? padded + (int64_t)PYNN_PAD : padded;
}

/* A slot as the plan lays it out: `row` = inner * ld elements per batch row. */
struct pynn_tensor {
    int64_t inner, width, ld, row;
    size_t value, grad; /* byte offsets in the arena (training) or a thread's region */
    bool has_grad;
};

/* One piece of a parameter gradient: rows [r0, r1) x columns [c0, c1) of the op's
 * parameters; what rows and columns are is the op's affair. */
struct pynn_task {
    int32_t op;
    int64_t r0, r1, c0, c1;
};

/* A thread's part of a step. Rows: as many as it is fast. Tasks: the same ones every step,
 * so that their weights and state stay in its core's L2; others take of them what it is
 * too slow for. */
struct pynn_share {
    _Alignas(64) atomic_int_fast64_t next; /* task */
    int64_t first, end;
    double speed; /* rows per second, smoothed */
    double from;  /* part of the rows that the threads before it take */
};

/* Seconds per training step on one thread [0] and on `threads` [1]; 0: not known. */
struct pynn_pace {
    int32_t threads;
    int64_t stretches, tried[2];
    double seconds[2];
};

struct pynn_plan {
    int32_t dtype, n_slots, n_ops, output, target, n_sums;
    int32_t n_cuts; /* ops that look at the whole batch; see pynn_block_pass */
    int64_t n_params, n_trained, n_stats, max_rows, block_rows;
    size_t esize;
    const struct pynn_kernels *k;
    struct pynn_tensor *tensors; /* [n_slots] */
    struct pynn_op *ops;         /* [n_ops] */
    size_t *workspace; /* [n_ops] arena offset of what workspace() asked for */
    int32_t *cuts;     /* [n_cuts] their indices */
    struct pynn_task *tasks;
    int64_t n_tasks, cap_tasks;
    double flops;      /* of the forward pass, per row */
    bool direct_input; /* every reader of slot 0 accepts the caller's own rows */
    char *arena;       /* training: all values and gradients; see plan.c */
    size_t arena_bytes;
    size_t row_values;    /* arena offset of double [n_sums][max_rows] */
    size_t row_weights;   /* arena offset of double [max_rows] */
    size_t scratch_bytes; /* PYNN_SCRATCH, or more if an op asks for it */
    size_t region_bytes;  /* per-thread memory: block pointers, values, scratch */
    char **regions;       /* [n_regions], 64-byte aligned */
    int32_t n_regions;
    int64_t forward_rows; /* rows that the last pynn_forward left in the arena */
    uint64_t forward_step;
    bool forward_scored;
    struct pynn_pace pace;
    atomic_bool *wild; /* a weight or gradient may not be finite: see pynn_refresh */
    atomic_flag running;
};

/* Rows [first, first + rows) of the batch on their way through the ops. */
struct pynn_block {
    const pynn_plan *plan;
    const char *params;
    char *stats;          /* written by reductions of a forward pass in training only */
    char **value, **grad; /* [n_slots] at row `first`; grad NULL when not wanted */
    int64_t input_ld;     /* leading dimension of slot 0, which may be the caller's */
    int64_t rows, first;
    int64_t held; /* arena row of `first` (training) */
    bool training;
    bool stepping; /* in pynn_train: nobody reads the plan's output afterwards */
    uint64_t step;
    double scale;         /* of the loss gradient: 1 / rows of the whole batch */
    double factor;        /* of the loss, and of its gradient: 1 for a mean */
    const double *weight; /* at row `first`, or NULL */
    double *sums;         /* at row `first`: [n_sums] arrays of sums_ld rows, or NULL */
    int64_t sums_ld;
    char *region;  /* this thread's memory */
    char *scratch; /* the plan's scratch_bytes of this thread; PYNN_LISTS lie before */
};

/* Where a parameter task puts its gradient, and how it moves the parameters. */
struct pynn_apply {
    const struct pynn_update_args *args; /* NULL: only write the gradient */
    int32_t rule;
    char *params;
    char *slots[PYNN_MAX_STATE];
    char *grads;    /* flat vector, or NULL when args is set and nobody wants it */
    int accumulate; /* add to grads */
    const struct pynn_run *runs; /* by offset; NULL: nothing is special about any */
    int64_t n_runs;
    char *average; /* of the parameters, or NULL */
    double momentum;
    int overwrite;
};

/* The gradient of some rows of a task; rows `ld` elements apart. */
struct pynn_gradient {
    size_t rows, n;
    char *at;
    size_t ld;
};

/* Layers with fewer weights do not look for zeros. */
#define PYNN_SPARSE_WEIGHTS 4096

#define PYNN_EVALUATE_ROWS 4096 /* row values that an inference plan keeps */
#define PYNN_SCRATCH ((size_t)64 << 10)

/* What an op must answer. Pointers that do not apply are NULL. */
struct pynn_op_class {
    const char *name;
    /* PYNN_INVALID unless the record fits its slots. */
    pynn_status (*check)(const struct pynn_plan_spec *spec, const struct pynn_op *op);
    int64_t (*params)(const struct pynn_plan_spec *spec, const struct pynn_op *op);
    int64_t (*stats)(const struct pynn_plan_spec *spec, const struct pynn_op *op);
    double (*flops)(const pynn_plan *plan, const struct pynn_op *op);
    size_t (*workspace)(const pynn_plan *plan, int32_t index); /* arena bytes */
    size_t (*scratch)(const pynn_plan *plan, int32_t index);   /* bytes per thread */
    void (*forward)(const struct pynn_block *block, int32_t index);
    void (*backward)(const struct pynn_block *block, int32_t index);
    /* For an op that looks at the whole batch in training, unless it is frozen: columns
     * [c0, c1), multiples of PYNN_PAD, of arena rows [0, rows), between all rows of the
     * ops before (after) it and the first of its own forward (backward). */
    void (*reduce_forward)(const struct pynn_block *block, int32_t index, int64_t rows,
                           int64_t c0, int64_t c1);
    void (*reduce_backward)(const struct pynn_block *block, int32_t index, int64_t rows,
                            int64_t c0, int64_t c1);
    pynn_status (*plan_tasks)(pynn_plan *plan, int32_t index);
    void (*run_task)(const pynn_plan *plan, const struct pynn_task *task, int64_t rows,
                     const struct pynn_apply *apply, char *scratch);
    /* Brings the workspace up to date with changed parameters, and notes wild ones. */
    void (*refresh)(const pynn_plan *plan, int32_t index, const char *params);
};

#define PYNN_OP(NAME, name) extern const struct pynn_op_class pynn_op_##name;
#include "ops.def"
extern const struct pynn_op_class *const pynn_op_classes[PYNN_OP_COUNT];

/* alloc.c: the only allocation site; 64-byte aligned, zeroed, counted, failing on demand. */
void *pynn_alloc(size_t bytes);
void pynn_free(void *p);
bool pynn_size_add(size_t *total, size_t count, size_t size); /* false on overflow */

/* dispatch.c */
const struct pynn_kernels *pynn_kernels_selected(int32_t dtype);

/* plan.c */
pynn_status pynn_plan_add_task(pynn_plan *plan, struct pynn_task task);
pynn_status pynn_plan_reserve_threads(pynn_plan *plan, int32_t n);
bool pynn_plan_enter(pynn_plan *plan); /* false: busy */
void pynn_plan_leave(pynn_plan *plan);
/* Looks at all parameters before a call uses them. From then on `wild` says whether
 * anything that a product takes was found not to be finite (or nobody looks). */
void pynn_refresh(const pynn_plan *plan, const char *params);

/* terms.c: what a task does once its gradient is complete. Adds the penalties' to it,
 * and moves the parameters from element `at` on, rows `ld` apart, unless there are no
 * args. */
void pynn_move(const pynn_plan *plan, const struct pynn_apply *apply, int64_t at,
               int64_t ld, const struct pynn_gradient *gradient);

/* tasks.c: cuts `rows` rows of parameters, as wide as the input, by so many columns. */
pynn_status pynn_tasks_by_columns(pynn_plan *plan, int32_t index, int64_t rows,
                                  int64_t columns);
/* Gradient and update of a task; rows of parameters are ld elements apart. The gradient
 * goes to g, whose rows are ldg apart; `rows` are those of the batch. */
typedef void pynn_task_gradient(const pynn_plan *plan, const struct pynn_task *task,
                                int64_t rows, int accumulate, char *g, int64_t ldg);
void pynn_run_task(const pynn_plan *plan, const struct pynn_task *task, int64_t ld,
                   pynn_task_gradient *gradient, int64_t rows,
                   const struct pynn_apply *apply, char *scratch);

/* op_activity.c: adds the penalties of op `index` to the block's row losses. */
void pynn_activity_penalties(const struct pynn_block *block, int32_t index,
                             double *row_loss);

/* block.c */
struct pynn_source { /* where the rows of a batch come from */
    const struct pynn_array *x, *y;
    const double *weight; /* per row of x, or NULL */
    const int64_t *order; /* row of x for each place, or NULL: as they lie */
    int64_t start;        /* place of the batch's first row */
    bool held;            /* the arena holds these very rows since the last step */
};
pynn_status pynn_source_check(const pynn_plan *plan, const struct pynn_array *x,
                              const struct pynn_array *y, int64_t first, int64_t rows);
void pynn_block_init(struct pynn_block *block, const pynn_plan *plan, int32_t thread,
                     const void *params, const void *stats);
/* Takes batch rows [first, first + rows) in; training: into arena rows from `held` on. */
void pynn_block_load(struct pynn_block *block, const struct pynn_source *source,
                     int64_t first, int64_t rows, int64_t held);
/* Ops [0, end). */
void pynn_block_forward(const struct pynn_block *block, int32_t end);

/* Rows of a training batch on their way through the plan, held in the arena from row 0. */
struct pynn_pass {
    const struct pynn_source *source; /* NULL: not forward */
    int64_t first, rows;              /* batch rows [first, first + rows) */
    int64_t begin, end;               /* of these, this thread's share: [begin, end) */
    int32_t ops;                      /* ops [0, ops) */
    bool back;                        /* also, or only, the backward pass */
};
/* Meets the team of `size` at each op that looks at the whole batch, but neither before
 * nor after the pass. */
void pynn_block_pass(struct pynn_block *block, const struct pynn_pass *pass,
                     int32_t size, int32_t thread);
/* Writes a slot's rows, unpadded, to dst. */
void pynn_block_store(const struct pynn_block *block, int32_t slot, const char *rows,
                      char *dst);

/* How many threads the work is worth, and the rows [*a, *b) of `rows` that one takes. */
int32_t pynn_threads_for(double flops);
void pynn_share(int64_t rows, int32_t size, int32_t thread, int64_t *a, int64_t *b);

/* share.c: who does what in a step. */
void pynn_share_init(struct pynn_share *shares, int32_t size);
void pynn_share_note(struct pynn_share *share, double rows, double seconds);
void pynn_share_rows(struct pynn_share *shares, int32_t size);
int64_t pynn_share_row(const struct pynn_share *shares, int32_t size, int32_t thread,
                       int64_t rows);
void pynn_share_tasks(const pynn_plan *plan, int32_t size, int32_t thread,
                      struct pynn_share *shares);
void pynn_share_reset(struct pynn_share *share);
int64_t pynn_take_task(struct pynn_share *shares, int32_t size, int32_t thread);
/* How many threads pay: measured, not modelled. */
bool pynn_pace_team(struct pynn_pace *pace);
void pynn_pace_note(struct pynn_pace *pace, bool team, double seconds);

/* convert.c: a slot's rows of dst = rows order[place ...] of the array (order NULL: rows
 * place ...), converted to dtype (F32 or F64). */
void pynn_load_rows(const struct pynn_array *a, const int64_t *order, int64_t place,
                    int64_t rows, int32_t dtype, const struct pynn_tensor *t,
                    char *dst);
bool pynn_array_row_is(const struct pynn_array *a,
                       int32_t dtype); /* contiguous, same */

#endif
