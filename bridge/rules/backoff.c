// SPDX-License-Identifier: Apache-2.0
// The wait before the next try. Must never overflow, however often something failed. Pure; any thread.
#include "rules/backoff.h"

int64_t backoff_ceiling_ms(int64_t base_ms, int64_t max_ms, uint32_t attempt)
{
    base_ms = base_ms < 0 ? 0 : base_ms;
    max_ms = max_ms < 0 ? 0 : max_ms;
    uint32_t doublings = attempt > 0 ? attempt - 1 : 0;
    // A shift of 63 leaves only zero of max_ms, which every base but zero is over.
    if (base_ms > 0 && (doublings >= 63 || base_ms > (max_ms >> doublings))) {
        return max_ms;
    }
    return base_ms == 0 ? 0 : base_ms << doublings;
}

int64_t backoff_ms(int64_t base_ms, int64_t max_ms, uint32_t attempt, uint64_t chance)
{
    int64_t ceiling_ms = backoff_ceiling_ms(base_ms, max_ms, attempt);
    int64_t floor_ms = base_ms < 0 ? 0 : base_ms / 2;
    floor_ms = floor_ms > ceiling_ms ? ceiling_ms : floor_ms;
    return floor_ms + (int64_t)(chance % ((uint64_t)(ceiling_ms - floor_ms) + 1));
}
