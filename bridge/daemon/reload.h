// SPDX-License-Identifier: Apache-2.0
// What a new configuration changes: what can be taken over in place, and what needs a new connection. Pure; any thread.
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "io/config.h"

// Whether the connection to the broker must be made anew: its settings or the subscriptions differ.
bool reload_changes_broker(const struct config *a, const struct config *b);

#endif
