// SPDX-License-Identifier: Apache-2.0
// See flow.h. Must never publish anything by itself: a message is a row that is committed with the change it tells of.
#include "flow/flow.h"
#include "base/log.h"
#include "base/memory.h"
#include "rules/reply.h"
#include "rules/route.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void flow_call_ended(struct flow *flow, enum action call, bool repeated, const struct http_response *response,
                     struct outcome *outcome)
{
    struct outcome_input input = {.action = call,
                                  .repeated = repeated,
                                  .transport = response->transport,
                                  .http_status = response->status,
                                  .body = response->body,
                                  .retry_after = response->retry_after,
                                  .wall_ms = flow->wall_ms};
    outcome_decide(&input, outcome);
    if (response->error[0]) {
        snprintf(outcome->error_message, sizeof outcome->error_message, "%s", response->error);
    }
    gate_clock(flow->gate, outcome_http_date_ms(response->date), flow->now_ms);
    gate_ended(flow->gate, outcome, flow->now_ms, random_next(flow->random));
    metrics_call(flow->metrics, call, response->transport, response->status, response->took_us);
    if (outcome->kind != OUTCOME_DONE && outcome->kind != OUTCOME_REFUSED) {
        flow->metrics->last_error_ms[METRICS_API] = flow->wall_ms;
    }
}

struct span flow_request_id(const struct store_command *command, const char *instance, char tag[STORE_TAG_BYTES])
{
    if (command->request_id || command->foreign) {
        return span_of(command->request_id);
    }
    store_tag(instance, command->id, tag);
    return span_of(tag);
}

struct store_change *flow_change(const struct store_command *command, enum command_state to)
{
    if (command->state != to && !command_move_legal(command->state, to)) {
        LOG_ERROR("illegal move of a command", LOG_INT("id", command->id),
                  LOG_TEXT("from", command_state_text(command->state)), LOG_TEXT("to", command_state_text(to)));
        assert(!"illegal move of a command");
    }
    struct store_change *change = memory_must(store_change_new());
    change->id = command->id;
    change->from = command->state;
    change->action = command->action;
    change->to = to;
    change->seq = command->seq;
    return change;
}

void flow_set_error(struct store_change *change, const char *type, const char *message, int http_status)
{
    change->fields |= STORE_SET_RESULT;
    change->http_status = http_status;
    change->error_type = type ? memory_must(strdup(type)) : NULL;
    change->error_message = message ? memory_must(strdup(message)) : NULL;
}

struct flow_tell flow_telling(const struct flow *flow)
{
    return (struct flow_tell){flow->instance, flow->wall_ms, flow->config->broker.retain};
}

static void add_message(struct store_change *change, const struct store_command *command, struct flow_tell tell,
                        enum store_topic kind, const char *execution_id, struct bytes *payload, bool retain,
                        int64_t progress_of)
{
    char tag[STORE_TAG_BYTES];
    struct bytes topic;
    bytes_init(&topic, TOPIC_MAX_BYTES + (size_t)COMMAND_REQUEST_ID_MAX * 4);
    route_put_ids(store_command_topic(command, kind), flow_request_id(command, tell.instance, tag),
                  span_of(execution_id), &topic);
    memory_check(bytes_ok(&topic) && bytes_ok(payload));
    bool answer = kind == STORE_TOPIC_ACCEPTED || kind == STORE_TOPIC_REJECTED;
    struct store_message *message = memory_must(store_message_new(
        bytes_span(&topic), bytes_span(payload), retain, answer ? command->correlation : SPAN_NONE, progress_of));
    message->kind = kind;
    struct store_message **last = &change->messages;
    while (*last) {
        last = &(*last)->next;
    }
    *last = message;
    bytes_free(&topic);
    bytes_free(payload);
}

static struct reply begin_reply(const struct store_command *command, struct flow_tell tell, char tag[STORE_TAG_BYTES])
{
    return (struct reply){.request_id = flow_request_id(command, tell.instance, tag),
                          .action = span_of(action_text(command->action)),
                          .job = span_of(command->job),
                          .at_ms = tell.wall_ms};
}

void flow_tell_accepted(struct flow_tell tell, struct store_change *change, const struct store_command *command,
                        const char *execution_id, int http_status, struct span body)
{
    char tag[STORE_TAG_BYTES];
    struct reply reply = begin_reply(command, tell, tag);
    struct bytes payload;
    bytes_init(&payload, REPLY_MAX_BYTES);
    reply_accepted(&payload, &reply, span_of(execution_id), http_status, body);
    add_message(change, command, tell, STORE_TOPIC_ACCEPTED, execution_id, &payload, false, 0);
}

void flow_tell_rejected(struct flow_tell tell, struct store_change *change, const struct store_command *command,
                        const char *type, const char *message, int http_status)
{
    char tag[STORE_TAG_BYTES];
    struct reply reply = begin_reply(command, tell, tag);
    struct bytes payload;
    bytes_init(&payload, REPLY_MAX_BYTES);
    reply_rejected(&payload, &reply, span_of(type), span_of(message), http_status);
    add_message(change, command, tell, STORE_TOPIC_REJECTED, "", &payload, false, 0);
}

