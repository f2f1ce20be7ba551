// SPDX-License-Identifier: Apache-2.0
// Condition variables that wait for a length of time by the monotonic clock: one that an operator sets, or that the
// network sets after the start, makes no wait longer. Any thread.
#ifndef BASE_COND_H
#define BASE_COND_H

#include <pthread.h>
#include <stdint.h>

void cond_init(pthread_cond_t *cond);
// Waits for a signal, at most ms; the lock is held, as for pthread_cond_wait. Only for a cond of cond_init.
void cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms);

#endif
