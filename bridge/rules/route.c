// SPDX-License-Identifier: Apache-2.0
// Patterns and templates of routes: one scanner of placeholders, used for checking and for putting values in.
// Must never let a captured value change the meaning of what surrounds it: not a topic's levels, not a context's
// members. Values come from topics, and anybody on the broker chooses those. Pure; any thread.
#include "rules/route.h"
#include "base/utf8.h"
#include "rules/json.h"

#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_identifier(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_letter(name.at[i]) && !(i > 0 && name.at[i] >= '0' && name.at[i] <= '9')) {
            return false;
        }
    }
    return name.len > 0;
}

// The placeholder that text begins with: its name; false when it begins with none.
static bool placeholder_at(struct span text, struct span *name)
{
    const char *close = text.len > 0 && *text.at == '{' ? memchr(text.at, '}', text.len) : NULL;
    if (close == NULL) {
        return false;
    }
    *name = (struct span){text.at + 1, (size_t)(close - text.at) - 1};
    return is_identifier(*name);
}

// A piece of a template: literal text, or a placeholder with its name.
struct piece {
    struct span text;
    bool placeholder;
};

static bool next_piece(struct span *rest, struct piece *piece)
{
    size_t used = 0;

    if (rest->len == 0) {
        return false;
    }
    piece->placeholder = placeholder_at(*rest, &piece->text);
    if (piece->placeholder) {
        used = piece->text.len + 2;
    } else {
        struct span name;
        const char *brace;
        do {
            used++; // the first byte begins no placeholder
            brace = used < rest->len ? memchr(rest->at + used, '{', rest->len - used) : NULL;
            used = brace != NULL ? (size_t)(brace - rest->at) : rest->len;
        } while (brace != NULL && !placeholder_at((struct span){brace, rest->len - used}, &name));
        piece->text = (struct span){rest->at, used};
    }
    *rest = (struct span){rest->at + used, rest->len - used};
    return true;
}

static bool has_brace(struct span text)
{
    return text.len > 0 && (memchr(text.at, '{', text.len) != NULL || memchr(text.at, '}', text.len) != NULL);
}

static struct span first_level(struct span text)
{
    const char *slash = text.len > 0 ? memchr(text.at, '/', text.len) : NULL;
    return (struct span){text.at, slash != NULL ? (size_t)(slash - text.at) : text.len};
}

// Takes the first level off; false when it was the last.
static bool drop_level(struct span *text, struct span level)
{
    if (level.len == text->len) {
        return false;
    }
    *text = (struct span){text->at + level.len + 1, text->len - level.len - 1};
    return true;
}

// A level that is one capture as a whole.
static bool capture_level(struct span level, struct span *name)
{
    return placeholder_at(level, name) && name->len + 2 == level.len;
}

// Fills names from the pattern. NULL, or what is wrong with them.
static const char *collect_names(struct span pattern, struct route_captures *captures)
{
    captures->count = 0;
    for (bool more = true; more;) {
        struct span level = first_level(pattern);
        struct span name;
        if (capture_level(level, &name)) {
            if (captures->count == ROUTE_CAPTURES_MAX) {
                return "too many captures";
            }
            captures->names[captures->count++] = name;
        } else if (has_brace(level)) {
            return "a capture must be a whole level and its name letters, digits and _, as in a/{name}/b";
        }
        more = drop_level(&pattern, level);
    }
    return NULL;
}

static bool is_taken(struct span name)
{
    return span_is(name, "requestId") || span_is(name, "executionId") || span_is(name, "payload");
}

enum status route_check_filter(struct span pattern, const char **why)
{
    struct route_captures captures;
    struct bytes filter;

