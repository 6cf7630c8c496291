/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The core without Python: for sanitizers, for emulated processors, and for what a
 * caller in Python cannot do. Calls the public header only.
 *
 * Every array of the caller ends where an unreadable page begins. A small network is
 * trained with every instruction set of the machine, both element types and several
 * numbers of threads, and its bits are compared: sets with a fused multiply-add (v3, v4,
 * neon) must agree, and so must those without (generic, v2). Prints one hash for each of
 * the two and each element type, the same on every machine; returns 1 if anything is
 * wrong.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernels/kernels.h" /* numbers of activations, losses and optimizers */
#include "pynn.h"

enum {
#define PYNN_OP(NAME, name) OP_##NAME,
#include "ops.def"
};

enum {
    ROWS = 203,
    BATCH = 29, /* leaves a short last batch */
    EPOCHS = 3,
    N_IN = 23,
    SECOND = 24 * 48, /* offsets of the parameters: dense [23 + 1, 37 padded], */
    THIRD = SECOND + 37 * 32,  /* [37, 19 padded] without bias, */
    N_PARAMS = THIRD + 20 * 16 /* [19 + 1, 10 padded] */
};

static int failures;

static bool check(bool ok, const char *what)
{
    if (!ok) {
        failures++;
        printf("wrong: %s\n", what);
    }
    return ok;
}

/* ---- Guarded memory ------------------------------------------------------------------ */

static size_t guarded_size(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page + page;
}

/* Zeroed bytes that end where a page begins that must not be touched. */
static void *guarded(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = guarded_size(bytes);
    char *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + size - page, page, PROT_NONE) != 0) {
        perror("mmap");
        exit(2);
    }
    return p + size - page - bytes;
}

static void release(void *memory, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = guarded_size(bytes);
    munmap((char *)memory - (size - page - bytes), size);
}

/* ---- A network and its training ------------------------------------------------------ */

static const struct pynn_slot slots[] = {{1, N_IN}, {1, 37}, {1, 37}, {1, 37},
                                         {1, 19},   {1, 10}, {1, 10}, {1, 1}};

#define FUSED_LOSS PYNN_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY_LOGITS
static const struct pynn_op ops[] = {
    {OP_DENSE, PYNN_ACT_LINEAR, 0, 1, -1, PYNN_FLAG_BIAS, 0, -1, 0, {0}},
    {OP_ACTIVATION, PYNN_ACT_GELU, 1, 2, -1, 0, -1, -1, 0, {0}},
    {OP_DROPOUT, 0, 2, 3, -1, 0, -1, -1, 77, {0.25}},
    {OP_DENSE, PYNN_ACT_TANH, 3, 4, -1, 0, SECOND, -1, 0, {0}},
    {OP_DENSE, PYNN_ACT_LINEAR, 4, 5, -1, PYNN_FLAG_BIAS, THIRD, -1, 0, {0}},
    {OP_LOSS, FUSED_LOSS, 5, 6, 7, 0, -1, -1, 0, {0}},
    {OP_SCORE, PYNN_LOSS_SPARSE_CATEGORICAL_ACCURACY, 6, -1, 7, 0, -1, -1, 0, {0}},
};

enum { N_SLOTS = sizeof slots / sizeof slots[0], N_OPS = sizeof ops / sizeof ops[0] };

static struct pynn_plan_spec network(int32_t dtype)
{
    return (struct pynn_plan_spec){.dtype = dtype,
                                   .n_slots = N_SLOTS,
                                   .n_ops = N_OPS,
                                   .output = 6,
                                   .target = 7,
                                   .n_params = N_PARAMS,
                                   .slots = slots,
                                   .ops = ops};
}

/* The same for predictions: a softmax takes the place of the loss. */
static pynn_status inference(int32_t dtype, pynn_plan **plan)
{
    struct pynn_plan_spec spec = network(dtype);
    struct pynn_op copy[N_OPS];
    memcpy(copy, ops, sizeof ops);
    copy[5] = (struct pynn_op){OP_SOFTMAX, 0, 5, 6, -1, 0, -1, -1, 0, {0}};
    spec.ops = copy;
    spec.n_ops = 6;
    spec.target = -1;
    return pynn_plan_create(&spec, 0, plan);
}

