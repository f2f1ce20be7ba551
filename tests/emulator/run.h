// SPDX-License-Identifier: Apache-2.0
// One execution of a job: what was asked, what is planned for it, and what it looks like at a given moment. Nothing
// advances runs; their state is computed when somebody looks.
//
//     executed --logDelayMs--> visible, inProgress --runMs--> completed | erroring, errored
//                                   `--cancel--> canceling --cancelMs--> canceled
#ifndef EMULATOR_RUN_H
#define EMULATOR_RUN_H

#include "buf.h"
#include "ids.h"
#include "schema.h"
#include "settings.h"

#include <stdbool.h>
#include <stdint.h>

#define RUN_STATUS_SIZE 65

struct run_summary {
    int64_t succeeded;
    int64_t failed;
    int64_t timed_out;
    int64_t in_progress;
    int64_t remaining;
};

// What shows of a run at one moment. Times are the API's (with its clock's offset), ms since the epoch.
struct run_view {
    bool visible;
    char status[RUN_STATUS_SIZE];
    struct run_summary summary;
    int64_t changed_at_ms;
    int64_t completed_at_ms; // 0: not ended
};

struct run {
    char id[ID_SIZE];
    char log_id[ID_SIZE];
    char application_id[ID_SIZE];
    char resource_job_id[ID_SIZE];
    char source_id[ID_SIZE];
    char cancel_source_id[ID_SIZE];
    const char *source_type; // a constant
    char *token;             // who executed it; NULL: the control address did
    bool context_given;      // false: the context is the job's defaultContext
    struct fields fields;    // templateContext, queryJson, dataTableId and the job's numbers as they were
    struct settings plan;
    int64_t asked_at_ms;   // machine's clock
    int64_t started_at_ms; // API's clock
    int64_t started_steady_ms;
    int64_t cancel_steady_ms; // 0: not canceled
    struct run_summary cancel_summary;
    bool hidden;
    bool forced; // the control address has said what it looks like: view
    struct run_view view;
};

// What the run looks like at a moment of the steady clock. Pure.
void run_look(const struct run *run, int64_t steady_ms, struct run_view *view);

// Whether a status is one that nothing follows. Pure.
bool run_is_final(const char *status);

// Marks the run for cancelling; nothing happens to one that is not in progress. source_id: who. Under the world's lock.
void run_cancel(struct run *run, int64_t steady_ms, const char *source_id);

// Writes the run as an element of the API's execution log. reserialise: its context in other words. Pure.
void run_write(const struct run *run, const struct run_view *view, bool reserialise, struct buf *out);

void run_free(struct run *run);

#endif
