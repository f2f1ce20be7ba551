// SPDX-License-Identifier: Apache-2.0
// A command or a dead letter in full. The journal holds no secret of the bridge (token and password are never in it),
// so everything may be shown; what senders wrote is shown in a way that cannot speak to a terminal. Main thread.
#include "base/memory.h"
#include "cli/cli_queue.h"
#include "cli/cli_table.h"
#include "flow/flow.h"
#include "rules/json.h"
#include "rules/route.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_text(struct bytes *out, const char *name, const char *text)
{
    if (text && text[0]) {
        json_put_member_text(out, name, span_of(text));
    }
}

// JSON as it is, any other text as a string.
static void put_json(struct bytes *out, const char *name, const char *text)
{
    struct json_value value;
    if (text && json_check(span_of(text), &value, NULL, NULL) == STATUS_OK) {
        json_put_member_raw(out, name, value.raw);
    } else {
        put_text(out, name, text);
    }
}

static void put_time(struct bytes *out, const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT_BYTES];
    if (wall_ms != 0) {
        json_put_member_text(out, name, span_of(clock_text(wall_ms, text)));
    }
}

static void put_bool(struct bytes *out, const char *name, bool yes)
{
    json_put_member_raw(out, name, yes ? SPAN("true") : SPAN("false"));
}

static void put_summary(struct bytes *out, struct span request, const struct store_command *command)
{
    json_put_member_int(out, "id", command->id);
    if (request.len > 0) {
        json_put_member_text(out, "requestId", request);
    }
    json_put_member_text(out, "job", span_of(command->job));
    json_put_member_text(out, "action", span_of(action_text(command->action)));
    json_put_member_text(out, "state", span_of(command_state_text(command->state)));
    put_text(out, "executionId", command->execution_id);
    put_text(out, "runState", command->run_state);
    put_text(out, "outcome", run_outcome_text(command->outcome));
    put_time(out, "arrived", command->arrived_ms);
    put_time(out, "expires", command->expires_ms);
    put_time(out, "sent", command->sent_ms);
    put_time(out, "done", command->done_ms);
    put_time(out, "ended", command->ended_ms);
    json_put_member_int(out, "attempts", command->attempts);
    if (command->error_type) {
        json_put_key(out, "error");
        bytes_add_char(out, '{');
        put_text(out, "type", command->error_type);
        put_text(out, "message", command->error_message);
        if (command->http_status != 0) {
            json_put_member_int(out, "status", command->http_status);
        }
        bytes_add_char(out, '}');
    } else if (command->http_status != 0) {
        json_put_member_int(out, "status", command->http_status);
    }
}

struct listing {
    struct bytes *out;
    struct span request;
    size_t count;
};

static bool is_of(struct span payload, struct span request)
{
    struct json_value object;
    struct json_value value;
    struct bytes text;
    if (payload.len == 0) {
        return true; // clears what was retained on a topic of this command's own
    }
    if (json_check(payload, &object, NULL, NULL) != STATUS_OK || !json_find(object, "requestId", &value)) {
        return false;
    }
    bytes_init(&text, (size_t)COMMAND_REQUEST_ID_MAX * 4 + 1);
    bool same = value.type == JSON_STRING
                    ? json_unescape(value, &text) == STATUS_OK && span_equal(bytes_span(&text), request)
                    : request.len == 0;
    bytes_free(&text);
    return same;
}

static void put_message(void *context, const struct store_message *message)
{
    struct listing *listing = context;
    struct json_value value;
    if (!is_of(message->payload, listing->request)) {
        return;
    }
    if (listing->count++ > 0) {
        bytes_add_char(listing->out, ',');
    }
    bytes_add_char(listing->out, '{');
    json_put_member_int(listing->out, "id", message->id);
    json_put_member_text(listing->out, "topic", message->topic);
    put_bool(listing->out, "retain", message->retain);
    if (json_check(message->payload, &value, NULL, NULL) == STATUS_OK) {
        json_put_member_raw(listing->out, "payload", value.raw);
    }
    bytes_add_char(listing->out, '}');
}

