// SPDX-License-Identifier: Apache-2.0
// Whether the next command of a job may start, and with what request: expiry, barriers, overlap, a cancelExecution by
// requestId, the status of the bridge's own, the job's default context and the marker. The loop's thread.
#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "flow/dispatch_internal.h"
#include "rules/backoff.h"
#include "rules/json.h"
#include "rules/translate.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_RUNS_MAX         100  // unfinished executions that the answer of `status` lists
#define REPLY_DROPPED_MAX_BYTES 4096 // {"dropped": requestId}

static const struct config_job *find_job(const struct dispatch *dispatch, const struct line *line)
{
    return config_job(dispatch->flow->config, span_of(line->job));
}

static void submit(struct dispatch *dispatch, struct store_change *change)
{
    flow_submit(dispatch->flow, change, NULL, NULL);
}

static void refuse(struct dispatch *dispatch, const struct store_command *command, enum command_state to,
                   const char *type, const char *message)
{
    const char *state = to == COMMAND_EXPIRED ? "expired" : to == COMMAND_CANCELED ? "canceled" : "rejected";
    submit(dispatch, flow_refuse(dispatch->flow, command, to, state, type, message, 0));
}

static void accept(struct dispatch *dispatch, const struct store_command *command, struct span body)
{
    struct store_change *change = flow_change(command, COMMAND_DONE);
    flow_set_error(change, NULL, NULL, 0);
    change->done_ms = change->ended_ms = dispatch->flow->wall_ms;
    change->answer = command->request_id ? memory_must(span_dup(body)) : NULL;
    flow_tell_accepted(flow_telling(dispatch->flow), change, command, "", 0, body);
    flow_log_accepted(flow_telling(dispatch->flow), command, "", 0);
    submit(dispatch, change);
}

static void put_run(struct bytes *out, const struct flow *flow, const struct store_command *command)
{
    char tag[STORE_TAG_BYTES];
    char at[CLOCK_TEXT_BYTES];
    bytes_add_char(out, '{');
    json_put_member_text(out, "requestId", flow_request_id(command, flow->instance, tag));
    if (command->execution_id[0]) {
        json_put_member_text(out, "executionId", span_of(command->execution_id));
    }
    json_put_member_text(out, "state", span_of(command->run_state ? command->run_state : "pending"));
    json_put_member_int(out, "seq", command->seq);
    if (command->summary) {
        json_put_member_raw(out, "summary", span_of(command->summary));
    }
    if (command->outcome != RUN_NONE) {
        json_put_member_text(out, "outcome", span_of(run_outcome_text(command->outcome)));
    }
    json_put_member_text(out, "arrived", span_of(clock_text(command->arrived_ms, at)));
    bytes_add_char(out, '}');
}

static size_t put_open_runs(struct bytes *out, const struct flow *flow, const char *job, enum command_state state,
                            size_t already)
{
    struct store_ref refs[STATUS_RUNS_MAX];
    size_t count = store_list(flow->reader, state, job, 0, refs, STATUS_RUNS_MAX);
    for (size_t i = 0; i < count && already < STATUS_RUNS_MAX; i++) {
        struct store_command run;
        if (refs[i].action != ACTION_EXECUTE || store_load(flow->reader, refs[i].id, &run) != STATUS_OK) {
            continue;
        }
        if (already++ > 0) {
            bytes_add_char(out, ',');
        }
        put_run(out, flow, &run);
        store_command_free(&run);
    }
    return already;
}

// `status`: what the journal knows of the job.
static void answer_status(struct dispatch *dispatch, const struct store_command *command)
{
    static const enum command_state open[] = {COMMAND_FOLLOWING, COMMAND_AMBIGUOUS, COMMAND_SENT, COMMAND_RETRY_WAIT,
                                              COMMAND_READY};
    struct flow *flow = dispatch->flow;
    struct bytes body;
    struct store_command last;
    size_t count = 0;
    bytes_init(&body, HTTP_RESPONSE_MAX_BYTES);
    bytes_add_text(&body, "{\"unfinished\":[");
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
        count = put_open_runs(&body, flow, command->job, open[i], count);
    }
    bytes_add_text(&body, "],\"last\":");
    if (store_last_finished(flow->reader, command->job, &last) == STATUS_OK) {
        put_run(&body, flow, &last);
        store_command_free(&last);
    } else {
        bytes_add_text(&body, "null");
    }
    bytes_add_char(&body, '}');
    memory_check(bytes_ok(&body));
    accept(dispatch, command, bytes_span(&body));
    bytes_free(&body);
}

