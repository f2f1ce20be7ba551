// SPDX-License-Identifier: Apache-2.0
// See wire.h. Packets as in section 3 of the MQTT 3.1.1 specification. One thread.
#include "wire.h"
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WIRE_WAIT_MS 10000

static void put(struct wire *wire, const void *data, size_t len)
{
    memcpy(wire->out + wire->out_len, data, len);
    wire->out_len += len;
}

static void put_byte(struct wire *wire, unsigned byte)
{
    wire->out[wire->out_len++] = (uint8_t)byte;
}

static void put_text(struct wire *wire, const char *text)
{
    size_t len = strlen(text);
    put_byte(wire, (unsigned)len >> 8);
    put_byte(wire, (unsigned)len & 0xff);
    put(wire, text, len);
}

static void put_length(struct wire *wire, size_t len)
{
    do {
        unsigned byte = len % 128;
        len /= 128;
        put_byte(wire, len > 0 ? byte | 0x80 : byte);
    } while (len > 0);
}

static bool take_packet(struct wire *wire, int type)
{
    size_t at = 0;
    struct wire_packet packet;
    bool found = false;
    while (!found && wire_next(wire, &at, &packet)) {
        found = packet.type == type;
    }
    wire_forget(wire, at);
    return found;
}

static void wait_packet(struct wire *wire, int type)
{
    while (!take_packet(wire, type)) {
        struct pollfd poll_fd = {.fd = wire->fd, .events = POLLIN};
        if (poll(&poll_fd, 1, WIRE_WAIT_MS) <= 0 || !wire_exchange(wire)) {
            errx(1, "no answer of the broker");
        }
    }
}

void wire_connect(struct wire *wire, int port, const char *client_id)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (wire->fd < 0 || connect(wire->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        err(1, "cannot connect to port %d", port);
    }
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(wire->fd, F_SETFL, O_NONBLOCK);
    put_byte(wire, 0x10);
    put_length(wire, 10 + 2 + strlen(client_id));
    put_text(wire, "MQTT");
    put_byte(wire, 4);
    put_byte(wire, 2); // clean session
    put_byte(wire, 0);
    put_byte(wire, 0); // no keep-alive
    put_text(wire, client_id);
    wire_exchange(wire);
    wait_packet(wire, 2);
}

void wire_subscribe(struct wire *wire, const char *filter)
{
    put_byte(wire, 0x82);
    put_length(wire, 2 + 2 + strlen(filter) + 1);
    put_byte(wire, 0);
    put_byte(wire, 1);
    put_text(wire, filter);
    put_byte(wire, 1);
    wire_exchange(wire);
    wait_packet(wire, 9);
}

bool wire_publish(struct wire *wire, const char *topic, const char *payload, size_t payload_len)
{
    size_t topic_len = strlen(topic);
    if (wire->out_len + topic_len + payload_len + 16 > WIRE_BUFFER_BYTES) {
        return false;
    }
    wire->packet_id = wire->packet_id == UINT16_MAX ? 1 : wire->packet_id + 1;
    put_byte(wire, 0x32);
    put_length(wire, 2 + topic_len + 2 + payload_len);
    put_text(wire, topic);
    put_byte(wire, wire->packet_id >> 8);
    put_byte(wire, wire->packet_id & 0xff);
    put(wire, payload, payload_len);
    return true;
}

void wire_acknowledge(struct wire *wire, uint16_t id)
{
    put_byte(wire, 0x40);
    put_byte(wire, 2);
    put_byte(wire, id >> 8);
    put_byte(wire, id & 0xff);
}

bool wire_exchange(struct wire *wire)
{
    if (wire->out_len > 0) {
        ssize_t sent = send(wire->fd, wire->out, wire->out_len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            return false;
        }
        if (sent > 0) {
            memmove(wire->out, wire->out + sent, wire->out_len - (size_t)sent);
            wire->out_len -= (size_t)sent;
        }
    }
    ssize_t got = recv(wire->fd, wire->in + wire->in_len, WIRE_BUFFER_BYTES - wire->in_len, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        return false;
    }
    wire->in_len += got > 0 ? (size_t)got : 0;
    return true;
}

bool wire_next(const struct wire *wire, size_t *at, struct wire_packet *packet)
{
    size_t pos = *at + 1;
    size_t len = 0;
    unsigned shift = 0;
    do {
        if (pos >= wire->in_len) {
            return false;
        }
        len |= (size_t)(wire->in[pos] & 0x7f) << shift;
        shift += 7;
    } while (wire->in[pos++] & 0x80);
    if (pos + len > wire->in_len) {
        return false;
    }
    const uint8_t *body = wire->in + pos;
    unsigned first = wire->in[*at];
    *packet = (struct wire_packet){.type = (int)(first >> 4)};
    if (packet->type == 3) {
        size_t qos_bytes = first & 6 ? 2 : 0;
        packet->topic_len = (size_t)body[0] << 8 | body[1];
        packet->topic = body + 2;
        packet->payload = packet->topic + packet->topic_len + qos_bytes;
        packet->payload_len = len - 2 - packet->topic_len - qos_bytes;
        body = packet->topic + packet->topic_len;
    }
    packet->id = len >= 2 ? (uint16_t)(body[0] << 8 | body[1]) : 0;
    *at = pos + len;
    return true;
}

void wire_forget(struct wire *wire, size_t at)
{
    memmove(wire->in, wire->in + at, wire->in_len - at);
    wire->in_len -= at;
}
