// SPDX-License-Identifier: Apache-2.0
// The numbers that operators watch, and their text in the format of Prometheus (text format 0.0.4). The names and
// labels are a contract (README.md has the table, a test compares): labels come from fixed sets and from the names of
// the configured jobs, never from what a message says. Pure; not locked.
#ifndef RULES_METRICS_H
#define RULES_METRICS_H

#include "rules/outcome.h"
#include "rules/tally.h"

#define METRICS_MAX_BYTES 1048576
#define METRICS_BUCKETS   11 // of the latency, without +Inf

enum metrics_result {
    METRICS_2XX,
    METRICS_3XX,
    METRICS_4XX,
    METRICS_5XX,
    METRICS_LOST,     // sent, and no whole answer
    METRICS_NOT_SENT, // no connection
    METRICS_RESULT_COUNT
};

enum metrics_source { METRICS_API, METRICS_BROKER, METRICS_JOURNAL, METRICS_SOURCE_COUNT };

// What a message on a route became.
enum metrics_message {
    METRICS_COMMAND,
    METRICS_REJECTED,
    METRICS_REPEATED,
    METRICS_REDELIVERED,
    METRICS_DEAD,
    METRICS_MESSAGE_COUNT
};

// What the loop counts since the start.
struct metrics {
    int64_t calls[ACTION_COUNT][METRICS_RESULT_COUNT];
    int64_t latency[ACTION_COUNT][METRICS_BUCKETS + 1]; // not cumulated
    int64_t latency_us[ACTION_COUNT];                   // sum
    int64_t polls;                                      // readings of a job's log to follow its runs
    int64_t holds;                                      // times that the API asked for a pause, or refused the token
    int64_t breaker_opened;
    int64_t connects;    // to the broker
    int64_t published;   // acknowledged by the broker
    int64_t unpublished; // refused by the broker for good
    int64_t reloads, reloads_failed;
    int64_t last_error_ms[METRICS_SOURCE_COUNT]; // wall, 0: none
};

// One answer, or none, of the API.
void metrics_call(struct metrics *metrics, enum action call, enum transport transport, int http_status,
                  int64_t took_us);

struct metrics_job {
    const char *name;
    int64_t waiting;
    int64_t runs;
};

// Everything at one moment.
struct metrics_view {
    const char *version;
    struct metrics metrics;
    struct tally tally;
    int64_t messages[METRICS_MESSAGE_COUNT];
    int64_t started_ms; // wall
    int64_t held_ms;    // of the API, still
    int64_t in_flight;
    int64_t breaker_open, broker_connected, degraded, journal_failing; // 0 or 1
    int64_t commits, commit_failures, syncs;
    int64_t outbox;
    int64_t watchers, watchers_dropped; // readers of /events
    const struct metrics_job *jobs;
    size_t job_count;
};

// The whole text. out with at least METRICS_MAX_BYTES.
void metrics_write(struct bytes *out, const struct metrics_view *view);
// A label's value with its quotes.
void metrics_put_label(struct bytes *out, const char *value);

#endif
