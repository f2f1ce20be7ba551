// SPDX-License-Identifier: Apache-2.0
// Checking one field and keeping it. Must never change the text of what it passes on: numbers, strings and objects go
// to the API as the sender wrote them. Pure; any thread.
#include "rules/translate_field.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void field_refuse(struct field_reader *reader, struct span field, const char *format, ...)
{
    struct translate_error *error = reader->error;
    va_list args;

    if (reader->wrong) {
        return;
    }
    reader->wrong = true;
    size_t len = utf8_cut(field, sizeof error->field - 1);
    if (len > 0) {
        memcpy(error->field, field.at, len);
    }
    error->field[len] = '\0';

    char said[TRANSLATE_MESSAGE_BYTES];
    va_start(args, format);
    vsnprintf(said, sizeof said, format, args);
    va_end(args);
    // The field is at most 63 bytes and what is said of it is ours: only the list of a patch's fields can be cut.
    int whole = snprintf(error->message, sizeof error->message, "%s%s%s", error->field, len > 0 ? ": " : "", said);
    if (whole >= (int)sizeof error->message) {
        memcpy(error->message + sizeof error->message - 4, "...", 4);
    }
}

const char *field_type_text(enum json_type type)
{
    static const char *const texts[] = {"null",     "a boolean", "a boolean", "a number",
                                        "a string", "an array",  "an object"};
    return texts[type];
}

static bool require_string(struct field_reader *reader, const struct field *field, struct json_value value)
{
    if (value.type == JSON_STRING) {
        return true;
    }
    field_refuse(reader, span_of(field->name), "is %s, expected a string", field_type_text(value.type));
    return false;
}

// The string's text into reader->unescaped. A lone surrogate has no UTF-8, and a NUL ends texts in the journal.
static bool read_string(struct field_reader *reader, const struct field *field, struct json_value value)
{
    bytes_clear(&reader->unescaped);
    switch (json_unescape(value, &reader->unescaped)) {
    case STATUS_OK:
        return true;
    case STATUS_INVALID:
        field_refuse(reader, span_of(field->name), "has \\u0000 or half of a surrogate pair, expected Unicode text");
        return false;
    default:
        reader->no_memory = true;
        return false;
    }
}

static bool check_length(struct field_reader *reader, const struct field *field, size_t length, size_t max)
{
    if (length >= (size_t)field->min && length <= max) {
        return true;
    }
    field_refuse(reader, span_of(field->name), "has %zu characters, expected %lld to %zu", length,
                 (long long)field->min, max);
    return false;
}

char *field_keep(struct field_reader *reader, struct span text)
{
    char *copy = span_dup(text);
    reader->no_memory = reader->no_memory || copy == NULL;
    return copy;
}

bool translate_request_id_valid(struct span text)
{
    size_t length = 0;
    uint32_t code_point;

    while (text.len > 0) {
        size_t len = utf8_next(text, &code_point);
        if (len == 0 || !utf8_printable(code_point) || ++length > COMMAND_REQUEST_ID_MAX) {
            return false;
        }
        text = (struct span){text.at + len, text.len - len};
    }
    return length > 0;
}

static void take_id(struct field_reader *reader, const struct field *field, struct json_value value, char **id)
{
    if (!require_string(reader, field, value) || !read_string(reader, field, value)) {
        return;
    }
    if (!translate_request_id_valid(bytes_span(&reader->unescaped))) {
        field_refuse(reader, span_of(field->name), "expected 1 to %d printable characters", COMMAND_REQUEST_ID_MAX);
        return;
    }
    *id = field_keep(reader, bytes_span(&reader->unescaped));
}

void field_take_request_id(struct field_reader *reader, const struct field *field, struct json_value value)
{
    take_id(reader, field, value, &reader->out->request_id);
}

void field_take_of(struct field_reader *reader, const struct field *field, struct json_value value)
{
    take_id(reader, field, value, &reader->out->of);
}

void field_take_execution_id(struct field_reader *reader, const struct field *field, struct json_value value)
{
    if (!require_string(reader, field, value) || !read_string(reader, field, value)) {
        return;
    }
    if (!command_id_valid(bytes_span(&reader->unescaped))) {
        field_refuse(reader, span_of(field->name), "expected 24 hexadecimal digits");
        return;
    }
    memcpy(reader->out->execution_id, bytes_text(&reader->unescaped), COMMAND_ID_BYTES);
}

static bool read_integer(struct field_reader *reader, const struct field *field, struct json_value value,
                         int64_t *number)
{
    if (value.type != JSON_NUMBER) {
        field_refuse(reader, span_of(field->name), "is %s, expected an integer", field_type_text(value.type));
        return false;
    }
    if (!json_int64(value, number) || *number < field->min || *number > field->max) {
        field_refuse(reader, span_of(field->name), "expected an integer from %lld to %lld", (long long)field->min,
                     (long long)field->max);
        return false;
    }
    return true;
}

void field_take_ttl(struct field_reader *reader, const struct field *field, struct json_value value)
{
    int64_t ttl_s;
    if (read_integer(reader, field, value, &ttl_s)) {
        reader->out->ttl_s = ttl_s;
    }
}

