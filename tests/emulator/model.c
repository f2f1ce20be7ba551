// SPDX-License-Identifier: Apache-2.0
// Applications, jobs, runs. Must never change a context: what came is what the log shows and the audit tells. Runs on
// any thread, under the world's lock.
#include "model.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

bool model_has_application(const struct model *model, const char *application_id)
{
    for (size_t i = 0; i < model->application_count; i++) {
        if (strcmp(model->applications[i], application_id) == 0) {
            return true;
        }
    }
    return false;
}

void model_add_application(struct model *model, const char *application_id)
{
    if (model_has_application(model, application_id)) {
        return;
    }
    model->applications = memory_resize(model->applications, (model->application_count + 1) * ID_SIZE);
    memcpy(model->applications[model->application_count++], application_id, ID_SIZE);
}

static void set_defaults(struct fields *fields)
{
    struct fields given = *fields;

    *fields = (struct fields){0};
    fields_set_text(fields, FIELD_NAME, "Emulated Resource Job");
    fields_set_text(fields, FIELD_RESOURCE_TYPE, "device");
    fields_set_text(fields, FIELD_QUERY_JSON, "{}");
    fields_set_number(fields, FIELD_MAX_ITERATION_CONCURRENCY, 1);
    fields_set_number(fields, FIELD_ITERATION_DELAY, 0);
    fields_set_number(fields, FIELD_ITERATION_TIMEOUT, 60000);
    fields_set_number(fields, FIELD_RETRY_ON_TIMEOUT, false);
    fields_set_number(fields, FIELD_RETRY_ON_FAILURE, false);
    fields_merge(fields, &given);
}

struct job *model_put_job(struct model *model, const char *application_id, const char *id, struct fields *fields,
                          int64_t api_ms)
{
    struct job *job = idmap_get(&model->job_by_id, id);

    if (job) {
        model_drop_job(model, job);
    }
    model_add_application(model, application_id);
    job = memory_zeroed(1, sizeof *job);
    memcpy(job->id, id, ID_SIZE);
    memcpy(job->application_id, application_id, ID_SIZE);
    job->fields = *fields;
    *fields = (struct fields){0};
    set_defaults(&job->fields);
    job->created_at_ms = job->updated_at_ms = api_ms;
    model->jobs = memory_resize(model->jobs, (model->job_count + 1) * sizeof(struct job *));
    model->jobs[model->job_count++] = job;
    idmap_put(&model->job_by_id, job->id, job);
    return job;
}

struct job *model_find_job(const struct model *model, const char *application_id, const char *id)
{
    struct job *job = idmap_get(&model->job_by_id, id);

    return job && strcmp(job->application_id, application_id) == 0 ? job : NULL;
}

static void free_job(struct job *job)
{
    fields_free(&job->fields);
    free(job->runs);
    free(job);
}

void model_drop_job(struct model *model, struct job *job)
{
    size_t at = 0;

    for (size_t i = 0; i < job->run_count; i++) {
        idmap_drop(&model->run_by_id, job->runs[i]->id);
    }
    idmap_drop(&model->job_by_id, job->id);
    while (model->jobs[at] != job) {
        at++;
    }
    memmove(&model->jobs[at], &model->jobs[at + 1], (--model->job_count - at) * sizeof(struct job *));
    free_job(job);
}

static void append_run(struct run ***list, size_t *count, size_t *room, struct run *run)
{
    if (*count == *room) {
        *room = *room == 0 ? 16 : *room * 2;
        *list = memory_resize(*list, *room * sizeof(struct run *));
    }
    (*list)[(*count)++] = run;
}

// The API's clock may have been set back, so a new run is not always the newest.
static void insert_run(struct job *job, struct run *run)
{
    size_t at;

    append_run(&job->runs, &job->run_count, &job->run_room, run);
    for (at = job->run_count - 1; at > 0 && job->runs[at - 1]->started_at_ms > run->started_at_ms; at--) {
        job->runs[at] = job->runs[at - 1];
    }
    job->runs[at] = run;
}

