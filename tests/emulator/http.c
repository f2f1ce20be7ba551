// SPDX-License-Identifier: Apache-2.0
// The HTTP that both addresses share. Must never decide what an answer says. Runs on libmicrohttpd's threads, and on
// the main thread for listening.
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 1024

static enum MHD_Result take_parameter(void *closure, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct http_request *request = closure;

    (void)kind;
    if (request->parameter_count < HTTP_PARAMETERS_MAX) {
        request->parameters[request->parameter_count] = (struct http_parameter){name, value};
    }
    if (request->parameter_count <= HTTP_PARAMETERS_MAX) {
        request->parameter_count++;
    }
    return MHD_YES;
}

void http_read(struct MHD_Connection *connection, const char *method, const char *path, struct http_request *request)
{
    request->method = method;
    request->path = path;
    request->authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    request->content_type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
    request->parameter_count = 0;
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_parameter, request);
}

void http_take_body(struct http_request *request, const char *bytes, size_t count)
{
    size_t room = HTTP_BODY_MAX_BYTES + 1 - request->body.bytes;

    buf_add(&request->body, bytes, count < room ? count : room);
}

bool http_is_json(const struct http_request *request)
{
    const char *type = request->content_type;
    size_t bytes = sizeof "application/json" - 1;

    return type && strncasecmp(type, "application/json", bytes) == 0 && strchr("; \t", type[bytes]) != NULL;
}

void http_fail(struct http_reply *reply, unsigned status, const char *type, const char *message)
{
    size_t at;

    reply->status = status;
    reply->body.bytes = 0;
    buf_puts(&reply->body, "{");
    buf_text(&reply->body, "type", type);
    at = reply->body.bytes;
    buf_text(&reply->body, "message", message);
    buf_puts(&reply->body, "}");
    // A message repeats names that the caller gave, cut somewhere: what is not ASCII may be no UTF-8 any more.
    for (; at < reply->body.bytes; at++) {
        if ((unsigned char)reply->body.text[at] >= 0x80) {
            reply->body.text[at] = '?';
        }
    }
}

bool http_read_integer(const char *text, int64_t *value)
{
    char *end;

    if (!text || strspn(text, "0123456789") == 0) {
        return false;
    }
    errno = 0;
    *value = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

static ssize_t read_half(void *closure, uint64_t at, char *to, size_t max)
{
    const struct buf *body = closure;
    size_t half = body->bytes / 2;
    size_t count;

    if (at >= half) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    count = half - (size_t)at < max ? half - (size_t)at : max;
    memcpy(to, body->text + at, count);
    return (ssize_t)count;
}

static void free_half(void *closure)
{
    buf_free(closure);
    free(closure);
}

static struct MHD_Response *make_response(struct buf *body, bool truncate)
{
    struct buf *kept;
    struct MHD_Response *response;

    if (!truncate) {
        response = MHD_create_response_from_buffer(body->bytes, body->text, MHD_RESPMEM_MUST_FREE);
        *body = (struct buf){0};
        return response;
    }
    kept = malloc(sizeof *kept);
    if (!kept) {
        return NULL;
    }
    *kept = *body;
    *body = (struct buf){0};
    return MHD_create_response_from_callback(kept->bytes, 1024, read_half, kept, free_half);
}

static void write_date(int64_t api_ms, char *out, size_t bytes)
{
    time_t seconds = (time_t)(api_ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(out, bytes, "%a, %d %b %Y %H:%M:%S GMT", &tm); // the program never leaves the C locale
}

enum MHD_Result http_send(struct MHD_Connection *connection, struct http_reply *reply, int64_t api_ms, bool truncate)
{
    struct MHD_Response *response = make_response(&reply->body, truncate);
    enum MHD_Result rc;
    char date[64];

    if (!response) {
        return MHD_NO;
    }
    write_date(api_ms, date, sizeof date);
    MHD_add_response_header(response, MHD_HTTP_HEADER_DATE, date);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json; charset=utf-8");
    if (reply->allow) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow);
    }
    if (reply->retry_after) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, reply->retry_after);
    }
    if (reply->status == MHD_HTTP_UNAUTHORIZED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    }
    rc = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return rc;
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

// Gives the length of the address, 0 when the text is none.
static socklen_t read_address(const char *text, union address *address)
{
    const char *colon = strrchr(text, ':');
    char host[64] = "";
    int64_t port;
    size_t bytes;

    *address = (union address){0};
    if (!colon || !http_read_integer(colon + 1, &port) || port > 65535) {
        return 0;
    }
    bytes = (size_t)(colon - text);
    if (bytes >= sizeof host) {
        return 0;
    }
    memcpy(host, text, bytes);
    if (host[0] == '[' && host[bytes - 1] == ']') {
        host[bytes - 1] = '\0';
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons((uint16_t)port);
        return inet_pton(AF_INET6, host + 1, &address->v6.sin6_addr) == 1 ? sizeof address->v6 : 0;
    }
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &address->v4.sin_addr) == 1 ? sizeof address->v4 : 0;
}

static bool is_loopback(const union address *address)
{
    if (address->any.sa_family == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    }
    return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
}

static int open_socket(union address *address, socklen_t bytes)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;

    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &address->any, bytes) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, &address->any, &bytes) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

int http_listen(const char *address, bool loopback_only, uint16_t *port, char *problem, size_t problem_bytes)
{
    union address where;
    socklen_t bytes = read_address(address, &where);
    int fd;

    if (bytes == 0) {
        snprintf(problem, problem_bytes, "%s: expected ADDRESS:PORT, as in 127.0.0.1:8080 or [::1]:0", address);
        return -1;
    }
    if (loopback_only && !is_loopback(&where)) {
        snprintf(problem, problem_bytes, "%s: the control address asks for no token, so it must be a loopback one",
                 address);
        return -1;
    }
    fd = open_socket(&where, bytes);
    if (fd < 0) {
        snprintf(problem, problem_bytes, "%s: cannot listen: %s", address, strerror(errno));
        return -1;
    }
    *port = ntohs(where.any.sa_family == AF_INET6 ? where.v6.sin6_port : where.v4.sin_port);
    return fd;
}