    *why = collect_names(pattern, &captures);
    for (size_t i = 0; *why == NULL && i < captures.count; i++) {
        if (is_taken(captures.names[i])) {
            *why = "requestId, executionId and payload cannot be names of captures";
        }
        for (size_t k = 0; *why == NULL && k < i; k++) {
            if (span_equal(captures.names[i], captures.names[k])) {
                *why = "the same capture twice";
            }
        }
    }
    if (*why == NULL && span_is(first_level(pattern), "$share")) {
        *why = "a shared subscription is made with broker.share_group";
    }
    if (*why != NULL) {
        return STATUS_INVALID;
    }
    // Longer than a filter may be already as a pattern: so the buffer can only fail for want of memory.
    bytes_init(&filter, pattern.len + 1);
    topic_pattern_to_filter(pattern, &filter);
    enum status rc = bytes_ok(&filter) ? STATUS_OK : STATUS_NO_MEMORY;
    if (rc == STATUS_OK && !topic_filter_valid(bytes_span(&filter))) {
        *why = "not a topic filter: + and # must be whole levels, # the last, no control characters, not too long";
        rc = STATUS_INVALID;
    }
    bytes_free(&filter);
    return rc;
}

static bool filter_captures(struct span filter, struct span name)
{
    struct route_captures captures;

    (void)collect_names(filter, &captures);
    for (size_t i = 0; i < captures.count; i++) {
        if (span_equal(captures.names[i], name)) {
            return true;
        }
    }
    return false;
}

enum status route_check_template(struct span text, struct span filter, bool allow_ids, const char **why,
                                 struct span *which)
{
    struct bytes sample;
    struct piece piece;
    enum status rc = STATUS_INVALID;

    *which = SPAN_NONE;
    bytes_init(&sample, text.len + 1);
    // "$x-{name}" would stand for topics that the filter "+" does not.
    if (text.len > 0 && *text.at == '$' && has_brace(first_level(text))) {
        *why = "a first level that begins with $ cannot have a capture";
        goto out;
    }
    while (next_piece(&text, &piece)) {
        if (!piece.placeholder) {
            if (has_brace(piece.text)) {
                *why = "braces can only stand around a name";
                goto out;
            }
            bytes_add_span(&sample, piece.text);
            continue;
        }
        bool is_id = span_is(piece.text, "requestId") || span_is(piece.text, "executionId");
        if (!(allow_ids && is_id) && !filter_captures(filter, piece.text)) {
            *which = piece.text;
            *why = is_id ? "cannot be used here" : "is no capture of the route's filter";
            goto out;
        }
        bytes_add_char(&sample, 'x');
    }
    if (!bytes_ok(&sample)) {
        rc = STATUS_NO_MEMORY;
    } else if (!topic_name_valid(bytes_span(&sample))) {
        *why = "not a topic: it is empty, too long, or has + or # or control characters";
    } else {
        rc = STATUS_OK;
    }
out:
    bytes_free(&sample);
    return rc;
}

enum status route_check_context(struct span text, struct span filter, const char **why, struct span *which)
{
    struct route_captures captures;
    struct span rest = text;
    struct piece piece;
    struct bytes sample;

    *which = SPAN_NONE;
    while (next_piece(&rest, &piece)) {
        if (piece.placeholder && !span_is(piece.text, "payload") && !filter_captures(filter, piece.text)) {
            *which = piece.text;
            *why = "is neither a capture of the route's filter nor payload";
            return STATUS_INVALID;
        }
    }
    // 0 is a JSON value and fit for the inside of a string, so it stands for whatever may come.
    (void)collect_names(filter, &captures);
    for (size_t i = 0; i < captures.count; i++) {
        captures.values[i] = SPAN("0");
    }
    bytes_init(&sample, text.len + 1);
    enum status rc = route_expand_context(text, &captures, SPAN("0"), &sample);
    bytes_free(&sample);
    if (rc == STATUS_INVALID) {
        *why = "not one JSON object";
    }
    return rc == STATUS_TOO_LARGE ? STATUS_NO_MEMORY : rc; // no value is longer than its placeholder
}

