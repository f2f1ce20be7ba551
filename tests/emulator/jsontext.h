// SPDX-License-Identifier: Apache-2.0
// JSON as text: whether it is exactly RFC 8259 in UTF-8, and the same value written otherwise. cJSON alone would let
// through 01, raw control characters, trailing commas in numbers and broken UTF-8, and would round long numbers.
#ifndef EMULATOR_JSONTEXT_H
#define EMULATOR_JSONTEXT_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

// Says whether text is one JSON value, nothing after it but white space, nested no deeper than 1000. *kind gets the
// first character of the value ('{', '[', '"', 't', 'f', 'n', '-' or a digit). nul_allowed: whether \u0000 may stand in
// a string; a text that is to become C strings must not have it.
bool jsontext_valid(const char *text, size_t bytes, bool nul_allowed, char *kind);

// The number of Unicode code points, which is what minLength and maxLength of JSON Schema count. text must be UTF-8.
size_t jsontext_code_points(const char *text);

// Writes a valid JSON text again as another serialiser might: members of every object in reverse order, other white
// space; numbers and strings digit for digit. text must have passed jsontext_valid().
void jsontext_rewrite(const char *text, struct buf *out);

#endif
