// SPDX-License-Identifier: Apache-2.0
// See cli_address.h. Must never send anything: it only finds out where to. Pure; any thread.
#include "cli/cli_address.h"
#include "rules/route.h"
#include <string.h>

// Takes the next level of a filter off rest; false: there is none.
static bool next_level(struct span *rest, struct span *level)
{
    if (!rest->at) {
        return false;
    }
    const char *slash = memchr(rest->at, '/', rest->len);
    *level = (struct span){rest->at, slash ? (size_t)(slash - rest->at) : rest->len};
    *rest = slash ? (struct span){slash + 1, rest->len - level->len - 1} : SPAN_NONE;
    return true;
}

static bool is_capture(struct span level, struct span *name)
{
    bool capture = level.len > 2 && level.at[0] == '{' && level.at[level.len - 1] == '}';
    *name = capture ? (struct span){level.at + 1, level.len - 2} : SPAN_NONE;
    return capture;
}

static bool given(const struct cli_wish *wish, struct span name, struct span *value)
{
    for (size_t i = 0; i < wish->capture_count; i++) {
        const char *equals = strchr(wish->captures[i], '=');
        if (equals && span_equal((struct span){wish->captures[i], (size_t)(equals - wish->captures[i])}, name)) {
            *value = span_of(equals + 1);
            return true;
        }
    }
    return false;
}

static bool find_value(const struct cli_wish *wish, struct span name, struct span *value)
{
    if (span_is(name, "job")) {
        *value = span_of(wish->job);
        return true;
    }
    if (span_is(name, "action")) {
        *value = span_of(wish->action);
        return true;
    }
    return given(wish, name, value);
}

static bool refuse(struct bytes *why, const struct config_route *route, const char *text, struct span what)
{
    bytes_add_format(why, "  route %s %s", route->name, text);
    bytes_add_span(why, what);
    bytes_add_char(why, '\n');
    return false;
}

static bool fill_captures(const struct config_route *route, const struct cli_wish *wish,
                          struct route_captures *captures, struct bytes *why)
{
    struct span rest = span_of(route->filter);
    struct span level;
    struct span name;
    captures->count = 0;
    while (next_level(&rest, &level)) {
        if (span_is(level, "+") || span_is(level, "#")) {
            return refuse(why, route, "has a wildcard in its filter: ", span_of(route->filter));
        }
        if (!is_capture(level, &name)) {
            continue;
        }
        struct span *value = &captures->values[captures->count];
        if (!find_value(wish, name, value)) {
            return refuse(why, route, "needs --capture NAME=VALUE for ", name);
        }
        captures->names[captures->count++] = name;
    }
    for (size_t i = 0; i < wish->capture_count; i++) {
        struct span value;
        struct span text = {wish->captures[i], strcspn(wish->captures[i], "=")};
        char copy[64];
        if (text.len >= sizeof copy) {
            return refuse(why, route, "has no capture ", text);
        }
        memcpy(copy, text.at, text.len);
        copy[text.len] = '\0';
        if (!route_capture(captures, copy, &value)) {
            return refuse(why, route, "has no capture ", text);
        }
    }
    return true;
}

static bool fits(const struct config_route *route, const struct cli_wish *wish, struct bytes *why)
{
    if (route->context[0]) {
        return refuse(why, route, "makes a command of any message: its answer could not be told from others'",
                      SPAN_NONE);
    }
    if (route->job[0] && strcmp(route->job, wish->job) != 0) {
        return refuse(why, route, "is for the job ", span_of(route->job));
    }
    if (route->action[0] && strcmp(route->action, wish->action) != 0) {
        return refuse(why, route, "is for the action ", span_of(route->action));
    }
    return true;
}

// A value that holds a slash makes another topic of it, and an earlier route may take the topic.
static bool leads_back(const struct config *config, const struct config_route *route, struct span topic,
                       const struct route_captures *captures, struct bytes *why)
{
    struct route_captures found;
    for (size_t i = 0; i < config->route_count; i++) {
        if (!route_match(span_of(config->routes[i].filter), topic, &found)) {
            continue;
        }
        if (&config->routes[i] != route) {
            return refuse(why, route, "comes after one that takes the topic: ", span_of(config->routes[i].name));
        }
        for (size_t k = 0; k < found.count; k++) {
            if (!span_equal(found.values[k], captures->values[k])) {
                return refuse(why, route, "does not capture the value that was given: ", captures->values[k]);
            }
        }
        return true;
    }
    return refuse(why, route, "does not match a topic with these values: ", topic);
}

// The execution id is known only later: its level becomes a '+'.
static void put_filter(struct bytes *filter, struct span topic)
{
    struct span level;
    for (bool first = true; next_level(&topic, &level); first = false) {
        if (!first) {
            bytes_add_char(filter, '/');
        }
        if (level.len > 0 && memchr(level.at, ROUTE_EXECUTION_MARK, level.len)) {
            bytes_add_char(filter, '+');
        } else {
            bytes_add_span(filter, level);
        }
    }
}

static bool expand(struct cli_address *address, const struct route_captures *captures, const struct cli_wish *wish,
                   struct bytes *why)
{
    const struct config_route *route = address->route;
    const char *const templates[] = {[CLI_REPLY_ACCEPTED] = route->accepted,
                                     [CLI_REPLY_REJECTED] = route->rejected,
                                     [CLI_REPLY_STATUS] = route->status,
                                     [CLI_REPLY_LOG] = route->log};
    struct span request = span_of(wish->request_id);
    if (route_expand_topic(span_of(route->filter), captures, request, &address->topic) != STATUS_OK) {
        return refuse(why, route, "makes no valid topic of these values", SPAN_NONE);
    }
    for (int kind = 0; kind < CLI_REPLY_COUNT; kind++) {
        struct bytes topic;
        bytes_init(&topic, (size_t)TOPIC_MAX_BYTES * 2);
        bool ok = route_expand_topic(span_of(templates[kind]), captures, request, &topic) == STATUS_OK;
        if (ok) {
            put_filter(&address->replies[kind], bytes_span(&topic));
        }
        bytes_free(&topic);
        if (!ok) {
            return refuse(why, route, "makes no valid reply topic of these values", SPAN_NONE);
        }
    }
    return true;
}

static void init(struct cli_address *address, const struct config_route *route)
{
    address->route = route;
    bytes_init(&address->topic, (size_t)TOPIC_MAX_BYTES * 2);
    for (int kind = 0; kind < CLI_REPLY_COUNT; kind++) {
        bytes_init(&address->replies[kind], (size_t)TOPIC_MAX_BYTES * 2);
    }
}

void cli_address_free(struct cli_address *address)
{
    bytes_free(&address->topic);
    for (int kind = 0; kind < CLI_REPLY_COUNT; kind++) {
        bytes_free(&address->replies[kind]);
    }
}

enum status cli_address_find(const struct config *config, const struct cli_wish *wish, struct cli_address *address,
                             struct bytes *why)
{
    init(address, NULL);
    for (size_t i = 0; i < config->route_count; i++) {
        struct route_captures captures;
        cli_address_free(address);
        init(address, &config->routes[i]);
        if (fits(address->route, wish, why) && fill_captures(address->route, wish, &captures, why) &&
            expand(address, &captures, wish, why) &&
            leads_back(config, address->route, bytes_span(&address->topic), &captures, why)) {
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}
