// SPDX-License-Identifier: Apache-2.0
// The JSON of the messages that users read: accepted, rejected, a run's status, a log entry, the bridge's own status.
// Pure; any thread.
#ifndef RULES_REPLY_H
#define RULES_REPLY_H

#include "rules/command.h"
#include "rules/runlog.h"

#define REPLY_MAX_BYTES 9437184 // a reply carries the API's answer whole

// What all replies begin with. An empty request_id, job or action becomes null.
struct reply {
    struct span request_id;
    struct span action;
    struct span job;
    int64_t at_ms; // wall
};

// execution_id empty: none. http_status 0: none. body: JSON of the API, empty: none.
void reply_accepted(struct bytes *out, const struct reply *reply, struct span execution_id, int http_status,
                    struct span body);
void reply_rejected(struct bytes *out, const struct reply *reply, struct span type, struct span message,
                    int http_status);

struct reply_run {
    struct span execution_id; // empty: not known yet
    struct span state;
    int64_t seq;
    struct span summary; // JSON, empty: none
    int progress;        // -1: not known
    enum run_outcome outcome;
    struct span error_type; // empty: none
    struct span error_message;
};
void reply_status(struct bytes *out, const struct reply *reply, const struct reply_run *run);
void reply_log(struct bytes *out, const struct reply *reply, struct span execution_id, struct span entry);

// The bridge's own: state, reason (empty: none), since, version, pending (below 0: not told).
void reply_bridge(struct bytes *out, struct span state, struct span reason, int64_t since_ms, int64_t pending);
void reply_deadletter(struct bytes *out, struct span topic, struct span payload, struct span reason, int64_t at_ms);

#endif
