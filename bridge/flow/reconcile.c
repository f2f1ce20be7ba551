// SPDX-License-Identifier: Apache-2.0
// See reconcile.h. A command counts as not done only after `checks` readings of the log, settle_ms apart and the first
// settle_ms after the answer was lost, each of which was whole back to the time of sending (runlog_reach) and did not
// have its marker. The loop's thread.
#include "flow/reconcile.h"
#include "base/log.h"
#include "base/memory.h"
#include "rules/backoff.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct suspect {
    struct suspect *next;
    int64_t id;
    int64_t due_ms;
    int64_t missing; // whole readings without it
    int64_t unsure;  // readings that decided nothing, with no better question to ask
    bool settling;   // its change is on the way to the journal
    bool searched;   // the reading under way is for it, too
    struct store_command command;
};

struct inquiry {
    struct inquiry *next;
    struct reconcile *reconcile;
    char *job;
    struct suspect *suspects;
    bool reading;
    uint32_t limit;
    uint32_t refused_limit; // the smallest that the API refused, 0: none
    uint32_t failures;      // of readings in a row
    int64_t before_ms; // of the reading under way: what ended before it, by the API's clock, is older than any suspect
    bool from_start;   // the log is read from its beginning, to see whether a page reaches back so far
    bool reaches_back; // the page did
};

struct reconcile {
    struct flow *flow;
    struct reconcile_next next;
    struct inquiry *inquiries;
    size_t reading;
    size_t longest; // page that the API has given
};

struct reconcile *reconcile_create(struct flow *flow, const struct reconcile_next *next)
{
    struct reconcile *reconcile = memory_must(calloc(1, sizeof *reconcile));
    reconcile->flow = flow;
    reconcile->next = *next;
    return reconcile;
}

static void free_suspect(struct suspect *suspect)
{
    store_command_free(&suspect->command);
    free(suspect);
}

void reconcile_free(struct reconcile *reconcile)
{
    while (reconcile->inquiries) {
        struct inquiry *inquiry = reconcile->inquiries;
        reconcile->inquiries = inquiry->next;
        while (inquiry->suspects) {
            struct suspect *next = inquiry->suspects->next;
            free_suspect(inquiry->suspects);
            inquiry->suspects = next;
        }
        free(inquiry->job);
        free(inquiry);
    }
    free(reconcile);
}

static struct inquiry *find_inquiry(struct reconcile *reconcile, const char *job)
{
    struct inquiry *inquiry = reconcile->inquiries;
    while (inquiry && strcmp(inquiry->job, job) != 0) {
        inquiry = inquiry->next;
    }
    if (!inquiry) {
        inquiry = memory_must(calloc(1, sizeof *inquiry));
        inquiry->reconcile = reconcile;
        inquiry->job = memory_must(strdup(job));
        inquiry->limit = RECONCILE_LIMIT_FIRST;
        inquiry->next = reconcile->inquiries;
        reconcile->inquiries = inquiry;
    }
    return inquiry;
}

void reconcile_add(struct reconcile *reconcile, int64_t id, const char *job)
{
    struct inquiry *inquiry = find_inquiry(reconcile, job);
    struct suspect *suspect = memory_must(calloc(1, sizeof *suspect));
    suspect->id = id;
    suspect->due_ms = reconcile->flow->now_ms;
    if (reconcile->flow->config->api.policy == CONFIG_POLICY_RECONCILE) {
        suspect->due_ms += reconcile->flow->config->api.settle_ms;
    }
    inquiry->from_start = inquiry->from_start && inquiry->suspects;
    suspect->next = inquiry->suspects;
    inquiry->suspects = suspect;
}

// What a change of a suspect needs when it is committed.
struct settling {
    struct inquiry *inquiry;
    int64_t id;
};

static void drop_suspect(struct inquiry *inquiry, int64_t id)
{
    for (struct suspect **at = &inquiry->suspects; *at; at = &(*at)->next) {
        if ((*at)->id == id) {
            struct suspect *suspect = *at;
            *at = suspect->next;
            free_suspect(suspect);
            return;
        }
    }
}

