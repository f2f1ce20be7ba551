// SPDX-License-Identifier: Apache-2.0
// The API over libmicrohttpd: each request is an exchange that goes through phases, held back between them where a
// fault or the latency says so. Must never know what an operation does. Runs on libmicrohttpd's threads.
#include "front.h"

#include "api.h"
#include "clock.h"
#include "http.h"
#include "memory.h"
#include "waits.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define THREADS     4
#define CONNECTIONS 4096

enum phase {
    PHASE_READ,   // the request has come in whole
    PHASE_ACT,    // the fault's delay is over
    PHASE_ANSWER, // acted, and all waiting is over
    PHASE_HUNG,   // the client of a hanging request has closed
};

struct front {
    struct world *world;
    struct MHD_Daemon *daemon;
    struct waits *waits;
    bool verbose;
    atomic_uint_fast64_t connections;
};

struct exchange {
    struct front *front;
    struct MHD_Connection *connection;
    enum phase phase;
    struct http_request request;
    struct op_route route;
    struct http_reply reply;
    struct fault_hit hit;
    int64_t arrived_at_ms;
};

static void log_request(const struct exchange *exchange, const struct audit_request *entry)
{
    fprintf(stderr, "%s %s -> %d%s%s connection=%llu\n", exchange->request.method, exchange->request.path,
            entry->status, exchange->hit.what == FAULT_NONE ? "" : " fault=", fault_words[exchange->hit.what],
            (unsigned long long)entry->connection);
}

static uint64_t connection_number(struct MHD_Connection *connection)
{
    const uint64_t *number = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

    return *number;
}

// status: what the client gets, 0 for nothing.
static void record(const struct exchange *exchange, unsigned status)
{
    struct world *world = exchange->front->world;
    struct audit_request entry = {
        .at_ms = exchange->arrived_at_ms,
        .op = exchange->route.op,
        .status = (int)status,
        .fault = exchange->hit.what,
        .connection = connection_number(exchange->connection),
    };

    memcpy(entry.job, exchange->route.resource_job_id, ID_SIZE);
    world_lock(world);
    audit_add_request(&world->audit, &entry);
    world_unlock(world);
    if (exchange->front->verbose) {
        log_request(exchange, &entry);
    }
}

// Cuts the connection: the caller returns what this returns. Linux sends a reset when a connected socket is connected
// to AF_UNSPEC (tcp_disconnect); libmicrohttpd's own way of closing would send the orderly end first.
static enum MHD_Result cut(const struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

    if (exchange->hit.cut == CUT_RESET) {
        (void)connect(info->connect_fd, &nowhere, sizeof nowhere);
    }
    return MHD_NO;
}

static enum MHD_Result answer(struct exchange *exchange)
{
    if (exchange->hit.what == FAULT_ACT_THEN_DROP) {
        return cut(exchange);
    }
    return http_send(exchange->connection, &exchange->reply, world_api_ms(exchange->front->world),
                     exchange->hit.what == FAULT_TRUNCATE);
}

static enum MHD_Result hold_then(struct exchange *exchange, int64_t ms, enum phase next)
{
    exchange->phase = next;
    return waits_hold(exchange->front->waits, exchange->connection, ms) ? MHD_YES : MHD_NO;
}

static void set_body(struct http_reply *reply, unsigned status, const char *body)
{
    reply->status = status;
    reply->body.bytes = 0;
    buf_puts(&reply->body, body);
}

// What the faults do to an answer after the operation has acted.
static void spoil(struct exchange *exchange)
{
    if (exchange->hit.what == FAULT_GARBAGE) {
        set_body(&exchange->reply, MHD_HTTP_OK, "<html><body>Bad gateway</body>");
    } else if (exchange->hit.what == FAULT_NO_ID) {
        set_body(&exchange->reply, MHD_HTTP_OK, "{\"success\":true}");
    }
}

static enum MHD_Result finish(struct exchange *exchange)
{
    struct world *world = exchange->front->world;
    bool answers = exchange->hit.what != FAULT_ACT_THEN_DROP;
    int64_t wait_ms;

    world_lock(world);
    wait_ms = world->settings.latency_ms;
    world_unlock(world);
    wait_ms += exchange->hit.what == FAULT_ACT_THEN_DELAY ? exchange->hit.ms : 0;
    record(exchange, answers ? exchange->reply.status : 0);
    return wait_ms > 0 ? hold_then(exchange, wait_ms, PHASE_ANSWER) : answer(exchange);
}

static enum MHD_Result act(struct exchange *exchange)
{
    api_act(exchange->front->world, &exchange->request, &exchange->route, &exchange->reply);
    spoil(exchange);
    return finish(exchange);
}

static enum MHD_Result answer_status(struct exchange *exchange)
{
    static const struct {
        unsigned status;
        const char *type;
    } types[] = {{400, "Validation"}, {401, "Unauthorized"},  {403, "Forbidden"},
                 {404, "NotFound"},   {409, "AlreadyExists"}, {410, "Gone"},
                 {422, "Validation"}, {429, "RateLimited"},   {0, "ServerError"}};
    unsigned status = (unsigned)exchange->hit.status;
    size_t at = 0;

