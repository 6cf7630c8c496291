/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Runs the hot paths of the core a fixed number of times, for instructions.py to count
 * instructions under callgrind: after each path's warm-up and after its run, lap() is
 * called, and callgrind writes down what was executed in between. Prints "STEPS NAME" for
 * each path. The instruction set is the first argument.
 */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h" /* pynn_ld */

enum {
#define PYNN_OP(NAME, name) OP_##NAME,
#include "ops.def"
};

enum { MAX_LAYERS = 4, BYTES = PYNN_U8, REALS = PYNN_F32 };
#define BCE PYNN_LOSS_BINARY_CROSSENTROPY_LOGITS
#define CE PYNN_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY_LOGITS
#define SGD PYNN_OPT_SGD
#define ADAM PYNN_OPT_ADAM

/* ReLU between dense layers; batch 0 predicts all rows at once. */
struct path {
    const char *name;
    int32_t input, loss, optimizer;
    int64_t rows, batch;
    int steps, layers;
    int64_t widths[MAX_LAYERS + 1];
};

static const struct path paths[] = {
    {"train 2-4-4-1, batch 4", REALS, BCE, SGD, 4, 4, 200, 3, {2, 4, 4, 1}},
    {"train 4-16-3, batch 120", REALS, CE, SGD, 120, 120, 50, 2, {4, 16, 3}},
    {"train 784-128-10, batch 32", REALS, CE, ADAM, 128, 32, 8, 2, {784, 128, 10}},
    {"train 784-128-10, batch 32, uint8",
     BYTES,
     CE,
     ADAM,
     128,
     32,
     8,
     2,
     {784, 128, 10}},
    {"train 50-256-128-64-1, batch 256",
     REALS,
     BCE,
     ADAM,
     512,
     256,
     2,
     4,
     {50, 256, 128, 64, 1}},
    {"predict 16-64-64-1, 1 row", REALS, 0, 0, 1, 0, 100, 3, {16, 64, 64, 1}},
    {"predict 784-128-10, 1 row", REALS, 0, 0, 1, 0, 50, 2, {784, 128, 10}},
    {"predict 784-128-10, 64 rows", REALS, 0, 0, 64, 0, 5, 2, {784, 128, 10}},
    {"loss of 10 classes, 128 rows", REALS, CE, 0, 128, 0, 20, 0, {10}},
};
enum { N_PATHS = sizeof paths / sizeof paths[0] };

/* Called between two counts: callgrind knows it by its name. */
__attribute__((noinline)) void lap(void);
void lap(void) { __asm__ volatile("" ::: "memory"); }

static void need(pynn_status status)
{
    if (status != PYNN_OK) {
        fprintf(stderr, "%s\n", pynn_status_text(status));
        exit(1);
    }
}

static void *zeros(int64_t bytes)
{
    void *p = calloc((size_t)bytes, 1);
    if (!p)
        exit(1);
    return p;
}

/* Small numbers of both signs, the same everywhere; freed with the process. */
static float *values(int64_t n)
{
    float *p = zeros(n * 4);
    double *sample = zeros(n * 8);
    need(pynn_random(PYNN_NORMAL, 0, 0.1, 1, 2, n, sample));
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)sample[i];
    free(sample);
    return p;
}

/* ---- Networks ------------------------------------------------------------------------ */

struct net {
    pynn_plan *plan;
    int64_t n_params, n_runs;
    struct pynn_run runs[2 * MAX_LAYERS];
    void *params, *out;
    struct pynn_array x, y;
};

static void create_plan(const struct path *path, struct net *net)
{
    struct pynn_op ops[MAX_LAYERS + 1] = {0};
    struct pynn_slot slots[MAX_LAYERS + 3] = {{1, path->widths[0]}};
    int32_t n = path->layers;
    for (int32_t i = 0; i < n; i++) {
        int64_t in = path->widths[i], out = pynn_ld(path->widths[i + 1]);
        int32_t act = i + 1 < n ? PYNN_ACT_RELU : PYNN_ACT_LINEAR;
        ops[i] = (struct pynn_op){OP_DENSE,       act,           i,  i + 1, -1,
                                  PYNN_FLAG_BIAS, net->n_params, -1, 0,     {0}};
        slots[i + 1] = (struct pynn_slot){1, path->widths[i + 1]};
        net->runs[net->n_runs++] =
            (struct pynn_run){.offset = net->n_params, .length = in * out, .ld = out};
        net->runs[net->n_runs++] = (struct pynn_run){
            .offset = net->n_params + in * out, .length = out, .ld = out};
        net->n_params += (in + 1) * out;
    }
    ops[n] = (struct pynn_op){OP_LOSS, path->loss, n, n + 1, n + 2, 0, -1, -1, 0, {0}};
    slots[n + 1] = slots[n];
    slots[n + 2] = (struct pynn_slot){1, 1};
    int has_loss = path->batch > 0 || n == 0;
    struct pynn_plan_spec spec = {.dtype = PYNN_F32,
                                  .n_slots = has_loss ? n + 3 : n + 1,
                                  .n_ops = has_loss ? n + 1 : n,
                                  .output = n,
                                  .target = has_loss ? n + 2 : -1,
                                  .n_params = net->n_params,
                                  .slots = slots,
                                  .ops = ops};
    need(pynn_plan_create(&spec, path->batch, &net->plan));
}

