// SPDX-License-Identifier: Apache-2.0
// The daemon's end of the broker: what comes from the connection, and how it is begun. on_message and next_epoch are
// called on the library's thread, make_will on the connection's; the rest is the main thread.
#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include "daemon/daemon_internal.h"
#include "daemon/filters.h"
#include "flow/announce.h"
#include "io/service.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Home Assistant has started, or ended.
static void take_birth(struct daemon *daemon, const struct mqtt_message *message, struct mqtt_delivery *delivery)
{
    if (span_is(message->payload, "online")) {
        atomic_store(&daemon->birth, true);
        daemon_ring(daemon);
    }
    if (delivery) {
        mqtt_settled(delivery); // there is nothing to keep: it will be told again
        mqtt_acknowledge();
    }
}

static void on_message(void *context, const struct mqtt_message *message, struct mqtt_delivery *delivery)
{
    struct daemon *daemon = context;
    if (daemon->birth_topic && span_is(message->topic, daemon->birth_topic)) {
        take_birth(daemon, message, delivery);
    } else if (delivery) {
        intake_begin(daemon->intake, message, delivery);
    } else if (intake_message(daemon->intake, message) == INTAKE_HELD) {
        mqtt_hang_up();
    }
}

static void make_will(void *context, struct bytes *payload)
{
    struct daemon *daemon = context;
    char why[128];
    store_failure(daemon->store, why, sizeof why);
    atomic_store(&daemon->will_of_failure, why[0] != '\0');
    health_will(&daemon->clock, why, payload);
}

static int64_t next_epoch(void *context, bool new_session)
{
    struct daemon *daemon = context;
    return store_next_epoch(daemon->store, new_session);
}

void daemon_tell_manager(struct daemon *daemon, bool ready)
{
    const char *reason = health_reason(&daemon->health);
    const char *broker = daemon->online            ? "connected to the broker"
                         : daemon->broker_error[0] ? "broker away: "
                                                   : "connecting to the broker";
    char text[HEALTH_REASON_BYTES + MQTT_REASON_BYTES + 64];
    snprintf(text, sizeof text, "%s%s%s%s", broker, daemon->online ? "" : daemon->broker_error,
             reason[0] ? "; degraded: " : "", reason);
    (ready ? service_ready : service_status)(text);
    daemon->health_told = daemon->health.changes;
}

static void on_online(void *context, bool session_present, const char *refused)
{
    struct daemon *daemon = context;
    char reason[HEALTH_REASON_BYTES] = "";
    if (refused[0]) {
        snprintf(reason, sizeof reason, "the broker refused the subscription to %s", refused);
    }
    daemon->online = true;
    daemon->metrics.connects++;
    health_set(&daemon->health, HEALTH_SUBSCRIPTION, reason);
    health_connected(&daemon->health);
    filters_taken(&daemon->flow);
    announce_jobs(&daemon->flow, !session_present); // a broker that forgot the session may have forgotten these, too
    outbox_arrived(daemon->outbox, INT64_MAX);
    daemon_tell_manager(daemon, false);
}

static void on_offline(void *context, const char *reason)
{
    struct daemon *daemon = context;
    daemon->online = false;
    daemon->metrics.last_error_ms[METRICS_BROKER] = daemon->flow.wall_ms;
    snprintf(daemon->broker_error, sizeof daemon->broker_error, "%s", reason);
    outbox_offline(daemon->outbox);
    daemon_tell_manager(daemon, false);
}

static void on_published(void *context, int64_t id, const char *reason)
{
    struct daemon *daemon = context;
    if (id != DAEMON_STATUS_MESSAGE) {
        outbox_published(daemon->outbox, id, reason);
        daemon->metrics.published += reason[0] == '\0';
        daemon->metrics.unpublished += reason[0] != '\0';
    } else if (reason[0]) {
        LOG_ERROR("broker refuses the bridge's status", LOG_TEXT("why", reason));
    } else {
        memory_release_code(); // after the birth, that is: the start is over. At later ones it costs little
    }
}

enum status daemon_start_mqtt(struct daemon *daemon)
{
    const struct config_broker *broker = &daemon->config->broker;
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
    free(daemon->birth_topic);
    daemon->birth_topic = filters_birth_topic(daemon->config);
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
        .deliveries = true,
        .ring = daemon_ring,
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

void daemon_say_offline(struct daemon *daemon, const char *reason)
{
    struct bytes payload;
    bytes_init(&payload, 8192);
    health_offline(&daemon->health, reason, &payload);
    struct mqtt_publication publication = {.id = DAEMON_STATUS_MESSAGE,
                                           .topic = span_of(daemon->will_topic),
                                           .payload = bytes_span(&payload),
                                           .retain = daemon->config->broker.retain,
                                           .json = true};
    mqtt_publish(daemon->mqtt, &publication);
    bytes_free(&payload);
}

void daemon_collect_mqtt(struct daemon *daemon)
{
    struct mqtt_events events = {on_online, on_offline, on_published, daemon};
    mqtt_collect(daemon->mqtt, &events);
    if (atomic_exchange(&daemon->birth, false)) {
        announce_jobs(&daemon->flow, true);
    }
}
