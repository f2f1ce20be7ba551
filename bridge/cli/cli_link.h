// SPDX-License-Identifier: Apache-2.0
// A short connection to the broker beside the bridge's own: another client id, a clean session that ends with it, no
// will, never in the bridge's shared group. Must never take the bridge's session over. The main thread, but for what
// io/mqtt calls.
#ifndef CLI_CLI_LINK_H
#define CLI_CLI_LINK_H

#include "io/config.h"
#include "io/mqtt.h"
#include <pthread.h>

#define CLI_LINK_ID_BYTES     24 // MQTT 3.1.1 lets a broker refuse more than 23 bytes
#define CLI_LINK_CONNECT_MS   15000
#define CLI_LINK_MESSAGES_MAX 1000 // that wait to be taken; more are left out
#define CLI_LINK_STOP_MS      1000

struct cli_message {
    struct cli_message *next;
    struct span topic;
    struct span payload;
};

struct cli_link {
    struct clock clock;
    struct mqtt *mqtt;
    int ring_fd;
    bool online;
    bool failed; // it cannot be connected, or the connection was lost
    int attempts_left;
    char reason[MQTT_REASON_BYTES];
    bool published;
    char refusal[MQTT_REASON_BYTES]; // of the publication
    pthread_mutex_t lock;
    struct cli_message *first; // under the lock
    struct cli_message **last;
    size_t count;
};

// "jobbridge" and "call" give "jobbridge-call-1a2b3c4d".
void cli_link_id(const char *base, const char *purpose, char id[CLI_LINK_ID_BYTES]);
// Begins to connect. filters: to subscribe to, at least one, copied. STATUS_IO with a phrase in *why (static): the
// password cannot be read.
enum status cli_link_open(struct cli_link *link, const struct config *config, const char *client_id,
                          const char *const *filters, size_t count, const char **why);
void cli_link_close(struct cli_link *link);
// Waits until something has happened or now_ms is until_ms; false: the time is over.
bool cli_link_wait(struct cli_link *link, int64_t until_ms);
// Waits until it is online; false: it is not, and link->reason says why.
bool cli_link_connect(struct cli_link *link, int64_t until_ms);
// The next message, or NULL; free() it.
struct cli_message *cli_link_take(struct cli_link *link);

#endif