static void after_settled(struct store_change *change, void *context)
{
    struct settling *settling = context;
    struct inquiry *inquiry = settling->inquiry;
    struct reconcile *reconcile = inquiry->reconcile;
    drop_suspect(inquiry, settling->id);
    reconcile->next.settled(reconcile->next.context, settling->id, inquiry->job,
                            change->applied && change->to == COMMAND_READY,
                            change->applied && change->to == COMMAND_FOLLOWING);
    free(settling);
}

static void settle(struct inquiry *inquiry, struct suspect *suspect, struct store_change *change)
{
    struct settling *settling = memory_must(malloc(sizeof *settling));
    *settling = (struct settling){inquiry, suspect->id};
    suspect->settling = true;
    flow_submit(inquiry->reconcile->flow, change, after_settled, settling);
}

static void give_up(struct inquiry *inquiry, struct suspect *suspect, const char *why)
{
    settle(
        inquiry, suspect,
        flow_refuse(inquiry->reconcile->flow, &suspect->command, COMMAND_UNKNOWN, "unknown", "OutcomeUnknown", why, 0));
}

static void send_again(struct inquiry *inquiry, struct suspect *suspect)
{
    const struct flow *flow = inquiry->reconcile->flow;
    if (suspect->command.expires_ms <= flow->wall_ms) {
        settle(inquiry, suspect,
               flow_refuse(flow, &suspect->command, COMMAND_EXPIRED, "expired", "Expired",
                           "the API did not do it, and its time to live has ended", 0));
        return;
    }
    LOG_INFO("command was not done, sending it again", LOG_TEXT("job", inquiry->job), LOG_INT("id", suspect->id));
    settle(inquiry, suspect, flow_change(&suspect->command, COMMAND_READY));
}

static void adopt(struct inquiry *inquiry, struct suspect *suspect, const char *execution_id)
{
    LOG_INFO("command was done, found in the log", LOG_TEXT("job", inquiry->job), LOG_INT("id", suspect->id),
             LOG_TEXT("execution", execution_id));
    settle(inquiry, suspect, flow_started(inquiry->reconcile->flow, &suspect->command, execution_id, 0));
}

// One entry of the log: whose is it, of the suspects that this reading is for?
static void match_entry(void *context, const struct runlog_entry *entry)
{
    struct inquiry *inquiry = context;
    const struct flow *flow = inquiry->reconcile->flow;
    struct bytes marker;
    inquiry->reaches_back = inquiry->reaches_back || (entry->ended_ms >= 0 && entry->ended_ms < inquiry->before_ms);
    bytes_init(&marker, (size_t)COMMAND_CONTEXT_MAX * 4);
    int64_t id =
        runlog_marker(entry, flow->config->api.marker, &marker) ? store_tag_id(flow->instance, bytes_span(&marker)) : 0;
    bytes_free(&marker);
    for (struct suspect *suspect = inquiry->suspects; suspect && id != 0; suspect = suspect->next) {
        if (suspect->id == id && suspect->searched && !suspect->settling) {
            adopt(inquiry, suspect, entry->execution_id);
            return;
        }
    }
}

// The page may have been cut: a larger one is asked for, unless there is none.
static bool widen(struct inquiry *inquiry)
{
    uint32_t top = inquiry->refused_limit != 0 ? inquiry->refused_limit - 1 : RUNLOG_LIMIT_MAX;
    if (inquiry->limit >= top) {
        return false;
    }
    inquiry->limit = inquiry->limit * 2 < top ? inquiry->limit * 2 : top;
    return true;
}

// Whether another question may tell more.
static bool ask_more(struct inquiry *inquiry, enum runlog_reach reach)
{
    if (reach == RUNLOG_UNSURE && !inquiry->from_start) {
        inquiry->from_start = true;
        return true;
    }
    return reach == RUNLOG_CUT && widen(inquiry);
}

