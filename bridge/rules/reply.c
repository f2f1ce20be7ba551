// SPDX-License-Identifier: Apache-2.0
// See reply.h. The order of the members is the same in every message of a kind: people read these, too. Pure.
#include "rules/reply.h"
#include "base/clock.h"
#include "rules/json.h"

static void put_text_or_null(struct bytes *out, const char *name, struct span text)
{
    if (text.len > 0) {
        json_put_member_text(out, name, text);
    } else {
        json_put_member_raw(out, name, SPAN("null"));
    }
}

static void put_time(struct bytes *out, const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT_BYTES];
    json_put_member_text(out, name, span_of(clock_text(wall_ms, text)));
}

static void begin_reply(struct bytes *out, const struct reply *reply)
{
    bytes_add_char(out, '{');
    put_text_or_null(out, "requestId", reply->request_id);
    put_text_or_null(out, "action", reply->action);
    put_text_or_null(out, "job", reply->job);
    put_time(out, "at", reply->at_ms);
}

void reply_accepted(struct bytes *out, const struct reply *reply, struct span execution_id, int http_status,
                    struct span body)
{
    begin_reply(out, reply);
    if (execution_id.len > 0) {
        json_put_member_text(out, "executionId", execution_id);
    }
    if (http_status != 0) {
        json_put_member_int(out, "status", http_status);
    }
    if (body.len > 0) {
        json_put_member_raw(out, "body", body);
    }
    bytes_add_char(out, '}');
}

static void put_error(struct bytes *out, struct span type, struct span message, int http_status)
{
    json_put_key(out, "error");
    bytes_add_char(out, '{');
    json_put_member_text(out, "type", type);
    json_put_member_text(out, "message", message);
    if (http_status != 0) {
        json_put_member_int(out, "status", http_status);
    }
    bytes_add_char(out, '}');
}

void reply_rejected(struct bytes *out, const struct reply *reply, struct span type, struct span message,
                    int http_status)
{
    begin_reply(out, reply);
    put_error(out, type, message, http_status);
    bytes_add_char(out, '}');
}

void reply_status(struct bytes *out, const struct reply *reply, const struct reply_run *run)
{
    bytes_add_char(out, '{');
    put_text_or_null(out, "requestId", reply->request_id);
    put_text_or_null(out, "job", reply->job);
    put_text_or_null(out, "executionId", run->execution_id);
    json_put_member_text(out, "state", run->state);
    put_time(out, "at", reply->at_ms);
    json_put_member_int(out, "seq", run->seq);
    json_put_member_raw(out, "summary", run->summary.len > 0 ? run->summary : SPAN("null"));
    if (run->progress >= 0) {
        json_put_member_int(out, "progress", run->progress);
    } else {
        json_put_member_raw(out, "progress", SPAN("null"));
    }
    if (run->outcome != RUN_NONE) {
        json_put_member_text(out, "outcome", span_of(run_outcome_text(run->outcome)));
    }
    if (run->error_type.len > 0) {
        put_error(out, run->error_type, run->error_message, 0);
    }
    bytes_add_char(out, '}');
}

void reply_log(struct bytes *out, const struct reply *reply, struct span execution_id, struct span entry)
{
    bytes_add_char(out, '{');
    put_text_or_null(out, "requestId", reply->request_id);
    put_text_or_null(out, "job", reply->job);
    put_text_or_null(out, "executionId", execution_id);
    put_time(out, "at", reply->at_ms);
    json_put_member_raw(out, "entry", entry);
    bytes_add_char(out, '}');
}

void reply_bridge(struct bytes *out, struct span state, struct span reason, int64_t since_ms, int64_t pending)
{
    bytes_add_char(out, '{');
    json_put_member_text(out, "state", state);
    if (reason.len > 0) {
        json_put_member_text(out, "reason", reason);
    }
    put_time(out, "since", since_ms);
    json_put_member_text(out, "version", SPAN(JOBBRIDGE_VERSION));
    if (pending >= 0) {
        json_put_member_int(out, "pending", pending);
    }
    bytes_add_char(out, '}');
}

void reply_deadletter(struct bytes *out, struct span topic, struct span payload, struct span reason, int64_t at_ms)
{
    bytes_add_char(out, '{');
    json_put_member_text(out, "topic", topic);
    json_put_member_text(out, "payload", payload);
    json_put_member_text(out, "reason", reason);
    put_time(out, "at", at_ms);
    bytes_add_char(out, '}');
}
