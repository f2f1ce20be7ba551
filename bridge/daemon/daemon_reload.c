// SPDX-License-Identifier: Apache-2.0
// SIGHUP: the configuration is read again, and what it changes takes effect; a wrong one changes nothing. The main
// thread.
#include "base/log.h"
#include "base/memory.h"
#include "daemon/daemon_internal.h"
#include "io/service.h"
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static bool broker_changed(const struct config *a, const struct config *b)
{
    if (strcmp(a->broker.uri, b->broker.uri) != 0 || strcmp(a->broker.client_id, b->broker.client_id) != 0 ||
        strcmp(a->broker.username, b->broker.username) != 0 ||
        strcmp(a->broker.password_file, b->broker.password_file) != 0 || a->broker.protocol != b->broker.protocol ||
        a->broker.keepalive_s != b->broker.keepalive_s || a->broker.receive_max != b->broker.receive_max ||
        a->broker.clean_start != b->broker.clean_start || a->broker.session_expiry_s != b->broker.session_expiry_s ||
        a->broker.retain != b->broker.retain || a->broker.reconnect_min_ms != b->broker.reconnect_min_ms ||
        a->broker.reconnect_max_ms != b->broker.reconnect_max_ms ||
        strcmp(a->broker.share_group, b->broker.share_group) != 0 ||
        strcmp(a->broker.tls_ca_file, b->broker.tls_ca_file) != 0 ||
        strcmp(a->broker.tls_cert_file, b->broker.tls_cert_file) != 0 ||
        strcmp(a->broker.tls_key_file, b->broker.tls_key_file) != 0 || a->broker.tls_verify != b->broker.tls_verify ||
        strcmp(a->broker.bridge_topic, b->broker.bridge_topic) != 0 || a->route_count != b->route_count) {
        return true;
    }
    for (size_t i = 0; i < a->route_count; i++) {
        if (strcmp(a->routes[i].filter, b->routes[i].filter) != 0) {
            return true;
        }
    }
    return false;
}

static void apply_config(struct daemon *daemon, struct config *fresh)
{
    struct config *old = daemon->config;
    struct http_settings settings = daemon_http_settings(fresh);
    if (strcmp(old->journal.path, fresh->journal.path) != 0 || old->journal.durability != fresh->journal.durability ||
        old->journal.max_commands != fresh->journal.max_commands || old->journal.max_dead != fresh->journal.max_dead) {
        LOG_WARNING("changes of journal take effect at a restart only");
    }
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
    daemon_read_token(daemon);
    if (broker_changed(old, fresh)) {
        if (mqtt_stop(daemon->mqtt, DAEMON_STOP_BROKER_MS) != STATUS_OK || daemon_start_mqtt(daemon) != STATUS_OK) {
            LOG_ERROR("broker connection cannot be changed, ending; the journal has everything");
            log_flush();
            _exit(EX_TEMPFAIL);
        }
        daemon->online = false;
        outbox_set_mqtt(daemon->outbox, daemon->mqtt);
    }
    daemon_start_serving(daemon); // the token may have changed as well as the address; readers of events come back
    dispatch_arrived(daemon->dispatch, NULL);
    follow_resume(daemon->follow);
    config_free(old);
}

void daemon_reload(struct daemon *daemon)
{
    struct config *fresh = NULL;
    struct config_problems problems;
    service_reloading();
    enum status rc = config_load(daemon->config_path, &fresh, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        LOG_ERROR("configuration not taken", LOG_TEXT("file", problems.items[i].file),
                  LOG_INT("line", problems.items[i].line), LOG_TEXT("key", problems.items[i].key),
                  LOG_TEXT("why", problems.items[i].text));
    }
    config_problems_free(&problems);
    if (rc == STATUS_OK) {
        apply_config(daemon, fresh);
        daemon->metrics.reloads++;
        health_set(&daemon->health, HEALTH_CONFIG, "");
        LOG_INFO("configuration reloaded", LOG_TEXT("file", daemon->config_path));
    } else {
        daemon->metrics.reloads_failed++;
        health_set(&daemon->health, HEALTH_CONFIG, "the new configuration is wrong; the old one is in use");
    }
    service_ready("configuration reloaded");
}
