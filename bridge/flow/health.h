// SPDX-License-Identifier: Apache-2.0
// What the bridge says of itself: online, degraded (and why) or offline, on its own retained topic. The loop's thread,
// but for health_will.
#ifndef FLOW_HEALTH_H
#define FLOW_HEALTH_H

#include "flow/flow.h"
#include "io/mqtt.h"

#define HEALTH_REASON_BYTES 512
#define HEALTH_JOURNAL_TEXT "the journal cannot be written: "
#define HEALTH_REPEAT_MS    60000 // a changed number of pending commands alone is told at most so often

enum health_trouble {
    HEALTH_API,
    HEALTH_JOURNAL,
    HEALTH_SUBSCRIPTION,
    HEALTH_CONFIG,
    HEALTH_WEB,
    HEALTH_DAMAGE,
    HEALTH_TROUBLE_COUNT
};

struct health {
    struct flow *flow;
    int64_t since_ms;                                         // wall, of the state now
    unsigned changes;                                         // of the troubles, so far
    char troubles[HEALTH_TROUBLE_COUNT][HEALTH_REASON_BYTES]; // "": none
    char told[HEALTH_REASON_BYTES];
    bool online_told; // on this connection
    int64_t told_pending;
    int64_t told_at_ms;
};

void health_init(struct health *health, struct flow *flow);
// reason "" or NULL: the trouble is over.
void health_set(struct health *health, enum health_trouble trouble, const char *reason);
const char *health_reason(const struct health *health); // the first trouble, "" when there is none
void health_connected(struct health *health);           // a new connection: everything is to be told again
// The message that should be published now; false: nothing new. The caller publishes and says so with health_told.
bool health_next(struct health *health, struct bytes *payload);
void health_told(struct health *health);
// The last word of an orderly end.
void health_offline(const struct health *health, const char *reason, struct bytes *payload);
// The will, for the broker to publish; any thread. failure: why the journal cannot be written, "": it can. While it
// cannot, the bridge ends the connection itself, again and again, for no other way leaves a command unacknowledged;
// what the broker then tells of it must be the reason.
void health_will(const struct clock *clock, const char *failure, struct bytes *payload);

#endif
