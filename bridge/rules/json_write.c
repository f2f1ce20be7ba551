// SPDX-License-Identifier: Apache-2.0
// Appending JSON to a buffer. Must never emit what json_check refuses, whatever bytes it is given. Pure; any thread.
#include "rules/json_write.h"
#include "base/utf8.h"

static void put_escaped(struct bytes *out, unsigned char byte)
{
    static const char *const shorts[0x20] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};

    if (byte == '"') {
        bytes_add_text(out, "\\\"");
    } else if (byte == '\\') {
        bytes_add_text(out, "\\\\");
    } else if (shorts[byte] != NULL) {
        bytes_add_text(out, shorts[byte]);
    } else {
        bytes_add_format(out, "\\u%04x", (unsigned)byte);
    }
}

void json_put_content(struct bytes *out, struct span text)
{
    size_t plain = 0; // bytes before text.at that go out as they are, in one piece
    uint32_t code_point;

    while (plain < text.len) {
        struct span rest = {text.at + plain, text.len - plain};
        size_t len = utf8_next(rest, &code_point);
        if (len > 0 && code_point >= 0x20 && code_point != '"' && code_point != '\\') {
            plain += len;
            continue;
        }
        bytes_add(out, text.at, plain);
        if (len > 0) {
            put_escaped(out, (unsigned char)*rest.at);
        } else {
            bytes_add_text(out, "\xEF\xBF\xBD");
        }
        text = (struct span){rest.at + 1, rest.len - 1};
        plain = 0;
    }
    bytes_add(out, text.at, plain);
}

void json_put_string(struct bytes *out, struct span text)
{
    bytes_add_char(out, '"');
    json_put_content(out, text);
    bytes_add_char(out, '"');
}

void json_put_key(struct bytes *out, const char *name)
{
    bool first = out->len == 0 || out->data[out->len - 1] == '{' || out->data[out->len - 1] == '[';

    if (!first) {
        bytes_add_char(out, ',');
    }
    json_put_string(out, span_of(name));
    bytes_add_char(out, ':');
}

void json_put_member_text(struct bytes *out, const char *name, struct span text)
{
    json_put_key(out, name);
    json_put_string(out, text);
}

void json_put_member_int(struct bytes *out, const char *name, int64_t number)
{
    json_put_key(out, name);
    bytes_add_format(out, "%lld", (long long)number);
}

void json_put_member_raw(struct bytes *out, const char *name, struct span raw)
{
    json_put_key(out, name);
    bytes_add_span(out, raw);
}
