// SPDX-License-Identifier: Apache-2.0
// Closed, open, or open with a probe under way. Must never let two probes run at once by its own word.
// Not locked; time and chance are arguments.
#include "rules/breaker.h"

#include "rules/backoff.h"

void breaker_init(struct breaker *breaker, int64_t base_ms, int64_t max_ms)
{
    *breaker = (struct breaker){.base_ms = base_ms, .max_ms = max_ms};
}

int64_t breaker_wait_ms(const struct breaker *breaker, int64_t now_ms)
{
    if (!breaker->open) {
        return 0;
    }
    if (breaker->probing) {
        return -1;
    }
    return breaker->probe_at_ms > now_ms ? breaker->probe_at_ms - now_ms : 0;
}

void breaker_started(struct breaker *breaker)
{
    breaker->probing = breaker->open;
}

void breaker_success(struct breaker *breaker)
{
    breaker_init(breaker, breaker->base_ms, breaker->max_ms);
}

void breaker_failure(struct breaker *breaker, int64_t now_ms, uint64_t chance)
{
    breaker->failures += breaker->failures < UINT32_MAX ? 1 : 0;
    // Those that were under way when it opened fail one after another: they say nothing new about the wait.
    bool waiting = breaker->open && !breaker->probing;
    if (waiting || breaker->failures < BREAKER_FAILURES) {
        return;
    }
    breaker->open = true;
    breaker->probing = false;
    breaker->opened += breaker->opened < UINT32_MAX ? 1 : 0;
    // Unlike a retry's wait this one has a lower end that grows: one caller asks for all of them.
    int64_t ceiling_ms = backoff_ceiling_ms(breaker->base_ms, breaker->max_ms, breaker->opened);
    breaker->probe_at_ms = now_ms + backoff_ms(ceiling_ms, ceiling_ms, 1, chance);
}

void breaker_forget(struct breaker *breaker)
{
    breaker->probing = false;
}
