/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pynn.h: the whole interface of the C core.
 *
 * A network is described as data: a list of `pynn_op` records over numbered slots. A plan
 * is built from that list once and then runs it; parameters, optimizer state, inputs and
 * outputs stay with the caller, the plan owns only scratch memory. Nothing here prints,
 * exits or keeps a pointer after a call returns. Every function that can fail returns a
 * status that must be looked at.
 *
 * Threads: different plans may run at the same time. One plan runs one call at a time; a
 * second call returns PYNN_BUSY.
 */
#ifndef PYNN_H
#define PYNN_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define PYNN_MUST_USE __attribute__((warn_unused_result))
#define PYNN_EXPORT __attribute__((visibility("default")))
#else
#define PYNN_MUST_USE
#define PYNN_EXPORT
#endif

typedef enum pynn_status {
    PYNN_OK = 0,
    PYNN_INVALID,     /* a record or argument breaks the rules of this header */
    PYNN_NO_MEMORY,   /* an allocation failed; nothing was changed */
    PYNN_BUSY,        /* the plan is running in another thread */
    PYNN_UNSUPPORTED, /* the machine lacks the requested instruction set */
} pynn_status;

/* English, static, never NULL. */
const char *pynn_status_text(pynn_status status);

/* ---- Instruction sets and threads --------------------------------------------------- */

/* Levels, in rising order on x86: "generic", "v2", "v3", "v4"; elsewhere "generic", "neon".
 * pynn_isa_name(i) enumerates the levels of this build, NULL past the last. */
const char *pynn_isa_name(size_t i);
/* 1 if the level is built in and the CPU and operating system support it. */
int pynn_isa_supported(const char *name);
/* Kernels for plans created from now on; NULL means the best the machine has. */
pynn_status pynn_isa_select(const char *name) PYNN_MUST_USE;
const char *pynn_isa_selected(void);

/* Threads that calls may use from now on, 1 .. PYNN_MAX_THREADS (clamped). Exported by
 * name for threadpoolctl. */
#define PYNN_MAX_THREADS 256
PYNN_EXPORT int pynn_get_num_threads(void);
PYNN_EXPORT void pynn_set_num_threads(int n);

/* ---- Arrays of the caller ------------------------------------------------------------ */

enum pynn_dtype {
    PYNN_F32 = 0, /* the two compute types come first */
    PYNN_F64,
    PYNN_F16,
    PYNN_U8,
    PYNN_I8,
    PYNN_U16,
    PYNN_I16,
    PYNN_U32,
    PYNN_I32,
    PYNN_U64,
    PYNN_I64,
    PYNN_DTYPE_COUNT
};

#define PYNN_MAX_DIMS 8

/* shape[0] rows of shape[1] x ... elements each, any strides (bytes, may be negative or
 * zero), read element by element in C order and converted to the plan's type. */
struct pynn_array {
    const void *data;
    int32_t dtype;
    int32_t ndim; /* 1 .. PYNN_MAX_DIMS */
    int64_t shape[PYNN_MAX_DIMS];
    int64_t strides[PYNN_MAX_DIMS];
};

/* ---- Plans --------------------------------------------------------------------------- */

/* A value flowing between ops: per row of the batch, `inner` vectors of `width` elements.
 * Slot 0 is the input. */
struct pynn_slot {
    int64_t inner, width;
};

enum pynn_flag {
    PYNN_FLAG_BIAS = 1,   /* the last row of parameters is added to the output */
    PYNN_FLAG_FROZEN = 2, /* parameters take no gradient and no update */
    PYNN_FLAG_SCALE = 4,  /* a normalization has factors, in its first row */
    PYNN_FLAG_STILL = 8,  /* it takes the moving statistics in training, too */
};

/* kind and select are numbers of ops.def. The parameters of an op start at element
 * `params` of the parameter vector: dense [in + bias, ld(out)], row-major, padding zero;
 * normalization [scale + bias, ld], and its statistics [2, ld]: moving mean and variance;
 * ld(n) is n rounded up to 16, and 16 more where that is a multiple of 128. */
struct pynn_op {
    int32_t kind, select;
    int32_t in, out, target; /* slots; -1 for none */
    uint32_t flags;
    int64_t params; /* offset in elements, a multiple of 16; -1 for none */
    int64_t stats;  /* the same in the vector of moving statistics */
    uint64_t seed;  /* random stream (dropout) */
    double attr[4];
};

struct pynn_plan_spec {
    int32_t dtype; /* PYNN_F32 or PYNN_F64 */
    int32_t n_slots, n_ops;
    int32_t output;         /* slot that predict returns */
    int32_t target;         /* slot of the targets, or -1 */
    int32_t input_gradient; /* 1: backward can also give the gradient of the input */
    int64_t n_params;       /* length of the parameter vector, in elements, padded */
    int64_t n_stats;        /* the same of the moving statistics */
    const struct pynn_slot *slots;
    const struct pynn_op *ops; /* at most one LOSS, then SCOREs, both after the rest */
};

