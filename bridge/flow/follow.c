// SPDX-License-Identifier: Apache-2.0
// See follow.h. The journal holds the open runs and the digest of the last entry seen of each; in memory there is only
// what a job's next reading needs. The loop's thread.
#include "flow/follow.h"
#include "base/log.h"
#include "base/memory.h"
#include "rules/backoff.h"
#include "rules/topic.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct track {
    struct track *next;
    struct follow *follow;
    char *job;
    char application_id[COMMAND_ID_BYTES];
    char resource_job_id[COMMAND_ID_BYTES];
    bool watch;
    int64_t watch_from_ms;  // when watching began; runs that started before are not ours to tell
    int64_t watch_since_ms; // the same by the API's clock; 0: not known yet
    bool reading;
    size_t uncommitted; // changes of the last reading that are not in the journal yet
    int64_t next_ms;
    int64_t interval_ms;
    uint32_t failures;
    struct runlog_want want;
    struct runlog_plan plan;
    size_t found; // open runs in the reading that is worked on
    size_t seen;  // entries of it
    bool changed;
    bool unsettled; // a command of the job has no answer yet: an unknown run may be its
};

struct follow {
    struct flow *flow;
    struct follow_next next;
    struct track *tracks;
    size_t reading;
};

struct follow *follow_create(struct flow *flow, const struct follow_next *next)
{
    struct follow *follow = memory_must(calloc(1, sizeof *follow));
    follow->flow = flow;
    follow->next = *next;
    return follow;
}

static void free_track(struct track *track)
{
    free(track->job);
    free(track);
}

void follow_free(struct follow *follow)
{
    while (follow->tracks) {
        struct track *next = follow->tracks->next;
        free_track(follow->tracks);
        follow->tracks = next;
    }
    free(follow);
}

static struct track *find_track(struct follow *follow, const char *job, const char *application_id,
                                const char *resource_job_id)
{
    struct track *track = follow->tracks;
    while (track && (strcmp(track->job, job) != 0 || strcmp(track->resource_job_id, resource_job_id) != 0)) {
        track = track->next;
    }
    if (!track) {
        track = memory_must(calloc(1, sizeof *track));
        track->follow = follow;
        track->job = memory_must(strdup(job));
        memcpy(track->application_id, application_id, COMMAND_ID_BYTES);
        memcpy(track->resource_job_id, resource_job_id, COMMAND_ID_BYTES);
        track->interval_ms = follow->flow->config->follow.interval_ms;
        track->next_ms = follow->flow->now_ms + track->interval_ms;
        track->next = follow->tracks;
        follow->tracks = track;
    }
    return track;
}

void follow_add(struct follow *follow, const char *job, int64_t id)
{
    struct store_command command;
    if (store_load(follow->flow->reader, id, &command) != STATUS_OK) {
        return; // follow_resume finds it
    }
    struct track *track = find_track(follow, job, command.application_id, command.resource_job_id);
    int64_t soon_ms = follow->flow->now_ms + follow->flow->config->follow.interval_ms;
    track->next_ms = soon_ms < track->next_ms ? soon_ms : track->next_ms;
    store_command_free(&command);
}

void follow_resume(struct follow *follow)
{
    struct flow *flow = follow->flow;
    for (struct track *track = follow->tracks; track; track = track->next) {
        track->watch = false;
    }
    for (size_t i = 0; i < flow->config->job_count; i++) {
        const struct config_job *job = &flow->config->jobs[i];
        if (job->watch) {
            struct track *track = find_track(follow, job->name, job->application_id, job->resource_job_id);
            track->watch = true;
            track->watch_from_ms = flow->now_ms;
            track->watch_since_ms = store_newest_server_ms(flow->reader, job->name);
        }
    }
    char *job = store_next_job(flow->reader, COMMAND_FOLLOWING, "");
    while (job) {
        struct store_ref refs[FOLLOW_TARGETS_MAX];
        size_t count = store_list_targets(flow->reader, COMMAND_FOLLOWING, job, refs, FOLLOW_TARGETS_MAX);
        for (size_t i = 0; i < count; i++) {
            follow_add(follow, job, refs[i].id);
        }
        char *next = store_next_job(flow->reader, COMMAND_FOLLOWING, job);
        free(job);
        job = next;
    }
}

static void after_change(struct store_change *change, void *context)
{
    struct track *track = context;
    (void)change;
    track->uncommitted--;
}

