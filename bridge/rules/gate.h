// SPDX-License-Identifier: Apache-2.0
// Whether a call of the API may start now: in-flight and rate limits, the breaker, a hold that the API asked for (429,
// Retry-After), a refused token; and what the answers tell about the API's clock. Everything that calls the API asks
// here first and reports here after. Not locked; time and chance are arguments.
#ifndef RULES_GATE_H
#define RULES_GATE_H

#include "rules/breaker.h"
#include "rules/outcome.h"
#include "rules/ratelimit.h"

#define GATE_WAIT_FOR_END (-1) // not before a running call has ended

struct gate {
    struct ratelimit rate;
    struct breaker breaker;
    uint32_t in_flight;
    uint32_t max_in_flight;
    int64_t base_ms; // of the back-off for holds
    int64_t max_ms;
    int64_t hold_until_ms; // 0: no hold
    uint32_t held;         // 429 in a row
    uint32_t refused;      // 401 in a row
    bool clock_known;
    int64_t clock_offset_ms;                                     // the API's wall clock less our monotonic one
    char reason[OUTCOME_TYPE_BYTES + OUTCOME_MESSAGE_BYTES + 2]; // of the last trouble
};

enum status gate_init(struct gate *gate, struct ratelimit_spec rate, uint32_t max_in_flight, int64_t base_ms,
                      int64_t max_ms);
void gate_free(struct gate *gate);
// New limits; what is in flight and what is held stays.
enum status gate_set(struct gate *gate, struct ratelimit_spec rate, uint32_t max_in_flight, int64_t base_ms,
                     int64_t max_ms);

// 0: a call may start; GATE_WAIT_FOR_END; else ms.
int64_t gate_wait_ms(const struct gate *gate, int64_t now_ms);
void gate_started(struct gate *gate, int64_t now_ms);
void gate_ended(struct gate *gate, const struct outcome *outcome, int64_t now_ms, uint64_t chance);
// What the Date header of an answer says (ms since the epoch, -1: nothing).
void gate_clock(struct gate *gate, int64_t server_ms, int64_t now_ms);
// The API's time at a moment of ours; 0 when the API's clock is not known yet. Our wall clock has no part in it: a
// gateway often gets the right time only after its start.
int64_t gate_server_ms(const struct gate *gate, int64_t now_ms);
// How long calls are held still, by a pause that the API asked for or by the breaker.
int64_t gate_held_ms(const struct gate *gate, int64_t now_ms);
// A phrase for what is wrong with the API now, "" when nothing is.
const char *gate_trouble(const struct gate *gate);
// A new token was read: the next call shows whether it is better.
void gate_token_changed(struct gate *gate);

#endif
