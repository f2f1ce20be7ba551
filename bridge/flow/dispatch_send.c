// SPDX-License-Identifier: Apache-2.0
// A command under way: SENT is committed, then the request leaves, then what its answer means is committed together
// with what is told of it. Must never let a request leave before the commit of SENT. The loop's thread.
#include "base/log.h"
#include "base/memory.h"
#include "flow/dispatch_internal.h"
#include "rules/backoff.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum http_method method;
    const char *suffix;
} calls[ACTION_COUNT] = {
    [ACTION_EXECUTE] = {HTTP_POST, "/execute"},
    [ACTION_CANCEL_EXECUTION] = {HTTP_POST, "/cancelExecution"},
    [ACTION_GET] = {HTTP_GET, ""},
    [ACTION_LOGS] = {HTTP_GET, "/logs"},
    [ACTION_PATCH] = {HTTP_PATCH, ""},
    [ACTION_DELETE] = {HTTP_DELETE, ""},
};

struct attempt *attempt_find(struct dispatch *dispatch, int64_t id)
{
    for (struct attempt *attempt = dispatch->attempts; attempt; attempt = attempt->next) {
        if (attempt->command.id == id) {
            return attempt;
        }
    }
    return NULL;
}

void attempt_free(struct attempt *attempt)
{
    bytes_free(&attempt->body);
    store_command_free(&attempt->command);
    free(attempt);
}

static void forget(struct attempt *attempt)
{
    struct dispatch *dispatch = attempt->dispatch;
    struct attempt **at = &dispatch->attempts;
    while (*at && *at != attempt) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = attempt->next;
        dispatch->attempt_count--;
    }
    attempt_free(attempt);
}

static void set_retrying(struct attempt *attempt, bool retrying)
{
    bool now = retrying && attempt->command.action == ACTION_EXECUTE; // others change nothing, or are barriers
    attempt->line->retrying += (size_t)now - (size_t)attempt->retrying;
    attempt->retrying = now;
}

// The command is nobody's business in its line any more.
void attempt_settle(struct attempt *attempt)
{
    struct line *line = attempt->line;
    set_retrying(attempt, false);
    line->active--;
    line->executes -= attempt->command.action == ACTION_EXECUTE;
    line->barrier = line->barrier && !action_is_barrier(attempt->command.action);
    line->blocked_until_ms = 0;
    forget(attempt);
}

static void after_settled(struct store_change *change, void *context)
{
    struct attempt *attempt = context;
    struct dispatch *dispatch = attempt->dispatch;
    if (change->applied && change->to == COMMAND_FOLLOWING) {
        dispatch->next.follow(dispatch->next.context, change->id, attempt->line->job);
    }
    attempt_settle(attempt);
}

// An ambiguous command stays active in its line; only this stage lets go of it.
static void after_ambiguous(struct store_change *change, void *context)
{
    struct attempt *attempt = context;
    struct dispatch *dispatch = attempt->dispatch;
    if (!change->applied) {
        attempt_settle(attempt);
        return;
    }
    dispatch->next.ambiguous(dispatch->next.context, change->id, attempt->line->job);
    forget(attempt);
}

static void after_retry(struct store_change *change, void *context)
{
    struct attempt *attempt = context;
    if (!change->applied) {
        attempt_settle(attempt);
        return;
    }
    attempt->command.state = COMMAND_RETRY_WAIT;
    attempt->phase = ATTEMPT_WAITING;
}

static void settle(struct attempt *attempt, struct store_change *change,
                   void (*after)(struct store_change *change, void *context))
{
    attempt->phase = ATTEMPT_SETTLING;
    flow_submit(attempt->dispatch->flow, change, after, attempt);
}

static void finish_done(struct attempt *attempt, const struct outcome *outcome, const struct http_response *response)
{
    const struct flow *flow = attempt->dispatch->flow;
    const struct store_command *command = &attempt->command;
    if (command->action == ACTION_EXECUTE) {
        settle(attempt, flow_started(flow, command, outcome->execution_id, response->status), after_settled);
        return;
    }
    struct store_change *change = flow_change(command, COMMAND_DONE);
    flow_set_error(change, NULL, NULL, response->status);
    change->done_ms = change->ended_ms = flow->wall_ms;
    memcpy(change->execution_id, command->execution_id, sizeof change->execution_id); // found out for `of`
    if (command->request_id) {
        change->answer = memory_must(span_dup(response->body)); // for the same request again
    }
    flow_tell_accepted(flow_telling(flow), change, command, command->execution_id, response->status, response->body);
    flow_log_accepted(flow_telling(flow), command, command->execution_id, response->status);
    settle(attempt, change, after_settled);
}

static void finish_refused(struct attempt *attempt, const struct outcome *outcome, int http_status)
{
    settle(attempt,
           flow_refuse(attempt->dispatch->flow, &attempt->command, COMMAND_REFUSED, "rejected", outcome->error_type,
                       outcome->error_message, http_status),
           after_settled);
}

