# Included by _core.pyx: one call of a network, with nothing left to find out.

cdef double LONG_CALL = 2e6  # operations; shorter calls keep the interpreter


cdef int64_t samples(const Py_buffer *a, int ndim, const Py_ssize_t *shape) noexcept:
    """How many samples of `shape` an array holds: 1 without a batch axis, or -1."""
    cdef int i, batch = a.ndim - ndim
    if batch != 0 and batch != 1:
        return -1
    for i in range(ndim):
        if a.shape[batch + i] != shape[i]:
            return -1
    return a.shape[0] if batch else 1


cdef bint overlap(const pynn_array *a, const char *start, Py_ssize_t n) noexcept:
    """Whether elements of an array that has any may lie in `n` bytes from `start`."""
    cdef const char *low = <const char *>a.data
    cdef const char *high = low + 8  # no element is longer
    cdef int i
    for i in range(a.ndim):
        if a.strides[i] < 0:
            low += (a.shape[i] - 1) * a.strides[i]
        else:
            high += (a.shape[i] - 1) * a.strides[i]
    return low < start + n and start < high


cdef class Runner:
    cdef Plan plan
    cdef View weights, statistics, result
    cdef object array, sample
    cdef Py_ssize_t shape[PYNN_MAX_DIMS]
    cdef int ndim, out_ndim
    cdef Py_ssize_t out_bytes  # of one row
    cdef double flops

    def __init__(self, Plan plan not None, params, stats, tuple shape, result):
        plan._check()
        cdef int i
        self.weights = vector_of(params, plan.dtype, plan.n_params, False)
        self.statistics = plan._stats(stats, False)
        self.result = vector_of(result, plan.dtype, 0, True)
        self.ndim, self.out_ndim = len(shape), self.result.buffer.ndim - 1
        if self.ndim >= PYNN_MAX_DIMS or self.out_ndim < 0:
            raise ValueError("too many or too few axes")
        for i in range(self.ndim):
            self.shape[i] = shape[i]
        self.out_bytes = plan.out_size * self.result.buffer.itemsize
        if self.result.buffer.len != product(len(result), self.out_bytes):
            raise ValueError("the result has the wrong size")
        self.array, self.sample = result, result[0]
        self.flops = pynn_plan_flops(plan.plan)
        self.plan = plan

    cdef int64_t rows_of(self, const Py_buffer *x, pynn_array *array) except -2:
        """Describe `x` as rows of the input; -1 if it is something else."""
        cdef int64_t rows = samples(x, self.ndim, self.shape)
        cdef int i, batch = x.ndim - self.ndim
        array.data, array.dtype, array.ndim = x.buf, dtype_of(x), self.ndim + 1
        array.shape[0], array.strides[0] = rows, self.plan.in_size * x.itemsize
        if rows >= 0:
            for i in range(x.ndim):
                array.shape[i + 1 - batch] = x.shape[i]
                array.strides[i + 1 - batch] = x.strides[i]
        return rows

    cdef bint fits(self, const Py_buffer *out, int64_t rows, bint batch) except -1:
        cdef Py_buffer *own = &self.result.buffer
        return (dtype_of(out) == self.plan.dtype and out.ndim == self.out_ndim + batch
                and samples(out, self.out_ndim, own.shape + 1) == rows)

    cdef object run(self, const pynn_array *array, bint batch, void *to, object out):
        cdef int64_t rows = array.shape[0]
        cdef pynn_status status
        cdef pynn_plan *plan = self.plan.plan
        cdef const void *weights = self.weights.buffer.buf
        cdef const void *stats = pointer(self.statistics)
        if rows > 0 and overlap(array, <const char *>to, rows * self.out_bytes):
            return None
        if self.flops * rows > LONG_CALL:
            with nogil:
                status = pynn_predict(plan, weights, stats, array, 0, rows, to)
        else:
            status = pynn_predict(plan, weights, stats, array, 0, rows, to)
        if status != PYNN_OK:
            fail(status)
        if out is not None:
            return out
        if not batch:
            return self.sample
        return self.array if rows == self.result.buffer.shape[0] else self.array[:rows]

    cdef object call(self, object x, object out):
        """The outputs for `x`; None if it or `out` is not as the core needs it."""
        cdef Py_buffer source, target
        cdef pynn_array array
        cdef bint batch
        if type(x) is not type(self.array):  # its buffer may not tell all: a mask
            return None
        PyObject_GetBuffer(x, &source, PyBUF_STRIDES | PyBUF_FORMAT)
        try:
            rows = self.rows_of(&source, &array)
            if not 0 <= rows <= self.result.buffer.shape[0]:
                return None
            batch = source.ndim > self.ndim
            if out is None:
                return self.run(&array, batch, self.result.buffer.buf, None)
            PyObject_GetBuffer(out, &target,
                               PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE)
            try:
                if not self.fits(&target, rows, batch):
                    return None
                return self.run(&array, batch, target.buf, out)
            finally:
                PyBuffer_Release(&target)
        finally:
            PyBuffer_Release(&source)


cdef class Caller:
    cdef public object _threads

    cdef object attempt(self, object x, object out):
        try:
            return (<Runner?>self._threads.runner).call(x, out)
        except (AttributeError, TypeError, ValueError, BufferError):
            return None

    def _try(self, x, out):
        return self.attempt(x, out)

    def __call__(self, x, out=None):
        answer = self.attempt(x, out)
        return self._slow(x, out) if answer is None else answer
