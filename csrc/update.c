/* SPDX-License-Identifier: BSD-3-Clause */
#include "update.h"

#include <float.h>
#include <math.h>
#include <string.h>

int32_t pynn_optimizer_initial(const struct pynn_optimizer_spec *spec,
                               double initial[PYNN_MAX_STATE])
{
    const double *h = spec->hyper;
    for (int i = 0; i < PYNN_MAX_STATE; i++)
        initial[i] = 0.0;
    switch (spec->kind) {
    case PYNN_OPT_MOMENTUM:
    case PYNN_OPT_NESTEROV:
    case PYNN_OPT_LION:
        return 1;
    case PYNN_OPT_ADAGRAD:
        initial[0] = h[1];
        return 1;
    case PYNN_OPT_RMSPROP:
        return 1 + (h[2] > 0) + (h[3] != 0);
    case PYNN_OPT_FTRL:
        initial[0] = h[1];
        return 2;
    case PYNN_OPT_ADAM:
    case PYNN_OPT_ADAMAX:
    case PYNN_OPT_NADAM:
    case PYNN_OPT_ADADELTA:
        return 2;
    case PYNN_OPT_AMSGRAD:
        return 3;
    default:
        return 0;
    }
}

/* base^n by squaring */
static double power(double base, uint64_t n)
{
    double result = 1.0;
    for (; n > 0; n >>= 1) {
        if (n & 1)
            result *= base;
        base *= base;
    }
    return result;
}

static double at_least_tiny(double epsilon)
{
    return epsilon > FLT_MIN ? epsilon : FLT_MIN;
}

static void set(double *c, size_t n, const double *values)
{
    memcpy(c, values, n * sizeof *c);
}
#define SET(c, ...)                                                                    \
    set(c, sizeof((double[]){__VA_ARGS__}) / sizeof(double), (double[]){__VA_ARGS__})

/* m and v are corrected for their start at zero; sqrt(1 - beta_2^t) multiplies both
 * numerator and denominator, which leaves sqrt(v) as it is. */
static void prepare_nadam(const double *h, double rate, uint64_t t, double scalar[2],
                          double *c)
{
    const double now = h[0] * (1.0 - 0.5 * power(0.96, t));
    const double next = h[0] * (1.0 - 0.5 * power(0.96, t + 1));
    const double correction = sqrt(1.0 - power(h[1], t));
    scalar[0] *= now;
    SET(c, rate * correction * next / (1.0 - scalar[0] * next), 1.0 - h[0], 1.0 - h[1],
        at_least_tiny(h[2] * correction),
        rate * correction * (1.0 - now) / (1.0 - scalar[0]));
}

static void prepare_ftrl(const double *h, double rate, double *c)
{
    const double l2 = h[3] + h[5] / (2.0 * rate);
    SET(c, 1.0 / rate, -h[0], h[2], 2.0 * l2, 0.0, 2.0 * h[4]);
}

void pynn_update_prepare(const struct pynn_optimizer_spec *spec, double rate,
                         uint64_t t, double scalar[2], struct pynn_update_args *out)
{
    const double *h = spec->hyper;
    memset(out, 0, sizeof *out);
    out->clip = spec->clipvalue;
    out->decay = spec->weight_decay * rate;
    out->gscale = 1.0;
    double *c = out->c;
    switch (spec->kind) {
    case PYNN_OPT_SGD:
        SET(c, rate);
        break;
    case PYNN_OPT_MOMENTUM:
    case PYNN_OPT_NESTEROV:
        SET(c, rate, h[0]);
        break;
    case PYNN_OPT_RMSPROP:
        SET(c, rate, h[0], 1.0 - h[0], at_least_tiny(h[1]), h[2], h[3]);
        break;
    case PYNN_OPT_ADAM:
    case PYNN_OPT_AMSGRAD:
        SET(c, rate * sqrt(1.0 - power(h[1], t)) / (1.0 - power(h[0], t)), 1.0 - h[0],
            1.0 - h[1], at_least_tiny(h[2]));
        break;
    case PYNN_OPT_ADAMAX:
        SET(c, rate / (1.0 - power(h[0], t)), 1.0 - h[0], h[1], at_least_tiny(h[2]));
        break;
    case PYNN_OPT_NADAM:
        prepare_nadam(h, rate, t, scalar, c);
        break;
    case PYNN_OPT_ADAGRAD:
        SET(c, rate, at_least_tiny(h[0]));
        break;
    case PYNN_OPT_ADADELTA:
        SET(c, rate, h[0], 1.0 - h[0], at_least_tiny(h[1]));
        break;
    case PYNN_OPT_LION:
        SET(c, rate, h[0], 1.0 - h[0], h[1], 1.0 - h[1]);
        break;
    case PYNN_OPT_FTRL:
        prepare_ftrl(h, rate, c);
        break;
    default:
        break;
    }
}

void pynn_step_prepare(const struct pynn_optimizer_spec *spec, double rate,
                       struct pynn_optimizer_state *state, struct pynn_step *step)
{
    uint64_t done = state->iteration; /* steps */
    step->moves = true;
    step->gathered = 0;
    if (spec->gather > 1) {
        uint64_t every = (uint64_t)spec->gather;
        step->moves = (state->iteration + 1) % every == 0;
        step->gathered = step->moves ? (double)every : 0;
        done /= every;
    }
    if (step->moves)
        pynn_update_prepare(spec, rate, done + 1, state->scalar, &step->args);
    step->momentum = done > 0 ? spec->momentum : 0;
    step->overwrite = spec->averaged && spec->average_after > 0 &&
                      (done + 1) % (uint64_t)spec->average_after == 0;
}
