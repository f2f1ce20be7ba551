// SPDX-License-Identifier: Apache-2.0
// See cli_link.h. Threads: the main one; take_message runs on the library's receive thread, ring on any.
#include "cli/cli_link.h"
#include "base/memory.h"
#include "base/random.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 200

void cli_link_id(const char *base, const char *purpose, char id[CLI_LINK_ID_BYTES])
{
    struct random random;
    random_seed_system(&random);
    int room = CLI_LINK_ID_BYTES - 1 - (int)strlen(purpose) - 10;
    (void)snprintf(id, CLI_LINK_ID_BYTES, "%.*s-%s-%08x", room, base, purpose, (unsigned)random_next(&random));
}

static void ring(void *context)
{
    const struct cli_link *link = context;
    uint64_t one = 1;
    ssize_t written = write(link->ring_fd, &one, sizeof one); // it is full only when it is ringing
    (void)written;
}

static void take_message(void *context, const struct mqtt_message *arrived, struct mqtt_delivery *delivery)
{
    struct cli_link *link = context;
    (void)delivery;
    size_t topic_len = arrived->topic.len;
    pthread_mutex_lock(&link->lock);
    if (link->count < CLI_LINK_MESSAGES_MAX) {
        struct cli_message *message = memory_must(malloc(sizeof *message + topic_len + arrived->payload.len));
        char *at = (char *)(message + 1);
        *message = (struct cli_message){.topic = {at, topic_len}, .payload = {at + topic_len, arrived->payload.len}};
        memcpy(at, arrived->topic.at, topic_len);
        if (arrived->payload.len > 0) {
            memcpy(at + topic_len, arrived->payload.at, arrived->payload.len);
        }
        *link->last = message;
        link->last = &message->next;
        link->count++;
    }
    pthread_mutex_unlock(&link->lock);
    ring(link);
}

static void on_online(void *context, bool session_present, const char *refused)
{
    struct cli_link *link = context;
    (void)session_present;
    (void)refused; // mqtt_granted tells it for each
    link->online = true;
}

// "auto" may need a second attempt, with the older version of the protocol.
static void on_offline(void *context, const char *reason)
{
    struct cli_link *link = context;
    (void)snprintf(link->reason, sizeof link->reason, "%s", reason);
    link->failed = link->online || --link->attempts_left <= 0;
    link->online = false;
}

static void on_published(void *context, int64_t id, const char *reason)
{
    struct cli_link *link = context;
    (void)id;
    link->published = true;
    (void)snprintf(link->refusal, sizeof link->refusal, "%s", reason);
}

enum status cli_link_open(struct cli_link *link, const struct config *config, const char *client_id,
                          const char *const *filters, size_t count, const char **why)
{
    static const enum mqtt_version versions[] = {[CONFIG_PROTOCOL_AUTO] = MQTT_VERSION_AUTO,
                                                 [CONFIG_PROTOCOL_5] = MQTT_VERSION_5,
                                                 [CONFIG_PROTOCOL_311] = MQTT_VERSION_311};
    const struct config_broker *broker = &config->broker;
    struct bytes password;
    *link = (struct cli_link){.clock = clock_real(), .attempts_left = broker->protocol == CONFIG_PROTOCOL_AUTO ? 2 : 1};
    link->last = &link->first;
    link->ring_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&link->lock, NULL);
    bytes_init(&password, CONFIG_SECRET_MAX_BYTES);
    *why = "";
    if (broker->password_file[0] && config_secret(broker->password_file, "", &password, why) != STATUS_OK) {
        bytes_free(&password);
        return STATUS_IO;
    }
    struct mqtt_settings settings = {
        .uri = broker->uri,
        .client_id = client_id,
        .username = broker->username,
        .password = bytes_span(&password),
        .version = versions[broker->protocol],
        .keepalive_s = broker->keepalive_s,
        .receive_max = 100,
        .clean_start = true,
        .reconnect_min_ms = RETRY_MIN_MS,
        .reconnect_max_ms = RETRY_MAX_MS,
        .ca_file = broker->tls_ca_file,
        .cert_file = broker->tls_cert_file,
        .key_file = broker->tls_key_file,
        .verify = broker->tls_verify,
        .filters = filters,
        .filter_count = count,
        .will_topic = "",
        .clock = &link->clock,
        .on_message = take_message,
        .ring = ring,
        .context = link,
    };
    enum status rc = mqtt_start(&settings, &link->mqtt);
    if (password.data) {
        explicit_bzero(password.data, password.len);
    }
    bytes_free(&password);
    memory_check(rc == STATUS_OK && link->ring_fd >= 0);
    return STATUS_OK;
}

void cli_link_close(struct cli_link *link)
{
    if (link->mqtt && mqtt_stop(link->mqtt, CLI_LINK_STOP_MS) != STATUS_OK) {
        return; // the library still uses it, and the process ends
    }
    struct cli_message *message = NULL;
    while ((message = cli_link_take(link))) {
        free(message);
    }
    pthread_mutex_destroy(&link->lock);
    if (link->ring_fd >= 0) {
        close(link->ring_fd);
    }
}

bool cli_link_wait(struct cli_link *link, int64_t until_ms)
{
    struct mqtt_events events = {on_online, on_offline, on_published, link};
    struct pollfd fd = {.fd = link->ring_fd, .events = POLLIN};
    uint64_t count = 0;
    int64_t left_ms = until_ms - clock_now_ms(&link->clock);
    int ready = poll(&fd, 1, left_ms > 0 ? (int)(left_ms < 3600000 ? left_ms : 3600000) : 0);
    if (ready > 0 && read(link->ring_fd, &count, sizeof count) != sizeof count) {
        return true; // somebody was faster: nothing is lost by looking
    }
    mqtt_collect(link->mqtt, &events);
    return clock_now_ms(&link->clock) < until_ms;
}

bool cli_link_connect(struct cli_link *link, int64_t until_ms)
{
    while (!link->online && !link->failed) {
        if (!cli_link_wait(link, until_ms) && !link->online) {
            if (link->reason[0] == '\0') {
                (void)snprintf(link->reason, sizeof link->reason, "the broker did not answer in time");
            }
            return false;
        }
    }
    return link->online;
}

struct cli_message *cli_link_take(struct cli_link *link)
{
    pthread_mutex_lock(&link->lock);
    struct cli_message *message = link->first;
    if (message) {
        link->first = message->next;
        link->last = link->first ? link->last : &link->first;
        link->count--;
    }
    pthread_mutex_unlock(&link->lock);
    return message;
}
