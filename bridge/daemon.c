// SPDX-License-Identifier: Apache-2.0
// See daemon.h. The loop does what can be done without waiting and then waits at one place; whoever has something for
// it (the store's writer, the broker's threads) rings. Stages hand command ids to each other through the functions
// here. Must never decide anything about a command. The main thread, but for the ring and the three callbacks of mqtt.
#include "daemon.h"
#include "base/digest.h"
#include "base/memory.h"
#include "daemon/filters.h"
#include "daemon/reload.h"
#include "daemon/served.h"
#include "flow/desk.h"
#include "flow/dispatch.h"
#include "flow/follow.h"
#include "flow/health.h"
#include "flow/intake.h"
#include "flow/outbox.h"
#include "flow/reconcile.h"
#include "io/control.h"
#include "io/http.h"
#include "io/mqtt.h"
#include "io/service.h"
#include "rules/topic.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define ARRIVALS_A_TURN 256
#define STATUS_MESSAGE  (-1)  // the bridge's own status among the publications
#define PRUNE_MIN_MS    250   // finished commands are pruned at a quarter of their time, but not more often,
#define PRUNE_MAX_MS    60000 // and not more rarely; at once again while there are more
#define TOKEN_REREAD_MS 1000  // the token file is read at most so often after a 401

struct daemon {
    const char *config_path;
    struct config *config;
    struct clock clock;
    struct random random;
    struct gate gate;
    struct flow flow;
    struct store *store;
    struct mqtt *mqtt;
    struct intake *intake;
    struct dispatch *dispatch;
    struct reconcile *reconcile;
    struct follow *follow;
    struct outbox *outbox;
    struct health health;
    struct desk desk;
    struct control *control;
    struct metrics metrics;
    struct served served;
    int64_t started_ms;
    char broker_error[MQTT_REASON_BYTES];
    bool was_held, was_open; // the API, for the count of each
    int64_t failures_seen;
    int signal_fd;
    bool online;
    bool subscribed_once;
    bool stopping;
    char *will_topic;
    int64_t commits_seen;
    int64_t prune_at_ms;
    int64_t prune_after_id;
    bool pruning;
    int64_t token_read_ms;
    uint64_t token_digest;
    uint64_t password_digest;
};

static void ring(void *context)
{
    struct daemon *daemon = context;
    http_wake(daemon->flow.http);
}

static void set_now(struct daemon *daemon)
{
    daemon->flow.now_ms = clock_now_ms(&daemon->clock);
    daemon->flow.wall_ms = clock_wall_ms(&daemon->clock);
}

// What the stages hand to each other.

static void on_ambiguous(void *context, int64_t id, const char *job)
{
    struct daemon *daemon = context;
    reconcile_add(daemon->reconcile, id, job);
}

static void on_follow(void *context, int64_t id, const char *job)
{
    struct daemon *daemon = context;
    follow_add(daemon->follow, job, id);
}

static void on_settled(void *context, int64_t id, const char *job, bool ready, bool follow)
{
    struct daemon *daemon = context;
    dispatch_settled(daemon->dispatch, id, job, ready);
    if (follow) {
        follow_add(daemon->follow, job, id);
    }
}

static bool read_token(struct daemon *daemon)
{
    const struct config_api *api = &daemon->config->api;
    struct bytes token;
    const char *why = NULL;
    bytes_init(&token, CONFIG_SECRET_MAX_BYTES);
    enum status rc = config_secret(api->token_file, api->token_env, &token, &why);
    if (rc == STATUS_OK) {
        uint64_t digest = digest_of(bytes_span(&token));
        rc = http_set_token(daemon->flow.http, bytes_span(&token));
        if (digest != daemon->token_digest) {
            if (daemon->token_digest != 0) {
                LOG_INFO("token changed");
            }
            daemon->token_digest = digest;
            gate_token_changed(&daemon->gate);
        }
    } else {
        LOG_ERROR("token cannot be read", LOG_TEXT("why", why));
    }
    if (token.data) {
        explicit_bzero(token.data, token.len);
    }
    bytes_free(&token);
    daemon->token_read_ms = daemon->flow.now_ms;
    return rc == STATUS_OK;
}

