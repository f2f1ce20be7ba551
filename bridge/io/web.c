// SPDX-License-Identifier: Apache-2.0
// See web.h. Readers of /events are suspended while there is nothing for them; a reader whose place in the feed was
// overwritten is cut off, and finds its way back by itself. The loop's thread.
#include "io/web.h"
#include "base/log.h"
#include "io/web_assets.h"
#include "io/web_listen.h"
#include "io/web_rule.h"
#include "rules/feed.h"
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTION_MEMORY_BYTES 16384
#define EVENT_BLOCK_BYTES       4096
#define EVENT_END               SPAN("\n\n")

struct reader {
    struct reader *next;
    struct web *web;
    struct MHD_Connection *connection;
    struct bytes first; // what it gets before the feed
    size_t sent;        // of first
    uint64_t place;     // in the feed
    bool waiting;       // suspended
    bool lost;
};

struct web {
    struct web_settings settings;
    struct web_socket socket;
    char *token;
    struct MHD_Daemon *daemon;
    int fd;
    struct feed feed;
    struct reader *readers;
    int64_t reader_count;
    int64_t dropped;
    int64_t left_ms; // when the last reader left, 0: never or there is one
    int64_t beat_ms;
    int64_t look_ms;
    uint64_t boot; // tells the feeds of processes apart
    bool closing;
};

static int64_t now_ms(const struct web *web)
{
    return clock_now_ms(web->settings.clock);
}

// Headers that every answer has. The policy allows nothing that does not come from here, and no inline code.
static void add_headers(struct MHD_Response *response, const char *type)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                                    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cache-Control", "no-store"},
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
    }
    MHD_add_response_header(response, "Content-Type", type);
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response,
                              const char *type)
{
    if (!response) {
        return MHD_NO;
    }
    add_headers(response, type);
    if (status == MHD_HTTP_UNAUTHORIZED) {
        MHD_add_response_header(response, "WWW-Authenticate", "Basic realm=\"jobbridge\", charset=\"UTF-8\"");
    }
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    }
    enum MHD_Result rc = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return rc;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
    return answer(connection, status,
                  MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT),
                  "text/plain; charset=utf-8");
}

static enum MHD_Result answer_page(struct web *web, struct MHD_Connection *connection, enum web_page page,
                                   const char *type)
{
    struct bytes out;
    bytes_init(&out, WEB_PAGE_MAX_BYTES);
    bool ready = web->settings.render(web->settings.context, page, &out);
    if (!bytes_ok(&out)) {
        bytes_free(&out);
        return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "this page has become too long\n");
    }
    // The response takes the buffer over.
    return answer(connection, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                  MHD_create_response_from_buffer(out.len, out.data, MHD_RESPMEM_MUST_FREE), type);
}

static void forget_reader(void *context)
{
    struct reader *reader = context;
    struct web *web = reader->web;
    struct reader **at = &web->readers;
    while (*at && *at != reader) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = reader->next;
        web->reader_count--;
        web->left_ms = web->reader_count == 0 ? now_ms(web) : 0;
    }
    bytes_free(&reader->first);
    free(reader);
}

// Bytes for one reader; without any it is suspended until there are some.
static ssize_t give_events(void *context, uint64_t at, char *buffer, size_t size)
{
    struct reader *reader = context;
    struct web *web = reader->web;
    size_t left = reader->first.len - reader->sent;
    (void)at;
    if (left > 0) {
        left = left < size ? left : size;
        memcpy(buffer, reader->first.data + reader->sent, left);
        reader->sent += left;
        return (ssize_t)left;
    }
    if (web->closing) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (reader->lost) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    bytes_free(&reader->first);
    reader->sent = 0;
    int64_t got = feed_read(&web->feed, &reader->place, buffer, size);
    if (got < 0) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (got == 0) {
        reader->waiting = true;
        MHD_suspend_connection(reader->connection);
    }
    return (ssize_t)got;
}

// The event's id is where a reader goes on that has had it. in_feed: that is after the event, else before it.
static void frame_event(const struct web *web, bool in_feed, const char *name, struct span json, struct bytes *out)
{
    static const char format[] = "id: %016" PRIx64 "-%016" PRIx64 "\nevent: %s\ndata: ";
    uint64_t place = web->feed.end;
    if (in_feed) {
        place += (size_t)snprintf(NULL, 0, format, web->boot, place, name) + json.len + EVENT_END.len;
    }
    bytes_add_format(out, format, web->boot, place, name);
    size_t from = out->len;
    bytes_add_span(out, json);
    for (size_t i = from; i < out->len; i++) {
        if (out->data[i] == '\n' || out->data[i] == '\r') {
            out->data[i] = ' '; // white space between the tokens of JSON, and the end of a line here
        }
    }
    bytes_add_span(out, EVENT_END);
}

