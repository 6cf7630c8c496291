/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kernel contract: one table per instruction set and element type. Pointers are to
 * elements of the table's type; every ld (leading dimension) counts elements. "Padded"
 * means that columns n .. pad(n)-1 exist, where pad(n) rounds up to PYNN_PAD; padding of
 * gradients and parameters is zero, padding of activations holds anything finite or not.
 * No kernel allocates, and no result depends on how a caller cut rows or columns.
 */
#ifndef PYNN_KERNELS_KERNELS_H
#define PYNN_KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#define PYNN_PAD 16u /* elements; also the number of virtual lanes of every reduction */

enum pynn_activation {
#define PYNN_ACTIVATION(NAME, name, from) PYNN_ACT_##NAME,
#include "../ops.def"
    PYNN_ACT_COUNT
};

enum pynn_loss {
#define PYNN_LOSS(NAME, name, target, gradient) PYNN_LOSS_##NAME,
#include "../ops.def"
    PYNN_LOSS_COUNT
};

enum pynn_optimizer {
#define PYNN_OPTIMIZER(NAME, name) PYNN_OPT_##NAME,
#include "../ops.def"
    PYNN_OPT_COUNT
};

/* Bytes of a thread's memory in which a large product packs its operands; of them those
 * that d of a weight gradient may take. */
#define PYNN_PACK ((size_t)1536 << 10)
#define PYNN_PACK_D (PYNN_PACK - ((size_t)32 << 10))
#define PYNN_MAX_SOON 6
/* Bytes of a thread's memory in which a product lists what is not zero. */
#define PYNN_LISTS ((size_t)52 << 10)

/* Products. n is padded in w, y, d and g (n here is already a multiple of PYNN_PAD). One
 * FMA chain per output element in index order of the reduction. */
struct pynn_matmul { /* y[m,n] = x[m,k] w[k,n] + start, then the epilogue */
    size_t m, n, k;
    const void *x, *w;
    size_t ldx, ldw, ldy;
    const void *bias; /* [n] the start of each row's sums, or NULL for zero */
    void *y;
    int relu;       /* 1: y = max(y, 0), NaN kept */
    void *pack;     /* PYNN_PACK bytes if w is large, or NULL */
    int transposed; /* with pack only: w is [w_rows, k], y = x w^T; y is 0 beyond w_rows */
    size_t w_rows;
    void *lists; /* PYNN_LISTS bytes if w is finite and zeros in x may be passed over */
};

/* Memory that the caller needs next: rows of `bytes` each. */
struct pynn_soon {
    const void *at;
    size_t rows, bytes, stride; /* stride in bytes */
};

struct pynn_matmul_tn { /* g[k,n] = x[b,k]^T d[b,n] (+ g when accumulate) */
    size_t k, n, b;
    const void *x, *d;
    size_t ldx, ldd, ldg;
    void *g;
    int accumulate;
    const struct pynn_soon
        *soon; /* [n_soon <= PYNN_MAX_SOON], brought into L2 meanwhile */
    size_t n_soon;
    void *
        pack; /* PYNN_PACK bytes if g is large and d takes up to PYNN_PACK_D, or NULL */
    int kept; /* pack holds this very d since the last call */
    void *lists; /* as above, d finite */
};

/* Losses: `rows` predictions of n columns. Writes row_loss[rows] (unscaled mean over the
 * row, times weight) and, if grad is not NULL, d(sum_r scale * row_loss[r]) / d pred with
 * zero padding up to pad(n). Fused cross-entropies (LOGITS) also write probabilities when
 * probs is not NULL. */
struct pynn_loss_args {
    size_t rows, n;
    const void *pred, *target;
    size_t ldpred, ldtarget, ldgrad, ldprobs;
    const double *weight; /* [rows] or NULL for ones */
    double scale;
    double *row_loss;
    void *grad, *probs;
    const double *attr; /* [4], see ops.def */
};

/* One optimizer step. Order: clip the gradient by value, decay the weights, then the
 * rule. c[] are the rule's constants, prepared once per step by pynn_update_prepare
 * (csrc/update.c). */
struct pynn_update_args {
    double c[12];
    double clip;   /* limit on |g|, or 0 for none */
    double decay;  /* w -= decay * w before the rule; 0 for none */
    double gscale; /* g is multiplied by this first (norm clipping); 1 for none */
};

/* The parameters that a step moves: rows of n (a multiple of PYNN_PAD) each. */
struct pynn_update_piece {
    size_t rows, n;
    size_t ldw, ldg; /* of w and the state vectors; of g */
    void *w;
    const void *g;
    void *s[3]; /* those that the rule has */
};

/* Which random numbers of Philox (rng.h): those of elements first, first + 1, ... of a
 * step, where first and the number of elements are multiples of PYNN_PAD; or, with
 * `same`, that of element `first` for all. */
