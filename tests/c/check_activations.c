/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checks every activation of ops.def, value and gradient, against its definition in long
 * double: over a grid of [-20, 20], at -+1e4, at the limits and at NaN; in place too.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check_activations.h"

typedef long double wide;

static const wide ROOT_HALF = 0.707106781186547524400844362104849039L;
/* 1 / sqrt(2 pi) */
static const wide DENSITY = 0.398942280401432677939946059934381868L;
static const wide SELU_SCALE = 1.0507009873554805L, SELU_ALPHA = 1.6732632423543772L;

static wide logistic(wide x) { return 1 / (1 + expl(-x)); }
static wide normal(wide x) { return erfcl(-x * ROOT_HALF) / 2; }
static wide soft(wide x) { return fmaxl(x, 0) + log1pl(expl(-fabsl(x))); }
static wide cubic(wide x, wide c) { return 4 * DENSITY * (x + c * x * x * x); }
static wide clamp(wide x) { return fminl(fmaxl(x, -1), 1); }
static wide square(wide x, wide b)
{
    wide root = hypotl(x, sqrtl(b));
    return x < 0 ? b / 2 / (root - x) : (x + root) / 2;
}

/* The definitions: value f(c, x) and slope f'(c, x) at finite x. */
/* clang-format off */
#define DEFINE(name, value, slope)                                                   \
    static wide name##_f(const double *c, wide x) { return (void)c, (value); }       \
    static wide name##_d(const double *c, wide x) { return (void)c, (void)x, (slope); }
DEFINE(linear, x, 1)
DEFINE(relu, x > 0 ? x : 0, x > 0)
DEFINE(leaky_relu, x > 0 ? x : c[0] * x, x > 0 ? 1 : c[0])
DEFINE(relu6, x > 6 ? 6 : x > 0 ? x : 0, x > 0 && x < 6)
DEFINE(general_relu, x < c[2] ? c[0] * (x - c[2]) : x < c[1] ? x : c[1],
       x < c[2] ? c[0] : x <= c[1])
DEFINE(elu, x > 0 ? x : c[0] * expm1l(x), x > 0 ? 1 : c[0] * expl(x))
DEFINE(selu, SELU_SCALE * (x > 0 ? x : SELU_ALPHA * expm1l(x)),
       SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * expl(x)))
DEFINE(sigmoid, logistic(x), logistic(x) * logistic(-x))
DEFINE(hard_sigmoid, x > 3 ? 1 : x > -3 ? (x + 3) / 6 : 0, fabsl(x) < 3 ? 1 / 6.0L : 0)
DEFINE(tanh, tanhl(x), 1 / coshl(x) / coshl(x))
DEFINE(softplus, soft(x), logistic(x))
DEFINE(softsign, x / (1 + fabsl(x)), 1 / (1 + fabsl(x)) / (1 + fabsl(x)))
DEFINE(silu, x * logistic(x), logistic(x) * (1 + x * logistic(-x)))
DEFINE(gelu, x * normal(x), normal(x) + x * DENSITY * expl(-x * x / 2))
DEFINE(gelu_tanh, x * logistic(cubic(x, 0.044715L)),
       logistic(cubic(x, 0.044715L)) *
           (1 + cubic(x, 3 * 0.044715L) * logistic(-cubic(x, 0.044715L))))
DEFINE(exponential, expl(x), expl(x))
DEFINE(mish, x * tanhl(soft(x)),
       tanhl(soft(x)) + x * logistic(x) / coshl(soft(x)) / coshl(soft(x)))
DEFINE(celu, x > 0 ? x : c[0] * expm1l(x / c[0]), x > 0 ? 1 : expl(x / c[0]))
DEFINE(hard_tanh, clamp(x), fabsl(x) < 1)
DEFINE(tanh_shrink, x - tanhl(x), tanhl(x) * tanhl(x))
DEFINE(squareplus, square(x, c[0]), square(x, c[0]) / hypotl(x, sqrtl(c[0])))
DEFINE(log_sigmoid, -soft(-x), logistic(-x))
DEFINE(soft_shrink, fabsl(x) > c[0] ? x - copysignl(c[0], x) : 0, fabsl(x) > c[0])
DEFINE(hard_shrink, fabsl(x) > c[0] ? x : 0, fabsl(x) > c[0])
DEFINE(hard_silu, x > 3 ? x : x > -3 ? x * (x + 3) / 6 : 0,
       x >= 3 ? 1 : x > -3 ? (2 * x + 3) / 6 : 0)
