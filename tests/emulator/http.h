// SPDX-License-Identifier: Apache-2.0
// What the API and the control address have in common over libmicrohttpd: a request that has been read, an answer, and
// a socket to listen on.
#ifndef EMULATOR_HTTP_H
#define EMULATOR_HTTP_H

#include "buf.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The vendor's bound on a body.
#define HTTP_BODY_MAX_BYTES 262144
#define HTTP_PARAMETERS_MAX 32

struct http_parameter {
    const char *name;
    const char *value; // NULL: no "=" in it
};

// Text belongs to the connection and lives as long as the exchange.
struct http_request {
    const char *method;
    const char *path;
    const char *authorization; // NULL: no such header; so is content_type
    const char *content_type;
    struct http_parameter parameters[HTTP_PARAMETERS_MAX];
    size_t parameter_count; // HTTP_PARAMETERS_MAX + 1: too many
    struct buf body;        // cut off after HTTP_BODY_MAX_BYTES + 1 bytes
};

struct http_reply {
    unsigned status;
    struct buf body;
    const char *allow;       // NULL: no such header; a constant
    const char *retry_after; // the same; lives until the reply is sent
};

// Fills in everything but the body. On the connection's thread.
void http_read(struct MHD_Connection *connection, const char *method, const char *path, struct http_request *request);

// Adds bytes that came to the body. On the connection's thread.
void http_take_body(struct http_request *request, const char *bytes, size_t count);

// Whether the request's content type is application/json, with or without parameters. Pure.
bool http_is_json(const struct http_request *request);

// Makes the reply an error in the API's envelope. Pure.
void http_fail(struct http_reply *reply, unsigned status, const char *type, const char *message);

// Reads a decimal integer from 0 up to INT64_MAX, digits only. Pure.
bool http_read_integer(const char *text, int64_t *value);

// Sends the reply and empties it. api_ms: for the Date header. truncate: promise the body and send only half of it. On
// the connection's thread.
enum MHD_Result http_send(struct MHD_Connection *connection, struct http_reply *reply, int64_t api_ms, bool truncate);

// Listens on "HOST:PORT" or "[HOST]:PORT" (addresses, not names; port 0 takes a free one). Gives the socket, and the
// port in *port, or -1 and a problem. loopback_only: refuse every other address. Main thread; the caller closes the
// socket.
int http_listen(const char *address, bool loopback_only, uint16_t *port, char *problem, size_t problem_bytes);

#endif