static void on_unauthorized(void *context)
{
    read_token(context);
}

// The broker.

static void on_message(void *context, const struct mqtt_message *message)
{
    struct daemon *daemon = context;
    intake_message(daemon->intake, message);
}

static void make_will(void *context, struct bytes *payload)
{
    struct daemon *daemon = context;
    health_will(&daemon->clock, payload);
}

static int64_t next_epoch(void *context, bool new_session)
{
    struct daemon *daemon = context;
    return store_next_epoch(daemon->store, new_session);
}

static void on_online(void *context, bool session_present, const char *refused)
{
    struct daemon *daemon = context;
    char reason[HEALTH_REASON_BYTES] = "";
    (void)session_present;
    if (refused[0]) {
        snprintf(reason, sizeof reason, "the broker refused the subscription to %s", refused);
    }
    daemon->online = true;
    daemon->metrics.connects++;
    health_set(&daemon->health, HEALTH_SUBSCRIPTION, reason);
    health_connected(&daemon->health);
    filters_taken(&daemon->flow);
    outbox_arrived(daemon->outbox);
    if (!daemon->subscribed_once) {
        daemon->subscribed_once = true;
        service_ready("connected to the broker");
    }
}

static void on_offline(void *context, const char *reason)
{
    struct daemon *daemon = context;
    daemon->online = false;
    daemon->metrics.last_error_ms[METRICS_BROKER] = daemon->flow.wall_ms;
    snprintf(daemon->broker_error, sizeof daemon->broker_error, "%s", reason);
    outbox_offline(daemon->outbox);
}

static void on_published(void *context, int64_t id, const char *reason)
{
    struct daemon *daemon = context;
    if (id != STATUS_MESSAGE) {
        outbox_published(daemon->outbox, id, reason);
        daemon->metrics.published += reason[0] == '\0';
        daemon->metrics.unpublished += reason[0] != '\0';
    } else if (reason[0]) {
        LOG_ERROR("broker refuses the bridge's status", LOG_TEXT("why", reason));
    }
}

static enum status start_mqtt(struct daemon *daemon)
{
    const struct config *config = daemon->config;
    const struct config_broker *broker = &config->broker;
    static const enum mqtt_version versions[] = {[CONFIG_PROTOCOL_AUTO] = MQTT_VERSION_AUTO,
                                                 [CONFIG_PROTOCOL_5] = MQTT_VERSION_5,
                                                 [CONFIG_PROTOCOL_311] = MQTT_VERSION_311};
    struct bytes password;
    const char *why = NULL;
    struct filters filters;
    bytes_init(&password, CONFIG_SECRET_MAX_BYTES);
    if (broker->password_file[0] && config_secret(broker->password_file, "", &password, &why) != STATUS_OK) {
        LOG_ERROR("broker password cannot be read", LOG_TEXT("why", why));
    }
    daemon->password_digest = digest_of(bytes_span(&password));
    filters_make(&filters, &daemon->flow);
    free(daemon->will_topic);
    memory_check(asprintf(&daemon->will_topic, "%s/status", broker->bridge_topic) >= 0);
    struct mqtt_settings settings = {
        .uri = broker->uri,
        .client_id = broker->client_id,
        .username = broker->username,
        .password = bytes_span(&password),
        .version = versions[broker->protocol],
        .keepalive_s = broker->keepalive_s,
        .receive_max = broker->receive_max,
        .clean_start = broker->clean_start,
        .session_expiry_s = broker->session_expiry_s,
        .reconnect_min_ms = broker->reconnect_min_ms,
        .reconnect_max_ms = broker->reconnect_max_ms,
        .ca_file = broker->tls_ca_file,
        .cert_file = broker->tls_cert_file,
        .key_file = broker->tls_key_file,
        .verify = broker->tls_verify,
        .filters = (const char *const *)filters.wanted,
        .filter_count = filters.wanted_count,
        .stale = (const char *const *)filters.stale,
        .stale_count = filters.stale_count,
        .will_topic = daemon->will_topic,
        .will_retain = broker->retain,
        .clock = &daemon->clock,
        .make_will = make_will,
        .next_epoch = next_epoch,
        .on_message = on_message,
        .ring = ring,
        .context = daemon,
    };
    enum status rc = mqtt_start(&settings, &daemon->mqtt);
    filters_free(&filters);
    if (password.data) {
        explicit_bzero(password.data, password.len);
    }
    bytes_free(&password);
    return rc;
}