static void judge_missing(struct inquiry *inquiry, enum runlog_reach reach)
{
    const struct flow *flow = inquiry->reconcile->flow;
    bool more = ask_more(inquiry, reach);
    for (struct suspect *suspect = inquiry->suspects; suspect; suspect = suspect->next) {
        if (!suspect->searched || suspect->settling) {
            continue;
        }
        if (reach == RUNLOG_WHOLE) {
            suspect->missing++;
            suspect->due_ms = flow->now_ms + flow->config->api.settle_ms;
            if (suspect->missing >= flow->config->api.checks) {
                send_again(inquiry, suspect);
            }
        } else if (more) {
            suspect->due_ms = flow->now_ms;
        } else if (reach == RUNLOG_UNSURE && ++suspect->unsure < flow->config->api.checks) {
            suspect->due_ms = flow->now_ms + flow->config->api.settle_ms; // the page may have grown by then
        } else {
            give_up(inquiry, suspect, "the job's log does not reach back to the time of sending");
        }
    }
}

static void judge_refusal(struct inquiry *inquiry, const struct outcome *outcome, int status)
{
    if (status == 400 && inquiry->limit > RECONCILE_LIMIT_FIRST) {
        inquiry->refused_limit = inquiry->limit;
        inquiry->limit = inquiry->limit / 2;
        return; // due as before: read again at once
    }
    char why[OUTCOME_TYPE_BYTES + 64];
    snprintf(why, sizeof why, "the job's log cannot be read: %s", outcome->error_type);
    for (struct suspect *suspect = inquiry->suspects; suspect; suspect = suspect->next) {
        if (suspect->searched && !suspect->settling) {
            give_up(inquiry, suspect, why);
        }
    }
}

static void postpone(struct inquiry *inquiry, const struct outcome *outcome)
{
    const struct flow *flow = inquiry->reconcile->flow;
    int64_t wait_ms = outcome->kind == OUTCOME_UNAUTHORIZED
                          ? 0
                          : backoff_ms(flow->config->api.retry_base_ms, flow->config->api.retry_max_ms,
                                       ++inquiry->failures, random_next(flow->random));
    for (struct suspect *suspect = inquiry->suspects; suspect; suspect = suspect->next) {
        if (suspect->searched && !suspect->settling) {
            suspect->due_ms = flow->now_ms + wait_ms;
        }
    }
}

static void judge_reading(struct inquiry *inquiry, const struct http_response *response, struct outcome *outcome)
{
    size_t count = 0;
    size_t skipped = 0;
    if (outcome->kind == OUTCOME_REFUSED) {
        judge_refusal(inquiry, outcome, response->status);
        return;
    }
    if (outcome->kind != OUTCOME_DONE) {
        postpone(inquiry, outcome);
        return;
    }
    inquiry->failures = 0;
    inquiry->reaches_back = false;
    runlog_parse(response->body, match_entry, inquiry, &count, &skipped);
    struct reconcile *reconcile = inquiry->reconcile;
    struct runlog_page page = {inquiry->limit, count, reconcile->longest, inquiry->reaches_back};
    reconcile->longest = count > reconcile->longest ? count : reconcile->longest;
    judge_missing(inquiry, skipped > 0 ? RUNLOG_CUT : runlog_reach(&page));
}

static void take_log(void *context, int64_t tag, const struct http_response *response)
{
    struct inquiry *inquiry = context;
    struct reconcile *reconcile = inquiry->reconcile;
    struct flow *flow = reconcile->flow;
    struct outcome outcome;
    (void)tag;
    flow_call_ended(flow, ACTION_LOGS, false, response, &outcome);
    inquiry->reading = false;
    reconcile->reading--;
    judge_reading(inquiry, response, &outcome);
    if (outcome.kind == OUTCOME_UNAUTHORIZED) {
        reconcile->next.unauthorized(reconcile->next.context);
    }
}

// What can be decided without reading. false: the log must be read.
static bool decide_now(struct inquiry *inquiry, struct suspect *suspect)
{
    const struct config_api *api = &inquiry->reconcile->flow->config->api;
    if (api->policy == CONFIG_POLICY_RETRY) {
        send_again(inquiry, suspect);
    } else if (api->policy == CONFIG_POLICY_FAIL) {
        give_up(inquiry, suspect, "the answer was lost, and the configuration says not to look for it");
    } else if (!suspect->command.marked || !api->marker[0]) {
        give_up(inquiry, suspect, "the answer was lost, and the run has no marker to look for");
    } else {
        return false;
    }
    return true;
}