static void put_query(struct field_reader *reader, const char *name, struct span text)
{
    if (reader->query.len > 0) {
        bytes_add_char(&reader->query, '&');
    }
    bytes_add_text(&reader->query, name);
    bytes_add_char(&reader->query, '=');
    bytes_add_span(&reader->query, text);
}

void field_take_query_integer(struct field_reader *reader, const struct field *field, struct json_value value)
{
    int64_t number;
    char text[24];
    if (read_integer(reader, field, value, &number)) {
        snprintf(text, sizeof text, "%lld", (long long)number); // not the sender's "-0"
        put_query(reader, field->name, span_of(text));
    }
}

static bool require_bool(struct field_reader *reader, const struct field *field, struct json_value value)
{
    if (value.type == JSON_TRUE || value.type == JSON_FALSE) {
        return true;
    }
    field_refuse(reader, span_of(field->name), "is %s, expected true or false", field_type_text(value.type));
    return false;
}

void field_take_query_bool(struct field_reader *reader, const struct field *field, struct json_value value)
{
    if (require_bool(reader, field, value)) {
        put_query(reader, field->name, value.raw);
    }
}

void field_take_bool(struct field_reader *reader, const struct field *field, struct json_value value)
{
    if (require_bool(reader, field, value)) {
        json_put_member_raw(&reader->members, field->name, value.raw);
    }
}

void field_take_integer(struct field_reader *reader, const struct field *field, struct json_value value)
{
    int64_t number;
    if (read_integer(reader, field, value, &number)) {
        json_put_member_raw(&reader->members, field->name, value.raw);
    }
}

// maxIterationConcurrency: min or max, nothing between.
void field_take_either(struct field_reader *reader, const struct field *field, struct json_value value)
{
    int64_t number;
    if (!read_integer(reader, field, value, &number)) {
        return;
    }
    if (number != field->min && number != field->max) {
        field_refuse(reader, span_of(field->name), "expected %lld or %lld", (long long)field->min,
                     (long long)field->max);
        return;
    }
    json_put_member_raw(&reader->members, field->name, value.raw);
}

void field_take_string(struct field_reader *reader, const struct field *field, struct json_value value)
{
    if (require_string(reader, field, value) && read_string(reader, field, value) &&
        check_length(reader, field, json_string_length(value), (size_t)field->max)) {
        json_put_member_raw(&reader->members, field->name, value.raw);
    }
}

// Losant's own template syntax, as the API's pattern for dataTableId has it.
static bool has_template(const char *text)
{
    const char *open = strstr(text, "{{");
    return open != NULL && strstr(open + 2, "}}") != NULL;
}

void field_take_data_table(struct field_reader *reader, const struct field *field, struct json_value value)
{
    if (!require_string(reader, field, value) || !read_string(reader, field, value)) {
        return;
    }
    struct span text = bytes_span(&reader->unescaped);
    if (!command_id_valid(text)) {
        if (!has_template(bytes_text(&reader->unescaped))) {
            field_refuse(reader, span_of(field->name), "expected 24 hexadecimal digits or a template with {{...}}");
            return;
        }
        if (!check_length(reader, field, utf8_length(text), (size_t)field->max)) {
            return;
        }
    }
    json_put_member_raw(&reader->members, field->name, value.raw);
}

// An object is the text that the API wants as a string: so the sender need not escape it.
void field_take_object_text(struct field_reader *reader, const struct field *field, struct json_value value)
{
    if (value.type != JSON_OBJECT) {
        if (value.type != JSON_STRING) {
            field_refuse(reader, span_of(field->name), "is %s, expected an object or a string",
                         field_type_text(value.type));
            return;
        }
        field_take_string(reader, field, value);
        return;
    }
    if (check_length(reader, field, utf8_length(value.raw), (size_t)field->max)) {
        json_put_member_text(&reader->members, field->name, value.raw);
    }
}

// The text of templateContext must be an object itself, else there is no place for a marker.
static bool context_is_object(struct field_reader *reader, const struct field *field)
{
    struct json_value inner;
    const char *why = "";
    size_t at = 0;

    if (json_check(bytes_span(&reader->unescaped), &inner, &at, &why) != STATUS_OK) {
        field_refuse(reader, span_of(field->name), "its text is not JSON: %s at byte %zu", why, at);
        return false;
    }
    if (inner.type != JSON_OBJECT) {
        field_refuse(reader, span_of(field->name), "its text is %s, expected an object", field_type_text(inner.type));
        return false;
    }
    return true;
}

void field_take_context(struct field_reader *reader, const struct field *field, struct json_value value)
{
    struct span text = value.raw;

    if (value.type == JSON_STRING) {
        if (!read_string(reader, field, value) || !context_is_object(reader, field)) {
            return;
        }
        text = bytes_span(&reader->unescaped);
    } else if (value.type != JSON_OBJECT) {
        field_refuse(reader, span_of(field->name), "is %s, expected an object or a string",
                     field_type_text(value.type));
        return;
    }
    size_t max = (size_t)field->max > reader->reserve ? (size_t)field->max - reader->reserve : 0;
    if (check_length(reader, field, utf8_length(text), max)) {
        reader->out->context = field_keep(reader, text);
    }
}
