# Included by _core.pyx: the caller's buffers and records, checked, as C structs.

from cpython.buffer cimport (
    PyBUF_ANY_CONTIGUOUS,
    PyBUF_C_CONTIGUOUS,
    PyBUF_FORMAT,
    PyBUF_STRIDES,
    PyBUF_WRITABLE,
    PyBuffer_IsContiguous,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from libc.string cimport strchr

cdef extern from *:
    Py_ssize_t PY_SSIZE_T_MAX

cdef int fail(pynn_status status) except -1:
    text = pynn_status_text(status).decode()
    if status == PYNN_NO_MEMORY:
        raise MemoryError(text)
    if status == PYNN_BUSY:
        raise RuntimeError(text)
    raise ValueError(text)


cdef class View:
    """A held buffer; released with the object."""

    cdef Py_buffer buffer
    cdef bint held

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.buffer)


cdef int integer_of(Py_ssize_t size) noexcept:
    """The unsigned type of a size, or -1; the signed one is the next."""
    if size == 1:
        return PYNN_U8
    if size == 2:
        return PYNN_U16
    if size == 4:
        return PYNN_U32
    return PYNN_U64 if size == 8 else -1


cdef int dtype_of(const Py_buffer *buffer) except -1:
    """The element type that letter and size of a buffer's format stand for."""
    cdef const char *code = buffer.format
    cdef Py_ssize_t size = buffer.itemsize
    if code == NULL:
        return PYNN_U8
    while code[0] == c"@" or code[0] == c"=":
        code += 1
    if code[0] != 0 and code[1] == 0:
        if code[0] == c"f" and size == 4:
            return PYNN_F32
        if code[0] == c"d" and size == 8:
            return PYNN_F64
        if code[0] == c"e" and size == 2:
            return PYNN_F16
        if code[0] == c"?" and size == 1:
            return PYNN_U8
        if integer_of(size) >= 0 and strchr(b"BHILQ", code[0]) != NULL:
            return integer_of(size)
        if integer_of(size) >= 0 and strchr(b"bhilq", code[0]) != NULL:
            return integer_of(size) + 1
    raise ValueError(f"unsupported array element type {buffer.format.decode()!r}")


cdef View rows_of(object source, pynn_array *array):
    """Any strided array, described in `array`."""
    cdef View view = View.__new__(View)
    cdef int i
    PyObject_GetBuffer(source, &view.buffer, PyBUF_STRIDES | PyBUF_FORMAT)
    view.held = True
    if not 1 <= view.buffer.ndim <= PYNN_MAX_DIMS:
        raise ValueError(
            f"expected an array of 1 to {PYNN_MAX_DIMS} dimensions, "
            f"got {view.buffer.ndim}"
        )
    array.data = view.buffer.buf
    array.dtype = dtype_of(&view.buffer)
    array.ndim = view.buffer.ndim
    for i in range(view.buffer.ndim):
        array.shape[i] = view.buffer.shape[i]
        array.strides[i] = view.buffer.strides[i]
    return view


cdef View vector_of(object source, int dtype, Py_ssize_t length, bint writable):
    """A contiguous vector of at least `length` elements of one type."""
    cdef View view = View.__new__(View)
    cdef int flags = PyBUF_ANY_CONTIGUOUS | PyBUF_FORMAT
    if writable:
        flags |= PyBUF_WRITABLE
    PyObject_GetBuffer(source, &view.buffer, flags)
    view.held = True
    if not PyBuffer_IsContiguous(&view.buffer, b"C"):
        raise ValueError("expected a C-contiguous array")
    if dtype_of(&view.buffer) != dtype:
        raise ValueError("array has the wrong element type")
    if view.buffer.len // view.buffer.itemsize < length:
        raise ValueError(
            f"expected at least {length} elements, "
            f"got {view.buffer.len // view.buffer.itemsize}"
        )
    return view


cdef Py_ssize_t product(int64_t rows, int64_t size) except -1:
    """rows * size as a length."""
    if rows < 0 or (size > 0 and rows > PY_SSIZE_T_MAX // size):
        raise ValueError(f"{rows} rows of {size} elements: no such array")
    return rows * size


cdef View optional_vector(object source, int dtype, Py_ssize_t length, bint writable):
    return None if source is None else vector_of(source, dtype, length, writable)


cdef inline void *pointer(View view):
    return NULL if view is None else view.buffer.buf


cdef int read_spec(tuple spec, pynn_optimizer_spec *out) except -1:
    cdef int i
    kind, hyper, decay, clipvalue, clipnorm, global_clipnorm, gather, average = spec
    out.kind = kind
    for i in range(8):
        out.hyper[i] = hyper[i] if i < len(hyper) else 0.0
    out.weight_decay, out.clipvalue = decay, clipvalue
    out.clipnorm, out.global_clipnorm = clipnorm, global_clipnorm
    out.gather, out.averaged = gather, average is not None
    out.momentum, out.average_after = average or (0.0, 0)
    return 0


cdef int extra_vectors(const pynn_optimizer_spec *spec) noexcept:
    """State vectors beside those of the rule: gathered gradients, averaged weights."""
    return (spec.gather > 1) + (spec.averaged != 0)


cdef list read_state(object slots, object scalar, uint64_t iteration,
                     int dtype, Py_ssize_t length, pynn_optimizer_spec *spec,
                     pynn_optimizer_state *state):
    """Fills `state`; returns what must be kept alive."""
    cdef View view
    cdef double initial[3]
    cdef void *vectors[5]
    cdef int i, rule = pynn_optimizer_initial(spec, initial)
    cdef int needed = rule + extra_vectors(spec)
    if rule < 0 or len(slots) != needed:
        raise ValueError(f"expected {needed} optimizer state vectors, got {len(slots)}")
    kept = []
    for i in range(needed):
        view = vector_of(slots[i], dtype, length, True)
        vectors[i] = view.buffer.buf
        kept.append(view)
    for i in range(3):
        state.slots[i] = vectors[i] if i < rule else NULL
    state.gathered = vectors[rule] if spec.gather > 1 else NULL
    state.average = vectors[needed - 1] if spec.averaged else NULL
    view = vector_of(scalar, PYNN_F64, 2, True)
    state.scalar[0] = (<double *>view.buffer.buf)[0]
    state.scalar[1] = (<double *>view.buffer.buf)[1]
    state.iteration = iteration
    kept.append(view)
    return kept


cdef int write_scalar(list kept, pynn_optimizer_state *state) except -1:
    cdef View view = kept[-1]
    (<double *>view.buffer.buf)[0] = state.scalar[0]
    (<double *>view.buffer.buf)[1] = state.scalar[1]
    return 0


cdef View read_runs(object runs, int64_t n_params):
    """Records of `pynn_run`, as int64 numbers, that lie inside the parameters."""
    cdef View view = vector_of(runs, PYNN_I64, 0, False)
    cdef pynn_run *run = <pynn_run *>view.buffer.buf
    cdef Py_ssize_t i
    if view.buffer.len % <Py_ssize_t>sizeof(pynn_run) != 0:
        raise ValueError("expected whole records of runs")
    for i in range(view.buffer.len // <Py_ssize_t>sizeof(pynn_run)):
        if (run[i].offset < 0 or run[i].length < 0 or run[i].length > n_params
                or run[i].offset > n_params - run[i].length
                or (run[i].offset | run[i].length | run[i].ld) % 16 != 0
                or run[i].ld <= 0 or run[i].length % run[i].ld != 0):
            raise ValueError("a run lies outside the parameters")
    return view
