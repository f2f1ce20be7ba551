// SPDX-License-Identifier: Apache-2.0
// What the routes must be, each by itself and all together: every placeholder known, every command answerable, and no
// topic that the bridge publishes to among those that it takes for commands, for that would be a loop.
// Must never build upon a value that was already complained about.
//
// Filters of two routes must not overlap at all: a broker may deliver such a message once or once per subscription
// (MQTT 5 section 3.3.4 leaves it open), so neither "first match wins" nor "each match" could be promised.
#include "io/config_loading.h"
#include "rules/route.h"
#include <stdlib.h>
#include <string.h>

#define LEAVE_ALONE "expected to leave them alone"

enum kind { KIND_ACCEPTED, KIND_REJECTED, KIND_STATUS, KIND_LOG, KIND_COUNT };

static const char *const kind_names[KIND_COUNT] = {"accepted", "rejected", "status", "log"};

// A route's topics as filters; a filter that is empty was wrong and takes part in nothing.
struct view {
    struct bytes filter;
    struct bytes replies[KIND_COUNT];
};

struct routes {
    struct config_loading *loading;
    const struct config *config;
    struct view *views;
};

static const char *kind_template(const struct config_route *route, enum kind kind)
{
    const char *templates[KIND_COUNT] = {route->accepted, route->rejected, route->status, route->log};
    return templates[kind];
}

static bool is_right(const struct routes *routes, size_t index, const char *member)
{
    char key[CONFIG_KEY_MAX_BYTES];
    return config_is_right(routes->loading, config_member(key, "routes", index, member));
}

// The key that a kind's topic comes from.
static const char *kind_member(const struct routes *routes, size_t index, enum kind kind)
{
    char key[CONFIG_KEY_MAX_BYTES];
    const struct config_node *node =
        config_tree_find(routes->loading->tree, config_member(key, "routes", index, kind_names[kind]));
    bool own = node != NULL && (config_node_type(node) != NODE_TEXT || config_node_text(node)[0] != '\0');
    return own ? kind_names[kind] : "replies";
}

#define complain(routes, index, member, ...)                                                                           \
    config_complain((routes)->loading, config_member((char[CONFIG_KEY_MAX_BYTES]){0}, "routes", (index), (member)),    \
                    __VA_ARGS__)

// A template's problem as rules/route tells it, with the name that it is about where there is one.
static void complain_template(const struct routes *routes, size_t index, const char *member, const char *why,
                              struct span which, const char *expected)
{
    if (which.len > 0) {
        complain(routes, index, member, "{%.*s} %s, expected %s", (int)which.len, which.at, why, expected);
    } else {
        complain(routes, index, member, "%s, expected %s", why, expected);
    }
}

static void check_filter(const struct routes *routes, size_t index)
{
    const char *filter = routes->config->routes[index].filter;
    const char *why = NULL;
    struct view *view = &routes->views[index];
    if (filter[0] == '\0') {
        return; // missing or wrong: told already
    }
    if (route_check_filter(span_of(filter), &why) != STATUS_OK) {
        complain(routes, index, "filter", "%s, expected a topic filter in which {name} stands for one level", why);
        return;
    }
    topic_pattern_to_filter(span_of(filter), &view->filter);
}

// Whether the names of all jobs are known, so that another name is surely wrong.
static bool jobs_are_named(const struct routes *routes)
{
    char key[CONFIG_KEY_MAX_BYTES];
    for (size_t i = 0; i < routes->config->job_count; i++) {
        if (routes->config->jobs[i].name[0] == '\0' ||
            !config_is_right(routes->loading, config_member(key, "jobs", i, "name"))) {
            return false;
        }
    }
    return routes->config->job_count > 0;
}

static bool actions_are_right(const struct routes *routes, const struct config_job *job)
{
    char key[CONFIG_KEY_MAX_BYTES];
    return config_is_right(routes->loading,
                           config_member(key, "jobs", (size_t)(job - routes->config->jobs), "actions"));
}

// True, too, when the actions of a job are not known because they are wrong.
static bool some_job_allows(const struct routes *routes, enum action action)
{
    const struct config *config = routes->config;
    for (size_t i = 0; i < config->job_count; i++) {
        if (config->jobs[i].actions[action] || !actions_are_right(routes, &config->jobs[i])) {
            return true;
        }
    }
    return config->job_count == 0;
}

// Where the job, or the action, of the commands comes from: exactly one of the topic and the key.
static void check_source(const struct routes *routes, size_t index, const char *member, const char *value,
                         const char *placeholder)
{
    const char *filter = routes->config->routes[index].filter;
    bool captured = strstr(filter, placeholder) != NULL;
    if (filter[0] == '\0' || !is_right(routes, index, "filter") || !is_right(routes, index, member)) {
        return;
    }
    if (captured && value[0] != '\0') {
        complain(routes, index, member, "is given although the filter has %s, expected one of the two", placeholder);
    } else if (!captured && value[0] == '\0') {
        complain(routes, index, member, "is missing as the filter has no %s, expected one of the two", placeholder);
    }
}

