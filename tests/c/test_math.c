/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Measures the error of the vector maths and of the activations of one instruction set.
 *
 *     test_math ISA [STRIDE [TWIN]]
 *
 * Links check_activations.c, and for each instruction set of the machine kernels_<isa>.c
 * and math_probe.c with the same flags.
 *
 * float32 functions see every STRIDE-th bit pattern (default 257; 1 is exhaustive), those
 * outside the kernel table every 17 STRIDE-th; they are compared with double precision
 * libm. float64 functions see a fixed random sample and are compared with long double
 * libm. Errors are in units of the spacing of the element type at the exact result, so
 * below the normal numbers in units of the smallest subnormal. TWIN is another
 * instruction set that has to give the same bits. Needs a normal floating-point mode (no
 * flush-to-zero). Prints what was examined and returns 1 when something is wrong.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check_activations.h"
#include "kernels/kernels.h"
#include "math_probe.h"

enum { BLOCK = 4096 };

/* The exact functions. Where a short series or a limit is exact to 2^-50, libm is spared:
 * most bit patterns are such arguments. */
static double exact_exp(double x)
{
    if (fabs(x) < 0x1p-14)
        return 1 + x * (1 + x * (0.5 + x / 6));
    return x > 100 ? INFINITY : x < -120 ? 0 : exp(x);
}

static double exact_log(double x) { return log(x); }

static double exact_tanh(double x)
{
    if (fabs(x) < 0x1p-13)
        return x * (1 - x * x / 3);
    return fabs(x) > 20 ? copysign(1, x) : tanh(x);
}

static double exact_sigmoid(double x)
{
    if (fabs(x) < 0x1p-13)
        return 0.5 + x / 4 - x * x * x / 48;
    return x < -120 ? 0 : x > 40 ? 1 : 1 / (1 + exp(-x));
}

static double exact_log1p(double x)
{
    if (fabs(x) < 0x1p-14)
        return x * (1 - x * (0.5 - x * (1. / 3 - x / 4)));
    return x > 0x1p54 ? log(x) : log1p(x);
}

static double exact_softplus(double x)
{
    return x > 40 ? x : x < -120 ? 0 : fmax(x, 0) + log1p(exp(-fabs(x)));
}

static long double exact_sigmoidl(long double x) { return 1 / (1 + expl(-x)); }

static long double exact_softplusl(long double x)
{
    return fmaxl(x, 0) + log1pl(expl(-fabsl(x)));
}

struct function {
    const char *name;
    double (*exact)(double);
    long double (*exactl)(long double);
    array_function *const *run; /* [0] float32, [1] float64 */
    double bound[2];
    double low, high; /* the float64 sample; also its reciprocal-like tails */
};

struct tally {
    uint64_t count, wrong;
    double worst, at;
};

/* |got - exact| in float32 spacings; infinite and huge count as 2^128 */
static double error_f32(float got, double exact)
{
    double want = fabs(exact), have = fabs(got);
    if (isnan(want) || isnan(have))
        return isnan(want) && isnan(have) ? 0 : INFINITY;
    if (!signbit(exact) != !signbit(got))
        return INFINITY;
    want = fmin(want, 0x1p128);
    have = fmin(have, 0x1p128);
    int64_t bits;
    memcpy(&bits, &want, sizeof bits);
    int64_t exponent = bits >> 52;
    exponent = exponent < 1023 - 126 ? 1023 - 126 : exponent;
    bits = (int64_t)(2046 + 23 - exponent) << 52; /* 2^(23 - e) */
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return fabs(have - want) * scale;
}

static double error_f64(double got, long double exact)
{
    if (isnan(exact) || isnan(got))
        return isnan(exact) && isnan(got) ? 0 : INFINITY;
    if (!signbit(exact) != !signbit(got))
        return INFINITY;
    long double want = fminl(fabsl(exact), 0x1p1024L);
    long double have = isinf(got) ? 0x1p1024L : fabsl((long double)got);
    int exponent;
    frexpl(want, &exponent);
    exponent = exponent < -1021 || want == 0 ? -1021 : exponent;
    return (double)(fabsl(have - want) * ldexpl(1, 53 - exponent));
}

static void note(struct tally *tally, double error, double bound, double at)
{
    tally->count++;
    if (!(error <= bound))
        tally->wrong++;
    if (!(error <= tally->worst)) {
        tally->worst = error;
        tally->at = at;
    }
}

static void measure_f32(const struct function *f, const float *x, struct tally *tally)
{
    static float y[BLOCK];
    f->run[0](BLOCK, x, y);
    for (int i = 0; i < BLOCK; i++) {
        double exact = f->exact(x[i]);
        float rounded = (float)exact;
        if (!memcmp(&rounded, &y[i], sizeof rounded))
            tally->count++; /* correctly rounded: an error of at most 0.5 */
        else
            note(tally, error_f32(y[i], exact), f->bound[0], x[i]);
    }
}

/* First both zeros, ones, ends of the subnormal and of the normal numbers, and infinities,
 * each with its neighbours; then every stride-th pattern. */
