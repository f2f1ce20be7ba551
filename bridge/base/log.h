// SPDX-License-Identifier: Apache-2.0
// Diagnostics on standard error, one line an event, logfmt or JSON. Any thread; a line is one write(2).
// Must never be given a secret: tokens and passwords have no business in an argument of these.
//
//   LOG_INFO("command accepted", LOG_TEXT("request", id), LOG_INT("status", 200));
//
// The same warning or error (level and event text, whatever the fields) that repeats is told once, then at most every
// LOG_REPEAT_MS with a count ("repeated": how many lines were left out). Information is never summed up.
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bytes.h"
#include "base/clock.h"
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

#define LOG_REPEAT_MS      10000 // a repeated warning or error is summed up at most this often
#define LOG_LINE_MAX_BYTES 4096  // with the newline; longer lines are cut, say cut=1 and stay well-formed

struct log_field {
    const char *key; // NULL ends a list
    enum { LOG_FIELD_SPAN, LOG_FIELD_INT } type;
    struct span span;
    int64_t number;
};

#define LOG_TEXT(name, value) ((struct log_field){(name), LOG_FIELD_SPAN, span_of(value), 0})
#define LOG_SPAN(name, value) ((struct log_field){(name), LOG_FIELD_SPAN, (value), 0})
#define LOG_INT(name, value)  ((struct log_field){(name), LOG_FIELD_INT, SPAN_NONE, (int64_t)(value)})
#define LOG_END               ((struct log_field){NULL, LOG_FIELD_INT, SPAN_NONE, 0})

#define LOG_AT(level, event, ...)                                                                                      \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ) LOG_END})
// The same, but told each time, however often: for what comes a bounded number of times by its nature, as the problems
// of a configuration, and says something else each time.
#define LOG_EACH(level, event, ...)                                                                                    \
    log_write_each((level), (event), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ) LOG_END})
#define LOG_ERROR(...)   LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define LOG_WARNING(...) LOG_AT(LOG_LEVEL_WARNING, __VA_ARGS__)
#define LOG_INFO(...)    LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_DEBUG(...)   LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)

// Takes effect at once for all threads. Where standard error is the journal (JOURNAL_STREAM names it), lines carry the
// "<3>" priorities of sd-daemon(3) and no time of their own.
void log_setup(enum log_level level, enum log_format format);
// For lines that are no events: that priority ("<3>", borrowed for ever) where fd is the journal, else "". Any thread.
const char *log_priority(int fd, enum log_level level);
// event: a constant phrase (a literal: its address is kept), the same for the same kind of event; fields: ended by
// LOG_END. errno is left as it was.
void log_write(enum log_level level, const char *event, const struct log_field *fields);
void log_write_each(enum log_level level, const char *event, const struct log_field *fields);
// Tells what was left out and not summed up yet; call it before the process ends.
void log_flush(void);
// For tests: the time to use, borrowed; NULL is the real clock again. Forgets all repeats.
void log_use_clock(const struct clock *clock);

#endif