static void submit(struct track *track, struct store_change *change)
{
    track->uncommitted++;
    flow_submit(track->follow->flow, change, after_change, track);
}

// The last status that has not left yet is made superfluous by this one; only worth its cost under a rate budget.
static void supersede(const struct flow *flow, struct store_change *change, int64_t id)
{
    const struct config_broker *broker = &flow->config->broker;
    if (broker->rate_per_topic.count != 0 || broker->rate_per_client.count != 0) {
        change->supersede_of = id;
        change->supersede_above = flow->published_up_to;
    }
}

static bool status_changed(const struct store_command *run, const struct runlog_entry *entry)
{
    return !run->run_state || strcmp(run->run_state, entry->state) != 0 ||
           !span_equal(span_of(run->summary), entry->summary);
}

static void tell_entry(struct track *track, const struct store_command *run, const struct runlog_entry *entry)
{
    const struct flow *flow = track->follow->flow;
    enum run_outcome outcome = runlog_outcome(entry);
    struct store_change *change = flow_change(run, outcome == RUN_NONE ? COMMAND_FOLLOWING : COMMAND_FINISHED);
    flow_tell_log(flow_telling(flow), change, run, run->execution_id, entry->raw);
    if (status_changed(run, entry) || outcome != RUN_NONE) {
        struct flow_run said = {.execution_id = run->execution_id,
                                .state = entry->state,
                                .summary = entry->summary,
                                .progress = runlog_progress(entry),
                                .outcome = outcome,
                                .progress_only = outcome == RUN_NONE};
        supersede(flow, change, run->id);
        flow_tell_status(flow_telling(flow), change, run, &said);
    } else {
        change->run_state = memory_must(strdup(run->run_state));
        change->summary = run->summary ? memory_must(strdup(run->summary)) : NULL;
    }
    change->fields = STORE_SET_RUN;
    change->entry_digest = entry->digest;
    change->ended_ms = outcome == RUN_NONE ? 0 : flow->wall_ms;
    if (outcome != RUN_NONE) {
        LOG_INFO("run ended", LOG_INT("id", run->id), LOG_TEXT("request", run->request_id), LOG_TEXT("job", run->job),
                 LOG_TEXT("execution", run->execution_id), LOG_TEXT("state", entry->state),
                 LOG_TEXT("outcome", run_outcome_text(outcome)));
    }
    track->changed = true;
    submit(track, change);
}

// The foreign run's first entry: its row, and what is told of it, on the bridge's own topics.
static void adopt_foreign(struct track *track, const struct runlog_entry *entry)
{
    struct flow *flow = track->follow->flow;
    struct bytes topics;
    bytes_init(&topics, (size_t)TOPIC_MAX_BYTES * STORE_TOPIC_COUNT);
    bytes_add_format(&topics, "-\n-\n%s/jobs/%s/status\n%s/jobs/%s/log", flow->config->broker.bridge_topic, track->job,
                     flow->config->broker.bridge_topic, track->job);
    memory_check(bytes_ok(&topics));
    enum run_outcome outcome = runlog_outcome(entry);
    struct store_command *run = memory_must(calloc(1, sizeof *run));
    run->state = outcome == RUN_NONE ? COMMAND_FOLLOWING : COMMAND_FINISHED;
    run->action = ACTION_EXECUTE;
    run->follow = true;
    run->foreign = true;
    run->job = memory_must(strdup(track->job));
    memcpy(run->application_id, track->application_id, COMMAND_ID_BYTES);
    memcpy(run->resource_job_id, track->resource_job_id, COMMAND_ID_BYTES);
    memcpy(run->execution_id, entry->execution_id, COMMAND_ID_BYTES);
    run->topics = memory_must(strdup(bytes_text(&topics)));
    run->arrived_ms = run->sent_ms = run->done_ms = flow->wall_ms;
    run->server_ms = entry->started_ms;
    bytes_free(&topics);

    struct store_change *change = memory_must(store_change_new());
    struct flow_run said = {.execution_id = entry->execution_id,
                            .state = entry->state,
                            .summary = entry->summary,
                            .progress = runlog_progress(entry),
                            .outcome = outcome};
    flow_tell_log(flow_telling(flow), change, run, run->execution_id, entry->raw);
    flow_tell_status(flow_telling(flow), change, run, &said);
    run->seq = change->seq;
    run->run_state = memory_must(strdup(entry->state));
    run->summary = entry->summary.len > 0 ? memory_must(span_dup(entry->summary)) : NULL;
    run->entry_digest = entry->digest;
    run->outcome = outcome;
    run->ended_ms = outcome == RUN_NONE ? 0 : flow->wall_ms;
    change->insert = run;
    track->changed = true;
    LOG_INFO("run of somebody else", LOG_TEXT("job", track->job), LOG_TEXT("execution", run->execution_id));
    submit(track, change);
}