typedef struct pynn_plan pynn_plan;

/* max_rows > 0: a training plan. It holds at most that many rows at a time, and fewer when
 * they would take more than some 64 MB; larger batches are trained in pieces, to the same
 * bits. A plan with an op that looks at the whole batch (batch normalization) holds
 * max_rows, and trains no larger batch. max_rows == 0: an inference plan, which only
 * predicts and evaluates. */
pynn_status pynn_plan_create(const struct pynn_plan_spec *spec, int64_t max_rows,
                             pynn_plan **plan) PYNN_MUST_USE;
void pynn_plan_destroy(pynn_plan *plan);
/* Bytes of memory that the plan owns, and floating-point operations per row. */
size_t pynn_plan_bytes(const pynn_plan *plan);
double pynn_plan_flops(const pynn_plan *plan);
/* Rows that fit in one forward call; 0 for an inference plan. */
int64_t pynn_plan_rows(const pynn_plan *plan);
/* 1 + number of SCORE ops: how many sums fit and evaluate report; 0 without a loss. */
int32_t pynn_plan_sums(const pynn_plan *plan);

/* stats, here and below: the moving statistics, which only training moves on; may be NULL
 * when n_stats is 0. */

/* out[i, :] = output for row first + i, i in [0, rows), unpadded, contiguous. */
pynn_status pynn_predict(pynn_plan *plan, const void *params, const void *stats,
                         const struct pynn_array *x, int64_t first, int64_t rows,
                         void *out) PYNN_MUST_USE;

/* sums[0] += sum of weighted row losses, sums[1 + i] += sum of the i-th score over rows
 * [first, first + rows). weight: one double per row of x, or NULL. values, if not NULL,
 * gets the terms of these sums: [pynn_plan_sums, rows]. */
pynn_status pynn_evaluate(pynn_plan *plan, const void *params, const void *stats,
                          const struct pynn_array *x, const struct pynn_array *y,
                          const double *weight, int64_t first, int64_t rows,
                          double *sums, double *values) PYNN_MUST_USE;

/* Forward pass in training mode over rows [0, rows) of x (and of y when the plan has a
 * loss), rows <= pynn_plan_rows, keeping what backward needs. step numbers the dropout
 * masks; stats move on as in a training step. out may be NULL, sums too. */
pynn_status pynn_forward(pynn_plan *plan, const void *params, void *stats,
                         const struct pynn_array *x, const struct pynn_array *y,
                         const double *weight, uint64_t step, int64_t rows, void *out,
                         double *sums) PYNN_MUST_USE;
/* Backward pass of the last forward. dout [rows, output] is the gradient of the output
 * (NULL: the gradient of the plan's own loss, averaged over the rows); rows must be those
 * of that forward. grads (same layout as params) is overwritten; dx [rows, input] may be
 * NULL. Consumes the forward: a second backward needs a new one. */
pynn_status pynn_backward(pynn_plan *plan, const void *params, const void *stats,
                          const void *dout, int64_t rows, void *grads,
                          void *dx) PYNN_MUST_USE;

/* ---- Optimizers ---------------------------------------------------------------------- */

#define PYNN_MAX_STATE 3

/* kind is a PYNN_OPTIMIZER number of ops.def; hyper is explained in update.h. At most one
 * clip is not zero. */
struct pynn_optimizer_spec {
    int32_t kind;
    double hyper[8];
    double weight_decay, clipvalue, clipnorm, global_clipnorm;
    int64_t
        gather; /* gradients whose mean makes one step; 0 or 1: each makes its own */
    int32_t averaged;      /* 1: a running average of the weights is kept */
    double momentum;       /* of that average */
    int64_t average_after; /* steps after which it replaces the weights; 0: never */
};

/* Number of state vectors of the rule, each as long as params; initial[i] is what they
 * start at. */
int32_t pynn_optimizer_initial(const struct pynn_optimizer_spec *spec,
                               double initial[PYNN_MAX_STATE]);

enum pynn_constraint {
    PYNN_FREE = 0,
    PYNN_NON_NEGATIVE,
    PYNN_NORM_OF_COLUMNS, /* each column's, over all rows of the run */
    PYNN_NORM_OF_ROWS,
    PYNN_NORM_OF_ALL,
};

/* A trainable variable as a run of the parameter vector: rows, `ld` elements apart. The
 * loss gains l1 sum |w| + l2 sum w^2. After each step the constraint holds: vectors of
 * norm n are multiplied by (limits[2] m + (1 - limits[2]) n) / (n + 1e-7), where m is n
 * moved into [limits[0], limits[1]]. */
struct pynn_run {
    int64_t offset, length, ld; /* elements, multiples of 16; ld for constraints */
    double l1, l2;
    int64_t constraint; /* enum pynn_constraint */
    double limits[3];
    int64_t undecayed; /* 1: weight_decay leaves it as it is */
};

