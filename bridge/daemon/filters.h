// SPDX-License-Identifier: Apache-2.0
// The subscriptions that the bridge wants, and those that the broker's session still has from a configuration before:
// a persistent session would go on delivering on the filters of routes that are gone. Which these are is remembered in
// the journal, so that it holds across restarts. The main thread.
#ifndef DAEMON_FILTERS_H
#define DAEMON_FILTERS_H

#include "flow/flow.h"

#define FILTERS_MAX 260 // of each kind

struct filters {
    char *wanted[FILTERS_MAX];
    size_t wanted_count;
    char *stale[FILTERS_MAX]; // to be given up; what does not fit stays remembered
    size_t stale_count;
};

// From flow's configuration and the journal; filters_free when done. Before the broker can hear of them they are
// remembered.
void filters_make(struct filters *filters, const struct flow *flow);
void filters_free(struct filters *filters);
// The broker has taken the subscriptions and given up the stale ones: only flow's configuration is remembered now.
void filters_taken(const struct flow *flow);
// Where Home Assistant says that it has started, malloc'ed; NULL: nothing is announced to it.
char *filters_birth_topic(const struct config *config);

#endif
