// SPDX-License-Identifier: Apache-2.0
// What is different between two configurations, key by key, along the table of keys (config_schema.h), so that no key
// can be forgotten. Secrets are in neither of the two, only the names of their files. Any thread.
#ifndef IO_CONFIG_DIFF_H
#define IO_CONFIG_DIFF_H

#include "io/config.h"

#define CONFIG_DIFF_TEXT_MAX 256 // bytes of a value that are shown

// What must be done again for a change to take effect; most take effect by themselves.
enum config_touch {
    CONFIG_TOUCH_BROKER = 1,    // the connection, with its subscriptions
    CONFIG_TOUCH_RESTART = 2,   // the process
    CONFIG_TOUCH_DISCOVERY = 4, // what is announced
};

struct config_change {
    const char *key;  // "broker.uri", "jobs[recalibrate].ttl_s", or "jobs[recalibrate]" when all of it is new or gone
    const char *from; // as it would stand in the file, perhaps cut; "" when it was not there
    const char *to;   // "" when it is there no more
    unsigned touches; // bits of enum config_touch
};

// Calls each for every difference, in the order of the table; jobs and routes are the same when their names are.
// Returns the touches of all. What is given to each is only borrowed. each may be NULL.
unsigned config_diff(const struct config *from, const struct config *to,
                     void (*each)(void *context, const struct config_change *change), void *context);

#endif
