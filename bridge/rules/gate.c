// SPDX-License-Identifier: Apache-2.0
// See gate.h. Pure.
#include "rules/gate.h"
#include "rules/backoff.h"
#include <stdio.h>

enum status gate_init(struct gate *gate, struct ratelimit_spec rate, uint32_t max_in_flight, int64_t base_ms,
                      int64_t max_ms)
{
    *gate = (struct gate){.max_in_flight = max_in_flight, .base_ms = base_ms, .max_ms = max_ms};
    breaker_init(&gate->breaker, base_ms, max_ms);
    return ratelimit_init(&gate->rate, rate);
}

void gate_free(struct gate *gate)
{
    ratelimit_free(&gate->rate);
}

enum status gate_set(struct gate *gate, struct ratelimit_spec rate, uint32_t max_in_flight, int64_t base_ms,
                     int64_t max_ms)
{
    struct ratelimit fresh;
    enum status rc = ratelimit_init(&fresh, rate);
    if (rc == STATUS_OK) {
        ratelimit_free(&gate->rate);
        gate->rate = fresh;
        gate->max_in_flight = max_in_flight;
        gate->base_ms = gate->breaker.base_ms = base_ms;
        gate->max_ms = gate->breaker.max_ms = max_ms;
    }
    return rc;
}

int64_t gate_wait_ms(const struct gate *gate, int64_t now_ms)
{
    if (gate->in_flight >= gate->max_in_flight || (gate->refused > 0 && gate->in_flight > 0)) {
        return GATE_WAIT_FOR_END;
    }
    int64_t wait_ms = breaker_wait_ms(&gate->breaker, now_ms);
    if (wait_ms < 0) {
        return GATE_WAIT_FOR_END;
    }
    int64_t held_ms = gate->hold_until_ms > now_ms ? gate->hold_until_ms - now_ms : 0;
    int64_t rate_ms = ratelimit_wait_ms(&gate->rate, now_ms);
    wait_ms = held_ms > wait_ms ? held_ms : wait_ms;
    return rate_ms > wait_ms ? rate_ms : wait_ms;
}

void gate_started(struct gate *gate, int64_t now_ms)
{
    gate->in_flight++;
    ratelimit_take(&gate->rate, now_ms);
    breaker_started(&gate->breaker);
}

static void hold(struct gate *gate, int64_t now_ms, int64_t ms)
{
    if (now_ms + ms > gate->hold_until_ms) {
        gate->hold_until_ms = now_ms + ms;
    }
}

void gate_ended(struct gate *gate, const struct outcome *outcome, int64_t now_ms, uint64_t chance)
{
    gate->in_flight--;
    if (outcome->api_down) {
        breaker_failure(&gate->breaker, now_ms, chance);
    } else {
        breaker_success(&gate->breaker);
    }
    if (outcome->kind == OUTCOME_DONE || outcome->kind == OUTCOME_REFUSED) {
        gate->held = 0;
        gate->refused = 0;
        return;
    }
    snprintf(gate->reason, sizeof gate->reason, "%s: %s", outcome->error_type, outcome->error_message);
    if (outcome->kind == OUTCOME_UNAUTHORIZED) {
        // The first one costs nothing: the token is read again at once, and mostly that is all.
        gate->refused++;
        hold(gate, now_ms, gate->refused == 1 ? 0 : backoff_ms(gate->base_ms, gate->max_ms, gate->refused, chance));
    } else if (outcome->retry_after_ms >= 0) {
        hold(gate, now_ms, outcome->retry_after_ms);
    } else if (!outcome->api_down) {
        gate->held++;
        hold(gate, now_ms, backoff_ms(gate->base_ms, gate->max_ms, gate->held, chance));
    }
}

void gate_clock(struct gate *gate, int64_t server_ms, int64_t now_ms)
{
    if (server_ms >= 0) {
        gate->clock_known = true;
        gate->clock_offset_ms = server_ms - now_ms;
    }
}

int64_t gate_server_ms(const struct gate *gate, int64_t now_ms)
{
    return gate->clock_known ? now_ms + gate->clock_offset_ms : 0;
}

int64_t gate_held_ms(const struct gate *gate, int64_t now_ms)
{
    int64_t hold_ms = gate->hold_until_ms - now_ms;
    int64_t breaker_ms = gate->breaker.open ? gate->breaker.probe_at_ms - now_ms : 0;
    hold_ms = hold_ms > breaker_ms ? hold_ms : breaker_ms;
    return hold_ms > 0 ? hold_ms : 0;
}

const char *gate_trouble(const struct gate *gate)
{
    return gate->breaker.open || gate->refused > 1 ? gate->reason : "";
}

void gate_token_changed(struct gate *gate)
{
    if (gate->refused > 0) {
        gate->hold_until_ms = 0;
    }
}
