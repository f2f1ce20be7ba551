// SPDX-License-Identifier: Apache-2.0
// What was really done, and every request that came: the truth that tests compare a bridge's claims with.
#ifndef EMULATOR_AUDIT_H
#define EMULATOR_AUDIT_H

#include "buf.h"
#include "ids.h"
#include "model.h"
#include "op.h"

#include <stddef.h>
#include <stdint.h>

// The requests that are remembered one by one; older ones are only counted.
#define AUDIT_REQUESTS_MAX 100000

enum audit_kind { AUDIT_CANCEL, AUDIT_PATCH, AUDIT_DELETE, AUDIT_CREATE, AUDIT_KINDS };

struct audit_request {
    int64_t seq;
    int64_t at_ms; // arrival, machine's clock
    enum op op;
    char job[ID_SIZE]; // "" where the path has none
    int status;        // 0: no answer was sent
    int fault;         // enum fault_do
    uint64_t connection;
};

// Starts as all zero.
struct audit {
    struct audit_notes {
        struct audit_note *list;
        size_t count;
        size_t room;
    } notes[AUDIT_KINDS];
    size_t first_run;   // runs of the model before this one were cleared away
    int64_t executions; // made by API requests since then
    struct audit_request *ring;
    int64_t request_seq; // of the newest request
    int64_t clear_seq;   // requests up to this one were cleared away
};

// All functions: under the world's lock.

// Notes something that was done. execution_id, body: NULL where it has none; texts are copied.
void audit_note(struct audit *audit, enum audit_kind kind, const struct op_route *route, const char *execution_id,
                const char *body, const char *token, int64_t at_ms);

// Remembers a request; its seq is filled in here.
void audit_add_request(struct audit *audit, const struct audit_request *request);

void audit_write(const struct audit *audit, const struct model *model, int64_t steady_ms, struct buf *out);
void audit_write_count(const struct audit *audit, struct buf *out);

// Writes the remembered requests with a seq above since.
void audit_write_requests(const struct audit *audit, int64_t since, struct buf *out);

// Forgets everything; seq goes on counting.
void audit_clear(struct audit *audit, const struct model *model);

void audit_free(struct audit *audit);

#endif
