// SPDX-License-Identifier: Apache-2.0
// See mqtt.h: the moves of the connection, and what the loop asks for. The talk with Paho is in mqtt_paho.c.
// Must never call Paho while the lock is held. Threads: the loop (mqtt_publish, mqtt_collect), the module's own
// (run_link and what it calls).
#include "base/cond.h"
#include "base/log.h"
#include "io/mqtt_fair.h"
#include "io/mqtt_hold.h"
#include "io/mqtt_internal.h"
#include "rules/backoff.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISCONNECT_WAIT_MS 1000
#define ONLINE_RESETS_MS   5000 // a connection that lasted so long ends the growth of the back-off

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static void ring(const struct mqtt *mqtt)
{
    mqtt->settings.ring(mqtt->settings.context);
}

// This module's thread.

static void drop_outgoing(struct mqtt *mqtt)
{
    while (mqtt->first) {
        struct outgoing *next = mqtt->first->next;
        free(mqtt->first);
        mqtt->first = next;
    }
    mqtt->last = mqtt->urgent_last = &mqtt->first;
}

// Under the lock. Everything handed over is the outbox's again.
static void forget_publications(struct mqtt *mqtt)
{
    mqtt_hold_lost();
    drop_outgoing(mqtt);
    mqtt->outstanding = 0;
    mqtt->unacknowledged = 0;
    mqtt->with_paho = 0;
    mqtt->published_count = 0;
    for (size_t i = 0; i < MQTT_WINDOW; i++) {
        mqtt->tickets[i].id = 0;
    }
    mqtt_fair_waiting(0);
}

// Under the lock. There is always a free one: there are as many as publications that may be outstanding.
static struct ticket *take_ticket(struct mqtt *mqtt, int64_t id)
{
    for (size_t i = 0; i < MQTT_WINDOW; i++) {
        struct ticket *ticket = &mqtt->tickets[mqtt->next_ticket++ % MQTT_WINDOW];
        if (ticket->id == 0) {
            *ticket = (struct ticket){mqtt, id};
            return ticket;
        }
    }
    abort();
}

static bool may_send(const struct mqtt *mqtt)
{
    return mqtt->first && mqtt->with_paho < mqtt->window &&
           (mqtt->phase == PHASE_ONLINE || mqtt->phase == PHASE_ENDING) && !(mqtt->happened & HAPPENED_LOST);
}

void mqtt_send_waiting(struct mqtt *mqtt)
{
    bool first = !mqtt->sending; // whoever sends goes on until there is nothing left; two would mix up the order
    while (first && may_send(mqtt)) {
        mqtt->sending = true;
        struct outgoing *outgoing = mqtt->first;
        mqtt->urgent_last = mqtt->urgent_last == &outgoing->next ? &mqtt->first : mqtt->urgent_last;
        mqtt->first = outgoing->next;
        if (!mqtt->first) {
            mqtt->last = &mqtt->first;
        }
        struct ticket *ticket = take_ticket(mqtt, outgoing->id);
        mqtt->with_paho++;
        pthread_mutex_unlock(&mqtt->lock);
        int rc = mqtt_paho_send(mqtt, outgoing, ticket);
        free(outgoing);
        pthread_mutex_lock(&mqtt->lock);
        if (rc != MQTTASYNC_SUCCESS) {
            // The connection is made again, and with it everything is sent again in its order.
            mqtt->happened |= HAPPENED_LOST;
            snprintf(mqtt->reason, sizeof mqtt->reason, "publishing failed (%d)", rc);
            pthread_cond_signal(&mqtt->wake);
        }
    }
    mqtt->sending = first ? false : mqtt->sending;
}

