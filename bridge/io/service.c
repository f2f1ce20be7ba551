// SPDX-License-Identifier: Apache-2.0
// See service.h. Without libsystemd the notifications do nothing.
#include "io/service.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#ifdef JOBBRIDGE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

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

#ifdef JOBBRIDGE_SYSTEMD

void service_ready(const char *status)
{
    sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void service_reloading(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void service_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}

void service_alive(int64_t now_ms)
{
    static int64_t interval_ms = -1;
    static int64_t last_ms;
    if (interval_ms < 0) {
        uint64_t watchdog_us = 0;
        interval_ms = sd_watchdog_enabled(0, &watchdog_us) > 0 ? (int64_t)(watchdog_us / 3000) : 0;
    }
    if (interval_ms > 0 && now_ms - last_ms >= interval_ms) {
        last_ms = now_ms;
        sd_notify(0, "WATCHDOG=1");
    }
}

#else

void service_ready(const char *status)
{
    (void)status;
}

void service_reloading(void)
{
}

void service_stopping(void)
{
}

void service_alive(int64_t now_ms)
{
    (void)now_ms;
}

#endif
