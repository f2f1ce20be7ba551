// SPDX-License-Identifier: Apache-2.0
// Following runs to their end: one reading of a job's log serves all its open runs, every new or changed entry is
// published once, and a run ends in exactly one final status. With watch, runs that others started are followed, too.
// The loop's thread.
#ifndef FLOW_FOLLOW_H
#define FLOW_FOLLOW_H

#include "flow/flow.h"

#define FOLLOW_POLLS_MAX   8  // readings under way at once
#define FOLLOW_EXPIRED_MAX 64 // runs given up after one reading
#define FOLLOW_TARGETS_MAX 32 // resource jobs under one name that have open runs, after as many reloads

struct follow;

struct follow_next {
    void (*unauthorized)(void *context);
    void *context;
};

struct follow *follow_create(struct flow *flow, const struct follow_next *next);
void follow_free(struct follow *follow);
// Runs of that job are FOLLOWING; id is one of them.
void follow_add(struct follow *follow, const char *job, int64_t id);
// Takes up what the journal has, and the watched jobs of the configuration. At the start and after a reload.
void follow_resume(struct follow *follow);
int64_t follow_turn(struct follow *follow); // ms until it wants to be called again at the latest

#endif
