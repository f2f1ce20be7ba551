// SPDX-License-Identifier: Apache-2.0
// See service.h. The service manager's protocol is one datagram to $NOTIFY_SOCKET, documented as stable in
// sd_notify(3), which also tells to speak it without libsystemd: that library and what it needs would be a tenth of our
// memory.
#include "io/service.h"
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define NOTIFY_MAX_BYTES 1024

int service_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        return -1;
    }
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

enum service_signal service_next(int fd)
{
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return SERVICE_NONE;
    }
    return info.ssi_signo == SIGHUP ? SERVICE_RELOAD : SERVICE_STOP;
}

static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    if (len < 2 || len >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) {
        return; // nobody wants to hear it
    }
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; // a name in the abstract namespace
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        // A manager that does not listen is no reason to stop: it notices by itself.
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
        (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address, size);
        close(fd);
    }
}

static void notify_status(const char *before, const char *status)
{
    char text[NOTIFY_MAX_BYTES];
    int len = snprintf(text, sizeof text, "%sSTATUS=", before);
    snprintf(text + len, sizeof text - (size_t)len, "%s", status);
    for (char *newline = text + len; (newline = strchr(newline, '\n')) != NULL;) {
        *newline = ' '; // what is behind it would be another assignment
    }
    notify(text);
}

void service_ready(const char *status)
{
    notify_status("READY=1\n", status);
}

void service_status(const char *status)
{
    notify_status("", status);
}

void service_reloading(void)
{
    char text[NOTIFY_MAX_BYTES];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    notify(text);
}

void service_stopping(void)
{
    notify("STOPPING=1");
}

void service_alive(int64_t now_ms)
{
    static int64_t interval_ms = -1;
    static int64_t last_ms;
    if (interval_ms < 0) {
        const char *watchdog_us = getenv("WATCHDOG_USEC");
        interval_ms = watchdog_us ? strtoll(watchdog_us, NULL, 10) / 3000 : 0;
    }
    if (interval_ms > 0 && now_ms - last_ms >= interval_ms) {
        last_ms = now_ms;
        notify("WATCHDOG=1");
    }
}
