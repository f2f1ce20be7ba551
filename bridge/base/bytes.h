// SPDX-License-Identifier: Apache-2.0
// Text without ownership (span) and a growing buffer with a hard maximum (bytes).
// A failed append is sticky: build a whole document, then ask bytes_ok() once.
//
//   struct bytes b;
//   bytes_init(&b, TOPIC_MAX_BYTES);
//   bytes_add_text(&b, "devices/");
//   bytes_add(&b, name.at, name.len);
//   if (!bytes_ok(&b)) ...
//   bytes_free(&b);
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>

struct span {
    const char *at; // not NUL-terminated; may be NULL when len is 0
    size_t len;
};

struct bytes {
    char *data; // always NUL-terminated once something was added; NULL before
    size_t len;
    size_t cap;
    size_t max_bytes; // appends beyond this fail
    bool failed;      // sticky: out of memory or over max_bytes
};

#define SPAN_NONE ((struct span){NULL, 0})
// A span over a string literal.
#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})

struct span span_of(const char *text); // NULL gives the empty span
bool span_is(struct span span, const char *text);
bool span_equal(struct span a, struct span b);
// A malloc'ed NUL-terminated copy, or NULL when out of memory; the caller frees.
char *span_dup(struct span span);

void bytes_init(struct bytes *bytes, size_t max_bytes);
void bytes_free(struct bytes *bytes);  // back to the state after bytes_init
void bytes_clear(struct bytes *bytes); // keeps the memory, forgets content and failure
// An append is whole or it fails. What is appended must not lie inside the buffer itself: it may move.
void bytes_add(struct bytes *bytes, const void *data, size_t len);
void bytes_add_span(struct bytes *bytes, struct span span);
void bytes_add_text(struct bytes *bytes, const char *text);
void bytes_add_char(struct bytes *bytes, char c);
void bytes_add_format(struct bytes *bytes, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool bytes_ok(const struct bytes *bytes);
struct span bytes_span(const struct bytes *bytes);
// The text, "" when nothing was added; owned by the buffer, valid until the next append.
const char *bytes_text(const struct bytes *bytes);

#endif
