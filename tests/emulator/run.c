// SPDX-License-Identifier: Apache-2.0
// The state of a run, computed from its plan and the time. Must never read a clock: the moment is an argument. Pure but
// for run_cancel(), which runs under the world's lock.
#include "run.h"

#include "jsontext.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The share of runMs after which a run that is to fail begins to.
#define ERRORING_PERCENT 80

// The log has the job's numbers and what was executed with, not the job's name and texts.
#define LOGGED_FIELDS                                                                                                  \
    (~((1u << FIELD_NAME) | (1u << FIELD_DESCRIPTION) | (1u << FIELD_DEFAULT_CONTEXT) | (1u << FIELD_DATA_TABLE_ID)))

bool run_is_final(const char *status)
{
    return !strcmp(status, "completed") || !strcmp(status, "errored") || !strcmp(status, "canceled");
}

static int64_t scale(int64_t value, int64_t part, int64_t whole)
{
    // In two steps, so that no product is larger than 64 bits; part and whole are times in ms.
    return whole == 0 ? value : value / whole * part + value % whole * part / whole;
}

static struct run_summary summarise(const struct run *run, int64_t done)
{
    const struct settings *plan = &run->plan;
    int64_t left = plan->iterations - done;
    int64_t at_once = run->fields.number[FIELD_MAX_ITERATION_CONCURRENCY];
    struct run_summary summary = {
        .failed = scale(plan->failed, done, plan->iterations),
        .timed_out = scale(plan->timed_out, done, plan->iterations),
        .in_progress = left < at_once ? left : at_once,
    };

    summary.succeeded = done - summary.failed - summary.timed_out;
    summary.remaining = left - summary.in_progress;
    return summary;
}

// Iterations in progress have ended up nowhere once the run has stopped: they count as remaining.
static void stop_iterations(struct run_summary *summary)
{
    summary->remaining += summary->in_progress;
    summary->in_progress = 0;
}

static void set_status(struct run_view *view, const char *status)
{
    snprintf(view->status, sizeof view->status, "%s", status);
}

// Both times in ms after the run's start.
static void look_advancing(const struct run *run, int64_t age_ms, struct run_view *view)
{
    const struct settings *plan = &run->plan;
    int64_t age = age_ms - plan->log_delay_ms;
    int64_t stop = plan->ends == ENDS_ERRORED ? scale(plan->run_ms, ERRORING_PERCENT, 100) : plan->run_ms;
    bool stopped = age >= stop && plan->ends != ENDS_NEVER;
    int64_t done = scale(plan->iterations, age < stop ? age : stop, plan->run_ms);
    int64_t changed = scale(plan->run_ms, done, plan->iterations == 0 ? 1 : plan->iterations);

    if (age < 0) {
        age = done = changed = 0;
    }
    if (plan->ends == ENDS_NEVER && done >= plan->iterations && plan->iterations > 0) {
        done = plan->iterations - 1;
        changed = scale(plan->run_ms, done, plan->iterations);
    }
    view->summary = summarise(run, done);
    set_status(view, "inProgress");
    if (stopped && plan->ends == ENDS_COMPLETED) {
        set_status(view, "completed");
        view->completed_at_ms = run->started_at_ms + plan->log_delay_ms + plan->run_ms;
        changed = plan->run_ms;
    } else if (stopped) {
        set_status(view, age >= plan->run_ms ? "errored" : "erroring");
        view->completed_at_ms = age >= plan->run_ms ? run->started_at_ms + plan->log_delay_ms + plan->run_ms : 0;
        changed = age >= plan->run_ms ? plan->run_ms : stop;
        stop_iterations(&view->summary);
    }
    view->changed_at_ms = run->started_at_ms + plan->log_delay_ms + changed;
}

