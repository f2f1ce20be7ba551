// SPDX-License-Identifier: Apache-2.0
// The bounded queue between threads.
// Must never call the doorbell with the lock held: whoever answers the bell may take at once.
// Any thread puts; one thread takes.
#include "base/handoff.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

// Longer waits are for ever: nobody can tell, and no sum of times overflows, not even in 32 bits.
#define WAIT_MAX_MS (INT64_C(86400000) * 365)

static enum status init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return STATUS_NO_MEMORY;
    }
    // Waits are lengths of time: a step of the wall clock must not stretch them.
    int rc = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    rc = rc ? rc : pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return rc ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status handoff_init(struct handoff *handoff, size_t capacity, void (*ring)(void *context), void *ring_context)
{
    *handoff = (struct handoff){.capacity = capacity, .ring = ring, .ring_context = ring_context};
    handoff->items = calloc(capacity ? capacity : 1, sizeof *handoff->items);
    if (!handoff->items) {
        return STATUS_NO_MEMORY;
    }
    if (pthread_mutex_init(&handoff->lock, NULL) != 0) {
        goto no_lock;
    }
    if (init_condition(&handoff->ready) != STATUS_OK) {
        goto no_condition;
    }
    return STATUS_OK;

no_condition:
    pthread_mutex_destroy(&handoff->lock);
no_lock:
    free(handoff->items);
    handoff->items = NULL;
    return STATUS_NO_MEMORY;
}

void handoff_free(struct handoff *handoff)
{
    if (!handoff->items) {
        return; // never made, or freed already
    }
    pthread_cond_destroy(&handoff->ready);
    pthread_mutex_destroy(&handoff->lock);
    free(handoff->items);
    handoff->items = NULL;
}

enum status handoff_put(struct handoff *handoff, void *item)
{
    enum status rc = STATUS_OK;
    bool was_empty = false;
    pthread_mutex_lock(&handoff->lock);
    if (handoff->closed) {
        rc = STATUS_CLOSED;
    } else if (handoff->count == handoff->capacity) {
        rc = STATUS_FULL;
    } else {
        was_empty = handoff->count == 0;
        handoff->items[(handoff->head + handoff->count++) % handoff->capacity] = item;
        pthread_cond_signal(&handoff->ready);
    }
    pthread_mutex_unlock(&handoff->lock);
    if (was_empty && handoff->ring) {
        handoff->ring(handoff->ring_context);
    }
    return rc;
}

static struct timespec deadline_after(int64_t timeout_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(timeout_ms / 1000);
    t.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

// With the lock held: until there is an item, the queue is closed, a wake came, or the time is over.
static void wait_for_item(struct handoff *handoff, int64_t timeout_ms)
{
    bool bounded = timeout_ms >= 0 && timeout_ms <= WAIT_MAX_MS;
    struct timespec deadline = bounded ? deadline_after(timeout_ms) : (struct timespec){0, 0};
    int rc = 0;
    while (handoff->count == 0 && !handoff->closed && !handoff->woken && rc != ETIMEDOUT) {
        rc = bounded ? pthread_cond_timedwait(&handoff->ready, &handoff->lock, &deadline)
                     : pthread_cond_wait(&handoff->ready, &handoff->lock);
    }
}

size_t handoff_take(struct handoff *handoff, void **items, size_t max, int64_t timeout_ms)
{
    if (max == 0) {
        return 0;
    }
    pthread_mutex_lock(&handoff->lock);
    if (timeout_ms != 0) {
        wait_for_item(handoff, timeout_ms);
        handoff->woken = false;
    }
    size_t taken = handoff->count < max ? handoff->count : max;
    for (size_t i = 0; i < taken; i++) {
        items[i] = handoff->items[handoff->head];
        handoff->head = (handoff->head + 1) % handoff->capacity;
    }
    handoff->count -= taken;
    pthread_mutex_unlock(&handoff->lock);
    return taken;
}

void handoff_close(struct handoff *handoff)
{
    pthread_mutex_lock(&handoff->lock);
    handoff->closed = true;
    pthread_cond_broadcast(&handoff->ready);
    pthread_mutex_unlock(&handoff->lock);
}

void handoff_wake(struct handoff *handoff)
{
    pthread_mutex_lock(&handoff->lock);
    handoff->woken = true;
    pthread_cond_signal(&handoff->ready);
    pthread_mutex_unlock(&handoff->lock);
}