// Under the lock.
static void go_waiting(struct mqtt *mqtt)
{
    int64_t now_ms = clock_now_ms(mqtt->settings.clock);
    if (mqtt->phase == PHASE_ONLINE && now_ms - mqtt->online_at_ms >= ONLINE_RESETS_MS) {
        mqtt->failures = 0;
    }
    mqtt->failures++;
    int64_t wait_ms = backoff_ms(mqtt->settings.reconnect_min_ms, mqtt->settings.reconnect_max_ms, mqtt->failures,
                                 random_next(&mqtt->random));
    LOG_WARNING("broker not connected", LOG_TEXT("uri", mqtt->settings.uri), LOG_TEXT("reason", mqtt->reason),
                LOG_INT("retry_ms", wait_ms));
    mqtt->phase = PHASE_WAITING;
    mqtt->next_try_ms = now_ms + wait_ms;
    mqtt->tell_offline = true;
    mqtt->tell_online = false;
    copy_text(mqtt->tell_reason, sizeof mqtt->tell_reason, mqtt->reason);
    forget_publications(mqtt);
}

// Under the lock, which is let go while Paho is called.
static void begin_connect(struct mqtt *mqtt)
{
    mqtt->phase = PHASE_CONNECTING;
    pthread_mutex_unlock(&mqtt->lock);
    bool made = mqtt_paho_create(mqtt);
    pthread_mutex_lock(&mqtt->lock);
    mqtt->happened = 0; // what the client before this one may still have said
    pthread_mutex_unlock(&mqtt->lock);
    int rc = made ? mqtt_paho_connect(mqtt) : MQTTASYNC_FAILURE;
    pthread_mutex_lock(&mqtt->lock);
    if (rc != MQTTASYNC_SUCCESS) {
        mqtt->happened |= HAPPENED_LOST;
        snprintf(mqtt->reason, sizeof mqtt->reason, "connect refused by the library (%d)", rc);
    }
}

// Under the lock, which is let go while Paho is called.
static void begin_subscribe(struct mqtt *mqtt)
{
    mqtt->phase = PHASE_SUBSCRIBING;
    bool stale = mqtt->session_present && mqtt->settings.stale_count > 0;
    pthread_mutex_unlock(&mqtt->lock);
    int rc = stale ? mqtt_paho_unsubscribe(mqtt) : MQTTASYNC_SUCCESS;
    rc = rc == MQTTASYNC_SUCCESS ? mqtt_paho_subscribe(mqtt) : rc;
    pthread_mutex_lock(&mqtt->lock);
    if (rc != MQTTASYNC_SUCCESS) {
        mqtt->happened |= HAPPENED_LOST;
        snprintf(mqtt->reason, sizeof mqtt->reason, "subscribing failed (%d)", rc);
    }
}

// Under the lock.
static void go_online(struct mqtt *mqtt)
{
    mqtt->phase = PHASE_ONLINE;
    mqtt->online_at_ms = clock_now_ms(mqtt->settings.clock);
    mqtt->tell_online = true;
    LOG_INFO("broker connected", LOG_TEXT("uri", mqtt->settings.uri),
             LOG_TEXT("protocol", mqtt->version_5 ? "5" : "3.1.1"),
             LOG_TEXT("session", mqtt->session_present ? "present" : "new"));
    if (mqtt->refused[0]) {
        LOG_ERROR("broker refused a subscription", LOG_TEXT("filter", mqtt->refused));
    }
}

// Under the lock. Paho forgets a publication for which it has no memory, and the broker's answer to it never comes; nor
// does one always come after a write that the network took in parts. The connection looks well and would stay as it is.
static void watch_acknowledgements(struct mqtt *mqtt)
{
    int64_t now_ms = clock_now_ms(mqtt->settings.clock);
    if (mqtt->unacknowledged == 0 || mqtt->phase != PHASE_ONLINE) {
        mqtt->progress_ms = now_ms;
    } else if (now_ms - mqtt->progress_ms >= mqtt->settings.keepalive_s * 1000 && !(mqtt->happened & HAPPENED_LOST)) {
        mqtt->happened |= HAPPENED_LOST;
        copy_text(mqtt->reason, sizeof mqtt->reason, "no acknowledgement within keepalive_s");
    }
}

