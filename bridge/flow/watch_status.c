// SPDX-License-Identifier: Apache-2.0
// The state of the bridge as one JSON document, from the journal and from what the daemon knows. Every list has a
// bound; what it leaves out is still in the counts. The loop's thread.
#include "base/utf8.h"
#include "flow/watch.h"
#include "rules/json_write.h"
#include "rules/reply.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put_bool(struct bytes *out, const char *name, bool value)
{
    json_put_member_raw(out, name, value ? SPAN("true") : SPAN("false"));
}

static void put_time(struct bytes *out, const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT_BYTES];
    if (wall_ms > 0) {
        json_put_member_text(out, name, span_of(clock_text(wall_ms, text)));
    }
}

// An optional text: absent when empty.
static void put_text(struct bytes *out, const char *name, const char *text)
{
    if (text && text[0]) {
        json_put_member_text(out, name, span_of(text));
    }
}

static void begin(struct bytes *out, const char *name, char bracket)
{
    json_put_key(out, name);
    bytes_add_char(out, bracket);
}

// An element of a list begins: a comma after the one before.
static void begin_element(struct bytes *out)
{
    if (out->len > 0 && out->data[out->len - 1] == '}') {
        bytes_add_char(out, ',');
    }
    bytes_add_char(out, '{');
}

static void put_parts(const struct watch *watch, const struct watch_facts *facts, struct bytes *out)
{
    const struct flow *flow = watch->flow;
    const struct metrics *metrics = flow->metrics;
    struct store_counts counts;
    char failure[128];
    store_counts(flow->store, &counts);
    store_failure(flow->store, failure, sizeof failure);
    begin(out, "broker", '{');
    put_bool(out, "connected", facts->broker_connected);
    put_text(out, "lastError", facts->broker_error);
    put_time(out, "lastErrorAt", metrics->last_error_ms[METRICS_BROKER]);
    bytes_add_char(out, '}');
    begin(out, "api", '{');
    bool held = gate_held_ms(flow->gate, flow->now_ms) > 0 || flow->gate->breaker.open || flow->gate->refused > 1;
    put_bool(out, "held", held);
    json_put_member_text(out, "breaker", span_of(flow->gate->breaker.open ? "open" : "closed"));
    put_text(out, "lastError", flow->gate->reason);
    put_time(out, "lastErrorAt", metrics->last_error_ms[METRICS_API]);
    bytes_add_char(out, '}');
    begin(out, "journal", '{');
    put_bool(out, "writable", !counts.failing);
    put_text(out, "lastError", failure);
    put_time(out, "lastErrorAt", metrics->last_error_ms[METRICS_JOURNAL]);
    json_put_member_int(out, "outbox", counts.outbox);
    bytes_add_char(out, '}');
}

static void put_counts(const struct flow *flow, struct bytes *out)
{
    struct tally tally;
    store_tally(flow->store, &tally);
    begin(out, "commands", '{');
    json_put_member_int(out, "received", tally_all_received(&tally));
    json_put_member_int(out, "accepted", tally_accepted(&tally, -1));
    json_put_member_int(out, "rejected", tally_rejected(&tally, -1));
    json_put_member_int(out, "pending", tally.unanswered);
    bytes_add_char(out, '}');
    json_put_member_int(out, "deadlettersNew", tally.dead); // since the start
    json_put_member_int(out, "runsOpen", tally.following);
    begin(out, "runsEnded", '{');
    for (int i = RUN_SUCCEEDED; i < TALLY_OUTCOMES; i++) {
        json_put_member_int(out, run_outcome_text((enum run_outcome)i), tally.ended[i]);
    }
    bytes_add_char(out, '}');
}

static void put_jobs(const struct flow *flow, struct bytes *out)
{
    begin(out, "jobs", '[');
    for (size_t i = 0; i < flow->config->job_count; i++) {
        const char *name = flow->config->jobs[i].name;
        int64_t waiting = store_count_some(flow->reader, COMMAND_READY, name, WATCH_COUNT_MAX) +
                          store_count_some(flow->reader, COMMAND_RETRY_WAIT, name, WATCH_COUNT_MAX);
        begin_element(out);
        json_put_member_text(out, "name", span_of(name));
        json_put_member_int(out, "waiting", waiting);
        json_put_member_int(out, "open", store_count_some(flow->reader, COMMAND_FOLLOWING, name, WATCH_COUNT_MAX));
        bytes_add_char(out, '}');
    }
    bytes_add_char(out, ']');
}

// Why a command is not answered yet.
static const char *waiting_reason(const struct flow *flow, const struct store_command *command, bool held)
{
    const struct config_job *job = config_job(flow->config, span_of(command->job));
    switch (command->state) {
    case COMMAND_SENT:
        return "at the API";
    case COMMAND_AMBIGUOUS:
        return "its answer was lost: looking for it in the job's log";
    case COMMAND_RETRY_WAIT:
        return held ? "calls of the API are held" : "the call failed and is made again";
    default:
        break;
    }
    if (held) {
        return "calls of the API are held";
    }
    if (job && job->overlap != CONFIG_OVERLAP_PARALLEL && command->action == ACTION_EXECUTE &&
        store_count_some(flow->reader, COMMAND_FOLLOWING, command->job, 1) > 0) {
        return "waits for the end of a run of the job";
    }
    return "waits for its turn";
}

