// SPDX-License-Identifier: Apache-2.0
// See filters.h. What is remembered: the filters, one a line. A crash between the commit and the subscription only
// means that a filter is given up which was never there, and brokers do not mind that. The main thread.
#include "daemon/filters.h"
#include "base/memory.h"
#include "rules/discovery.h"
#include "rules/topic.h"
#include <stdlib.h>
#include <string.h>

#define NOTE_KEY       "filters"
#define NOTE_MAX_BYTES ((size_t)2 * FILTERS_MAX * TOPIC_MAX_BYTES)

static char *make_filter(const struct config *config, const struct config_route *route)
{
    struct bytes filter;
    bytes_init(&filter, (size_t)TOPIC_MAX_BYTES * 2);
    if (config->broker.share_group[0]) {
        bytes_add_format(&filter, "$share/%s/", config->broker.share_group);
    }
    topic_pattern_to_filter(span_of(route->filter), &filter);
    memory_check(bytes_ok(&filter));
    return filter.data;
}

static bool is_among(char *const *filters, size_t count, struct span filter)
{
    for (size_t i = 0; i < count; i++) {
        if (span_is(filter, filters[i])) {
            return true;
        }
    }
    return false;
}

static void take_stale(struct filters *filters, const char *note)
{
    while (*note != '\0' && filters->stale_count < FILTERS_MAX) {
        struct span line = {note, strcspn(note, "\n")};
        if (line.len > 0 && !is_among(filters->wanted, filters->wanted_count, line)) {
            filters->stale[filters->stale_count++] = memory_must(span_dup(line));
        }
        note += line.len + (note[line.len] == '\n');
    }
}

static void remember(const struct flow *flow, const struct filters *filters, bool stale_too)
{
    struct bytes note;
    bytes_init(&note, NOTE_MAX_BYTES);
    for (size_t i = 0; i < filters->wanted_count; i++) {
        bytes_add_format(&note, "%s\n", filters->wanted[i]);
    }
    for (size_t i = 0; stale_too && i < filters->stale_count; i++) {
        bytes_add_format(&note, "%s\n", filters->stale[i]);
    }
    memory_check(bytes_ok(&note));
    char *before = store_note(flow->reader, NOTE_KEY);
    if (!before || strcmp(before, bytes_text(&note)) != 0) {
        struct store_change *change = memory_must(store_change_new());
        change->note_key = NOTE_KEY;
        change->note = memory_must(strdup(bytes_text(&note)));
        flow_submit(flow, change, NULL, NULL);
    }
    free(before);
    bytes_free(&note);
}

char *filters_birth_topic(const struct config *config)
{
    struct bytes topic;
    if (config->discovery.prefix[0] == '\0') {
        return NULL;
    }
    bytes_init(&topic, (size_t)TOPIC_MAX_BYTES * 2);
    discovery_birth_topic(span_of(config->discovery.prefix), &topic);
    memory_check(bytes_ok(&topic));
    return topic.data;
}

static void make_wanted(struct filters *filters, const struct config *config)
{
    *filters = (struct filters){.wanted_count = config->route_count};
    for (size_t i = 0; i < config->route_count; i++) {
        filters->wanted[i] = make_filter(config, &config->routes[i]);
    }
    char *birth = filters_birth_topic(config);
    if (birth) {
        filters->wanted[filters->wanted_count++] = birth;
    }
}

void filters_make(struct filters *filters, const struct flow *flow)
{
    make_wanted(filters, flow->config);
    char *note = store_note(flow->reader, NOTE_KEY);
    if (note) {
        take_stale(filters, note);
    }
    free(note);
    remember(flow, filters, true);
}

void filters_taken(const struct flow *flow)
{
    struct filters filters;
    make_wanted(&filters, flow->config);
    remember(flow, &filters, false);
    filters_free(&filters);
}

void filters_free(struct filters *filters)
{
    for (size_t i = 0; i < filters->wanted_count; i++) {
        free(filters->wanted[i]);
    }
    for (size_t i = 0; i < filters->stale_count; i++) {
        free(filters->stale[i]);
    }
}