// Under the lock. One move of the connection's state; false: nothing to do now.
static bool move_on(struct mqtt *mqtt)
{
    unsigned happened = mqtt->happened;
    mqtt->happened = 0;
    if (mqtt->phase == PHASE_WAITING) {
        if (clock_now_ms(mqtt->settings.clock) < mqtt->next_try_ms) {
            return false;
        }
        begin_connect(mqtt);
    } else if (happened & HAPPENED_LOST) {
        go_waiting(mqtt);
    } else if (happened & HAPPENED_CONNECTED) {
        begin_subscribe(mqtt);
    } else if (happened & HAPPENED_SUBSCRIBED) {
        go_online(mqtt);
    } else {
        return false;
    }
    return true;
}

static void wait_for(struct mqtt *mqtt, int64_t ms)
{
    cond_wait_ms(&mqtt->wake, &mqtt->lock, ms);
}

// Under the lock, which is let go while Paho is called.
static void end_link(struct mqtt *mqtt)
{
    const struct clock *clock = mqtt->settings.clock;
    bool was_online = mqtt->phase == PHASE_ONLINE;
    mqtt->phase = PHASE_ENDING;
    while (was_online && (mqtt->unacknowledged > 0 || mqtt_hold_count() > 0) && !(mqtt->happened & HAPPENED_LOST) &&
           clock_now_ms(clock) < mqtt->stop_by_ms) {
        mqtt_send_waiting(mqtt);
        mqtt_hold_flush();
        wait_for(mqtt, mqtt->unacknowledged > 0 ? 100 : 5);
    }
    mqtt_hold_lost();
    pthread_mutex_unlock(&mqtt->lock);
    int rc = mqtt_paho_disconnect(mqtt);
    pthread_mutex_lock(&mqtt->lock);
    int64_t until_ms = clock_now_ms(clock) + DISCONNECT_WAIT_MS;
    while (rc == MQTTASYNC_SUCCESS && !(mqtt->happened & (HAPPENED_DISCONNECTED | HAPPENED_LOST)) &&
           clock_now_ms(clock) < until_ms) {
        wait_for(mqtt, until_ms - clock_now_ms(clock));
    }
    pthread_mutex_unlock(&mqtt->lock);
    mqtt_paho_destroy(mqtt);
    pthread_mutex_lock(&mqtt->lock);
}

static void *run_link(void *context)
{
    struct mqtt *mqtt = context;
    pthread_mutex_lock(&mqtt->lock);
    while (!mqtt->stopping) {
        mqtt_send_waiting(mqtt);
        watch_acknowledgements(mqtt);
        bool moved = move_on(mqtt);
        if (mqtt->tell_online || mqtt->tell_offline) {
            ring(mqtt);
        }
        if (!moved && !mqtt->stopping && !mqtt->happened && !(may_send(mqtt) && !mqtt->sending)) {
            int64_t now_ms = clock_now_ms(mqtt->settings.clock);
            wait_for(mqtt,
                     mqtt->phase == PHASE_WAITING && mqtt->next_try_ms > now_ms ? mqtt->next_try_ms - now_ms : 1000);
        }
    }
    end_link(mqtt);
    mqtt->phase = PHASE_ENDED;
    pthread_cond_broadcast(&mqtt->wake);
    pthread_mutex_unlock(&mqtt->lock);
    return NULL;
}

// The loop.

static void free_filters(char **filters, size_t count)
{
    for (size_t i = 0; filters && i < count; i++) {
        free(filters[i]);
    }
    free(filters);
}

// NULL when out of memory.
static char **copy_filters(const char *const *filters, size_t count)
{
    char **copies = calloc(count + 1, sizeof *copies);
    for (size_t i = 0; copies && i < count; i++) {
        copies[i] = strdup(filters[i]);
        if (!copies[i]) {
            free_filters(copies, count);
            return NULL;
        }
    }
    return copies;
}

static void free_mqtt(struct mqtt *mqtt)
{
    drop_outgoing(mqtt);
    for (size_t i = 0; i < sizeof mqtt->texts / sizeof mqtt->texts[0]; i++) {
        free(mqtt->texts[i]);
    }
    if (mqtt->password) {
        explicit_bzero(mqtt->password, mqtt->settings.password.len);
        free(mqtt->password);
    }
    free_filters(mqtt->filters, mqtt->settings.filter_count);
    free_filters(mqtt->stale, mqtt->settings.stale_count);
    pthread_cond_destroy(&mqtt->wake);
    pthread_mutex_destroy(&mqtt->lock);
    free(mqtt);
}

