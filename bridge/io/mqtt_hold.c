// SPDX-License-Identifier: Apache-2.0
// See mqtt_hold.h. The acknowledgements that are kept back lie in a ring, in the order of their messages, and leave in
// it: the protocol wants that. They are written to a duplicate of the socket, so that a number that Paho closed and
// somebody else opened is never written to, and never into the middle of a packet that the kernel took in part.
#include "io/mqtt_hold.h"
#include "io/mqtt_write.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PUBACK_BYTES 4

// Unproven: no PUBACK was seen on this connection. Lost: what is acknowledged on it is swallowed.
enum hold_state { HOLD_UNPROVEN, HOLD_PROVEN, HOLD_LOST };

struct held {
    uint8_t packet_id[2];
    bool settled;
    bool written; // Paho believes that it was sent
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t room;
    enum hold_state state;
    int socket; // a duplicate, -1: none
    struct held ring[MQTT_HOLD_MAX];
    uint64_t head; // numbers: of the oldest that is held, and of the next
    uint64_t next;
    uint64_t forgotten; // numbers below it are of a connection before
    size_t bytes;
    size_t owed; // of a packet that the kernel took in part
    uint8_t out[MQTT_HOLD_MAX * PUBACK_BYTES];
    size_t out_len;
} hold = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .room = PTHREAD_COND_INITIALIZER,
          .socket = -1,
          .head = 1,
          .next = 1,
          .forgotten = 1};

static atomic_int paho_socket = -1; // its number; also while lost
static _Thread_local int expected;  // the packet id whose PUBACK comes next on this thread, to prove the connection

static struct held *held_at(uint64_t number)
{
    return &hold.ring[number % MQTT_HOLD_MAX];
}

// Under the lock.
static void send_out(void)
{
    while (hold.out_len > 0 && hold.owed == 0) {
        ssize_t sent = send(hold.socket, hold.out, hold.out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0) {
            if (sent < 0 && errno != EAGAIN && errno != EINTR) {
                hold.out_len = 0; // the connection is gone; Paho will see it, too
            }
            return;
        }
        memmove(hold.out, hold.out + sent, hold.out_len - (size_t)sent);
        hold.out_len -= (size_t)sent;
    }
}

// Under the lock. What is settled leaves the ring in its order, as far as there is room for it.
static void collect_settled(void)
{
    while (hold.head < hold.next && held_at(hold.head)->settled && held_at(hold.head)->written &&
           hold.out_len + PUBACK_BYTES <= sizeof hold.out) {
        const struct held *held = held_at(hold.head++);
        const uint8_t packet[PUBACK_BYTES] = {0x40, 0x02, held->packet_id[0], held->packet_id[1]};
        memcpy(hold.out + hold.out_len, packet, sizeof packet);
        hold.out_len += sizeof packet;
    }
    pthread_cond_signal(&hold.room);
}

// Under the lock. Paho's own acknowledgements wait behind a full socket until this thread goes on: waiting for room
// would then be for ever.
static bool must_wait(size_t bytes)
{
    bool full = hold.next - hold.head >= MQTT_HOLD_MAX || (hold.bytes > 0 && hold.bytes + bytes > MQTT_HOLD_MAX_BYTES);
    return hold.state == HOLD_PROVEN && full && held_at(hold.head)->written;
}

uint64_t mqtt_hold_begin(int packet_id, size_t bytes)
{
    uint64_t number = 0;
    pthread_mutex_lock(&hold.lock);
    while (must_wait(bytes)) {
        pthread_cond_wait(&hold.room, &hold.lock);
    }
    if (hold.state == HOLD_PROVEN && hold.next - hold.head < MQTT_HOLD_MAX && packet_id > 0) {
        number = hold.next++;
        *held_at(number) = (struct held){.packet_id = {(uint8_t)(packet_id >> 8), (uint8_t)packet_id}};
        hold.bytes += bytes;
    }
    expected = hold.state == HOLD_UNPROVEN ? packet_id : 0;
    pthread_mutex_unlock(&hold.lock);
    return number;
}

void mqtt_hold_settle(uint64_t number, size_t bytes)
{
    pthread_mutex_lock(&hold.lock);
    if (number >= hold.forgotten) {
        held_at(number)->settled = true;
        hold.bytes -= bytes;
        collect_settled();
    }
    pthread_mutex_unlock(&hold.lock);
}