// The operator, on the control socket's thread.

static enum desk_end on_letter(void *context, const struct mqtt_message *message, int64_t letter)
{
    static const enum desk_end ends[] = {[INTAKE_QUEUED] = DESK_QUEUED,
                                         [INTAKE_REPEATED] = DESK_REPEATED,
                                         [INTAKE_REJECTED] = DESK_REJECTED,
                                         [INTAKE_DEAD] = DESK_STILL_DEAD,
                                         [INTAKE_CLOSING] = DESK_CLOSING};
    struct daemon *daemon = context;
    return ends[intake_again(daemon->intake, message, letter)];
}

static void on_question(void *context, struct span question, struct bytes *answer)
{
    struct daemon *daemon = context;
    desk_answer(&daemon->desk, question, answer);
}

static void open_desk(struct daemon *daemon)
{
    const struct config *config = daemon->config;
    daemon->desk.store = daemon->store;
    daemon->desk.clock = &daemon->clock;
    daemon->desk.next = (struct desk_next){on_letter, ring, daemon};
    daemon->desk.retain = config->broker.retain;
    pthread_mutex_init(&daemon->desk.lock, NULL);
    if (control_listen(config->journal.path, on_question, daemon, &daemon->control) != STATUS_OK) {
        LOG_WARNING("no control socket: jobbridge queue can only look", LOG_TEXT("why", strerror(errno)));
    }
}

static void take_hurried(struct daemon *daemon)
{
    int64_t ids[DESK_HURRIED_MAX];
    size_t count = desk_take(&daemon->desk, ids);
    for (size_t i = 0; i < count; i++) {
        dispatch_hurry(daemon->dispatch, ids[i]);
    }
}

// Those who watch.

static void fill_facts(void *context, struct watch_facts *facts)
{
    struct daemon *daemon = context;
    struct intake_counts counts;
    intake_counts(daemon->intake, &counts);
    *facts = (struct watch_facts){.stopping = daemon->stopping,
                                  .broker_connected = daemon->online,
                                  .broker_error = daemon->broker_error,
                                  .degraded = health_reason(&daemon->health),
                                  .since_ms = daemon->health.since_ms,
                                  .started_ms = daemon->started_ms,
                                  .in_flight = http_in_flight(daemon->flow.http),
                                  .messages = {[METRICS_COMMAND] = counts.queued,
                                               [METRICS_REJECTED] = counts.rejected,
                                               [METRICS_REPEATED] = counts.repeated,
                                               [METRICS_REDELIVERED] = counts.redelivered,
                                               [METRICS_DEAD] = counts.dead}};
}

static void on_committed(void *context, const struct store_change *change)
{
    struct daemon *daemon = context;
    served_committed(&daemon->served, change);
}

static void start_serving(struct daemon *daemon)
{
    char reason[HEALTH_REASON_BYTES];
    served_start(&daemon->served, reason, sizeof reason);
    health_set(&daemon->health, HEALTH_WEB, reason);
}

// Building.

static struct http_settings http_settings(const struct config *config)
{
    return (struct http_settings){.base_url = config->api.base_url,
                                  .ca_file = config->api.tls_ca_file,
                                  .connect_timeout_ms = config->api.connect_timeout_ms,
                                  .request_timeout_ms = config->api.request_timeout_ms,
                                  .max_connections = config->api.max_in_flight};
}

static int exit_code(enum status rc)
{
    return rc == STATUS_NO_MEMORY  ? EX_OSERR
           : rc == STATUS_BUSY     ? EX_TEMPFAIL
           : rc == STATUS_CONFLICT ? EX_DATAERR
                                   : EX_IOERR;
}

