// SPDX-License-Identifier: Apache-2.0
// The documents of the API (execution options, job patch, job to create) as one table of fields with their bounds,
// taken from the JSON schemas of the vendor's client, API 1.30.0; and the set of values such a document sets.
#ifndef EMULATOR_SCHEMA_H
#define EMULATOR_SCHEMA_H

#include "buf.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

enum field {
    FIELD_NAME,
    FIELD_DESCRIPTION,
    FIELD_DATA_TABLE_ID,
    FIELD_QUERY_JSON,
    FIELD_RESOURCE_TYPE,
    FIELD_MAX_ITERATION_CONCURRENCY,
    FIELD_ITERATION_DELAY,
    FIELD_ITERATION_TIMEOUT,
    FIELD_DEFAULT_CONTEXT,
    FIELD_RETRY_ON_TIMEOUT,
    FIELD_RETRY_ON_FAILURE,
    FIELD_MAX_ITERATION_RETRIES,
    FIELD_RETRY_DELAY,
    FIELD_TEMPLATE_CONTEXT,
    FIELD_COUNT
};

// Which document it is. SCHEMA_SEED is SCHEMA_CREATE with nothing required, for jobs that are given to the emulator
// itself.
enum schema { SCHEMA_EXECUTE, SCHEMA_PATCH, SCHEMA_CREATE, SCHEMA_SEED };

#define SCHEMA_PROBLEM_SIZE 200

// present: bit 1 << FIELD_…; text is owned; flags and integers (as the API gives them, times in ms) are numbers.
struct fields {
    uint32_t present;
    int64_t number[FIELD_COUNT];
    char *text[FIELD_COUNT];
};

// Reads a request's body. Says false and fills problem with a sentence that names the field when it is not exactly what
// the schema allows; out is then empty. The caller frees out with fields_free(). Pure.
bool schema_read(enum schema schema, const char *body, size_t bytes, struct fields *out,
                 char problem[SCHEMA_PROBLEM_SIZE]);

// The same for an object that is parsed already.
bool schema_read_object(enum schema schema, const cJSON *object, struct fields *out, char problem[SCHEMA_PROBLEM_SIZE]);

// Parses text that must be one strictly valid JSON object in which no key stands twice; NULL and a problem when it is
// not. The caller frees the result with cJSON_Delete(). Pure.
cJSON *schema_parse_object(const char *text, size_t bytes, char problem[SCHEMA_PROBLEM_SIZE]);

bool fields_have(const struct fields *fields, enum field field);

// The text of a field, NULL when it is not set. Belongs to fields.
const char *fields_text(const struct fields *fields, enum field field);

// Set one field; the text is copied.
void fields_set_text(struct fields *fields, enum field field, const char *text);
void fields_set_number(struct fields *fields, enum field field, int64_t number);

// Moves what from has into into, over what is there; from is empty afterwards.
void fields_merge(struct fields *into, struct fields *from);

// Writes those of the fields that are set and whose bit is in mask as members of an object.
void fields_write(const struct fields *fields, uint32_t mask, struct buf *out);

void fields_free(struct fields *fields);

#endif