void mqtt_hold_flush(void)
{
    pthread_mutex_lock(&hold.lock);
    collect_settled();
    send_out();
    pthread_mutex_unlock(&hold.lock);
}

size_t mqtt_hold_count(void)
{
    pthread_mutex_lock(&hold.lock);
    size_t count = (size_t)(hold.next - hold.head) + hold.out_len / PUBACK_BYTES;
    pthread_mutex_unlock(&hold.lock);
    return count;
}

// Under the lock.
static void forget(enum hold_state state)
{
    hold.state = state;
    hold.head = hold.forgotten = hold.next;
    hold.bytes = hold.owed = hold.out_len = 0;
    if (hold.socket >= 0) {
        close(hold.socket);
        hold.socket = -1;
    }
    pthread_cond_signal(&hold.room);
}

void mqtt_hold_lost(void)
{
    pthread_mutex_lock(&hold.lock);
    if (hold.state == HOLD_PROVEN) {
        forget(HOLD_LOST);
    }
    pthread_mutex_unlock(&hold.lock);
}

void mqtt_hold_hang_up(uint64_t number)
{
    pthread_mutex_lock(&hold.lock);
    if (hold.state == HOLD_PROVEN && number >= hold.forgotten) {
        shutdown(hold.socket, SHUT_RDWR);
        forget(HOLD_LOST);
    }
    pthread_mutex_unlock(&hold.lock);
}

void mqtt_hold_renew(void)
{
    pthread_mutex_lock(&hold.lock);
    forget(HOLD_UNPROVEN);
    atomic_store(&paho_socket, -1);
    pthread_mutex_unlock(&hold.lock);
}

static bool is_puback(const struct iovec *parts, int count)
{
    return count == 2 && parts[0].iov_len == 2 && parts[1].iov_len == 2 &&
           memcmp(parts[0].iov_base, "\x40\x02", 2) == 0;
}

// Under the lock. The first PUBACK of a connection, for a message that is in the journal.
static void prove(int fd)
{
    hold.socket = dup(fd);
    if (hold.socket >= 0) {
        hold.state = HOLD_PROVEN;
        atomic_store(&paho_socket, fd);
    }
}

// Under the lock. Whether it was kept back.
static bool keep_back(const struct iovec *part)
{
    for (uint64_t number = hold.head; number < hold.next; number++) {
        struct held *held = held_at(number);
        if (!held->written && memcmp(held->packet_id, part->iov_base, sizeof held->packet_id) == 0) {
            held->written = true;
            collect_settled();
            send_out(); // it may have been settled before Paho came here
            return true;
        }
    }
    return hold.state == HOLD_LOST;
}

static size_t bytes_of(const struct iovec *parts, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        bytes += parts[i].iov_len;
    }
    return bytes;
}

// Under the lock. Another packet of Paho's, or the rest of one.
static ssize_t write_packet(int fd, const struct iovec *parts, int count)
{
    collect_settled();
    send_out();
    if (hold.out_len > 0 && hold.owed == 0 && hold.state == HOLD_PROVEN) {
        errno = EAGAIN; // ours are cut in two by a full socket: theirs waits
        return -1;
    }
    ssize_t written = mqtt_write_parts(fd, parts, count);
    if (written > 0) {
        hold.owed = bytes_of(parts, count) - (size_t)written;
        send_out();
    }
    return written;
}

// The name must be the C library's, so that Paho's calls arrive here; the parameters are those of writev(2).
ssize_t writev(int fd, const struct iovec *iovec, int count)
{
    bool puback = is_puback(iovec, count);
    if (fd != atomic_load_explicit(&paho_socket, memory_order_relaxed) && !(puback && expected > 0)) {
        return mqtt_write_parts(fd, iovec, count);
    }
    pthread_mutex_lock(&hold.lock);
    ssize_t written = PUBACK_BYTES;
    if (fd != atomic_load(&paho_socket)) {
        const uint8_t *id = iovec[1].iov_base;
        if (hold.state == HOLD_UNPROVEN && (id[0] << 8 | id[1]) == expected) {
            prove(fd);
        }
        expected = 0;
        written = mqtt_write_parts(fd, iovec, count);
    } else if (!puback || hold.owed > 0 || !keep_back(&iovec[1])) {
        written = write_packet(fd, iovec, count);
    }
    pthread_mutex_unlock(&hold.lock);
    return written;
}