static enum status open_store(struct daemon *daemon)
{
    const struct config_journal *journal = &daemon->config->journal;
    struct store_settings settings = {.path = journal->path,
                                      .power = journal->durability == CONFIG_DURABILITY_POWER,
                                      .max_commands = journal->max_commands,
                                      .max_dead = journal->max_dead,
                                      .clock = &daemon->clock,
                                      .ring = ring,
                                      .committed = on_committed,
                                      .ring_context = daemon};
    char *why = NULL;
    char *name = NULL;
    enum status rc = store_open(&settings, &daemon->store, &why);
    if (rc == STATUS_INVALID && store_set_aside(journal->path, clock_wall_ms(&daemon->clock), &name) == STATUS_OK) {
        char reason[HEALTH_REASON_BYTES];
        LOG_ERROR("journal is damaged, set aside", LOG_TEXT("why", why), LOG_TEXT("kept", name));
        snprintf(reason, sizeof reason, "the journal was damaged and is kept as %s; a new one was begun", name);
        health_set(&daemon->health, HEALTH_DAMAGE, reason);
        free(why);
        rc = store_open(&settings, &daemon->store, &why);
    }
    if (rc != STATUS_OK) {
        LOG_ERROR("journal cannot be used", LOG_TEXT("file", journal->path),
                  LOG_TEXT("why", why ? why : status_text(rc)));
    }
    free(why);
    free(name);
    if (rc == STATUS_OK) {
        rc = store_reader_open(journal->path, &daemon->flow.reader, &why);
        free(why);
    }
    if (rc == STATUS_OK) {
        store_reader_must(daemon->flow.reader);
    }
    return rc;
}

static enum status build(struct daemon *daemon)
{
    const struct config *config = daemon->config;
    struct http_settings settings = http_settings(config);
    struct flow *flow = &daemon->flow;
    flow->config = config;
    flow->clock = &daemon->clock;
    flow->random = &daemon->random;
    flow->gate = &daemon->gate;
    flow->metrics = &daemon->metrics;
    daemon->started_ms = flow->wall_ms;
    served_init(&daemon->served, flow, fill_facts, daemon);
    health_init(&daemon->health, flow);
    enum status rc = gate_init(&daemon->gate, config->api.rate, (uint32_t)config->api.max_in_flight,
                               config->api.retry_base_ms, config->api.retry_max_ms);
    rc = rc != STATUS_OK ? rc : http_create(&settings, &flow->http);
    rc = rc != STATUS_OK ? rc : open_store(daemon);
    if (rc != STATUS_OK) {
        return rc;
    }
    flow->store = daemon->store;
    flow->instance = store_instance(daemon->store);
    struct dispatch_next after_dispatch = {on_ambiguous, on_follow, on_unauthorized, daemon};
    struct reconcile_next after_reconcile = {on_settled, on_unauthorized, daemon};
    struct follow_next after_follow = {on_unauthorized, daemon};
    daemon->dispatch = dispatch_create(flow, &after_dispatch);
    daemon->reconcile = reconcile_create(flow, &after_reconcile);
    daemon->follow = follow_create(flow, &after_follow);
    daemon->intake = intake_create(config, daemon->store, &daemon->clock, ring, daemon);
    read_token(daemon);
    open_desk(daemon);
    rc = start_mqtt(daemon);
    if (rc == STATUS_OK) {
        daemon->outbox = outbox_create(flow, daemon->mqtt);
        rc = outbox_set_rates(daemon->outbox, config->broker.rate_per_topic, config->broker.rate_per_client);
        start_serving(daemon);
    }
    return rc;
}

// What the process before this one left: waiting commands, lost answers, open runs.
static void resume(struct daemon *daemon)
{
    struct store_reader *reader = daemon->flow.reader;
    char *job = store_next_job(reader, COMMAND_AMBIGUOUS, "");
    while (job) {
        struct store_ref refs[64];
        int64_t after = 0;
        size_t count = 0;
        while ((count = store_list(reader, COMMAND_AMBIGUOUS, job, after, refs, 64)) > 0) {
            for (size_t i = 0; i < count; i++) {
                dispatch_resume(daemon->dispatch, refs[i].id, job);
                reconcile_add(daemon->reconcile, refs[i].id, job);
                after = refs[i].id;
            }
        }
        char *next = store_next_job(reader, COMMAND_AMBIGUOUS, job);
        free(job);
        job = next;
    }
    dispatch_arrived(daemon->dispatch, NULL);
    follow_resume(daemon->follow);
}

