// SPDX-License-Identifier: Apache-2.0
// A growing text and a small JSON writer. Must never write a number through a double. Runs on the thread that calls.
#include "buf.h"

#include "memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void make_room(struct buf *buf, size_t bytes)
{
    size_t wanted = buf->bytes + bytes + 1;

    if (wanted <= buf->room_bytes) {
        return;
    }
    buf->room_bytes = wanted < 128 ? 256 : wanted * 2;
    buf->text = memory_resize(buf->text, buf->room_bytes);
}

void buf_add(struct buf *buf, const char *text, size_t bytes)
{
    make_room(buf, bytes);
    if (bytes > 0) {
        memcpy(buf->text + buf->bytes, text, bytes);
    }
    buf->bytes += bytes;
    buf->text[buf->bytes] = '\0';
}

void buf_puts(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list list;
    int bytes;

    va_start(list, format);
    bytes = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (bytes < 0) {
        return;
    }
    make_room(buf, (size_t)bytes);
    va_start(list, format);
    vsnprintf(buf->text + buf->bytes, (size_t)bytes + 1, format, list);
    va_end(list);
    buf->bytes += (size_t)bytes;
}

void buf_comma(struct buf *buf)
{
    if (buf->bytes > 0 && buf->text[buf->bytes - 1] != '{' && buf->text[buf->bytes - 1] != '[') {
        buf_add(buf, ",", 1);
    }
}

static void quote_special(struct buf *buf, unsigned char c)
{
    switch (c) {
    case '"':
        buf_puts(buf, "\\\"");
        break;
    case '\\':
        buf_puts(buf, "\\\\");
        break;
    case '\n':
        buf_puts(buf, "\\n");
        break;
    case '\r':
        buf_puts(buf, "\\r");
        break;
    case '\t':
        buf_puts(buf, "\\t");
        break;
    default:
        buf_printf(buf, "\\u%04x", c);
    }
}

void buf_quote(struct buf *buf, const char *text)
{
    const char *from = text;

    buf_add(buf, "\"", 1);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == '"' || c == '\\') {
            buf_add(buf, from, (size_t)(text - from));
            quote_special(buf, c);
            from = text + 1;
        }
    }
    buf_add(buf, from, (size_t)(text - from));
    buf_add(buf, "\"", 1);
}

void buf_key(struct buf *buf, const char *name)
{
    buf_comma(buf);
    buf_quote(buf, name);
    buf_add(buf, ":", 1);
}

void buf_text(struct buf *buf, const char *name, const char *value)
{
    if (value) {
        buf_key(buf, name);
        buf_quote(buf, value);
    }
}

void buf_integer(struct buf *buf, const char *name, int64_t value)
{
    buf_key(buf, name);
    buf_printf(buf, "%" PRId64, value);
}

void buf_flag(struct buf *buf, const char *name, bool value)
{
    buf_key(buf, name);
    buf_puts(buf, value ? "true" : "false");
}

void buf_time(struct buf *buf, const char *name, int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000);
    char day[32];
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_key(buf, name);
    buf_printf(buf, "\"%s.%03dZ\"", day, (int)(at_ms % 1000));
}

void buf_free(struct buf *buf)
{
    free(buf->text);
    *buf = (struct buf){0};
}