struct pynn_draw {
    uint32_t key[2];
    uint64_t step, first;
    int same;
};

/* An element is dropped with probability `rate`. */
struct pynn_mask {
    double rate, scale, shift, dropped;
};

/* Normalization of columns: rows [rows, ld] of n columns (a multiple of PYNN_PAD) in x,
 * dy, y and dx; vectors [n]. What the padding of a vector is, is for the caller to say. */
struct pynn_batch_norm {
    size_t rows, n, ld;
    double epsilon, momentum;
    const void *gamma, *beta; /* or NULL: 1, 0 */
    void *moving_mean, *moving_variance;
    const void *x, *dy;
    void *y, *dx;
    void *mean, *inv, *scale; /* inv: 1 / sqrt(variance + epsilon), scale: gamma inv */
    void *dgamma, *dbeta;
    void *shift, *slope; /* what dx takes off: shift + slope (x - mean) */
};

/* Normalization of each of `rows` rows of n columns; gamma and beta are padded. */
enum pynn_norm {
    PYNN_NORM_LAYER, /* (x - mean) / sqrt(variance + epsilon) */
    PYNN_NORM_RMS,   /* x / sqrt(mean of x^2 + epsilon) */
    PYNN_NORM_UNIT,  /* x / sqrt(larger of sum of x^2 and epsilon) */
    PYNN_NORM_COUNT
};

struct pynn_row_norm {
    size_t rows, n, ld;
    int kind; /* enum pynn_norm */
    double epsilon;
    const void *gamma, *beta; /* or NULL: 1, 0 */
    const void *x, *dy;
    void *y, *dx;         /* padding of dx is zero */
    void *mean, *inv;     /* [rows]; NULL: forward keeps nothing */
    void *dgamma, *dbeta; /* [n], here a multiple of PYNN_PAD; NULL: not wanted */
    int accumulate;       /* add to them */
};

/* Normalization of samples of `inner` rows of n columns, ld apart, by groups of n / groups
 * neighbouring columns; gamma and beta are padded. */
struct pynn_group_norm {
    size_t samples, inner, n, ld, groups;
    double epsilon;
    const void *gamma, *beta; /* or NULL: 1, 0 */
    const void *x, *dy;
    void *y, *dx;     /* padding of dx is zero */
    void *mean, *inv; /* [samples, ld], of each column; NULL: forward keeps nothing */
    void *dgamma, *dbeta; /* [n], here a multiple of PYNN_PAD; NULL: not wanted */
    int accumulate;       /* add to them */
    void *scratch;        /* PYNN_GROUP_ROWS rows of pad(n) + PYNN_PAD */
};
#define PYNN_GROUP_ROWS 5

/* x where it is positive, alpha x below: `rows` rows of n columns, ld apart, that share
 * a vector alpha [n], padded, or, when `same`, one alpha. */
struct pynn_prelu {
    size_t rows, n, ld;
    int same;
    const void *alpha;
    const void *x, *dy;
    void *y, *dx;   /* padding of dx is zero */
    void *dalpha;   /* [n], here a multiple of PYNN_PAD; same: one, then zeros */
    int accumulate; /* add to it */
};

typedef void pynn_norm_kernel(const struct pynn_batch_norm *args);
/* Constants of columns: shift and scale [n], or, when `same`, one of each. */
struct pynn_affine {
    int times, root, same;
    const void *shift, *scale;
};

typedef void pynn_act_forward(const double *attr, size_t n, const void *x, void *y);
typedef void pynn_act_backward(const double *attr, size_t n, const void *x,
                               const void *y, const void *dy,
                               void *dx); /* unused one of x, y: NULL */
typedef void pynn_loss_kernel(const struct pynn_loss_args *args);
typedef void pynn_update_kernel(const struct pynn_update_args *args,
                                const struct pynn_update_piece *piece);

struct pynn_kernels {
    const char *isa;
    size_t esize; /* bytes per element */

    void (*matmul)(const struct pynn_matmul *args);
    void (*matmul_tn)(const struct pynn_matmul_tn *args);
    /* g[n] = column sums of d[b,n] in row order (+ g when accumulate) */
    void (*column_sum)(size_t b, size_t n, const void *d, size_t ldd, void *g,
                       int accumulate);
    /* dst[cols, ldd] = transpose of src[rows, lds]; columns rows .. ldd-1 of dst are left */
    void (*transpose)(size_t rows, size_t cols, const void *src, size_t lds, void *dst,
                      size_t ldd);
    /* Whether all of x[rows, n] is finite; n is a multiple of PYNN_PAD */
    int (*is_finite)(size_t rows, size_t n, const void *x, size_t ldx);
    /* x[rows, ldx]: zero in columns n .. pad(n) - 1 */
    void (*clear_padding)(size_t rows, size_t n, void *x, size_t ldx);