// Topics of the replies, and the messages on them that the broker has not acknowledged.
static void put_topics(struct bytes *out, struct store_reader *reader, struct span request,
                       const struct store_command *command)
{
    static const char *const kinds[] = {"accepted", "rejected", "status", "log"};
    struct bytes topics[STORE_TOPIC_COUNT];
    struct listing listing = {.out = out, .request = request};
    json_put_key(out, "topics");
    bytes_add_char(out, '{');
    for (int kind = 0; kind < STORE_TOPIC_COUNT; kind++) {
        bytes_init(&topics[kind], (size_t)TOPIC_MAX_BYTES * 2);
        route_put_ids(store_command_topic(command, kind), request,
                      span_of(command->execution_id[0] ? command->execution_id : "{executionId}"), &topics[kind]);
        put_text(out, kinds[kind], bytes_text(&topics[kind]));
    }
    bytes_add_char(out, '}');
    json_put_key(out, "outbox");
    bytes_add_char(out, '[');
    for (int kind = 0; kind < STORE_TOPIC_COUNT; kind++) {
        bool seen = false; // with a Response Topic two kinds share one
        for (int earlier = 0; earlier < kind; earlier++) {
            seen = seen || span_equal(bytes_span(&topics[earlier]), bytes_span(&topics[kind]));
        }
        if (!seen) {
            store_query_messages(reader, bytes_text(&topics[kind]), put_message, &listing);
        }
    }
    bytes_add_char(out, ']');
    for (int kind = 0; kind < STORE_TOPIC_COUNT; kind++) {
        bytes_free(&topics[kind]);
    }
}

static void put_rest(struct bytes *out, const char *tag, const struct store_command *command)
{
    put_text(out, "marker", tag);
    put_bool(out, "marked", command->marked);
    put_bool(out, "follow", command->follow);
    put_bool(out, "foreign", command->foreign);
    put_text(out, "applicationId", command->application_id);
    put_text(out, "resourceJobId", command->resource_job_id);
    json_put_member_int(out, "seq", command->seq);
    put_json(out, "summary", command->summary);
    put_text(out, "of", command->of);
    if (!command->of) { // else it is no context, but whose requestId is meant
        put_json(out, "context", command->context);
    }
    put_json(out, "body", command->body);
    put_text(out, "query", command->query);
    put_json(out, "answer", command->answer);
    if (command->correlation.len > 0) {
        json_put_member_text(out, "correlation", command->correlation);
    }
}

void cli_queue_put_command(struct bytes *out, struct store_reader *reader, const struct store_command *command,
                           bool full)
{
    char place[STORE_TAG_BYTES];
    char tag[STORE_TAG_BYTES];
    const char *instance = store_reader_instance(reader);
    struct span request = flow_request_id(command, instance, place);
    store_tag(instance, command->id, tag);
    bytes_add_char(out, '{');
    put_summary(out, request, command);
    if (full) {
        put_rest(out, tag, command);
        put_topics(out, reader, request, command);
    }
    bytes_add_char(out, '}');
}

void cli_queue_put_letter(struct bytes *out, const struct store_deadletter *letter)
{
    bytes_add_char(out, '{');
    json_put_key(out, "id");
    bytes_add_format(out, "\"D%lld\"", (long long)letter->id);
    put_time(out, "at", letter->at_ms);
    json_put_member_text(out, "topic", letter->topic);
    put_text(out, "reason", letter->reason);
    json_put_member_text(out, "payload", letter->payload);
    bytes_add_char(out, '}');
}

static void print_value(struct json_value value)
{
    struct bytes text;
    bytes_init(&text, CLI_QUEUE_ENTRY_BYTES);
    if (value.type != JSON_STRING || json_unescape(value, &text) != STATUS_OK) {
        bytes_clear(&text);
        bytes_add_span(&text, value.raw);
    }
    char *line = cli_printable(bytes_span(&text));
    printf("%s\n", line);
    free(line);
    bytes_free(&text);
}

static void print_elements(struct json_value array)
{
    struct json_iter iter = json_iter(array);
    struct json_value element;
    size_t count = 0;
    while (json_next_element(&iter, &element)) {
        printf("%s  ", count++ == 0 ? "\n" : "");
        print_value(element);
    }
    if (count == 0) {
        puts("none");
    }
}

void cli_queue_print_object(struct span object)
{
    struct json_value root;
    struct json_value value;
    struct span key;
    if (json_check(object, &root, NULL, NULL) != STATUS_OK) {
        return;
    }
    struct json_iter iter = json_iter(root);
    while (json_next_member(&iter, &key, &value)) {
        printf("%-15.*s", (int)key.len - 2, key.at + 1); // names of ours: nothing is escaped in them
        if (value.type == JSON_ARRAY) {
            print_elements(value);
        } else {
            print_value(value);
        }
    }
}
