// SPDX-License-Identifier: Apache-2.0
// What the daemon serves to those who watch: binds what there is to show (flow/watch) to the pages (io/web). Must never
// keep the bridge from its work: when the pages cannot be served, that is only told. The main thread.
#ifndef DAEMON_SERVED_H
#define DAEMON_SERVED_H

#include "flow/watch.h"
#include "io/web.h"

struct served {
    struct watch watch;
    struct web *web; // NULL: nothing is served
    void (*fill)(void *context, struct watch_facts *facts);
    void *context;
};

// fill: what only the daemon knows, but for the numbers of readers. flow may still be empty.
void served_init(struct served *served, struct flow *flow, void (*fill)(void *context, struct watch_facts *facts),
                 void *context);
// Opens what flow's configuration says, in place of what was open. reason: why that is not possible, "" when all is
// well.
void served_start(struct served *served, char *reason, size_t reason_bytes);
void served_stop(struct served *served);
int served_fd(const struct served *served); // -1: none
int64_t served_turn(struct served *served); // ms until it wants to be called again at the latest
void served_committed(struct served *served, const struct store_change *change);

#endif