// Where the reader says that it was: true when it can go on there.
static bool resume_reader(const struct web *web, struct MHD_Connection *connection, uint64_t *place)
{
    const char *id = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID");
    uint64_t boot = 0;
    return id && sscanf(id, "%" SCNx64 "-%" SCNx64, &boot, place) == 2 && boot == web->boot && web_watched(web) &&
           feed_can_resume(&web->feed, *place, EVENT_END);
}

static bool start_reader(struct web *web, struct MHD_Connection *connection, struct reader *reader)
{
    bytes_init(&reader->first, WEB_PAGE_MAX_BYTES + 4096);
    bytes_add_text(&reader->first, "retry: 2000\n\n");
    if (!resume_reader(web, connection, &reader->place)) {
        struct bytes state;
        reader->place = web->feed.end;
        bytes_init(&state, WEB_PAGE_MAX_BYTES);
        web->settings.render(web->settings.context, WEB_STATUS, &state);
        frame_event(web, false, "snapshot", bytes_span(&state), &reader->first);
        reader->first.failed = reader->first.failed || !bytes_ok(&state);
        bytes_free(&state);
    }
    return bytes_ok(&reader->first);
}

static enum MHD_Result answer_events(struct web *web, struct MHD_Connection *connection, bool head)
{
    static const char type[] = "text/event-stream; charset=utf-8";
    if (head) {
        return answer(connection, MHD_HTTP_OK, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT), type);
    }
    if (web->reader_count >= WEB_READERS_MAX) {
        return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "there are too many readers of events already\n");
    }
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        return MHD_NO;
    }
    reader->web = web;
    reader->connection = connection;
    if (!start_reader(web, connection, reader)) {
        bytes_free(&reader->first);
        free(reader);
        return MHD_NO;
    }
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, EVENT_BLOCK_BYTES, give_events, reader, forget_reader);
    if (!response) {
        bytes_free(&reader->first);
        free(reader);
        return MHD_NO;
    }
    reader->next = web->readers;
    web->readers = reader;
    web->reader_count++;
    web->left_ms = 0;
    web->beat_ms = web->reader_count == 1 ? now_ms(web) : web->beat_ms;
    return answer(connection, MHD_HTTP_OK, response, type);
}

// NULL: go on. Else the status and text to refuse with.
static const char *refusal(const struct web *web, struct MHD_Connection *connection, const char *method,
                           unsigned *status)
{
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    const char *credentials = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    if (web->socket.loopback && host && !web_host_is_loopback(host)) {
        *status = MHD_HTTP_FORBIDDEN;
        return "this address is for this machine only: ask for localhost or 127.0.0.1\n";
    }
    if (web->token && !web_token_matches(credentials, span_of(web->token))) {
        *status = MHD_HTTP_UNAUTHORIZED;
        return "a token is needed: Authorization: Bearer TOKEN, or any user with the token as password\n";
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        *status = MHD_HTTP_METHOD_NOT_ALLOWED;
        return "these pages can only be read\n";
    }
    return NULL;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **state)
{
    struct web *web = context;
    unsigned status = 0;
    (void)version;
    (void)upload;
    if (*upload_size > 0) {
        *upload_size = 0; // the body of a refused method
        return MHD_YES;
    }
    if (!*state) { // the headers are there; the answer may come when the whole request is
        *state = web;
        return MHD_YES;
    }
    const char *text = refusal(web, connection, method, &status);
    if (text) {
        return answer_text(connection, status, text);
    }
    const struct web_asset *asset = web_asset_find(url);
    if (asset) {
        return answer(connection, MHD_HTTP_OK,
                      MHD_create_response_from_buffer((size_t)(asset->end - asset->begin), (void *)asset->begin,
                                                      MHD_RESPMEM_PERSISTENT),
                      asset->type);
    }
    if (strcmp(url, "/healthz") == 0) { // the loop itself answers, so an answer is all that there is to say
        return answer_text(connection, MHD_HTTP_OK, "ok\n");
    }
    if (strcmp(url, "/readyz") == 0) {
        return answer_page(web, connection, WEB_READY, "text/plain; charset=utf-8");
    }
    if (strcmp(url, "/metrics") == 0) {
        return answer_page(web, connection, WEB_METRICS, "text/plain; version=0.0.4; charset=utf-8");
    }
    if (strcmp(url, "/status.json") == 0) {
        return answer_page(web, connection, WEB_STATUS, "application/json");
    }
    if (strcmp(url, "/events") == 0) {
        return answer_events(web, connection, strcmp(method, "HEAD") == 0);
    }
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "there is no such page\n");
}

__attribute__((format(printf, 2, 0))) static void log_library(void *context, const char *format, va_list args)
{
    char text[256];
    (void)context;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    LOG_DEBUG("web", LOG_TEXT("why", text));
}

