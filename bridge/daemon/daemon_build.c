// SPDX-License-Identifier: Apache-2.0
// Builds the stages, wires them, and takes them apart. Stages hand command ids to each other through the functions
// here. The main thread, but for the functions of the operator and of those who watch, which have theirs.
#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include "daemon/daemon_internal.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

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

bool daemon_read_token(struct daemon *daemon)
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
    daemon_read_token(context);
}

// The operator, on the control socket's thread.

static enum desk_end on_letter(void *context, const struct mqtt_message *message, int64_t letter)
{
    static const enum desk_end ends[] = {[INTAKE_QUEUED] = DESK_QUEUED,
                                         [INTAKE_REPEATED] = DESK_REPEATED,
                                         [INTAKE_REJECTED] = DESK_REJECTED,
                                         [INTAKE_DEAD] = DESK_STILL_DEAD,
                                         [INTAKE_HELD] = DESK_CLOSING};
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
    daemon->desk.next = (struct desk_next){on_letter, daemon_ring, daemon};
    daemon->desk.retain = config->broker.retain;
    pthread_mutex_init(&daemon->desk.lock, NULL);
    if (control_listen(config->journal.path, on_question, daemon, &daemon->control) != STATUS_OK) {
        LOG_WARNING("no control socket: jobbridge queue can only look", LOG_TEXT("why", strerror(errno)));
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

void daemon_start_serving(struct daemon *daemon)
{
    char reason[HEALTH_REASON_BYTES];
    served_start(&daemon->served, reason, sizeof reason);
    health_set(&daemon->health, HEALTH_WEB, reason);
}

struct http_settings daemon_http_settings(const struct config *config)
{
    return (struct http_settings){.base_url = config->api.base_url,
                                  .ca_file = config->api.tls_ca_file,
                                  .connect_timeout_ms = config->api.connect_timeout_ms,
                                  .request_timeout_ms = config->api.request_timeout_ms,
                                  .max_connections = config->api.max_in_flight};
}

// The store's writer, after a commit: the messages that it took may be acknowledged.
static void ring_committed(void *context)
{
    mqtt_acknowledge();
    daemon_ring(context);
}

static void take_messages(void *context, struct store_message *messages)
{
    struct daemon *daemon = context;
    outbox_take(daemon->outbox, messages);
}

static enum status open_store(struct daemon *daemon)
{
    const struct config_journal *journal = &daemon->config->journal;
    struct store_settings settings = {.path = journal->path,
                                      .power = journal->durability == CONFIG_DURABILITY_POWER,
                                      .max_commands = journal->max_commands,
                                      .max_dead = journal->max_dead,
                                      .clock = &daemon->clock,
                                      .ring = ring_committed,
                                      .committed = on_committed,
                                      .take_messages = take_messages,
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
    if (rc == STATUS_OK) {
        free(why);
        rc = store_reader_open(journal->path, &daemon->flow.reader, &why);
    }
    if (rc != STATUS_OK) {
        LOG_ERROR("journal cannot be used", LOG_TEXT("file", journal->path),
                  LOG_TEXT("why", why ? why : status_text(rc)));
    }
    free(why);
    free(name);
    if (rc == STATUS_OK) {
        store_reader_must(daemon->flow.reader);
    }
    return rc;
}

enum status daemon_build(struct daemon *daemon)
{
    const struct config *config = daemon->config;
    struct http_settings settings = daemon_http_settings(config);
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
    daemon->intake = intake_create(config, daemon->store, &daemon->clock, daemon_ring, daemon);
    daemon_read_token(daemon);
    open_desk(daemon);
    rc = daemon_start_mqtt(daemon);
    if (rc == STATUS_OK) {
        daemon->outbox = outbox_create(flow, daemon->mqtt);
        rc = outbox_set_rates(daemon->outbox, config->broker.rate_per_topic, config->broker.rate_per_client);
        daemon_start_serving(daemon);
    }
    return rc;
}

// What the process before this one left: waiting commands, lost answers, open runs.
void daemon_resume(struct daemon *daemon)
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

static _Noreturn void end_now(void)
{
    LOG_WARNING("ending without waiting for the disk");
    log_flush();
    _exit(EX_OK);
}

void daemon_tear_down(struct daemon *daemon)
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
    free(daemon->birth_topic);
    config_free(daemon->config);
    if (daemon->signal_fd >= 0) {
        close(daemon->signal_fd);
    }
}
