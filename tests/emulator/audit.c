// SPDX-License-Identifier: Apache-2.0
// The audit. Must never note what was only asked for, and must stay linear: a hundred thousand executions are usual.
// Runs on any thread, under the world's lock.
#include "audit.h"

#include "faults.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

struct audit_note {
    char application_id[ID_SIZE];
    char resource_job_id[ID_SIZE];
    char execution_id[ID_SIZE];
    char *body;
    char *token;
    int64_t at_ms;
};

static const char *const kind_words[AUDIT_KINDS] = {
    [AUDIT_CANCEL] = "cancels",
    [AUDIT_PATCH] = "patches",
    [AUDIT_DELETE] = "deletes",
    [AUDIT_CREATE] = "creates",
};

void audit_note(struct audit *audit, enum audit_kind kind, const struct op_route *route, const char *execution_id,
                const char *body, const char *token, int64_t at_ms)
{
    struct audit_notes *notes = &audit->notes[kind];
    struct audit_note *note;

    if (notes->count == notes->room) {
        notes->room = notes->room == 0 ? 16 : notes->room * 2;
        notes->list = memory_resize(notes->list, notes->room * sizeof *notes->list);
    }
    note = &notes->list[notes->count++];
    *note = (struct audit_note){.body = memory_copy_text(body), .token = memory_copy_text(token), .at_ms = at_ms};
    memcpy(note->application_id, route->application_id, ID_SIZE);
    memcpy(note->resource_job_id, route->resource_job_id, ID_SIZE);
    if (execution_id) {
        memcpy(note->execution_id, execution_id, ID_SIZE);
    }
}

void audit_add_request(struct audit *audit, const struct audit_request *request)
{
    struct audit_request *kept;

    if (!audit->ring) {
        audit->ring = memory_zeroed(AUDIT_REQUESTS_MAX, sizeof *audit->ring);
    }
    kept = &audit->ring[++audit->request_seq % AUDIT_REQUESTS_MAX];
    *kept = *request;
    kept->seq = audit->request_seq;
}

static void write_note(const struct audit_note *note, struct buf *out)
{
    buf_comma(out);
    buf_puts(out, "{");
    buf_text(out, "executionId", note->execution_id[0] ? note->execution_id : NULL);
    buf_text(out, "applicationId", note->application_id);
    buf_text(out, "resourceJobId", note->resource_job_id[0] ? note->resource_job_id : NULL);
    buf_integer(out, "at", note->at_ms);
    buf_text(out, "body", note->body);
    buf_text(out, "token", note->token);
    buf_puts(out, "}");
}

static void write_execution(const struct run *run, int64_t steady_ms, struct buf *out)
{
    struct run_view view;

    run_look(run, steady_ms, &view);
    buf_comma(out);
    buf_puts(out, "{");
    buf_text(out, "executionId", run->id);
    buf_text(out, "applicationId", run->application_id);
    buf_text(out, "resourceJobId", run->resource_job_id);
    buf_integer(out, "at", run->asked_at_ms);
    buf_text(out, "templateContext", fields_text(&run->fields, FIELD_TEMPLATE_CONTEXT));
    buf_flag(out, "contextGiven", run->context_given);
    buf_text(out, "queryJson", fields_text(&run->fields, FIELD_QUERY_JSON));
    buf_text(out, "dataTableId", fields_text(&run->fields, FIELD_DATA_TABLE_ID));
    buf_text(out, "token", run->token);
    buf_text(out, "status", view.status);
    buf_flag(out, "visible", view.visible);
    buf_puts(out, "}");
}

void audit_write(const struct audit *audit, const struct model *model, int64_t steady_ms, struct buf *out)
{
    buf_puts(out, "{");
    buf_key(out, "executions");
    buf_puts(out, "[");
    for (size_t i = audit->first_run; i < model->run_count; i++) {
        if (model->runs[i]->token) {
            write_execution(model->runs[i], steady_ms, out);
        }
    }
    buf_puts(out, "]");
    for (enum audit_kind kind = 0; kind < AUDIT_KINDS; kind++) {
        buf_key(out, kind_words[kind]);
        buf_puts(out, "[");
        for (size_t i = 0; i < audit->notes[kind].count; i++) {
            write_note(&audit->notes[kind].list[i], out);
        }
        buf_puts(out, "]");
    }
    buf_puts(out, "}");
}

void audit_write_count(const struct audit *audit, struct buf *out)
{
    buf_puts(out, "{");
    buf_integer(out, "executions", audit->executions);
    for (enum audit_kind kind = 0; kind < AUDIT_KINDS; kind++) {
        buf_integer(out, kind_words[kind], (int64_t)audit->notes[kind].count);
    }
    buf_integer(out, "requests", audit->request_seq - audit->clear_seq);
    buf_integer(out, "lastSeq", audit->request_seq);
    buf_puts(out, "}");
}

static void write_request(const struct audit_request *request, struct buf *out)
{
    buf_comma(out);
    buf_puts(out, "{");
    buf_integer(out, "seq", request->seq);
    buf_integer(out, "at", request->at_ms);
    buf_text(out, "op", request->op == OP_COUNT ? "none" : op_words[request->op]);
    buf_text(out, "job", request->job[0] ? request->job : NULL);
    buf_integer(out, "status", request->status);
    buf_text(out, "fault", request->fault == FAULT_NONE ? NULL : fault_words[request->fault]);
    buf_integer(out, "connection", (int64_t)request->connection);
    buf_puts(out, "}");
}

void audit_write_requests(const struct audit *audit, int64_t since, struct buf *out)
{
    int64_t first = audit->request_seq - AUDIT_REQUESTS_MAX;

    first = first < audit->clear_seq ? audit->clear_seq : first;
    first = first < since ? since : first;
    buf_puts(out, "[");
    for (int64_t seq = first + 1; seq <= audit->request_seq; seq++) {
        write_request(&audit->ring[seq % AUDIT_REQUESTS_MAX], out);
    }
    buf_puts(out, "]");
}

void audit_clear(struct audit *audit, const struct model *model)
{
    for (enum audit_kind kind = 0; kind < AUDIT_KINDS; kind++) {
        for (size_t i = 0; i < audit->notes[kind].count; i++) {
            free(audit->notes[kind].list[i].body);
            free(audit->notes[kind].list[i].token);
        }
        audit->notes[kind].count = 0;
    }
    audit->first_run = model->run_count;
    audit->executions = 0;
    audit->clear_seq = audit->request_seq;
}

void audit_free(struct audit *audit)
{
    audit_clear(audit, &(struct model){0});
    for (enum audit_kind kind = 0; kind < AUDIT_KINDS; kind++) {
        free(audit->notes[kind].list);
    }
    free(audit->ring);
    *audit = (struct audit){0};
}