// Marks the suspects that are due; the earliest of their times by the API's clock, -1 when there is none to read for.
static int64_t choose_suspects(struct inquiry *inquiry)
{
    struct flow *flow = inquiry->reconcile->flow;
    int64_t earliest = -1;
    size_t chosen = 0;
    for (struct suspect *suspect = inquiry->suspects; suspect; suspect = suspect->next) {
        suspect->searched = false;
        if (suspect->settling || suspect->due_ms > flow->now_ms || chosen == RECONCILE_READ_MAX) {
            continue;
        }
        if (suspect->command.id == 0 && store_load(flow->reader, suspect->id, &suspect->command) != STATUS_OK) {
            continue; // the disk may come back
        }
        if (suspect->command.state != COMMAND_AMBIGUOUS) { // the operator has dropped it
            settle(inquiry, suspect, memory_must(store_change_new()));
            continue;
        }
        if (decide_now(inquiry, suspect)) {
            continue;
        }
        suspect->searched = true;
        chosen++;
        int64_t server_ms = suspect->command.server_ms;
        earliest = earliest < 0 || server_ms < earliest ? server_ms : earliest;
    }
    return earliest;
}

static void read_log(struct inquiry *inquiry, int64_t earliest_ms)
{
    struct reconcile *reconcile = inquiry->reconcile;
    const struct suspect *suspect = inquiry->suspects;
    while (suspect && !suspect->searched) {
        suspect = suspect->next;
    }
    if (!suspect) {
        return;
    }
    // Without the API's clock at the time of sending the log is read from its beginning.
    bool known = earliest_ms > RUNLOG_SINCE_MARGIN_MS;
    int64_t since_ms = known && !inquiry->from_start ? earliest_ms - RUNLOG_SINCE_MARGIN_MS : 0;
    inquiry->before_ms = known ? earliest_ms - RUNLOG_REACH_MARGIN_MS : 0;
    char path[HTTP_URL_MAX_BYTES];
    snprintf(path, sizeof path, "/applications/%s/resource-jobs/%s/logs?limit=%u&since=%lld",
             suspect->command.application_id, suspect->command.resource_job_id, inquiry->limit, (long long)since_ms);
    struct http_request request = {.method = HTTP_GET, .path = path, .done = take_log, .context = inquiry};
    if (http_send(reconcile->flow->http, &request) == STATUS_OK) {
        gate_started(reconcile->flow->gate, reconcile->flow->now_ms);
        inquiry->reading = true;
        reconcile->reading++;
    }
}

static bool is_due(const struct inquiry *inquiry, int64_t now_ms, int64_t *wait_ms)
{
    bool due = false;
    for (const struct suspect *suspect = inquiry->suspects; suspect; suspect = suspect->next) {
        if (!suspect->settling) {
            int64_t left_ms = suspect->due_ms - now_ms;
            due = due || left_ms <= 0;
            *wait_ms = left_ms > 0 && left_ms < *wait_ms ? left_ms : *wait_ms;
        }
    }
    return due;
}

int64_t reconcile_turn(struct reconcile *reconcile)
{
    struct flow *flow = reconcile->flow;
    int64_t wait_ms = FLOW_TICK_MS;
    for (struct inquiry *inquiry = reconcile->inquiries; inquiry; inquiry = inquiry->next) {
        if (inquiry->reading || !is_due(inquiry, flow->now_ms, &wait_ms)) {
            continue;
        }
        int64_t gate_ms = gate_wait_ms(flow->gate, flow->now_ms);
        if (gate_ms == 0 && reconcile->reading < RECONCILE_READS_MAX) {
            int64_t earliest_ms = choose_suspects(inquiry);
            if (earliest_ms >= 0) {
                read_log(inquiry, earliest_ms);
            }
        } else if (gate_ms > 0 && gate_ms < wait_ms) {
            wait_ms = gate_ms;
        }
    }
    return wait_ms;
}
