// SPDX-License-Identifier: Apache-2.0
// See mqtt.h. Two locks matter: Paho's, which it holds in every callback, and ours. A callback may take ours; so ours
// is never held while Paho is called. Threads: the loop (mqtt_publish, mqtt_collect), this module's own (run_link and
// what it calls), Paho's (the functions named take_…).
#include "io/mqtt.h"
#include "base/log.h"
#include "base/random.h"
#include "io/mqtt_fair.h"
#include "rules/backoff.h"
#include <MQTTAsync.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DISCONNECT_WAIT_MS 1000
#define ONLINE_RESETS_MS   5000 // a connection that lasted so long ends the growth of the back-off

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
    struct random random;
    MQTTAsync client; // this module's thread
    bool version_5;   // of the client
    bool refused_5;   // the broker does not speak 5: "auto" stays with 3.1.1
    uint32_t failures;
    int64_t online_at_ms;
    int64_t epoch;

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    // All below is under the lock.
    enum phase phase;
    unsigned happened; // bits of enum happening, set by Paho's callbacks
    bool session_present;
    size_t window; // publications that may be with Paho and the broker at once
    bool stopping;
    int64_t stop_by_ms;
    int64_t next_try_ms;
    char reason[MQTT_REASON_BYTES]; // of the last failure
    char refused[MQTT_REASON_BYTES];
    struct outgoing *first; // handed over, not yet with Paho
    struct outgoing **last;
    size_t outstanding; // handed over and not yet collected as published
    size_t unacknowledged;
    size_t with_paho; // of these, no longer in the list
    struct ticket tickets[MQTT_WINDOW];
    size_t next_ticket;
    struct published published[MQTT_WINDOW];
    size_t published_count;
    bool tell_online, tell_offline; // for mqtt_collect
    char tell_reason[MQTT_REASON_BYTES];
};

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static void ring(const struct mqtt *mqtt)
{
    mqtt->settings.ring(mqtt->settings.context);
}

static void happen(struct mqtt *mqtt, unsigned what, const char *reason)
{
    pthread_mutex_lock(&mqtt->lock);
    mqtt->happened |= what;
    if (reason) {
        copy_text(mqtt->reason, sizeof mqtt->reason, reason);
    }
    pthread_cond_signal(&mqtt->wake);
    pthread_mutex_unlock(&mqtt->lock);
}

// Paho's callbacks. They hold Paho's lock.

static void take_connected(struct mqtt *mqtt, int session_present, size_t window)
{
    mqtt->window = window;
    mqtt->session_present = session_present; // both are read only after HAPPENED_CONNECTED was seen under the lock
    happen(mqtt, HAPPENED_CONNECTED, NULL);
}

static void take_connected_5(void *context, MQTTAsync_successData5 *data)
{
    // More than the broker takes at once must not be handed to Paho: it then looks again only after a second, or when
    // something new is handed over (MQTTAsync_processCommand, "Blocking on server receive maximum").
    size_t window = MQTT_WINDOW;
    if (MQTTProperties_hasProperty(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM)) {
        int64_t most = MQTTProperties_getNumericValue(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
        window = most > 0 && most < MQTT_WINDOW ? (size_t)most : window;
    }
    take_connected(context, data->alt.connect.sessionPresent, window);
}

static void take_connected_311(void *context, MQTTAsync_successData *data)
{
    take_connected(context, data->alt.connect.sessionPresent, MQTT_WINDOW);
}

static void take_refused(struct mqtt *mqtt, int code, const char *message)
{
    char reason[MQTT_REASON_BYTES];
    bool network = message && (strstr(message, "TCP") || strstr(message, "TLS"));
    if (mqtt->version_5 && mqtt->settings.version == MQTT_VERSION_AUTO && !network) {
        mqtt->refused_5 = true; // read by this module's thread only after HAPPENED_LOST
    }
    snprintf(reason, sizeof reason, "%s (%d)", message ? message : "connection refused", code);
    happen(mqtt, HAPPENED_LOST, reason);
}

static void take_refused_5(void *context, MQTTAsync_failureData5 *data)
{
    const char *text = data->reasonCode > 0 ? MQTTReasonCode_toString(data->reasonCode) : NULL;
    take_refused(context, data->reasonCode > 0 ? (int)data->reasonCode : data->code, text ? text : data->message);
}

static void take_refused_311(void *context, MQTTAsync_failureData *data)
{
    static const char *const texts[] = {NULL,
                                        "protocol version refused",
                                        "client id refused",
                                        "server unavailable",
                                        "bad user name or password",
                                        "not authorized"};
    bool known = data->code > 0 && data->code < (int)(sizeof texts / sizeof texts[0]);
    take_refused(context, data->code, known ? texts[data->code] : data->message);
}

static void take_lost(void *context, char *cause)
{
    happen(context, HAPPENED_LOST, cause ? cause : "connection lost");
}

static void take_disconnected_by_broker(void *context, MQTTProperties *properties, enum MQTTReasonCodes code)
{
    (void)properties;
    const char *text = MQTTReasonCode_toString(code);
    happen(context, HAPPENED_LOST, text ? text : "disconnected by the broker");
}

static void take_disconnected_5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    happen(context, HAPPENED_DISCONNECTED, NULL);
}