DEFINE(sparse_plus, x > 1 ? x : (clamp(x) + 1) * (clamp(x) + 1) / 4, (clamp(x) + 1) / 2)
DEFINE(sparse_sigmoid, (clamp(x) + 1) / 2, fabsl(x) < 1 ? 0.5L : 0)
/* clang-format on */

static const struct activation {
    const char *name;
    wide (*f)(const double *c, wide x), (*slope)(const double *c, wide x);
    double c[3];
    double low, high;             /* f at -inf and inf */
    double slope_low, slope_high; /* f' there */
} activations[] = {
#define NAMED(name) #name, name##_f, name##_d
    [PYNN_ACT_LINEAR] = {NAMED(linear), {0}, -INFINITY, INFINITY, 1, 1},
    [PYNN_ACT_RELU] = {NAMED(relu), {0}, 0, INFINITY, 0, 1},
    [PYNN_ACT_LEAKY_RELU] = {NAMED(leaky_relu), {0.25}, -INFINITY, INFINITY, 0.25, 1},
    [PYNN_ACT_RELU6] = {NAMED(relu6), {0}, 0, 6, 0, 0},
    [PYNN_ACT_GENERAL_RELU] =
        {NAMED(general_relu), {0.125, 8, 1}, -INFINITY, 8, 0.125, 0},
    [PYNN_ACT_ELU] = {NAMED(elu), {1.5}, -1.5, INFINITY, 0, 1},
    [PYNN_ACT_SELU] =
        {NAMED(selu), {0}, -1.7580993408473766, INFINITY, 0, 1.0507009873554805},
    [PYNN_ACT_SIGMOID] = {NAMED(sigmoid), {0}, 0, 1, 0, 0},
    [PYNN_ACT_HARD_SIGMOID] = {NAMED(hard_sigmoid), {0}, 0, 1, 0, 0},
    [PYNN_ACT_TANH] = {NAMED(tanh), {0}, -1, 1, 0, 0},
    [PYNN_ACT_SOFTPLUS] = {NAMED(softplus), {0}, 0, INFINITY, 0, 1},
    [PYNN_ACT_SOFTSIGN] = {NAMED(softsign), {0}, -1, 1, 0, 0},
    [PYNN_ACT_SILU] = {NAMED(silu), {0}, 0, INFINITY, 0, 1},
    [PYNN_ACT_GELU] = {NAMED(gelu), {0}, 0, INFINITY, 0, 1},
    [PYNN_ACT_GELU_TANH] = {NAMED(gelu_tanh), {0}, 0, INFINITY, 0, 1},
    [PYNN_ACT_EXPONENTIAL] = {NAMED(exponential), {0}, 0, INFINITY, 0, INFINITY},
    [PYNN_ACT_MISH] = {NAMED(mish), {0}, 0, INFINITY, 0, 1},
    [PYNN_ACT_CELU] = {NAMED(celu), {1.5}, -1.5, INFINITY, 0, 1},
    [PYNN_ACT_HARD_TANH] = {NAMED(hard_tanh), {0}, -1, 1, 0, 0},
    [PYNN_ACT_TANH_SHRINK] = {NAMED(tanh_shrink), {0}, -INFINITY, INFINITY, 1, 1},
    [PYNN_ACT_SQUAREPLUS] = {NAMED(squareplus), {4}, 0, INFINITY, 0, 1},
    [PYNN_ACT_LOG_SIGMOID] = {NAMED(log_sigmoid), {0}, -INFINITY, 0, 1, 0},
    [PYNN_ACT_SOFT_SHRINK] = {NAMED(soft_shrink), {0.5}, -INFINITY, INFINITY, 1, 1},
    [PYNN_ACT_HARD_SHRINK] = {NAMED(hard_shrink), {0.5}, -INFINITY, INFINITY, 1, 1},
    [PYNN_ACT_HARD_SILU] = {NAMED(hard_silu), {0}, 0, INFINITY, 0, 1},
    [PYNN_ACT_SPARSE_PLUS] = {NAMED(sparse_plus), {0}, 0, INFINITY, 0, 1},
    [PYNN_ACT_SPARSE_SIGMOID] = {NAMED(sparse_sigmoid), {0}, 0, 1, 0, 0},
    /* parameters at their limits */
    {NAMED(leaky_relu), {0}, 0, INFINITY, 0, 1},
    {NAMED(general_relu), {0, INFINITY, 0}, 0, INFINITY, 0, 1},
};
_Static_assert(sizeof activations / sizeof activations[0] == PYNN_ACT_COUNT + 2,
               "an activation of ops.def has no definition here");

