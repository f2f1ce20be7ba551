// SPDX-License-Identifier: Apache-2.0
// What Home Assistant is told, so that a job shows there without anybody writing YAML: for each job a button that
// executes it and two sensors for its last run, each as one retained message under a topic of Home Assistant's.
// The keys are those of its manual, "MQTT": discovery messages, button, sensor, availability. Pure; any thread.
#ifndef RULES_DISCOVERY_H
#define RULES_DISCOVERY_H

#include "base/bytes.h"
#include "base/status.h"

#define DISCOVERY_TEXT_MAX 8192 // bytes of a topic or a message

enum discovery_kind { DISCOVERY_EXECUTE, DISCOVERY_STATE, DISCOVERY_PROGRESS, DISCOVERY_KINDS };

struct discovery {
    struct span prefix;        // "homeassistant"
    struct span client_id;     // whose the entities are
    struct span job;           // the job's name
    struct span command_topic; // an execute of it
    struct span status_topic;  // where the states of runs come that the button starts
    struct span bridge_status; // B/status
    struct span version;
};

// Appends PREFIX/button/NODE/OBJECT/config, or sensor. Two jobs never have the same.
void discovery_topic(const struct discovery *discovery, enum discovery_kind kind, struct bytes *out);
// Appends the message: JSON.
void discovery_payload(const struct discovery *discovery, enum discovery_kind kind, struct bytes *out);
// Appends the topic of Home Assistant's birth message, PREFIX/status.
void discovery_birth_topic(struct span prefix, struct bytes *out);

#endif
