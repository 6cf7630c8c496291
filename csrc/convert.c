/* SPDX-License-Identifier: BSD-3-Clause
 * Reads rows of the caller's arrays, whatever their type and strides. */
#include <string.h>

#include "internal.h"

static float half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 31u;
    uint32_t fraction = h & 0x3ffu, bits;
    if (exponent == 31) {
        bits = sign | 0x7f800000u | fraction << 13;
    } else if (exponent != 0) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else { /* zero or subnormal: fraction * 2^-24 */
        float f = (float)fraction * 0x1p-24f;
        memcpy(&bits, &f, sizeof bits);
        bits |= sign;
    }
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

#define NARROW 16    /* elements of a row that are not worth a call */
#define AHEAD 4      /* rows in random order are asked for so much earlier, */
#define FETCHED 4096 /* and so many bytes of each */
#define PLAIN(v) (v)

/* CONVERT(type read, its expression as a number): n elements, `step` elements apart in
 * dst; in src at i * stride bytes, or order[i] * stride. */
#define CONVERT(NAME, FROM, TO, VALUE)                                                 \
    static void NAME(const char *src, const int64_t *order, int64_t stride, int64_t n, \
                     TO *dst, int64_t step)                                            \
    {                                                                                  \
        FROM v;                                                                        \
        if (order) {                                                                   \
            for (int64_t i = 0; i < n; i++) {                                          \
                memcpy(&v, src + order[i] * stride, sizeof v);                         \
                dst[i * step] = (TO)VALUE(v);                                          \
            }                                                                          \
        } else if (stride == (int64_t)sizeof v && step == 1) {                         \
            for (int64_t i = 0; i < n; i++) {                                          \
                memcpy(&v, src + i * (int64_t)sizeof v, sizeof v);                     \
                dst[i] = (TO)VALUE(v);                                                 \
            }                                                                          \
        } else {                                                                       \
            for (int64_t i = 0; i < n; i++) {                                          \
                memcpy(&v, src + i * stride, sizeof v);                                \
                dst[i * step] = (TO)VALUE(v);                                          \
            }                                                                          \
        }                                                                              \
    }