static void create_data(const struct path *path, struct net *net)
{
    int64_t rows = path->rows, width = path->widths[0], n = rows * width;
    int64_t esize = path->input == BYTES ? 1 : 4;
    float *x = values(n), *y = zeros(4 * rows);
    uint8_t *bytes = zeros(n);
    int64_t *labels = zeros(8 * rows);
    for (int64_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(x[i] * 100);
    for (int64_t i = 0; i < rows; i++) {
        labels[i] = i % path->widths[path->layers];
        y[i] = (float)(i % 2);
    }
    const void *from = path->input == BYTES ? (void *)bytes : (void *)x;
    net->x = (struct pynn_array){
        from, path->input, 2, {rows, width}, {width * esize, esize}};
    net->y = (struct pynn_array){labels, PYNN_I64, 2, {rows, 1}, {8, 8}};
    if (path->loss == BCE)
        net->y = (struct pynn_array){y, PYNN_F32, 2, {rows, 1}, {4, 4}};
    net->params = values(net->n_params + 1);
    net->out = zeros(4 * rows * path->widths[path->layers]);
}

/* Trains for so many steps, as one call of fit does. */
static void train(const struct path *path, struct net *net, int steps)
{
    static const struct pynn_optimizer_spec rules[PYNN_OPT_COUNT] = {
        [SGD] = {.kind = SGD},
        [ADAM] = {.kind = ADAM, .hyper = {0.9, 0.999, 1e-7}},
    };
    double rate = 0.001, *sums = zeros(8 * 2 * (steps + 1));
    struct pynn_optimizer_state state = {.scalar = {1, 1}};
    for (int i = 0; i < 2; i++)
        state.slots[i] = zeros(4 * net->n_params);
    struct pynn_fit fit = {.x = &net->x,
                           .y = &net->y,
                           .rows = path->rows,
                           .batch = path->batch,
                           .epochs = steps,
                           .max_steps = steps,
                           .shuffle = 1,
                           .seed = 1,
                           .optimizer = &rules[path->optimizer],
                           .runs = net->runs,
                           .n_runs = net->n_runs,
                           .rates = &rate,
                           .n_rates = 1,
                           .params = net->params,
                           .state = &state,
                           .order = zeros(8 * path->rows),
                           .sums = sums};
    need(pynn_train(net->plan, &fit));
    if (fit.steps_done != steps)
        exit(1);
}

static void call(const struct path *path, struct net *net, int steps)
{
    double sums[2] = {0};
    if (path->batch)
        train(path, net, steps);
    for (int i = 0; !path->batch && i < steps; i++)
        need(path->layers ? pynn_predict(net->plan, net->params, NULL, &net->x, 0,
                                         path->rows, net->out)
                          : pynn_evaluate(net->plan, net->params, NULL, &net->x,
                                          &net->y, NULL, 0, path->rows, sums, NULL));
}

/* ---- The flat update ------------------------------------------------------------------ */

enum { N_UPDATED = 101776 };

static void update(int steps)
{
    struct pynn_optimizer_spec adam = {.kind = ADAM, .hyper = {0.9, 0.999, 1e-7}};
    struct pynn_optimizer_state state = {.scalar = {1, 1}};
    for (int i = 0; i < 2; i++)
        state.slots[i] = zeros(4 * N_UPDATED);
    struct pynn_run run = {.length = N_UPDATED, .ld = N_UPDATED};
    float *params = values(N_UPDATED), *grads = values(N_UPDATED);
    for (int i = 0; i <= steps; i++) {
        if (i == 1)
            lap();
        need(pynn_update(PYNN_F32, &adam, 0.001, &state, &run, 1, params, grads));
    }
    lap();
    printf("%d Adam, %d parameters\n", steps, N_UPDATED);
}

int main(int argc, char **argv)
{
    need(pynn_isa_select(argc > 1 ? argv[1] : NULL));
    pynn_set_num_threads(1);
    for (int i = 0; i < N_PATHS; i++) {
        const struct path *path = &paths[i];
        struct net net = {0};
        create_plan(path, &net);
        create_data(path, &net);
        call(path, &net, path->steps);
        lap();
        call(path, &net, path->steps);
        lap();
        printf("%d %s\n", path->steps, path->name);
    }
    update(2);
    return 0;
}