static void take_disconnected_311(void *context, MQTTAsync_successData *data)
{
    (void)data;
    happen(context, HAPPENED_DISCONNECTED, NULL);
}

static void note_subscribed(struct mqtt *mqtt, const int *codes, int count, int single)
{
    pthread_mutex_lock(&mqtt->lock);
    mqtt->refused[0] = '\0';
    for (size_t i = 0; i < mqtt->settings.filter_count; i++) {
        int code = count > 1 && (int)i < count ? codes[i] : single;
        if (code >= 0x80) {
            copy_text(mqtt->refused, sizeof mqtt->refused, mqtt->filters[i]);
        }
    }
    mqtt->happened |= HAPPENED_SUBSCRIBED;
    pthread_cond_signal(&mqtt->wake);
    pthread_mutex_unlock(&mqtt->lock);
}

static void take_subscribed_5(void *context, MQTTAsync_successData5 *data)
{
    int codes[MQTT_FILTERS_MAX] = {0};
    int count = data->alt.sub.reasonCodeCount < MQTT_FILTERS_MAX ? data->alt.sub.reasonCodeCount : MQTT_FILTERS_MAX;
    for (int i = 0; i < count && count > 1; i++) {
        codes[i] = (int)data->alt.sub.reasonCodes[i];
    }
    note_subscribed(context, codes, count, (int)data->reasonCode);
}

static void take_subscribed_311(void *context, MQTTAsync_successData *data)
{
    struct mqtt *mqtt = context;
    if (mqtt->settings.filter_count == 1) {
        note_subscribed(mqtt, NULL, 1, data->alt.qos);
    } else {
        note_subscribed(mqtt, data->alt.qosList, (int)mqtt->settings.filter_count, 0);
    }
}

static void take_subscribe_failed_5(void *context, MQTTAsync_failureData5 *data)
{
    note_subscribed(context, NULL, 1, data->reasonCode >= 0x80 ? (int)data->reasonCode : 0x80);
}

static void take_subscribe_failed_311(void *context, MQTTAsync_failureData *data)
{
    (void)data;
    note_subscribed(context, NULL, 1, 0x80);
}

// reason: static text, "" when the broker took it.
static void note_published(struct ticket *ticket, const char *reason)
{
    struct mqtt *mqtt = ticket->mqtt;
    pthread_mutex_lock(&mqtt->lock);
    if (ticket->id != 0 && mqtt->published_count < MQTT_WINDOW) {
        mqtt->published[mqtt->published_count++] = (struct published){ticket->id, reason};
    }
    if (ticket->id != 0 && mqtt->unacknowledged > 0) {
        mqtt->unacknowledged--;
        mqtt->with_paho--;
    }
    ticket->id = 0;
    mqtt_fair_waiting((long)mqtt->unacknowledged);
    pthread_cond_signal(&mqtt->wake);
    bool first = mqtt->published_count == 1;
    pthread_mutex_unlock(&mqtt->lock);
    if (first) {
        ring(mqtt);
    }
}

