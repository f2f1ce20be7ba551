// SPDX-License-Identifier: Apache-2.0
// Finding out what became of an execute whose answer was lost: reads the job's log until the marker shows up, or until
// it has been missing often and long enough. Must never send a command again on less than that. The loop's thread.
#ifndef FLOW_RECONCILE_H
#define FLOW_RECONCILE_H

#include "flow/flow.h"

#define RECONCILE_READ_MAX    64  // commands of one job that one reading of its log is searched for
#define RECONCILE_READS_MAX   4   // readings under way at once
#define RECONCILE_LIMIT_FIRST 100 // log entries asked for at first; doubled up to RUNLOG_LIMIT_MAX

struct reconcile;

struct reconcile_next {
    // The command is AMBIGUOUS no more; ready: it was not done, and is READY again. follow: it is FOLLOWING.
    void (*settled)(void *context, int64_t id, const char *job, bool ready, bool follow);
    void (*unauthorized)(void *context);
    void *context;
};

struct reconcile *reconcile_create(struct flow *flow, const struct reconcile_next *next);
void reconcile_free(struct reconcile *reconcile);
// The row is AMBIGUOUS.
void reconcile_add(struct reconcile *reconcile, int64_t id, const char *job);
int64_t reconcile_turn(struct reconcile *reconcile); // ms until it wants to be called again at the latest

#endif