static bool is_foreign(const struct track *track, const struct runlog_entry *entry)
{
    const struct flow *flow = track->follow->flow;
    if (!track->watch || track->watch_since_ms == 0 || entry->started_ms < track->watch_since_ms) {
        return false;
    }
    struct bytes marker;
    bytes_init(&marker, (size_t)COMMAND_CONTEXT_MAX * 4);
    bool ours = runlog_marker(entry, flow->config->api.marker, &marker) &&
                store_tag_id(flow->instance, bytes_span(&marker)) != 0;
    bytes_free(&marker);
    return !ours && !track->unsettled;
}

static void take_entry(void *context, const struct runlog_entry *entry)
{
    struct track *track = context;
    struct store_command run;
    enum status rc =
        store_find_execution(track->follow->flow->reader, track->resource_job_id, entry->execution_id, &run);
    if (rc == STATUS_NOT_FOUND) {
        if (is_foreign(track, entry)) {
            adopt_foreign(track, entry);
        }
        return;
    }
    if (rc == STATUS_OK) {
        if (run.state == COMMAND_FOLLOWING) {
            track->found++;
            track->want.deepest = (uint32_t)track->seen;
            if (run.entry_digest != entry->digest) {
                tell_entry(track, &run, entry);
            }
        }
        store_command_free(&run);
    }
}

// Runs that did not end in time, oldest first; all have the same time, so the first that has some left ends the search.
static void give_up_old(struct track *track)
{
    struct flow *flow = track->follow->flow;
    struct store_ref refs[FOLLOW_EXPIRED_MAX];
    size_t count = store_list(flow->reader, COMMAND_FOLLOWING, track->job, 0, refs, FOLLOW_EXPIRED_MAX);
    bool more = true;
    for (size_t i = 0; i < count && more; i++) {
        struct store_command run;
        if (store_load(flow->reader, refs[i].id, &run) != STATUS_OK) {
            return;
        }
        more = run.done_ms + flow->config->follow.timeout_s * 1000 <= flow->wall_ms;
        if (more && strcmp(run.resource_job_id, track->resource_job_id) == 0) {
            submit(track, flow_give_up(flow_telling(flow), &run, "the run did not end within follow.timeout_s"));
        }
        store_command_free(&run);
    }
}

static void take_page(struct track *track, struct span body)
{
    struct flow *flow = track->follow->flow;
    size_t count = 0;
    track->found = track->seen = 0;
    track->want.deepest = 0;
    track->changed = false;
    track->failures = 0;
    track->unsettled = store_count(flow->reader, COMMAND_SENT, track->job) > 0 ||
                       store_count(flow->reader, COMMAND_AMBIGUOUS, track->job) > 0;
    if (track->watch && track->watch_since_ms == 0) {
        track->watch_since_ms = gate_server_ms(flow->gate, track->watch_from_ms);
    }
    runlog_parse(body, take_entry, track, &count, NULL);
    track->want.last_limit = track->plan.limit;
    track->want.last_count = (uint32_t)count;
    track->want.missing = track->found < track->want.open_runs;
    bool whole = runlog_page_complete(track->plan.limit, count);
    track->want.missed_polls = track->want.missing && whole ? track->want.missed_polls + 1 : 0;
    if (track->uncommitted == 0) {
        give_up_old(track);
    }
    track->interval_ms = runlog_interval_ms(track->interval_ms, track->changed, flow->config->follow.interval_ms,
                                            flow->config->follow.max_interval_ms);
    track->next_ms = flow->now_ms + track->interval_ms;
}