static bool copy_settings(struct mqtt *mqtt, const struct mqtt_settings *settings)
{
    struct mqtt_settings *own = &mqtt->settings;
    *own = *settings;
    const char **texts[] = {&own->uri,       &own->client_id, &own->username,  &own->ca_file,
                            &own->cert_file, &own->key_file,  &own->will_topic};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        mqtt->texts[i] = strdup(*texts[i]);
        *texts[i] = mqtt->texts[i];
        if (!mqtt->texts[i]) {
            return false;
        }
    }
    mqtt->password = span_dup(settings->password);
    own->password.at = mqtt->password;
    mqtt->filters = copy_filters(settings->filters, settings->filter_count);
    mqtt->stale = copy_filters(settings->stale, settings->stale_count);
    return mqtt->password && mqtt->filters && mqtt->stale;
}

enum status mqtt_start(const struct mqtt_settings *settings, struct mqtt **out)
{
    *out = NULL;
    struct mqtt *mqtt = calloc(1, sizeof *mqtt);
    if (!mqtt) {
        return STATUS_NO_MEMORY;
    }
    mqtt->last = mqtt->urgent_last = &mqtt->first;
    pthread_mutex_init(&mqtt->lock, NULL);
    cond_init(&mqtt->wake);
    random_seed_system(&mqtt->random);
    if (!copy_settings(mqtt, settings) || pthread_create(&mqtt->thread, NULL, run_link, mqtt) != 0) {
        free_mqtt(mqtt);
        return STATUS_NO_MEMORY;
    }
    *out = mqtt;
    return STATUS_OK;
}

static struct outgoing *copy_publication(const struct mqtt_publication *publication)
{
    size_t topic_len = publication->topic.len;
    size_t payload_len = publication->payload.len;
    size_t correlation_len = publication->correlation.len;
    struct outgoing *outgoing = malloc(sizeof *outgoing + topic_len + 1 + payload_len + correlation_len);
    if (!outgoing) {
        return NULL;
    }
    char *at = (char *)(outgoing + 1);
    char *payload = at + topic_len + 1;
    char *correlation = payload + payload_len;
    memcpy(at, publication->topic.at, topic_len);
    at[topic_len] = '\0';
    if (payload_len > 0) {
        memcpy(payload, publication->payload.at, payload_len);
    }
    if (correlation_len > 0) {
        memcpy(correlation, publication->correlation.at, correlation_len);
    }
    *outgoing = (struct outgoing){.id = publication->id,
                                  .topic = at,
                                  .payload = {payload, payload_len},
                                  .correlation = {correlation, correlation_len},
                                  .retain = publication->retain,
                                  .json = publication->json};
    return outgoing;
}

static void enqueue(struct mqtt *mqtt, struct outgoing *outgoing, bool urgent)
{
    struct outgoing **at = urgent ? mqtt->urgent_last : mqtt->last;
    outgoing->next = *at;
    *at = outgoing;
    mqtt->last = outgoing->next ? mqtt->last : &outgoing->next;
    mqtt->urgent_last = urgent ? &outgoing->next : mqtt->urgent_last;
}

enum status mqtt_publish(struct mqtt *mqtt, const struct mqtt_publication *publication)
{
    struct outgoing *outgoing = copy_publication(publication);
    if (!outgoing) {
        return STATUS_NO_MEMORY;
    }
    enum status rc = STATUS_OK;
    pthread_mutex_lock(&mqtt->lock);
    if (mqtt->phase != PHASE_ONLINE || mqtt->tell_online || mqtt->tell_offline) {
        rc = STATUS_CLOSED; // also while the loop does not know yet that the connection is another one
    } else if (mqtt->outstanding >= MQTT_WINDOW) {
        rc = STATUS_FULL;
    } else {
        enqueue(mqtt, outgoing, publication->urgent);
        mqtt->outstanding++;
        if (mqtt->unacknowledged++ == 0) {
            mqtt->progress_ms = clock_now_ms(mqtt->settings.clock);
        }
        mqtt_fair_waiting((long)mqtt->unacknowledged);
        pthread_cond_signal(&mqtt->wake);
    }
    pthread_mutex_unlock(&mqtt->lock);
    if (rc != STATUS_OK) {
        free(outgoing);
    }
    return rc;
}