/* Trains clipped Adam (gradients go through memory) or plain Adam (they do not). */
static const struct pynn_optimizer_spec clipped = {
    .kind = PYNN_OPT_ADAM, .hyper = {0.9, 0.999, 1e-7}, .global_clipnorm = 0.5};
static const struct pynn_optimizer_spec direct = {
    .kind = PYNN_OPT_ADAM, .hyper = {0.9, 0.999, 1e-7}, .weight_decay = 0.01};

/* Everything that a training reads and writes; each array guarded. */
struct run {
    int32_t dtype;
    size_t esize;
    uint8_t *x;
    int64_t *y, *order;
    void *params, *grads, *m, *v, *out;
    double *sums;
    bool trained;
};

/* Fills the kernel and, where the layer has one, the bias; the padding stays zero. */
static void fill(const struct run *run, int64_t offset, int64_t rows, int64_t n,
                 double *sample)
{
    int64_t ld = (n + 15) / 16 * 16;
    for (int64_t i = 0; i < rows * ld; i++) {
        double value = i % ld < n ? sample[offset + i] : 0;
        if (run->dtype == PYNN_F32)
            ((float *)run->params)[offset + i] = (float)value;
        else
            ((double *)run->params)[offset + i] = value;
    }
}

static struct run start(int32_t dtype)
{
    struct run run = {.dtype = dtype, .esize = dtype == PYNN_F32 ? 4 : 8};
    run.x = guarded(ROWS * N_IN);
    run.y = guarded(ROWS * sizeof *run.y);
    run.order = guarded(ROWS * sizeof *run.order);
    run.params = guarded(N_PARAMS * run.esize);
    run.grads = guarded(N_PARAMS * run.esize);
    run.m = guarded(N_PARAMS * run.esize);
    run.v = guarded(N_PARAMS * run.esize);
    run.out = guarded(ROWS * 10 * run.esize);
    run.sums = guarded((EPOCHS + 1) * 2 * sizeof *run.sums);
    for (uint32_t i = 0, s = 1; i < ROWS * N_IN; i++, s = s * 1664525u + 1013904223u)
        run.x[i] = (uint8_t)(s >> 30);
    for (int64_t i = 0; i < ROWS; i++)
        run.y[i] = run.x[i * N_IN] + run.x[i * N_IN + 1];
    double *sample = guarded(N_PARAMS * sizeof *sample);
    check(pynn_random(PYNN_NORMAL, 0, 0.3, 5, 6, N_PARAMS, sample) == PYNN_OK,
          "random");
    fill(&run, 0, 24, 37, sample);
    fill(&run, SECOND, 37, 19, sample);
    fill(&run, THIRD, 20, 10, sample);
    release(sample, N_PARAMS * sizeof *sample);
    return run;
}

static void end(struct run *run)
{
    release(run->x, ROWS * N_IN);
    release(run->y, ROWS * sizeof *run->y);
    release(run->order, ROWS * sizeof *run->order);
    release(run->params, N_PARAMS * run->esize);
    release(run->grads, N_PARAMS * run->esize);
    release(run->m, N_PARAMS * run->esize);
    release(run->v, N_PARAMS * run->esize);
    release(run->out, ROWS * 10 * run->esize);
    release(run->sums, (EPOCHS + 1) * 2 * sizeof *run->sums);
}

static pynn_status train(pynn_plan *plan, struct run *run, const struct pynn_array *x,
                         const struct pynn_array *y,
                         const struct pynn_optimizer_spec *optimizer)
{
    struct pynn_run runs[] = {
        {.offset = 0, .length = 23 * 48, .ld = 48},
        {.offset = 23 * 48, .length = 48, .ld = 48},
        {.offset = SECOND, .length = THIRD - SECOND, .ld = 32},
        {.offset = THIRD, .length = 19 * 16, .ld = 16},
        {.offset = THIRD + 19 * 16, .length = 16, .ld = 16},
    };
    struct pynn_optimizer_state state = {.slots = {run->m, run->v}, .scalar = {1, 1}};
    double rate = 0.01;
    struct pynn_fit fit = {.x = x,
                           .y = y,
                           .rows = ROWS,
                           .batch = BATCH,
                           .epochs = EPOCHS,
                           .shuffle = 1,
                           .seed = 9,
                           .optimizer = optimizer,
                           .runs = runs,
                           .n_runs = 5,
                           .rates = &rate,
                           .n_rates = 1,
                           .params = run->params,
                           .grads = run->grads,
                           .state = &state,
                           .order = run->order,
                           .sums = run->sums};
    pynn_status status = pynn_train(plan, &fit);
    run->trained = status == PYNN_OK;
    if (run->trained)
        check(fit.epochs_done == EPOCHS && fit.bad_step == -1, "training is complete");
    return status;
}