static void put_waiting_command(const struct flow *flow, const struct store_command *command, bool held,
                                struct bytes *out)
{
    char tag[STORE_TAG_BYTES];
    begin_element(out);
    json_put_member_int(out, "id", command->id);
    json_put_member_text(out, "requestId", flow_request_id(command, flow->instance, tag));
    json_put_member_text(out, "job", span_of(command->job));
    json_put_member_text(out, "action", span_of(action_text(command->action)));
    json_put_member_text(out, "state", span_of(command_state_text(command->state)));
    put_time(out, "arrived", command->arrived_ms);
    put_time(out, "expires", command->expires_ms);
    json_put_member_int(out, "attempts", command->attempts);
    json_put_member_text(out, "reason", span_of(waiting_reason(flow, command, held)));
    bytes_add_char(out, '}');
}

static void put_waiting(const struct flow *flow, struct bytes *out)
{
    static const enum command_state states[] = {COMMAND_AMBIGUOUS, COMMAND_RETRY_WAIT, COMMAND_SENT, COMMAND_READY};
    bool held = gate_held_ms(flow->gate, flow->now_ms) > 0 || flow->gate->breaker.open;
    size_t left = WATCH_WAITING_MAX;
    begin(out, "waiting", '[');
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct store_ref refs[WATCH_WAITING_MAX];
        size_t count = store_list_open(flow->reader, states[i], false, refs, left);
        for (size_t k = 0; k < count; k++) {
            struct store_command command;
            if (store_load(flow->reader, refs[k].id, &command) == STATUS_OK) {
                put_waiting_command(flow, &command, held, out);
                store_command_free(&command);
            }
        }
        left -= count;
    }
    bytes_add_char(out, ']');
}

// A run in the shape of its event: {"id", "arrived", "run": as the status message}.
static void put_run(const struct flow *flow, const struct store_command *command, struct bytes *out)
{
    char tag[STORE_TAG_BYTES];
    struct bytes run;
    int64_t at_ms = command->ended_ms ? command->ended_ms : command->done_ms ? command->done_ms : command->arrived_ms;
    struct reply reply = {.request_id = flow_request_id(command, flow->instance, tag),
                          .action = span_of(action_text(command->action)),
                          .job = span_of(command->job),
                          .at_ms = at_ms};
    struct reply_run said = {.execution_id = span_of(command->execution_id),
                             .state = span_of(command->run_state ? command->run_state : "queued"),
                             .seq = command->seq,
                             .summary = span_of(command->summary),
                             .progress = -1,
                             .outcome = command->outcome,
                             .error_type = span_of(command->error_type),
                             .error_message = span_of(command->error_message)};
    bytes_init(&run, WATCH_RUN_MAX_BYTES);
    reply_status(&run, &reply, &said);
    if (!bytes_ok(&run)) {
        bytes_clear(&run);
        said.summary = SPAN_NONE;
        reply_status(&run, &reply, &said);
    }
    if (bytes_ok(&run)) {
        begin_element(out);
        json_put_member_int(out, "id", command->id);
        put_time(out, "arrived", command->arrived_ms);
        json_put_member_raw(out, "run", bytes_span(&run));
        bytes_add_char(out, '}');
    }
    bytes_free(&run);
}

static void put_runs(const struct flow *flow, struct bytes *out)
{
    struct store_ref refs[WATCH_RUNS_MAX + WATCH_ENDED_MAX];
    size_t count = store_list_open(flow->reader, COMMAND_FOLLOWING, true, refs, WATCH_RUNS_MAX);
    count += store_list_ended(flow->reader, refs + count, WATCH_ENDED_MAX);
    begin(out, "runs", '[');
    for (size_t i = 0; i < count; i++) {
        struct store_command command;
        if (store_load(flow->reader, refs[i].id, &command) == STATUS_OK) {
            put_run(flow, &command, out);
            store_command_free(&command);
        }
    }
    bytes_add_char(out, ']');
}

static void put_deadletter(void *context, const struct store_deadletter *letter)
{
    struct bytes *out = context;
    char id[24];
    snprintf(id, sizeof id, "D%lld", (long long)letter->id); // as `jobbridge queue` has it
    begin_element(out);
    json_put_member_text(out, "id", span_of(id));
    put_time(out, "at", letter->at_ms);
    json_put_member_text(out, "topic", (struct span){letter->topic.at, utf8_cut(letter->topic, WATCH_DEAD_TOPIC_MAX)});
    json_put_member_text(out, "payload", letter->payload);
    json_put_member_text(out, "reason", span_of(letter->reason ? letter->reason : ""));
    bytes_add_char(out, '}');
}

void watch_status(const struct watch *watch, const struct watch_facts *facts, bool runs, struct bytes *out)
{
    const struct flow *flow = watch->flow;
    const char *state = facts->stopping || !facts->broker_connected ? "offline"
                        : facts->degraded[0]                        ? "degraded"
                                                                    : "online";
    bytes_add_char(out, '{');
    json_put_member_text(out, "version", span_of(JOBBRIDGE_VERSION));
    json_put_member_text(out, "client", span_of(flow->config->broker.client_id));
    json_put_member_text(out, "state", span_of(state));
    struct bytes why;
    bytes_init(&why, 4096);
    if (!watch_ready(watch, facts, &why) || facts->degraded[0]) {
        put_text(out, "reason", why.len > 0 ? bytes_text(&why) : facts->degraded);
    }
    bytes_free(&why);
    put_time(out, "since", facts->since_ms);
    put_time(out, "started", facts->started_ms);
    put_parts(watch, facts, out);
    put_counts(flow, out);
    put_jobs(flow, out);
    put_waiting(flow, out);
    if (runs) {
        put_runs(flow, out);
    }
    begin(out, "deadletters", '[');
    store_each_deadletter(flow->reader, WATCH_DEAD_MAX, WATCH_DEAD_PAYLOAD_MAX, put_deadletter, out);
    bytes_add_char(out, ']');
    bytes_add_char(out, '}');
}