static void take_failure(struct track *track, const struct outcome *outcome, int status)
{
    struct flow *flow = track->follow->flow;
    if (outcome->kind == OUTCOME_REFUSED && status == 400 && track->plan.limit > RUNLOG_LIMIT_FIRST) {
        track->want.refused_limit = track->plan.limit;
        track->next_ms = flow->now_ms;
        return;
    }
    int64_t wait_ms = outcome->kind == OUTCOME_UNAUTHORIZED
                          ? 0
                          : backoff_ms(flow->config->follow.interval_ms, flow->config->follow.max_interval_ms,
                                       ++track->failures, random_next(flow->random));
    track->next_ms = flow->now_ms + wait_ms;
    LOG_WARNING("log of a job cannot be read", LOG_TEXT("job", track->job), LOG_TEXT("type", outcome->error_type),
                LOG_TEXT("why", outcome->error_message));
    if (outcome->kind == OUTCOME_REFUSED) {
        give_up_old(track); // the job may be gone; its runs then end by the timeout
    }
}

static void take_log(void *context, int64_t tag, const struct http_response *response)
{
    struct track *track = context;
    struct follow *follow = track->follow;
    struct flow *flow = follow->flow;
    struct outcome outcome;
    (void)tag;
    flow_call_ended(flow, ACTION_LOGS, false, response, &outcome);
    flow->metrics->polls++;
    track->reading = false;
    follow->reading--;
    if (outcome.kind == OUTCOME_DONE) {
        take_page(track, response->body);
    } else {
        take_failure(track, &outcome, response->status);
    }
    if (outcome.kind == OUTCOME_UNAUTHORIZED) {
        follow->next.unauthorized(follow->next.context);
    }
}

static int64_t earliest_start(const struct track *track)
{
    struct store_ref ref;
    struct store_command first;
    int64_t start_ms = 0;
    const struct flow *flow = track->follow->flow;
    if (store_list(flow->reader, COMMAND_FOLLOWING, track->job, 0, &ref, 1) == 1 &&
        store_load(flow->reader, ref.id, &first) == STATUS_OK) {
        start_ms = first.server_ms;
        store_command_free(&first);
    } else if (track->watch) {
        start_ms = track->watch_since_ms;
    }
    return start_ms;
}

static void read_log(struct track *track)
{
    struct follow *follow = track->follow;
    struct flow *flow = follow->flow;
    track->want.earliest_start_ms = earliest_start(track);
    track->plan = runlog_next(&track->want);
    char path[HTTP_URL_MAX_BYTES];
    snprintf(path, sizeof path, "/applications/%s/resource-jobs/%s/logs?limit=%u&since=%lld", track->application_id,
             track->resource_job_id, track->plan.limit, (long long)track->plan.since_ms);
    struct http_request request = {.method = HTTP_GET, .path = path, .done = take_log, .context = track};
    if (http_send(flow->http, &request) == STATUS_OK) {
        gate_started(flow->gate, flow->now_ms);
        track->reading = true;
        follow->reading++;
    }
}

// Runs that this track has to find. Another track of the same name is there when a reload gave the name to another
// resource job; else the cheaper count will do.
static int64_t count_open(const struct track *track)
{
    const struct flow *flow = track->follow->flow;
    for (const struct track *other = track->follow->tracks; other; other = other->next) {
        if (other != track && strcmp(other->job, track->job) == 0) {
            return store_count_target(flow->reader, COMMAND_FOLLOWING, track->job, track->resource_job_id);
        }
    }
    return store_count(flow->reader, COMMAND_FOLLOWING, track->job);
}

// One track's turn; true: nothing is left to follow in it.
static bool turn_track(struct track *track, int64_t *wait_ms)
{
    struct follow *follow = track->follow;
    struct flow *flow = follow->flow;
    if (track->reading || track->uncommitted > 0) {
        return false;
    }
    int64_t left_ms = track->next_ms - flow->now_ms;
    if (left_ms > 0) {
        *wait_ms = left_ms < *wait_ms ? left_ms : *wait_ms;
        return false;
    }
    track->want.open_runs = (uint32_t)count_open(track);
    if (track->want.open_runs == 0 && !track->watch) {
        return true;
    }
    int64_t gate_ms = gate_wait_ms(flow->gate, flow->now_ms);
    if (gate_ms == 0 && follow->reading < FOLLOW_POLLS_MAX) {
        read_log(track);
    } else if (gate_ms > 0 && gate_ms < *wait_ms) {
        *wait_ms = gate_ms;
    }
    return false;
}

int64_t follow_turn(struct follow *follow)
{
    int64_t wait_ms = FLOW_TICK_MS;
    struct track **at = &follow->tracks;
    while (*at) {
        struct track *track = *at;
        if (turn_track(track, &wait_ms)) {
            *at = track->next;
            free_track(track);
        } else {
            at = &track->next;
        }
    }
    return wait_ms;
}