/* Trains, evaluates and predicts, each with a plan of its own. */
static pynn_status live(struct run *run, const struct pynn_optimizer_spec *optimizer)
{
    struct pynn_array x = {run->x, PYNN_U8, 2, {ROWS, N_IN}, {N_IN, 1}};
    struct pynn_array y = {run->y, PYNN_I64, 2, {ROWS, 1}, {8, 8}};
    struct pynn_plan_spec spec = network(run->dtype);
    pynn_plan *trainer = NULL, *judge = NULL, *oracle = NULL;
    pynn_status status = pynn_plan_create(&spec, BATCH, &trainer);
    if (status == PYNN_OK)
        status = pynn_plan_create(&spec, 0, &judge);
    if (status == PYNN_OK)
        status = inference(run->dtype, &oracle);
    if (status == PYNN_OK)
        status = train(trainer, run, &x, &y, optimizer);
    if (status == PYNN_OK)
        status = pynn_evaluate(judge, run->params, NULL, &x, &y, NULL, 0, ROWS,
                               run->sums + (2 * EPOCHS), NULL);
    if (status == PYNN_OK)
        status = pynn_predict(oracle, run->params, NULL, &x, 0, ROWS, run->out);
    pynn_plan_destroy(trainer);
    pynn_plan_destroy(judge);
    pynn_plan_destroy(oracle);
    return status;
}

static uint64_t hash(uint64_t h, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < bytes; i++)
        h = (h ^ p[i]) * 0x100000001b3u; /* FNV-1a */
    return h;
}

/* Trains from scratch and returns a hash of all that came out, or 0. */
static uint64_t trained(int32_t dtype, const struct pynn_optimizer_spec *optimizer)
{
    struct run run = start(dtype);
    uint64_t h = 0;
    if (check(live(&run, optimizer) == PYNN_OK, "train, evaluate and predict")) {
        check(run.sums[2 * EPOCHS] < 0.8 * run.sums[0], "the loss falls");
        h = hash(0xcbf29ce484222325u, run.params, N_PARAMS * run.esize);
        h = hash(h, run.out, ROWS * 10 * run.esize);
        h = hash(h, run.sums, (EPOCHS + 1) * 2 * sizeof *run.sums);
    }
    end(&run);
    return h;
}

/* ---- The checks ----------------------------------------------------------------------- */

static bool is_fused(const char *isa)
{
    return strcmp(isa, "generic") != 0 && strcmp(isa, "v2") != 0;
}

static void check_bits(void)
{
    static const int threads[] = {1, 2, 3, 8};
    uint64_t expected[2][2] = {{0}};
    int examined = 0;
    for (size_t i = 0; pynn_isa_name(i); i++) {
        const char *isa = pynn_isa_name(i);
        if (!pynn_isa_supported(isa))
            continue;
        check(pynn_isa_select(isa) == PYNN_OK, "the instruction set can be selected");
        for (int32_t dtype = PYNN_F32; dtype <= PYNN_F64; dtype++)
            for (int t = 0; t < 4; t++, examined++) {
                pynn_set_num_threads(threads[t]);
                uint64_t *known = &expected[is_fused(isa)][dtype];
                uint64_t h = trained(dtype, &clipped) * 31 + trained(dtype, &direct);
                if (*known && !check(h == *known, "bits agree"))
                    printf("  %s, %d threads, dtype %d\n", isa, threads[t], (int)dtype);
                *known = h;
            }
    }
    check(examined >= 8, "something was compared");
    for (int fused = 0; fused < 2; fused++)
        for (int32_t dtype = PYNN_F32; dtype <= PYNN_F64; dtype++)
            if (expected[fused][dtype])
                printf("%s float%d %016llx\n", fused ? "fused" : "separate",
                       dtype == PYNN_F32 ? 32 : 64,
                       (unsigned long long)expected[fused][dtype]);
}

