// SPDX-License-Identifier: Apache-2.0
// What the files of the daemon share. The main thread, unless a function says otherwise.
#ifndef DAEMON_DAEMON_INTERNAL_H
#define DAEMON_DAEMON_INTERNAL_H

#include "daemon/daemon.h"
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
#include <stdatomic.h>

#define DAEMON_STATUS_MESSAGE  (-1) // the bridge's own status among the publications
#define DAEMON_TOKEN_REREAD_MS 1000 // the token file is read at most so often after a 401

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
    unsigned health_told; // to the service manager: health.changes then
    struct desk desk;
    struct control *control;
    struct metrics metrics;
    struct served served;
    int64_t started_ms;
    char broker_error[MQTT_REASON_BYTES];
    bool was_held, was_open; // the API, for the count of each
    int64_t failures_seen;
    int signal_fd;
    atomic_bool rung; // the bell was rung and not yet heard
    bool online;
    bool stopping;
    char *will_topic;
    char *birth_topic;           // of Home Assistant, NULL: none; only changes while there is no connection
    atomic_bool birth;           // it has started
    atomic_bool will_of_failure; // the will tells of a journal that cannot be written
    int64_t prune_at_ms;
    int64_t prune_after_id;
    bool pruning;
    int64_t token_read_ms;
    uint64_t token_digest;
    uint64_t password_digest; // of what the connection was made with
};

// daemon.c
void daemon_ring(void *context); // any thread: the loop has something to do
void daemon_set_now(struct daemon *daemon);

// daemon_build.c
enum status daemon_build(struct daemon *daemon);
void daemon_resume(struct daemon *daemon); // what the process before this one left
void daemon_tear_down(struct daemon *daemon);
struct http_settings daemon_http_settings(const struct config *config);
bool daemon_read_token(struct daemon *daemon);
void daemon_start_serving(struct daemon *daemon); // the web side, as the configuration says

// daemon_broker.c
enum status daemon_start_mqtt(struct daemon *daemon);
void daemon_collect_mqtt(struct daemon *daemon); // what has come from the connection
void daemon_say_offline(struct daemon *daemon, const char *reason);
// What `systemctl status` shows: how it stands with the broker, and what else is wrong. ready: also the end of a start
// or of a reload.
void daemon_tell_manager(struct daemon *daemon, bool ready);

// daemon_reload.c
void daemon_reload(struct daemon *daemon);

#endif
