// SPDX-License-Identifier: Apache-2.0
// The read-only pages for people and machines that watch the bridge, with libmicrohttpd. It has no thread: the loop
// waits for web_fd and calls web_turn, so nothing that the pages are made of needs a lock, and an idle server costs
// nothing. Must never change anything, take longer for one client than a write that does not block, or let what it
// holds for a client grow: connections, readers of events and their backlog all have bounds. The loop's thread.
#ifndef IO_WEB_H
#define IO_WEB_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/status.h"

#define WEB_CONNECTIONS_MAX 32
#define WEB_READERS_MAX     8      // of /events
#define WEB_FEED_BYTES      524288 // events that a slow reader may be behind; there only while somebody reads
#define WEB_IDLE_S          30     // a connection without traffic is closed
#define WEB_BEAT_MS         15000  // a sign of life for readers, who would take silence for a dead bridge
#define WEB_LOOK_MS         1000   // readers that have gone are found after so long
#define WEB_LINGER_MS       60000  // events are kept so long for a reader that comes back
#define WEB_PAGE_MAX_BYTES  1048576

struct web;

enum web_page {
    WEB_METRICS,
    WEB_READY,
    WEB_STATUS // also the first event of a new reader
};

struct web_settings {
    const char *listen; // "HOST:PORT" or "unix:/PATH"
    struct span token;  // demanded from every client; empty: none. Wiped copy inside
    const struct clock *clock;
    // Fills out. false: the bridge is not ready (WEB_READY).
    bool (*render)(void *context, enum web_page page, struct bytes *out);
    void *context;
};

// Listens. *why is malloc'ed text in every failure.
enum status web_open(const struct web_settings *settings, struct web **out, char **why);
void web_close(struct web *web);   // NULL is allowed
int web_fd(const struct web *web); // readable when web_turn has something to do; -1 for NULL
// Serves what can be served without waiting; ms until it wants to be called again at the latest, -1: only by web_fd.
int64_t web_turn(struct web *web);
// Somebody reads the events, or may come back for them: only then need they be made.
bool web_watched(const struct web *web);
void web_event(struct web *web, const char *name, struct span json);
int64_t web_readers(const struct web *web);
int64_t web_dropped(const struct web *web); // readers that were too slow

#endif
