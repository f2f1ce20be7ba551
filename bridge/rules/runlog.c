// SPDX-License-Identifier: Apache-2.0
// Reads the answers of a job's execution log and plans the next question.
// Must never let one odd entry hide the others, nor judge a word that it does not know. Pure; any thread.
#include "rules/runlog.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/utf8.h"
#include <stdio.h>
#include <string.h>

#define DOUBLINGS_MAX 16 // of the margin; it meets its own maximum before

const char *run_outcome_text(enum run_outcome outcome)
{
    switch (outcome) {
    case RUN_NONE:
        return "";
    case RUN_SUCCEEDED:
        return "succeeded";
    case RUN_PARTIAL:
        return "partial";
    case RUN_FAILED:
        return "failed";
    case RUN_CANCELED:
        return "canceled";
    case RUN_UNKNOWN:
        return "unknown";
    }
    return "";
}

enum run_outcome runlog_outcome(const struct runlog_entry *entry)
{
    if (strcmp(entry->state, "completed") == 0) {
        return entry->failed > 0 || entry->timed_out > 0 ? RUN_PARTIAL : RUN_SUCCEEDED;
    }
    if (strcmp(entry->state, "errored") == 0) {
        return RUN_FAILED;
    }
    return strcmp(entry->state, "canceled") == 0 ? RUN_CANCELED : RUN_NONE;
}

int runlog_progress(const struct runlog_entry *entry)
{
    if (!entry->has_summary) {
        return -1;
    }
    // As doubles: the counts come from outside and their sum may not fit an integer.
    double done = (double)entry->succeeded + (double)entry->failed + (double)entry->timed_out;
    double left = (double)entry->in_progress + (double)entry->remaining;
    if (done + left <= 0) {
        return runlog_outcome(entry) == RUN_NONE ? 0 : 100;
    }
    int percent = (int)(done * 100 / (done + left));
    return left > 0 && percent > 99 ? 99 : percent;
}

// The text between the quotes, for what is plain by nature: an id, a time. Empty when the member is no string.
static struct span plain_member(struct json_value object, const char *name)
{
    struct json_value value;
    if (!json_find(object, name, &value) || value.type != JSON_STRING) {
        return SPAN_NONE;
    }
    return (struct span){value.raw.at + 1, value.raw.len - 2};
}

static int64_t time_member(struct json_value object, const char *name)
{
    struct span text = plain_member(object, name);
    return clock_parse(text.at, text.len);
}

static int64_t count_member(struct json_value object, const char *name)
{
    struct json_value value;
    int64_t number;
    return json_find(object, name, &value) && json_int64(value, &number) && number > 0 ? number : 0;
}

static void read_state(struct json_value object, char state[RUNLOG_STATE_BYTES])
{
    struct json_value value;
    struct bytes text;
    bytes_init(&text, SIZE_MAX);
    state[0] = '\0';
    if (json_find(object, "status", &value) && json_unescape(value, &text) == STATUS_OK) {
        size_t len = utf8_cut(bytes_span(&text), RUNLOG_STATE_BYTES - 1);
        memcpy(state, bytes_text(&text), len);
        state[len] = '\0';
    }
    bytes_free(&text);
}

static void read_summary(struct json_value object, struct runlog_entry *entry)
{
    struct json_value summary;
    if (!json_find(object, "executionSummary", &summary) || summary.type != JSON_OBJECT) {
        return;
    }
    entry->has_summary = true;
    entry->summary = summary.raw;
    entry->succeeded = count_member(summary, "succeeded");
    entry->failed = count_member(summary, "failed");
    entry->timed_out = count_member(summary, "timedOut");
    entry->in_progress = count_member(summary, "inProgress");
    entry->remaining = count_member(summary, "remaining");
}

static bool read_entry(struct json_value element, struct runlog_entry *entry)
{
    *entry = (struct runlog_entry){.raw = element.raw, .context = {JSON_NULL, SPAN_NONE}};
    struct span id = plain_member(element, "resourceJobExecutionId");
    if (element.type != JSON_OBJECT || !command_id_valid(id)) {
        return false;
    }
    snprintf(entry->execution_id, sizeof entry->execution_id, "%.*s", (int)id.len, id.at);
    read_state(element, entry->state);
    read_summary(element, entry);
    entry->started_ms = time_member(element, "runStartedAt");
    entry->ended_ms = time_member(element, "runCompletedAt");
    struct json_value context;
    if (json_find(element, "templateContext", &context) &&
        (context.type == JSON_STRING || context.type == JSON_OBJECT)) {
        entry->context = context;
    }
    entry->digest = digest_of(element.raw);
    return true;
}

