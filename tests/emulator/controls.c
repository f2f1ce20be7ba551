// SPDX-License-Identifier: Apache-2.0
// The controls. Must never be counted as requests of the API. Runs on the control address's thread, under the world's
// lock.
#include "controls.h"

#include "shape.h"

#include <stdio.h>
#include <string.h>

static void fail_validation(struct controls_call *call, const char *problem)
{
    http_fail(call->reply, MHD_HTTP_BAD_REQUEST, "Validation", problem);
}

static void fail_not_found(struct controls_call *call, const char *what)
{
    http_fail(call->reply, MHD_HTTP_NOT_FOUND, "NotFound", what);
}

static void say_success(struct controls_call *call)
{
    buf_puts(&call->reply->body, "{\"success\":true}");
}

void controls_get_settings(struct controls_call *call)
{
    buf_puts(&call->reply->body, "{");
    shape_write(settings_shape, &call->world->settings, &call->reply->body);
    buf_puts(&call->reply->body, "}");
}

void controls_put_settings(struct controls_call *call)
{
    struct settings settings = call->world->settings;
    char problem[SCHEMA_PROBLEM_SIZE];

    if (!shape_read(call->body, settings_shape, &settings, problem)) {
        fail_validation(call, problem);
    } else if (settings_problem(&settings)) {
        fail_validation(call, settings_problem(&settings));
    } else {
        call->world->settings = settings;
        controls_get_settings(call);
    }
}

void controls_get_faults(struct controls_call *call)
{
    faults_write(&call->world->faults, &call->reply->body);
}

void controls_post_fault(struct controls_call *call)
{
    char problem[SCHEMA_PROBLEM_SIZE];
    int64_t id = faults_add(&call->world->faults, call->body, problem);

    if (id == 0) {
        fail_validation(call, problem);
        return;
    }
    buf_puts(&call->reply->body, "{");
    buf_integer(&call->reply->body, "id", id);
    buf_puts(&call->reply->body, "}");
}

void controls_delete_faults(struct controls_call *call)
{
    faults_clear(&call->world->faults);
    say_success(call);
}

void controls_get_audit(struct controls_call *call)
{
    audit_write(&call->world->audit, &call->world->model, call->now.steady_ms, &call->reply->body);
}

void controls_delete_audit(struct controls_call *call)
{
    audit_clear(&call->world->audit, &call->world->model);
    say_success(call);
}

void controls_get_count(struct controls_call *call)
{
    audit_write_count(&call->world->audit, &call->reply->body);
}

void controls_get_requests(struct controls_call *call)
{
    audit_write_requests(&call->world->audit, call->since, &call->reply->body);
}

// Takes the two ids out of the body, so that the rest can be read by the API's own schema.
static bool take_ids(struct controls_call *call, char application_id[ID_SIZE], char resource_job_id[ID_SIZE])
{
    static const char *const names[] = {"applicationId", "resourceJobId"};
    char *ids[] = {application_id, resource_job_id};
    char problem[SCHEMA_PROBLEM_SIZE];

    for (int i = 0; i < 2; i++) {
        cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(call->body, names[i]);
        const char *text = cJSON_GetStringValue(item);
        bool good = text && id_read(text, strlen(text), ids[i]);

        cJSON_Delete(item);
        if (!good) {
            snprintf(problem, sizeof problem, "\"%s\" must be an id of 24 hex digits", names[i]);
            fail_validation(call, problem);
            return false;
        }
    }
    return true;
}

// Somebody else starts a run: one whom the audit of API requests does not know.
static void start_run(struct controls_call *call, struct job *job, struct fields *options)
{
    struct world *world = call->world;
    struct run *run = model_start_run(&world->model, job, options, &world->settings, &call->now, &world->chance);

    run->source_type = "flow";
    id_make(&world->chance, call->now.api_ms, run->source_id);
    buf_puts(&call->reply->body, "{");
    buf_text(&call->reply->body, "executionId", run->id);
    buf_puts(&call->reply->body, "}");
}

void controls_post_run(struct controls_call *call)
{
    char application_id[ID_SIZE];
    char resource_job_id[ID_SIZE];
    char problem[SCHEMA_PROBLEM_SIZE];
    struct fields options;
    struct job *job;

    if (!take_ids(call, application_id, resource_job_id)) {
        return;
    }
    job = model_find_job(&call->world->model, application_id, resource_job_id);
    if (!job) {
        fail_not_found(call, "Resource Job was not found");
    } else if (!schema_read_object(SCHEMA_EXECUTE, call->body, &options, problem)) {
        fail_validation(call, problem);
    } else {
        start_run(call, job, &options);
        fields_free(&options);
    }
}

