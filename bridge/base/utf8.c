// SPDX-License-Identifier: Apache-2.0
// Decoding, counting and cutting of UTF-8. Must never read behind a span, and never take what RFC 3629 forbids: two
// readers that disagree about a text are how a check is got round. Pure; any thread.
#include "base/utf8.h"

static bool continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

size_t utf8_next(struct span text, uint32_t *code_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000}; // by length: anything less is overlong
    const unsigned char *at = (const unsigned char *)text.at;

    if (text.len == 0) {
        return 0;
    }
    if (at[0] < 0x80) {
        *code_point = at[0];
        return 1;
    }
    size_t len = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    if (at[0] < 0xC2 || at[0] > 0xF4 || text.len < len) {
        return 0;
    }
    uint32_t value = at[0] & (0xFFU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if (!continuation(at[i])) {
            return 0;
        }
        value = (value << 6) | (at[i] & 0x3FU);
    }
    if (value < smallest[len] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
        return 0;
    }
    *code_point = value;
    return len;
}

size_t utf8_put(uint32_t code_point, char out[UTF8_MAX_BYTES])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t len = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3F));
        code_point >>= 6;
    }
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(lead[len] | code_point);
    return len;
}

bool utf8_valid(struct span text)
{
    uint32_t code_point;
    while (text.len > 0) {
        size_t len = utf8_next(text, &code_point);
        if (len == 0) {
            return false;
        }
        text.at += len;
        text.len -= len;
    }
    return true;
}

size_t utf8_length(struct span text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.len; i++) {
        length += !continuation((unsigned char)text.at[i]);
    }
    return length;
}

bool utf8_printable(uint32_t code_point)
{
    bool control = code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F);
    bool nonchar = (code_point >= 0xFDD0 && code_point <= 0xFDEF) || (code_point & 0xFFFE) == 0xFFFE;
    return !control && !nonchar;
}

size_t utf8_cut(struct span text, size_t max)
{
    size_t len = text.len < max ? text.len : max;
    while (len > 0 && len < text.len && continuation((unsigned char)text.at[len])) {
        len--;
    }
    return len;
}
