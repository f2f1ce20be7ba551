// SPDX-License-Identifier: Apache-2.0
// Walking over JSON text that json_check passed, and reading its scalars. Must never convert what it passes on: a
// value is a span of the original. Relies on the check for its bounds. Pure; any thread.
#include "rules/json.h"
#include "base/utf8.h"

#include <string.h>

static bool iter_byte_is(const struct json_iter *iter, char byte)
{
    return iter->at < iter->end && *iter->at == byte;
}

static void iter_space(struct json_iter *iter)
{
    while (iter->at < iter->end && json_is_space(*iter->at)) {
        iter->at++;
    }
}

// Stands on the opening quote; the text was checked.
static void pass_string(struct json_iter *iter)
{
    for (iter->at++; iter->at < iter->end && *iter->at != '"'; iter->at++) {
        iter->at += *iter->at == '\\';
    }
    iter->at++;
}

static void pass_container(struct json_iter *iter)
{
    size_t depth = 0;

    do {
        char byte = *iter->at;
        if (byte == '"') {
            pass_string(iter);
            continue;
        }
        depth += byte == '{' || byte == '[';
        depth -= byte == '}' || byte == ']';
        iter->at++;
    } while (depth > 0 && iter->at < iter->end);
}

static void pass_word(struct json_iter *iter)
{
    while (iter->at < iter->end && *iter->at != ',' && *iter->at != ']' && *iter->at != '}' &&
           !json_is_space(*iter->at)) {
        iter->at++;
    }
}

// Stands on a value's first byte, and then behind its last.
static struct json_value take_value(struct json_iter *iter)
{
    const char *start = iter->at;
    enum json_type type = json_type_of(*start);

    if (type == JSON_STRING) {
        pass_string(iter);
    } else if (type == JSON_OBJECT || type == JSON_ARRAY) {
        pass_container(iter);
    } else {
        pass_word(iter);
    }
    return (struct json_value){type, {start, (size_t)(iter->at - start)}};
}

struct json_iter json_iter(struct json_value container)
{
    if (container.type != JSON_OBJECT && container.type != JSON_ARRAY) {
        return (struct json_iter){NULL, NULL};
    }
    return (struct json_iter){container.raw.at + 1, container.raw.at + container.raw.len - 1};
}

// To the first byte of the next entry, if there is one.
static bool iter_entry(struct json_iter *iter)
{
    iter_space(iter);
    if (iter_byte_is(iter, ',')) {
        iter->at++;
        iter_space(iter);
    }
    return iter->at < iter->end;
}

bool json_next_member(struct json_iter *iter, struct span *key_raw, struct json_value *value)
{
    if (!iter_entry(iter)) {
        return false;
    }
    *key_raw = take_value(iter).raw;
    iter_space(iter);
    iter->at++; // the colon
    iter_space(iter);
    *value = take_value(iter);
    return true;
}

bool json_next_element(struct json_iter *iter, struct json_value *value)
{
    if (!iter_entry(iter)) {
        return false;
    }
    *value = take_value(iter);
    return true;
}

bool json_find(struct json_value object, const char *name, struct json_value *value)
{
    struct json_iter iter = object.type == JSON_OBJECT ? json_iter(object) : (struct json_iter){NULL, NULL};
    struct span key;
    struct json_value found;

    while (json_next_member(&iter, &key, &found)) {
        if (json_key_is(key, name)) {
            *value = found;
            return true;
        }
    }
    return false;
}

// The inside of a string literal.
static struct span inside(struct span raw)
{
    return raw.len >= 2 ? (struct span){raw.at + 1, raw.len - 2} : SPAN_NONE;
}

static uint32_t hex4(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        value = value * 16 + (at[i] & 0xFU) + (at[i] > '9' ? 9 : 0); // a letter's low bits are 1 to 6
    }
    return value;
}

