// SPDX-License-Identifier: Apache-2.0
// See control.h. The thread sleeps in poll(2) until somebody connects or it is to end.
// Threads: the module's own (run_control and what it calls); the callers of the three functions.
#include "io/control.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 8

struct control {
    control_handler *handler;
    void *context;
    char *journal_path;
    int listen_fd;
    int stop_fd; // readable: the thread is to end
    pthread_t thread;
};

// A path that is too long for sockaddr_un is reached through its folder's descriptor. *folder_fd is -1 or to be closed
// when the address is not needed any more.
static bool make_address(const char *journal_path, struct sockaddr_un *address, int *folder_fd)
{
    char path[PATH_MAX];
    char copy[PATH_MAX];
    *folder_fd = -1;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int len = snprintf(path, sizeof path, "%s" CONTROL_SUFFIX, journal_path);
    if (len < 0 || (size_t)len >= sizeof path) {
        return false;
    }
    if ((size_t)len < sizeof address->sun_path) {
        memcpy(address->sun_path, path, (size_t)len + 1);
        return true;
    }
    memcpy(copy, path, (size_t)len + 1); // dirname and basename write into what they are given
    *folder_fd = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
    len = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", *folder_fd, basename(path));
    return *folder_fd >= 0 && len > 0 && (size_t)len < sizeof address->sun_path;
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static void set_timeout(int fd, int option, int64_t ms)
{
    struct timeval time = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    (void)setsockopt(fd, SOL_SOCKET, option, &time, sizeof time);
}

// This module's thread.

static void serve(const struct control *control, int fd)
{
    char question[CONTROL_MESSAGE_BYTES];
    struct bytes answer;
    set_timeout(fd, SO_RCVTIMEO, CONTROL_READ_MS);
    set_timeout(fd, SO_SNDTIMEO, CONTROL_READ_MS);
    ssize_t len = recv(fd, question, sizeof question, 0);
    if (len <= 0) {
        return;
    }
    bytes_init(&answer, CONTROL_MESSAGE_BYTES);
    control->handler(control->context, (struct span){question, (size_t)len}, &answer);
    (void)send(fd, bytes_text(&answer), answer.len, MSG_NOSIGNAL); // whoever asked may have gone
    bytes_free(&answer);
}

static void *run_control(void *context)
{
    const struct control *control = context;
    struct pollfd fds[] = {{.fd = control->listen_fd, .events = POLLIN}, {.fd = control->stop_fd, .events = POLLIN}};
    while (fds[1].revents == 0) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            LOG_ERROR("control socket failed", LOG_TEXT("why", strerror(errno)));
            break;
        }
        if (fds[0].revents == 0 || fds[1].revents != 0) {
            continue;
        }
        int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            serve(control, fd);
            close(fd);
        }
    }
    return NULL;
}

// The callers.

static int open_socket(const char *journal_path)
{
    struct sockaddr_un address;
    int folder_fd = -1;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && make_address(journal_path, &address, &folder_fd);
    if (ok) {
        unlink(address.sun_path);
        // Nobody can connect before listen(), so the mode is right before it matters.
        ok = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && chmod(address.sun_path, 0600) == 0 &&
             listen(fd, BACKLOG) == 0;
    }
    int error = errno;
    close_fd(folder_fd);
    if (!ok) {
        close_fd(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static void free_control(struct control *control)
{
    close_fd(control->listen_fd);
    close_fd(control->stop_fd);
    free(control->journal_path);
    free(control);
}

enum status control_listen(const char *journal_path, control_handler *handler, void *context, struct control **out)
{
    *out = NULL;
    struct control *control = calloc(1, sizeof *control);
    if (!control) {
        return STATUS_NO_MEMORY;
    }
    control->handler = handler;
    control->context = context;
    control->journal_path = strdup(journal_path);
    control->listen_fd = open_socket(journal_path);
    control->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!control->journal_path || control->listen_fd < 0 || control->stop_fd < 0 ||
        pthread_create(&control->thread, NULL, run_control, control) != 0) {
        int error = errno;
        free_control(control);
        errno = error;
        return STATUS_IO;
    }
    *out = control;
    return STATUS_OK;
}

enum status control_stop(struct control *control, int64_t timeout_ms)
{
    struct timespec until;
    uint64_t one = 1;
    clock_gettime(CLOCK_REALTIME, &until); // pthread_timedjoin_np takes no other
    until.tv_sec += timeout_ms / 1000 + 1;
    if (write(control->stop_fd, &one, sizeof one) != sizeof one ||
        pthread_timedjoin_np(control->thread, NULL, &until) != 0) {
        return STATUS_TIMEOUT;
    }
    struct sockaddr_un address;
    int folder_fd = -1;
    if (make_address(control->journal_path, &address, &folder_fd)) {
        unlink(address.sun_path);
    }
    close_fd(folder_fd);
    free_control(control);
    return STATUS_OK;
}

static enum status read_answer(int fd, struct bytes *answer)
{
    char text[CONTROL_MESSAGE_BYTES];
    ssize_t len = recv(fd, text, sizeof text, 0);
    if (len <= 0) {
        return len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? STATUS_TIMEOUT : STATUS_IO;
    }
    bytes_add(answer, text, (size_t)len);
    return bytes_ok(answer) ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status control_ask(const char *journal_path, struct span question, struct bytes *answer)
{
    struct sockaddr_un address;
    int folder_fd = -1;
    enum status rc = STATUS_IO;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && make_address(journal_path, &address, &folder_fd)) {
        set_timeout(fd, SO_RCVTIMEO, CONTROL_ANSWER_MS);
        set_timeout(fd, SO_SNDTIMEO, CONTROL_ANSWER_MS);
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
            rc = errno == ENOENT || errno == ECONNREFUSED ? STATUS_NOT_FOUND : STATUS_IO;
        } else if (send(fd, question.at, question.len, MSG_NOSIGNAL) == (ssize_t)question.len) {
            rc = read_answer(fd, answer);
        }
    }
    int error = errno;
    close_fd(folder_fd);
    close_fd(fd);
    errno = error;
    return rc;
}
