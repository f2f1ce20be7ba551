// SPDX-License-Identifier: Apache-2.0
// All that the emulator knows, behind one lock. Whoever holds the lock does not wait for anything.
#ifndef EMULATOR_WORLD_H
#define EMULATOR_WORLD_H

#include "audit.h"
#include "faults.h"
#include "ids.h"
#include "model.h"
#include "settings.h"
#include "tokens.h"

#include <pthread.h>
#include <stdint.h>

struct world {
    pthread_mutex_t lock;
    struct settings settings;
    struct chance chance;
    struct model model;
    struct tokens tokens;
    struct faults faults;
    struct audit audit;
};

// seed: the same seed and the same requests in the same order give the same ids and the same faults. Main thread.
void world_init(struct world *world, uint64_t seed);

void world_lock(struct world *world);
void world_unlock(struct world *world);

// The clocks, the API's with its offset. Under the lock.
void world_now(const struct world *world, struct model_now *now);

// The API's clock, for a Date header. Takes the lock.
int64_t world_api_ms(struct world *world);

// Main thread, when no other uses the world.
void world_free(struct world *world);

#endif
