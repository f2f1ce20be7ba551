// SPDX-License-Identifier: Apache-2.0
// The API's documents as a table with checks. Must never let through what the vendor's schema refuses: a bridge that
// passes here is not to fail there. Pure; runs on the thread that calls.
#include "schema.h"

#include "ids.h"
#include "jsontext.h"
#include "memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_TEXT, KIND_TABLE, KIND_TYPE, KIND_CONTEXT, KIND_INTEGER, KIND_CONCURRENCY, KIND_FLAG };

#define IN(schema) (1u << (schema))
#define IN_JOB     (IN(SCHEMA_PATCH) | IN(SCHEMA_CREATE) | IN(SCHEMA_SEED))
#define IN_NEW     (IN(SCHEMA_CREATE) | IN(SCHEMA_SEED))

// min and max: code points of a text, value of an integer.
static const struct rule {
    const char *name;
    enum kind kind;
    int64_t min;
    int64_t max;
    unsigned schemas;
    bool required_to_create;
} rules[FIELD_COUNT] = {
    [FIELD_NAME] = {"name", KIND_TEXT, 1, 255, IN_JOB, true},
    [FIELD_DESCRIPTION] = {"description", KIND_TEXT, 0, 32767, IN_JOB, false},
    [FIELD_DATA_TABLE_ID] = {"dataTableId", KIND_TABLE, 4, 255, IN_JOB | IN(SCHEMA_EXECUTE), false},
    [FIELD_QUERY_JSON] = {"queryJson", KIND_TEXT, 0, 8192, IN_JOB | IN(SCHEMA_EXECUTE), false},
    [FIELD_RESOURCE_TYPE] = {"resourceType", KIND_TYPE, 0, 0, IN_NEW, true},
    [FIELD_MAX_ITERATION_CONCURRENCY] = {"maxIterationConcurrency", KIND_CONCURRENCY, 1, 10, IN_JOB, false},
    [FIELD_ITERATION_DELAY] = {"iterationDelay", KIND_INTEGER, 0, 60000, IN_JOB, false},
    [FIELD_ITERATION_TIMEOUT] = {"iterationTimeout", KIND_INTEGER, 60000, 900000, IN_JOB, false},
    [FIELD_DEFAULT_CONTEXT] = {"defaultContext", KIND_TEXT, 0, 32767, IN_JOB, false},
    [FIELD_RETRY_ON_TIMEOUT] = {"retryOnTimeout", KIND_FLAG, 0, 1, IN_JOB, false},
    [FIELD_RETRY_ON_FAILURE] = {"retryOnFailure", KIND_FLAG, 0, 1, IN_JOB, false},
    [FIELD_MAX_ITERATION_RETRIES] = {"maxIterationRetries", KIND_INTEGER, 1, 5, IN_JOB, false},
    [FIELD_RETRY_DELAY] = {"retryDelay", KIND_INTEGER, 0, 30000, IN_JOB, false},
    [FIELD_TEMPLATE_CONTEXT] = {"templateContext", KIND_CONTEXT, 0, 32767, IN(SCHEMA_EXECUTE), false},
};

// Whether text matches `.*{{.+}}.*`, where a dot is anything but the end of a line.
static bool holds_template(const char *text)
{
    for (const char *open = strstr(text, "{{"); open; open = strstr(open + 1, "{{")) {
        size_t line = strcspn(open + 2, "\r\n");
        const char *close = line > 0 ? strstr(open + 3, "}}") : NULL;

        if (close && close < open + 2 + line) {
            return true;
        }
    }
    return false;
}

static const char *check_text(const struct rule *rule, const char *text, char *hint, size_t hint_bytes)
{
    size_t points = jsontext_code_points(text);
    char id[ID_SIZE];
    char kind;

    if (rule->kind == KIND_TABLE && id_read(text, strlen(text), id)) {
        return NULL;
    }
    if (rule->kind == KIND_TYPE) {
        bool known = !strcmp(text, "dataTableRow") || !strcmp(text, "device") || !strcmp(text, "experienceGroup") ||
                     !strcmp(text, "experienceUser");
        return known ? NULL : "must be one of dataTableRow, device, experienceGroup, experienceUser";
    }
    if (points < (size_t)rule->min || points > (size_t)rule->max) {
        snprintf(hint, hint_bytes, "must have %" PRId64 " to %" PRId64 " characters, has %zu", rule->min, rule->max,
                 points);
        return hint;
    }
    if (rule->kind == KIND_TABLE && !holds_template(text)) {
        return "must be an id of 24 hex digits or hold a {{template}}";
    }
    if (rule->kind == KIND_CONTEXT && !(jsontext_valid(text, strlen(text), true, &kind) && kind == '{')) {
        return "must be the text of a JSON object";
    }
    return NULL;
}

static const char *check_number(const struct rule *rule, double number, char *hint, size_t hint_bytes)
{
    if (rule->kind == KIND_CONCURRENCY) {
        return number == 1 || number == 10 ? NULL : "must be 1 or 10";
    }
    if (number < (double)rule->min || number > (double)rule->max) {
        snprintf(hint, hint_bytes, "must be %" PRId64 " to %" PRId64, rule->min, rule->max);
        return hint;
    }
    // JSON Schema calls 60000.0 an integer. In range, so the conversion is defined.
    return (double)(int64_t)number == number ? NULL : "must be an integer";
}

