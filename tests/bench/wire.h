// SPDX-License-Identifier: Apache-2.0
// The little of MQTT 3.1.1 that a load generator needs, written out by hand, so that what is measured is never the
// client library of the measuring side. One thread, loopback only. Nothing of bridge/ may be used here.
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_BUFFER_BYTES (1 << 20)

struct wire {
    int fd;
    uint8_t in[WIRE_BUFFER_BYTES];
    size_t in_len;
    uint8_t out[WIRE_BUFFER_BYTES];
    size_t out_len;
    uint16_t packet_id;
};

// One packet, borrowed from the buffer until the next call.
struct wire_packet {
    int type; // of MQTT: 3 PUBLISH, 4 PUBACK, 9 SUBACK
    const uint8_t *topic;
    size_t topic_len;
    const uint8_t *payload;
    size_t payload_len;
    uint16_t id;
};

// Connects to 127.0.0.1 with a clean session and waits for the CONNACK. Ends the program when that fails.
void wire_connect(struct wire *wire, int port, const char *client_id);
void wire_subscribe(struct wire *wire, const char *filter); // QoS 1, waits for the SUBACK
// Puts a QoS 1 publication into the buffer; false: no room in it.
bool wire_publish(struct wire *wire, const char *topic, const char *payload, size_t payload_len);
void wire_acknowledge(struct wire *wire, uint16_t id);
// Sends and receives what is possible without waiting. false: the connection is gone.
bool wire_exchange(struct wire *wire);
// The next whole packet of what was received. *at begins at 0 after wire_exchange; wire_forget drops what was read.
bool wire_next(const struct wire *wire, size_t *at, struct wire_packet *packet);
void wire_forget(struct wire *wire, size_t at);

#endif
