// SPDX-License-Identifier: Apache-2.0
// From the journal's outbox to the broker: in order, in a bounded window, within the broker's rate budget; a row goes
// when the broker has acknowledged it, and not before. The loop's thread.
#ifndef FLOW_OUTBOX_H
#define FLOW_OUTBOX_H

#include "flow/flow.h"
#include "io/mqtt.h"

#define OUTBOX_WINDOW     1000 // messages in memory
#define OUTBOX_TOPICS_MAX 256  // topics whose own rate is known; the one not used for longest makes room

struct outbox;

// mqtt is borrowed; outbox_set_mqtt replaces it (reload).
struct outbox *outbox_create(struct flow *flow, struct mqtt *mqtt);
void outbox_free(struct outbox *outbox);
void outbox_set_mqtt(struct outbox *outbox, struct mqtt *mqtt);
enum status outbox_set_rates(struct outbox *outbox, struct ratelimit_spec per_topic, struct ratelimit_spec per_client);
// Rows with ids up to last_id are in the journal. Those that were not handed in are read from it.
void outbox_arrived(struct outbox *outbox, int64_t last_id);
// Messages that were just committed, in order; owned by the outbox from here on. Saves reading them from the journal.
void outbox_take(struct outbox *outbox, struct store_message *messages);
void outbox_offline(struct outbox *outbox); // what was handed over is to be handed over again
// The broker has it; or has refused it for good (reason not "").
void outbox_published(struct outbox *outbox, int64_t id, const char *reason);
// A message that is not in the journal, as the bridge's own status: within the same budget.
bool outbox_may_publish(struct outbox *outbox);
void outbox_count(struct outbox *outbox);
int64_t outbox_turn(struct outbox *outbox); // ms until it wants to be called again at the latest

#endif
