// SPDX-License-Identifier: Apache-2.0
// What Home Assistant discovery must be together with the rest: retained messages, a route that a button can send to,
// one topic for the states of what it starts, and no topic of it among the commands. One thread at a time.
#include "io/config_loading.h"
#include "rules/discovery.h"
#include "rules/route.h"
#include <string.h>

static const struct config_route *find_route(const struct config_loading *loading)
{
    const struct config *config = loading->config;
    const char *name = config->discovery.route;
    for (size_t i = 0; i < config->route_count; i++) {
        if (name[0] == '\0' || strcmp(config->routes[i].name, name) == 0) {
            return &config->routes[i];
        }
    }
    return NULL;
}

// Whether what was said of the route can be built upon.
static bool route_is_right(const struct config_loading *loading, const struct config_route *route)
{
    static const char *const members[] = {"name", "filter", "job", "action", "replies", "status"};
    size_t index = (size_t)(route - loading->config->routes);
    char key[CONFIG_KEY_MAX_BYTES];
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (!config_is_right(loading, config_member(key, "routes", index, members[i]))) {
            return false;
        }
    }
    return route->filter[0] != '\0';
}

static bool is_among_commands(const struct config *config, struct span topic)
{
    struct route_captures captures;
    for (size_t i = 0; i < config->route_count; i++) {
        if (route_match(span_of(config->routes[i].filter), topic, &captures)) {
            return true;
        }
    }
    return false;
}

static void check_prefix(struct config_loading *loading)
{
    const struct config *config = loading->config;
    struct discovery sample = {.prefix = span_of(config->discovery.prefix),
                               .client_id = span_of(config->broker.client_id),
                               .job = SPAN("job")};
    struct bytes topics[2];
    bytes_init(&topics[0], (size_t)TOPIC_MAX_BYTES * 2);
    bytes_init(&topics[1], (size_t)TOPIC_MAX_BYTES * 2);
    discovery_birth_topic(sample.prefix, &topics[0]);
    discovery_topic(&sample, DISCOVERY_EXECUTE, &topics[1]);
    for (size_t i = 0; i < 2; i++) {
        if (!topic_name_valid(bytes_span(&topics[i]))) {
            config_complain(loading, "discovery.prefix", "is no topic, expected one without + and #");
            break;
        }
        if (is_among_commands(config, bytes_span(&topics[i]))) {
            config_complain(loading, "discovery.prefix",
                            "gives the topic \"%.100s\", which a route takes for a command, expected another",
                            bytes_text(&topics[i]));
            break;
        }
    }
    bytes_free(&topics[0]);
    bytes_free(&topics[1]);
}

static void check_route(struct config_loading *loading, const struct config_route *route)
{
    const char *device = loading->config->discovery.device;
    const char *key =
        config_tree_find(loading->tree, "discovery.route") != NULL ? "discovery.route" : "discovery.prefix";
    struct bytes topic;
    bytes_init(&topic, (size_t)TOPIC_MAX_BYTES * 2);
    if (strchr(device, '/') != NULL || strpbrk(device, "+#") != NULL) {
        config_complain(loading, "discovery.device", "has a / + or # in it, expected one level of a topic");
    } else if (strpbrk(route->filter, "+#") != NULL ||
               route_address(span_of(route->filter), SPAN("job"), SPAN("execute"), span_of(device), &topic) !=
                   STATUS_OK) {
        config_complain(loading, key,
                        "means the route \"%.80s\", whose filter a button cannot fill in, expected one of "
                        "captures and fixed levels only",
                        route->name);
    } else if (route->action[0] != '\0' && strcmp(route->action, "execute") != 0) {
        config_complain(loading, key, "means the route \"%.80s\", whose action is %.40s, expected one that can execute",
                        route->name, route->action);
    } else if (strstr(route->status, "{requestId}") != NULL || strstr(route->status, "{executionId}") != NULL) {
        config_complain(loading, key,
                        "means the route \"%.80s\", whose status has a topic for each run, expected one "
                        "topic for all runs of a job",
                        route->name);
    }
    bytes_free(&topic);
}

void config_check_discovery(struct config_loading *loading)
{
    const struct config *config = loading->config;
    if (config->discovery.prefix[0] == '\0' || !config_is_right(loading, "discovery.prefix")) {
        return;
    }
    if (!config->broker.retain && config_is_right(loading, "broker.retain")) {
        config_complain(loading, "discovery.prefix",
                        "needs retained messages, but broker.retain is false, expected one of the two otherwise");
    }
    check_prefix(loading);
    const struct config_route *route = find_route(loading);
    if (!config_is_right(loading, "discovery.route") || !config_is_right(loading, "discovery.device")) {
        return;
    }
    if (route == NULL) {
        if (config->route_count > 0) {
            config_complain(loading, "discovery.route", "is \"%.80s\", expected the name of a route",
                            config->discovery.route);
        }
    } else if (route_is_right(loading, route)) {
        check_route(loading, route);
    }
}
