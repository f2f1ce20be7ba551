// SPDX-License-Identifier: Apache-2.0
// See cli_time.h. Must never read a clock: now is an argument. Pure; any thread.
#include "cli/cli_time.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    char letter;
    int64_t ms;
} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}, {'w', 604800000}};

#define UNIT_COUNT (sizeof units / sizeof units[0])

static int64_t parse_age(const char *text, int64_t wall_ms)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return -1;
    }
    long long number = strtoll(text, &end, 10);
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (end[0] == units[i].letter && end[1] == '\0' && number <= wall_ms / units[i].ms) {
            return wall_ms - number * units[i].ms;
        }
    }
    return -1;
}

int64_t cli_time_parse(const char *text, int64_t wall_ms)
{
    int64_t time_ms = clock_parse(text, strlen(text));
    return time_ms >= 0 ? time_ms : parse_age(text, wall_ms);
}

const char *cli_time_age(int64_t then_ms, int64_t wall_ms, char text[CLI_AGE_BYTES])
{
    int64_t age_ms = wall_ms > then_ms ? wall_ms - then_ms : 0;
    size_t unit = 0;
    // Weeks are read, not written: 20d says more than 2w. The next unit begins at two of it.
    while (unit + 2 < UNIT_COUNT && age_ms >= 2 * units[unit + 1].ms) {
        unit++;
    }
    snprintf(text, CLI_AGE_BYTES, "%" PRId64 "%c", age_ms / units[unit].ms, units[unit].letter);
    return text;
}