// What the run is executed with: the job's settings, the options over them. A context that is given replaces the
// default.
static void fill_fields(struct run *run, const struct job *job, struct fields *options)
{
    const char *context = fields_text(&job->fields, FIELD_DEFAULT_CONTEXT);

    for (enum field field = 0; field < FIELD_COUNT; field++) {
        const char *text = fields_text(&job->fields, field);

        if (text && (field == FIELD_QUERY_JSON || field == FIELD_DATA_TABLE_ID || field == FIELD_RESOURCE_TYPE)) {
            fields_set_text(&run->fields, field, text);
        } else if (!text && fields_have(&job->fields, field)) {
            fields_set_number(&run->fields, field, job->fields.number[field]);
        }
    }
    run->context_given = fields_have(options, FIELD_TEMPLATE_CONTEXT);
    if (context && !run->context_given) {
        fields_set_text(&run->fields, FIELD_TEMPLATE_CONTEXT, context);
    }
    fields_merge(&run->fields, options);
}

struct run *model_start_run(struct model *model, struct job *job, struct fields *options, const struct settings *plan,
                            const struct model_now *now, struct chance *chance)
{
    struct run *run = memory_zeroed(1, sizeof *run);

    id_make(chance, now->api_ms, run->id);
    id_make(chance, now->api_ms, run->log_id);
    memcpy(run->application_id, job->application_id, ID_SIZE);
    memcpy(run->resource_job_id, job->id, ID_SIZE);
    fill_fields(run, job, options);
    run->plan = *plan;
    run->asked_at_ms = now->wall_ms;
    run->started_at_ms = now->api_ms;
    run->started_steady_ms = now->steady_ms;
    job->execution_requested_at_ms = now->api_ms;
    append_run(&model->runs, &model->run_count, &model->run_room, run);
    idmap_put(&model->run_by_id, run->id, run);
    insert_run(job, run);
    return run;
}

struct run *model_find_run(const struct model *model, const char *execution_id)
{
    return idmap_get(&model->run_by_id, execution_id);
}

void model_write_job(const struct job *job, struct buf *out)
{
    buf_comma(out);
    buf_puts(out, "{");
    buf_text(out, "id", job->id);
    buf_text(out, "resourceJobId", job->id);
    buf_text(out, "applicationId", job->application_id);
    fields_write(&job->fields, UINT32_MAX, out);
    buf_time(out, "creationDate", job->created_at_ms);
    buf_time(out, "lastUpdated", job->updated_at_ms);
    if (job->execution_requested_at_ms != 0) {
        buf_time(out, "lastExecutionRequested", job->execution_requested_at_ms);
    }
    buf_puts(out, "}");
}

static bool is_wanted(const struct run *run, const struct run_view *view, const struct model_log_query *query,
                      int since_means)
{
    int64_t at_ms = since_means == SINCE_CHANGE ? view->changed_at_ms : run->started_at_ms;

    return view->visible && (!query->has_since || at_ms >= query->since_ms);
}

static void shuffle(size_t *order, size_t count, struct chance *chance)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = chance_next(chance) % i;
        size_t keep = order[i - 1];

        order[i - 1] = order[other];
        order[other] = keep;
    }
}

void model_write_logs(const struct job *job, const struct model_log_query *query, const struct settings *settings,
                      int64_t steady_ms, struct chance *chance, struct buf *out)
{
    size_t limit = (size_t)query->limit < job->run_count ? (size_t)query->limit : job->run_count;
    size_t *found = memory_zeroed(limit + 1, sizeof *found);
    size_t count = 0;
    struct run_view view;

    for (size_t at = job->run_count; at-- > 0 && count < limit;) {
        if (query->has_since && settings->since_means == SINCE_START &&
            job->runs[at]->started_at_ms < query->since_ms) {
            break; // all others started earlier still
        }
        run_look(job->runs[at], steady_ms, &view);
        if (is_wanted(job->runs[at], &view, query, settings->since_means)) {
            found[count++] = at;
        }
    }
    if (settings->log_order == ORDER_SHUFFLED) {
        shuffle(found, count, chance);
    }
    buf_puts(out, "[");
    for (size_t i = 0; i < count; i++) {
        run_look(job->runs[found[i]], steady_ms, &view);
        buf_comma(out);
        run_write(job->runs[found[i]], &view, settings->reserialise, out);
    }
    buf_puts(out, "]");
    free(found);
}

void model_free(struct model *model)
{
    for (size_t i = 0; i < model->job_count; i++) {
        free_job(model->jobs[i]);
    }
    for (size_t i = 0; i < model->run_count; i++) {
        run_free(model->runs[i]);
    }
    free(model->applications);
    free(model->jobs);
    free(model->runs);
    idmap_free(&model->job_by_id);
    idmap_free(&model->run_by_id);
    *model = (struct model){0};
}
