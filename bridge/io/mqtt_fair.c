// SPDX-License-Identifier: Apache-2.0
// Paho (1.3.12, MQTTAsyncUtils.c) holds one global lock while it calls messageArrived, and its receive thread lets go
// of it only around poll(), for microseconds when more messages wait. A mutex of glibc is not fair, so with a commit of
// 10 ms in each callback a thread that wants to publish gets the lock about once in twelve messages, and Paho's own
// send thread then needs it again for each packet. There is no hook at that place and no way to give the lock up, but
// poll() is where the thread stands without it. So this program has a poll() of its own, which for that thread alone,
// and only while publications wait and callbacks are slow, first pauses for a small part of the time that the lock was
// held. A poll() that takes longer is legal for everybody. Must never pause another thread. Its usleep() is told of at
// its place. Any thread.
#include "io/mqtt_fair.h"
#include "io/mqtt_write.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FAIR_HELD_MIN_NS  500000 // of the lock, by all callbacks since the last pause
#define FAIR_PAUSE_PART   5      // the pause is this part of the time that the lock was held
#define FAIR_PAUSE_MAX_NS 4000000
#define FAIR_FDS_MAX      4  // connections of a process: one, and for a moment the one before
#define FAIR_NAPS         20 // of a thread that has no connection yet, and how long they are
#define FAIR_NAP_NS       5000000
#define FAIR_READS        (POLLIN | POLLNVAL) // what the library polls its connections for, and nobody else

static atomic_long waiting;
static _Thread_local int64_t held_since_pause_ns; // set by the receive thread for its own next poll
static _Thread_local bool connected;              // the same
static _Thread_local int read_fds[FAIR_FDS_MAX];  // what this thread polled last for reading: its connections
static _Thread_local size_t read_count;
static _Thread_local bool read_fresh; // there was a poll since the last sleep
static _Thread_local int naps;
static _Thread_local int open_fd = -1; // the connection that was seen to be established

void mqtt_fair_held(int64_t held_ns)
{
    held_since_pause_ns += held_ns;
}

void mqtt_fair_connected(void)
{
    connected = true;
}

void mqtt_fair_waiting(long publications)
{
    atomic_store_explicit(&waiting, publications, memory_order_relaxed);
}

void mqtt_fair_hang_up(void)
{
    for (size_t i = 0; i < read_count; i++) {
        shutdown(read_fds[i], SHUT_RDWR);
    }
}

static void note_fds(const struct pollfd *fds, nfds_t nfds)
{
    read_count = 0;
    read_fresh = true;
    for (nfds_t i = 0; i < nfds && read_count < FAIR_FDS_MAX; i++) {
        if (fds[i].events & POLLIN) {
            read_fds[read_count++] = fds[i].fd;
        }
    }
    if (connected && read_count > 0) {
        int newest = read_fds[read_count - 1];
        connected = false;
        mqtt_write_connected(newest);
        // Each packet leaves at once. Paho writes a packet a call and leaves Nagle's algorithm on: the second of two
        // small packets would wait for the broker's delayed acknowledgement of the first, 40 ms.
        setsockopt(newest, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
}

// The library looks whether a connection is established only when poll() has returned, and lets it wait for reading:
// the whole second, as a broker says nothing before it is spoken to. The first poll of a new connection ends with that.
static int poll_reads(struct pollfd *fds, nfds_t nfds, const struct timespec *until)
{
    struct pollfd *newest = &fds[nfds - 1];
    bool opening = newest->events == FAIR_READS && newest->fd != open_fd;
    newest->events |= opening ? POLLOUT : 0;
    int ready = ppoll(fds, nfds, until, NULL);
    if (opening) {
        newest->events = FAIR_READS;
        open_fd = ready > 0 && newest->revents ? newest->fd : open_fd;
        ready -= ready > 0 && newest->revents == POLLOUT;
        newest->revents &= (short)~POLLOUT;
    }
    note_fds(fds, nfds);
    return ready;
}

// The parameters are those of poll(2); the name must be too, so that the library's calls arrive here.
int poll(struct pollfd *fds, nfds_t nfds, int timeout)
{
    // The library polls twice a turn: for writing with no timeout (while it holds its socket lock), then for reading.
    if (held_since_pause_ns >= FAIR_HELD_MIN_NS && timeout > 0) {
        if (atomic_load_explicit(&waiting, memory_order_relaxed) > 0) {
            int64_t pause_ns = held_since_pause_ns / FAIR_PAUSE_PART;
            nanosleep(&(struct timespec){0, pause_ns < FAIR_PAUSE_MAX_NS ? pause_ns : FAIR_PAUSE_MAX_NS}, NULL);
        }
        held_since_pause_ns = 0;
    }
    struct timespec until = {timeout / 1000, (long)(timeout % 1000) * 1000000};
    const struct timespec *bound = timeout < 0 ? NULL : &until;
    return nfds > 0 && (fds[0].events & POLLIN) ? poll_reads(fds, nfds, bound) : ppoll(fds, nfds, bound, NULL);
}

// A sleep that a message ends. The library's receive thread sleeps for 100 ms whenever poll() has waited a second for
// nothing, and when it begins and there is no connection yet (MQTTAsync_cycle in MQTTAsyncUtils.c): a command that
// comes then, and the very first answer of a broker, would wait for the rest of it. The name and the parameter are
// those of usleep(3), so that the library's calls arrive here.
int usleep(useconds_t useconds)
{
    struct timespec length = {useconds / 1000000, (long)(useconds % 1000000) * 1000};
    struct pollfd fds[FAIR_FDS_MAX];
    nfds_t count = read_fresh ? read_count : 0; // else they may be anybody's by now
    open_fd = read_fresh ? open_fd : -1;
    read_fresh = false;
    if (read_count == 0 && naps < FAIR_NAPS && useconds > FAIR_NAP_NS / 1000) {
        naps++;
        length = (struct timespec){0, FAIR_NAP_NS};
    }
    for (nfds_t i = 0; i < count; i++) {
        fds[i] = (struct pollfd){.fd = read_fds[i], .events = POLLIN};
    }
    ppoll(fds, count, &length, NULL);
    return 0;
}