// What PUT /runs/ID can force.
struct forced {
    const char *status;
    const cJSON *summary;
    bool hidden;
};

static const struct shape forced_shape[] = {
    {.name = "status",
     .kind = SHAPE_TEXT,
     .offset = offsetof(struct forced, status),
     .min = 1,
     .max = RUN_STATUS_SIZE - 1},
    {.name = "summary", .kind = SHAPE_OBJECT, .offset = offsetof(struct forced, summary)},
    {.name = "hidden", .kind = SHAPE_FLAG, .offset = offsetof(struct forced, hidden)},
    {.name = NULL},
};

#define SUMMARY(word, m)                                                                                               \
    {                                                                                                                  \
        .name = (word), .kind = SHAPE_INTEGER, .offset = offsetof(struct run_summary, m), .max = 1e9                   \
    }

static const struct shape summary_shape[] = {
    SUMMARY("succeeded", succeeded),    SUMMARY("failed", failed),       SUMMARY("timedOut", timed_out),
    SUMMARY("inProgress", in_progress), SUMMARY("remaining", remaining), {.name = NULL},
};

static void force_view(struct run *run, const struct forced *forced, struct run_view *view, int64_t api_ms)
{
    if (forced->status) {
        // A status is at most 64 code points, but of as many as 256 bytes: those are cut.
        snprintf(view->status, sizeof view->status, "%s", forced->status);
    }
    view->changed_at_ms = api_ms;
    view->completed_at_ms = run_is_final(view->status) ? api_ms : 0;
    run->view = *view;
    run->forced = true;
    run->cancel_steady_ms = 0;
}

void controls_put_run(struct controls_call *call)
{
    char id[ID_SIZE];
    struct run *run =
        id_read(call->argument, strlen(call->argument), id) ? model_find_run(&call->world->model, id) : NULL;
    struct forced forced = {.hidden = run && run->hidden};
    struct run_view view;
    char problem[SCHEMA_PROBLEM_SIZE];

    if (!run) {
        fail_not_found(call, "Execution was not found");
        return;
    }
    run_look(run, call->now.steady_ms, &view);
    if (!shape_read(call->body, forced_shape, &forced, problem) ||
        (forced.summary && !shape_read(forced.summary, summary_shape, &view.summary, problem))) {
        fail_validation(call, problem);
        return;
    }
    run->hidden = forced.hidden;
    if (forced.status || forced.summary) {
        force_view(run, &forced, &view, call->now.api_ms);
    }
    say_success(call);
}

void controls_post_job(struct controls_call *call)
{
    char application_id[ID_SIZE];
    char resource_job_id[ID_SIZE];
    char problem[SCHEMA_PROBLEM_SIZE];
    struct fields fields;

    if (!take_ids(call, application_id, resource_job_id)) {
        return;
    }
    if (!schema_read_object(SCHEMA_SEED, call->body, &fields, problem)) {
        fail_validation(call, problem);
        return;
    }
    model_write_job(model_put_job(&call->world->model, application_id, resource_job_id, &fields, call->now.api_ms),
                    &call->reply->body);
}

void controls_delete_job(struct controls_call *call)
{
    char id[ID_SIZE];
    struct job *job =
        id_read(call->argument, strlen(call->argument), id) ? idmap_get(&call->world->model.job_by_id, id) : NULL;

    if (!job) {
        fail_not_found(call, "Resource Job was not found");
        return;
    }
    model_drop_job(&call->world->model, job);
    say_success(call);
}

struct token_body {
    const char *token;
    const cJSON *scopes;
};

static const struct shape token_shape[] = {
    {.name = "token",
     .kind = SHAPE_TEXT,
     .offset = offsetof(struct token_body, token),
     .min = 1,
     .max = 8192,
     .required = true},
    {.name = "scopes", .kind = SHAPE_TEXTS, .offset = offsetof(struct token_body, scopes), .required = true},
    {.name = NULL},
};

void controls_put_token(struct controls_call *call)
{
    struct token_body body = {0};
    char problem[SCHEMA_PROBLEM_SIZE];
    char id[ID_SIZE];
    struct token *token;
    const cJSON *scope;

    if (!shape_read(call->body, token_shape, &body, problem)) {
        fail_validation(call, problem);
        return;
    }
    id_make(&call->world->chance, call->now.api_ms, id);
    token = tokens_put(&call->world->tokens, body.token, id);
    cJSON_ArrayForEach(scope, body.scopes)
    {
        token_add_scope(token, scope->valuestring);
    }
    say_success(call);
}

void controls_delete_token(struct controls_call *call)
{
    if (tokens_drop(&call->world->tokens, call->argument)) {
        say_success(call);
    } else {
        fail_not_found(call, "There is no such token");
    }
}
