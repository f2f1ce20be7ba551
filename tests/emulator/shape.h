// SPDX-License-Identifier: Apache-2.0
// Reads the JSON objects of the control address into C structs by a table, strictly: an unknown field, a wrong type or
// a value out of range is named. Not for the API's own documents (schema.h).
#ifndef EMULATOR_SHAPE_H
#define EMULATOR_SHAPE_H

#include "buf.h"
#include "schema.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shape_kind {
    SHAPE_INTEGER, // int64_t, min..max
    SHAPE_NUMBER,  // double, min..max
    SHAPE_FLAG,    // bool
    SHAPE_TEXT,    // const char *, into the parsed object; min..max code points
    SHAPE_ID,      // char[ID_SIZE]
    SHAPE_WORD,    // int, index in words
    SHAPE_TEXTS,   // const cJSON *, an array of strings
    SHAPE_OBJECT,  // const cJSON *, an object
};

struct shape {
    const char *name;
    enum shape_kind kind;
    size_t offset; // of the member in the target
    double min;
    double max;
    const char *const *words; // ended by NULL
    bool required;
};

// Reads object by table (ended by an entry without a name) into target; members that the object lacks stay as they are.
// False and a problem that names the field when something is wrong; target may then be half written. Pure.
bool shape_read(const cJSON *object, const struct shape *table, void *target, char problem[SCHEMA_PROBLEM_SIZE]);

// Writes the integers, flags and words of the source as members of an object, by the same table. Pure.
void shape_write(const struct shape *table, const void *source, struct buf *out);

#endif