static struct tally sweep_f32(const struct function *f, uint64_t stride)
{
    static const uint32_t special[] = {0, 0x00800000, 0x3f800000, 0x7f800000};
    static float x[BLOCK];
    struct tally tally = {.worst = 0.5};
    for (int i = 0; i < BLOCK; i++) {
        uint32_t bits = special[i % 4] + (uint32_t)(i / 4 % 64) - 32;
        bits ^= (uint32_t)(i / 256 % 2) << 31;
        memcpy(&x[i], &bits, sizeof bits);
    }
    measure_f32(f, x, &tally);
    for (uint64_t from = 0; from >> 32 == 0; from += BLOCK * stride) {
        for (int i = 0; i < BLOCK; i++) {
            uint32_t bits = (uint32_t)(from + (uint64_t)i * stride);
            memcpy(&x[i], &bits, sizeof bits);
        }
        measure_f32(f, x, &tally);
    }
    return tally;
}

static double uniform(uint64_t *state) /* xorshift64*, in (-1, 1) */
{
    *state ^= *state >> 12, *state ^= *state << 25, *state ^= *state >> 27;
    return (double)(int64_t)(*state * 2685821657736338717u) * 0x1p-63;
}

static void measure_f64(const struct function *f, const double *x, struct tally *tally)
{
    static double y[BLOCK];
    f->run[1](BLOCK, x, y);
    for (int i = 0; i < BLOCK; i++)
        note(tally, error_f64(y[i], f->exactl(x[i])), f->bound[1], x[i]);
}

/* First the special values, as for float32. Then half of the sample is uniform over
 * [low, high], half uniform in the exponent. */
static struct tally sample_f64(const struct function *f, int blocks)
{
    static const uint64_t special[] = {0, (uint64_t)1 << 52, (uint64_t)1023 << 52,
                                       (uint64_t)2047 << 52};
    static double x[BLOCK];
    struct tally tally = {0};
    for (int i = 0; i < BLOCK; i++) {
        uint64_t bits = special[i % 4] + (uint64_t)(i / 4 % 64) - 32;
        bits ^= (uint64_t)(i / 256 % 2) << 63;
        memcpy(&x[i], &bits, sizeof bits);
    }
    measure_f64(f, x, &tally);
    uint64_t state = 88172645463325252u;
    double middle = (f->low + f->high) / 2, half = (f->high - f->low) / 2;
    double range = f->low == 0 ? 1074 : 40; /* of exponents */
    while (blocks-- > 0) {
        for (int i = 0; i < BLOCK; i++) {
            double u = uniform(&state), v = uniform(&state);
            x[i] = middle + half * u;
            if (i % 2)
                x[i] = copysign(exp2(v * range), f->low == 0 ? 1 : u);
        }
        measure_f64(f, x, &tally);
    }
    return tally;
}

static double nanoseconds(array_function *run, const void *x, void *y)
{
    double best = INFINITY;
    for (int repeat = 0; repeat < 20; repeat++) {
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        for (int i = 0; i < 20; i++)
            run(BLOCK, x, y);
        clock_gettime(CLOCK_MONOTONIC, &to);
        double spent = (double)(to.tv_sec - from.tv_sec) * 1e9;
        spent += (double)(to.tv_nsec - from.tv_nsec);
        best = fmin(best, spent / (20.0 * BLOCK));
    }
    return best;
}

static double speed(const struct function *f, int type)
{
    static double x[BLOCK], y[BLOCK];
    uint64_t state = 1;
    for (int i = 0; i < BLOCK; i++) {
        double value = 4 * uniform(&state) + (f->low >= 0 ? 4.5 : 0);
        if (type == 0)
            ((float *)x)[i] = (float)value;
        else
            x[i] = value;
    }
    return nanoseconds(f->run[type], x, y);
}

static int report(const struct function *f, int type, struct tally tally)
{
    printf("%-12s %s %11llu values: %.3f ulp at %.9g (bound %g), %.2f ns each\n",
           f->name, type ? "float64" : "float32", (unsigned long long)tally.count,
           tally.worst, tally.at, f->bound[type], speed(f, type));
    fflush(stdout);
    return tally.wrong || !tally.count;
}

static const struct isa {
    const char *name;
    const struct pynn_kernels *const *kernels;
    const struct math_probe *probe;
} isas[] = {
    {"generic", pynn_kernels_generic, math_probe_generic},
#if defined(__x86_64__)
    {"v2", pynn_kernels_v2, math_probe_v2},
    {"v3", pynn_kernels_v3, math_probe_v3},
    {"v4", pynn_kernels_v4, math_probe_v4},
#elif defined(__aarch64__)
    {"neon", pynn_kernels_neon, math_probe_neon},
#endif
};

static const struct isa *find(const char *name)
{
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++)
        if (!strcmp(isas[i].name, name))
            return &isas[i];
    fprintf(stderr, "test_math: no instruction set '%s'\n", name);
    exit(2);
}

