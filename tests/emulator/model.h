// SPDX-License-Identifier: Apache-2.0
// The applications, jobs and runs that the emulated API knows.
#ifndef EMULATOR_MODEL_H
#define EMULATOR_MODEL_H

#include "buf.h"
#include "ids.h"
#include "run.h"
#include "schema.h"
#include "settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Times by the API's clock, ms since the epoch.
struct job {
    char id[ID_SIZE];
    char application_id[ID_SIZE];
    struct fields fields;
    int64_t created_at_ms;
    int64_t updated_at_ms;
    int64_t execution_requested_at_ms; // 0: never
    struct run **runs;                 // oldest runStartedAt first; the runs belong to the model
    size_t run_count;
    size_t run_room;
};

// Starts as all zero.
struct model {
    char (*applications)[ID_SIZE];
    size_t application_count;
    struct job **jobs; // in order of creation
    size_t job_count;
    struct idmap job_by_id;
    struct run **runs; // in order of execution; never forgotten
    size_t run_count;
    size_t run_room;
    struct idmap run_by_id;
};

// The three clocks at one moment.
struct model_now {
    int64_t wall_ms;
    int64_t api_ms;
    int64_t steady_ms;
};

// Which log entries are wanted.
struct model_log_query {
    int64_t limit;
    bool has_since;
    int64_t since_ms;
};

// All functions: under the world's lock.

void model_add_application(struct model *model, const char *application_id);
bool model_has_application(const struct model *model, const char *application_id);

// Adds a job, with the API's defaults for what fields lacks, or replaces the one with that id; fields is emptied.
struct job *model_put_job(struct model *model, const char *application_id, const char *id, struct fields *fields,
                          int64_t api_ms);

// NULL where the application has no such job.
struct job *model_find_job(const struct model *model, const char *application_id, const char *id);

// The job is gone afterwards; its runs stay for the audit, and are found by model_find_run() no more.
void model_drop_job(struct model *model, struct job *job);

// Starts a run of the job with the options (emptied), planned by the settings. The caller fills in who asked.
struct run *model_start_run(struct model *model, struct job *job, struct fields *options, const struct settings *plan,
                            const struct model_now *now, struct chance *chance);

// NULL where there is no such execution.
struct run *model_find_run(const struct model *model, const char *execution_id);

// Writes the job as the API gives it.
void model_write_job(const struct job *job, struct buf *out);

// Writes the array of log entries of the job that the query asks for.
void model_write_logs(const struct job *job, const struct model_log_query *query, const struct settings *settings,
                      int64_t steady_ms, struct chance *chance, struct buf *out);

void model_free(struct model *model);

#endif