static void check_target(const struct routes *routes, size_t index)
{
    const struct config *config = routes->config;
    const struct config_route *route = &config->routes[index];
    check_source(routes, index, "job", route->job, "{job}");
    check_source(routes, index, "action", route->action, "{action}");
    const struct config_job *job = config_job(config, span_of(route->job));
    enum action action = ACTION_COUNT;
    if (route->job[0] != '\0' && job == NULL && jobs_are_named(routes)) {
        complain(routes, index, "job", "is \"%.60s\", expected the name of one of jobs", route->job);
    }
    if (route->action[0] == '\0') {
        return;
    }
    if (!action_parse(span_of(route->action), &action)) {
        complain(routes, index, "action",
                 "is \"%.60s\", expected execute, cancelExecution, get, logs, patch, delete or status", route->action);
    } else if (job != NULL && !job->actions[action] && actions_are_right(routes, job)) {
        complain(routes, index, "action", "is %s, which job \"%s\" does not allow, expected one of its actions",
                 route->action, job->name);
    } else if (route->job[0] == '\0' && !some_job_allows(routes, action)) {
        complain(routes, index, "action", "is %s, which no job allows, expected an action that one allows",
                 route->action);
    }
}

static void check_context(const struct routes *routes, size_t index)
{
    const struct config_route *route = &routes->config->routes[index];
    const char *why = NULL;
    struct span which = SPAN_NONE;
    if (route->context[0] == '\0') {
        return;
    }
    if (strcmp(route->action, action_text(ACTION_EXECUTE)) != 0) {
        complain(routes, index, "context", "makes the context of an execute, expected action = \"execute\" beside it");
        return;
    }
    if (routes->views[index].filter.len == 0) {
        return;
    }
    if (route_check_context(span_of(route->context), span_of(route->filter), &why, &which) != STATUS_OK) {
        complain_template(routes, index, "context", why, which,
                          "a JSON object with captures of the filter, {job}, {action} and {payload}");
    }
}

// Which ids a kind's topic may have in it: an accepted execute always has its execution id, no other answer surely has.
static bool allows_execution(const struct config_route *route, enum kind kind)
{
    return kind == KIND_STATUS || kind == KIND_LOG ||
           (kind == KIND_ACCEPTED && strcmp(route->action, action_text(ACTION_EXECUTE)) == 0);
}

static void check_template(const struct routes *routes, size_t index, enum kind kind)
{
    const struct config_route *route = &routes->config->routes[index];
    const char *member = kind_member(routes, index, kind);
    const char *text = kind_template(route, kind);
    bool own = strcmp(member, "replies") != 0;
    const char *why = NULL;
    struct span which = SPAN_NONE;
    if (routes->views[index].filter.len == 0 || text[0] == '\0' || !is_right(routes, index, member)) {
        return;
    }
    if (!own && route->replies[0] == '\0') {
        return; // missing: told already
    }
    if (route_check_template(span_of(text), span_of(route->filter), own, &why, &which) != STATUS_OK) {
        complain_template(routes, index, member, why, which,
                          own ? "a topic with captures of the filter, {job}, {action} or ids"
                              : "a topic with captures of the filter, {job} or {action}");
    } else if (own && strstr(text, "{executionId}") != NULL && !allows_execution(route, kind)) {
        complain(routes, index, member, "has {executionId}, which %s, expected it only where there always is one",
                 kind == KIND_REJECTED ? "a rejected command has not"
                                       : "not every accepted action has (action = \"execute\" has)");
    } else {
        topic_pattern_to_filter(span_of(text), &routes->views[index].replies[kind]);
    }
}

static bool overlap(const struct bytes *a, const struct bytes *b)
{
    return a->len > 0 && b->len > 0 && topic_filters_overlap(bytes_span(a), bytes_span(b));
}

static void check_overlaps(const struct routes *routes, size_t index)
{
    const struct view *view = &routes->views[index];
    for (size_t i = 0; i < index; i++) {
        if (strcmp(routes->config->routes[i].name, routes->config->routes[index].name) == 0 &&
            routes->config->routes[i].name[0] != '\0') {
            complain(routes, index, "name", "is \"%s\" like routes[%zu].name, expected another name",
                     routes->config->routes[i].name, i);
            break;
        }
    }
    for (size_t i = 0; i < index; i++) {
        if (overlap(&view->filter, &routes->views[i].filter)) {
            complain(routes, index, "filter",
                     "can match the same topic as routes[%zu].filter (\"%.80s\"), expected filters that never do", i,
                     routes->config->routes[i].filter);
        }
    }
}

// The first route whose filter matches some topic of `topics`; route_count when there is none.
static size_t find_loop(const struct routes *routes, const struct bytes *topics)
{
    for (size_t i = 0; i < routes->config->route_count; i++) {
        if (overlap(topics, &routes->views[i].filter)) {
            return i;
        }
    }
    return routes->config->route_count;
}

