// SPDX-License-Identifier: Apache-2.0
// Calls of the API through one curl multi handle: kept connections, HTTP/2 where the server speaks it, TLS verified.
// It is also the loop's only wait. Must never send a request twice by itself, follow a redirect, or log the token.
// The loop's thread, except http_wake.
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include "base/bytes.h"
#include "base/status.h"
#include "rules/outcome.h"

#define HTTP_RESPONSE_MAX_BYTES 8388608 // a longer answer counts as lost
#define HTTP_URL_MAX_BYTES      2048
#define HTTP_HEADER_MAX_BYTES   128
#define HTTP_IDLE_HANDLES       64 // easy handles kept for reuse

struct http;

struct http_settings {
    const char *base_url;
    const char *ca_file; // "": the system's
    int64_t connect_timeout_ms;
    int64_t request_timeout_ms;
    int64_t max_connections;
};

enum http_method { HTTP_GET, HTTP_POST, HTTP_PATCH, HTTP_DELETE };

struct http_response {
    enum transport transport;
    int status;       // when transport is TRANSPORT_OK
    struct span body; // borrowed until the callback returns
    struct span retry_after;
    struct span date;
    int64_t took_us;
    const char *error; // curl's words when transport is not OK, "" else
};

typedef void http_done(void *context, int64_t tag, const struct http_response *response);

struct http_request {
    enum http_method method;
    const char *path; // after base_url, every id in it checked by the caller; copied
    struct span body; // JSON; empty: none; copied
    int64_t tag;
    http_done *done;
    void *context;
};

enum status http_create(const struct http_settings *settings, struct http **out);
void http_free(struct http *http); // drops what is in flight without calling back
// New settings for the requests that start from now on.
enum status http_set(struct http *http, const struct http_settings *settings);
// The bearer token from now on; copied, the old one is wiped.
enum status http_set_token(struct http *http, struct span token);
// Starts a request; done is called exactly once by http_run, never from in here, unless this fails.
enum status http_send(struct http *http, const struct http_request *request);
size_t http_in_flight(const struct http *http);
// Does what can be done now and calls back for what has ended.
void http_run(struct http *http);
#define HTTP_WAIT_FDS_MAX 2
// Waits for the network, something to read on one of fds (-1: none), http_wake or timeout_ms, whatever comes first.
void http_wait(struct http *http, const int fds[], size_t count, int64_t timeout_ms);
void http_wake(struct http *http); // any thread

// Looking, for `jobbridge probe`: a connection to any server that speaks TCP or TLS, closed again without a word.
struct http_reach_settings {
    const char *url;                            // http://HOST:PORT, or https://HOST:PORT for TLS
    const char *ca_file, *cert_file, *key_file; // "": none
    bool verify;
    bool alpn; // offers HTTP in the handshake; a broker might refuse it
    int64_t timeout_ms;
};
enum http_reach { HTTP_REACH_OK, HTTP_REACH_NO_HOST, HTTP_REACH_NO_CONNECTION, HTTP_REACH_NO_TLS };
// Waits. why: what went wrong, "" when nothing did.
enum http_reach http_reach(const struct http_reach_settings *settings, char *why, size_t why_bytes);
// The file with the certificates that the system trusts; false: there is none that libcurl knows.
bool http_system_ca(char *path, size_t path_bytes);

#endif
