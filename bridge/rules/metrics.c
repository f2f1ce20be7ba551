// SPDX-License-Identifier: Apache-2.0
// See metrics.h. Must never write a name or a label value that the README does not list, nor one that a message brings.
// Pure.
#include "rules/metrics.h"
#include <inttypes.h>
#include <string.h>

static const int64_t bounds_us[METRICS_BUCKETS] = {10000,   25000,   50000,   100000,   250000,  500000,
                                                   1000000, 2500000, 5000000, 10000000, 30000000};
static const char *const bounds[METRICS_BUCKETS + 1] = {"0.01", "0.025", "0.05", "0.1", "0.25", "0.5",
                                                        "1",    "2.5",   "5",    "10",  "30",   "+Inf"};
static const char *const results[METRICS_RESULT_COUNT] = {"2xx", "3xx", "4xx", "5xx", "lost", "not_sent"};
static const char *const sources[METRICS_SOURCE_COUNT] = {"api", "broker", "journal"};
static const char *const messages[METRICS_MESSAGE_COUNT] = {"command", "rejected", "repeated", "redelivered",
                                                            "deadletter"};

void metrics_call(struct metrics *metrics, enum action call, enum transport transport, int http_status, int64_t took_us)
{
    int class = http_status / 100 - 2;
    size_t bucket = 0;
    if (transport == TRANSPORT_NOT_SENT) {
        class = METRICS_NOT_SENT;
    } else if (transport == TRANSPORT_LOST || class < METRICS_2XX || class > METRICS_5XX) {
        class = METRICS_LOST;
    }
    metrics->calls[call][class]++;
    if (transport != TRANSPORT_OK) {
        return; // a time-out's length says nothing about the API's speed
    }
    while (bucket < METRICS_BUCKETS && took_us > bounds_us[bucket]) {
        bucket++;
    }
    metrics->latency[call][bucket]++;
    metrics->latency_us[call] += took_us;
}

void metrics_put_label(struct bytes *out, const char *value)
{
    bytes_add_char(out, '"');
    for (; *value; value++) {
        if (*value == '\n') {
            bytes_add_text(out, "\\n");
        } else {
            if (*value == '"' || *value == '\\') {
                bytes_add_char(out, '\\');
            }
            bytes_add_char(out, *value);
        }
    }
    bytes_add_char(out, '"');
}

static void family(struct bytes *out, const char *name, const char *type, const char *help)
{
    bytes_add_format(out, "# HELP jobbridge_%s %s\n# TYPE jobbridge_%s %s\n", name, help, name, type);
}

static void sample(struct bytes *out, const char *name, int64_t number)
{
    bytes_add_format(out, "jobbridge_%s %" PRId64 "\n", name, number);
}

static void labelled(struct bytes *out, const char *name, const char *label, const char *value, int64_t number)
{
    bytes_add_format(out, "jobbridge_%s{%s=", name, label);
    metrics_put_label(out, value);
    bytes_add_format(out, "} %" PRId64 "\n", number);
}

static void seconds(struct bytes *out, const char *name, int64_t ms)
{
    bytes_add_format(out, "jobbridge_%s %" PRId64 ".%03" PRId64 "\n", name, ms / 1000, ms % 1000);
}

static const char *action_label(int action)
{
    return action == TALLY_NO_ACTION ? "none" : action_text((enum action)action);
}

