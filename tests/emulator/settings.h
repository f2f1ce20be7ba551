// SPDX-License-Identifier: Apache-2.0
// How the emulated API behaves, all of it changeable while it runs. What concerns a run (run_ms to cancel_ms,
// log_delay_ms) is taken over when the run starts; the rest counts from the next request.
#ifndef EMULATOR_SETTINGS_H
#define EMULATOR_SETTINGS_H

#include "shape.h"

#include <stdbool.h>
#include <stdint.h>

enum settings_ends { ENDS_COMPLETED, ENDS_ERRORED, ENDS_NEVER };
enum settings_since { SINCE_START, SINCE_CHANGE };
enum settings_excess { EXCESS_CLAMP, EXCESS_REJECT };
enum settings_order { ORDER_NEWEST, ORDER_SHUFFLED };

struct settings {
    int64_t run_ms;
    int64_t iterations;
    int64_t failed;
    int64_t timed_out;
    int ends; // enum settings_ends, and so below
    int64_t cancel_ms;
    int64_t log_delay_ms;
    int since_means;
    int64_t max_limit;
    int limit_excess;
    int64_t clock_offset_ms;
    bool reserialise;
    int log_order;
    int64_t latency_ms;
};

// The table for shape_read() and shape_write().
extern const struct shape settings_shape[];

void settings_init(struct settings *settings);

// Says what does not fit together, NULL when all does. Pure.
const char *settings_problem(const struct settings *settings);

#endif