static void check_loops(const struct routes *routes, size_t index)
{
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        const char *member = kind_member(routes, index, kind);
        size_t loop = find_loop(routes, &routes->views[index].replies[kind]);
        if (loop < routes->config->route_count && is_right(routes, index, member)) {
            complain(routes, index, member,
                     "gives topics (\"%.80s\") that routes[%zu].filter takes for commands, expected topics that no "
                     "filter matches: it would loop",
                     kind_template(&routes->config->routes[index], kind), loop);
        }
    }
}

// Two kinds on one topic: a reader could not tell them apart, and a retained state would hide the other.
static void check_kinds(const struct routes *routes, size_t index, enum kind kind)
{
    const struct bytes *topic = &routes->views[index].replies[kind];
    const char *member = kind_member(routes, index, kind);
    for (size_t i = 0; i <= index && topic->len > 0; i++) {
        for (enum kind other = 0; other < (i == index ? kind : KIND_COUNT); other++) {
            if (other != kind && span_equal(bytes_span(topic), bytes_span(&routes->views[i].replies[other]))) {
                complain(routes, index, member, "gives %s the topic of routes[%zu]'s %s, expected one of its own",
                         kind_names[kind], i, kind_names[other]);
                return;
            }
        }
    }
}

// The topics of the bridge itself, as a filter; empty when they are wrong already. The caller frees.
static void bridge_filter(const struct routes *routes, struct bytes *filter)
{
    bytes_init(filter, (size_t)2 * TOPIC_MAX_BYTES);
    if (config_is_right(routes->loading, "broker.bridge_topic") &&
        config_is_right(routes->loading, "broker.client_id")) {
        bytes_add_text(filter, routes->config->broker.bridge_topic);
        bytes_add_text(filter, "/+");
    }
}

// Neither may a command come on the bridge's own topics nor a reply be published there.
static void check_bridge_topic(const struct routes *routes, size_t index)
{
    struct bytes own;
    bridge_filter(routes, &own);
    if (overlap(&own, &routes->views[index].filter)) {
        complain(routes, index, "filter", "can match the bridge's own topics \"%.80s\", %s", bytes_text(&own),
                 LEAVE_ALONE);
    }
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        const char *member = kind_member(routes, index, kind);
        if (overlap(&own, &routes->views[index].replies[kind]) && is_right(routes, index, member)) {
            complain(routes, index, member, "can give the bridge's own topics \"%.80s\", %s", bytes_text(&own),
                     LEAVE_ALONE);
        }
    }
    bytes_free(&own);
}

static void check_response_topics(const struct routes *routes, size_t index)
{
    const char *text = routes->config->routes[index].response_topics;
    struct bytes topics;
    struct bytes own;
    if (text[0] == '\0') {
        return;
    }
    bytes_init(&topics, TOPIC_MAX_BYTES);
    bytes_add_text(&topics, text);
    bridge_filter(routes, &own);
    size_t loop = find_loop(routes, &topics);
    if (strpbrk(text, "{}") != NULL || !topic_filter_valid(bytes_span(&topics))) {
        complain(routes, index, "response_topics", "is no topic filter, expected one with + and #, without {name}");
    } else if (loop < routes->config->route_count) {
        complain(routes, index, "response_topics",
                 "can match what routes[%zu].filter takes for commands, expected topics that no filter matches", loop);
    } else if (overlap(&own, &topics)) {
        complain(routes, index, "response_topics", "can match the bridge's own topics \"%.80s\", %s", bytes_text(&own),
                 LEAVE_ALONE);
    }
    bytes_free(&topics);
    bytes_free(&own);
}

static void check_alone(const struct routes *routes, size_t index)
{
    check_filter(routes, index);
    check_target(routes, index);
    check_context(routes, index);
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        check_template(routes, index, kind);
    }
}

static void check_together(const struct routes *routes, size_t index)
{
    check_overlaps(routes, index);
    check_loops(routes, index);
    check_bridge_topic(routes, index);
    check_response_topics(routes, index);
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        check_kinds(routes, index, kind);
    }
}

static void free_views(struct view *views, size_t count)
{
    for (size_t i = 0; views != NULL && i < count; i++) {
        bytes_free(&views[i].filter);
        for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
            bytes_free(&views[i].replies[kind]);
        }
    }
    free(views);
}

void config_check_routes(struct config_loading *loading)
{
    struct routes routes = {.loading = loading, .config = loading->config};
    size_t count = loading->config->route_count;
    if (count == 0) {
        return;
    }
    routes.views = calloc(count, sizeof *routes.views);
    if (routes.views == NULL) {
        loading->no_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        bytes_init(&routes.views[i].filter, TOPIC_MAX_BYTES);
        for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
            bytes_init(&routes.views[i].replies[kind], TOPIC_MAX_BYTES);
        }
        check_alone(&routes, i);
    }
    for (size_t i = 0; i < count; i++) {
        check_together(&routes, i);
    }
    free_views(routes.views, count);
}
