/* SPDX-License-Identifier: BSD-3-Clause
 * Picks one kernel table. The levels of this build, worst first. */
#include <string.h>

#include "cpu.h"
#include "internal.h"

struct level {
    const char *name;
    enum pynn_level needs;
    const struct pynn_kernels *const *kernels;
};

static const struct level levels[] = {
    {"generic", PYNN_LEVEL_GENERIC, pynn_kernels_generic},
#if defined(__x86_64__)
    {"v2", PYNN_LEVEL_V2, pynn_kernels_v2},
    {"v3", PYNN_LEVEL_V3, pynn_kernels_v3},
    {"v4", PYNN_LEVEL_V4, pynn_kernels_v4},
#elif defined(__aarch64__)
    {"neon", PYNN_LEVEL_GENERIC, pynn_kernels_neon},
#endif
};

#define N_LEVELS (sizeof levels / sizeof *levels)

static _Atomic(const struct level *) selected;

static const struct level *best(void)
{
    enum pynn_level have = pynn_cpu_level();
    size_t i = N_LEVELS - 1;
    while (i > 0 && levels[i].needs > have)
        i--;
    return &levels[i];
}

static const struct level *find(const char *name)
{
    for (size_t i = 0; i < N_LEVELS; i++)
        if (strcmp(levels[i].name, name) == 0)
            return &levels[i];
    return NULL;
}

static const struct level *current(void)
{
    const struct level *level = atomic_load(&selected);
    if (!level) {
        level = best();
        atomic_store(&selected, level);
    }
    return level;
}

const char *pynn_isa_name(size_t i) { return i < N_LEVELS ? levels[i].name : NULL; }

int pynn_isa_supported(const char *name)
{
    const struct level *level = find(name);
    return level && level->needs <= pynn_cpu_level();
}

pynn_status pynn_isa_select(const char *name)
{
    const struct level *level = name ? find(name) : best();
    if (!level)
        return PYNN_INVALID;
    if (level->needs > pynn_cpu_level())
        return PYNN_UNSUPPORTED;
    atomic_store(&selected, level);
    return PYNN_OK;
}

const char *pynn_isa_selected(void) { return current()->name; }

const struct pynn_kernels *pynn_kernels_selected(int32_t dtype)
{
    return current()->kernels[dtype == PYNN_F64];
}

const char *pynn_status_text(pynn_status status)
{
    switch (status) {
    case PYNN_OK:
        return "ok";
    case PYNN_INVALID:
        return "invalid argument";
    case PYNN_NO_MEMORY:
        return "out of memory";
    case PYNN_BUSY:
        return "this model is already running in another thread";
    case PYNN_UNSUPPORTED:
        return "this machine does not support the instruction set";
    }
    return "unknown status";
}
