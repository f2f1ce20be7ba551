// SPDX-License-Identifier: Apache-2.0
// The eight operations. Must never act on a request that is not valid in every part. Runs on libmicrohttpd's threads;
// takes the world's lock.
#include "api.h"

#include "listing.h"
#include "memory.h"
#include "query.h"
#include "schema.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

// One request on its way through the checks; everything is valid when an operation's function is called.
struct call {
    struct world *world;
    const struct op_route *route;
    const struct http_request *request;
    const struct token *token;
    struct query query;
    struct fields fields; // of the body
    struct job *job;      // NULL for the collection
    struct model_now now;
    struct http_reply *reply;
};

static void say_success(struct http_reply *reply)
{
    reply->status = MHD_HTTP_OK;
    buf_puts(&reply->body, "{\"success\":true}");
}

static void note(struct call *call, enum audit_kind kind, const char *execution_id, const char *body)
{
    audit_note(&call->world->audit, kind, call->route, execution_id, body, call->token->text, call->now.wall_ms);
}

static void execute(struct call *call)
{
    struct world *world = call->world;
    struct run *run =
        model_start_run(&world->model, call->job, &call->fields, &world->settings, &call->now, &world->chance);

    run->token = memory_copy_text(call->token->text);
    run->source_type = "apiToken";
    memcpy(run->source_id, call->token->id, ID_SIZE);
    world->audit.executions++;
    call->reply->status = MHD_HTTP_OK;
    buf_puts(&call->reply->body, "{\"success\":true");
    buf_text(&call->reply->body, "executionId", run->id);
    buf_puts(&call->reply->body, "}");
}

static void cancel_execution(struct call *call)
{
    struct run *run = model_find_run(&call->world->model, call->query.execution_id);

    if (!run || strcmp(run->resource_job_id, call->job->id) != 0) {
        http_fail(call->reply, MHD_HTTP_NOT_FOUND, "NotFound", "Execution was not found");
        return;
    }
    run_cancel(run, call->now.steady_ms, call->token->id);
    note(call, AUDIT_CANCEL, run->id, NULL);
    say_success(call->reply);
}

static void get(struct call *call)
{
    call->reply->status = MHD_HTTP_OK;
    model_write_job(call->job, &call->reply->body);
}

static void logs(struct call *call)
{
    const struct settings *settings = &call->world->settings;

    if (call->query.log.limit > settings->max_limit) {
        if (settings->limit_excess == EXCESS_REJECT) {
            http_fail(call->reply, MHD_HTTP_BAD_REQUEST, "Validation", "Query parameter \"limit\" is too large");
            return;
        }
        call->query.log.limit = settings->max_limit;
    }
    call->reply->status = MHD_HTTP_OK;
    model_write_logs(call->job, &call->query.log, settings, call->now.steady_ms, &call->world->chance,
                     &call->reply->body);
}

static void patch(struct call *call)
{
    fields_merge(&call->job->fields, &call->fields);
    call->job->updated_at_ms = call->now.api_ms;
    note(call, AUDIT_PATCH, NULL, call->request->body.text);
    call->reply->status = MHD_HTTP_CREATED; // the vendor's page: 201, not 200
    model_write_job(call->job, &call->reply->body);
}

static void delete_job(struct call *call)
{
    model_drop_job(&call->world->model, call->job);
    note(call, AUDIT_DELETE, NULL, NULL);
    say_success(call->reply);
}

static void list(struct call *call)
{
    call->reply->status = MHD_HTTP_OK;
    listing_write(&call->world->model, call->route->application_id, &call->query, &call->reply->body);
}

static void create(struct call *call)
{
    struct op_route route = *call->route;
    struct job *job;

    id_make(&call->world->chance, call->now.api_ms, route.resource_job_id);
    job = model_put_job(&call->world->model, route.application_id, route.resource_job_id, &call->fields,
                        call->now.api_ms);
    audit_note(&call->world->audit, AUDIT_CREATE, &route, NULL, call->request->body.text, call->token->text,
               call->now.wall_ms);
    call->reply->status = MHD_HTTP_CREATED;
    model_write_job(job, &call->reply->body);
}

