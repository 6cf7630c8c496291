# Included by _core.pyx: optimizers and penalties over flat vectors.


def optimizer_state(tuple spec):
    cdef pynn_optimizer_spec c_spec
    cdef double initial[3]
    cdef int n
    read_spec(spec, &c_spec)
    n = pynn_optimizer_initial(&c_spec, initial)
    if n < 0:
        raise ValueError(f"no optimizer number {spec[0]}")
    return tuple([initial[i] for i in range(n)] + [0.0] * extra_vectors(&c_spec))


def update(int dtype, tuple spec, double rate, slots, scalar, uint64_t iteration, runs,
           params, grads):
    cdef pynn_optimizer_spec c_spec
    cdef pynn_optimizer_state state
    cdef pynn_status status
    cdef View w = vector_of(params, dtype, 0, True)
    cdef Py_ssize_t n = w.buffer.len // w.buffer.itemsize
    cdef View g = vector_of(grads, dtype, n, True)
    read_spec(spec, &c_spec)
    kept = read_state(slots, scalar, iteration, dtype, n, &c_spec, &state)
    cdef View run_view = read_runs(runs, n)
    cdef int64_t n_runs = run_view.buffer.len // <Py_ssize_t>sizeof(pynn_run)
    with nogil:
        status = pynn_update(dtype, &c_spec, rate, &state,
                             <const pynn_run *>run_view.buffer.buf, n_runs,
                             w.buffer.buf, g.buffer.buf)
    if status != PYNN_OK:
        fail(status)
    write_scalar(kept, &state)
    return state.iteration


def penalty(int dtype, runs, params, grads=None):
    cdef double value = 0
    cdef pynn_status status
    cdef View w = vector_of(params, dtype, 0, False)
    cdef Py_ssize_t n = w.buffer.len // w.buffer.itemsize
    cdef View g = optional_vector(grads, dtype, n, True)
    cdef View run_view = read_runs(runs, n)
    cdef int64_t n_runs = run_view.buffer.len // <Py_ssize_t>sizeof(pynn_run)
    status = pynn_penalty(dtype, <const pynn_run *>run_view.buffer.buf, n_runs,
                          w.buffer.buf, pointer(g), &value)
    if status != PYNN_OK:
        fail(status)
    return value
