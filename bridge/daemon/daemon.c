// SPDX-License-Identifier: Apache-2.0
// See daemon.h. The loop does what can be done without waiting and then waits at one place; whoever has something for
// it (the store's writer, the broker's threads) rings. Must never decide anything about a command. The main thread.
#include "base/log.h"
#include "base/memory.h"
#include "daemon/daemon_internal.h"
#include "io/service.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define ARRIVALS_A_TURN 256
#define PRUNE_MIN_MS    250   // finished commands are pruned at a quarter of their time, but not more often,
#define PRUNE_MAX_MS    60000 // and not more rarely; at once again while there are more

void daemon_ring(void *context)
{
    struct daemon *daemon = context;
    if (!atomic_exchange(&daemon->rung, true)) {
        http_wake(daemon->flow.http);
    }
}

void daemon_set_now(struct daemon *daemon)
{
    daemon->flow.now_ms = clock_now_ms(&daemon->clock);
    daemon->flow.wall_ms = clock_wall_ms(&daemon->clock);
}

static void take_hurried(struct daemon *daemon)
{
    int64_t ids[DESK_HURRIED_MAX];
    size_t count = desk_take(&daemon->desk, ids);
    for (size_t i = 0; i < count; i++) {
        dispatch_hurry(daemon->dispatch, ids[i]);
    }
}

// Turning.

static void take_arrivals(struct daemon *daemon)
{
    struct intake_arrival arrivals[ARRIVALS_A_TURN];
    bool overflow = false;
    intake_go_on(daemon->intake);
    size_t count = intake_take(daemon->intake, arrivals, ARRIVALS_A_TURN, &overflow);
    for (size_t i = 0; i < count; i++) {
        enum action action = arrivals[i].action;
        dispatch_arrived(daemon->dispatch, daemon->config->jobs[arrivals[i].job].name);
        if (action == ACTION_STATUS || action == ACTION_CANCEL_EXECUTION) {
            dispatch_at_once(daemon->dispatch, arrivals[i].id);
        }
    }
    if (overflow) {
        dispatch_arrived(daemon->dispatch, NULL);
    }
}

static void count_trouble(struct daemon *daemon, const struct store_counts *counts)
{
    bool open = daemon->gate.breaker.open;
    bool held = daemon->gate.hold_until_ms > daemon->flow.now_ms;
    daemon->metrics.breaker_opened += open && !daemon->was_open;
    daemon->metrics.holds += held && !daemon->was_held;
    daemon->was_open = open;
    daemon->was_held = held;
    if (counts->failures != daemon->failures_seen) {
        daemon->failures_seen = counts->failures;
        daemon->metrics.last_error_ms[METRICS_JOURNAL] = daemon->flow.wall_ms;
    }
}

static void check_health(struct daemon *daemon)
{
    struct store_counts counts;
    char failure[HEALTH_REASON_BYTES] = "";
    store_counts(daemon->store, &counts);
    if (counts.failing) {
        char why[128];
        store_failure(daemon->store, why, sizeof why);
        snprintf(failure, sizeof failure, HEALTH_JOURNAL_TEXT "%s", why);
    }
    health_set(&daemon->health, HEALTH_JOURNAL, failure);
    if (!counts.failing && atomic_exchange(&daemon->will_of_failure, false)) {
        mqtt_renew(daemon->mqtt);
    }
    health_set(&daemon->health, HEALTH_API, gate_trouble(&daemon->gate));
    count_trouble(daemon, &counts);
    if (daemon->health.changes != daemon->health_told) {
        daemon_tell_manager(daemon, false);
    }
}

static void publish_status(struct daemon *daemon)
{
    struct bytes payload;
    if (!daemon->online || mqtt_room(daemon->mqtt) == 0 || !outbox_may_publish(daemon->outbox)) {
        return;
    }
    bytes_init(&payload, 8192);
    if (health_next(&daemon->health, &payload)) {
        struct mqtt_publication publication = {.id = DAEMON_STATUS_MESSAGE,
                                               .topic = span_of(daemon->will_topic),
                                               .payload = bytes_span(&payload),
                                               .retain = daemon->config->broker.retain,
                                               .json = true};
        if (mqtt_publish(daemon->mqtt, &publication) == STATUS_OK) {
            outbox_count(daemon->outbox);
            health_told(&daemon->health);
        }
    }
    bytes_free(&payload);
}

static void after_prune(struct store_change *change, void *context)
{
    struct daemon *daemon = context;
    daemon->pruning = false;
    int64_t wait_ms = daemon->config->journal.keep_done_s * 1000 / 4;
    wait_ms = wait_ms > PRUNE_MAX_MS ? PRUNE_MAX_MS : wait_ms < PRUNE_MIN_MS ? PRUNE_MIN_MS : wait_ms;
    daemon->prune_after_id = change->pruned_up_to;
    daemon->prune_at_ms = daemon->flow.now_ms + (change->pruned_up_to > 0 ? 0 : wait_ms);
}

