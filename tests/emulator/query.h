// SPDX-License-Identifier: Apache-2.0
// The query parameters of each operation, checked strictly.
#ifndef EMULATOR_QUERY_H
#define EMULATOR_QUERY_H

#include "http.h"
#include "ids.h"
#include "model.h"
#include "op.h"
#include "schema.h"

#include <stdbool.h>
#include <stdint.h>

// What the parameters say; the defaults where they say nothing. Text belongs to the request.
struct query {
    char execution_id[ID_SIZE];
    struct model_log_query log;
    bool include_workflows;
    bool ignored; // what the clients send with every call, and has no effect here
    const char *sort_field;
    const char *sort_direction;
    int64_t page;
    int64_t per_page;
    const char *filter_field; // NULL or "": none
    const char *filter;
};

// Reads the parameters of an operation. False and a problem that names the parameter when one is unknown, given twice,
// malformed or missing. Pure.
bool query_read(enum op op, const struct http_request *request, struct query *query, char problem[SCHEMA_PROBLEM_SIZE]);

#endif
