# cython: language_level=3, binding=True, embedsignature=False
"""The binding: checks buffers, drops the GIL, turns a status into an exception.

Nothing here knows what a layer is or has a default; see `_core.pyi` for the types.
"""

from libc.stdlib cimport calloc, free

include "_buffers.pxi"


cdef class Plan:
    cdef pynn_plan *plan
    cdef int dtype
    cdef int64_t n_params, n_stats, in_size, out_size

    def __init__(self, ops, slots, *, int dtype, int output, int target,
                 int64_t n_params, int64_t max_rows, int64_t n_stats=0,
                 bint input_gradient=False):
        cdef pynn_plan_spec spec
        cdef pynn_status status
        if self.plan != NULL:
            raise ValueError("a plan cannot be initialised twice")
        cdef pynn_op *c_ops = <pynn_op *>calloc(len(ops) + 1, sizeof(pynn_op))
        cdef pynn_slot *c_slots = <pynn_slot *>calloc(len(slots) + 1, sizeof(pynn_slot))
        try:
            if c_ops == NULL or c_slots == NULL:
                raise MemoryError("out of memory")
            for i, (inner, width) in enumerate(slots):
                c_slots[i].inner, c_slots[i].width = inner, width
            for i, record in enumerate(ops):
                self._read_op(record, &c_ops[i])
            spec.dtype, spec.n_slots, spec.n_ops = dtype, len(slots), len(ops)
            spec.output, spec.target, spec.n_params = output, target, n_params
            spec.n_stats, spec.input_gradient = n_stats, input_gradient
            spec.slots, spec.ops = c_slots, c_ops
            with nogil:
                status = pynn_plan_create(&spec, max_rows, &self.plan)
            if status != PYNN_OK:
                fail(status)
            self.in_size = c_slots[0].inner * c_slots[0].width
            self.out_size = c_slots[output].inner * c_slots[output].width
        finally:
            free(c_ops)
            free(c_slots)
        self.dtype, self.n_params, self.n_stats = dtype, n_params, n_stats

    cdef int _read_op(self, tuple record, pynn_op *op) except -1:
        cdef int i
        kind, select, source, out, target, flags, params, stats, seed, attr = record
        op.kind, op.select, op.source, op.out = kind, select, source, out
        op.target, op.flags, op.seed = target, flags, seed
        op.params, op.stats = params, stats
        for i in range(4):
            op.attr[i] = attr[i] if i < len(attr) else 0.0
        return 0

    def __dealloc__(self):
        pynn_plan_destroy(self.plan)

    cdef int _check(self) except -1:
        if self.plan == NULL:
            raise ValueError("the plan was not initialised")
        return 0

    cdef View _stats(self, stats, bint writable):
        if stats is None and self.n_stats > 0:
            raise ValueError("the plan needs its moving statistics")
        return optional_vector(stats, self.dtype, self.n_stats, writable)

    @property
    def nbytes(self):
        self._check()
        return pynn_plan_bytes(self.plan)

    @property
    def flops(self):
        self._check()
        return pynn_plan_flops(self.plan)

    @property
    def max_rows(self):
        self._check()
        return pynn_plan_rows(self.plan)

    @property
    def n_sums(self):
        self._check()
        return pynn_plan_sums(self.plan)

    def predict(self, params, stats, x, int64_t first, int64_t rows, out):
        self._check()
        cdef pynn_array array
        cdef pynn_status status
        cdef View w = vector_of(params, self.dtype, self.n_params, False)
        cdef View s = self._stats(stats, False)
        cdef View _source = rows_of(x, &array)
        cdef Py_ssize_t n_out = product(rows, self.out_size)
        cdef View result = vector_of(out, self.dtype, n_out, True)
        cdef const void *statistics = pointer(s)
        with nogil:
            status = pynn_predict(self.plan, w.buffer.buf, statistics, &array, first,
                                  rows, result.buffer.buf)
        if status != PYNN_OK:
            fail(status)

    def evaluate(self, params, stats, x, y, weight, int64_t first, int64_t rows, sums,
                 values=None):
        self._check()
        cdef pynn_array xs, ys
        cdef pynn_status status
        cdef View w = vector_of(params, self.dtype, self.n_params, False)
        cdef View s = self._stats(stats, False)
        cdef View _source = rows_of(x, &xs), _target = rows_of(y, &ys)
        cdef View weights = optional_vector(weight, PYNN_F64, xs.shape[0], False)
        cdef View totals = vector_of(sums, PYNN_F64, pynn_plan_sums(self.plan), True)
        cdef Py_ssize_t n_terms = product(rows, self.n_sums)
        cdef View terms = optional_vector(values, PYNN_F64, n_terms, True)
        cdef const double *by_row = <const double *>pointer(weights)
        cdef double *kept = <double *>pointer(terms)
        cdef const void *statistics = pointer(s)
        with nogil:
            status = pynn_evaluate(self.plan, w.buffer.buf, statistics, &xs, &ys,
                                   by_row, first, rows, <double *>totals.buffer.buf,
                                   kept)
        if status != PYNN_OK:
            fail(status)

    def forward(self, params, stats, x, y, weight, uint64_t step, int64_t rows, out,
                sums):
        self._check()
        cdef pynn_array xs, ys
        cdef const pynn_array *y_or_null = NULL
        cdef pynn_status status
        cdef View _target, w = vector_of(params, self.dtype, self.n_params, False)
        cdef View s = self._stats(stats, True)
        cdef View _source = rows_of(x, &xs)
        if y is not None:
            _target = rows_of(y, &ys)
            y_or_null = &ys
        cdef View weights = optional_vector(weight, PYNN_F64, xs.shape[0], False)
        cdef Py_ssize_t n_out = product(rows, self.out_size)
        cdef View result = optional_vector(out, self.dtype, n_out, True)
        cdef View totals = optional_vector(sums, PYNN_F64, self.n_sums, True)
        cdef const double *by_row = <const double *>pointer(weights)
        cdef void *to = pointer(result)
        cdef double *into = <double *>pointer(totals)
        cdef void *statistics = pointer(s)
        with nogil:
            status = pynn_forward(self.plan, w.buffer.buf, statistics, &xs, y_or_null,
                                  by_row, step, rows, to, into)
        if status != PYNN_OK:
            fail(status)

    def backward(self, params, stats, dout, int64_t rows, grads, dx):
        self._check()
        cdef pynn_status status
        cdef View w = vector_of(params, self.dtype, self.n_params, False)
        cdef Py_ssize_t n_out = product(rows, self.out_size)
        cdef Py_ssize_t n_in = product(rows, self.in_size)
        cdef View upstream = optional_vector(dout, self.dtype, n_out, False)
        cdef View s = self._stats(stats, False)
        cdef View g = vector_of(grads, self.dtype, self.n_params, True)
        cdef View down = optional_vector(dx, self.dtype, n_in, True)
        cdef const void *from_out = pointer(upstream)
        cdef void *to_in = pointer(down)
        cdef const void *statistics = pointer(s)
        with nogil:
            status = pynn_backward(self.plan, w.buffer.buf, statistics, from_out, rows,
                                   g.buffer.buf, to_in)
        if status != PYNN_OK:
            fail(status)

    def train(self, x, y, weight, *, int64_t rows, int64_t batch, int64_t epochs,
              int64_t max_steps, double max_seconds, int32_t shuffle, uint64_t seed,
              int reduction, tuple optimizer, runs, rates, params, stats, grads,
              slots, scalar, uint64_t iteration, order, uint64_t epoch,
              int64_t position, sums, counts=None):
        self._check()
        cdef pynn_array xs, ys
        cdef pynn_optimizer_spec spec
        cdef pynn_optimizer_state state
        cdef pynn_fit fit
        cdef pynn_status status
        cdef View _source = rows_of(x, &xs), _target = rows_of(y, &ys)
        cdef View weights = optional_vector(weight, PYNN_F64, xs.shape[0], False)
        cdef View shares = optional_vector(counts, PYNN_F64, xs.shape[0], False)
        read_spec(optimizer, &spec)
        kept = read_state(slots, scalar, iteration, self.dtype, self.n_params, &spec,
                          &state)
        cdef View run_view = read_runs(runs, self.n_params)
        cdef View rate_view = vector_of(rates, PYNN_F64, 1, False)
        cdef View w = vector_of(params, self.dtype, self.n_params, True)
        cdef View s = self._stats(stats, True)
        cdef View g = optional_vector(grads, self.dtype, self.n_params, True)
        cdef View order_view = optional_vector(order, PYNN_I64, product(rows, 1), True)
        if epochs < 0 or epochs > 1 << 40:
            raise ValueError(f"epochs out of range: {epochs}")
        cdef View totals = vector_of(sums, PYNN_F64, max(epochs, 1) * self.n_sums, True)
        fit.x, fit.y, fit.weight = &xs, &ys, <const double *>pointer(weights)
        fit.rows, fit.batch, fit.epochs, fit.max_steps = rows, batch, epochs, max_steps
        fit.max_seconds, fit.shuffle, fit.seed = max_seconds, shuffle, seed
        fit.reduction, fit.counts = reduction, <const double *>pointer(shares)
        fit.optimizer, fit.runs = &spec, <const pynn_run *>run_view.buffer.buf
        fit.n_runs = run_view.buffer.len // <Py_ssize_t>sizeof(pynn_run)
        fit.rates = <const double *>rate_view.buffer.buf
        fit.n_rates = rate_view.buffer.len // 8
        fit.params, fit.stats, fit.grads = w.buffer.buf, pointer(s), pointer(g)
        fit.state = &state
        fit.order, fit.epoch = <int64_t *>pointer(order_view), epoch
        fit.position, fit.sums = position, <double *>totals.buffer.buf
        with nogil:
            status = pynn_train(self.plan, &fit)
        if status != PYNN_OK:
            fail(status)
        write_scalar(kept, &state)
        return (fit.epochs_done, fit.steps_done, fit.bad_step, state.iteration,
                fit.epoch, fit.position)


include "_runner.pxi"
include "_update.pxi"


include "_process.pxi"
