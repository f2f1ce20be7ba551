// SPDX-License-Identifier: Apache-2.0
// Holds calls off while the API is down, and lets one probe through from time to time. Closed until
// BREAKER_FAILURES failures in a row; then open for a jittered, growing wait (capped); then one probe decides.
// The n-th wait in a row is even between half and all of min(max_ms, base_ms * 2^(n-1)). Calls that were under way when
// it opened may still report: a success closes it, a failure does not stretch a wait that has begun.
// Every breaker_started() must be followed by one of success, failure and forget, or the probe never ends.
// Not locked; time and chance are arguments.
#ifndef RULES_BREAKER_H
#define RULES_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAILURES 5

struct breaker {
    int64_t base_ms;
    int64_t max_ms;
    uint32_t failures; // in a row
    uint32_t opened;   // times in a row, for the wait's growth
    bool open;
    bool probing;
    int64_t probe_at_ms;
};

void breaker_init(struct breaker *breaker, int64_t base_ms, int64_t max_ms);
// 0: a call may start now (when open, this is the probe: say so with breaker_started); -1: not before the running probe
// has ended; else ms to wait.
int64_t breaker_wait_ms(const struct breaker *breaker, int64_t now_ms);
void breaker_started(struct breaker *breaker);
void breaker_success(struct breaker *breaker); // an answer came, whatever its status below 500
void breaker_failure(struct breaker *breaker, int64_t now_ms, uint64_t chance);
// The started call ended without telling anything (it was aborted): the probe's place is free again.
void breaker_forget(struct breaker *breaker);

#endif