static void *train_beside(void *result)
{
    *(uint64_t *)result = trained(PYNN_F32, &direct);
    return NULL;
}

static void check_two_at_once(void)
{
    pthread_t other;
    uint64_t theirs = 0, alone = trained(PYNN_F32, &direct);
    pynn_set_num_threads(2);
    if (!check(pthread_create(&other, NULL, train_beside, &theirs) == 0, "a thread"))
        return;
    uint64_t ours = trained(PYNN_F32, &direct);
    pthread_join(other, NULL);
    check(ours == alone && theirs == alone, "two trainings at once give the same bits");
}

/* Fails one allocation after the other: the call says so, and parameters stay. */
static void check_allocations(void)
{
    int failed = 0;
    pynn_status status = PYNN_NO_MEMORY;
    for (int n = 1; status != PYNN_OK && n < 1000; n++) {
        struct run run = start(PYNN_F32);
        uint64_t before = hash(1, run.params, N_PARAMS * 4);
        pynn_alloc_fail_at(n);
        status = live(&run, &clipped);
        pynn_alloc_fail_at(0);
        bool changed = hash(1, run.params, N_PARAMS * 4) != before;
        end(&run);
        if (status != PYNN_OK) {
            failed++;
            check(status == PYNN_NO_MEMORY, "a failed allocation is reported");
            check(changed == run.trained, "a call without memory changes nothing");
        }
    }
    check(status == PYNN_OK && failed > 0, "allocations failed, until none was left");
}

static void refused(const char *what, const struct pynn_plan_spec *spec, int64_t rows)
{
    pynn_plan *plan = NULL;
    check(pynn_plan_create(spec, rows, &plan) == PYNN_INVALID && !plan, what);
    pynn_plan_destroy(plan);
}

/* Breaks one field of the network at a time. */
static void check_bad_plans(void)
{
    struct pynn_plan_spec spec = network(PYNN_F32);
    struct pynn_op wrong[N_OPS];
    struct pynn_slot shapes[N_SLOTS];
    refused("negative rows", &spec, -1);
#define BREAK(what, statement)                                                         \
    do {                                                                               \
        spec = network(PYNN_F32);                                                      \
        memcpy(wrong, ops, sizeof ops);                                                \
        memcpy(shapes, slots, sizeof slots);                                           \
        spec.ops = wrong;                                                              \
        spec.slots = shapes;                                                           \
        statement;                                                                     \
        refused(what, &spec, BATCH);                                                   \
    } while (0)
    BREAK("type", spec.dtype = PYNN_U8);
    BREAK("number of ops", spec.n_ops = -1);
    BREAK("output slot", spec.output = N_SLOTS);
    BREAK("target slot", spec.target = N_SLOTS);
    BREAK("kind", wrong[1].kind = 1000);
    BREAK("activation", wrong[1].select = 1000);
    BREAK("loss", wrong[5].select = -1);
    BREAK("input slot", wrong[3].in = -1);
    BREAK("later slot as input", wrong[0].in = 4);
    BREAK("output slot of an op", wrong[3].out = N_SLOTS);
    BREAK("parameters past the end", wrong[4].params = N_PARAMS - 16);
    BREAK("parameters before the start", wrong[0].params = -16);
    BREAK("misaligned parameters", wrong[4].params += 8);
    BREAK("dropout rate", wrong[2].attr[0] = 1.5);
    BREAK("width", shapes[1].width = -37);
    BREAK("empty slot", shapes[1].inner = 0);
    BREAK("slot written twice", wrong[3].out = wrong[2].out);
    BREAK("overflowing slot", shapes[0].width = INT64_MAX / 2);
    BREAK("width that the parameters lack", shapes[4].width = 1 << 20);
}

int main(void)
{
    check_bits();
    check_two_at_once();
    check_allocations();
    check_bad_plans();
    puts(failures ? "FAILED" : "ok");
    return failures > 0;
}
