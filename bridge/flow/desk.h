// SPDX-License-Identifier: Apache-2.0
// What an operator may change in the journal: `drop` and `retry` of one command or dead letter. Runs beside the loop
// (on the control socket's thread) or without one (`jobbridge queue` while no bridge runs); every change is committed
// by the store's writer and only when the row is what was looked at, so it cannot cross a change of the loop. Must
// never break a promise for the operator's sake:
//
//   ready, retryWait   drop: rejected (Canceled), surely not sent        retry: at once instead of after its back-off
//   sent               neither: the answer is under way
//   ambiguous          drop: rejected (OutcomeUnknown), not looked for   retry: never, it may have run
//   following          drop: final status `unknown`, not followed on     retry: never, it runs
//   answered           neither: one command has one answer
//   dead letter        drop: removed                                     retry: taken in again, as if it just came
#ifndef FLOW_DESK_H
#define FLOW_DESK_H

#include "flow/flow.h"
#include "io/mqtt.h"
#include <pthread.h>
#include <stdatomic.h>

#define DESK_TRIES_MAX   5    // a row that moves while it is looked at is looked at again
#define DESK_HURRIED_MAX 64   // beyond it, until the loop has looked: not hurried
#define DESK_ANSWER_MAX  1024 // bytes

// What became of a dead letter that was taken in again.
enum desk_end { DESK_QUEUED, DESK_REPEATED, DESK_REJECTED, DESK_STILL_DEAD, DESK_CLOSING };

struct desk_next {
    enum desk_end (*message)(void *context, const struct mqtt_message *message, int64_t letter); // intake_again
    void (*ring)(void *context); // something was committed, or there is something for desk_take
    void *context;
};

struct desk {
    struct store *store;
    const struct clock *clock;
    struct desk_next next;
    atomic_bool retain;   // broker.retain, by whoever reads the configuration
    pthread_mutex_t lock; // of what follows
    int64_t hurried[DESK_HURRIED_MAX];
    size_t hurried_count;
};

// question: "drop 12", "retry 12", "drop D3", "retry D3". Appends "ok " or "no " and a sentence to answer. Waits for
// the disk. Any thread but the loop, one at a time.
void desk_answer(struct desk *desk, struct span question, struct bytes *answer);
// The loop. Ids of commands that are not to wait for their next try; their number, at most DESK_HURRIED_MAX.
size_t desk_take(struct desk *desk, int64_t ids[DESK_HURRIED_MAX]);

#endif