void flow_tell_status(struct flow_tell tell, struct store_change *change, const struct store_command *command,
                      const struct flow_run *run)
{
    char tag[STORE_TAG_BYTES];
    struct reply reply = begin_reply(command, tell, tag);
    change->seq = command->seq + 1;
    change->outcome = run->outcome;
    free(change->run_state);
    free(change->summary);
    change->run_state = memory_must(strdup(run->state));
    change->summary = run->summary.len > 0 ? memory_must(span_dup(run->summary)) : NULL;
    struct reply_run said = {.execution_id = span_of(run->execution_id),
                             .state = span_of(run->state),
                             .seq = change->seq,
                             .summary = run->summary,
                             .progress = run->progress,
                             .outcome = run->outcome,
                             .error_type = span_of(run->error_type),
                             .error_message = span_of(run->error_message)};
    struct bytes payload;
    bytes_init(&payload, REPLY_MAX_BYTES);
    reply_status(&payload, &reply, &said);
    add_message(change, command, tell, STORE_TOPIC_STATUS, run->execution_id, &payload, tell.retain,
                run->progress_only ? command->id : 0);
}

void flow_tell_log(struct flow_tell tell, struct store_change *change, const struct store_command *command,
                   const char *execution_id, struct span entry)
{
    char tag[STORE_TAG_BYTES];
    struct reply reply = begin_reply(command, tell, tag);
    struct bytes payload;
    bytes_init(&payload, REPLY_MAX_BYTES);
    reply_log(&payload, &reply, span_of(execution_id), entry);
    add_message(change, command, tell, STORE_TOPIC_LOG, execution_id, &payload, false, 0);
}

void flow_log_accepted(struct flow_tell tell, const struct store_command *command, const char *execution_id,
                       int http_status)
{
    char tag[STORE_TAG_BYTES];
    LOG_INFO("command accepted", LOG_INT("id", command->id),
             LOG_SPAN("request", flow_request_id(command, tell.instance, tag)), LOG_TEXT("job", command->job),
             LOG_TEXT("action", action_text(command->action)), LOG_TEXT("execution", execution_id),
             LOG_INT("status", http_status), LOG_INT("attempts", command->attempts));
}

struct store_change *flow_refuse_as(struct flow_tell tell, const struct store_command *command, enum command_state to,
                                    const char *state, const char *type, const char *message, int http_status)
{
    struct store_change *change = flow_change(command, to);
    flow_set_error(change, type, message, http_status);
    change->done_ms = tell.wall_ms;
    change->ended_ms = tell.wall_ms;
    flow_tell_rejected(tell, change, command, type, message, http_status);
    if (command->action == ACTION_EXECUTE) {
        struct flow_run run = {
            .execution_id = "",
            .state = state,
            .progress = -1,
            .outcome = to == COMMAND_UNKNOWN    ? RUN_UNKNOWN
                       : to == COMMAND_CANCELED ? RUN_CANCELED
                                                : RUN_FAILED,
            .error_type = type,
            .error_message = message,
        };
        flow_tell_status(tell, change, command, &run);
    }
    char tag[STORE_TAG_BYTES];
    LOG_INFO("command rejected", LOG_INT("id", command->id),
             LOG_SPAN("request", flow_request_id(command, tell.instance, tag)), LOG_TEXT("job", command->job),
             LOG_TEXT("action", action_text(command->action)), LOG_TEXT("type", type), LOG_INT("status", http_status),
             LOG_INT("attempts", command->attempts), LOG_TEXT("why", message));
    return change;
}

struct store_change *flow_refuse(const struct flow *flow, const struct store_command *command, enum command_state to,
                                 const char *state, const char *type, const char *message, int http_status)
{
    return flow_refuse_as(flow_telling(flow), command, to, state, type, message, http_status);
}

struct store_change *flow_give_up(struct flow_tell tell, const struct store_command *run, const char *message)
{
    struct store_change *change = flow_change(run, COMMAND_FINISHED);
    struct flow_run said = {.execution_id = run->execution_id,
                            .state = "unknown",
                            .summary = span_of(run->summary),
                            .progress = -1,
                            .outcome = RUN_UNKNOWN,
                            .error_type = "OutcomeUnknown",
                            .error_message = message};
    flow_tell_status(tell, change, run, &said);
    change->fields = STORE_SET_RUN;
    change->entry_digest = run->entry_digest;
    change->ended_ms = tell.wall_ms;
    LOG_WARNING("run given up", LOG_INT("id", run->id), LOG_TEXT("job", run->job),
                LOG_TEXT("execution", run->execution_id), LOG_TEXT("why", message));
    return change;
}

struct store_change *flow_started(const struct flow *flow, const struct store_command *command,
                                  const char *execution_id, int http_status)
{
    struct store_change *change = flow_change(command, command->follow ? COMMAND_FOLLOWING : COMMAND_DONE);
    flow_set_error(change, NULL, NULL, http_status);
    change->done_ms = flow->wall_ms;
    change->ended_ms = command->follow ? 0 : flow->wall_ms;
    change->server_ms = gate_server_ms(flow->gate, flow->now_ms - (flow->wall_ms - command->sent_ms));
    memcpy(change->execution_id, execution_id, strlen(execution_id) + 1);
    flow_tell_accepted(flow_telling(flow), change, command, execution_id, 0, SPAN_NONE);
    struct flow_run run = {.execution_id = execution_id, .state = "queued", .progress = 0};
    flow_tell_status(flow_telling(flow), change, command, &run);
    flow_log_accepted(flow_telling(flow), command, execution_id, http_status);
    return change;
}

void flow_submit(const struct flow *flow, struct store_change *change,
                 void (*done)(struct store_change *change, void *context), void *context)
{
    change->done = done;
    change->context = context;
    store_submit(flow->store, change);
}
