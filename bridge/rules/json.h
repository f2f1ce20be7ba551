// SPDX-License-Identifier: Apache-2.0
// JSON as spans of the original text: a value is found, checked and passed on byte for byte, never
// converted (cJSON and its like turn numbers into doubles, which changes integers above 2^53).
// json_check() first; everything else expects text that passed it.
//
//   {"n": 12345678901234567890}   n's raw text stays those twenty digits
//   {"a":1,"a":2}                 valid JSON; json_find gives the first; whoever must refuse it walks the members
//
// Pure; any thread.
#ifndef RULES_JSON_H
#define RULES_JSON_H

#include "base/bytes.h"
#include "base/status.h"
#include "rules/json_check.h"
#include "rules/json_write.h"
#include <stdint.h>

struct json_iter {
    const char *at;
    const char *end;
};

// Walks the members of an object or the elements of an array that passed json_check.
struct json_iter json_iter(struct json_value container);
bool json_next_member(struct json_iter *iter, struct span *key_raw, struct json_value *value); // key with its quotes
bool json_next_element(struct json_iter *iter, struct json_value *value);

// The first member of that name (compared after unescaping); false when there is none or object is no object.
bool json_find(struct json_value object, const char *name, struct json_value *value);
bool json_key_is(struct span key_raw, const char *name);

// Appends the string's text, unescaped, as UTF-8. STATUS_INVALID when it is no string, has \u0000, or a lone
// surrogate escape; STATUS_TOO_LARGE when out refuses it.
enum status json_unescape(struct json_value string, struct bytes *out);
// The number of Unicode code points of a string value, as JSON Schema counts maxLength (\uD83D\uDE00 is one).
size_t json_string_length(struct json_value string);
// An integer literal within int64 ("30", "-1"; not "30.0", not "3e1"); false else.
bool json_int64(struct json_value number, int64_t *out);
bool json_bool(struct json_value value, bool *out);

// True when all of text is valid UTF-8 (RFC 3629).
bool json_utf8_valid(struct span text);

#endif