static void look_canceled(const struct run *run, int64_t steady_ms, struct run_view *view)
{
    int64_t since_cancel = steady_ms - run->cancel_steady_ms;
    int64_t cancel_at = run->started_at_ms + run->cancel_steady_ms - run->started_steady_ms;

    view->summary = run->cancel_summary;
    set_status(view, "canceling");
    view->changed_at_ms = cancel_at;
    view->completed_at_ms = 0;
    if (since_cancel >= run->plan.cancel_ms) {
        set_status(view, "canceled");
        view->completed_at_ms = view->changed_at_ms = cancel_at + run->plan.cancel_ms;
        stop_iterations(&view->summary);
    }
}

void run_look(const struct run *run, int64_t steady_ms, struct run_view *view)
{
    int64_t age_ms = steady_ms - run->started_steady_ms;

    *view = run->view;
    if (run->cancel_steady_ms != 0) {
        look_canceled(run, steady_ms, view);
    } else if (!run->forced) {
        look_advancing(run, age_ms, view);
    }
    view->visible = !run->hidden && (run->forced || age_ms >= run->plan.log_delay_ms);
}

void run_cancel(struct run *run, int64_t steady_ms, const char *source_id)
{
    struct run_view view;

    run_look(run, steady_ms, &view);
    if (strcmp(view.status, "inProgress") != 0) {
        return;
    }
    run->cancel_steady_ms = steady_ms;
    run->cancel_summary = view.summary;
    snprintf(run->cancel_source_id, sizeof run->cancel_source_id, "%s", source_id);
}

static void write_summary(const struct run_summary *summary, struct buf *out)
{
    buf_key(out, "executionSummary");
    buf_puts(out, "{");
    buf_integer(out, "succeeded", summary->succeeded);
    buf_integer(out, "failed", summary->failed);
    buf_integer(out, "timedOut", summary->timed_out);
    buf_integer(out, "inProgress", summary->in_progress);
    buf_integer(out, "remaining", summary->remaining);
    buf_puts(out, "}");
}

static void write_context(const char *context, bool reserialise, struct buf *out)
{
    struct buf text = {0};
    char kind;

    // A defaultContext may be any text; what is not JSON stays as it is.
    if (reserialise && context && jsontext_valid(context, strlen(context), true, &kind)) {
        jsontext_rewrite(context, &text);
        context = text.text;
    }
    buf_text(out, "templateContext", context);
    buf_free(&text);
}

void run_write(const struct run *run, const struct run_view *view, bool reserialise, struct buf *out)
{
    buf_puts(out, "{");
    buf_text(out, "id", run->log_id);
    buf_text(out, "applicationId", run->application_id);
    buf_text(out, "resourceJobExecutionId", run->id);
    buf_text(out, "resourceJobId", run->resource_job_id);
    if (run->fields.number[FIELD_MAX_ITERATION_CONCURRENCY] == 1) {
        buf_text(out, "accumulator", "{}"); // parallel iterations accumulate nothing
    }
    buf_text(out, "status", view->status);
    buf_text(out, "sourceType", run->source_type);
    buf_text(out, "sourceId", run->source_id);
    if (run->cancel_source_id[0] != '\0') {
        buf_text(out, "cancelSourceType", "apiToken");
        buf_text(out, "cancelSourceId", run->cancel_source_id);
    }
    buf_time(out, "runStartedAt", run->started_at_ms);
    if (view->completed_at_ms != 0) {
        buf_time(out, "runCompletedAt", view->completed_at_ms);
        buf_key(out, "executionReportUrl");
        buf_printf(out, "\"https://reports.example.com/resource-jobs/%s/%s.csv\"", run->resource_job_id, run->id);
    }
    write_context(fields_text(&run->fields, FIELD_TEMPLATE_CONTEXT), reserialise, out);
    fields_write(&run->fields, LOGGED_FIELDS & ~(1u << FIELD_TEMPLATE_CONTEXT), out);
    write_summary(&view->summary, out);
    buf_puts(out, "}");
}

void run_free(struct run *run)
{
    fields_free(&run->fields);
    free(run->token);
    free(run);
}
