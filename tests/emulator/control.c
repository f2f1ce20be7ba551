// SPDX-License-Identifier: Apache-2.0
// The control address over libmicrohttpd: reads a request, finds its row in the table, answers. Must never delay or
// fail on purpose: that is for the API's address. Runs on one thread of libmicrohttpd.
#include "control.h"

#include "controls.h"
#include "http.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

struct control {
    struct world *world;
    struct MHD_Daemon *daemon;
};

static const struct row {
    const char *method;
    const char *path; // ends with "/": the rest of the path is an argument
    void (*act)(struct controls_call *call);
    bool has_body;
} rows[] = {
    {"GET", "/settings", controls_get_settings, false},
    {"PUT", "/settings", controls_put_settings, true},
    {"GET", "/faults", controls_get_faults, false},
    {"POST", "/faults", controls_post_fault, true},
    {"DELETE", "/faults", controls_delete_faults, false},
    {"GET", "/audit", controls_get_audit, false},
    {"DELETE", "/audit", controls_delete_audit, false},
    {"GET", "/audit/count", controls_get_count, false},
    {"GET", "/audit/requests", controls_get_requests, false},
    {"POST", "/runs", controls_post_run, true},
    {"PUT", "/runs/", controls_put_run, true},
    {"POST", "/jobs", controls_post_job, true},
    {"DELETE", "/jobs/", controls_delete_job, false},
    {"PUT", "/tokens", controls_put_token, true},
    {"DELETE", "/tokens/", controls_delete_token, false},
};

// Whether the path is the row's; *argument gets the rest of it, or NULL.
static bool is_path(const struct row *row, const char *path, const char **argument)
{
    size_t bytes = strlen(row->path);
    bool takes_rest = row->path[bytes - 1] == '/';

    if (strncmp(path, row->path, bytes) != 0 || (path[bytes] != '\0') != takes_rest) {
        return false;
    }
    *argument = takes_rest ? path + bytes : NULL;
    return true;
}

static const struct row *find_row(struct controls_call *call, bool *path_known)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (is_path(&rows[i], call->request->path, &call->argument)) {
            *path_known = true;
            if (strcmp(rows[i].method, call->request->method) == 0) {
                return &rows[i];
            }
        }
    }
    return NULL;
}

static bool read_body(struct controls_call *call, const struct row *row)
{
    char problem[SCHEMA_PROBLEM_SIZE];

    if (row->has_body && !http_is_json(call->request)) {
        http_fail(call->reply, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType",
                  "Expected Content-Type: application/json");
        return false;
    }
    if (row->has_body) {
        call->body = schema_parse_object(call->request->body.text, call->request->body.bytes, problem);
        if (!call->body) {
            http_fail(call->reply, MHD_HTTP_BAD_REQUEST, "Validation", problem);
        }
        return call->body != NULL;
    }
    if (call->request->body.bytes > 0) {
        http_fail(call->reply, MHD_HTTP_BAD_REQUEST, "Validation", "This call takes no body");
        return false;
    }
    return true;
}

static bool check_parameters(struct controls_call *call, const struct row *row)
{
    bool may_have = row->act == controls_get_requests;

    for (size_t i = 0; i < call->request->parameter_count; i++) {
        if (!may_have || i > 0 || strcmp(call->request->parameters[i].name, "since") != 0 ||
            !http_read_integer(call->request->parameters[i].value, &call->since)) {
            http_fail(call->reply, MHD_HTTP_BAD_REQUEST, "Validation",
                      "The query parameters are not those of this call");
            return false;
        }
    }
    return true;
}

static void serve(struct world *world, const struct http_request *request, struct http_reply *reply)
{
    struct controls_call call = {.world = world, .request = request, .reply = reply};
    bool path_known = false;
    const struct row *row = find_row(&call, &path_known);

    if (!row) {
        http_fail(reply, path_known ? MHD_HTTP_METHOD_NOT_ALLOWED : MHD_HTTP_NOT_FOUND,
                  path_known ? "MethodNotAllowed" : "NotFound", "The control address has no such method and path");
        return;
    }
    if (check_parameters(&call, row) && read_body(&call, row)) {
        reply->status = MHD_HTTP_OK;
        world_lock(world);
        world_now(world, &call.now);
        row->act(&call);
        world_unlock(world);
    }
    cJSON_Delete(call.body);
}

static enum MHD_Result handle_request(void *closure, struct MHD_Connection *connection, const char *url,
                                      const char *method, const char *version, const char *upload, size_t *upload_bytes,
                                      void **kept)
{
    struct control *control = closure;
    struct http_request *request = *kept;
    struct http_reply reply = {0};

    (void)version;
    if (!request) {
        request = *kept = memory_zeroed(1, sizeof *request);
        http_read(connection, method, url, request);
        return MHD_YES;
    }
    if (*upload_bytes > 0) {
        http_take_body(request, upload, *upload_bytes);
        *upload_bytes = 0;
        return MHD_YES;
    }
    if (request->body.bytes > HTTP_BODY_MAX_BYTES) {
        http_fail(&reply, MHD_HTTP_CONTENT_TOO_LARGE, "PayloadTooLarge", "The body is larger than 256 KB");
    } else {
        serve(control->world, request, &reply);
    }
    return http_send(connection, &reply, world_api_ms(control->world), false);
}

static void free_request(void *closure, struct MHD_Connection *connection, void **kept,
                         enum MHD_RequestTerminationCode why)
{
    struct http_request *request = *kept;

    (void)closure;
    (void)connection;
    (void)why;
    if (request) {
        buf_free(&request->body);
        free(request);
        *kept = NULL;
    }
}

struct control *control_start(struct world *world, int listen_fd)
{
    struct control *control = memory_zeroed(1, sizeof *control);

    control->world = world;
    control->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_SUPPRESS_DATE_NO_CLOCK, 0, NULL, NULL,
                                       handle_request, control, MHD_OPTION_LISTEN_SOCKET, listen_fd,
                                       MHD_OPTION_NOTIFY_COMPLETED, free_request, NULL, MHD_OPTION_END);
    if (!control->daemon) {
        free(control);
        return NULL;
    }
    return control;
}

void control_stop(struct control *control)
{
    MHD_stop_daemon(control->daemon);
    free(control);
}