static void take_published_5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    note_published(context, "");
}

static void take_published_311(void *context, MQTTAsync_successData *data)
{
    (void)data;
    note_published(context, "");
}

static void take_publish_failed_5(void *context, MQTTAsync_failureData5 *data)
{
    const char *text = MQTTReasonCode_toString(data->reasonCode);
    note_published(context, text ? text : "refused");
}

static void read_properties(MQTTProperties *properties, struct mqtt_message *message)
{
    message->expiry_s = -1;
    if (MQTTProperties_hasProperty(properties, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL)) {
        message->expiry_s =
            (int64_t)(uint32_t)MQTTProperties_getNumericValue(properties, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL);
    }
    MQTTProperty *property = MQTTProperties_getProperty(properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
    if (property) {
        message->response_topic = (struct span){property->value.data.data, (size_t)property->value.data.len};
    }
    property = MQTTProperties_getProperty(properties, MQTTPROPERTY_CODE_CORRELATION_DATA);
    if (property) {
        message->correlation = (struct span){property->value.data.data, (size_t)property->value.data.len};
    }
}

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int take_message(void *context, char *topic, int topic_len, MQTTAsync_message *arrived)
{
    struct mqtt *mqtt = context;
    int64_t began_ns = monotonic_ns();
    struct mqtt_message message = {
        .topic = {topic, topic_len > 0 ? (size_t)topic_len : strlen(topic)},
        .payload = {arrived->payload, (size_t)arrived->payloadlen},
        .retained = arrived->retained,
        .duplicate = arrived->dup,
        .packet_id = arrived->qos > 0 ? arrived->msgid : 0,
        .epoch = mqtt->epoch,
    };
    read_properties(&arrived->properties, &message);
    mqtt->settings.on_message(mqtt->settings.context, &message);
    MQTTAsync_freeMessage(&arrived);
    MQTTAsync_free(topic);
    mqtt_fair_held(monotonic_ns() - began_ns);
    return 1;
}

// This module's thread.

static bool create_client(struct mqtt *mqtt)
{
    const struct mqtt_settings *settings = &mqtt->settings;
    bool version_5 =
        settings->version == MQTT_VERSION_5 || (settings->version == MQTT_VERSION_AUTO && !mqtt->refused_5);
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
    options.MQTTVersion = version_5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    options.maxBufferedMessages = MQTT_WINDOW + MQTT_FILTERS_MAX;
    MQTTAsync client = NULL;
    int rc = MQTTAsync_createWithOptions(&client, settings->uri, settings->client_id, MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                         &options);
    if (rc != MQTTASYNC_SUCCESS) {
        LOG_ERROR("mqtt client cannot be made", LOG_INT("code", rc));
        return false;
    }
    MQTTAsync_setCallbacks(client, mqtt, take_lost, take_message, NULL);
    if (version_5) {
        MQTTAsync_setDisconnected(client, mqtt, take_disconnected_by_broker);
    }
    // The old one goes after the new one is there: with its last client Paho would stop its threads.
    if (mqtt->client) {
        MQTTAsync_destroy(&mqtt->client);
    }
    mqtt->client = client;
    mqtt->version_5 = version_5;
    return true;
}

static void drop_outgoing(struct mqtt *mqtt)
{
    while (mqtt->first) {
        struct outgoing *next = mqtt->first->next;
        free(mqtt->first);
        mqtt->first = next;
    }
    mqtt->last = &mqtt->first;
}

// Under the lock. Everything handed over is the outbox's again.
static void forget_publications(struct mqtt *mqtt)
{
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

static void fill_tls(const struct mqtt_settings *settings, MQTTAsync_SSLOptions *tls)
{
    tls->trustStore = settings->ca_file[0] ? settings->ca_file : NULL;
    tls->keyStore = settings->cert_file[0] ? settings->cert_file : NULL;
    tls->privateKey = settings->key_file[0] ? settings->key_file : NULL;
    tls->enableServerCertAuth = settings->verify;
    tls->verify = settings->verify;
}

static void add_int_property(MQTTProperties *properties, enum MQTTPropertyCodes code, uint32_t value)
{
    MQTTProperty property = {.identifier = code};
    property.value.integer4 = value;
    if (code == MQTTPROPERTY_CODE_RECEIVE_MAXIMUM) {
        property.value.integer2 = (unsigned short)value;
    }
    MQTTProperties_add(properties, &property);
}

static bool is_tls(const char *uri)
{
    return strncmp(uri, "ssl://", 6) == 0 || strncmp(uri, "wss://", 6) == 0 || strncmp(uri, "mqtts://", 8) == 0;
}

static void set_session(const struct mqtt *mqtt, MQTTAsync_connectOptions *options, MQTTProperties *properties)
{
    const struct mqtt_settings *settings = &mqtt->settings;
    if (mqtt->version_5) {
        options->cleanstart = settings->clean_start;
        options->connectProperties = properties;
        options->onSuccess5 = take_connected_5;
        options->onFailure5 = take_refused_5;
        add_int_property(properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, (uint32_t)settings->session_expiry_s);
        add_int_property(properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, (uint32_t)settings->receive_max);
        add_int_property(properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, MQTT_PACKET_MAX_BYTES);
    } else {
        options->cleansession = settings->clean_start;
        options->MQTTVersion = MQTTVERSION_3_1_1;
        options->onSuccess = take_connected_311;
        options->onFailure = take_refused_311;
    }
}

static int connect_client(struct mqtt *mqtt)
{
    const struct mqtt_settings *settings = &mqtt->settings;
    MQTTAsync_connectOptions initial = MQTTAsync_connectOptions_initializer;
    MQTTAsync_connectOptions initial_5 = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_connectOptions options = mqtt->version_5 ? initial_5 : initial;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    struct bytes payload;
    bytes_init(&payload, 4096);
    settings->make_will(settings->context, &payload);
    will.topicName = settings->will_topic;
    will.payload.len = (int)payload.len;
    will.payload.data = bytes_text(&payload);
    will.qos = 1;
    will.retained = settings->will_retain;
    options.will = &will;
    options.keepAliveInterval = (int)settings->keepalive_s;
    options.connectTimeout = MQTT_CONNECT_TIMEOUT_S;
    options.automaticReconnect = 0;
    options.context = mqtt;
    options.username = settings->username[0] ? settings->username : NULL;
    if (settings->password.len > 0) {
        options.binarypwd.data = settings->password.at;
        options.binarypwd.len = (int)settings->password.len;
    }
    if (is_tls(settings->uri)) {
        fill_tls(settings, &tls);
        options.ssl = &tls;
    }
    set_session(mqtt, &options, &properties);
    mqtt->epoch = settings->next_epoch(settings->context);
    int rc = MQTTAsync_connect(mqtt->client, &options);
    MQTTProperties_free(&properties);
    bytes_free(&payload);
    return rc;
}

static int subscribe_all(struct mqtt *mqtt)
{
    int qos[MQTT_FILTERS_MAX];
    MQTTSubscribe_options each[MQTT_FILTERS_MAX];
    MQTTSubscribe_options initial = MQTTSubscribe_options_initializer;
    size_t count = mqtt->settings.filter_count;
    for (size_t i = 0; i < count; i++) {
        qos[i] = 1; // QoS 2 would lose what is killed in the callback: the broker repeats only the PUBREL
        each[i] = initial;
        each[i].retainAsPublished = 1; // so that a retained command is known as one when it is first sent
        each[i].retainHandling = strncmp(mqtt->filters[i], "$share/", 7) == 0 ? 0 : 1;
    }
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = mqtt;
    if (mqtt->version_5) {
        options.onSuccess5 = take_subscribed_5;
        options.onFailure5 = take_subscribe_failed_5;
        options.subscribeOptions = each[0];
        options.subscribeOptionsCount = count > 1 ? (int)count : 0;
        options.subscribeOptionsList = count > 1 ? each : NULL;
    } else {
        options.onSuccess = take_subscribed_311;
        options.onFailure = take_subscribe_failed_311;
    }
    return MQTTAsync_subscribeMany(mqtt->client, (int)count, mqtt->filters, qos, &options);
}

static void add_reply_properties(MQTTProperties *properties, const struct outgoing *outgoing)
{
    if (outgoing->json) {
        MQTTProperty format = {.identifier = MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR};
        format.value.byte = 1;
        MQTTProperties_add(properties, &format);
        char type[] = "application/json";
        MQTTProperty content = {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE};
        content.value.data.data = type;
        content.value.data.len = (int)strlen(type);
        MQTTProperties_add(properties, &content);
    }
    if (outgoing->correlation.len > 0) {
        char *copy = span_dup(outgoing->correlation);
        MQTTProperty correlation = {.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA};
        correlation.value.data.data = copy;
        correlation.value.data.len = (int)outgoing->correlation.len;
        if (copy) {
            MQTTProperties_add(properties, &correlation);
        }
        free(copy);
    }
}

static int send_one(struct mqtt *mqtt, const struct outgoing *outgoing, struct ticket *ticket)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    MQTTAsync_message message = MQTTAsync_message_initializer;
    options.context = ticket;
    message.payload = outgoing->payload.len > 0 ? span_dup(outgoing->payload) : NULL;
    message.payloadlen = (int)outgoing->payload.len;
    message.qos = 1;
    message.retained = outgoing->retain;
    if (mqtt->version_5) {
        options.onSuccess5 = take_published_5;
        options.onFailure5 = take_publish_failed_5;
        add_reply_properties(&message.properties, outgoing);
    } else {
        options.onSuccess = take_published_311;
    }
    int rc = MQTTAsync_sendMessage(mqtt->client, outgoing->topic, &message, &options);
    free(message.payload);
    MQTTProperties_free(&message.properties);
    return rc;
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

// Under the lock, which is let go while Paho is called.
static void send_waiting(struct mqtt *mqtt)
{
    while (mqtt->first && mqtt->with_paho < mqtt->window &&
           (mqtt->phase == PHASE_ONLINE || mqtt->phase == PHASE_ENDING) && !(mqtt->happened & HAPPENED_LOST)) {
        struct outgoing *outgoing = mqtt->first;
        mqtt->first = outgoing->next;
        if (!mqtt->first) {
            mqtt->last = &mqtt->first;
        }
        struct ticket *ticket = take_ticket(mqtt, outgoing->id);
        mqtt->with_paho++;
        pthread_mutex_unlock(&mqtt->lock);
        int rc = send_one(mqtt, outgoing, ticket);
        free(outgoing);
        pthread_mutex_lock(&mqtt->lock);
        if (rc != MQTTASYNC_SUCCESS) {
            // The connection is made again, and with it everything is sent again in its order.
            mqtt->happened |= HAPPENED_LOST;
            snprintf(mqtt->reason, sizeof mqtt->reason, "publishing failed (%d)", rc);
        }
    }
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
    bool made = create_client(mqtt);
    pthread_mutex_lock(&mqtt->lock);
    mqtt->happened = 0; // what the client before this one may still have said
    pthread_mutex_unlock(&mqtt->lock);
    int rc = made ? connect_client(mqtt) : MQTTASYNC_FAILURE;
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
    pthread_mutex_unlock(&mqtt->lock);
    int rc = subscribe_all(mqtt);
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
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&mqtt->wake, &mqtt->lock, &until);
}

// Under the lock, which is let go while Paho is called.
static void end_link(struct mqtt *mqtt)
{
    const struct clock *clock = mqtt->settings.clock;
    bool was_online = mqtt->phase == PHASE_ONLINE;
    mqtt->phase = PHASE_ENDING;
    while (was_online && mqtt->unacknowledged > 0 && !(mqtt->happened & HAPPENED_LOST) &&
           clock_now_ms(clock) < mqtt->stop_by_ms) {
        send_waiting(mqtt);
        wait_for(mqtt, 100);
    }
    pthread_mutex_unlock(&mqtt->lock);
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
    MQTTAsync_disconnectOptions options_5 = MQTTAsync_disconnectOptions_initializer5;
    options = mqtt->version_5 ? options_5 : options;
    options.context = mqtt;
    options.onSuccess = mqtt->version_5 ? NULL : take_disconnected_311;
    options.onSuccess5 = mqtt->version_5 ? take_disconnected_5 : NULL;
    int rc = mqtt->client ? MQTTAsync_disconnect(mqtt->client, &options) : MQTTASYNC_DISCONNECTED;
    pthread_mutex_lock(&mqtt->lock);
    int64_t until_ms = clock_now_ms(clock) + DISCONNECT_WAIT_MS;
    while (rc == MQTTASYNC_SUCCESS && !(mqtt->happened & (HAPPENED_DISCONNECTED | HAPPENED_LOST)) &&
           clock_now_ms(clock) < until_ms) {
        wait_for(mqtt, until_ms - clock_now_ms(clock));
    }
    pthread_mutex_unlock(&mqtt->lock);
    if (mqtt->client) {
        MQTTAsync_destroy(&mqtt->client);
    }
    pthread_mutex_lock(&mqtt->lock);
}

static void *run_link(void *context)
{
    struct mqtt *mqtt = context;
    pthread_mutex_lock(&mqtt->lock);
    while (!mqtt->stopping) {
        send_waiting(mqtt);
        bool moved = move_on(mqtt);
        if (mqtt->tell_online || mqtt->tell_offline) {
            ring(mqtt);
        }
        if (!moved && !mqtt->stopping && !mqtt->happened &&
            !(mqtt->first && mqtt->with_paho < mqtt->window && mqtt->phase == PHASE_ONLINE)) {
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
    for (size_t i = 0; mqtt->filters && i < mqtt->settings.filter_count; i++) {
        free(mqtt->filters[i]);
    }
    free(mqtt->filters);
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
    mqtt->filters = calloc(settings->filter_count + 1, sizeof *mqtt->filters);
    bool ok = mqtt->password && mqtt->filters;
    for (size_t i = 0; ok && i < settings->filter_count; i++) {
        mqtt->filters[i] = strdup(settings->filters[i]);
        ok = mqtt->filters[i] != NULL;
    }
    return ok;
}

enum status mqtt_start(const struct mqtt_settings *settings, struct mqtt **out)
{
    *out = NULL;
    struct mqtt *mqtt = calloc(1, sizeof *mqtt);
    if (!mqtt) {
        return STATUS_NO_MEMORY;
    }
    mqtt->last = &mqtt->first;
    pthread_mutex_init(&mqtt->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&mqtt->wake, &attr);
    pthread_condattr_destroy(&attr);
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
        outgoing->next = NULL;
        *mqtt->last = outgoing;
        mqtt->last = &outgoing->next;
        mqtt->outstanding++;
        mqtt->unacknowledged++;
        mqtt_fair_waiting((long)mqtt->unacknowledged);
        pthread_cond_signal(&mqtt->wake);
    }
    pthread_mutex_unlock(&mqtt->lock);
    if (rc != STATUS_OK) {
        free(outgoing);
    }
    return rc;
}

size_t mqtt_room(struct mqtt *mqtt)
{
    pthread_mutex_lock(&mqtt->lock);
    bool open = mqtt->phase == PHASE_ONLINE && !mqtt->tell_online && !mqtt->tell_offline;
    size_t room = open && mqtt->outstanding < MQTT_WINDOW ? MQTT_WINDOW - mqtt->outstanding : 0;
    pthread_mutex_unlock(&mqtt->lock);
    return room;
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
