/* SPDX-License-Identifier: BSD-3-Clause
 * What this CPU and operating system can do. */
#ifndef PYNN_CPU_H
#define PYNN_CPU_H

#include <stdbool.h>
#include <stdint.h>

enum pynn_level { PYNN_LEVEL_GENERIC, PYNN_LEVEL_V2, PYNN_LEVEL_V3, PYNN_LEVEL_V4 };

/* Highest x86-64 level, checked with cpuid and xgetbv; GENERIC on other machines. */
enum pynn_level pynn_cpu_level(void);

/* CPUs that this process may use: affinity mask and cgroup quota, at least 1. */
int pynn_cpu_count(void);

/* Round to nearest, flush denormals to zero; returns the caller's mode for leave. */
uint64_t pynn_fp_enter(void);
void pynn_fp_leave(uint64_t mode);

#endif