    /* Element-wise over n elements (a multiple of PYNN_PAD); x == y, dy == dx allowed */
    pynn_act_forward *const *act_forward;   /* [PYNN_ACT_COUNT] */
    pynn_act_backward *const *act_backward; /* [PYNN_ACT_COUNT] */

    /* Row-wise softmax (log: log_softmax) over n columns; padding of y and dx is zero */
    void (*softmax_forward)(int log, size_t rows, size_t n, const void *x, size_t ldx,
                            void *y, size_t ldy);
    void (*softmax_backward)(int log, size_t rows, size_t n, const void *y, size_t ldy,
                             const void *dy, size_t lddy, void *dx, size_t lddx);

    pynn_loss_kernel *const *loss;     /* [PYNN_LOSS_COUNT] */
    pynn_update_kernel *const *update; /* [PYNN_OPT_COUNT] */

    /* y = kept ? x * scale + shift : dropped */
    void (*mask)(const struct pynn_mask *mask, const struct pynn_draw *draw, size_t n,
                 const void *x, void *y);
    /* y = x + deviation * normal, or x * (1 + deviation * normal) when `times`; the draw
     * is not `same` */
    void (*noise)(int times, double deviation, const struct pynn_draw *draw, size_t n,
                  const void *x, void *y);
    pynn_norm_kernel *batch_moments;  /* x -> mean, inv, scale; moves the moving ones */
    pynn_norm_kernel *batch_scale;    /* moving variance -> scale; inv if not NULL */
    pynn_norm_kernel *batch_apply;    /* y = (x - mean) scale + beta; NULL: 0, 1, 0 */
    pynn_norm_kernel *batch_sums;     /* x, dy -> dgamma, dbeta, shift, slope */
    pynn_norm_kernel *batch_backward; /* dx = dy scale - shift - slope (x - mean) */
    /* y = (x - shift) / scale or, when `times`, x * scale + shift; with `root`, sqrt(scale)
     * (at least 1e-7) takes the place of scale. n is a multiple of PYNN_PAD. */
    void (*affine)(const struct pynn_affine *args, size_t n, const void *x, void *y);
    void (*affine_backward)(const struct pynn_affine *args, size_t n, const void *dy,
                            void *dx);
    void (*row_norm_forward)(const struct pynn_row_norm *args);  /* x -> y, mean, inv */
    void (*row_norm_backward)(const struct pynn_row_norm *args); /* and dy -> dx */
    void (*row_norm_sums)(
        const struct pynn_row_norm *args); /* and dy -> dgamma, dbeta */
    void (*group_norm_forward)(
        const struct pynn_group_norm *args); /* x -> y, mean, inv */
    void (*group_norm_backward)(const struct pynn_group_norm *args); /* and dy -> dx */
    void (*group_norm_sums)(
        const struct pynn_group_norm *args); /* and dy -> dgamma, dbeta */
    void (*prelu_forward)(const struct pynn_prelu *args);
    void (*prelu_backward)(const struct pynn_prelu *args);
    void (*prelu_sums)(const struct pynn_prelu *args); /* x, dy -> dalpha */
    /* Sum of squares of n elements (a multiple of PYNN_PAD), 16 lanes, fixed tree */
    double (*sum_squares)(size_t n, const void *x);

    /* Penalties, averages and constraints: terms.inc. n is a multiple of PYNN_PAD except
     * for penalty; limits are lower and upper bound of a norm, and the rate. */
    double (*penalty)(double l1, double l2, size_t n, const void *x);
    void (*penalize)(double l1, double l2, size_t rows, size_t n, const void *w,
                     size_t ldw, void *g, size_t ldg);
    void (*average)(double momentum, int overwrite, size_t rows, size_t n, size_t ld,
                    void *w, void *average);
    void (*gather)(double count, size_t n, void *g, void *sum);
    void (*raise)(size_t n, void *w);
    void (*limit)(const double *limits, size_t n, void *w);
    void (*limit_columns)(const double *limits, size_t rows, size_t n, size_t ld,
                          void *w);

    /* Vector maths, for tests and activations: y[i] = f(x[i]), any n */
    void (*vexp)(size_t n, const void *x, void *y);
    void (*vlog)(size_t n, const void *x, void *y);
    void (*vtanh)(size_t n, const void *x, void *y);
    void (*vsigmoid)(size_t n, const void *x, void *y);
};

/* One pair per kernels_<isa>.c: [0] float32, [1] float64 */
extern const struct pynn_kernels *const pynn_kernels_generic[2];
extern const struct pynn_kernels *const pynn_kernels_v2[2];
extern const struct pynn_kernels *const pynn_kernels_v3[2];
extern const struct pynn_kernels *const pynn_kernels_v4[2];
extern const struct pynn_kernels *const pynn_kernels_neon[2];

#endif
