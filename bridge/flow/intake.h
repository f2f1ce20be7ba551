// SPDX-License-Identifier: Apache-2.0
// From a message to a committed command or a committed rejection. Runs on the MQTT library's receive thread. Either it
// waits until what it decided is in the journal, because the message is acknowledged when it returns; or, with a
// delivery, it returns when the command is on its way there, and the message is settled after the commit.
// Must never call the API or the broker.
#ifndef FLOW_INTAKE_H
#define FLOW_INTAKE_H

#include "base/clock.h"
#include "io/config.h"
#include "io/mqtt.h"
#include "io/store.h"

#define INTAKE_ARRIVALS_MAX 1024 // told to the loop one by one; beyond it looks itself

struct intake;

// A command that is in the journal now.
struct intake_arrival {
    int64_t id;
    enum action action;
    size_t job; // its place in the configuration
};

struct intake_counts {
    int64_t received, queued, rejected, repeated, redelivered, dead;
};

// config and store are borrowed. ring: any thread; something for intake_take.
struct intake *intake_create(const struct config *config, struct store *store, const struct clock *clock,
                             void (*ring)(void *context), void *ring_context);
void intake_free(struct intake *intake);
// What became of a message.
enum intake_end {
    INTAKE_QUEUED,   // a command is in the journal
    INTAKE_REPEATED, // it was there already
    INTAKE_REJECTED,
    INTAKE_DEAD, // nobody can answer it
    INTAKE_HELD, // nothing was committed (the journal cannot be written, or is closing): not to be acknowledged
    INTAKE_BEGUN // it is known after the commit; only of intake_begin
};

// The receive thread.
enum intake_end intake_message(struct intake *intake, const struct mqtt_message *message);
// The same without waiting for the commit of a command: after it the delivery is settled, or abandoned where
// intake_message would have returned INTAKE_HELD. The receive thread.
void intake_begin(struct intake *intake, const struct mqtt_message *message, struct mqtt_delivery *delivery);
// Goes on with those that were begun and turned out to be known, in conflict or too many. The loop, after each commit.
void intake_go_on(struct intake *intake);
// A dead letter once more, by the configuration of today: it goes in the commit of what becomes of it, so never twice.
// When it stays dead, or was known already (INTAKE_REPEATED), it is left. Any thread but the loop.
enum intake_end intake_again(struct intake *intake, const struct mqtt_message *message, int64_t letter);
// The loop. Takes up to max arrivals; *overflow is set when some were not noted.
size_t intake_take(struct intake *intake, struct intake_arrival *arrivals, size_t max, bool *overflow);
// The loop. Waits for the message that is being worked on; the old configuration is not used any more afterwards.
void intake_set_config(struct intake *intake, const struct config *config);
void intake_counts(struct intake *intake, struct intake_counts *counts); // any thread

#endif
