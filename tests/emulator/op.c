// SPDX-License-Identifier: Apache-2.0
// Paths and methods to operations, as a table. Must never look at anything but the path. Pure.
#include "op.h"

#include <string.h>

#define SEGMENTS_MAX 5

const char *const op_words[OP_COUNT + 2] = {
    [OP_EXECUTE] = "execute", [OP_CANCEL_EXECUTION] = "cancelExecution",
    [OP_GET] = "get",         [OP_LOGS] = "logs",
    [OP_PATCH] = "patch",     [OP_DELETE] = "delete",
    [OP_LIST] = "list",       [OP_CREATE] = "create",
    [OP_COUNT] = "*",
};

// /applications/A/resource-jobs[/J[/tail]]
static const struct {
    const char *method;
    int segments;
    const char *tail;
    const char *allowed;
} paths[OP_COUNT] = {
    [OP_EXECUTE] = {"POST", 5, "execute", "POST"},
    [OP_CANCEL_EXECUTION] = {"POST", 5, "cancelExecution", "POST"},
    [OP_GET] = {"GET", 4, NULL, "DELETE, GET, PATCH"},
    [OP_LOGS] = {"GET", 5, "logs", "GET"},
    [OP_PATCH] = {"PATCH", 4, NULL, "DELETE, GET, PATCH"},
    [OP_DELETE] = {"DELETE", 4, NULL, "DELETE, GET, PATCH"},
    [OP_LIST] = {"GET", 3, NULL, "GET, POST"},
    [OP_CREATE] = {"POST", 3, NULL, "GET, POST"},
};

struct segment {
    const char *text;
    size_t bytes;
};

// Gives the number of segments, 0 for a path with too many of them.
static int split_path(const char *path, struct segment segments[SEGMENTS_MAX])
{
    int count = 0;

    while (*path == '/') {
        size_t bytes = strcspn(path + 1, "/");

        if (count == SEGMENTS_MAX) {
            return 0;
        }
        segments[count++] = (struct segment){path + 1, bytes};
        path += 1 + bytes;
    }
    return count;
}

static bool is_word(const struct segment *segment, const char *word)
{
    return segment->text && segment->bytes == strlen(word) && memcmp(segment->text, word, segment->bytes) == 0;
}

static void match_op(enum op op, const char *method, int count, const struct segment *segments, struct op_route *route)
{
    if (paths[op].segments != count || (paths[op].tail && !is_word(&segments[4], paths[op].tail))) {
        return;
    }
    route->path_known = true;
    route->allowed = paths[op].allowed;
    if (strcmp(method, paths[op].method) == 0) {
        route->op = op;
    }
}

void op_find(const char *method, const char *path, struct op_route *route)
{
    struct segment segments[SEGMENTS_MAX] = {{0}};
    int count = split_path(path, segments);

    *route = (struct op_route){.op = OP_COUNT};
    if (count < 3 || !is_word(&segments[0], "applications") || !is_word(&segments[2], "resource-jobs")) {
        return;
    }
    for (enum op op = 0; op < OP_COUNT; op++) {
        match_op(op, method, count, segments, route);
    }
    route->ids_valid = id_read(segments[1].text, segments[1].bytes, route->application_id);
    if (count > 3) {
        route->ids_valid &= id_read(segments[3].text, segments[3].bytes, route->resource_job_id);
    }
}