static void prune(struct daemon *daemon)
{
    if (daemon->pruning || daemon->flow.now_ms < daemon->prune_at_ms) {
        return;
    }
    struct store_change *change = memory_must(store_change_new());
    change->prune_before_ms = daemon->flow.wall_ms - daemon->config->journal.keep_done_s * 1000;
    change->prune_after_id = daemon->prune_after_id;
    change->lazy = true;
    daemon->pruning = true;
    flow_submit(&daemon->flow, change, after_prune, daemon);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

// One turn; ms until the next must come at the latest.
static int64_t turn(struct daemon *daemon)
{
    struct store_counts counts;
    int64_t wait_ms = FLOW_TICK_MS;
    daemon_set_now(daemon);
    atomic_store(&daemon->rung,
                 false); // before anything is collected: who rings from here on is heard in the next turn
    daemon_collect_mqtt(daemon);
    store_counts(daemon->store, &counts);
    store_collect(daemon->store);
    outbox_arrived(daemon->outbox, counts.last_message); // of these, collecting may have left some out
    http_run(daemon->flow.http);
    if (daemon->gate.refused > 0 && daemon->flow.now_ms - daemon->token_read_ms >= DAEMON_TOKEN_REREAD_MS) {
        daemon_read_token(daemon);
    }
    if (!daemon->stopping) {
        take_arrivals(daemon);
        take_hurried(daemon);
        // A lost answer comes first: when the API is just coming back, the one probe should clear up, not start anew.
        wait_ms = least(wait_ms, reconcile_turn(daemon->reconcile));
        wait_ms = least(wait_ms, follow_turn(daemon->follow));
        store_reader_begin(daemon->flow.reader);
        wait_ms = least(wait_ms, dispatch_turn(daemon->dispatch));
        store_reader_end(daemon->flow.reader);
        prune(daemon);
    }
    http_run(daemon->flow.http); // what was just begun leaves now
    check_health(daemon);
    publish_status(daemon);
    wait_ms = least(wait_ms, outbox_turn(daemon->outbox));
    return least(wait_ms, served_turn(&daemon->served));
}

static void wait_and_turn(struct daemon *daemon, int64_t until_ms)
{
    int64_t wait_ms = turn(daemon);
    int64_t left_ms = until_ms - daemon->flow.now_ms;
    wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
    if (wait_ms > 0) {
        int fd = served_fd(&daemon->served);
        http_wait(daemon->flow.http, &fd, 1, wait_ms);
    }
}

// Lets what is in flight end, publishes what waits, says offline. Everything has a bound: what is not done then is in
// the journal, and done by the next process.
static void wind_down(struct daemon *daemon)
{
    struct store_counts counts;
    LOG_INFO("stopping", LOG_INT("in_flight", http_in_flight(daemon->flow.http)));
    service_stopping();
    daemon->stopping = true;
    int64_t until_ms = clock_now_ms(&daemon->clock) + DAEMON_STOP_CALLS_MS;
    while (http_in_flight(daemon->flow.http) > 0 && clock_now_ms(&daemon->clock) < until_ms) {
        wait_and_turn(daemon, until_ms);
    }
    until_ms = clock_now_ms(&daemon->clock) + DAEMON_STOP_OUTBOX_MS;
    do {
        wait_and_turn(daemon, least(until_ms, clock_now_ms(&daemon->clock) + 20));
        store_counts(daemon->store, &counts);
    } while (daemon->online && counts.outbox > 0 && clock_now_ms(&daemon->clock) < until_ms);
    if (daemon->online) {
        daemon_say_offline(daemon, "stopped");
    }
}

static int exit_code(enum status rc)
{
    return rc == STATUS_NO_MEMORY  ? EX_OSERR
           : rc == STATUS_BUSY     ? EX_TEMPFAIL
           : rc == STATUS_CONFLICT ? EX_DATAERR
                                   : EX_IOERR;
}

static void run_loop(struct daemon *daemon)
{
    for (;;) {
        int64_t wait_ms = turn(daemon);
        if (wait_ms > 0) {
            int fds[] = {daemon->signal_fd, served_fd(&daemon->served)};
            http_wait(daemon->flow.http, fds, 2, wait_ms);
        }
        service_alive(daemon->flow.now_ms);
        enum service_signal signal = service_next(daemon->signal_fd);
        if (signal == SERVICE_STOP) {
            return;
        }
        if (signal == SERVICE_RELOAD) {
            daemon_reload(daemon);
        }
    }
}

int daemon_run(const char *config_path, struct config *config)
{
    struct daemon daemon = {.config_path = config_path, .config = config, .clock = clock_real(), .signal_fd = -1};
    log_setup(config->log_level, config->log_format);
    memory_setup();
    random_seed_system(&daemon.random);
    daemon.signal_fd = service_signals();
    daemon_set_now(&daemon);
    enum status rc = daemon.signal_fd < 0 ? STATUS_IO : daemon_build(&daemon);
    if (rc == STATUS_OK) {
        LOG_INFO("jobbridge started", LOG_TEXT("version", JOBBRIDGE_VERSION), LOG_TEXT("journal", config->journal.path),
                 LOG_INT("jobs", config->job_count), LOG_INT("routes", config->route_count));
        daemon_resume(&daemon);
        daemon_tell_manager(&daemon, true); // it does its work without a broker: what is due is in the journal
        run_loop(&daemon);
        wind_down(&daemon);
    }
    daemon_tear_down(&daemon);
    if (rc == STATUS_OK) {
        service_status("ended"); // `systemctl status` goes on showing the last one
    }
    LOG_INFO("jobbridge ended");
    log_flush();
    return rc == STATUS_OK ? EX_OK : exit_code(rc);
}
