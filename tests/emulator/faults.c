// SPDX-License-Identifier: Apache-2.0
// The list of faults and who is hit. Must never draw for a fault that does not fit the request: else one seed would not
// repeat one test. Runs on any thread, under the world's lock.
#include "faults.h"

#include "memory.h"
#include "shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fault {
    int64_t id;
    int on; // enum op, OP_COUNT: any
    double percent;
    int64_t times; // 0: without end
    int64_t fired;
    char job[ID_SIZE]; // "": any
    struct fault_hit hit;
};

// What a description sets, before it is checked.
struct description {
    int on;
    int what;
    int cut;
    int64_t status;
    const char *retry_after;
    int64_t ms;
    int64_t times;
    double percent;
    char job[ID_SIZE];
};

const char *const fault_words[FAULT_NONE + 2] = {
    [FAULT_STATUS] = "status",     [FAULT_DROP] = "drop",
    [FAULT_DELAY] = "delay",       [FAULT_ACT_THEN_DROP] = "actThenDrop",
    [FAULT_TRUNCATE] = "truncate", [FAULT_ACT_THEN_DELAY] = "actThenDelay",
    [FAULT_GARBAGE] = "garbage",   [FAULT_NO_ID] = "noId",
    [FAULT_HANG] = "hang",         [FAULT_NONE] = "",
};

static const char *const cut_words[] = {"reset", "close", NULL};

#define OFFSET(m) offsetof(struct description, m)

static const struct shape fault_shape[] = {
    {.name = "on", .kind = SHAPE_WORD, .offset = OFFSET(on), .words = op_words, .required = true},
    {.name = "do", .kind = SHAPE_WORD, .offset = OFFSET(what), .words = fault_words, .required = true},
    {.name = "cut", .kind = SHAPE_WORD, .offset = OFFSET(cut), .words = cut_words},
    {.name = "status", .kind = SHAPE_INTEGER, .offset = OFFSET(status), .min = 200, .max = 599},
    {.name = "retryAfter", .kind = SHAPE_TEXT, .offset = OFFSET(retry_after), .min = 1, .max = FAULT_HEADER_SIZE - 1},
    {.name = "ms", .kind = SHAPE_INTEGER, .offset = OFFSET(ms), .max = 3600000},
    {.name = "times", .kind = SHAPE_INTEGER, .offset = OFFSET(times), .max = 1e9},
    {.name = "percent", .kind = SHAPE_NUMBER, .offset = OFFSET(percent), .max = 100},
    {.name = "job", .kind = SHAPE_ID, .offset = OFFSET(job)},
    {.name = NULL},
};

static bool is_header_text(const char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

// What of a description does not fit together; NULL when all does.
static const char *find_contradiction(const struct description *d, const cJSON *object)
{
    bool waits = d->what == FAULT_DELAY || d->what == FAULT_ACT_THEN_DELAY;
    bool cuts = d->what == FAULT_DROP || d->what == FAULT_ACT_THEN_DROP;

    if (d->what == FAULT_NONE) {
        return "\"do\" must name a fault";
    }
    if ((d->what == FAULT_STATUS) != cJSON_HasObjectItem(object, "status")) {
        return "\"status\" goes with \"do\": \"status\", and is required there";
    }
    if (waits != cJSON_HasObjectItem(object, "ms")) {
        return "\"ms\" goes with \"do\": \"delay\" and \"actThenDelay\", and is required there";
    }
    if (d->retry_after && d->what != FAULT_STATUS) {
        return "\"retryAfter\" goes with \"do\": \"status\" only";
    }
    if (d->retry_after && !is_header_text(d->retry_after)) {
        return "\"retryAfter\" must be printable ASCII";
    }
    if (cJSON_HasObjectItem(object, "cut") && !cuts) {
        return "\"cut\" goes with \"do\": \"drop\" and \"actThenDrop\" only";
    }
    if (d->what == FAULT_NO_ID && d->on != OP_EXECUTE) {
        return "\"do\": \"noId\" goes with \"on\": \"execute\" only";
    }
    return NULL;
}

int64_t faults_add(struct faults *faults, const cJSON *object, char problem[SCHEMA_PROBLEM_SIZE])
{
    struct description d = {.percent = 100};
    const char *contradiction;
    struct fault *fault;

    if (!shape_read(object, fault_shape, &d, problem)) {
        return 0;
    }
    contradiction = find_contradiction(&d, object);
    if (contradiction) {
        snprintf(problem, SCHEMA_PROBLEM_SIZE, "%s", contradiction);
        return 0;
    }
    faults->list = memory_resize(faults->list, (faults->count + 1) * sizeof *faults->list);
    fault = &faults->list[faults->count++];
    *fault = (struct fault){
        .id = ++faults->made,
        .on = d.on,
        .percent = d.percent,
        .times = d.times,
        .hit = {.what = d.what, .cut = d.cut, .status = d.status, .ms = d.ms},
    };
    memcpy(fault->job, d.job, sizeof fault->job);
    snprintf(fault->hit.retry_after, sizeof fault->hit.retry_after, "%s", d.retry_after ? d.retry_after : "");
    return fault->id;
}

static bool fits(const struct fault *fault, enum op op, const char *job_id)
{
    return (fault->on == OP_COUNT || fault->on == (int)op) && (fault->times == 0 || fault->fired < fault->times) &&
           (fault->job[0] == '\0' || strcmp(fault->job, job_id) == 0);
}

static bool draw(const struct fault *fault, struct chance *chance)
{
    return fault->percent >= 100 || (double)(chance_next(chance) >> 11) * 0x1p-53 * 100 < fault->percent;
}

void faults_choose(struct faults *faults, struct chance *chance, enum op op, const char *job_id, struct fault_hit *hit)
{
    *hit = (struct fault_hit){.what = FAULT_NONE};
    if (op == OP_COUNT) {
        return;
    }
    for (size_t i = 0; i < faults->count; i++) {
        if (fits(&faults->list[i], op, job_id) && draw(&faults->list[i], chance)) {
            faults->list[i].fired++;
            *hit = faults->list[i].hit;
            return;
        }
    }
}

static void write_fault(const struct fault *fault, struct buf *out)
{
    buf_comma(out);
    buf_puts(out, "{");
    buf_integer(out, "id", fault->id);
    buf_text(out, "on", op_words[fault->on]);
    buf_text(out, "do", fault_words[fault->hit.what]);
    if (fault->hit.what == FAULT_STATUS) {
        buf_integer(out, "status", fault->hit.status);
    }
    if (fault->hit.what == FAULT_DROP || fault->hit.what == FAULT_ACT_THEN_DROP) {
        buf_text(out, "cut", cut_words[fault->hit.cut]);
    }
    if (fault->hit.what == FAULT_DELAY || fault->hit.what == FAULT_ACT_THEN_DELAY) {
        buf_integer(out, "ms", fault->hit.ms);
    }
    buf_text(out, "retryAfter", fault->hit.retry_after[0] ? fault->hit.retry_after : NULL);
    buf_integer(out, "times", fault->times);
    buf_key(out, "percent");
    buf_printf(out, "%.15g", fault->percent);
    buf_text(out, "job", fault->job[0] ? fault->job : NULL);
    buf_integer(out, "fired", fault->fired);
    buf_puts(out, "}");
}

void faults_write(const struct faults *faults, struct buf *out)
{
    buf_puts(out, "[");
    for (size_t i = 0; i < faults->count; i++) {
        write_fault(&faults->list[i], out);
    }
    buf_puts(out, "]");
}

void faults_clear(struct faults *faults)
{
    free(faults->list);
    faults->list = NULL;
    faults->count = 0;
}
