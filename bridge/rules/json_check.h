// SPDX-License-Identifier: Apache-2.0
// Whether a text is JSON, exactly, and what kind of value it is. Users include rules/json.h. Pure; any thread.
#ifndef RULES_JSON_CHECK_H
#define RULES_JSON_CHECK_H

#include "base/bytes.h"
#include "base/status.h"

#define JSON_DEPTH_MAX 64 // arrays and objects inside one another, the outermost counted

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value {
    enum json_type type;
    struct span raw; // the value's text without surrounding white space; strings with their quotes
};

// STATUS_OK when text is exactly one JSON value of RFC 8259 (white space around it is allowed), valid UTF-8
// without surrogates or overlong forms, at most JSON_DEPTH_MAX deep; value is set. STATUS_INVALID else, with the
// byte offset of the first wrong byte in *error_at (may be NULL) and a phrase in *why (may be NULL; static).
enum status json_check(struct span text, struct json_value *value, size_t *error_at, const char **why);

// The type of the value that begins with this byte, in text that passed the check.
enum json_type json_type_of(char first);

// JSON's four white space characters.
static inline bool json_is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

#endif