static const char *read_value(enum field field, const cJSON *item, struct fields *out, char *hint, size_t hint_bytes)
{
    const struct rule *rule = &rules[field];
    const char *wrong;

    switch (rule->kind) {
    case KIND_FLAG:
        if (!cJSON_IsBool(item)) {
            return "must be a boolean";
        }
        fields_set_number(out, field, cJSON_IsTrue(item));
        return NULL;
    case KIND_INTEGER:
    case KIND_CONCURRENCY:
        if (!cJSON_IsNumber(item)) {
            return "must be an integer";
        }
        wrong = check_number(rule, item->valuedouble, hint, hint_bytes);
        if (!wrong) {
            fields_set_number(out, field, (int64_t)item->valuedouble);
        }
        return wrong;
    default:
        if (!cJSON_IsString(item)) {
            return "must be a string";
        }
        wrong = check_text(rule, item->valuestring, hint, hint_bytes);
        if (!wrong) {
            fields_set_text(out, field, item->valuestring);
        }
        return wrong;
    }
}

static enum field find_field(enum schema schema, const char *name)
{
    enum field field = 0;

    while (field < FIELD_COUNT && !((rules[field].schemas & IN(schema)) && strcmp(rules[field].name, name) == 0)) {
        field++;
    }
    return field;
}

static const char *find_missing(const struct fields *fields)
{
    for (enum field field = 0; field < FIELD_COUNT; field++) {
        if (rules[field].required_to_create && !fields_have(fields, field)) {
            return rules[field].name;
        }
    }
    return NULL;
}

bool schema_read_object(enum schema schema, const cJSON *object, struct fields *out, char problem[SCHEMA_PROBLEM_SIZE])
{
    const cJSON *item;
    const char *missing;
    char hint[100];

    *out = (struct fields){0};
    cJSON_ArrayForEach(item, object)
    {
        enum field field = find_field(schema, item->string);
        const char *wrong =
            field == FIELD_COUNT ? "is not allowed here" : read_value(field, item, out, hint, sizeof hint);

        if (wrong) {
            snprintf(problem, SCHEMA_PROBLEM_SIZE, "\"%.60s\" %s", item->string, wrong);
            fields_free(out);
            return false;
        }
    }
    missing = schema == SCHEMA_CREATE ? find_missing(out) : NULL;
    if (missing) {
        snprintf(problem, SCHEMA_PROBLEM_SIZE, "\"%s\" is required", missing);
        fields_free(out);
        return false;
    }
    return true;
}

static const char *find_repeated(const cJSON *object)
{
    for (const cJSON *item = object->child; item; item = item->next) {
        for (const cJSON *later = item->next; later; later = later->next) {
            if (strcmp(item->string, later->string) == 0) {
                return item->string;
            }
        }
    }
    return NULL;
}

cJSON *schema_parse_object(const char *text, size_t bytes, char problem[SCHEMA_PROBLEM_SIZE])
{
    cJSON *object = NULL;
    const char *repeated;
    char kind;

    if (bytes == 0) {
        snprintf(problem, SCHEMA_PROBLEM_SIZE, "A body is required");
    } else if (!jsontext_valid(text, bytes, false, &kind) || !(object = cJSON_ParseWithLength(text, bytes))) {
        snprintf(problem, SCHEMA_PROBLEM_SIZE, "The body is not valid JSON");
    } else if (kind != '{') {
        snprintf(problem, SCHEMA_PROBLEM_SIZE, "The body must be an object");
    } else if (cJSON_GetArraySize(object) > 100) {
        snprintf(problem, SCHEMA_PROBLEM_SIZE, "The body has too many fields");
    } else if ((repeated = find_repeated(object))) {
        snprintf(problem, SCHEMA_PROBLEM_SIZE, "\"%.60s\" is given twice", repeated);
    } else {
        return object;
    }
    cJSON_Delete(object);
    return NULL;
}

bool schema_read(enum schema schema, const char *body, size_t bytes, struct fields *out,
                 char problem[SCHEMA_PROBLEM_SIZE])
{
    cJSON *object = schema_parse_object(body, bytes, problem);
    bool good = object && schema_read_object(schema, object, out, problem);

    if (!good) {
        *out = (struct fields){0};
    }
    cJSON_Delete(object);
    return good;
}

bool fields_have(const struct fields *fields, enum field field)
{
    return (fields->present & (1u << field)) != 0;
}

const char *fields_text(const struct fields *fields, enum field field)
{
    return fields->text[field];
}

void fields_set_text(struct fields *fields, enum field field, const char *text)
{
    free(fields->text[field]);
    fields->text[field] = memory_copy_text(text);
    fields->present |= 1u << field;
}

void fields_set_number(struct fields *fields, enum field field, int64_t number)
{
    fields->number[field] = number;
    fields->present |= 1u << field;
}

void fields_merge(struct fields *into, struct fields *from)
{
    for (enum field field = 0; field < FIELD_COUNT; field++) {
        if (from->text[field]) {
            free(into->text[field]);
            into->text[field] = from->text[field];
        } else if (fields_have(from, field)) {
            into->number[field] = from->number[field];
        }
    }
    into->present |= from->present;
    *from = (struct fields){0};
}

void fields_write(const struct fields *fields, uint32_t mask, struct buf *out)
{
    for (enum field field = 0; field < FIELD_COUNT; field++) {
        if ((fields->present & mask & (1u << field)) == 0) {
            continue;
        }
        if (fields->text[field]) {
            buf_text(out, rules[field].name, fields->text[field]);
        } else if (rules[field].kind == KIND_FLAG) {
            buf_flag(out, rules[field].name, fields->number[field] != 0);
        } else {
            buf_integer(out, rules[field].name, fields->number[field]);
        }
    }
}

void fields_free(struct fields *fields)
{
    for (enum field field = 0; field < FIELD_COUNT; field++) {
        free(fields->text[field]);
    }
    *fields = (struct fields){0};
}
