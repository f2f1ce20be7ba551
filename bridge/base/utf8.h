// SPDX-License-Identifier: Apache-2.0
// Code points of UTF-8 text (RFC 3629): what JSON, topics and request ids have in common. Pure; any thread.
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/bytes.h"
#include <stdint.h>

#define UTF8_MAX_BYTES 4 // of one code point

// The code point that text begins with into *code_point; returns its bytes (1..4), 0 when text is empty or does not
// begin with a valid one (overlong forms, surrogates and anything above U+10FFFF are not).
size_t utf8_next(struct span text, uint32_t *code_point);
// The bytes of a valid code point into out; returns how many.
size_t utf8_put(uint32_t code_point, char out[UTF8_MAX_BYTES]);
bool utf8_valid(struct span text);
// The number of code points of valid text, as JSON Schema counts maxLength.
size_t utf8_length(struct span text);
// No control character (U+0000..1F, U+007F..9F) and no noncharacter: MQTT 5 section 1.5.4 lets a receiver close the
// connection over these, and mosquitto does.
bool utf8_printable(uint32_t code_point);
// Bytes of text, at most max, that end on a whole code point.
size_t utf8_cut(struct span text, size_t max);

#endif
