// SPDX-License-Identifier: Apache-2.0
// Held connections: a heap by due time, and an epoll set of those that wait for their client to go. Must never call a
// handler itself: it resumes the connection and libmicrohttpd calls. waits_hold*() run on libmicrohttpd's threads,
// resume_due() on the thread of this module.
#include "waits.h"

#include "clock.h"
#include "memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 64

struct held {
    int64_t due_ms;
    struct MHD_Connection *connection;
};

struct waits {
    pthread_t thread;
    pthread_mutex_t lock;
    struct held *heap; // the earliest first
    size_t count;
    size_t room;
    struct held *closing; // those that wait for their client, in no order
    size_t closing_count;
    size_t closing_room;
    int epoll_fd;
    int bell_fd;
    bool ending;
};

static int socket_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static void append(struct held **list, size_t *count, size_t *room, struct held held)
{
    if (*count == *room) {
        *room = *room == 0 ? 64 : *room * 2;
        *list = memory_resize(*list, *room * sizeof **list);
    }
    (*list)[(*count)++] = held;
}

static void swap(struct held *a, struct held *b)
{
    struct held keep = *a;

    *a = *b;
    *b = keep;
}

static void push(struct waits *waits, struct held held)
{
    size_t at = waits->count;

    append(&waits->heap, &waits->count, &waits->room, held);
    for (; at > 0 && waits->heap[(at - 1) / 2].due_ms > waits->heap[at].due_ms; at = (at - 1) / 2) {
        swap(&waits->heap[(at - 1) / 2], &waits->heap[at]);
    }
}

static struct MHD_Connection *pop(struct waits *waits)
{
    struct MHD_Connection *connection = waits->heap[0].connection;
    size_t at = 0;

    waits->heap[0] = waits->heap[--waits->count];
    for (;;) {
        size_t least = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < waits->count; child++) {
            least = waits->heap[child].due_ms < waits->heap[least].due_ms ? child : least;
        }
        if (least == at) {
            return connection;
        }
        swap(&waits->heap[least], &waits->heap[at]);
        at = least;
    }
}

static void ring(struct waits *waits)
{
    uint64_t one = 1;

    if (write(waits->bell_fd, &one, sizeof one) < 0) {
        return; // full: then it is ringing already
    }
}

// Resumes what is due and gives the time to wait for the next, in ms; -1: for ever.
static int resume_due(struct waits *waits)
{
    int64_t now_ms = clock_steady_ms();
    int64_t left_ms = -1;

    pthread_mutex_lock(&waits->lock);
    while (waits->count > 0 && waits->heap[0].due_ms <= now_ms) {
        MHD_resume_connection(pop(waits));
    }
    if (waits->count > 0) {
        left_ms = waits->heap[0].due_ms - now_ms;
    }
    pthread_mutex_unlock(&waits->lock);
    return left_ms > 60000 ? 60000 : (int)left_ms;
}

static void resume_closed(struct waits *waits, struct MHD_Connection *connection)
{
    pthread_mutex_lock(&waits->lock);
    for (size_t i = 0; i < waits->closing_count; i++) {
        if (waits->closing[i].connection == connection) {
            waits->closing[i] = waits->closing[--waits->closing_count];
            epoll_ctl(waits->epoll_fd, EPOLL_CTL_DEL, socket_of(connection), NULL);
            MHD_resume_connection(connection);
            break;
        }
    }
    pthread_mutex_unlock(&waits->lock);
}

static void resume_all(struct waits *waits)
{
    pthread_mutex_lock(&waits->lock);
    while (waits->count > 0) {
        MHD_resume_connection(pop(waits));
    }
    while (waits->closing_count > 0) {
        struct MHD_Connection *connection = waits->closing[--waits->closing_count].connection;

        epoll_ctl(waits->epoll_fd, EPOLL_CTL_DEL, socket_of(connection), NULL);
        MHD_resume_connection(connection);
    }
    pthread_mutex_unlock(&waits->lock);
}

bool waits_are_ending(struct waits *waits)
{
    bool ending;

    pthread_mutex_lock(&waits->lock);
    ending = waits->ending;
    pthread_mutex_unlock(&waits->lock);
    return ending;
}

static void *run_waits(void *closure)
{
    struct waits *waits = closure;
    struct epoll_event events[EVENTS_MAX];
    uint64_t rings;

    while (!waits_are_ending(waits)) {
        int count = epoll_wait(waits->epoll_fd, events, EVENTS_MAX, resume_due(waits));

        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) {
                resume_closed(waits, events[i].data.ptr);
            } else if (read(waits->bell_fd, &rings, sizeof rings) < 0) {
                continue;
            }
        }
    }
    resume_all(waits);
    return NULL;
}

struct waits *waits_start(void)
{
    struct waits *waits = memory_zeroed(1, sizeof *waits);
    struct epoll_event event = {.events = EPOLLIN};

    pthread_mutex_init(&waits->lock, NULL);
    waits->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    waits->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (waits->epoll_fd < 0 || waits->bell_fd < 0 ||
        epoll_ctl(waits->epoll_fd, EPOLL_CTL_ADD, waits->bell_fd, &event) != 0 ||
        pthread_create(&waits->thread, NULL, run_waits, waits) != 0) {
        waits_free(waits);
        return NULL;
    }
    return waits;
}

bool waits_hold(struct waits *waits, struct MHD_Connection *connection, int64_t ms)
{
    struct held held = {clock_steady_ms() + ms, connection};
    bool held_back;

    pthread_mutex_lock(&waits->lock);
    held_back = !waits->ending;
    if (held_back) {
        MHD_suspend_connection(connection);
        push(waits, held);
    }
    pthread_mutex_unlock(&waits->lock);
    ring(waits);
    return held_back;
}

bool waits_hold_until_closed(struct waits *waits, struct MHD_Connection *connection)
{
    struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = connection};
    bool held_back;

    pthread_mutex_lock(&waits->lock);
    held_back = !waits->ending && epoll_ctl(waits->epoll_fd, EPOLL_CTL_ADD, socket_of(connection), &event) == 0;
    if (held_back) {
        MHD_suspend_connection(connection);
        append(&waits->closing, &waits->closing_count, &waits->closing_room, (struct held){0, connection});
    }
    pthread_mutex_unlock(&waits->lock);
    return held_back;
}

void waits_end(struct waits *waits)
{
    pthread_mutex_lock(&waits->lock);
    waits->ending = true;
    pthread_mutex_unlock(&waits->lock);
    ring(waits);
    pthread_join(waits->thread, NULL);
}

void waits_free(struct waits *waits)
{
    if (waits->epoll_fd >= 0) {
        close(waits->epoll_fd);
    }
    if (waits->bell_fd >= 0) {
        close(waits->bell_fd);
    }
    pthread_mutex_destroy(&waits->lock);
    free(waits->heap);
    free(waits->closing);
    free(waits);
}
