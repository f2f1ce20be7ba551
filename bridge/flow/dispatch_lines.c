// SPDX-License-Identifier: Apache-2.0
// The lines of waiting commands, one a job: a small window of each in memory, the rest in the journal.
// Must never let the memory grow with the backlog. The loop's thread.
#include "base/memory.h"
#include "flow/dispatch_internal.h"
#include <stdlib.h>
#include <string.h>

struct line *line_find(struct dispatch *dispatch, const char *job, bool make)
{
    for (struct line *line = dispatch->lines; line; line = line->next) {
        if (strcmp(line->job, job) == 0) {
            return line;
        }
    }
    if (!make) {
        return NULL;
    }
    struct line *line = memory_must(calloc(1, sizeof *line));
    line->job = memory_must(strdup(job));
    line->dispatch = dispatch;
    line->next = dispatch->lines;
    dispatch->lines = line;
    bytes_init(&line->defaults, (size_t)COMMAND_CONTEXT_MAX * 4);
    agenda_init(&line->again, DISPATCH_ATTEMPTS_MAX);
    return line;
}

void line_free(struct line *line)
{
    free(line->job);
    bytes_free(&line->defaults);
    agenda_free(&line->again);
    free(line);
}

void line_load(struct dispatch *dispatch)
{
    char *job = store_next_job(dispatch->flow->reader, COMMAND_READY, "");
    while (job) {
        line_find(dispatch, job, true)->more = true;
        char *next = store_next_job(dispatch->flow->reader, COMMAND_READY, job);
        free(job);
        job = next;
    }
}

static void refill(struct dispatch *dispatch, struct line *line)
{
    line->head = 0;
    line->count =
        store_list(dispatch->flow->reader, COMMAND_READY, line->job, line->loaded_id, line->window, DISPATCH_WINDOW);
    line->more = line->count == DISPATCH_WINDOW;
    if (line->count > 0) {
        line->loaded_id = line->window[line->count - 1].id;
    }
}

bool line_peek(struct dispatch *dispatch, struct line *line, struct store_ref *ref)
{
    if (line->again.count > 0) {
        *ref = (struct store_ref){.id = line->again.items[0].id};
        return true;
    }
    if (line->count == 0 && line->more) {
        refill(dispatch, line);
    }
    if (line->count == 0) {
        return false;
    }
    *ref = line->window[line->head];
    return true;
}

void line_pop(struct line *line, int64_t id)
{
    int64_t taken = 0;
    if (line->again.count > 0 && line->again.items[0].id == id) {
        agenda_take(&line->again, 0, &taken);
    } else if (line->count > 0) {
        line->head++;
        line->count--;
    }
}
