// SPDX-License-Identifier: Apache-2.0
// The process among others: signals as events, and what a service manager wants to hear. The main thread.
#ifndef IO_SERVICE_H
#define IO_SERVICE_H

#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

enum service_signal { SERVICE_NONE, SERVICE_STOP, SERVICE_RELOAD };

// Blocks SIGTERM, SIGINT and SIGHUP for this and all later threads, ignores SIGPIPE, and gives a descriptor that is
// readable when one came; -1 on failure.
int service_signals(void);
enum service_signal service_next(int fd); // SERVICE_NONE: no signal waits

void service_ready(const char *status);
void service_status(const char *status); // for people, in `systemctl status`
void service_reloading(void);
void service_stopping(void);
// Tells the watchdog that the loop turns, as often as it wants to hear it.
void service_alive(int64_t now_ms);

#endif
