// SPDX-License-Identifier: Apache-2.0
// The collection of jobs. Must never change a job. Runs on any thread, under the world's lock.
#include "listing.h"

#include "memory.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool passes_filter(const struct job *job, const struct query *query)
{
    enum field field;

    if (!query->filter_field || !query->filter_field[0] || !query->filter || !query->filter[0]) {
        return true;
    }
    field = strcmp(query->filter_field, "name") == 0 ? FIELD_NAME : FIELD_RESOURCE_TYPE;
    return fnmatch(query->filter, fields_text(&job->fields, field), FNM_CASEFOLD) == 0;
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_jobs(const void *left, const void *right, void *closure)
{
    const struct job *a = *(struct job *const *)left;
    const struct job *b = *(struct job *const *)right;
    const struct query *query = closure;
    const char *by = query->sort_field;
    int order = 0;

    if (strcmp(by, "name") == 0) {
        order = strcasecmp(fields_text(&a->fields, FIELD_NAME), fields_text(&b->fields, FIELD_NAME));
    } else if (strcmp(by, "resourceType") == 0) {
        order = strcmp(fields_text(&a->fields, FIELD_RESOURCE_TYPE), fields_text(&b->fields, FIELD_RESOURCE_TYPE));
    } else if (strcmp(by, "creationDate") == 0) {
        order = compare_numbers(a->created_at_ms, b->created_at_ms);
    } else if (strcmp(by, "lastUpdated") == 0) {
        order = compare_numbers(a->updated_at_ms, b->updated_at_ms);
    } else if (strcmp(by, "lastExecutionRequested") == 0) {
        order = compare_numbers(a->execution_requested_at_ms, b->execution_requested_at_ms);
    }
    order = order == 0 ? strcmp(a->id, b->id) : order;
    return strcasecmp(query->sort_direction, "desc") == 0 ? -order : order;
}

void listing_write(const struct model *model, const char *application_id, const struct query *query, struct buf *out)
{
    struct job **found = memory_zeroed(model->job_count + 1, sizeof(struct job *));
    struct query order = *query;
    size_t count = 0;
    size_t first;
    size_t shown = 0;

    for (size_t i = 0; i < model->job_count; i++) {
        if (strcmp(model->jobs[i]->application_id, application_id) == 0 && passes_filter(model->jobs[i], query)) {
            found[count++] = model->jobs[i];
        }
    }
    qsort_r(found, count, sizeof(struct job *), compare_jobs, &order);
    first = (size_t)(query->page * query->per_page);
    buf_puts(out, "{\"items\":[");
    for (size_t i = first; i < count && shown < (size_t)query->per_page; i++, shown++) {
        model_write_job(found[i], out);
    }
    buf_puts(out, "]");
    buf_integer(out, "count", (int64_t)shown);
    buf_integer(out, "totalCount", (int64_t)count);
    buf_integer(out, "perPage", query->per_page);
    buf_integer(out, "page", query->page);
    buf_text(out, "sortField", query->sort_field);
    buf_text(out, "sortDirection", query->sort_direction);
    buf_text(out, "filterField", query->filter_field);
    buf_text(out, "filter", query->filter);
    buf_text(out, "applicationId", application_id);
    buf_puts(out, "}");
    free(found);
}