// The code unit of the escape that text begins with, two together when they are a surrogate pair; returns its bytes.
static size_t decode_escape(struct span text, uint32_t *code_point)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";

    if (text.at[1] != 'u') {
        const char *letter = strchr(letters, text.at[1]);
        *code_point = letter != NULL ? (uint32_t)meanings[letter - letters] : (uint32_t)text.at[1];
        return 2;
    }
    uint32_t unit = hex4(text.at + 2);
    if (unit >= 0xD800 && unit <= 0xDBFF && text.len >= 12 && text.at[6] == '\\' && text.at[7] == 'u') {
        uint32_t low = hex4(text.at + 8);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *code_point = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            return 12;
        }
    }
    *code_point = unit;
    return 6;
}

// The next piece of a string's inside, decoded: one escape (into spare), or all bytes up to the next. False at its end.
// *code_point is that of the escape, 0xFFFFFFFF when the piece is none.
static bool next_piece(struct span *text, char spare[UTF8_MAX_BYTES], struct span *piece, uint32_t *code_point)
{
    size_t used;

    if (text->len == 0) {
        return false;
    }
    if (*text->at == '\\') {
        used = decode_escape(*text, code_point);
        *piece = (struct span){spare, utf8_put(*code_point, spare)};
    } else {
        const char *stop = memchr(text->at, '\\', text->len);
        used = stop != NULL ? (size_t)(stop - text->at) : text->len;
        *piece = (struct span){text->at, used};
        *code_point = UINT32_MAX;
    }
    text->at += used;
    text->len -= used;
    return true;
}

static bool is_surrogate(uint32_t code_point)
{
    return code_point >= 0xD800 && code_point <= 0xDFFF;
}

bool json_key_is(struct span key_raw, const char *name)
{
    struct span text = inside(key_raw);
    struct span wanted = span_of(name);
    char spare[UTF8_MAX_BYTES];
    struct span piece;
    uint32_t code_point;

    while (next_piece(&text, spare, &piece, &code_point)) {
        if (is_surrogate(code_point) || piece.len > wanted.len || memcmp(piece.at, wanted.at, piece.len) != 0) {
            return false;
        }
        wanted.at += piece.len;
        wanted.len -= piece.len;
    }
    return wanted.len == 0;
}

enum status json_unescape(struct json_value string, struct bytes *out)
{
    struct span text = inside(string.raw);
    char spare[UTF8_MAX_BYTES];
    struct span piece;
    uint32_t code_point;

    if (string.type != JSON_STRING) {
        return STATUS_INVALID;
    }
    while (next_piece(&text, spare, &piece, &code_point)) {
        if (is_surrogate(code_point) || code_point == 0) {
            return STATUS_INVALID;
        }
        bytes_add_span(out, piece);
    }
    return bytes_ok(out) ? STATUS_OK : STATUS_TOO_LARGE;
}

size_t json_string_length(struct json_value string)
{
    struct span text = inside(string.raw);
    char spare[UTF8_MAX_BYTES];
    struct span piece;
    uint32_t code_point;
    size_t length = 0;

    if (string.type != JSON_STRING) {
        return 0;
    }
    while (next_piece(&text, spare, &piece, &code_point)) {
        length += code_point != UINT32_MAX ? 1 : utf8_length(piece);
    }
    return length;
}

bool json_int64(struct json_value number, int64_t *out)
{
    struct span text = number.raw;
    bool negative = number.type == JSON_NUMBER && text.len > 0 && *text.at == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    uint64_t value = 0;

    if (number.type != JSON_NUMBER || text.len == (size_t)negative) {
        return false;
    }
    for (size_t i = negative; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(text.at[i] - '0');
        if (value > (limit - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool json_bool(struct json_value value, bool *out)
{
    if (value.type != JSON_TRUE && value.type != JSON_FALSE) {
        return false;
    }
    *out = value.type == JSON_TRUE;
    return true;
}

bool json_utf8_valid(struct span text)
{
    return utf8_valid(text);
}
