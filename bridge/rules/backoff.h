// SPDX-License-Identifier: Apache-2.0
// How long to wait before the next try: capped exponential with full jitter ("Exponential Backoff And Jitter",
// AWS Architecture Blog). Pure; any thread.
#ifndef RULES_BACKOFF_H
#define RULES_BACKOFF_H

#include <stdint.h>

// attempt: 1 for the first failure. chance: any 64 random bits. Result: at least min(base_ms/2, cap), at most
// min(max_ms, base_ms * 2^(attempt-1)), even in between; never overflows, whatever attempt is.
// attempt 0 counts as 1, a negative time as 0.
int64_t backoff_ms(int64_t base_ms, int64_t max_ms, uint32_t attempt, uint64_t chance);
// The upper end of that: min(max_ms, base_ms * 2^(attempt-1)).
int64_t backoff_ceiling_ms(int64_t base_ms, int64_t max_ms, uint32_t attempt);

#endif
