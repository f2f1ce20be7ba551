// SPDX-License-Identifier: Apache-2.0
// Spans of text and the growing buffer with a hard maximum.
// Must never grow over its maximum, and never keep half of an append: an append is whole or it fails, for good.
// Not locked: a buffer belongs to one thread at a time.
#include "base/bytes.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP_BYTES 64

struct span span_of(const char *text)
{
    return text ? (struct span){text, strlen(text)} : SPAN_NONE;
}

bool span_is(struct span span, const char *text)
{
    return span_equal(span, span_of(text));
}

bool span_equal(struct span a, struct span b)
{
    // memcmp may not be given NULL, not even for no bytes at all.
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

char *span_dup(struct span span)
{
    char *copy = span.len < SIZE_MAX ? malloc(span.len + 1) : NULL;
    if (!copy) {
        return NULL;
    }
    if (span.len > 0) {
        memcpy(copy, span.at, span.len);
    }
    copy[span.len] = '\0';
    return copy;
}

void bytes_init(struct bytes *bytes, size_t max_bytes)
{
    // One less than the largest size, so that the NUL behind the content always has a place.
    *bytes = (struct bytes){.max_bytes = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX - 1};
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    bytes_init(bytes, bytes->max_bytes);
}

void bytes_clear(struct bytes *bytes)
{
    bytes->len = 0;
    bytes->failed = false;
    if (bytes->data) {
        bytes->data[0] = '\0';
    }
}

// Room for len more bytes and the NUL; false (and failed for good) when the maximum or the memory forbids it.
static bool reserve_room(struct bytes *bytes, size_t len)
{
    if (bytes->failed || len > bytes->max_bytes - bytes->len) {
        bytes->failed = true;
        return false;
    }
    size_t need = bytes->len + len + 1;
    if (need <= bytes->cap) {
        return true;
    }
    size_t cap = bytes->cap > bytes->max_bytes / 2 ? bytes->max_bytes + 1 : bytes->cap * 2;
    cap = cap < FIRST_CAP_BYTES ? FIRST_CAP_BYTES : cap;
    cap = cap < need ? need : cap;
    cap = cap > bytes->max_bytes + 1 ? bytes->max_bytes + 1 : cap;
    char *data = realloc(bytes->data, cap);
    if (!data) {
        bytes->failed = true;
        return false;
    }
    data[bytes->len] = '\0';
    bytes->data = data;
    bytes->cap = cap;
    return true;
}

void bytes_add(struct bytes *bytes, const void *data, size_t len)
{
    if (!reserve_room(bytes, len)) {
        return;
    }
    if (len > 0) {
        memcpy(bytes->data + bytes->len, data, len);
    }
    bytes->len += len;
    bytes->data[bytes->len] = '\0';
}

void bytes_add_span(struct bytes *bytes, struct span span)
{
    bytes_add(bytes, span.at, span.len);
}

void bytes_add_text(struct bytes *bytes, const char *text)
{
    bytes_add_span(bytes, span_of(text));
}

void bytes_add_char(struct bytes *bytes, char c)
{
    bytes_add(bytes, &c, 1);
}

void bytes_add_format(struct bytes *bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        bytes->failed = true;
        return;
    }
    if (!reserve_room(bytes, (size_t)len)) {
        return;
    }
    va_start(args, format);
    vsnprintf(bytes->data + bytes->len, (size_t)len + 1, format, args);
    va_end(args);
    bytes->len += (size_t)len;
}

bool bytes_ok(const struct bytes *bytes)
{
    return !bytes->failed;
}

struct span bytes_span(const struct bytes *bytes)
{
    return (struct span){bytes->data, bytes->len};
}

const char *bytes_text(const struct bytes *bytes)
{
    return bytes->data ? bytes->data : "";
}