static enum status find_target(struct dispatch *dispatch, const struct store_command *command,
                               struct store_command *target)
{
    struct flow *flow = dispatch->flow;
    enum status rc = store_find_request(flow->reader, command->context ? command->context : "", command->of, target);
    int64_t id = rc == STATUS_NOT_FOUND ? store_tag_id(flow->instance, span_of(command->of)) : 0;
    if (id != 0) {
        rc = store_load(flow->reader, id, target);
    }
    if (rc == STATUS_OK && (target->action != ACTION_EXECUTE || strcmp(target->job, command->job) != 0)) {
        store_command_free(target);
        rc = STATUS_NOT_FOUND;
    }
    return rc;
}

static void drop_waiting(struct dispatch *dispatch, const struct store_command *command,
                         const struct store_command *target)
{
    struct bytes body;
    struct attempt *waiting = attempt_find(dispatch, target->id);
    refuse(dispatch, target, COMMAND_CANCELED, "Canceled", "canceled before it was sent");
    if (waiting) {
        attempt_settle(waiting); // it would hold its line until its time had come
    }
    bytes_init(&body, REPLY_DROPPED_MAX_BYTES);
    bytes_add_char(&body, '{');
    json_put_member_text(&body, "dropped", span_of(command->of));
    bytes_add_char(&body, '}');
    memory_check(bytes_ok(&body));
    accept(dispatch, command, bytes_span(&body));
    bytes_free(&body);
}

bool drop_target(struct dispatch *dispatch, const struct store_command *command)
{
    struct store_command target;
    if (!command->of || find_target(dispatch, command, &target) != STATUS_OK) {
        return false;
    }
    // One that is under way may be a commit ahead of what the reader sees.
    const struct attempt *attempt = attempt_find(dispatch, target.id);
    bool waiting = (target.state == COMMAND_READY || target.state == COMMAND_RETRY_WAIT) &&
                   (!attempt || attempt->phase == ATTEMPT_WAITING);
    if (waiting) {
        drop_waiting(dispatch, command, &target);
    }
    store_command_free(&target);
    return waiting;
}

bool answer_at_once(struct dispatch *dispatch, const struct store_command *command)
{
    for (size_t i = 0; i < DISPATCH_ANSWERED_MAX; i++) {
        if (dispatch->answered[i] == command->id) {
            return true; // and the reader may be a commit behind
        }
    }
    bool answered = command->action == ACTION_STATUS;
    if (answered) {
        answer_status(dispatch, command);
    } else if (command->action == ACTION_CANCEL_EXECUTION) {
        answered = drop_target(dispatch, command);
    }
    if (answered) {
        dispatch->answered[dispatch->next_answered++ % DISPATCH_ANSWERED_MAX] = command->id;
    }
    return answered;
}

// cancelExecution by requestId: the execution that it means, once there is one.
static enum prepared resolve_target(struct dispatch *dispatch, struct store_command *command)
{
    struct store_command target;
    if (find_target(dispatch, command, &target) != STATUS_OK) {
        refuse(dispatch, command, COMMAND_REFUSED, "NotFound", "of: no execute has that requestId here");
        return PREPARED_DROPPED;
    }
    enum prepared result = PREPARED;
    if (target.state == COMMAND_SENT || target.state == COMMAND_AMBIGUOUS || attempt_find(dispatch, target.id)) {
        result = PREPARED_BLOCKED;
    } else if (!target.execution_id[0]) {
        refuse(dispatch, command, COMMAND_REFUSED, "NotFound", "of: that execute was never started");
        result = PREPARED_DROPPED;
    }
    memcpy(command->execution_id, target.execution_id, sizeof command->execution_id);
    store_command_free(&target);
    return result;
}

static void ignore_answer(void *context, int64_t tag, const struct http_response *response)
{
    struct dispatch *dispatch = context;
    struct outcome outcome;
    (void)tag;
    flow_call_ended(dispatch->flow, ACTION_CANCEL_EXECUTION, false, response, &outcome);
}