static enum status start_daemon(struct web *web, char **why)
{
    web->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle,
                                   web, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL, MHD_OPTION_LISTEN_SOCKET,
                                   (MHD_socket)web->socket.fd, MHD_OPTION_CONNECTION_LIMIT,
                                   (unsigned)WEB_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)WEB_IDLE_S,
                                   MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_END);
    const union MHD_DaemonInfo *info = web->daemon ? MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info) {
        *why = strdup("the web server could not be started");
        return STATUS_NO_MEMORY;
    }
    web->fd = info->epoll_fd;
    return STATUS_OK;
}

enum status web_open(const struct web_settings *settings, struct web **out, char **why)
{
    *out = NULL;
    *why = NULL;
    struct web *web = calloc(1, sizeof *web);
    if (!web) {
        return STATUS_NO_MEMORY;
    }
    web->settings = *settings;
    web->boot = (uint64_t)clock_wall_ms(settings->clock);
    web->fd = -1;
    feed_init(&web->feed, WEB_FEED_BYTES);
    enum status rc = web_listen(settings->listen, &web->socket, why);
    if (rc == STATUS_OK && settings->token.len > 0) {
        web->token = span_dup(settings->token);
        rc = web->token ? STATUS_OK : STATUS_NO_MEMORY;
    }
    rc = rc != STATUS_OK ? rc : start_daemon(web, why);
    if (rc != STATUS_OK) {
        web_close(web);
        return rc;
    }
    *out = web;
    return STATUS_OK;
}

static void wake_reader(struct reader *reader)
{
    if (reader->waiting) {
        reader->waiting = false;
        MHD_resume_connection(reader->connection);
    }
}

void web_close(struct web *web)
{
    if (!web) {
        return;
    }
    web->closing = true;
    if (web->daemon) {
        // The library wants nobody suspended at its end.
        for (struct reader *reader = web->readers; reader; reader = reader->next) {
            wake_reader(reader);
        }
        MHD_run(web->daemon);
        MHD_stop_daemon(web->daemon); // closes the socket, too
    } else if (web->socket.fd >= 0) {
        close(web->socket.fd);
    }
    web_listen_end(&web->socket);
    feed_free(&web->feed);
    if (web->token) {
        explicit_bzero(web->token, strlen(web->token));
        free(web->token);
    }
    free(web);
}

int web_fd(const struct web *web)
{
    return web ? web->fd : -1;
}

bool web_watched(const struct web *web)
{
    return web->reader_count > 0 || (web->left_ms != 0 && now_ms(web) - web->left_ms < WEB_LINGER_MS);
}

int64_t web_readers(const struct web *web)
{
    return web->reader_count;
}

int64_t web_dropped(const struct web *web)
{
    return web->dropped;
}

static int socket_of(const struct reader *reader)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(reader->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

// The library does not look at suspended connections: one that was closed would keep its place until the next event.
static void find_gone_readers(struct web *web)
{
    char byte;
    for (struct reader *reader = web->readers; reader; reader = reader->next) {
        if (reader->waiting && recv(socket_of(reader), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
            reader->lost = true;
            wake_reader(reader);
        }
    }
}

// A reader that has fallen behind the whole buffer does not read: the library would only notice after WEB_IDLE_S.
static void drop_slow_readers(struct web *web)
{
    for (struct reader *reader = web->readers; reader; reader = reader->next) {
        if (reader->place < web->feed.start && !reader->lost) {
            reader->lost = true;
            web->dropped++;
            LOG_INFO("reader of events was too slow");
            shutdown(socket_of(reader), SHUT_RDWR);
        }
    }
}

static void add_to_feed(struct web *web, struct span text)
{
    if (feed_add(&web->feed, text)) {
        drop_slow_readers(web);
    }
}

void web_event(struct web *web, const char *name, struct span json)
{
    struct bytes text;
    if (!web_watched(web)) {
        return;
    }
    bytes_init(&text, WEB_PAGE_MAX_BYTES);
    frame_event(web, true, name, json, &text);
    if (bytes_ok(&text)) {
        add_to_feed(web, bytes_span(&text));
    }
    bytes_free(&text);
}

static void keep_readers(struct web *web)
{
    if (web->reader_count == 0) {
        if (web->feed.data && !web_watched(web)) {
            feed_free(&web->feed);
        }
        return;
    }
    if (now_ms(web) - web->look_ms >= WEB_LOOK_MS) {
        web->look_ms = now_ms(web);
        find_gone_readers(web);
    }
    if (now_ms(web) - web->beat_ms >= WEB_BEAT_MS) {
        web->beat_ms = now_ms(web);
        add_to_feed(web, SPAN("event: beat\ndata:\n\n"));
    }
    for (struct reader *reader = web->readers; reader; reader = reader->next) {
        if (reader->place != web->feed.end) {
            wake_reader(reader);
        }
    }
}

int64_t web_turn(struct web *web)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    keep_readers(web);
    MHD_run(web->daemon);
    if (MHD_get_timeout(web->daemon, &wait_ms) != MHD_YES || wait_ms > WEB_LOOK_MS) {
        return web->reader_count > 0 ? WEB_LOOK_MS : -1;
    }
    return (int64_t)wait_ms;
}
