// SPDX-License-Identifier: Apache-2.0
// One table of the fields that commands may carry, with the API's bounds, and what is made of them.
// Must never let through what the API would refuse when that can be known here, and never change the text of what it
// passes on. The bounds are those of the vendor's client, API 1.30.0 (schemas resourceJobExecutionOptions and
// resourceJobPatch). Pure; any thread.
#include "rules/translate.h"
#include "rules/json.h"
#include "rules/translate_field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What can be built from one payload: its text, as a JSON string (each byte twice at most), and the field's names.
#define BUILT_MAX_BYTES (4UL * COMMAND_PAYLOAD_MAX)

#define IN(action) (1U << (action))
#define IN_ALL     ((1U << ACTION_COUNT) - 1)

static const struct field fields[] = {
    {"templateContext", IN(ACTION_EXECUTE), field_take_context, 0, COMMAND_CONTEXT_MAX},
    {"name", IN(ACTION_PATCH), field_take_string, 1, 255},
    {"description", IN(ACTION_PATCH), field_take_string, 0, 32767},
    {"queryJson", IN(ACTION_EXECUTE) | IN(ACTION_PATCH), field_take_object_text, 0, COMMAND_QUERY_MAX},
    {"dataTableId", IN(ACTION_EXECUTE) | IN(ACTION_PATCH), field_take_data_table, 4, 255},
    {"maxIterationConcurrency", IN(ACTION_PATCH), field_take_either, 1, 10},
    {"iterationDelay", IN(ACTION_PATCH), field_take_integer, 0, 60000},
    {"iterationTimeout", IN(ACTION_PATCH), field_take_integer, 60000, 900000},
    {"defaultContext", IN(ACTION_PATCH), field_take_object_text, 0, COMMAND_CONTEXT_MAX},
    {"retryOnTimeout", IN(ACTION_PATCH), field_take_bool, 0, 0},
    {"retryOnFailure", IN(ACTION_PATCH), field_take_bool, 0, 0},
    {"maxIterationRetries", IN(ACTION_PATCH), field_take_integer, 1, 5},
    {"retryDelay", IN(ACTION_PATCH), field_take_integer, 0, 30000},
    {"executionId", IN(ACTION_CANCEL_EXECUTION), field_take_execution_id, 0, 0},
    {"of", IN(ACTION_CANCEL_EXECUTION), field_take_of, 0, 0},
    {"limit", IN(ACTION_LOGS), field_take_query_integer, 1, COMMAND_LOGS_LIMIT_MAX},
    {"since", IN(ACTION_LOGS), field_take_query_integer, 0, INT64_MAX},
    {"includeWorkflows", IN(ACTION_DELETE), field_take_query_bool, 0, 0},
    {"requestId", IN_ALL, field_take_request_id, 0, 0},
    {"ttl", IN_ALL, field_take_ttl, 1, COMMAND_TTL_MAX_S},
};

#define FIELD_COUNT (sizeof fields / sizeof *fields)
_Static_assert(FIELD_COUNT <= 32, "reader.seen has one bit a field");

static bool was_seen(const struct field_reader *reader, const char *name)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return (reader->seen & (1U << i)) != 0;
        }
    }
    return false;
}

// The names that this action takes, for the message to whoever mistyped one.
static void list_fields(enum action action, char *text, size_t size)
{
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < FIELD_COUNT && len < size; i++) {
        if ((fields[i].actions & IN(action)) != 0) {
            len += (size_t)snprintf(text + len, size - len, "%s%s", len > 0 ? ", " : "", fields[i].name);
        }
    }
}

static void refuse_unknown(struct field_reader *reader, struct span key_raw)
{
    char names[TRANSLATE_MESSAGE_BYTES];
    struct span name = {key_raw.at + 1, key_raw.len - 2};

    if (reader->wrong) {
        return; // told already: a payload of nothing but unknown fields must not cost a message each
    }
    // A name that has no text of its own is shown as it was written.
    bytes_clear(&reader->unescaped);
    if (json_unescape((struct json_value){JSON_STRING, key_raw}, &reader->unescaped) == STATUS_OK) {
        name = bytes_span(&reader->unescaped);
    }
    list_fields(reader->action, names, sizeof names);
    if (name.len == 0) {
        field_refuse(reader, SPAN_NONE, "a field without a name; %s takes %s", action_text(reader->action), names);
        return;
    }
    field_refuse(reader, name, "unknown field; %s takes %s", action_text(reader->action), names);
}

static void take_member(struct field_reader *reader, struct span key_raw, struct json_value value)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct field *field = &fields[i];
        if ((field->actions & IN(reader->action)) == 0 || !json_key_is(key_raw, field->name)) {
            continue;
        }
        if ((reader->seen & (1U << i)) != 0) {
            field_refuse(reader, span_of(field->name), "is there twice");
            return;
        }
        reader->seen |= 1U << i;
        field->take(reader, field, value);
        return;
    }
    refuse_unknown(reader, key_raw);
}