/* Bits of x[i] for both types: a walk over all float32, and double of the same value with
 * other low bits, so that both types see every exponent of float32. */
static void walk(int type, uint64_t from, uint64_t stride, double *x)
{
    for (int i = 0; i < BLOCK; i++) {
        uint32_t bits = (uint32_t)(from + (uint64_t)i * stride);
        float value;
        memcpy(&value, &bits, sizeof bits);
        if (type == 0)
            ((float *)x)[i] = value;
        else
            x[i] = (double)value * (1 + i * 0x1p-40);
    }
}

/* Same bits, or both NaN: the payload of a NaN is not promised. */
static uint64_t differences(int type, const double *a, const double *b)
{
    uint64_t count = 0;
    for (int i = 0; i < BLOCK; i++) {
        const float *c = (const float *)a, *d = (const float *)b;
        if (type == 0)
            count += memcmp(&c[i], &d[i], sizeof *c) && !(isnan(c[i]) && isnan(d[i]));
        else
            count += memcmp(&a[i], &b[i], sizeof *a) && !(isnan(a[i]) && isnan(b[i]));
    }
    return count;
}

static uint64_t differ(const struct isa *one, const struct isa *two, int type,
                       const double *x)
{
    static double y[BLOCK], z[BLOCK], dx[BLOCK], dz[BLOCK];
    const struct pynn_kernels *k = one->kernels[type], *l = two->kernels[type];
    const struct math_probe *p = &one->probe[type], *q = &two->probe[type];
    array_function *const runs[][2] = {
        {k->vexp, l->vexp},         {k->vlog, l->vlog},   {k->vtanh, l->vtanh},
        {k->vsigmoid, l->vsigmoid}, {p->log1p, q->log1p}, {p->softplus, q->softplus},
    };
    const double c[3] = {0.25, 6, 1};
    uint64_t count = 0;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        runs[i][0](BLOCK, x, y);
        runs[i][1](BLOCK, x, z);
        count += differences(type, y, z);
    }
    for (int a = 0; a < PYNN_ACT_COUNT; a++) {
        k->act_forward[a](c, BLOCK, x, y);
        l->act_forward[a](c, BLOCK, x, z);
        k->act_backward[a](c, BLOCK, x, y, x, dx);
        l->act_backward[a](c, BLOCK, x, z, x, dz);
        count += differences(type, y, z) + differences(type, dx, dz);
    }
    return count;
}

static int compare_bits(const struct isa *one, const struct isa *two, uint64_t stride)
{
    static double x[BLOCK];
    uint64_t blocks = 0, count = 0;
    for (uint64_t from = 0; from >> 32 == 0; from += BLOCK * stride, blocks++)
        for (int type = 0; type < 2; type++) {
            walk(type, from, stride, x);
            count += differ(one, two, type, x);
        }
    printf("%s and %s: %llu values of each function and activation, %llu differ\n",
           one->name, two->name, (unsigned long long)(2 * blocks * BLOCK),
           (unsigned long long)count);
    return count > 0 || blocks == 0;
}

#define TABLE(name) {isa->kernels[0]->v##name, isa->kernels[1]->v##name}
#define PROBED(name) {isa->probe[0].name, isa->probe[1].name}

enum { TABLED = 4 }; /* functions of the kernel table, they come first */

/* The bounds are the promise of math.inc. */
static int measure(const struct isa *isa, uint64_t stride)
{
    array_function *const run[][2] = {TABLE(exp),     TABLE(log),    TABLE(tanh),
                                      TABLE(sigmoid), PROBED(log1p), PROBED(softplus)};
    const struct function functions[] = {
        {"exp", exact_exp, expl, run[0], {2, 2}, -750, 715},
        {"log", exact_log, logl, run[1], {2, 2}, 0, 10},
        {"tanh", exact_tanh, tanhl, run[2], {4, 4}, -5, 5},
        {"sigmoid", exact_sigmoid, exact_sigmoidl, run[3], {2, 2}, -750, 40},
        {"log1p", exact_log1p, log1pl, run[4], {4, 4}, -1, 9},
        {"softplus", exact_softplus, exact_softplusl, run[5], {4, 4}, -750, 40},
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const struct function *f = &functions[i];
        failed |= report(f, 0, sweep_f32(f, i < TABLED ? stride : 17 * stride));
        failed |= report(f, 1, sample_f64(f, stride == 1 ? 500 : 25));
    }
    return failed;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: test_math ISA [STRIDE [TWIN]]\n");
        return 2;
    }
    long stride = argc > 2 ? strtol(argv[2], NULL, 10) : 257;
    if (stride < 1) {
        fprintf(stderr, "test_math: STRIDE must be at least 1\n");
        return 2;
    }
    const struct isa *isa = find(argv[1]);
    int failed = measure(isa, (uint64_t)stride);
    failed |= check_activations(isa->kernels[0]);
    failed |= check_activations(isa->kernels[1]);
    if (argc > 3)
        failed |= compare_bits(isa, find(argv[3]), (uint64_t)stride);
    puts(failed ? "FAILED" : "ok");
    return failed;
}
