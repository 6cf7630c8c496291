# Included by _core.pyx: what belongs to no plan: random numbers, instruction sets,
# threads, and the counter of allocations.

def random(int distribution, double a, double b, uint64_t seed, uint64_t stream, out):
    cdef View view = vector_of(out, PYNN_F64, 0, True)
    cdef int64_t n = view.buffer.len // 8
    cdef pynn_status status
    with nogil:
        status = pynn_random(distribution, a, b, seed, stream, n,
                             <double *>view.buffer.buf)
    if status != PYNN_OK:
        fail(status)


def philox(counter, key):
    cdef uint32_t c[4]
    cdef uint32_t k[2]
    cdef uint32_t out[4]
    c[0], c[1], c[2], c[3] = counter
    k[0], k[1] = key
    pynn_philox(c, k, out)
    return out[0], out[1], out[2], out[3]


def isa_names():
    names = []
    while pynn_isa_name(len(names)) != NULL:
        names.append(pynn_isa_name(len(names)).decode())
    return names


def isa_supported(str name):
    return bool(pynn_isa_supported(name.encode()))


def isa_select(name):
    cdef bytes text
    cdef pynn_status status
    if name is None:
        status = pynn_isa_select(NULL)
    else:
        text = name.encode()
        status = pynn_isa_select(text)
    if status != PYNN_OK:
        fail(status)


def isa_selected():
    return pynn_isa_selected().decode()


def get_num_threads():
    return pynn_get_num_threads()


def set_num_threads(int n):
    pynn_set_num_threads(n)


def alloc_count():
    return pynn_alloc_count()


def alloc_fail_at(int64_t n):
    pynn_alloc_fail_at(n)
