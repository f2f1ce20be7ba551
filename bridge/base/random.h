// SPDX-License-Identifier: Apache-2.0
// A small seedable generator (xoshiro256**, Blackman and Vigna), for jitter and ids, never for secrets.
// Not locked: each thread has its own.
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_seed(struct random *random, uint64_t seed);
void random_seed_system(struct random *random); // from getrandom(2)
uint64_t random_next(struct random *random);
// Even over 0..bound-1; 0 when bound is 0.
uint64_t random_below(struct random *random, uint64_t bound);

#endif