bool mqtt_granted(struct mqtt *mqtt, size_t filter)
{
    pthread_mutex_lock(&mqtt->lock);
    bool granted = filter < MQTT_FILTERS_MAX && mqtt->granted[filter];
    pthread_mutex_unlock(&mqtt->lock);
    return granted;
}

size_t mqtt_room(struct mqtt *mqtt)
{
    pthread_mutex_lock(&mqtt->lock);
    bool open = mqtt->phase == PHASE_ONLINE && !mqtt->tell_online && !mqtt->tell_offline;
    size_t room = open && mqtt->outstanding < MQTT_WINDOW ? MQTT_WINDOW - mqtt->outstanding : 0;
    pthread_mutex_unlock(&mqtt->lock);
    return room;
}

void mqtt_renew(struct mqtt *mqtt)
{
    pthread_mutex_lock(&mqtt->lock);
    mqtt->failures = 0;
    mqtt->next_try_ms = 0;
    if (mqtt->phase != PHASE_WAITING) {
        mqtt->happened |= HAPPENED_LOST;
        copy_text(mqtt->reason, sizeof mqtt->reason, "made anew");
    }
    pthread_cond_signal(&mqtt->wake);
    pthread_mutex_unlock(&mqtt->lock);
}

void mqtt_hang_up(void)
{
    mqtt_fair_hang_up();
}

void mqtt_collect(struct mqtt *mqtt, const struct mqtt_events *events)
{
    struct published published[MQTT_WINDOW];
    char reason[MQTT_REASON_BYTES];
    char refused[MQTT_REASON_BYTES];
    pthread_mutex_lock(&mqtt->lock);
    size_t count = mqtt->published_count;
    memcpy(published, mqtt->published, count * sizeof published[0]);
    mqtt->published_count = 0;
    mqtt->outstanding -= count < mqtt->outstanding ? count : mqtt->outstanding;
    bool online = mqtt->tell_online;
    bool offline = mqtt->tell_offline;
    bool session_present = mqtt->session_present;
    mqtt->tell_online = false;
    mqtt->tell_offline = false;
    copy_text(reason, sizeof reason, mqtt->tell_reason);
    copy_text(refused, sizeof refused, mqtt->refused);
    pthread_mutex_unlock(&mqtt->lock);
    if (offline) {
        events->on_offline(events->context, reason);
    }
    for (size_t i = 0; i < count; i++) {
        events->on_published(events->context, published[i].id, published[i].reason);
    }
    if (online) {
        events->on_online(events->context, session_present, refused);
    }
}

enum status mqtt_stop(struct mqtt *mqtt, int64_t timeout_ms)
{
    const struct clock *clock = mqtt->settings.clock;
    pthread_mutex_lock(&mqtt->lock);
    mqtt->stopping = true;
    mqtt->stop_by_ms = clock_now_ms(clock) + timeout_ms;
    // Paho's own threads need up to a second and a bit to see that they are to end.
    int64_t give_up_ms = mqtt->stop_by_ms + DISCONNECT_WAIT_MS + 3000;
    pthread_cond_signal(&mqtt->wake);
    while (mqtt->phase != PHASE_ENDED && clock_now_ms(clock) < give_up_ms) {
        pthread_cond_signal(&mqtt->wake);
        wait_for(mqtt, 100);
    }
    bool ended = mqtt->phase == PHASE_ENDED;
    pthread_mutex_unlock(&mqtt->lock);
    if (!ended) {
        return STATUS_TIMEOUT;
    }
    pthread_join(mqtt->thread, NULL);
    free_mqtt(mqtt);
    return STATUS_OK;
}
