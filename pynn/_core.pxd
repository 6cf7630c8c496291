# Mirror of csrc/pynn.h, in its order.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef extern from "pynn.h" nogil:
    ctypedef enum pynn_status:
        PYNN_OK
        PYNN_INVALID
        PYNN_NO_MEMORY
        PYNN_BUSY
        PYNN_UNSUPPORTED

    const char *pynn_status_text(pynn_status status)

    const char *pynn_isa_name(size_t i)
    int pynn_isa_supported(const char *name)
    pynn_status pynn_isa_select(const char *name)
    const char *pynn_isa_selected()

    int pynn_get_num_threads()
    void pynn_set_num_threads(int n)

    enum:
        PYNN_MAX_DIMS
        PYNN_MAX_STATE
        PYNN_F32
        PYNN_F64
        PYNN_F16
        PYNN_U8
        PYNN_I8
        PYNN_U16
        PYNN_I16
        PYNN_U32
        PYNN_I32
        PYNN_U64
        PYNN_I64

    struct pynn_array:
        const void *data
        int32_t dtype, ndim
        int64_t shape[8]
        int64_t strides[8]

    struct pynn_slot:
        int64_t inner, width

    struct pynn_op:
        int32_t kind, select
        int32_t out, target
        int32_t source "in"
        uint32_t flags
        int64_t params, stats
        uint64_t seed
        double attr[4]

    struct pynn_plan_spec:
        int32_t dtype, n_slots, n_ops, output, target, input_gradient
        int64_t n_params, n_stats
        const pynn_slot *slots
        const pynn_op *ops

    struct pynn_plan:
        pass

    pynn_status pynn_plan_create(const pynn_plan_spec *spec, int64_t max_rows,
                                 pynn_plan **plan)
    void pynn_plan_destroy(pynn_plan *plan)
    size_t pynn_plan_bytes(const pynn_plan *plan)
    double pynn_plan_flops(const pynn_plan *plan)
    int64_t pynn_plan_rows(const pynn_plan *plan)
    int32_t pynn_plan_sums(const pynn_plan *plan)

    pynn_status pynn_predict(pynn_plan *plan, const void *params, const void *stats,
                             const pynn_array *x, int64_t first, int64_t rows,
                             void *out)
    pynn_status pynn_evaluate(pynn_plan *plan, const void *params, const void *stats,
                              const pynn_array *x, const pynn_array *y,
                              const double *weight, int64_t first, int64_t rows,
                              double *sums, double *values)
    pynn_status pynn_forward(pynn_plan *plan, const void *params, void *stats,
                             const pynn_array *x, const pynn_array *y,
                             const double *weight, uint64_t step, int64_t rows,
                             void *out, double *sums)
    pynn_status pynn_backward(pynn_plan *plan, const void *params, const void *stats,
                              const void *dout, int64_t rows, void *grads, void *dx)

    struct pynn_optimizer_spec:
        int32_t kind
        double hyper[8]
        double weight_decay, clipvalue, clipnorm, global_clipnorm
        int64_t gather
        int32_t averaged
        double momentum
        int64_t average_after

    int32_t pynn_optimizer_initial(
        const pynn_optimizer_spec *spec, double *initial)

    struct pynn_run:
        int64_t offset, length, ld
        double l1, l2
        int64_t constraint
        double limits[3]
        int64_t undecayed

    pynn_status pynn_penalty(int32_t dtype, const pynn_run *runs, int64_t n_runs,
                             const void *params, void *grads, double *penalty)

    struct pynn_optimizer_state:
        void *slots[3]
        void *gathered
        void *average
        double scalar[2]
        uint64_t iteration

    pynn_status pynn_update(int32_t dtype, const pynn_optimizer_spec *spec, double rate,
                            pynn_optimizer_state *state, const pynn_run *runs,
                            int64_t n_runs, void *params, void *grads)

    struct pynn_fit:
        const pynn_array *x
        const pynn_array *y
        const double *weight
        const double *counts
        int64_t rows, batch, epochs, max_steps
        double max_seconds
        int32_t reduction
        int32_t shuffle
        uint64_t seed
        const pynn_optimizer_spec *optimizer
        const pynn_run *runs
        int64_t n_runs
        const double *rates
        int64_t n_rates
        void *params
        void *stats
        void *grads
        pynn_optimizer_state *state
        int64_t *order
        uint64_t epoch
        int64_t position
        double *sums
        int64_t epochs_done, steps_done, bad_step

    pynn_status pynn_train(pynn_plan *plan, pynn_fit *fit)

    pynn_status pynn_random(int32_t distribution, double a, double b, uint64_t seed,
                            uint64_t stream, int64_t n, double *out)
    void pynn_philox(const uint32_t *counter, const uint32_t *key, uint32_t *out)

    uint64_t pynn_alloc_count()
    void pynn_alloc_fail_at(int64_t n)
