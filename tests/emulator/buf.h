// SPDX-License-Identifier: Apache-2.0
// A growing text and the few words that are needed to write JSON into it. The writer puts the commas itself: it looks
// at the last byte, so that "{" and "[" are followed by none.
#ifndef EMULATOR_BUF_H
#define EMULATOR_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Starts as all zero; text is always ended by a NUL once anything was added, and belongs to the buf.
struct buf {
    char *text;
    size_t bytes;
    size_t room_bytes;
};

// Any thread, but one thread at a time for one buf; this holds for all functions here.
void buf_add(struct buf *buf, const char *text, size_t bytes);
void buf_puts(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Puts the comma between two elements of an array or two members of an object, where one is due.
void buf_comma(struct buf *buf);

// Writes text as a JSON string, escaped; the text must be UTF-8.
void buf_quote(struct buf *buf, const char *text);

// Writes `"name":`, with a comma before it where one is due.
void buf_key(struct buf *buf, const char *name);

// Write one member of an object. buf_text writes nothing at all when the value is NULL.
void buf_text(struct buf *buf, const char *name, const char *value);
void buf_integer(struct buf *buf, const char *name, int64_t value);
void buf_flag(struct buf *buf, const char *name, bool value);

// Writes a member with a time as the API writes it, 2022-09-19T19:45:04.453Z. at_ms: milliseconds since the epoch.
void buf_time(struct buf *buf, const char *name, int64_t at_ms);

void buf_free(struct buf *buf);

#endif
