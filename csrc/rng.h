/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel
 * random numbers: as easy as 1, 2, 3" (SC 2011). A sample depends on nothing but its key
 * and counter, so it is the same for any thread count, batch slicing and platform.
 *
 * Masks: key = the op's seed, counter = (element / 8, step); element e takes the 16-bit
 * half e % 8 of the four words, low half first. Normal noise: counter = (element / 4,
 * step); elements 2 i and 2 i + 1 of the counter take words 2 i and 2 i + 1.
 */
#ifndef PYNN_RNG_H
#define PYNN_RNG_H

#include <stdint.h>

#define PYNN_PHILOX_M0 0xD2511F53u
#define PYNN_PHILOX_M1 0xCD9E8D57u
#define PYNN_PHILOX_W0 0x9E3779B9u
#define PYNN_PHILOX_W1 0xBB67AE85u
#define PYNN_PHILOX_ROUNDS 10

/* Fills order[n] with a permutation of 0 .. n-1 that depends on (seed, epoch) alone. */
void pynn_shuffle(uint64_t seed, uint64_t epoch, int64_t n, int64_t *order);
/* The same with whole batches of neighbours; what is left over stays at the end. */
void pynn_shuffle_batches(uint64_t seed, uint64_t epoch, int64_t n, int64_t batch,
                          int64_t *order);

#endif
