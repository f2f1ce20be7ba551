// SPDX-License-Identifier: Apache-2.0
// The broker, through Paho's asynchronous client: one connection that is made again for ever with jittered back-off,
// subscriptions with QoS 1, and a bounded window of QoS 1 publications.
//
// Threads: on_message runs on Paho's receive thread. It gets a delivery where acknowledgements can be kept back (see
// mqtt_hold.h) and may then return at once; else it may take as long as the disk does: the PUBACK goes out when it
// returns. Everything that could wait for Paho's lock is done by a thread of this module, so the loop never does.
// What happened is collected by the loop with mqtt_collect.
//
// At a lost connection Paho's client is thrown away with all that it had in flight, and every publication that was not
// acknowledged is reported as failed: the outbox is in the journal, and sends it again.
#ifndef IO_MQTT_H
#define IO_MQTT_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/status.h"

#define MQTT_WINDOW            1000 // publications handed over and not yet acknowledged
#define MQTT_WITH_PAHO_MAX     64   // of these, those that nothing can overtake any more
#define MQTT_CONNECT_TIMEOUT_S 10
#define MQTT_FILTERS_MAX       260
#define MQTT_REASON_BYTES      128
#define MQTT_PACKET_MAX_BYTES  2097152 // longer ones a broker (MQTT 5) does not send us

struct mqtt;
struct mqtt_delivery; // a message whose acknowledgement waits for mqtt_settled

enum mqtt_version { MQTT_VERSION_AUTO, MQTT_VERSION_5, MQTT_VERSION_311 };

// A message that came in; everything is borrowed until on_message returns or, with a delivery, until mqtt_settled.
struct mqtt_message {
    struct span topic;
    struct span payload;
    bool retained;
    bool duplicate;
    int packet_id;
    int64_t epoch; // of the connection that it came on
    struct span response_topic;
    struct span correlation;
    int64_t expiry_s; // -1: none
};

struct mqtt_settings {
    const char *uri;
    const char *client_id;
    const char *username;
    struct span password; // wiped copy inside
    enum mqtt_version version;
    int64_t keepalive_s;
    int64_t receive_max; // MQTT 5: messages that the broker may send ahead of our acknowledgement
    bool clean_start;
    bool deliveries; // on_message takes them; else it always gets NULL
    int64_t session_expiry_s;
    int64_t reconnect_min_ms;
    int64_t reconnect_max_ms;
    const char *ca_file, *cert_file, *key_file; // "": none
    bool verify;
    const char *const *filters;
    size_t filter_count;
    // Filters that the broker's session may still have and that are to be given up before the others are subscribed.
    const char *const *stale;
    size_t stale_count;     // at most MQTT_FILTERS_MAX
    const char *will_topic; // "": no will, and make_will is not called
    bool will_retain;
    const struct clock *clock;
    void (*make_will)(void *context, struct bytes *payload); // this module's thread, at every connect
    // The library's receive thread, at every CONNACK and before the messages behind it; may wait for the disk.
    int64_t (*next_epoch)(void *context, bool new_session); // NULL: nobody asks for epochs
    // delivery NULL: what becomes of the message must be in the journal when this returns.
    void (*on_message)(void *context, const struct mqtt_message *message, struct mqtt_delivery *delivery);
    void (*ring)(void *context); // any thread: there is something for mqtt_collect
    void *context;
};

struct mqtt_publication {
    int64_t id; // not 0; comes back in on_published
    struct span topic;
    struct span payload;
    struct span correlation;
    bool retain;
    bool json;   // payload format and content type are told (MQTT 5)
    bool urgent; // goes before what is not urgent and still waits
};

struct mqtt_events {
    // refused: a filter whose subscription the broker refused, "" when it granted all.
    void (*on_online)(void *context, bool session_present, const char *refused);
    void (*on_offline)(void *context, const char *reason);
    // id was acknowledged, or refused for good (reason: the broker's, "" when acknowledged).
    void (*on_published)(void *context, int64_t id, const char *reason);
    void *context;
};

// Copies the settings, starts the thread, begins to connect.
enum status mqtt_start(const struct mqtt_settings *settings, struct mqtt **out);
// STATUS_FULL: the window is full; STATUS_CLOSED: not online. Copies. The loop.
enum status mqtt_publish(struct mqtt *mqtt, const struct mqtt_publication *publication);
// Whether the broker granted the filter at that place, at the connection told last; false before. The loop.
bool mqtt_granted(struct mqtt *mqtt, size_t filter);
size_t mqtt_room(struct mqtt *mqtt); // publications that the window still takes, 0 when not online
// Calls back for what happened since the last time. on_offline means that all that was handed over and not reported is
// not acknowledged. The loop.
void mqtt_collect(struct mqtt *mqtt, const struct mqtt_events *events);
// What became of the message is in the journal: it may be acknowledged. Frees delivery and message. Any thread.
void mqtt_settled(struct mqtt_delivery *delivery);
// Nothing was committed, and nothing will be: ends the connection and frees; the broker sends it again. Any thread.
void mqtt_abandoned(struct mqtt_delivery *delivery);
// Sends the acknowledgements of what was settled; once for several. Any thread.
void mqtt_acknowledge(void);
// Makes the connection anew, at once: for a will that is not true any more, or a cause of failure that is over.
void mqtt_renew(struct mqtt *mqtt);
// Within on_message: the message must not be acknowledged. The library would do so whatever is returned to it, so the
// connection is ended first; the broker delivers the message again on the next one.
void mqtt_hang_up(void);
// Waits up to timeout_ms until all that was handed over is acknowledged, disconnects, frees. The loop.
// STATUS_TIMEOUT: the receive thread is still in on_message; nothing was freed, and the process should just end.
enum status mqtt_stop(struct mqtt *mqtt, int64_t timeout_ms);

#endif
