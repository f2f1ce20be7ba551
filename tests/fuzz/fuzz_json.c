// SPDX-License-Identifier: Apache-2.0
// Any bytes as JSON: what json_check takes, cJSON takes, and the walkers agree with it; what is written can be read.
#include "rules/json.h"
#include "rules/utf8.h"

#include <cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

// cJSON refuses what is no UTF-16, and for it \u0000 ends the text.
static bool cjson_cannot(struct json_value string)
{
    struct bytes text;
    bytes_init(&text, SIZE_MAX);
    bool cannot = json_unescape(string, &text) != STATUS_OK;
    bytes_free(&text);
    return cannot;
}

// Every value inside is JSON by itself, and the bytes between them are only what a container may have there. Returns
// whether all strings can be told to cJSON.
static bool walk(struct json_value value) // NOLINT(misc-no-recursion): JSON_DEPTH_MAX bounds it
{
    struct json_value alone;
    struct json_value inner;
    struct span key;
    bool plain = true;

    must(json_check(value.raw, &alone, NULL, NULL) == STATUS_OK);
    must(alone.type == value.type && alone.raw.at == value.raw.at && alone.raw.len == value.raw.len);
    struct json_iter iter = json_iter(value);
    if (value.type == JSON_OBJECT) {
        while (json_next_member(&iter, &key, &inner)) {
            struct json_value name = {JSON_STRING, key};
            plain = walk(name) && plain;
            plain = walk(inner) && plain;
        }
    } else if (value.type == JSON_ARRAY) {
        while (json_next_element(&iter, &inner)) {
            plain = walk(inner) && plain;
        }
    } else if (value.type == JSON_STRING) {
        plain = !cjson_cannot(value);
        must(json_string_length(value) <= value.raw.len - 2);
    }
    return plain;
}

static void compare_with_cjson(struct span text, bool plain)
{
    const char *end = NULL;
    char *copy = span_dup(text);
    must(copy != NULL);
    cJSON *tree = cJSON_ParseWithOpts(copy, &end, true);
    must(tree != NULL || !plain);
    cJSON_Delete(tree);
    free(copy);
}

static void round_trip(struct span text)
{
    struct bytes literal;
    struct bytes back;
    struct json_value value;

    bytes_init(&literal, SIZE_MAX);
    bytes_init(&back, SIZE_MAX);
    json_put_string(&literal, text);
    must(json_check(bytes_span(&literal), &value, NULL, NULL) == STATUS_OK && value.type == JSON_STRING);
    enum status rc = json_unescape(value, &back);
    if (utf8_valid(text) && (text.len == 0 || memchr(text.at, 0, text.len) == NULL)) {
        must(rc == STATUS_OK && span_equal(bytes_span(&back), text));
        must(json_string_length(value) == utf8_length(text));
    }
    bytes_free(&literal);
    bytes_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    struct json_value value;
    size_t error_at = SIZE_MAX;
    const char *why = NULL;

    if (json_check(text, &value, &error_at, &why) == STATUS_OK) {
        must(utf8_valid(text));
        compare_with_cjson(text, walk(value));
    } else {
        must(error_at <= size && why != NULL);
    }
    round_trip(text);
    return 0;
}
