// SPDX-License-Identifier: Apache-2.0
// What those who watch the bridge are shown: the metrics' numbers, whether it is ready, its state with jobs, runs,
// waiting commands and dead letters as JSON, and what happens as it happens. Knows nothing of how it is served. Must
// never tell a secret, and must cost nothing while nobody watches. The loop's thread.
#ifndef FLOW_WATCH_H
#define FLOW_WATCH_H

#include "flow/flow.h"

#define WATCH_STATUS_MAX_BYTES 1048576
#define WATCH_EVENT_MAX_BYTES  32768 // a longer one is told without its content
#define WATCH_WAITING_MAX      50
#define WATCH_RUNS_MAX         50
#define WATCH_ENDED_MAX        20
#define WATCH_DEAD_MAX         20
#define WATCH_DEAD_PAYLOAD_MAX 256
#define WATCH_DEAD_TOPIC_MAX   512
#define WATCH_RUN_MAX_BYTES    8192  // a run in the state; a longer one is told without its summary
#define WATCH_COUNT_MAX        10000 // waiting commands and open runs of one job are counted up to this
#define WATCH_STATUS_MS        1000  // the state is told at most so often

// What the daemon knows and the journal does not. Texts are borrowed, "" for none.
struct watch_facts {
    bool stopping;
    bool broker_connected;
    const char *broker_error; // of the last loss
    const char *degraded;     // the first trouble
    int64_t since_ms;         // wall, of the state now
    int64_t started_ms;       // wall
    size_t in_flight;
    int64_t messages[METRICS_MESSAGE_COUNT];
    int64_t watchers, watchers_dropped;
};

struct watch {
    struct flow *flow;
    // An event for all who watch: a name and JSON.
    void (*tell)(void *context, const char *name, struct span json);
    void *context;
    int64_t next_ms;
    uint64_t told; // digest of the state told last
};

void watch_init(struct watch *watch, struct flow *flow, void (*tell)(void *context, const char *name, struct span json),
                void *context);
// The text for /metrics.
void watch_metrics(struct watch *watch, const struct watch_facts *facts, struct bytes *out);
// Whether commands can get in and on now; else why not, in plain words.
bool watch_ready(const struct watch *watch, const struct watch_facts *facts, struct bytes *why);
// The whole state as JSON; without runs: for those who had them and hear of each change.
void watch_status(const struct watch *watch, const struct watch_facts *facts, bool runs, struct bytes *out);
// A change was committed, and somebody watches.
void watch_committed(struct watch *watch, const struct store_change *change);
// Somebody watches: tells the state when it has changed.
void watch_turn(struct watch *watch, const struct watch_facts *facts);

#endif
