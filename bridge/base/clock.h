// SPDX-License-Identifier: Apache-2.0
// Time as a thing that is handed in: real in the daemon, set by hand in tests. Any thread.
// now_ms never goes back and counts from an arbitrary start: for waits and bounds.
// wall_ms is milliseconds since the epoch: for what people and the API see, and for what outlives a restart.
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock {
    int64_t (*now_ms)(const struct clock *clock);
    int64_t (*wall_ms)(const struct clock *clock);
    int64_t fake_now_ms;  // only read by the fake clock
    int64_t fake_wall_ms; // only read by the fake clock
};

#define CLOCK_TEXT_BYTES 32

struct clock clock_real(void);
struct clock clock_fake(int64_t now_ms, int64_t wall_ms);
void clock_advance(struct clock *fake, int64_t ms); // both times of a fake clock

static inline int64_t clock_now_ms(const struct clock *clock)
{
    return clock->now_ms(clock);
}

static inline int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock);
}

// RFC 3339 UTC with milliseconds, "2026-11-23T04:05:06.789Z", into text; returns text. A time outside the years 0 to
// 9999 shows as the nearest one inside.
const char *clock_text(int64_t wall_ms, char text[CLOCK_TEXT_BYTES]);
// The reverse, for any RFC 3339 time with Z or an offset, with or without a fraction; -1 when it is none
// or before 1970.
int64_t clock_parse(const char *text, size_t len);
// ms since the epoch of a date and time in UTC; month and day count from 1, second 60 is a leap second (the same moment
// as the next second). -1 when there is no such moment, or when it is before 1970 or after 9999.
int64_t clock_utc_ms(int year, int month, int day, int hour, int minute, int second);

#endif