// body: whether there must be one, by which schema; where there is no schema there must be no body.
static const struct {
    void (*act)(struct call *call);
    enum schema schema;
    bool has_body;
    bool on_collection;
} ops[OP_COUNT] = {
    [OP_EXECUTE] = {execute, SCHEMA_EXECUTE, true, false},
    [OP_CANCEL_EXECUTION] = {cancel_execution, 0, false, false},
    [OP_GET] = {get, 0, false, false},
    [OP_LOGS] = {logs, 0, false, false},
    [OP_PATCH] = {patch, SCHEMA_PATCH, true, false},
    [OP_DELETE] = {delete_job, 0, false, false},
    [OP_LIST] = {list, 0, false, true},
    [OP_CREATE] = {create, SCHEMA_CREATE, true, true},
};

static const struct token *find_token(struct call *call)
{
    const char *header = call->request->authorization;

    if (!header || strncasecmp(header, "Bearer ", 7) != 0) {
        return NULL;
    }
    return tokens_find(&call->world->tokens, header + 7 + strspn(header + 7, " "));
}

static bool check_token(struct call *call)
{
    call->token = find_token(call);
    if (!call->token) {
        http_fail(call->reply, MHD_HTTP_UNAUTHORIZED, "Unauthorized", "Invalid or missing API access token");
        return false;
    }
    if (!token_allows(call->token, call->route->op)) {
        http_fail(call->reply, MHD_HTTP_FORBIDDEN, "Forbidden", "The token has no scope that allows this");
        return false;
    }
    return true;
}

static bool check_body(struct call *call)
{
    const struct http_request *request = call->request;
    char problem[SCHEMA_PROBLEM_SIZE];

    if (!ops[call->route->op].has_body) {
        if (request->body.bytes > 0) {
            http_fail(call->reply, MHD_HTTP_BAD_REQUEST, "Validation", "This call takes no body");
            return false;
        }
        return true;
    }
    if (request->body.bytes > 0 && !http_is_json(request)) {
        http_fail(call->reply, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType",
                  "Expected Content-Type: application/json");
        return false;
    }
    if (!schema_read(ops[call->route->op].schema, request->body.text, request->body.bytes, &call->fields, problem)) {
        http_fail(call->reply, MHD_HTTP_BAD_REQUEST, "Validation", problem);
        return false;
    }
    return true;
}

static bool check_target(struct call *call)
{
    const struct model *model = &call->world->model;

    if (!model_has_application(model, call->route->application_id)) {
        http_fail(call->reply, MHD_HTTP_NOT_FOUND, "NotFound", "Application was not found");
        return false;
    }
    if (ops[call->route->op].on_collection) {
        return true;
    }
    call->job = model_find_job(model, call->route->application_id, call->route->resource_job_id);
    if (!call->job) {
        http_fail(call->reply, MHD_HTTP_NOT_FOUND, "NotFound", "Resource Job was not found");
        return false;
    }
    return true;
}

static bool check_request(struct call *call)
{
    char problem[SCHEMA_PROBLEM_SIZE];

    if (!check_token(call)) {
        return false;
    }
    if (!call->route->ids_valid) {
        http_fail(call->reply, MHD_HTTP_BAD_REQUEST, "Validation", "An id in the path is not 24 hex digits");
        return false;
    }
    if (!query_read(call->route->op, call->request, &call->query, problem)) {
        http_fail(call->reply, MHD_HTTP_BAD_REQUEST, "Validation", problem);
        return false;
    }
    return check_body(call) && check_target(call);
}

void api_act(struct world *world, const struct http_request *request, const struct op_route *route,
             struct http_reply *reply)
{
    struct call call = {.world = world, .route = route, .request = request, .reply = reply};

    if (!route->path_known) {
        http_fail(reply, MHD_HTTP_NOT_FOUND, "NotFound", "There is nothing at this path");
        return;
    }
    if (route->op == OP_COUNT) {
        reply->allow = route->allowed;
        http_fail(reply, MHD_HTTP_METHOD_NOT_ALLOWED, "MethodNotAllowed", "The path does not take this method");
        return;
    }
    if (request->body.bytes > HTTP_BODY_MAX_BYTES) {
        http_fail(reply, MHD_HTTP_CONTENT_TOO_LARGE, "PayloadTooLarge", "The body is larger than 256 KB");
        return;
    }
    world_lock(world);
    world_now(world, &call.now);
    if (check_request(&call)) {
        ops[route->op].act(&call);
    }
    world_unlock(world);
    fields_free(&call.fields);
}