/* The penalties of all runs; their gradient is added to grads unless it is NULL. */
pynn_status pynn_penalty(int32_t dtype, const struct pynn_run *runs, int64_t n_runs,
                         const void *params, void *grads,
                         double *penalty) PYNN_MUST_USE;

/* Everything an optimizer carries from step to step. */
struct pynn_optimizer_state {
    void *slots[PYNN_MAX_STATE];
    void *gathered;   /* sum of gradients; starts at 0; NULL unless spec->gather > 1 */
    void *average;    /* of the weights; NULL unless spec->averaged */
    double scalar[2]; /* Nadam's products; starts at 1, 1 */
    uint64_t iteration; /* gradients taken */
};

/* One flat pass: params moves against grads, to which the gradient of the penalties is
 * added first; then the constraints hold. */
pynn_status pynn_update(int32_t dtype, const struct pynn_optimizer_spec *spec,
                        double rate, struct pynn_optimizer_state *state,
                        const struct pynn_run *runs, int64_t n_runs, void *params,
                        void *grads) PYNN_MUST_USE;

/* ---- Training ------------------------------------------------------------------------ */

/* The loss of a batch, of row losses l, weights w and counts c; 0 where that divides by 0.
 * The sums of an epoch gain it times the rows of the batch, as Keras reports it. */
enum pynn_reduction {
    PYNN_MEAN = 0,      /* sum(w l) / sum(c) */
    PYNN_SUM,           /* sum(w l), of all vectors of all rows */
    PYNN_WEIGHTED_MEAN, /* sum(w l) / sum(w c) */
};

struct pynn_fit {
    /* The task; unchanged by the call. */
    const struct pynn_array *x, *y;
    const double *weight; /* per row of x, or NULL */
    const double *counts; /* per row of x, the share of its labels that are not ignored;
                           * NULL: all are 1 */
    int64_t rows;         /* rows [0, rows) of x are trained on */
    int64_t batch;
    int64_t epochs;     /* epochs to finish in this call, at most */
    int64_t max_steps;  /* stop after this many steps; 0: no limit */
    double max_seconds; /* return after about this long; 0: no limit */
    int32_t reduction;  /* enum pynn_reduction: what makes one loss of a batch's */
    int32_t shuffle;    /* unless one batch holds all: 0 order as given; 1 rows are
                         * permuted; 2 whole batches are, and a shorter one stays last */
    uint64_t seed;      /* of the shuffle */
    const struct pynn_optimizer_spec *optimizer;
    const struct pynn_run *runs; /* all trainable variables */
    int64_t n_runs;
    const double *rates; /* of learning at each step of this call; the last repeats */
    int64_t n_rates;
    /* Vectors of the caller, moved on by the call. */
    void *params;
    void *stats;
    void *grads; /* as long as params; needed for norm clipping, else may be NULL */
    struct pynn_optimizer_state *state;
    /* [rows], the permutation: kept by the caller while an epoch is under way; may be
     * NULL when shuffle is 0 */
    int64_t *order;
    /* Where training stands; kept by the caller between calls. */
    uint64_t epoch;   /* permutations drawn so far: numbers them */
    int64_t position; /* rows of the current epoch already trained on */
    double *sums;     /* [epochs, pynn_plan_sums]: running sums of each epoch */
    /* Results. */
    int64_t epochs_done; /* epochs finished in this call */
    int64_t steps_done;
    int64_t bad_step; /* first step of this call whose loss was not finite, or -1 */
};

/* Trains until epochs, steps or seconds are used up. Call again with what is left to go
 * on: the bits do not depend on where calls end. */
pynn_status pynn_train(pynn_plan *plan, struct pynn_fit *fit) PYNN_MUST_USE;

/* ---- Random numbers (Philox4x32-10, see rng.h) ---------------------------------------- */

enum pynn_distribution {
    PYNN_UNIFORM = 0,      /* [a, b) */
    PYNN_NORMAL,           /* mean a, standard deviation b */
    PYNN_TRUNCATED_NORMAL, /* as NORMAL, within two standard deviations */
    PYNN_PERMUTATION,      /* 0 .. n-1 in the order of training epoch `stream` */
};

/* out[i] = sample i of the stream; depends on nothing but seed, stream and i (and n, for
 * a permutation). */
pynn_status pynn_random(int32_t distribution, double a, double b, uint64_t seed,
                        uint64_t stream, int64_t n, double *out) PYNN_MUST_USE;
/* The raw generator: out[4] = Philox4x32-10(counter, key). */
void pynn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* ---- Memory accounting, for tests ------------------------------------------------------ */

/* Allocations made so far by the library; and: fail the n-th from now (0: never). */
uint64_t pynn_alloc_count(void);
void pynn_alloc_fail_at(int64_t n);

#endif
