// SPDX-License-Identifier: Apache-2.0
// Control objects by table. Must never ignore a field that it does not know: a test with a typo would test nothing.
// Pure.
#include "shape.h"

#include "ids.h"
#include "jsontext.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *read_number(const struct shape *shape, const cJSON *item, char *member, char *hint,
                               size_t hint_bytes)
{
    double number = cJSON_IsNumber(item) ? item->valuedouble : NAN;

    if (!(number >= shape->min && number <= shape->max) ||
        (shape->kind == SHAPE_INTEGER && (double)(int64_t)number != number)) {
        snprintf(hint, hint_bytes, "must be %s from %.0f to %.0f",
                 shape->kind == SHAPE_INTEGER ? "an integer" : "a number", shape->min, shape->max);
        return hint;
    }
    if (shape->kind == SHAPE_INTEGER) {
        int64_t whole = (int64_t)number;
        memcpy(member, &whole, sizeof whole);
    } else {
        memcpy(member, &number, sizeof number);
    }
    return NULL;
}

static const char *read_text(const struct shape *shape, const cJSON *item, char *member, char *hint, size_t hint_bytes)
{
    const char *text = cJSON_GetStringValue(item);
    size_t points = text ? jsontext_code_points(text) : 0;

    if (!text || points < (size_t)shape->min || points > (size_t)shape->max) {
        snprintf(hint, hint_bytes, "must be a string of %.0f to %.0f characters", shape->min, shape->max);
        return hint;
    }
    memcpy(member, &text, sizeof(const char *));
    return NULL;
}

static const char *read_word(const struct shape *shape, const cJSON *item, char *member, char *hint, size_t hint_bytes)
{
    const char *text = cJSON_GetStringValue(item);
    size_t bytes;

    for (int word = 0; text && shape->words[word]; word++) {
        if (strcmp(text, shape->words[word]) == 0) {
            memcpy(member, &word, sizeof word);
            return NULL;
        }
    }
    snprintf(hint, hint_bytes, "must be one of");
    for (int word = 0; shape->words[word]; word++) {
        bytes = strlen(hint);
        snprintf(hint + bytes, hint_bytes - bytes, " %s", shape->words[word]);
    }
    return hint;
}

static bool all_texts(const cJSON *list)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item) || item->valuestring[0] == '\0') {
            return false;
        }
    }
    return cJSON_IsArray(list);
}

static const char *read_member(const struct shape *shape, const cJSON *item, char *member, char *hint,
                               size_t hint_bytes)
{
    bool flag = cJSON_IsTrue(item);

    switch (shape->kind) {
    case SHAPE_INTEGER:
    case SHAPE_NUMBER:
        return read_number(shape, item, member, hint, hint_bytes);
    case SHAPE_TEXT:
        return read_text(shape, item, member, hint, hint_bytes);
    case SHAPE_WORD:
        return read_word(shape, item, member, hint, hint_bytes);
    case SHAPE_FLAG:
        memcpy(member, &flag, sizeof flag);
        return cJSON_IsBool(item) ? NULL : "must be a boolean";
    case SHAPE_ID:
        return cJSON_IsString(item) && id_read(item->valuestring, strlen(item->valuestring), member)
                   ? NULL
                   : "must be an id of 24 hex digits";
    case SHAPE_TEXTS:
        memcpy(member, &item, sizeof(const cJSON *));
        return all_texts(item) ? NULL : "must be an array of strings that are not empty";
    case SHAPE_OBJECT:
        memcpy(member, &item, sizeof(const cJSON *));
        return cJSON_IsObject(item) ? NULL : "must be an object";
    }
    return "is not allowed here";
}

bool shape_read(const cJSON *object, const struct shape *table, void *target, char problem[SCHEMA_PROBLEM_SIZE])
{
    const cJSON *item;
    char hint[120];

    cJSON_ArrayForEach(item, object)
    {
        const struct shape *shape = table;
        const char *wrong;

        while (shape->name && strcmp(shape->name, item->string) != 0) {
            shape++;
        }
        wrong = shape->name ? read_member(shape, item, (char *)target + shape->offset, hint, sizeof hint)
                            : "is not known here";
        if (wrong) {
            snprintf(problem, SCHEMA_PROBLEM_SIZE, "\"%.60s\" %s", item->string, wrong);
            return false;
        }
    }
    for (const struct shape *shape = table; shape->name; shape++) {
        if (shape->required && !cJSON_GetObjectItemCaseSensitive(object, shape->name)) {
            snprintf(problem, SCHEMA_PROBLEM_SIZE, "\"%s\" is required", shape->name);
            return false;
        }
    }
    return true;
}

void shape_write(const struct shape *table, const void *source, struct buf *out)
{
    for (const struct shape *shape = table; shape->name; shape++) {
        const char *member = (const char *)source + shape->offset;
        int64_t number;
        bool flag;
        int word;

        if (shape->kind == SHAPE_INTEGER) {
            memcpy(&number, member, sizeof number);
            buf_integer(out, shape->name, number);
        } else if (shape->kind == SHAPE_FLAG) {
            memcpy(&flag, member, sizeof flag);
            buf_flag(out, shape->name, flag);
        } else if (shape->kind == SHAPE_WORD) {
            memcpy(&word, member, sizeof word);
            buf_text(out, shape->name, shape->words[word]);
        }
    }
}
