// SPDX-License-Identifier: Apache-2.0
// See watch.h: numbers, readiness, and events. The state's JSON is made in watch_status.c. The loop's thread.
#include "flow/watch.h"
#include "base/digest.h"
#include "base/memory.h"
#include "rules/json_write.h"
#include <inttypes.h>
#include <stdlib.h>

void watch_init(struct watch *watch, struct flow *flow, void (*tell)(void *context, const char *name, struct span json),
                void *context)
{
    *watch = (struct watch){.flow = flow, .tell = tell, .context = context};
}

static void count_jobs(const struct flow *flow, struct metrics_job *jobs)
{
    for (size_t i = 0; i < flow->config->job_count; i++) {
        const char *name = flow->config->jobs[i].name;
        jobs[i].name = name;
        jobs[i].waiting = store_count_some(flow->reader, COMMAND_READY, name, WATCH_COUNT_MAX) +
                          store_count_some(flow->reader, COMMAND_RETRY_WAIT, name, WATCH_COUNT_MAX);
        jobs[i].runs = store_count_some(flow->reader, COMMAND_FOLLOWING, name, WATCH_COUNT_MAX);
    }
}

void watch_metrics(struct watch *watch, const struct watch_facts *facts, struct bytes *out)
{
    const struct flow *flow = watch->flow;
    struct store_counts counts;
    struct metrics_job *jobs = memory_must(calloc(flow->config->job_count, sizeof *jobs));
    struct metrics_view view = {.version = JOBBRIDGE_VERSION,
                                .metrics = *flow->metrics,
                                .started_ms = facts->started_ms,
                                .held_ms = gate_held_ms(flow->gate, flow->now_ms),
                                .in_flight = (int64_t)facts->in_flight,
                                .breaker_open = flow->gate->breaker.open,
                                .broker_connected = facts->broker_connected,
                                .degraded = facts->degraded[0] != '\0',
                                .watchers = facts->watchers,
                                .watchers_dropped = facts->watchers_dropped,
                                .jobs = jobs,
                                .job_count = flow->config->job_count};
    store_tally(flow->store, &view.tally);
    store_counts(flow->store, &counts);
    view.journal_failing = counts.failing;
    view.commits = counts.commits;
    view.commit_failures = counts.failures;
    view.syncs = counts.syncs;
    view.outbox = counts.outbox;
    for (int i = 0; i < METRICS_MESSAGE_COUNT; i++) {
        view.messages[i] = facts->messages[i];
    }
    count_jobs(flow, jobs);
    metrics_write(out, &view);
    free(jobs);
}

static void add_reason(struct bytes *why, const char *text, const char *more)
{
    bytes_add_format(why, "%s%s%s%s", why->len > 0 ? "; " : "", text, more[0] ? ": " : "", more);
}

bool watch_ready(const struct watch *watch, const struct watch_facts *facts, struct bytes *why)
{
    const struct flow *flow = watch->flow;
    struct store_counts counts;
    int64_t held_ms = gate_held_ms(flow->gate, flow->now_ms);
    store_counts(flow->store, &counts);
    if (facts->stopping) {
        add_reason(why, "the bridge is stopping", "");
    }
    if (!facts->broker_connected) {
        add_reason(why, "the broker is not connected", facts->broker_error);
    }
    if (counts.failing) {
        char failure[128];
        store_failure(flow->store, failure, sizeof failure);
        add_reason(why, "the journal cannot be written", failure);
    }
    if (flow->gate->breaker.open || held_ms > 0 || flow->gate->refused > 1) {
        add_reason(why, "calls of the API are held", flow->gate->reason);
    }
    return why->len == 0;
}

// A message of a run or of its log, with the id that tells runs apart.
static void tell_message(const struct watch *watch, int64_t id, const struct store_message *message)
{
    struct bytes json;
    bytes_init(&json, WATCH_EVENT_MAX_BYTES + 64);
    bytes_add_format(&json, "{\"id\":%" PRId64, id);
    const char *name = message->kind == STORE_TOPIC_STATUS ? "run" : "log";
    if (message->payload.len <= WATCH_EVENT_MAX_BYTES) {
        json_put_member_raw(&json, name, message->payload);
    } else {
        json_put_member_int(&json, "bytes", (int64_t)message->payload.len); // too long to show
    }
    bytes_add_char(&json, '}');
    if (bytes_ok(&json)) {
        watch->tell(watch->context, name, bytes_span(&json));
    }
    bytes_free(&json);
}

void watch_committed(struct watch *watch, const struct store_change *change)
{
    int64_t id = change->insert ? change->new_id : change->id;
    for (const struct store_message *message = change->messages; message && id != 0; message = message->next) {
        if (message->kind == STORE_TOPIC_STATUS || message->kind == STORE_TOPIC_LOG) {
            tell_message(watch, id, message);
        }
    }
}

void watch_turn(struct watch *watch, const struct watch_facts *facts)
{
    if (watch->flow->now_ms < watch->next_ms) {
        return;
    }
    struct bytes json;
    bytes_init(&json, WATCH_STATUS_MAX_BYTES);
    watch_status(watch, facts, false, &json);
    uint64_t digest = digest_of(bytes_span(&json));
    if (bytes_ok(&json) && digest != watch->told) {
        watch->told = digest;
        watch->tell(watch->context, "status", bytes_span(&json));
    }
    watch->next_ms = watch->flow->now_ms + WATCH_STATUS_MS;
    bytes_free(&json);
}