#define CONVERT_BOTH(name, FROM, VALUE)                                                \
    CONVERT(name##_f32, FROM, float, VALUE)                                            \
    CONVERT(name##_f64, FROM, double, VALUE)

CONVERT_BOTH(f32, float, PLAIN)
CONVERT_BOTH(f64, double, PLAIN)
CONVERT_BOTH(f16, uint16_t, half_to_float)
CONVERT_BOTH(u8, uint8_t, PLAIN)
CONVERT_BOTH(i8, int8_t, PLAIN)
CONVERT_BOTH(u16, uint16_t, PLAIN)
CONVERT_BOTH(i16, int16_t, PLAIN)
CONVERT_BOTH(u32, uint32_t, PLAIN)
CONVERT_BOTH(i32, int32_t, PLAIN)
CONVERT_BOTH(u64, uint64_t, PLAIN)
CONVERT_BOTH(i64, int64_t, PLAIN)

typedef void to_f32(const char *src, const int64_t *order, int64_t stride, int64_t n,
                    float *dst, int64_t step);
typedef void to_f64(const char *src, const int64_t *order, int64_t stride, int64_t n,
                    double *dst, int64_t step);

static to_f32 *const to_f32_table[PYNN_DTYPE_COUNT] = {
    [PYNN_F32] = f32_f32, [PYNN_F64] = f64_f32, [PYNN_F16] = f16_f32,
    [PYNN_U8] = u8_f32,   [PYNN_I8] = i8_f32,   [PYNN_U16] = u16_f32,
    [PYNN_I16] = i16_f32, [PYNN_U32] = u32_f32, [PYNN_I32] = i32_f32,
    [PYNN_U64] = u64_f32, [PYNN_I64] = i64_f32,
};

static to_f64 *const to_f64_table[PYNN_DTYPE_COUNT] = {
    [PYNN_F32] = f32_f64, [PYNN_F64] = f64_f64, [PYNN_F16] = f16_f64,
    [PYNN_U8] = u8_f64,   [PYNN_I8] = i8_f64,   [PYNN_U16] = u16_f64,
    [PYNN_I16] = i16_f64, [PYNN_U32] = u32_f64, [PYNN_I32] = i32_f64,
    [PYNN_U64] = u64_f64, [PYNN_I64] = i64_f64,
};

static const int64_t dtype_bytes[PYNN_DTYPE_COUNT] = {
    [PYNN_F32] = 4, [PYNN_F64] = 8, [PYNN_F16] = 2, [PYNN_U8] = 1,
    [PYNN_I8] = 1,  [PYNN_U16] = 2, [PYNN_I16] = 2, [PYNN_U32] = 4,
    [PYNN_I32] = 4, [PYNN_U64] = 8, [PYNN_I64] = 8,
};

static void convert(int32_t from, int32_t to, const char *src, const int64_t *order,
                    int64_t stride, int64_t n, char *dst, int64_t step)
{
    if (to == PYNN_F32)
        to_f32_table[from](src, order, stride, n, (float *)(void *)dst, step);
    else
        to_f64_table[from](src, order, stride, n, (double *)(void *)dst, step);
}

static void convert_run(int32_t from, int32_t to, const char *src, int64_t stride,
                        int64_t n, char *dst)
{
    if (from == to && stride == dtype_bytes[to] && n > 16)
        memcpy(dst, src, (size_t)(n * stride));
    else
        convert(from, to, src, NULL, stride, n, dst, 1);
}

/* Leading dims of the row that are not contiguous with the ones after them; the rest, of
 * `run` elements, is one strided run. */
static int split_row(const struct pynn_array *a, int64_t *run)
{
    int d = a->ndim - 1;
    *run = d >= 1 ? a->shape[d] : 1;
    while (d > 1 && a->strides[d - 1] == a->shape[d] * a->strides[d])
        *run *= a->shape[--d];
    return d < 1 ? 1 : d;
}

bool pynn_array_row_is(const struct pynn_array *a, int32_t dtype)
{
    int64_t run;
    int d = split_row(a, &run);
    return a->dtype == dtype && d == 1 &&
           (run == 1 || a->strides[a->ndim - 1] == dtype_bytes[dtype]);
}

/* Writes element runs into dst[inner, ld], going to the next vector after `width`. */
struct sink {
    char *dst;
    int32_t dtype;
    int64_t width, ld, column;
};

static void sink_run(struct sink *sink, int32_t from, const char *src, int64_t stride,
                     int64_t n)
{
    int64_t esize = dtype_bytes[sink->dtype];
    while (n > 0) {
        int64_t part = sink->width - sink->column;
        if (part > n)
            part = n;
        convert_run(from, sink->dtype, src, stride, part,
                    sink->dst + sink->column * esize);
        sink->column += part;
        if (sink->column == sink->width) {
            sink->column = 0;
            sink->dst += sink->ld * esize;
        }
        src += part * stride;
        n -= part;
    }
}

/* One row that is not a single strided run: its outer dims are walked one by one. */
static void load_nested(const struct pynn_array *a, const char *src, int outer,
                        int64_t run, struct sink sink)
{
    int64_t stride = a->strides[a->ndim - 1];
    int64_t index[PYNN_MAX_DIMS] = {0};
    for (;;) {
        sink_run(&sink, a->dtype, src, stride, run);
        int d = outer - 1;
        while (d >= 1 && ++index[d] == a->shape[d]) {
            src -= (a->shape[d] - 1) * a->strides[d];
            index[d--] = 0;
        }
        if (d < 1)
            return;
        src += a->strides[d];
    }
}

/* Rows of few elements: column by column, so that the inner loop is the long one. */
static void load_narrow(const struct pynn_array *a, const int64_t *order, int64_t place,
                        int64_t rows, int64_t width, int32_t dtype, int64_t ld,
                        char *dst)
{
    int64_t stride = a->ndim == 1 ? 0 : a->strides[a->ndim - 1];
    const char *src = a->data;
    if (order)
        order += place;
    else
        src += place * a->strides[0];
    for (int64_t j = 0; j < width; j++)
        convert(a->dtype, dtype, src + j * stride, order, a->strides[0], rows,
                dst + j * dtype_bytes[dtype], ld);
}

static void fetch_row(const char *src, int64_t bytes)
{
#if defined(__GNUC__)
    for (int64_t i = 0; i < bytes && i < FETCHED; i += 64)
        __builtin_prefetch(src + i);
#else
    (void)src, (void)bytes;
#endif
}

void pynn_load_rows(const struct pynn_array *a, const int64_t *order, int64_t place,
                    int64_t rows, int32_t dtype, const struct pynn_tensor *t, char *dst)
{
    int64_t run;
    int outer = split_row(a, &run);
    int64_t stride = a->ndim == 1 ? 0 : a->strides[a->ndim - 1];
    int64_t row_bytes = t->row * dtype_bytes[dtype];
    bool plain = outer == 1 && t->inner == 1;
    if (plain && run <= NARROW && run < rows) {
        load_narrow(a, order, place, rows, run, dtype, t->row, dst);
        return;
    }
    for (int64_t i = 0; i < rows; i++, dst += row_bytes) {
        int64_t row = order ? order[place + i] : place + i;
        const char *src = (const char *)a->data + row * a->strides[0];
        if (order && i + AHEAD < rows)
            fetch_row((const char *)a->data + order[place + i + AHEAD] * a->strides[0],
                      a->strides[0]);
        if (plain)
            convert_run(a->dtype, dtype, src, stride, run, dst);
        else
            load_nested(a, src, outer, run,
                        (struct sink){dst, dtype, t->width, t->ld, 0});
    }
}
