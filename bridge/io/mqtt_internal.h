// SPDX-License-Identifier: Apache-2.0
// What the two files of the broker's connection share: mqtt.c, which moves the connection and serves the loop, and
// mqtt_paho.c, which talks to the library. Nobody else includes this, and nobody else includes Paho.
#ifndef IO_MQTT_INTERNAL_H
#define IO_MQTT_INTERNAL_H

#include "base/random.h"
#include "io/mqtt.h"
#include <MQTTAsync.h>
#include <pthread.h>

enum phase {
    PHASE_WAITING,
    PHASE_CONNECTING,
    PHASE_CONNECTED,
    PHASE_SUBSCRIBING,
    PHASE_ONLINE,
    PHASE_ENDING,
    PHASE_ENDED
};

enum happening { HAPPENED_CONNECTED = 1, HAPPENED_SUBSCRIBED = 2, HAPPENED_LOST = 4, HAPPENED_DISCONNECTED = 8 };

struct mqtt_delivery {
    uint64_t hold; // its number among the acknowledgements that are kept back
    size_t bytes;
    char texts[];
};

struct outgoing {
    struct outgoing *next;
    int64_t id;
    char *topic;
    struct span payload;
    struct span correlation;
    bool retain;
    bool json;
};

// A publication's context: Paho has one pointer, we need two things. They lie in the client's structure, because Paho
// forgets them without a word when a client is destroyed.
struct ticket {
    struct mqtt *mqtt;
    int64_t id; // 0: free
};

struct published {
    int64_t id;
    const char *reason; // static
};

struct mqtt {
    struct mqtt_settings settings; // texts owned through `texts`
    char *texts[8];
    char *password;
    char **filters;
    char **stale;
    struct random random;
    MQTTAsync client; // this module's thread
    bool version_5;   // of the client
    bool refused_5;   // the broker does not speak 5: "auto" stays with 3.1.1
    uint32_t failures;
    int64_t online_at_ms;
    int64_t epoch; // the library's receive thread

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    // All below is under the lock.
    enum phase phase;
    unsigned happened; // bits of enum happening, set by Paho's callbacks
    size_t window;     // publications that may be with Paho and the broker at once
    int64_t stop_by_ms;
    int64_t next_try_ms;
    char reason[MQTT_REASON_BYTES]; // of the last failure
    char refused[MQTT_REASON_BYTES];
    bool granted[MQTT_FILTERS_MAX];
    struct outgoing *first; // handed over, not yet with Paho
    struct outgoing **last;
    struct outgoing **urgent_last; // behind the urgent ones, which are the first
    size_t outstanding;            // handed over and not yet collected as published
    size_t unacknowledged;
    int64_t progress_ms; // when the broker acknowledged last, or when there was nothing for it to acknowledge
    size_t with_paho;    // of these, no longer in the list
    struct ticket tickets[MQTT_WINDOW];
    size_t next_ticket;
    struct published published[MQTT_WINDOW];
    size_t published_count;
    bool sending; // a thread is in mqtt_send_waiting
    bool session_present;
    bool stopping;
    bool tell_online, tell_offline; // for mqtt_collect
    char tell_reason[MQTT_REASON_BYTES];
};

#define MQTT_RING_AT 32 // published ones that are worth waking the loop for while more are outstanding

// mqtt.c. Under the lock, which is let go while Paho is called: hands over what waits, as far as the window allows.
// This module's thread, and Paho's receive thread in a callback, which has Paho's lock already and need not wait for
// it.
void mqtt_send_waiting(struct mqtt *mqtt);

// mqtt_paho.c. This module's thread, without the lock; results are MQTTASYNC_SUCCESS or another code of the library.
bool mqtt_paho_create(struct mqtt *mqtt); // in place of the client before
int mqtt_paho_connect(struct mqtt *mqtt);
int mqtt_paho_unsubscribe(struct mqtt *mqtt); // of the stale filters; nobody waits for its answer
int mqtt_paho_subscribe(struct mqtt *mqtt);
int mqtt_paho_send(struct mqtt *mqtt, const struct outgoing *outgoing, struct ticket *ticket);
int mqtt_paho_disconnect(struct mqtt *mqtt); // HAPPENED_DISCONNECTED follows
void mqtt_paho_destroy(struct mqtt *mqtt);

#endif