static void put_simple(struct bytes *out, const struct metrics_view *view)
{
    const struct metrics *metrics = &view->metrics;
    const struct tally *tally = &view->tally;
    const struct {
        const char *name, *type, *help;
        int64_t number;
    } rows[] = {
        {"degraded", "gauge", "1 while something is wrong (/status.json says what).", view->degraded},
        {"broker_connected", "gauge", "1 while the connection to the broker stands.", view->broker_connected},
        {"broker_connects_total", "counter", "Connections made to the broker.", metrics->connects},
        {"messages_published_total", "counter", "Messages that the broker has acknowledged.", metrics->published},
        {"messages_unpublished_total", "counter", "Messages that the broker has refused for good.",
         metrics->unpublished},
        {"outbox_messages", "gauge", "Messages in the journal that the broker has not acknowledged yet.", view->outbox},
        {"commands_pending", "gauge", "Commands without an answer yet: received less accepted less rejected.",
         tally->unanswered},
        {"commands_resumed", "gauge", "Of the received: those that the journal held unanswered at the start.",
         tally->resumed},
        {"command_retries_total", "counter", "Calls that failed and are made again.",
         tally->moves[COMMAND_SENT][COMMAND_RETRY_WAIT]},
        {"commands_ambiguous_total", "counter", "Executes whose answer was lost.",
         tally->moves[COMMAND_SENT][COMMAND_AMBIGUOUS]},
        {"runs_open", "gauge", "Runs being followed.", tally->following},
        {"api_polls_total", "counter", "Readings of a job's log to follow its runs.", metrics->polls},
        {"api_requests_in_flight", "gauge", "Requests at the API now.", view->in_flight},
        {"api_breaker_open", "gauge", "1 while the API counts as away and is only probed.", view->breaker_open},
        {"api_breaker_opened_total", "counter", "Times that the API was given up for a while.",
         metrics->breaker_opened},
        {"api_holds_total", "counter", "Times that calls were held: 429, Retry-After, a refused token.",
         metrics->holds},
        {"journal_commits_total", "counter", "Transactions of the journal.", view->commits},
        {"journal_commit_failures_total", "counter", "Transactions that failed and were tried again.",
         view->commit_failures},
        {"journal_syncs_total", "counter", "Syncs of the journal's log, checkpoints not counted.", view->syncs},
        {"journal_writable", "gauge", "0 while the journal cannot be written.", !view->journal_failing},
        {"event_readers", "gauge", "Readers of /events.", view->watchers},
        {"event_readers_dropped_total", "counter", "Readers of /events that were too slow.", view->watchers_dropped},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        family(out, rows[i].name, rows[i].type, rows[i].help);
        sample(out, rows[i].name, rows[i].number);
    }
}

static void put_commands(struct bytes *out, const struct tally *tally)
{
    static const struct {
        enum command_state state;
        const char *reason;
    } reasons[] = {{COMMAND_REFUSED, "refused"},
                   {COMMAND_EXPIRED, "expired"},
                   {COMMAND_CANCELED, "canceled"},
                   {COMMAND_UNKNOWN, "unknown"}};
    family(out, "commands_received_total", "counter", "Commands: pending, accepted and rejected ones.");
    for (int i = 0; i < TALLY_ACTIONS; i++) {
        labelled(out, "commands_received_total", "action", action_label(i), tally->received[i]);
    }
    family(out, "commands_accepted_total", "counter", "Commands that the API did.");
    for (int i = 0; i < TALLY_ACTIONS; i++) {
        labelled(out, "commands_accepted_total", "action", action_label(i), tally_accepted(tally, i));
    }
    family(out, "commands_rejected_total", "counter", "Commands that will not be done.");
    for (int i = 0; i < TALLY_ACTIONS; i++) {
        bytes_add_format(out, "jobbridge_commands_rejected_total{action=\"%s\",reason=\"invalid\"} %" PRId64 "\n",
                         action_label(i), tally->invalid[i]);
        for (size_t k = 0; k < sizeof reasons / sizeof reasons[0]; k++) {
            bytes_add_format(out, "jobbridge_commands_rejected_total{action=\"%s\",reason=\"%s\"} %" PRId64 "\n",
                             action_label(i), reasons[k].reason, tally->answered[i][reasons[k].state]);
        }
    }
}

static void put_reconciliations(struct bytes *out, const struct tally *tally)
{
    static const char name[] = "reconciliations_total";
    const int64_t *to = tally->moves[COMMAND_AMBIGUOUS];
    family(out, name, "counter", "Lost answers of executes that were cleared up, by what came of it.");
    labelled(out, name, "result", "found", to[COMMAND_DONE] + to[COMMAND_FOLLOWING]);
    labelled(out, name, "result", "sent_again", to[COMMAND_READY]);
    labelled(out, name, "result", "given_up", to[COMMAND_UNKNOWN] + to[COMMAND_REFUSED] + to[COMMAND_EXPIRED]);
}