/* x: the grid of step 1/32, then -+1e4, then -inf, inf, NaN and padding */
enum { GRID = 1281, LIMITS = GRID + 2, NANS = LIMITS + 2, COUNT = 1296 };

static double point(int i)
{
    static const double special[] = {-1e4, 1e4, -INFINITY, INFINITY};
    return i < GRID ? (i - 640) / 32.0 : i < NANS ? special[i - GRID] : NAN;
}

static void put(size_t esize, void *array, int i, double value)
{
    if (esize == sizeof(float))
        ((float *)array)[i] = (float)value;
    else
        ((double *)array)[i] = value;
}

static double get(size_t esize, const void *array, int i)
{
    return esize == sizeof(float) ? (double)((const float *)array)[i]
                                  : ((const double *)array)[i];
}

/* |got - want| in units of eps (|want| + 1/4); equal infinities agree */
static double distance(size_t esize, double got, wide want)
{
    wide largest = esize == sizeof(float) ? 0x1.fffffep127L : 0x1.fffffffffffffp1023L;
    if (fabsl(want) > largest)
        return isinf(got) && (got > 0) == (want > 0) ? 0 : INFINITY;
    wide eps = esize == sizeof(float) ? 0x1p-23L : 0x1p-52L;
    wide error = fabsl((wide)got - want) / (eps * (fabsl(want) + 0.25L));
    return isnan(error) ? INFINITY : (double)error;
}

struct worst {
    double value, slope;
};

static struct worst compare(const struct activation *a, size_t esize, const void *y,
                            const void *dx)
{
    struct worst worst = {0, 0};
    for (int i = 0; i < NANS; i++) {
        wide value = i < LIMITS ? a->f(a->c, point(i)) : i == LIMITS ? a->low : a->high;
        wide slope = i < LIMITS    ? a->slope(a->c, point(i))
                     : i == LIMITS ? a->slope_low
                                   : a->slope_high;
        worst.value = fmax(worst.value, distance(esize, get(esize, y, i), value));
        worst.slope = fmax(worst.slope, distance(esize, get(esize, dx, i) / -2, slope));
    }
    for (int i = NANS; i < COUNT; i++)
        if (!isnan(get(esize, y, i)))
            worst.value = INFINITY;
    return worst;
}

/* A few roundings, each at most two units at |want| = 0; the largest are those of
 * gradients that subtract a saturated y from its limit (selu, tanh: 4.7 measured). */
static const double BOUND = 6;

static int check(const struct pynn_kernels *kernels, int row)
{
    static double x[COUNT], y[COUNT], dy[COUNT], dx[COUNT], other[COUNT];
    const struct activation *a = &activations[row];
    size_t esize = kernels->esize, bytes = COUNT * esize;
    int kind = row < PYNN_ACT_COUNT    ? row
               : row == PYNN_ACT_COUNT ? PYNN_ACT_LEAKY_RELU
                                       : PYNN_ACT_GENERAL_RELU;
    for (int i = 0; i < COUNT; i++) {
        put(esize, x, i, point(i));
        put(esize, dy, i, -2);
    }
    kernels->act_forward[kind](a->c, COUNT, x, y);
    kernels->act_backward[kind](a->c, COUNT, x, y, dy, dx);
    struct worst worst = compare(a, esize, y, dx);

    memcpy(other, x, bytes);
    kernels->act_forward[kind](a->c, COUNT, other, other);
    int in_place = !memcmp(other, y, bytes);
    memcpy(other, dy, bytes);
    kernels->act_backward[kind](a->c, COUNT, x, y, other, other);
    in_place &= !memcmp(other, dx, bytes);

    printf("%-12s %s %d values: %.2f, gradient %.2f (bound %g)%s\n", a->name,
           esize == sizeof(float) ? "float32" : "float64", COUNT, worst.value,
           worst.slope, BOUND, in_place ? "" : ", differs in place");
    return !in_place || !(worst.value <= BOUND) || !(worst.slope <= BOUND);
}

int check_activations(const struct pynn_kernels *kernels)
{
    int failed = 0;
    for (int row = 0; row < PYNN_ACT_COUNT + 2; row++)
        failed |= check(kernels, row);
    return failed;
}