    while (types[at].status != status && types[at].status != 0) {
        at++;
    }
    http_fail(&exchange->reply, status, types[at].type, "A fault on demand");
    exchange->reply.retry_after = exchange->hit.retry_after[0] ? exchange->hit.retry_after : NULL;
    return finish(exchange);
}

static enum MHD_Result begin(struct exchange *exchange)
{
    struct world *world = exchange->front->world;

    world_lock(world);
    faults_choose(&world->faults, &world->chance, exchange->route.op, exchange->route.resource_job_id, &exchange->hit);
    world_unlock(world);
    switch (exchange->hit.what) {
    case FAULT_STATUS:
        return answer_status(exchange);
    case FAULT_DROP:
        record(exchange, 0);
        return cut(exchange);
    case FAULT_HANG:
        record(exchange, 0);
        exchange->phase = PHASE_HUNG;
        return waits_hold_until_closed(exchange->front->waits, exchange->connection) ? MHD_YES : MHD_NO;
    case FAULT_DELAY:
        return hold_then(exchange, exchange->hit.ms, PHASE_ACT);
    default:
        return act(exchange);
    }
}

static enum MHD_Result go_on(struct exchange *exchange)
{
    if (exchange->phase != PHASE_READ && waits_are_ending(exchange->front->waits)) {
        return MHD_NO; // to act before its time, because the program ends, would be what no fault asked for
    }
    switch (exchange->phase) {
    case PHASE_READ:
        return begin(exchange);
    case PHASE_ACT:
        return act(exchange);
    case PHASE_ANSWER:
        return answer(exchange);
    case PHASE_HUNG:
        return MHD_NO;
    }
    return MHD_NO;
}

// libmicrohttpd's access handler: called with the headers, with each piece of the body, with the end, and after each
// resuming.
static enum MHD_Result handle_request(void *closure, struct MHD_Connection *connection, const char *url,
                                      const char *method, const char *version, const char *upload, size_t *upload_bytes,
                                      void **kept)
{
    struct exchange *exchange = *kept;

    (void)version;
    if (!exchange) {
        exchange = *kept = memory_zeroed(1, sizeof *exchange);
        exchange->front = closure;
        exchange->connection = connection;
        exchange->arrived_at_ms = clock_wall_ms();
        exchange->hit.what = FAULT_NONE;
        http_read(connection, method, url, &exchange->request);
        op_find(method, url, &exchange->route);
        return MHD_YES;
    }
    if (*upload_bytes > 0) {
        http_take_body(&exchange->request, upload, *upload_bytes);
        *upload_bytes = 0;
        return MHD_YES;
    }
    return go_on(exchange);
}

static void free_exchange(void *closure, struct MHD_Connection *connection, void **kept,
                          enum MHD_RequestTerminationCode why)
{
    struct exchange *exchange = *kept;

    (void)closure;
    (void)connection;
    (void)why;
    if (exchange) {
        buf_free(&exchange->request.body);
        buf_free(&exchange->reply.body);
        free(exchange);
        *kept = NULL;
    }
}

static void number_connection(void *closure, struct MHD_Connection *connection, void **kept,
                              enum MHD_ConnectionNotificationCode what)
{
    struct front *front = closure;
    uint64_t *number = *kept;

    (void)connection;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        number = memory_zeroed(1, sizeof *number);
        *number = atomic_fetch_add(&front->connections, 1) + 1;
        *kept = number;
    } else {
        free(number);
        *kept = NULL;
    }
}

static void log_trouble(void *closure, const char *format, va_list list) __attribute__((format(printf, 2, 0)));

static void log_trouble(void *closure, const char *format, va_list list)
{
    struct front *front = closure;

    if (front->verbose) {
        vfprintf(stderr, format, list);
    }
}

static struct MHD_Daemon *start_daemon(struct front *front, const struct front_options *options)
{
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, options->tls_cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, options->tls_key},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK |
                     MHD_USE_ERROR_LOG | (options->tls_cert ? (unsigned)MHD_USE_TLS : 0);

    return MHD_start_daemon(flags, 0, NULL, NULL, handle_request, front, MHD_OPTION_EXTERNAL_LOGGER, log_trouble, front,
                            MHD_OPTION_LISTEN_SOCKET, options->listen_fd, MHD_OPTION_THREAD_POOL_SIZE,
                            (unsigned)THREADS, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
                            MHD_OPTION_NOTIFY_COMPLETED, free_exchange, NULL, MHD_OPTION_NOTIFY_CONNECTION,
                            number_connection, front, MHD_OPTION_ARRAY, options->tls_cert ? tls : &tls[2],
                            MHD_OPTION_END);
}

struct front *front_start(struct world *world, const struct front_options *options)
{
    struct front *front = memory_zeroed(1, sizeof *front);

    front->world = world;
    front->verbose = options->verbose;
    atomic_init(&front->connections, 0);
    front->waits = waits_start();
    front->daemon = front->waits ? start_daemon(front, options) : NULL;
    if (!front->daemon) {
        if (front->waits) {
            waits_end(front->waits);
            waits_free(front->waits);
        }
        free(front);
        return NULL;
    }
    return front;
}

void front_stop(struct front *front)
{
    waits_end(front->waits);
    MHD_stop_daemon(front->daemon);
    waits_free(front->waits);
    free(front);
}
