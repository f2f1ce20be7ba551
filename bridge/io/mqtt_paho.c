// SPDX-License-Identifier: Apache-2.0
// The talk with Paho: its callbacks, and the calls that make, connect, use and end a client. Paho holds its one lock in
// every callback, and a callback may take ours; so ours is never held while Paho is called. Threads: Paho's (the
// functions named take_…) and the module's own.
#include "base/log.h"
#include "base/memory.h"
#include "io/mqtt_fair.h"
#include "io/mqtt_hold.h"
#include "io/mqtt_internal.h"
#include "io/mqtt_write.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static void ring(const struct mqtt *mqtt)
{
    mqtt->settings.ring(mqtt->settings.context);
}

static void lose(struct mqtt *mqtt, const char *reason)
{
    mqtt_write_disconnected();
    pthread_mutex_lock(&mqtt->lock);
    mqtt->happened |= HAPPENED_LOST;
    copy_text(mqtt->reason, sizeof mqtt->reason, reason);
    pthread_cond_signal(&mqtt->wake);
    pthread_mutex_unlock(&mqtt->lock);
}

// Paho's callbacks. They hold Paho's lock.

static void take_connected(struct mqtt *mqtt, int session_present, size_t window)
{
    mqtt_fair_connected();
    if (mqtt->settings.next_epoch) {
        mqtt->epoch = mqtt->settings.next_epoch(mqtt->settings.context, !session_present);
    }
    pthread_mutex_lock(&mqtt->lock);
    mqtt->window = window;
    mqtt->session_present = session_present;
    mqtt->happened |= HAPPENED_CONNECTED;
    pthread_cond_signal(&mqtt->wake);
    pthread_mutex_unlock(&mqtt->lock);
}

static void take_connected_5(void *context, MQTTAsync_successData5 *data)
{
    // More than the broker takes at once must not be handed to Paho: it then looks again only after a second, or when
    // something new is handed over (MQTTAsync_processCommand, "Blocking on server receive maximum").
    size_t window = MQTT_WITH_PAHO_MAX;
    if (MQTTProperties_hasProperty(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM)) {
        int64_t most = MQTTProperties_getNumericValue(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
        window = most > 0 && most < MQTT_WITH_PAHO_MAX ? (size_t)most : window;
    }
    take_connected(context, data->alt.connect.sessionPresent, window);
}

static void take_connected_311(void *context, MQTTAsync_successData *data)
{
    take_connected(context, data->alt.connect.sessionPresent, MQTT_WITH_PAHO_MAX);
}

static void take_refused(struct mqtt *mqtt, int code, const char *message)
{
    char reason[MQTT_REASON_BYTES];
    bool network = message && (strstr(message, "TCP") || strstr(message, "TLS"));
    if (mqtt->version_5 && mqtt->settings.version == MQTT_VERSION_AUTO && !network) {
        mqtt->refused_5 = true; // read by this module's thread only after HAPPENED_LOST
    }
    snprintf(reason, sizeof reason, "%s (%d)", message ? message : "connection refused", code);
    lose(mqtt, reason);
}

static void take_refused_5(void *context, MQTTAsync_failureData5 *data)
{
    // Paho gives the CONNACK's reason in either of the two, and below 0x80 its own codes.
    int code = data->reasonCode > 0 ? (int)data->reasonCode : data->code;
    const char *text = code >= 0x80 ? MQTTReasonCode_toString((enum MQTTReasonCodes)code) : NULL;
    take_refused(context, code, text ? text : data->message);
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
    lose(context, cause ? cause : "connection lost");
}

static void take_disconnected_by_broker(void *context, MQTTProperties *properties, enum MQTTReasonCodes code)
{
    (void)properties;
    const char *text = MQTTReasonCode_toString(code);
    lose(context, text ? text : "disconnected by the broker");
}

static void note_disconnected(struct mqtt *mqtt)
{
    pthread_mutex_lock(&mqtt->lock);
    mqtt->happened |= HAPPENED_DISCONNECTED;
    pthread_cond_signal(&mqtt->wake);
    pthread_mutex_unlock(&mqtt->lock);
}

static void take_disconnected_5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    note_disconnected(context);
}

