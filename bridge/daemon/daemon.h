// SPDX-License-Identifier: Apache-2.0
// The bridge as a whole: builds the stages, wires them, turns the loop, ends in order. No policy. The main thread.
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "io/config.h"

#define DAEMON_STOP_CALLS_MS  5000 // at the end: for calls in flight
#define DAEMON_STOP_OUTBOX_MS 2000 // and then for what is to be published
#define DAEMON_STOP_BROKER_MS 1000 // and then for the broker's last acknowledgements
#define DAEMON_STOP_DESK_MS   2000 // and for an operator's change that is being committed

// Runs until SIGTERM or SIGINT; takes the configuration over. config_path: for a reload. A code of sysexits(3).
int daemon_run(const char *config_path, struct config *config);

#endif