static void put_runs(struct bytes *out, const struct metrics_view *view)
{
    family(out, "runs_ended_total", "counter", "Followed runs that have ended.");
    for (int i = RUN_SUCCEEDED; i < TALLY_OUTCOMES; i++) {
        labelled(out, "runs_ended_total", "outcome", run_outcome_text((enum run_outcome)i), view->tally.ended[i]);
    }
    family(out, "job_runs_open", "gauge", "Runs of the job being followed; counted up to 10000.");
    for (size_t i = 0; i < view->job_count; i++) {
        labelled(out, "job_runs_open", "job", view->jobs[i].name, view->jobs[i].runs);
    }
    family(out, "job_commands_waiting", "gauge", "Commands of the job that have not been sent; counted up to 10000.");
    for (size_t i = 0; i < view->job_count; i++) {
        labelled(out, "job_commands_waiting", "job", view->jobs[i].name, view->jobs[i].waiting);
    }
}

static void put_latency(struct bytes *out, const struct metrics *metrics, int call)
{
    static const char name[] = "jobbridge_api_request_duration_seconds";
    const char *text = action_text((enum action)call);
    int64_t count = 0;
    for (int i = 0; i <= METRICS_BUCKETS; i++) {
        count += metrics->latency[call][i];
        bytes_add_format(out, "%s_bucket{call=\"%s\",le=\"%s\"} %" PRId64 "\n", name, text, bounds[i], count);
    }
    bytes_add_format(out, "%s_sum{call=\"%s\"} %" PRId64 ".%06" PRId64 "\n", name, text,
                     metrics->latency_us[call] / 1000000, metrics->latency_us[call] % 1000000);
    bytes_add_format(out, "%s_count{call=\"%s\"} %" PRId64 "\n", name, text, count);
}

static void put_calls(struct bytes *out, const struct metrics *metrics)
{
    family(out, "api_requests_total", "counter", "Requests to the API by call and what came back.");
    for (int i = 0; i < ACTION_STATUS; i++) {
        for (int k = 0; k < METRICS_RESULT_COUNT; k++) {
            bytes_add_format(out, "jobbridge_api_requests_total{call=\"%s\",result=\"%s\"} %" PRId64 "\n",
                             action_text((enum action)i), results[k], metrics->calls[i][k]);
        }
    }
    family(out, "api_request_duration_seconds", "histogram", "Time to the API's whole answer, where there was one.");
    for (int i = 0; i < ACTION_STATUS; i++) {
        put_latency(out, metrics, i);
    }
}

static void put_rest(struct bytes *out, const struct metrics_view *view)
{
    family(out, "build_info", "gauge", "The version, as a label.");
    labelled(out, "build_info", "version", view->version, 1);
    family(out, "start_time_seconds", "gauge", "When the process started: the counters count since then.");
    seconds(out, "start_time_seconds", view->started_ms);
    family(out, "api_held_seconds", "gauge", "How long calls are held still.");
    seconds(out, "api_held_seconds", view->held_ms);
    family(out, "messages_received_total", "counter", "Messages that came on the routes, by what became of them.");
    for (int i = 0; i < METRICS_MESSAGE_COUNT; i++) {
        labelled(out, "messages_received_total", "result", messages[i], view->messages[i]);
    }
    family(out, "last_error_timestamp_seconds", "gauge", "When the last failure was, 0 without one.");
    for (int i = 0; i < METRICS_SOURCE_COUNT; i++) {
        labelled(out, "last_error_timestamp_seconds", "source", sources[i], view->metrics.last_error_ms[i] / 1000);
    }
    family(out, "config_reloads_total", "counter", "Times that the configuration was read again.");
    labelled(out, "config_reloads_total", "result", "taken", view->metrics.reloads);
    labelled(out, "config_reloads_total", "result", "wrong", view->metrics.reloads_failed);
}

void metrics_write(struct bytes *out, const struct metrics_view *view)
{
    put_simple(out, view);
    put_commands(out, &view->tally);
    put_reconciliations(out, &view->tally);
    put_runs(out, view);
    put_calls(out, &view->metrics);
    put_rest(out, view);
}
