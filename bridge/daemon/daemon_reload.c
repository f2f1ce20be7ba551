// SPDX-License-Identifier: Apache-2.0
// SIGHUP: the configuration is read again, the difference is told, and takes effect; a wrong one changes nothing. Must
// never log what a secret's file holds: the configuration has only its name. The main thread.
#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include "daemon/daemon_internal.h"
#include "flow/announce.h"
#include "io/config_diff.h"
#include "io/service.h"
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static void tell_problem(const struct config_problem *problem)
{
    LOG_EACH(LOG_LEVEL_ERROR, "configuration not taken", LOG_TEXT("file", problem->file),
             LOG_INT("line", problem->line), LOG_TEXT("key", problem->key), LOG_TEXT("why", problem->text));
}

// reason gets the first problem, for B/status. A file that is named and cannot be read is a problem, too.
static enum status read_config(const char *path, struct config **fresh, char reason[HEALTH_REASON_BYTES])
{
    struct config_problems problems;
    enum status rc = config_load(path, fresh, &problems);
    rc = rc != STATUS_OK ? rc : config_check_files(*fresh, &problems);
    snprintf(reason, HEALTH_REASON_BYTES, "the new configuration is wrong; the old one is in use");
    for (size_t i = 0; i < problems.count; i++) {
        const struct config_problem *problem = &problems.items[i];
        tell_problem(problem);
        if (i == 0) {
            snprintf(reason, HEALTH_REASON_BYTES, "the new configuration is wrong; the old one is in use: %s%s%s",
                     problem->key, problem->key[0] ? " " : "", problem->text);
        }
    }
    if (problems.left_out > 0) {
        LOG_EACH(LOG_LEVEL_ERROR, "more problems of the configuration", LOG_INT("count", problems.left_out));
    }
    config_problems_free(&problems);
    if (rc != STATUS_OK) {
        config_free(*fresh);
        *fresh = NULL;
    }
    return rc;
}

static void tell_change(void *context, const struct config_change *change)
{
    size_t *count = context;
    (*count)++;
    LOG_INFO("configuration changed", LOG_TEXT("key", change->key), LOG_TEXT("from", change->from),
             LOG_TEXT("to", change->to));
    if (change->touches & CONFIG_TOUCH_RESTART) {
        LOG_EACH(LOG_LEVEL_WARNING, "change takes effect at a restart only", LOG_TEXT("key", change->key));
    }
}

// Bits of enum config_touch: what must be done again.
static unsigned tell_difference(const struct config *from, const struct config *to)
{
    size_t count = 0;
    unsigned touches = config_diff(from, to, tell_change, &count);
    if (count == 0) {
        LOG_INFO("configuration has no changes");
    }
    return touches;
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

// With the settings of daemon->config. moved: a retained status on the old topic must not say for ever that the bridge
// is there.
static void connect_anew(struct daemon *daemon, bool moved)
{
    if (moved && daemon->online) {
        daemon_say_offline(daemon, "another bridge_topic is in use");
    }
    if (mqtt_stop(daemon->mqtt, DAEMON_STOP_BROKER_MS) != STATUS_OK || daemon_start_mqtt(daemon) != STATUS_OK) {
        LOG_ERROR("broker connection cannot be changed, ending; the journal has everything");
        log_flush();
        _exit(EX_TEMPFAIL);
    }
    daemon->online = false;
    daemon->broker_error[0] = '\0'; // of the connection that was
    outbox_set_mqtt(daemon->outbox, daemon->mqtt);
}

static void apply_config(struct daemon *daemon, struct config *fresh)
{
    struct config *old = daemon->config;
    struct http_settings settings = daemon_http_settings(fresh);
    unsigned touches = tell_difference(old, fresh);
    bool connect = password_changed(daemon, fresh) || (touches & CONFIG_TOUCH_BROKER);
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
    daemon_read_token(daemon);
    if (connect) {
        connect_anew(daemon, moved);
    }
    daemon_start_serving(daemon); // the token may have changed as well as the address; readers of events come back
    dispatch_arrived(daemon->dispatch, NULL);
    follow_resume(daemon->follow);
    if (touches & CONFIG_TOUCH_DISCOVERY) {
        announce_jobs(&daemon->flow, false);
    }
    config_free(old);
}

void daemon_reload(struct daemon *daemon)
{
    struct config *fresh = NULL;
    char reason[HEALTH_REASON_BYTES];
    service_reloading();
    if (read_config(daemon->config_path, &fresh, reason) == STATUS_OK) {
        apply_config(daemon, fresh);
        daemon->metrics.reloads++;
        health_set(&daemon->health, HEALTH_CONFIG, "");
        LOG_INFO("configuration reloaded", LOG_TEXT("file", daemon->config_path));
    } else {
        daemon->metrics.reloads_failed++;
        health_set(&daemon->health, HEALTH_CONFIG, reason);
    }
    daemon_tell_manager(daemon, true);
}
