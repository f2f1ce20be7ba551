// SPDX-License-Identifier: Apache-2.0
// The operations of the emulated API and which path and method they have.
#ifndef EMULATOR_OP_H
#define EMULATOR_OP_H

#include "ids.h"

#include <stdbool.h>

enum op {
    OP_EXECUTE,
    OP_CANCEL_EXECUTION,
    OP_GET,
    OP_LOGS,
    OP_PATCH,
    OP_DELETE,
    OP_LIST,
    OP_CREATE,
    OP_COUNT, // also: no operation has such a path and method
};

// Where a request goes. The ids are empty where the path has none or none that is well-formed.
struct op_route {
    enum op op;
    bool path_known;     // false: 404; true with OP_COUNT: 405
    const char *allowed; // the methods of a known path, as the Allow header has them
    bool ids_valid;
    char application_id[ID_SIZE];
    char resource_job_id[ID_SIZE];
};

// The names of the operations, "execute" and so on, then "*", then NULL: for shape tables. "*" has the index OP_COUNT.
extern const char *const op_words[OP_COUNT + 2];

// Says where a method and a path (unescaped, without query) go. Pure.
void op_find(const char *method, const char *path, struct op_route *route);

#endif
