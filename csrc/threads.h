/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The thread pool: started when first needed, shared by all plans, one team at a time.
 * Every member of a team runs the same function and meets the others at barriers. */
#ifndef PYNN_THREADS_H
#define PYNN_THREADS_H

#include <stdint.h>

/* Runs body(context, thread) on `n` threads, the caller being thread 0, and returns when
 * all are done. With n == 1, when another team is running, or when no thread can be
 * started, the team is smaller; `*size` is set to its size before any body starts. */
typedef void pynn_body(void *context, int32_t thread);
void pynn_team_run(int32_t n, int32_t *size, pynn_body *body, void *context);

/* Waits until all members of the running team have come. A no-op in a team of one. */
void pynn_team_barrier(int32_t size);

#endif
