// SPDX-License-Identifier: Apache-2.0
// xoshiro256** with splitmix64 for its seed, after the description at prng.di.unimi.it.
// Must never make a secret: its state can be told from a few outputs. Not locked.
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

void random_seed(struct random *random, uint64_t seed)
{
    // splitmix64 spreads one word over four, so that near seeds give unlike states and none is all zero.
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        random->state[i] = z ^ (z >> 31);
    }
}

void random_seed_system(struct random *random)
{
    ssize_t got;
    do {
        got = getrandom(random->state, sizeof random->state, 0);
    } while (got < 0 && errno == EINTR);
    const uint64_t *s = random->state;
    if (got == (ssize_t)sizeof random->state && (s[0] | s[1] | s[2] | s[3]) != 0) {
        return;
    }
    // A sandbox may forbid the call. Jitter must still differ between boxes, so take what differs.
    struct timespec wall;
    struct timespec up;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_MONOTONIC, &up);
    random_seed(random, (uint64_t)wall.tv_sec * 1000000000U + (uint64_t)wall.tv_nsec + ((uint64_t)getpid() << 40) +
                            ((uint64_t)up.tv_nsec << 20));
}

uint64_t random_next(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    if (bound == 0) {
        return 0;
    }
    // The lowest 2^64 mod bound values would make the small results more likely: throw them away.
    uint64_t too_low = (0 - bound) % bound;
    uint64_t value;
    do {
        value = random_next(random);
    } while (value < too_low);
    return value % bound;
}
