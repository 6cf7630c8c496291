/* SPDX-License-Identifier: BSD-3-Clause */
#include "rng.h"

#include <math.h>
#include <string.h>

#include "internal.h"

void pynn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < PYNN_PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PYNN_PHILOX_M0 * c0;
        uint64_t p1 = (uint64_t)PYNN_PHILOX_M1 * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += PYNN_PHILOX_W0;
        k1 += PYNN_PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* 64 random bits number i of (seed, stream). */
static uint64_t bits64(uint64_t seed, uint64_t stream, uint64_t i)
{
    uint64_t block = i / 2;
    uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream,
                           (uint32_t)(stream >> 32)};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t out[4];
    pynn_philox(counter, key, out);
    size_t half = 2 * (size_t)(i % 2);
    return (uint64_t)out[half] | (uint64_t)out[half + 1] << 32;
}

static uint64_t high_product(uint64_t a, uint64_t b)
{
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t mid = a1 * b0 + (a0 * b0 >> 32);
    uint64_t mid2 = a0 * b1 + (uint32_t)mid;
    return a1 * b1 + (mid >> 32) + (mid2 >> 32);
}

void pynn_shuffle(uint64_t seed, uint64_t epoch, int64_t n, int64_t *order)
{
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) { /* Fisher and Yates */
        uint64_t r = bits64(seed, epoch, (uint64_t)i);
        int64_t j = (int64_t)high_product(r, (uint64_t)i + 1);
        int64_t t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
}

void pynn_shuffle_batches(uint64_t seed, uint64_t epoch, int64_t n, int64_t batch,
                          int64_t *order)
{
    int64_t whole = n / batch;
    pynn_shuffle(seed, epoch, whole, order); /* numbers of batches, then spread out */
    for (int64_t b = whole - 1; b >= 0; b--) {
        int64_t first = order[b] * batch;
        for (int64_t i = 0; i < batch; i++)
            order[b * batch + i] = first + i;
    }
    for (int64_t i = whole * batch; i < n; i++)
        order[i] = i;
}

/* Natural logarithm of x in (0, 1], to 1e-15; the C library's may differ between systems.
 * x = m 2^e with m in [sqrt(1/2), sqrt(2)); log m = 2 atanh(s), s = (m-1)/(m+1). */
static double portable_log(double x)
{
    int e;
    double m = frexp(x, &e);
    if (m < 0.70710678118654752) {
        m *= 2;
        e--;
    }
    double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;
    for (int i = 27; i >= 1; i -= 2) /* |s| < 0.172, s^29/29 < 1e-23 */
        sum = sum * s2 + 1.0 / i;
    return 2 * s * sum + e * 0.69314718055994531;
}

static double polynomial(const double *c, int n, double x)
{
    double sum = c[n - 1];
    for (int i = n - 2; i >= 0; i--)
        sum = sum * x + c[i];
    return sum;
}

/* Inverse of the normal distribution function: rational approximations of M. J. Wichura,
 * "Algorithm AS 241", Applied Statistics 37 (1988), relative error about 1e-16. */
static double normal_quantile(double p)
{
    static const double a[] = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                               1.9715909503065514427e+3, 1.3731693765509461125e+4,
                               4.5921953931549871457e+4, 6.7265770927008700853e+4,
                               3.3430575583588128105e+4, 2.5090809287301226727e+3};
    static const double b[] = {1.0,
                               4.2313330701600911252e+1,
                               6.8718700749205790830e+2,
                               5.3941960214247511077e+3,
                               2.1213794301586595867e+4,
                               3.9307895800092710610e+4,
                               2.8729085735721942674e+4,
                               5.2264952788528545610e+3};
    static const double c[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                               5.76949722146069140550e0,  3.64784832476320460504e0,
                               1.27045825245236838258e0,  2.41780725177450611770e-1,
                               2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[] = {1.0,
                               2.05319162663775882187e0,
                               1.67638483018380384940e0,
                               6.89767334985100004550e-1,
                               1.48103976427480074590e-1,
                               1.51986665636164571966e-2,
                               5.47593808499534494600e-4,
                               1.05075007164441684324e-9};
    static const double e[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                               1.78482653991729133580e0,  2.96560571828504891230e-1,
                               2.65321895265761230930e-2, 1.24266094738807843860e-3,
                               2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double f[] = {1.0,
                               5.99832206555887937690e-1,
                               1.36929880922735805310e-1,
                               1.48753612908506148525e-2,
                               7.86869131145613259100e-4,
                               1.84631831751005468180e-5,
                               1.42151175831644588870e-7,
                               2.04426310338993978564e-15};
    double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;
        return q * polynomial(a, 8, r) / polynomial(b, 8, r);
    }
    double r = sqrt(-portable_log(q < 0 ? p : 1 - p));
    double x = r <= 5 ? polynomial(c, 8, r - 1.6) / polynomial(d, 8, r - 1.6)
                      : polynomial(e, 8, r - 5) / polynomial(f, 8, r - 5);
    return q < 0 ? -x : x;
}

static void permutation(uint64_t seed, uint64_t stream, int64_t n, double *out)
{
    pynn_shuffle(seed, stream, n, (int64_t *)(void *)out);
    for (int64_t i = 0; i < n; i++) {
        int64_t number;
        memcpy(&number, &out[i], sizeof number);
        out[i] = (double)number;
    }
}

pynn_status pynn_random(int32_t distribution, double a, double b, uint64_t seed,
                        uint64_t stream, int64_t n, double *out)
{
    static const double tail = 0.022750131948179207; /* P(x < -2) of the normal */
    if (distribution < PYNN_UNIFORM || distribution > PYNN_PERMUTATION || n < 0)
        return PYNN_INVALID;
    if (distribution == PYNN_PERMUTATION) {
        permutation(seed, stream, n, out);
        return PYNN_OK;
    }
    for (int64_t i = 0; i < n; i++) {
        /* the middle of one of 2^52 equal cells of (0, 1) */
        double u = ((double)(bits64(seed, stream, (uint64_t)i) >> 12) + 0.5) * 0x1p-52;
        if (distribution == PYNN_UNIFORM)
            out[i] = a + (b - a) * u;
        else if (distribution == PYNN_NORMAL)
            out[i] = a + b * normal_quantile(u);
        else
            out[i] = a + b * normal_quantile(tail + u * (1 - 2 * tail));
    }
    return PYNN_OK;
}