static void finish_retry(struct attempt *attempt, const struct outcome *outcome)
{
    const struct flow *flow = attempt->dispatch->flow;
    const struct config_api *api = &flow->config->api;
    int64_t wait_ms = 0; // after a 401 the gate alone decides
    if (outcome->kind != OUTCOME_UNAUTHORIZED) {
        wait_ms = backoff_ms(api->retry_base_ms, api->retry_max_ms, (uint32_t)attempt->command.attempts,
                             random_next(flow->random));
        wait_ms = outcome->retry_after_ms > wait_ms ? outcome->retry_after_ms : wait_ms;
    }
    attempt->due_ms = flow->now_ms + wait_ms;
    LOG_WARNING("call failed, trying again", LOG_TEXT("job", attempt->command.job),
                LOG_TEXT("type", outcome->error_type), LOG_TEXT("why", outcome->error_message),
                LOG_INT("id", attempt->command.id), LOG_INT("wait_ms", wait_ms));
    set_retrying(attempt, true);
    settle(attempt, flow_change(&attempt->command, COMMAND_RETRY_WAIT), after_retry);
}

static void finish_ambiguous(struct attempt *attempt, const struct outcome *outcome)
{
    const struct flow *flow = attempt->dispatch->flow;
    struct store_change *change = flow_change(&attempt->command, COMMAND_AMBIGUOUS);
    LOG_WARNING("answer lost, finding out what happened", LOG_TEXT("job", attempt->command.job),
                LOG_TEXT("type", outcome->error_type), LOG_TEXT("why", outcome->error_message),
                LOG_INT("id", attempt->command.id));
    if (!attempt->command.pended) {
        struct flow_run run = {.execution_id = "", .state = "pending", .progress = 0};
        change->fields |= STORE_SET_PENDED;
        flow_tell_status(flow_telling(flow), change, &attempt->command, &run);
    }
    settle(attempt, change, after_ambiguous);
}

static void take_answer(void *context, int64_t tag, const struct http_response *response)
{
    struct attempt *attempt = context;
    struct dispatch *dispatch = attempt->dispatch;
    struct flow *flow = dispatch->flow;
    struct outcome outcome;
    (void)tag;
    flow_call_ended(flow, attempt->command.action, attempt->command.attempts > 1, response, &outcome);
    switch (outcome.kind) {
    case OUTCOME_DONE:
        finish_done(attempt, &outcome, response);
        break;
    case OUTCOME_REFUSED:
        finish_refused(attempt, &outcome, response->status);
        break;
    case OUTCOME_AMBIGUOUS:
        finish_ambiguous(attempt, &outcome);
        break;
    case OUTCOME_UNAUTHORIZED:
        dispatch->next.unauthorized(dispatch->next.context);
        finish_retry(attempt, &outcome);
        break;
    case OUTCOME_RETRY:
        finish_retry(attempt, &outcome);
        break;
    }
}

static void make_path(const struct store_command *command, struct bytes *path)
{
    bytes_add_format(path, "/applications/%s/resource-jobs/%s%s", command->application_id, command->resource_job_id,
                     calls[command->action].suffix);
    if (command->action == ACTION_CANCEL_EXECUTION) {
        bytes_add_format(path, "?executionId=%s", command->execution_id);
    } else if (command->query && command->query[0]) {
        bytes_add_format(path, "?%s", command->query);
    }
}

static void send_request(struct attempt *attempt)
{
    const struct store_command *command = &attempt->command;
    struct bytes path;
    bytes_init(&path, HTTP_URL_MAX_BYTES);
    make_path(command, &path);
    struct http_request request = {.method = calls[command->action].method,
                                   .path = bytes_text(&path),
                                   .body = bytes_span(&attempt->body),
                                   .tag = command->id,
                                   .done = take_answer,
                                   .context = attempt};
    memory_check(bytes_ok(&path) && http_send(attempt->dispatch->flow->http, &request) == STATUS_OK);
    attempt->phase = ATTEMPT_IN_FLIGHT;
    bytes_free(&path);
}

static void after_sent(struct store_change *change, void *context)
{
    struct attempt *attempt = context;
    struct flow *flow = attempt->dispatch->flow;
    if (!change->applied) { // somebody dropped it meanwhile: nothing has left
        breaker_forget(&flow->gate->breaker);
        flow->gate->in_flight--;
        attempt_settle(attempt);
        return;
    }
    attempt->command.state = COMMAND_SENT;
    attempt->command.attempts++;
    attempt->command.sent_ms = change->sent_ms;
    send_request(attempt);
}

static void submit_sent(struct attempt *attempt)
{
    struct flow *flow = attempt->dispatch->flow;
    struct store_change *change = flow_change(&attempt->command, COMMAND_SENT);
    change->fields = STORE_SET_SENT;
    change->sent_ms = flow->wall_ms;
    change->server_ms = gate_server_ms(flow->gate, flow->now_ms);
    change->marked = attempt->marked;
    attempt->phase = ATTEMPT_COMMITTING;
    gate_started(flow->gate, flow->now_ms);
    flow_submit(flow, change, after_sent, attempt);
}

void attempt_start(struct dispatch *dispatch, struct attempt *attempt)
{
    struct line *line = attempt->line;
    attempt->next = dispatch->attempts;
    dispatch->attempts = attempt;
    dispatch->attempt_count++;
    line->active++;
    line->executes += attempt->command.action == ACTION_EXECUTE;
    line->barrier = line->barrier || action_is_barrier(attempt->command.action);
    submit_sent(attempt);
}

// The time of a waiting attempt has come, and the gate is open: one commit takes it back to READY and on to SENT.
void attempt_retry(struct dispatch *dispatch, struct attempt *attempt)
{
    flow_submit(dispatch->flow, flow_change(&attempt->command, COMMAND_READY), NULL, NULL);
    attempt->command.state = COMMAND_READY;
    set_retrying(attempt, false);
    submit_sent(attempt);
}
