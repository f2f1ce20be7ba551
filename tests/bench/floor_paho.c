// SPDX-License-Identifier: Apache-2.0
// A floor of tests/bench: Paho receiving a command with QoS 1 and publishing two answers to it, from the callback, with
// nothing in between: no journal, no API, no promise. Arguments: port. Runs until SIGTERM; its parent reads its CPU.
#include <MQTTAsync.h>
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char answer[] = "{\"requestId\":\"bench-1-1\",\"action\":\"execute\",\"job\":\"recalibrate\","
                             "\"at\":\"2026-01-01T00:00:00.000Z\",\"executionId\":\"0123456789abcdef01234567\"}";

static void send_answer(MQTTAsync client, const char *topic, size_t device_len, const char *end)
{
    char full[256];
    snprintf(full, sizeof full, "%.*s/%s", (int)device_len, topic, end);
    MQTTAsync_send(client, full, (int)sizeof answer - 1, answer, 1, 0, NULL);
}

static int take_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
    const char *end = strstr(topic, "/cmd/execute");
    (void)topic_len;
    if (end) {
        send_answer(context, topic, (size_t)(end - topic), "accepted");
        send_answer(context, topic, (size_t)(end - topic), "status");
    }
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void take_connected(void *context, MQTTAsync_successData *data)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    (void)data;
    MQTTAsync_subscribe(context, "devices/+/jobs/+/cmd/execute", 1, &options);
}

int main(int argc, char **argv)
{
    char uri[64];
    MQTTAsync client = NULL;
    sigset_t set;
    int signal_number = 0;
    if (argc != 2) {
        errx(64, "usage: floor-paho PORT");
    }
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    snprintf(uri, sizeof uri, "tcp://127.0.0.1:%s", argv[1]);
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
    create.maxBufferedMessages = 10000;
    MQTTAsync_createWithOptions(&client, uri, "floor", MQTTCLIENT_PERSISTENCE_NONE, NULL, &create);
    MQTTAsync_setCallbacks(client, client, NULL, take_message, NULL);
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
    options.onSuccess = take_connected;
    options.context = client;
    options.maxInflight = 1000;
    if (MQTTAsync_connect(client, &options) != MQTTASYNC_SUCCESS) {
        errx(1, "cannot connect");
    }
    sigwait(&set, &signal_number);
    _Exit(0);
}
