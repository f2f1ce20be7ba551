// SPDX-License-Identifier: Apache-2.0
// Six lines: filter, reply template, context template, topic, requestId, payload (to the end). What a checked
// configuration makes of any message is a topic and a context, or a refusal.
#include "rules/json.h"
#include "rules/route.h"
#include "rules/topic.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static struct span take_line(struct span *rest)
{
    const char *end = rest->len > 0 ? memchr(rest->at, '\n', rest->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - rest->at) : rest->len;
    struct span line = {rest->at, len};
    len += end != NULL;
    *rest = (struct span){rest->at + len, rest->len - len};
    return line;
}

// What a reply template gives is one of the topics that its filter stands for: the check against loops rests on it.
static void check_topic(struct span reply, const struct route_captures *captures, struct span request_id)
{
    struct bytes topic;
    struct bytes whole;
    struct bytes filter;

    bytes_init(&topic, 4096);
    bytes_init(&whole, 4096);
    bytes_init(&filter, 4096);
    if (route_expand_topic(reply, captures, request_id, &topic) == STATUS_OK) {
        route_put_execution(bytes_span(&topic), SPAN("632e18632f59592e773a4153"), &whole);
        must(topic_name_valid(bytes_span(&whole)));
        topic_pattern_to_filter(reply, &filter);
        must(bytes_ok(&filter) && topic_matches(bytes_span(&filter), bytes_span(&whole)));
        must(topic_filters_overlap(bytes_span(&filter), bytes_span(&whole)));
    }
    bytes_free(&topic);
    bytes_free(&whole);
    bytes_free(&filter);
}

static size_t count_members(struct span text)
{
    struct json_value object;
    struct json_value value;
    struct span key;
    size_t count = 0;

    must(json_check(text, &object, NULL, NULL) == STATUS_OK && object.type == JSON_OBJECT);
    struct json_iter iter = json_iter(object);
    while (json_next_member(&iter, &key, &value)) {
        count++;
    }
    return count;
}

// No message brings members of its own: there are as many as in the template with 0 in every place.
static void check_context(struct span context, const struct route_captures *captures, struct span payload)
{
    struct route_captures zeros = *captures;
    struct bytes out;
    struct bytes plain;

    for (size_t i = 0; i < zeros.count; i++) {
        zeros.values[i] = SPAN("0");
    }
    bytes_init(&out, SIZE_MAX);
    bytes_init(&plain, SIZE_MAX);
    must(route_expand_context(context, &zeros, SPAN("0"), &plain) == STATUS_OK);
    if (route_expand_context(context, captures, payload, &out) == STATUS_OK) {
        must(count_members(bytes_span(&out)) == count_members(bytes_span(&plain)));
    }
    bytes_free(&out);
    bytes_free(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span payload = {(const char *)data, size};
    struct span pattern = take_line(&payload);
    struct span reply = take_line(&payload);
    struct span context = take_line(&payload);
    struct span topic = take_line(&payload);
    struct span request_id = take_line(&payload);
    struct route_captures captures;
    struct bytes filter;
    const char *why = NULL;
    struct span which;

    if (route_check_filter(pattern, &why) != STATUS_OK) {
        must(why != NULL);
        return 0;
    }
    bytes_init(&filter, 4096);
    topic_pattern_to_filter(pattern, &filter);
    must(topic_filter_valid(bytes_span(&filter)));
    bool matches = route_match(pattern, topic, &captures);
    must(matches == topic_matches(bytes_span(&filter), topic));
    bytes_free(&filter);
    if (!matches) {
        return 0;
    }
    if (route_check_template(reply, pattern, true, &why, &which) == STATUS_OK) {
        check_topic(reply, &captures, request_id);
    }
    if (route_check_context(context, pattern, &why, &which) == STATUS_OK) {
        check_context(context, &captures, payload);
    }
    return 0;
}
