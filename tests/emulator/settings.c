// SPDX-License-Identifier: Apache-2.0
// The settings: names, bounds, defaults. Must never hold state beyond them. Pure.
#include "settings.h"

#define TIME_MAX_MS 86400000.0
#define OFFSET(m)   offsetof(struct settings, m)

static const char *const ends_words[] = {"completed", "errored", "never", NULL};
static const char *const since_words[] = {"start", "change", NULL};
static const char *const excess_words[] = {"clamp", "reject", NULL};
static const char *const order_words[] = {"newest", "shuffled", NULL};

const struct shape settings_shape[] = {
    {.name = "runMs", .kind = SHAPE_INTEGER, .offset = OFFSET(run_ms), .max = TIME_MAX_MS},
    {.name = "iterations", .kind = SHAPE_INTEGER, .offset = OFFSET(iterations), .max = 1e9},
    {.name = "failed", .kind = SHAPE_INTEGER, .offset = OFFSET(failed), .max = 1e9},
    {.name = "timedOut", .kind = SHAPE_INTEGER, .offset = OFFSET(timed_out), .max = 1e9},
    {.name = "ends", .kind = SHAPE_WORD, .offset = OFFSET(ends), .words = ends_words},
    {.name = "cancelMs", .kind = SHAPE_INTEGER, .offset = OFFSET(cancel_ms), .max = TIME_MAX_MS},
    {.name = "logDelayMs", .kind = SHAPE_INTEGER, .offset = OFFSET(log_delay_ms), .max = TIME_MAX_MS},
    {.name = "sinceMeans", .kind = SHAPE_WORD, .offset = OFFSET(since_means), .words = since_words},
    {.name = "maxLimit", .kind = SHAPE_INTEGER, .offset = OFFSET(max_limit), .min = 1, .max = 1e6},
    {.name = "limitExcess", .kind = SHAPE_WORD, .offset = OFFSET(limit_excess), .words = excess_words},
    {.name = "clockOffsetMs", .kind = SHAPE_INTEGER, .offset = OFFSET(clock_offset_ms), .min = -1e12, .max = 1e12},
    {.name = "reserialise", .kind = SHAPE_FLAG, .offset = OFFSET(reserialise)},
    {.name = "logOrder", .kind = SHAPE_WORD, .offset = OFFSET(log_order), .words = order_words},
    {.name = "latencyMs", .kind = SHAPE_INTEGER, .offset = OFFSET(latency_ms), .max = TIME_MAX_MS},
    {.name = NULL},
};

void settings_init(struct settings *settings)
{
    *settings = (struct settings){.run_ms = 5000, .iterations = 10, .cancel_ms = 200, .max_limit = 1000};
}

const char *settings_problem(const struct settings *settings)
{
    if (settings->failed + settings->timed_out > settings->iterations) {
        return "\"failed\" and \"timedOut\" together must not exceed \"iterations\"";
    }
    return NULL;
}