bool route_match(struct span pattern, struct span topic, struct route_captures *captures)
{
    bool from_dollar = topic.len > 0 && *topic.at == '$';
    bool more_pattern = pattern.len > 0;
    bool more_topic = topic.len > 0;

    captures->count = 0;
    if (!more_pattern || !more_topic || (from_dollar && *pattern.at != '$')) {
        return false;
    }
    while (more_pattern) {
        struct span want = first_level(pattern);
        if (span_is(want, "#")) {
            return true; // of the parent level, too
        }
        if (!more_topic) {
            return false;
        }
        struct span give = first_level(topic);
        struct span name;
        if (capture_level(want, &name)) {
            if (captures->count == ROUTE_CAPTURES_MAX) {
                return false;
            }
            captures->names[captures->count] = name;
            captures->values[captures->count++] = give;
        } else if (!span_is(want, "+") && !span_equal(want, give)) {
            return false;
        }
        more_pattern = drop_level(&pattern, want);
        more_topic = drop_level(&topic, give);
    }
    return !more_topic;
}

static bool find_capture(const struct route_captures *captures, struct span name, struct span *value)
{
    for (size_t i = 0; i < captures->count; i++) {
        if (span_equal(captures->names[i], name)) {
            *value = captures->values[i];
            return true;
        }
    }
    return false;
}

enum status route_address(struct span pattern, struct span job, struct span action, struct span other,
                          struct bytes *out)
{
    size_t start = out->len;
    struct piece piece;
    while (next_piece(&pattern, &piece)) {
        if (!piece.placeholder) {
            bytes_add_span(out, piece.text);
        } else {
            bytes_add_span(out, span_is(piece.text, "job") ? job : span_is(piece.text, "action") ? action : other);
        }
    }
    if (!bytes_ok(out)) {
        return STATUS_TOO_LARGE;
    }
    // A '+' or '#' is in no valid name, so those of the pattern and those of the values are found here.
    return topic_name_valid((struct span){bytes_text(out) + start, out->len - start}) ? STATUS_OK : STATUS_INVALID;
}

bool route_capture(const struct route_captures *captures, const char *name, struct span *value)
{
    return find_capture(captures, span_of(name), value);
}

// A request id is the sender's own text: it must stay within its level.
static void put_request_id(struct bytes *out, struct span id)
{
    while (id.len > 0) {
        uint32_t code_point;
        size_t len = utf8_next(id, &code_point);
        bool fits =
            len > 0 && utf8_printable(code_point) && code_point != '/' && code_point != '+' && code_point != '#';
        if (fits) {
            bytes_add(out, id.at, len);
        } else {
            bytes_add_char(out, '_');
        }
        len = len > 0 ? len : 1;
        id = (struct span){id.at + len, id.len - len};
    }
}

// Whether what was appended is a topic, with the longest that can stand for the mark in its place.
static enum status check_expanded(struct span topic, bool may_begin_with_dollar)
{
    struct bytes whole;

    bytes_init(&whole, TOPIC_MAX_BYTES);
    route_put_ids(topic, SPAN("0000000000-0000000000000000000"), SPAN("000000000000000000000000"), &whole);
    struct span name = bytes_span(&whole);
    enum status rc = STATUS_OK;
    if (!bytes_ok(&whole)) {
        rc = STATUS_TOO_LARGE;
    } else if (!topic_name_valid(name) || (*name.at == '$' && !may_begin_with_dollar)) {
        rc = STATUS_INVALID;
    }
    bytes_free(&whole);
    return rc;
}

static bool has_mark(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == ROUTE_EXECUTION_MARK || value.at[i] == ROUTE_REQUEST_MARK) {
            return true;
        }
    }
    return false;
}

enum status route_expand_topic(struct span text, const struct route_captures *captures, struct span request_id,
                               struct bytes *out)
{
    size_t start = out->len;
    bool dollar = text.len > 0 && *text.at == '$';
    struct piece piece;