// Turning.

static void take_arrivals(struct daemon *daemon)
{
    struct intake_arrival arrivals[ARRIVALS_A_TURN];
    bool overflow = false;
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
        snprintf(failure, sizeof failure, "the journal cannot be written: %s", why);
    }
    health_set(&daemon->health, HEALTH_JOURNAL, failure);
    health_set(&daemon->health, HEALTH_API, gate_trouble(&daemon->gate));
    count_trouble(daemon, &counts);
    if (counts.commits != daemon->commits_seen) {
        daemon->commits_seen = counts.commits;
        outbox_arrived(daemon->outbox);
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
        struct mqtt_publication publication = {.id = STATUS_MESSAGE,
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
    struct mqtt_events events = {on_online, on_offline, on_published, daemon};
    int64_t wait_ms = FLOW_TICK_MS;
    set_now(daemon);
    mqtt_collect(daemon->mqtt, &events);
    store_collect(daemon->store);
    http_run(daemon->flow.http);
    if (daemon->gate.refused > 0 && daemon->flow.now_ms - daemon->token_read_ms >= TOKEN_REREAD_MS) {
        read_token(daemon);
    }
    if (!daemon->stopping) {
        take_arrivals(daemon);
        take_hurried(daemon);
        // A lost answer comes first: when the API is just coming back, the one probe should clear up, not start anew.
        wait_ms = least(wait_ms, reconcile_turn(daemon->reconcile));
        wait_ms = least(wait_ms, follow_turn(daemon->follow));
        wait_ms = least(wait_ms, dispatch_turn(daemon->dispatch));
        prune(daemon);
    }
    http_run(daemon->flow.http); // what was just begun leaves now
    check_health(daemon);
    publish_status(daemon);
    wait_ms = least(wait_ms, outbox_turn(daemon->outbox));
    return least(wait_ms, served_turn(&daemon->served));
}

static void say_offline(struct daemon *daemon, const char *reason)
{
    struct bytes payload;
    bytes_init(&payload, 8192);
    health_offline(&daemon->health, reason, &payload);
    struct mqtt_publication publication = {.id = STATUS_MESSAGE,
                                           .topic = span_of(daemon->will_topic),
                                           .payload = bytes_span(&payload),
                                           .retain = daemon->config->broker.retain,
                                           .json = true};
    mqtt_publish(daemon->mqtt, &publication);
    bytes_free(&payload);
}

// Whether the password's file holds another one than what the connection was made with.
static bool password_changed(const struct daemon *daemon, const struct config *fresh)
{
    struct bytes password;
    const char *why = NULL;
    bytes_init(&password, CONFIG_SECRET_MAX_BYTES);
    bool changed = fresh->broker.password_file[0] &&
                   config_secret(fresh->broker.password_file, "", &password, &why) == STATUS_OK &&
                   digest_of(bytes_span(&password)) != daemon->password_digest;
    if (password.data) {
        explicit_bzero(password.data, password.len);
    }
    bytes_free(&password);
    if (changed) {
        LOG_INFO("broker password changed");
    }
    return changed;
}

// The old connection still says that the bridge is gone, where the new one will say what it is somewhere else.
static void connect_anew(struct daemon *daemon, bool moved)
{
    if (moved && daemon->online) {
        say_offline(daemon, "another bridge_topic is used now");
    }
    if (mqtt_stop(daemon->mqtt, DAEMON_STOP_BROKER_MS) != STATUS_OK || start_mqtt(daemon) != STATUS_OK) {
        LOG_ERROR("broker connection cannot be changed, ending; the journal has everything");
        log_flush();
        _exit(EX_TEMPFAIL);
    }
    daemon->online = false;
    outbox_set_mqtt(daemon->outbox, daemon->mqtt);
}

static void apply_config(struct daemon *daemon, struct config *fresh)
{
    struct config *old = daemon->config;
    struct http_settings settings = http_settings(fresh);
    unsigned touches = reload_tell(old, fresh);
    bool connect = (touches & CONFIG_TOUCH_BROKER) || password_changed(daemon, fresh);
    bool moved = strcmp(old->broker.bridge_topic, fresh->broker.bridge_topic) != 0;
    log_setup(fresh->log_level, fresh->log_format);
    intake_set_config(daemon->intake, fresh);
    atomic_store(&daemon->desk.retain, fresh->broker.retain);
    daemon->config = fresh;
    daemon->flow.config = fresh;
    memory_check(http_set(daemon->flow.http, &settings) == STATUS_OK &&
                 gate_set(&daemon->gate, fresh->api.rate, (uint32_t)fresh->api.max_in_flight, fresh->api.retry_base_ms,
                          fresh->api.retry_max_ms) == STATUS_OK &&
                 outbox_set_rates(daemon->outbox, fresh->broker.rate_per_topic, fresh->broker.rate_per_client) ==
                     STATUS_OK);
    read_token(daemon);
    if (connect) {
        connect_anew(daemon, moved);
    }
    start_serving(daemon); // the token may have changed as well as the address; readers of events come back
    dispatch_arrived(daemon->dispatch, NULL);
    follow_resume(daemon->follow);
    config_free(old);
}

static void reload(struct daemon *daemon)
{
    struct config *fresh = NULL;
    char reason[HEALTH_REASON_BYTES];
    service_reloading();
    enum status rc = reload_read(daemon->config_path, &fresh, reason, sizeof reason);
    if (rc == STATUS_OK) {
        apply_config(daemon, fresh);
        daemon->metrics.reloads++;
        health_set(&daemon->health, HEALTH_CONFIG, "");
        LOG_INFO("configuration reloaded", LOG_TEXT("file", daemon->config_path));
    } else {
        daemon->metrics.reloads_failed++;
        health_set(&daemon->health, HEALTH_CONFIG, reason);
    }
    service_ready("configuration reloaded");
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
        say_offline(daemon, "stopped");
    }
}