// overlap = cancel-previous: asks the API to end every unfinished run of the job; it is asked again until they have
// ended.
static void cancel_open_runs(struct dispatch *dispatch, struct line *line)
{
    struct flow *flow = dispatch->flow;
    struct store_ref refs[STATUS_RUNS_MAX];
    if (line->cancel_sent_ms != 0 && flow->now_ms - line->cancel_sent_ms < DISPATCH_CANCEL_MS) {
        return;
    }
    size_t count = store_list(flow->reader, COMMAND_FOLLOWING, line->job, 0, refs, STATUS_RUNS_MAX);
    for (size_t i = 0; i < count && gate_wait_ms(flow->gate, flow->now_ms) == 0; i++) {
        struct store_command run;
        if (store_load(flow->reader, refs[i].id, &run) != STATUS_OK) {
            continue;
        }
        char path[HTTP_URL_MAX_BYTES];
        snprintf(path, sizeof path, "/applications/%s/resource-jobs/%s/cancelExecution?executionId=%s",
                 run.application_id, run.resource_job_id, run.execution_id);
        struct http_request request = {.method = HTTP_POST, .path = path, .done = ignore_answer, .context = dispatch};
        if (http_send(flow->http, &request) == STATUS_OK) {
            gate_started(flow->gate, flow->now_ms);
            line->cancel_sent_ms = flow->now_ms;
            LOG_INFO("canceling the previous run", LOG_TEXT("job", line->job), LOG_TEXT("execution", run.execution_id));
        }
        store_command_free(&run);
    }
}

static enum prepared check_overlap(struct dispatch *dispatch, struct line *line, const struct store_command *command)
{
    const struct config_job *job = find_job(dispatch, line);
    if (!job || job->overlap == CONFIG_OVERLAP_PARALLEL) {
        return PREPARED;
    }
    if (line->executes == 0 && store_count(dispatch->flow->reader, COMMAND_FOLLOWING, line->job) == 0) {
        line->cancel_sent_ms = 0;
        return PREPARED;
    }
    if (job->overlap == CONFIG_OVERLAP_SKIP) {
        refuse(dispatch, command, COMMAND_REFUSED, "Overlap", "another execution of the job has not ended");
        return PREPARED_DROPPED;
    }
    if (job->overlap == CONFIG_OVERLAP_CANCEL_PREVIOUS) {
        cancel_open_runs(dispatch, line);
    }
    return PREPARED_HELD;
}

static void fail_defaults(struct line *line, const struct outcome *outcome)
{
    struct dispatch *dispatch = line->dispatch;
    const struct config_api *api = &dispatch->flow->config->api;
    line->defaults_state = DEFAULTS_UNKNOWN;
    LOG_WARNING("job cannot be read, trying again", LOG_TEXT("job", line->job), LOG_TEXT("type", outcome->error_type),
                LOG_TEXT("why", outcome->error_message));
    if (outcome->kind == OUTCOME_UNAUTHORIZED) {
        dispatch->next.unauthorized(dispatch->next.context);
    } else {
        line->blocked_until_ms =
            dispatch->flow->now_ms + backoff_ms(api->retry_base_ms, api->retry_max_ms, ++line->defaults_failures,
                                                random_next(dispatch->flow->random));
    }
}

// The answer to the reading of the job.
static void take_job(void *context, int64_t tag, const struct http_response *response)
{
    struct line *line = context;
    struct dispatch *dispatch = line->dispatch;
    struct flow *flow = dispatch->flow;
    struct outcome outcome;
    flow_call_ended(flow, ACTION_GET, false, response, &outcome);
    dispatch->clock_asked = dispatch->clock_asked || response->transport == TRANSPORT_OK;
    line->blocked_until_ms = 0;
    bytes_clear(&line->defaults);
    if (outcome.kind == OUTCOME_REFUSED) {
        LOG_WARNING("job cannot be read, its commands go without a marker", LOG_TEXT("job", line->job),
                    LOG_TEXT("type", outcome.error_type));
        line->defaults_state = DEFAULTS_UNREADABLE;
        line->defaults_until_id = tag;
        return;
    }
    if (outcome.kind != OUTCOME_DONE) {
        fail_defaults(line, &outcome);
        return;
    }
    line->defaults_failures = 0;
    struct json_value job;
    struct json_value text;
    line->defaults_state = DEFAULTS_KNOWN;
    line->defaults_until_id = tag;
    if (json_check(response->body, &job, NULL, NULL) == STATUS_OK && json_find(job, "defaultContext", &text) &&
        text.type == JSON_STRING && json_unescape(text, &line->defaults) != STATUS_OK) {
        line->defaults_state = DEFAULTS_UNREADABLE;
    }
}