    while (next_piece(&text, &piece)) {
        struct span value;
        if (!piece.placeholder) {
            bytes_add_span(out, piece.text);
        } else if (span_is(piece.text, "requestId")) {
            if (request_id.len > 0) {
                put_request_id(out, request_id);
            } else {
                bytes_add_char(out, ROUTE_REQUEST_MARK);
            }
        } else if (span_is(piece.text, "executionId")) {
            bytes_add_char(out, ROUTE_EXECUTION_MARK);
        } else if (find_capture(captures, piece.text, &value) && !has_mark(value)) {
            bytes_add_span(out, value);
        } else {
            return STATUS_INVALID;
        }
    }
    if (!bytes_ok(out)) {
        return STATUS_TOO_LARGE;
    }
    return check_expanded((struct span){bytes_text(out) + start, out->len - start}, dollar);
}

void route_put_ids(struct span topic, struct span request_id, struct span execution_id, struct bytes *out)
{
    for (size_t i = 0; i < topic.len; i++) {
        if (topic.at[i] == ROUTE_EXECUTION_MARK) {
            bytes_add_span(out, execution_id);
        } else if (topic.at[i] == ROUTE_REQUEST_MARK) {
            put_request_id(out, request_id);
        } else {
            bytes_add_char(out, topic.at[i]);
        }
    }
}

// Whether a JSON string is open behind this literal, when it was (or was not) before it. False when it ends in the
// middle of an escape: the value's own first backslash would then be the escaped one, and its quote a real one.
static bool track_quotes(struct span literal, bool *quoted)
{
    for (size_t i = 0; i < literal.len; i++) {
        if (*quoted && literal.at[i] == '\\') {
            i++;
            if (i == literal.len) {
                return false;
            }
        } else if (literal.at[i] == '"') {
            *quoted = !*quoted;
        }
    }
    return true;
}

static bool is_json(struct span text)
{
    struct json_value value;
    return json_check(text, &value, NULL, NULL) == STATUS_OK;
}

// One value in the place of its placeholder. False when it cannot stand there.
static bool put_value(struct bytes *out, struct span value, bool quoted, bool is_payload)
{
    if (!json_utf8_valid(value)) {
        return false;
    }
    if (quoted) {
        json_put_content(out, value);
    } else if (is_json(value)) {
        bytes_add_span(out, value);
    } else if (is_payload && value.len == 0) {
        bytes_add_text(out, "null");
    } else if (is_payload) {
        json_put_string(out, value);
    } else {
        return false;
    }
    return true;
}

enum status route_expand_context(struct span text, const struct route_captures *captures, struct span payload,
                                 struct bytes *out)
{
    size_t start = out->len;
    bool quoted = false;
    struct piece piece;
    struct json_value object;

    while (next_piece(&text, &piece)) {
        if (!piece.placeholder) {
            bytes_add_span(out, piece.text);
            if (!track_quotes(piece.text, &quoted)) {
                return STATUS_INVALID;
            }
            continue;
        }
        bool is_payload = span_is(piece.text, "payload");
        struct span value = payload;
        if ((!is_payload && !find_capture(captures, piece.text, &value)) ||
            !put_value(out, value, quoted, is_payload)) {
            return STATUS_INVALID;
        }
    }
    if (!bytes_ok(out)) {
        return STATUS_TOO_LARGE;
    }
    if (json_check((struct span){bytes_text(out) + start, out->len - start}, &object, NULL, NULL) != STATUS_OK) {
        return STATUS_INVALID;
    }
    return object.type == JSON_OBJECT ? STATUS_OK : STATUS_INVALID;
}

void route_scope(struct span route_name, const struct route_captures *captures, struct bytes *out)
{
    bytes_add_format(out, "%zu:", route_name.len);
    bytes_add_span(out, route_name);
    for (size_t i = 0; i < captures->count; i++) {
        bytes_add_format(out, "/%zu:", captures->values[i].len);
        bytes_add_span(out, captures->values[i]);
    }
}
