// SPDX-License-Identifier: Apache-2.0
// The sliding window: the times of the last COUNT events in a ring, of which the oldest says when there is room again.
// Must never let COUNT + 1 events into one window. Not locked; time is an argument.
#include "rules/ratelimit.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW_MAX_MS INT64_C(86400000)

// A decimal number of 1..max at *text, which moves behind it; 0 when there is none or it is larger.
static int64_t read_number(const char **text, int64_t max)
{
    int64_t number = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        number = number * 10 + (**text - '0');
        if (number > max) {
            return 0;
        }
    }
    return number;
}

static int64_t unit_ms(const char *unit)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].name) == 0) {
            return units[i].ms;
        }
    }
    return 0;
}

enum status ratelimit_parse(const char *text, struct ratelimit_spec *spec)
{
    *spec = (struct ratelimit_spec){0, 0};
    if (!text || !*text) {
        return STATUS_OK;
    }
    int64_t count = read_number(&text, RATELIMIT_COUNT_MAX);
    if (count == 0 || *text++ != '/') {
        return STATUS_INVALID;
    }
    int64_t units = read_number(&text, WINDOW_MAX_MS);
    int64_t window_ms = units * unit_ms(text); // at most 86400000 hours: no overflow
    if (window_ms < 1 || window_ms > WINDOW_MAX_MS) {
        return STATUS_INVALID;
    }
    *spec = (struct ratelimit_spec){(uint32_t)count, window_ms};
    return STATUS_OK;
}

enum status ratelimit_init(struct ratelimit *limit, struct ratelimit_spec spec)
{
    *limit = (struct ratelimit){.spec = spec};
    if (spec.count == 0) {
        return STATUS_OK;
    }
    limit->taken_ms = calloc(spec.count, sizeof *limit->taken_ms);
    return limit->taken_ms ? STATUS_OK : STATUS_NO_MEMORY;
}

void ratelimit_free(struct ratelimit *limit)
{
    free(limit->taken_ms);
    *limit = (struct ratelimit){.spec = {0, 0}};
}

int64_t ratelimit_wait_ms(const struct ratelimit *limit, int64_t now_ms)
{
    if (limit->filled < limit->spec.count || limit->spec.count == 0) {
        return 0;
    }
    int64_t room_ms = limit->taken_ms[limit->next] + limit->spec.window_ms; // the ring is full: next is the oldest
    return room_ms > now_ms ? room_ms - now_ms : 0;
}

void ratelimit_take(struct ratelimit *limit, int64_t now_ms)
{
    if (limit->spec.count == 0) {
        return;
    }
    limit->taken_ms[limit->next] = now_ms;
    limit->next = (limit->next + 1) % limit->spec.count;
    limit->filled += limit->filled < limit->spec.count ? 1 : 0;
}