enum status runlog_parse(struct span body, void (*each)(void *context, const struct runlog_entry *entry), void *context,
                         size_t *count, size_t *skipped)
{
    struct json_value log;
    *count = 0;
    size_t unusable = 0;
    bool is_log = json_check(body, &log, NULL, NULL) == STATUS_OK && log.type == JSON_ARRAY;
    if (is_log) {
        struct json_iter iter = json_iter(log);
        struct json_value element;
        while (json_next_element(&iter, &element)) {
            struct runlog_entry entry;
            (*count)++;
            if (read_entry(element, &entry)) {
                each(context, &entry);
            } else {
                unusable++;
            }
        }
    }
    if (skipped) {
        *skipped = unusable;
    }
    return is_log ? STATUS_OK : STATUS_INVALID;
}

static bool read_marker(struct json_value object, const char *key, struct bytes *marker)
{
    struct json_value value;
    return json_find(object, key, &value) && json_unescape(value, marker) == STATUS_OK;
}

bool runlog_marker(const struct runlog_entry *entry, const char *marker_key, struct bytes *marker)
{
    if (marker_key[0] == '\0' || entry->context.type != JSON_STRING) {
        return marker_key[0] != '\0' && read_marker(entry->context, marker_key, marker);
    }
    struct bytes text;
    struct json_value object;
    bytes_init(&text, SIZE_MAX);
    bool found = json_unescape(entry->context, &text) == STATUS_OK &&
                 json_check(bytes_span(&text), &object, NULL, NULL) == STATUS_OK &&
                 read_marker(object, marker_key, marker);
    bytes_free(&text);
    return found;
}

bool runlog_page_complete(uint32_t limit, size_t count)
{
    return count < limit;
}

// Numbers that people choose for the largest page: 50, 100, 200, 250, 500, 1000 and so on, powers of two from 64.
static bool looks_like_a_bound(size_t count)
{
    size_t digits = count;
    while (digits > 0 && digits % 10 == 0) {
        digits /= 10;
    }
    bool round = count >= 50 && (digits == 1 || digits == 2 || digits == 5 || digits == 25);
    return round || (count >= 64 && (count & (count - 1)) == 0);
}

enum runlog_reach runlog_reach(const struct runlog_page *page)
{
    if (page->reaches_back) {
        return RUNLOG_WHOLE;
    }
    if (!runlog_page_complete(page->limit, page->count)) {
        return RUNLOG_CUT;
    }
    return page->count < page->longest || !looks_like_a_bound(page->count) ? RUNLOG_WHOLE : RUNLOG_UNSURE;
}

static int64_t plan_since_ms(const struct runlog_want *want)
{
    uint32_t doublings = want->missed_polls < DOUBLINGS_MAX ? want->missed_polls : DOUBLINGS_MAX;
    int64_t margin_ms = (int64_t)RUNLOG_SINCE_MARGIN_MS << doublings;
    margin_ms = margin_ms > RUNLOG_SINCE_MARGIN_MAX_MS ? RUNLOG_SINCE_MARGIN_MAX_MS : margin_ms;
    return want->earliest_start_ms > margin_ms ? want->earliest_start_ms - margin_ms : 0;
}

struct runlog_plan runlog_next(const struct runlog_want *want)
{
    uint64_t limit = 2 * (uint64_t)want->open_runs;
    uint64_t held = want->deepest > 0 && !want->missing ? 2 * (uint64_t)want->deepest : want->last_limit;
    if (want->missing && want->last_limit > 0 && !runlog_page_complete(want->last_limit, want->last_count)) {
        held = 2 * (uint64_t)want->last_limit;
    }
    limit = limit > held ? limit : held;
    limit = limit < RUNLOG_LIMIT_FIRST ? RUNLOG_LIMIT_FIRST : limit;
    limit = limit > RUNLOG_LIMIT_MAX ? RUNLOG_LIMIT_MAX : limit;
    if (want->refused_limit > 0 && limit >= want->refused_limit) {
        // Half-way up from what worked: a bound of the API that we do not know is found in a few polls.
        uint64_t worked = want->last_limit < want->refused_limit ? want->last_limit : 0;
        limit = worked + (want->refused_limit - worked) / 2;
    }
    return (struct runlog_plan){.since_ms = plan_since_ms(want), .limit = limit > 0 ? (uint32_t)limit : 1};
}

int64_t runlog_interval_ms(int64_t last_ms, bool changed, int64_t min_ms, int64_t max_ms)
{
    if (changed || last_ms < min_ms) {
        return min_ms;
    }
    if (last_ms >= max_ms) {
        return max_ms;
    }
    int64_t longer_ms = last_ms + last_ms / 2 + last_ms % 2;
    return longer_ms > max_ms ? max_ms : longer_ms;
}
