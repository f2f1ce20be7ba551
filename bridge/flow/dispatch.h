// SPDX-License-Identifier: Apache-2.0
// From a committed command to the API's answer: keeps the order per job, asks the gate, commits SENT, sends, judges the
// answer, and commits what came of it with what is told of it. What is ambiguous and what is to be followed goes on to
// the next stages. Only a window of each job's waiting commands is in memory. The loop's thread.
#ifndef FLOW_DISPATCH_H
#define FLOW_DISPATCH_H

#include "flow/flow.h"

#define DISPATCH_WINDOW       32  // waiting commands of a job that are in memory
#define DISPATCH_ATTEMPTS_MAX 512 // commands between their start and their answer, those that wait for a retry included
#define DISPATCH_SWEEP_MAX    512 // expired or unanswered commands looked at in one turn
#define DISPATCH_PENDING_MS   1000 // an execute that has no answer by then is told `pending`
#define DISPATCH_RECHECK_MS   100  // a job whose head must wait for another of its commands is looked at again
#define DISPATCH_CANCEL_MS    5000 // overlap = cancel-previous: an unfinished run is cancelled again after this

struct dispatch;

struct dispatch_next {
    void (*ambiguous)(void *context, int64_t id, const char *job); // the row is AMBIGUOUS
    void (*follow)(void *context, int64_t id, const char *job);    // the row is FOLLOWING
    void (*unauthorized)(void *context);                           // the token is to be read again
    void *context;
};

struct dispatch *dispatch_create(struct flow *flow, const struct dispatch_next *next);
void dispatch_free(struct dispatch *dispatch);
// Commands may have become READY: of that job, or (NULL) of any. Also after a start and a reload.
void dispatch_arrived(struct dispatch *dispatch, const char *job);
// A command that need not wait for its turn: status, and a cancelExecution of something that has not left.
void dispatch_at_once(struct dispatch *dispatch, int64_t id);
// A command that waits for its next try: now, as far as the gate allows.
void dispatch_hurry(struct dispatch *dispatch, int64_t id);
// A command that was ambiguous is settled: it may start again (ready) or has its answer.
void dispatch_settled(struct dispatch *dispatch, int64_t id, const char *job, bool ready);
// AMBIGUOUS commands found at the start: they count as active in their job.
void dispatch_resume(struct dispatch *dispatch, int64_t id, const char *job);
// Starts what may start; returns ms until it wants to be called again at the latest.
int64_t dispatch_turn(struct dispatch *dispatch);

#endif