// What no single field can tell.
static void check_together(struct field_reader *reader)
{
    const uint32_t of_all = 3U << (FIELD_COUNT - 2); // requestId and ttl are the table's last
    bool by_id = was_seen(reader, "executionId");

    if (reader->action == ACTION_CANCEL_EXECUTION && by_id == was_seen(reader, "of")) {
        field_refuse(reader, SPAN("executionId"),
                     by_id ? "is there together with of, expected only one of them"
                           : "is missing, expected executionId or of");
    }
    if (reader->action == ACTION_PATCH && (reader->seen & ~of_all) == 0) {
        char names[TRANSLATE_MESSAGE_BYTES];
        list_fields(reader->action, names, sizeof names);
        field_refuse(reader, SPAN_NONE, "nothing to patch; expected at least one of %s", names);
    }
}

static void read_payload(struct field_reader *reader, struct span payload)
{
    struct json_value object;
    struct span key;
    struct json_value value;
    const char *why = "";
    size_t at = 0;

    if (json_check(payload, &object, &at, &why) != STATUS_OK) {
        field_refuse(reader, SPAN_NONE, "the payload is not JSON: %s at byte %zu", why, at);
        return;
    }
    if (object.type != JSON_OBJECT) {
        field_refuse(reader, SPAN_NONE, "the payload is %s, expected an object", field_type_text(object.type));
        return;
    }
    // To the end even when something is wrong: the requestId may still come.
    struct json_iter iter = json_iter(object);
    while (json_next_member(&iter, &key, &value)) {
        take_member(reader, key, value);
    }
    check_together(reader);
}

static void finish(struct field_reader *reader)
{
    struct translation *out = reader->out;

    if (reader->action == ACTION_PATCH) {
        bytes_add_char(&reader->members, '}');
    }
    if (!bytes_ok(&reader->members) || !bytes_ok(&reader->query)) {
        reader->no_memory = true; // BUILT_MAX_BYTES is more than a payload can make
        return;
    }
    if (reader->action == ACTION_PATCH || reader->action == ACTION_EXECUTE) {
        out->body = field_keep(reader, bytes_span(&reader->members));
    }
    if (reader->query.len > 0) {
        out->query = field_keep(reader, bytes_span(&reader->query));
    }
}

static bool is_blank(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!json_is_space(text.at[i])) {
            return false;
        }
    }
    return true;
}

enum status translate_payload(enum action action, struct span payload, size_t reserve, struct translation *out,
                              struct translate_error *error)
{
    struct field_reader reader = {.action = action, .reserve = reserve, .out = out, .error = error};

    *out = (struct translation){.ttl_s = -1};
    *error = (struct translate_error){{0}, {0}};
    if (payload.len > COMMAND_PAYLOAD_MAX) {
        field_refuse(&reader, SPAN_NONE, "the payload has %zu bytes, expected at most %d", payload.len,
                     COMMAND_PAYLOAD_MAX);
        return STATUS_TOO_LARGE;
    }
    bytes_init(&reader.members, BUILT_MAX_BYTES);
    bytes_init(&reader.query, BUILT_MAX_BYTES);
    bytes_init(&reader.unescaped, BUILT_MAX_BYTES);
    if (action == ACTION_PATCH) {
        bytes_add_char(&reader.members, '{');
    }
    read_payload(&reader, is_blank(payload) ? SPAN("{}") : payload);
    if (!reader.wrong && !reader.no_memory) {
        finish(&reader);
    }
    bytes_free(&reader.members);
    bytes_free(&reader.query);
    bytes_free(&reader.unescaped);
    if (reader.no_memory) {
        return STATUS_NO_MEMORY;
    }
    return reader.wrong ? STATUS_INVALID : STATUS_OK;
}

void translate_free(struct translation *out)
{
    free(out->request_id);
    free(out->context);
    free(out->body);
    free(out->of);
    free(out->query);
    *out = (struct translation){.ttl_s = -1};
}

void translate_execute_body(struct span context, const char *members, struct bytes *out)
{
    bytes_add_char(out, '{');
    if (context.len > 0) {
        json_put_member_text(out, "templateContext", context);
    }
    if (members != NULL && members[0] != '\0') {
        if (context.len > 0) {
            bytes_add_char(out, ',');
        }
        bytes_add_text(out, members);
    }
    bytes_add_char(out, '}');
}

enum status translate_add_marker(struct span context, const char *marker_key, const char *marker, struct bytes *out)
{
    struct json_value object;
    struct json_value found;
    struct span key;

    if (json_check(context, &object, NULL, NULL) != STATUS_OK || object.type != JSON_OBJECT) {
        return STATUS_INVALID;
    }
    if (json_find(object, marker_key, &found)) {
        return STATUS_CONFLICT;
    }
    struct json_iter iter = json_iter(object);
    bool empty = !json_next_member(&iter, &key, &found);
    const char *behind = object.raw.at + 1; // the brace
    bytes_add(out, context.at, (size_t)(behind - context.at));
    json_put_member_text(out, marker_key, span_of(marker));
    if (!empty) {
        bytes_add_char(out, ',');
    }
    bytes_add(out, behind, (size_t)(context.at + context.len - behind));
    return bytes_ok(out) ? STATUS_OK : STATUS_TOO_LARGE;
}

size_t translate_marker_length(const char *marker_key, size_t marker_bytes)
{
    size_t length = 6 + marker_bytes; // four quotes, colon, comma
    for (; *marker_key != '\0'; marker_key++) {
        unsigned char byte = (unsigned char)*marker_key;
        length += byte < 0x20 ? 6 : byte == '"' || byte == '\\' ? 2 : 1;
    }
    return length;
}