static void read_job(struct line *line, const struct store_command *command)
{
    struct flow *flow = line->dispatch->flow;
    char path[HTTP_URL_MAX_BYTES];
    if (line->defaults_state == DEFAULTS_READING) {
        return;
    }
    snprintf(path, sizeof path, "/applications/%s/resource-jobs/%s", command->application_id, command->resource_job_id);
    // What is in the window was journaled before this reading began, so the reading holds for all of it.
    int64_t until = line->loaded_id > command->id ? line->loaded_id : command->id;
    struct http_request request = {.method = HTTP_GET, .path = path, .tag = until, .done = take_job, .context = line};
    if (http_send(flow->http, &request) == STATUS_OK) {
        gate_started(flow->gate, flow->now_ms);
        line->defaults_state = DEFAULTS_READING;
        memcpy(line->defaults_of, command->resource_job_id, COMMAND_ID_BYTES);
    }
}

// The context that a command without one of its own would run with.
static enum prepared find_defaults(struct line *line, const struct store_command *command, struct span *context)
{
    static const struct span empty = {"{}", 2};
    struct json_value value;
    bool fresh = line->defaults_state >= DEFAULTS_KNOWN && command->id <= line->defaults_until_id &&
                 strcmp(line->defaults_of, command->resource_job_id) == 0;
    if (!fresh) {
        read_job(line, command);
        return PREPARED_BLOCKED;
    }
    *context = SPAN_NONE;
    if (line->defaults_state == DEFAULTS_KNOWN) {
        struct span text = bytes_span(&line->defaults);
        bool object = json_check(text, &value, NULL, NULL) == STATUS_OK && value.type == JSON_OBJECT;
        *context = object ? value.raw : text.len == 0 ? empty : SPAN_NONE;
    }
    return PREPARED;
}

// The body of an execute, with the marker by which it can be found in the log later.
static enum prepared build_execute(struct line *line, struct attempt *attempt)
{
    const struct config_api *api = &line->dispatch->flow->config->api;
    const struct store_command *command = &attempt->command;
    struct span context = span_of(command->context);
    bool marked = api->policy == CONFIG_POLICY_RECONCILE && api->marker[0];
    if (marked && !line->dispatch->flow->gate->clock_known && !line->dispatch->clock_asked) {
        // Without the API's time at its sending, one whose answer is lost could not be looked for in a long log.
        read_job(line, command);
        return PREPARED_BLOCKED;
    }
    if (marked && !command->context) {
        enum prepared result = find_defaults(line, command, &context);
        if (result != PREPARED) {
            return result;
        }
    }
    struct bytes full;
    bytes_init(&full, COMMAND_PAYLOAD_MAX);
    if (marked && context.len > 0) {
        char tag[STORE_TAG_BYTES];
        store_tag(line->dispatch->flow->instance, command->id, tag);
        if (translate_add_marker(context, api->marker, tag, &full) == STATUS_OK &&
            utf8_length(bytes_span(&full)) <= COMMAND_CONTEXT_MAX) {
            context = bytes_span(&full);
            attempt->marked = true;
        } else if (!command->context) {
            context = SPAN_NONE; // the job's own defaults leave no room: they hold without the marker
        }
    }
    translate_execute_body(context, command->body, &attempt->body);
    bytes_free(&full);
    memory_check(bytes_ok(&attempt->body));
    return PREPARED;
}

enum prepared prepare_command(struct dispatch *dispatch, struct line *line, struct attempt *attempt)
{
    struct store_command *command = &attempt->command;
    enum prepared result = PREPARED;
    if (command->expires_ms <= dispatch->flow->wall_ms) {
        refuse(dispatch, command, COMMAND_EXPIRED, "Expired", "its time to live ended before it was sent");
        return PREPARED_DROPPED;
    }
    if (answer_at_once(dispatch, command)) {
        return PREPARED_DROPPED;
    }
    if (line->barrier || (action_is_barrier(command->action) && line->active > 0)) {
        return PREPARED_BLOCKED;
    }
    if (command->action == ACTION_CANCEL_EXECUTION && command->of) {
        result = resolve_target(dispatch, command);
    } else if (command->action == ACTION_EXECUTE) {
        result = check_overlap(dispatch, line, command);
        result = result != PREPARED ? result : build_execute(line, attempt);
    } else if (command->body) {
        bytes_add_text(&attempt->body, command->body);
        memory_check(bytes_ok(&attempt->body));
    }
    return result;
}
