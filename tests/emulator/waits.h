// SPDX-License-Identifier: Apache-2.0
// Connections that are held back: until a time has come, or until the client has closed. One thread of its own resumes
// them.
#ifndef EMULATOR_WAITS_H
#define EMULATOR_WAITS_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

struct waits;

// Starts the thread; NULL when it cannot. Main thread.
struct waits *waits_start(void);

// Suspends the connection for ms milliseconds; its handler is called again afterwards. False, and nothing is suspended,
// once waits_end() was called. Within the connection's handler only.
bool waits_hold(struct waits *waits, struct MHD_Connection *connection, int64_t ms);

// The same until the client has closed its side.
bool waits_hold_until_closed(struct waits *waits, struct MHD_Connection *connection);

// Whether waits_end() was called: what is resumed then has not waited its time. Any thread.
bool waits_are_ending(struct waits *waits);

// Resumes all and refuses new ones from now on; libmicrohttpd must not be stopped with suspended connections. Main
// thread.
void waits_end(struct waits *waits);

// After libmicrohttpd was stopped. Main thread.
void waits_free(struct waits *waits);

#endif
