// SPDX-License-Identifier: Apache-2.0
// See announce.h. What is remembered: one line for each announced topic with the digest of its message. The loop's
// thread.
#include "flow/announce.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include "rules/discovery.h"
#include "rules/route.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_KEY       "discovery"
#define LINE_MAX_BYTES (TOPIC_MAX_BYTES + 32)
#define NOTE_MAX_BYTES ((size_t)CONFIG_JOBS_MAX * DISCOVERY_KINDS * LINE_MAX_BYTES)

struct announcement {
    const struct flow *flow;
    const struct config_route *route;
    bool again;
    const char *before; // the note as it was
    struct bytes note;
    struct store_change *change;
    struct store_message **last;
    size_t told;
    size_t taken_back;
};

static const struct config_route *find_route(const struct config *config)
{
    for (size_t i = 0; i < config->route_count; i++) {
        if (config->discovery.route[0] == '\0' || strcmp(config->routes[i].name, config->discovery.route) == 0) {
            return &config->routes[i];
        }
    }
    return NULL;
}

static void add_message(struct announcement *announcement, struct span topic, struct span payload)
{
    *announcement->last = memory_must(store_message_new(topic, payload, true, SPAN_NONE, 0));
    announcement->last = &(*announcement->last)->next;
}

// Whether one of the lines of text is this one, or (topic_only) has this topic.
static bool has_line(const char *text, struct span wanted, bool topic_only)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        struct span line = {text, topic_only ? strcspn(text, " \n") : len};
        if (span_equal(line, wanted)) {
            return true;
        }
        text += len + (text[len] == '\n');
    }
    return false;
}

static void announce_one(struct announcement *announcement, const struct discovery *discovery, enum discovery_kind kind)
{
    struct bytes topic;
    struct bytes payload;
    char line[LINE_MAX_BYTES];
    bytes_init(&topic, TOPIC_MAX_BYTES);
    bytes_init(&payload, DISCOVERY_TEXT_MAX);
    discovery_topic(discovery, kind, &topic);
    discovery_payload(discovery, kind, &payload);
    if (!bytes_ok(&topic) || !bytes_ok(&payload)) {
        LOG_WARNING("job is not announced: its name or its topics are too long", LOG_SPAN("job", discovery->job));
    } else {
        int len = snprintf(line, sizeof line, "%s %016" PRIx64, bytes_text(&topic), digest_of(bytes_span(&payload)));
        if (announcement->again || !has_line(announcement->before, (struct span){line, (size_t)len}, false)) {
            add_message(announcement, bytes_span(&topic), bytes_span(&payload));
            announcement->told++;
        }
        bytes_add_format(&announcement->note, "%s\n", line);
    }
    bytes_free(&topic);
    bytes_free(&payload);
}

static void announce_job(struct announcement *announcement, const struct config_job *job)
{
    const struct config *config = announcement->flow->config;
    const struct config_route *route = announcement->route;
    struct route_captures captures;
    struct bytes command;
    struct bytes status;
    struct bytes bridge;
    bytes_init(&command, TOPIC_MAX_BYTES);
    bytes_init(&status, (size_t)TOPIC_MAX_BYTES * 2);
    bytes_init(&bridge, (size_t)TOPIC_MAX_BYTES * 2);
    bytes_add_format(&bridge, "%s/status", config->broker.bridge_topic);
    if (route_address(span_of(route->filter), span_of(job->name), SPAN("execute"), span_of(config->discovery.device),
                      &command) == STATUS_OK &&
        route_match(span_of(route->filter), bytes_span(&command), &captures) &&
        route_expand_topic(span_of(route->status), &captures, SPAN_NONE, &status) == STATUS_OK && bytes_ok(&bridge)) {
        struct discovery discovery = {.prefix = span_of(config->discovery.prefix),
                                      .client_id = span_of(config->broker.client_id),
                                      .job = span_of(job->name),
                                      .command_topic = bytes_span(&command),
                                      .status_topic = bytes_span(&status),
                                      .bridge_status = bytes_span(&bridge),
                                      .version = SPAN(JOBBRIDGE_VERSION)};
        for (int kind = 0; kind < DISCOVERY_KINDS; kind++) {
            if (kind == DISCOVERY_EXECUTE || job->follow) {
                announce_one(announcement, &discovery, (enum discovery_kind)kind);
            }
        }
    } else {
        LOG_WARNING("job is not announced: its name or its topics are too long", LOG_TEXT("job", job->name));
    }
    bytes_free(&command);
    bytes_free(&status);
    bytes_free(&bridge);
}

// An empty retained message takes back what the one before it announced.
static void take_back(struct announcement *announcement)
{
    for (const char *at = announcement->before; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        struct span topic = {at, strcspn(at, " \n")};
        if (topic.len > 0 && !has_line(bytes_text(&announcement->note), topic, true)) {
            add_message(announcement, topic, SPAN_NONE);
            announcement->taken_back++;
        }
        at += len + (at[len] == '\n');
    }
}

void announce_jobs(const struct flow *flow, bool again)
{
    const struct config *config = flow->config;
    char *before = store_note(flow->reader, NOTE_KEY);
    struct announcement announcement = {.flow = flow, .again = again, .before = before ? before : ""};
    announcement.change = memory_must(store_change_new());
    announcement.last = &announcement.change->messages;
    bytes_init(&announcement.note, NOTE_MAX_BYTES);
    announcement.route = config->discovery.prefix[0] ? find_route(config) : NULL;
    for (size_t i = 0; announcement.route && i < config->job_count; i++) {
        const struct config_job *job = &config->jobs[i];
        bool reached = announcement.route->job[0] == '\0' || strcmp(announcement.route->job, job->name) == 0;
        if (reached && job->actions[ACTION_EXECUTE]) {
            announce_job(&announcement, job);
        }
    }
    take_back(&announcement);
    memory_check(bytes_ok(&announcement.note));
    if (announcement.told + announcement.taken_back > 0) {
        LOG_INFO("announced to Home Assistant", LOG_INT("entities", announcement.told),
                 LOG_INT("taken_back", announcement.taken_back));
        announcement.change->note_key = NOTE_KEY;
        announcement.change->note = memory_must(strdup(bytes_text(&announcement.note)));
        flow_submit(flow, announcement.change, NULL, NULL);
    } else {
        store_change_free(announcement.change);
    }
    bytes_free(&announcement.note);
    free(before);
}
