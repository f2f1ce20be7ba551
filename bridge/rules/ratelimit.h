// SPDX-License-Identifier: Apache-2.0
// At most COUNT events in ANY window of WINDOW milliseconds (a sliding window, not a token bucket: a bucket lets
// nearly twice as many through in one window, and brokers ban for that). A window includes its first millisecond and
// not its last: what was taken at T makes room at T + WINDOW. Not locked; time is an argument and never goes back.
//
//   "30/15s"  30 events in any 15 seconds     "10/1s"  "300/1m"  "5/100ms"     ""  no limit
#ifndef RULES_RATELIMIT_H
#define RULES_RATELIMIT_H

#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

#define RATELIMIT_COUNT_MAX 10000

struct ratelimit_spec {
    uint32_t count; // 0: no limit
    int64_t window_ms;
};

struct ratelimit {
    struct ratelimit_spec spec;
    int64_t *taken_ms; // ring of the last count times
    uint32_t next;
    uint32_t filled;
};

// STATUS_INVALID unless text is "" or COUNT/NUMBER(ms|s|m|h) with 1..RATELIMIT_COUNT_MAX and a window of 1 ms to 24 h.
enum status ratelimit_parse(const char *text, struct ratelimit_spec *spec);
enum status ratelimit_init(struct ratelimit *limit, struct ratelimit_spec spec); // STATUS_NO_MEMORY
void ratelimit_free(struct ratelimit *limit);
// 0: an event may happen now; else how long until then.
int64_t ratelimit_wait_ms(const struct ratelimit *limit, int64_t now_ms);
void ratelimit_take(struct ratelimit *limit, int64_t now_ms);

#endif
