/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Waiting is spinning for some microseconds, then sleeping, so that an idle or
 * oversubscribed machine is not burdened. fork: the child starts with an empty pool. */
#include "threads.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "cpu.h"
#include "pynn.h"

static atomic_int thread_limit; /* 0: not chosen yet */

static int positive_env(const char *name)
{
    const char *text = getenv(name);
    if (!text)
        return 0;
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || n < 1)
        return 0;
    return n < PYNN_MAX_THREADS ? (int)n : PYNN_MAX_THREADS;
}

static int clamp(int n)
{
    return n < 1 ? 1 : n > PYNN_MAX_THREADS ? PYNN_MAX_THREADS : n;
}

int pynn_get_num_threads(void)
{
    int n = atomic_load(&thread_limit);
    if (n == 0) {
        n = positive_env("PYNN_NUM_THREADS");
        if (n == 0)
            n = positive_env("OMP_NUM_THREADS");
        if (n == 0)
            n = clamp(pynn_cpu_count());
        atomic_store(&thread_limit, n);
    }
    return n;
}

void pynn_set_num_threads(int n) { atomic_store(&thread_limit, clamp(n)); }

#if defined(_WIN32)

void pynn_team_run(int32_t n, int32_t *size, pynn_body *body, void *context)
{
    (void)n;
    *size = 1;
    body(context, 0);
}

void pynn_team_barrier(int32_t size) { (void)size; }

#else

#include <pthread.h>
#include <time.h>

#define SPIN_NANOSECONDS 30000 /* about what it costs to sleep and be woken */

static int64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* A counter that threads wait on: spin, then sleep. */
struct gate {
    _Alignas(64) atomic_uint value;
    atomic_int sleepers;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
};

static struct {
    struct gate start[PYNN_MAX_THREADS]; /* [i] opens when worker i joins a team */
    struct gate barrier;                 /* opens when all members have come */
    struct gate done;                    /* opens when all workers have left the body */
    _Alignas(64) atomic_int arrived;
    _Alignas(64) atomic_int inside; /* workers that have not left the body */
    atomic_flag taken;              /* a team is running */
    int32_t workers;                /* threads started so far, numbered 1 .. workers */
    unsigned first[PYNN_MAX_THREADS]; /* start[i].value when worker i was created */
    pynn_body *body;
    void *context;
} pool = {.taken = ATOMIC_FLAG_INIT};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void gate_init(struct gate *gate)
{
    atomic_store(&gate->value, 0);
    atomic_store(&gate->sleepers, 0);
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->cond, NULL);
}

static void gate_open(struct gate *gate)
{
    atomic_fetch_add(&gate->value, 1);
    if (atomic_load(&gate->sleepers) > 0) {
        pthread_mutex_lock(&gate->mutex);
        pthread_cond_broadcast(&gate->cond);
        pthread_mutex_unlock(&gate->mutex);
    }
}

static void gate_wait(struct gate *gate, unsigned seen)
{
    int64_t end =
        0; /* of spinning; the clock is read only when the wait is not short */
    do {
        for (int i = 0; i < 32; i++) {
            if (atomic_load_explicit(&gate->value, memory_order_acquire) != seen)
                return;
            pause_cpu();
        }
        if (end == 0)
            end = nanoseconds() + SPIN_NANOSECONDS;
    } while (nanoseconds() < end);
    pthread_mutex_lock(&gate->mutex);
    atomic_fetch_add(&gate->sleepers, 1);
    while (atomic_load(&gate->value) == seen)
        pthread_cond_wait(&gate->cond, &gate->mutex);
    atomic_fetch_sub(&gate->sleepers, 1);
    pthread_mutex_unlock(&gate->mutex);
}

/* Also the child's side of fork, where none of the workers exists any more. */
static void pool_reset(void)
{
    for (int i = 0; i < PYNN_MAX_THREADS; i++)
        gate_init(&pool.start[i]);
    gate_init(&pool.barrier);
    gate_init(&pool.done);
    atomic_store(&pool.arrived, 0);
    atomic_store(&pool.inside, 0);
    pool.workers = 0;
    atomic_flag_clear(&pool.taken);
}

static void pool_once(void)
{
    pool_reset();
    pthread_atfork(NULL, NULL, pool_reset);
}

static void *worker(void *argument)
{
    intptr_t me = (intptr_t)argument;
    unsigned seen = pool.first[me];
    for (;;) {
        gate_wait(&pool.start[me], seen++);
        uint64_t mode = pynn_fp_enter();
        pool.body(pool.context, (int32_t)me);
        pynn_fp_leave(mode);
        if (atomic_fetch_sub(&pool.inside, 1) == 1)
            gate_open(&pool.done);
    }
    return NULL;
}

/* Workers 1 .. n - 1 exist afterwards, or fewer if the system refuses. */
static void pool_grow(int32_t n)
{
    pthread_attr_t attr;
    if (pool.workers >= n - 1 || pthread_attr_init(&attr) != 0)
        return;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    while (pool.workers < n - 1) {
        intptr_t me = pool.workers + 1;
        pthread_t id;
        pool.first[me] = atomic_load(&pool.start[me].value);
        if (pthread_create(&id, &attr, worker, (void *)me) != 0)
            break;
        pool.workers++;
    }
    pthread_attr_destroy(&attr);
}

static void run_alone(int32_t *size, pynn_body *body, void *context)
{
    *size = 1;
    uint64_t mode = pynn_fp_enter();
    body(context, 0);
    pynn_fp_leave(mode);
}

void pynn_team_run(int32_t n, int32_t *size, pynn_body *body, void *context)
{
    if (n <= 1) {
        run_alone(size, body, context);
        return;
    }
    pthread_once(&once, pool_once);
    if (atomic_flag_test_and_set(&pool.taken)) {
        run_alone(size, body, context);
        return;
    }
    pool_grow(n);
    if (n > pool.workers + 1)
        n = pool.workers + 1;
    *size = n;
    if (n > 1) {
        pool.body = body;
        pool.context = context;
        unsigned done = atomic_load(&pool.done.value);
        atomic_store(&pool.inside, n - 1);
        for (int32_t i = 1; i < n; i++)
            gate_open(&pool.start[i]);
        uint64_t mode = pynn_fp_enter();
        body(context, 0);
        pynn_fp_leave(mode);
        gate_wait(&pool.done, done);
    } else {
        run_alone(size, body, context);
    }
    atomic_flag_clear(&pool.taken);
}

void pynn_team_barrier(int32_t size)
{
    if (size == 1)
        return;
    unsigned seen = atomic_load(&pool.barrier.value);
    if (atomic_fetch_add(&pool.arrived, 1) == size - 1) {
        atomic_store(&pool.arrived, 0);
        gate_open(&pool.barrier);
    } else {
        gate_wait(&pool.barrier, seen);
    }
}

#endif