static _Noreturn void end_now(void)
{
    LOG_WARNING("ending without waiting for the disk");
    log_flush();
    _exit(EX_OK);
}

static void tear_down(struct daemon *daemon)
{
    served_stop(&daemon->served);
    if (daemon->mqtt && mqtt_stop(daemon->mqtt, DAEMON_STOP_BROKER_MS) != STATUS_OK) {
        end_now(); // a message is still being written to a disk that does not answer: it stays unacknowledged
    }
    if (daemon->control && control_stop(daemon->control, DAEMON_STOP_DESK_MS) != STATUS_OK) {
        end_now();
    }
    if (daemon->store) {
        store_close(daemon->store); // until here its writer may ring, which needs http
    }
    if (daemon->flow.http) {
        http_free(daemon->flow.http);
    }
    store_reader_close(daemon->flow.reader);
    if (daemon->intake) {
        intake_free(daemon->intake);
        dispatch_free(daemon->dispatch);
        reconcile_free(daemon->reconcile);
        follow_free(daemon->follow);
    }
    if (daemon->outbox) {
        outbox_free(daemon->outbox);
    }
    gate_free(&daemon->gate);
    free(daemon->will_topic);
    config_free(daemon->config);
    if (daemon->signal_fd >= 0) {
        close(daemon->signal_fd);
    }
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
            reload(daemon);
        }
    }
}

int daemon_run(const char *config_path, struct config *config)
{
    struct daemon daemon = {.config_path = config_path, .config = config, .clock = clock_real(), .signal_fd = -1};
    log_setup(config->log_level, config->log_format);
    random_seed_system(&daemon.random);
    daemon.signal_fd = service_signals();
    set_now(&daemon);
    enum status rc = daemon.signal_fd < 0 ? STATUS_IO : build(&daemon);
    if (rc == STATUS_OK) {
        LOG_INFO("jobbridge started", LOG_TEXT("version", JOBBRIDGE_VERSION), LOG_TEXT("journal", config->journal.path),
                 LOG_INT("jobs", config->job_count), LOG_INT("routes", config->route_count));
        resume(&daemon);
        run_loop(&daemon);
        wind_down(&daemon);
    }
    tear_down(&daemon);
    LOG_INFO("jobbridge ended");
    log_flush();
    return rc == STATUS_OK ? EX_OK : exit_code(rc);
}
