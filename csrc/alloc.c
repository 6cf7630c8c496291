/* SPDX-License-Identifier: BSD-3-Clause
 * The only allocation site of the core. */
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "internal.h"

#define ALIGNMENT 64u
#define HUGE_PAGE ((size_t)2 << 20)
#define HUGE_LEAST HUGE_PAGE /* smaller blocks stay in ordinary pages */

static atomic_uint_fast64_t allocations;
static atomic_llong fail_at; /* counts down; the allocation that reaches 0 fails */

/* Asks for huge pages where whole ones fit: rows of wide layers lie pages apart, more of
 * them than the processor remembers the addresses of. Without them all is as well, but
 * slower. */
static void ask_huge_pages(char *start, size_t bytes)
{
#if defined(MADV_HUGEPAGE)
    if (bytes >= HUGE_LEAST)
        (void)madvise(start, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#else
    (void)start, (void)bytes;
#endif
}

void *pynn_alloc(size_t bytes)
{
    const size_t alignment = bytes < HUGE_LEAST ? ALIGNMENT : HUGE_PAGE;
    atomic_fetch_add(&allocations, 1);
    if (atomic_load(&fail_at) > 0 && atomic_fetch_sub(&fail_at, 1) == 1)
        return NULL;
    if (bytes > PTRDIFF_MAX - ALIGNMENT - HUGE_PAGE)
        return NULL;
    /* calloc returns fresh pages untouched; the pointer it gave is kept just below. */
    char *raw = calloc(bytes + ALIGNMENT + alignment, 1);
    if (!raw)
        return NULL;
    char *aligned = raw + ALIGNMENT;
    aligned += alignment - ((uintptr_t)aligned % alignment);
    ask_huge_pages(aligned, bytes);
    memcpy(aligned - sizeof raw, &raw, sizeof raw);
    return aligned;
}

void pynn_free(void *p)
{
    if (!p)
        return;
    char *raw;
    memcpy(&raw, (char *)p - sizeof raw, sizeof raw);
    free(raw);
}

bool pynn_size_add(size_t *total, size_t count, size_t size)
{
    if (size != 0 && count > (size_t)PTRDIFF_MAX / size)
        return false;
    size_t bytes = (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (bytes > (size_t)PTRDIFF_MAX - *total)
        return false;
    *total += bytes;
    return true;
}

uint64_t pynn_alloc_count(void) { return atomic_load(&allocations); }

void pynn_alloc_fail_at(int64_t n) { atomic_store(&fail_at, n); }
