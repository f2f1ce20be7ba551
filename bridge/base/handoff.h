// SPDX-License-Identifier: Apache-2.0
// A bounded queue of pointers from any threads to one: a mutex, a condition and an optional doorbell.
// It never owns what it carries: whoever takes an item has it.
#ifndef BASE_HANDOFF_H
#define BASE_HANDOFF_H

#include "base/status.h"
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct handoff {
    pthread_mutex_t lock;
    pthread_cond_t ready;
    void **items; // ring
    size_t capacity;
    size_t head;
    size_t count;
    bool closed;
    bool woken;                  // a wake that no take has used up yet
    void (*ring)(void *context); // called without the lock, after the queue went from empty to not empty; may be NULL
    void *ring_context;
};

// STATUS_NO_MEMORY or STATUS_OK.
enum status handoff_init(struct handoff *handoff, size_t capacity, void (*ring)(void *context), void *ring_context);
void handoff_free(struct handoff *handoff); // nobody may wait on it any more
// STATUS_FULL (nothing taken), STATUS_CLOSED, or STATUS_OK. Any thread, never waits.
enum status handoff_put(struct handoff *handoff, void *item);
// Up to max items, in order of arrival. Waits at most timeout_ms (0: not at all; negative: for ever) for the first;
// returns how many. Wakes with 0 when the queue is closed.
size_t handoff_take(struct handoff *handoff, void **items, size_t max, int64_t timeout_ms);
// Puts fail from now on, a waiting taker wakes; what is inside can still be taken.
void handoff_close(struct handoff *handoff);
// Makes the waiting taker return early; kept for the next take when nobody waits, so that none is lost in between.
void handoff_wake(struct handoff *handoff);

#endif