static void take_disconnected_311(void *context, MQTTAsync_successData *data)
{
    (void)data;
    note_disconnected(context);
}

static void note_subscribed(struct mqtt *mqtt, const int *codes, int count, int single)
{
    pthread_mutex_lock(&mqtt->lock);
    mqtt->refused[0] = '\0';
    for (size_t i = 0; i < mqtt->settings.filter_count; i++) {
        int code = count > 1 && (int)i < count ? codes[i] : single;
        mqtt->granted[i] = code < 0x80;
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
        mqtt->progress_ms = clock_now_ms(mqtt->settings.clock);
    }
    ticket->id = 0;
    mqtt_fair_waiting((long)mqtt->unacknowledged);
    mqtt_send_waiting(mqtt);
    if (mqtt->phase == PHASE_ENDING) {
        pthread_cond_signal(&mqtt->wake);
    }
    bool worth_telling = mqtt->unacknowledged == 0 || mqtt->published_count % MQTT_RING_AT == 0;
    pthread_mutex_unlock(&mqtt->lock);
    if (worth_telling) {
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

// Only a reason code from 0x80 on is the broker's word. Else the library itself failed (it has no memory, or the
// connection is gone), and tells 0: then the message has not left, and goes again with the next connection.
static void take_publish_failed_5(void *context, MQTTAsync_failureData5 *data)
{
    struct ticket *ticket = context;
    if (data->reasonCode < MQTTREASONCODE_UNSPECIFIED_ERROR) {
        lose(ticket->mqtt, data->message ? data->message : "the library could not publish");
        return;
    }
    const char *text = MQTTReasonCode_toString(data->reasonCode);
    note_published(ticket, text ? text : "refused");
}

static void take_publish_failed_311(void *context, MQTTAsync_failureData *data)
{
    struct ticket *ticket = context; // a broker cannot refuse a message in 3.1.1
    lose(ticket->mqtt, data->message ? data->message : "the library could not publish");
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

void mqtt_settled(struct mqtt_delivery *delivery)
{
    mqtt_hold_settle(delivery->hold, delivery->bytes);
    free(delivery);
}

void mqtt_abandoned(struct mqtt_delivery *delivery)
{
    mqtt_hold_hang_up(delivery->hold);
    free(delivery);
}

void mqtt_acknowledge(void)
{
    mqtt_hold_flush();
}

static struct span keep(char **at, struct span text)
{
    struct span kept = {*at, text.len};
    if (text.len > 0) {
        memcpy(*at, text.at, text.len);
    }
    *at += text.len;
    return kept;
}

// The message's texts move into the delivery, which may outlive Paho's client and with it all of Paho's memory. NULL:
// its PUBACK goes out when the callback returns.
static struct mqtt_delivery *begin_delivery(const struct mqtt *mqtt, struct mqtt_message *message)
{
    size_t bytes = message->payload.len;
    size_t texts_bytes = message->topic.len + bytes + message->response_topic.len + message->correlation.len;
    struct mqtt_delivery *delivery = mqtt->settings.deliveries ? malloc(sizeof *delivery + texts_bytes) : NULL;
    uint64_t hold = delivery ? mqtt_hold_begin(message->packet_id, bytes) : 0;
    if (hold == 0) {
        free(delivery);
        return NULL;
    }
    delivery->hold = hold;
    delivery->bytes = bytes;
    char *at = delivery->texts;
    message->topic = keep(&at, message->topic);
    message->payload = keep(&at, message->payload);
    message->response_topic = keep(&at, message->response_topic);
    message->correlation = keep(&at, message->correlation);
    return delivery;
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
    struct mqtt_delivery *delivery = begin_delivery(mqtt, &message);
    mqtt->settings.on_message(mqtt->settings.context, &message, delivery);
    MQTTAsync_freeMessage(&arrived);
    MQTTAsync_free(topic);
    pthread_mutex_lock(&mqtt->lock);
    mqtt_send_waiting(mqtt);
    pthread_mutex_unlock(&mqtt->lock);
    mqtt_fair_held(monotonic_ns() - began_ns);
    return 1;
}

// This module's thread.

bool mqtt_paho_create(struct mqtt *mqtt)
{
    const struct mqtt_settings *settings = &mqtt->settings;
    bool version_5 =
        settings->version == MQTT_VERSION_5 || (settings->version == MQTT_VERSION_AUTO && !mqtt->refused_5);
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
    options.MQTTVersion = version_5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    options.maxBufferedMessages = MQTT_WINDOW + MQTT_FILTERS_MAX;
    // By default the library notes every call of a function of its own, in 160 KB that nobody reads.
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
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
    mqtt_hold_renew();
    mqtt->client = client;
    mqtt->version_5 = version_5;
    return true;
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

int mqtt_paho_connect(struct mqtt *mqtt)
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
    if (settings->will_topic[0]) {
        settings->make_will(settings->context, &payload);
        will.topicName = settings->will_topic;
        will.payload.len = (int)payload.len;
        will.payload.data = bytes_text(&payload);
        will.qos = 1;
        will.retained = settings->will_retain;
        options.will = &will;
    }
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
    int rc = MQTTAsync_connect(mqtt->client, &options);
    MQTTProperties_free(&properties);
    bytes_free(&payload);
    return rc;
}

int mqtt_paho_unsubscribe(struct mqtt *mqtt)
{
    // The broker works on it before the SUBSCRIBE behind it, so the answer to that one is an answer to both.
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    return MQTTAsync_unsubscribeMany(mqtt->client, (int)mqtt->settings.stale_count, mqtt->stale, &options);
}

int mqtt_paho_subscribe(struct mqtt *mqtt)
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
        char *copy = memory_must(span_dup(outgoing->correlation));
        MQTTProperty correlation = {.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA};
        correlation.value.data.data = copy;
        correlation.value.data.len = (int)outgoing->correlation.len;
        MQTTProperties_add(properties, &correlation);
        free(copy);
    }
}

int mqtt_paho_send(struct mqtt *mqtt, const struct outgoing *outgoing, struct ticket *ticket)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    MQTTAsync_message message = MQTTAsync_message_initializer;
    options.context = ticket;
    message.payload = outgoing->payload.len > 0 ? memory_must(span_dup(outgoing->payload)) : NULL;
    message.payloadlen = (int)outgoing->payload.len;
    message.qos = 1;
    message.retained = outgoing->retain;
    if (mqtt->version_5) {
        options.onSuccess5 = take_published_5;
        options.onFailure5 = take_publish_failed_5;
        add_reply_properties(&message.properties, outgoing);
    } else {
        options.onSuccess = take_published_311;
        options.onFailure = take_publish_failed_311;
    }
    int rc = MQTTAsync_sendMessage(mqtt->client, outgoing->topic, &message, &options);
    free(message.payload);
    MQTTProperties_free(&message.properties);
    return rc;
}

int mqtt_paho_disconnect(struct mqtt *mqtt)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
    MQTTAsync_disconnectOptions options_5 = MQTTAsync_disconnectOptions_initializer5;
    options = mqtt->version_5 ? options_5 : options;
    options.context = mqtt;
    options.onSuccess = mqtt->version_5 ? NULL : take_disconnected_311;
    options.onSuccess5 = mqtt->version_5 ? take_disconnected_5 : NULL;
    return mqtt->client ? MQTTAsync_disconnect(mqtt->client, &options) : MQTTASYNC_DISCONNECTED;
}

void mqtt_paho_destroy(struct mqtt *mqtt)
{
    if (mqtt->client) {
        MQTTAsync_destroy(&mqtt->client);
    }
    mqtt_hold_renew();
}
