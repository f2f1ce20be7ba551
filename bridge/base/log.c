// SPDX-License-Identifier: Apache-2.0
// Diagnostics on standard error: one event, one line, one write(2).
// Must never let a value break out of its line or its quotes, allocate, or fail its caller: a line that cannot be
// written is lost. Any thread; the lock guards the table of repeats only and is not held while writing.
#include "base/log.h"

#include "base/utf8.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPEATS_MAX       32                           // kinds of warnings and errors that are watched at once
#define OVERDUE_MS        (INT64_C(2) * LOG_REPEAT_MS) // then an event that stays away has its count told without it
#define LINE_RESERVE      24 // kept for a closing quote, "cut", the closing brace and the newline
#define NUMBER_TEXT_BYTES 24 // any int64 in decimal

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"}; // sd-daemon(3)

static atomic_int chosen_level = LOG_LEVEL_INFO;
static atomic_int chosen_format = LOG_FORMAT_LOGFMT;
static atomic_bool to_journal = false;

// One kind of event that was told, and what was left out since.
struct repeat {
    const char *event; // NULL: a free place
    enum log_level level;
    int64_t told_ms;
    int64_t left_out;
};

static pthread_mutex_t repeats_lock = PTHREAD_MUTEX_INITIALIZER;
static struct repeat repeats[REPEATS_MAX];
static const struct clock *borrowed_clock; // NULL: the real one

struct line {
    char text[LOG_LINE_MAX_BYTES];
    size_t len;
    bool json;
    bool cut; // a value did not fit: nothing more is added
};

static void add_raw(struct line *line, const char *text, size_t len)
{
    if (line->cut || line->len + len > sizeof line->text - LINE_RESERVE) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

// Into the reserve: only for what closes a value or the line.
static void add_closing(struct line *line, const char *text)
{
    size_t len = strlen(text);
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

// C1 controls are escaped too: U+009B begins a terminal's escape sequence as ESC [ does.
static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0x2028 || point == 0x2029;
}

static void add_escaped(struct line *line, struct span value)
{
    while (value.len > 0 && !line->cut) {
        uint32_t point;
        char escape[8];
        size_t len = utf8_next(value, &point);
        if (len == 0) {
            add_raw(line, "\xef\xbf\xbd", 3); // U+FFFD
            len = 1;
        } else if (point == '"' || point == '\\') {
            snprintf(escape, sizeof escape, "\\%c", (char)point);
            add_raw(line, escape, 2);
        } else if (point == '\n') {
            add_raw(line, "\\n", 2);
        } else if (is_control(point)) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)point & 0xffff);
            add_raw(line, escape, 6);
        } else {
            add_raw(line, value.at, len);
        }
        value.at += len;
        value.len -= len;
    }
}

// logfmt: a value needs quotes unless all of it is graphic ASCII other than '=', '"' and '\'.
static bool needs_quotes(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        if (c <= ' ' || c > '~' || c == '=' || c == '"' || c == '\\') {
            return true;
        }
    }
    return value.len == 0;
}

static void add_text_value(struct line *line, struct span value)
{
    if (!line->json && !needs_quotes(value)) {
        add_escaped(line, value);
        return;
    }
    add_raw(line, "\"", 1);
    bool opened = !line->cut;
    add_escaped(line, value);
    if (opened) {
        add_closing(line, "\"");
    }
}

// False, with nothing added, when the key has no room.
static bool add_key(struct line *line, const char *key, bool first)
{
    size_t start = line->len;
    if (line->json) {
        add_raw(line, first ? "\"" : ",\"", first ? 1 : 2);
        add_escaped(line, span_of(key));
        add_raw(line, "\":", 2);
    } else {
        add_raw(line, " ", first ? 0 : 1);
        add_raw(line, key, strlen(key));
        add_raw(line, "=", 1);
    }
    if (line->cut) {
        line->len = start;
        return false;
    }
    return true;
}

static void add_text_field(struct line *line, const char *key, struct span value, bool first)
{
    if (add_key(line, key, first)) {
        add_text_value(line, value);
    }
}

static void add_int_field(struct line *line, const char *key, int64_t number)
{
    char text[NUMBER_TEXT_BYTES];
    int len = snprintf(text, sizeof text, "%" PRId64, number);
    size_t start = line->len;
    if (!add_key(line, key, false)) {
        return;
    }
    add_raw(line, text, (size_t)len);
    if (line->cut) {
        line->len = start; // half a number would be a lie
    }
}

static void begin_line(struct line *line, enum log_level level, const char *event, int64_t wall_ms)
{
    line->len = 0;
    line->cut = false;
    line->json = atomic_load(&chosen_format) == LOG_FORMAT_JSON;
    bool journal = atomic_load(&to_journal);
    if (journal) {
        add_raw(line, priorities[level], strlen(priorities[level]));
    }
    add_raw(line, "{", line->json ? 1 : 0);
    if (!journal) {
        char time[CLOCK_TEXT_BYTES];
        add_text_field(line, "time", span_of(clock_text(wall_ms, time)), true);
    }
    add_text_field(line, "level", span_of(level_names[level]), journal);
    add_text_field(line, "event", span_of(event), false);
}

static void end_line(struct line *line)
{
    if (line->cut) {
        add_closing(line, line->json ? ",\"cut\":1" : " cut=1");
    }
    add_closing(line, line->json ? "}\n" : "\n");
    size_t done = 0;
    while (done < line->len) {
        ssize_t wrote = write(STDERR_FILENO, line->text + done, line->len - done);
        if (wrote < 0 && errno != EINTR) {
            return; // there is nobody to tell
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
}

static void write_line(enum log_level level, const char *event, const struct log_field *fields, int64_t left_out,
                       int64_t wall_ms)
{
    struct line line;
    begin_line(&line, level, event, wall_ms);
    if (left_out > 0) {
        add_int_field(&line, "repeated", left_out); // first, so that a long line does not lose it
    }
    for (; fields && fields->key && !line.cut; fields++) {
        if (fields->type == LOG_FIELD_INT) {
            add_int_field(&line, fields->key, fields->number);
        } else {
            add_text_field(&line, fields->key, fields->span, false);
        }
    }
    end_line(&line);
}

// With the lock held: the place of this kind of event, or a free one, or else the one told longest ago.
static struct repeat *find_repeat(enum log_level level, const char *event)
{
    struct repeat *best = &repeats[0];
    for (size_t i = 0; i < REPEATS_MAX; i++) {
        struct repeat *r = &repeats[i];
        if (r->event && r->level == level && strcmp(r->event, event) == 0) {
            return r;
        }
        if (best->event && (!r->event || r->told_ms < best->told_ms)) {
            best = r;
        }
    }
    return best;
}

// Whether this warning or error is to be told now; *left_out gets how many of its kind were not. A kind that has to
// give up its place is handed back in *evicted.
static bool count_repeat(enum log_level level, const char *event, int64_t now_ms, int64_t *left_out,
                         struct repeat *evicted)
{
    struct repeat *r = find_repeat(level, event);
    bool same = r->event && r->level == level && strcmp(r->event, event) == 0;
    if (same && now_ms - r->told_ms < LOG_REPEAT_MS) {
        r->left_out++;
        return false;
    }
    if (same) {
        *left_out = r->left_out;
    } else {
        *evicted = *r;
    }
    *r = (struct repeat){event, level, now_ms, 0};
    return true;
}

// With the lock held: forgets the kinds last told at or before told_until_ms; their counts, which nothing else would
// tell any more, are handed out.
static size_t take_overdue(int64_t told_until_ms, struct repeat overdue[REPEATS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < REPEATS_MAX; i++) {
        if (!repeats[i].event || repeats[i].told_ms > told_until_ms) {
            continue;
        }
        if (repeats[i].left_out > 0) {
            overdue[count++] = repeats[i];
        }
        repeats[i] = (struct repeat){0};
    }
    return count;
}

static void write_overdue(const struct repeat *overdue, size_t count, int64_t wall_ms)
{
    for (size_t i = 0; i < count; i++) {
        if (overdue[i].event && overdue[i].left_out > 0) {
            write_line(overdue[i].level, overdue[i].event, NULL, overdue[i].left_out, wall_ms);
        }
    }
}

// With the lock held, for the tests may change it.
static struct clock current_clock(void)
{
    return borrowed_clock ? *borrowed_clock : clock_real();
}

static void write_event(enum log_level level, const char *event, const struct log_field *fields, bool sum_up)
{
    if ((int)level > atomic_load(&chosen_level)) {
        return;
    }
    int saved_errno = errno;
    struct repeat overdue[REPEATS_MAX + 1] = {{0}};
    int64_t left_out = 0;
    bool tell = true;
    pthread_mutex_lock(&repeats_lock);
    struct clock clock = current_clock();
    int64_t now_ms = clock_now_ms(&clock);
    if (level <= LOG_LEVEL_WARNING && sum_up) {
        tell = count_repeat(level, event, now_ms, &left_out, &overdue[REPEATS_MAX]);
    }
    size_t count = take_overdue(now_ms - OVERDUE_MS, overdue);
    pthread_mutex_unlock(&repeats_lock);

    int64_t wall_ms = clock_wall_ms(&clock);
    write_overdue(overdue, count, wall_ms);
    write_overdue(&overdue[REPEATS_MAX], 1, wall_ms);
    if (tell) {
        write_line(level, event, fields, left_out, wall_ms);
    }
    errno = saved_errno;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    write_event(level, event, fields, true);
}

void log_write_each(enum log_level level, const char *event, const struct log_field *fields)
{
    write_event(level, event, fields, false);
}

void log_flush(void)
{
    struct repeat overdue[REPEATS_MAX];
    pthread_mutex_lock(&repeats_lock);
    struct clock clock = current_clock();
    size_t count = take_overdue(INT64_MAX, overdue);
    pthread_mutex_unlock(&repeats_lock);
    write_overdue(overdue, count, clock_wall_ms(&clock));
}

void log_use_clock(const struct clock *clock)
{
    pthread_mutex_lock(&repeats_lock);
    borrowed_clock = clock;
    memset(repeats, 0, sizeof repeats);
    pthread_mutex_unlock(&repeats_lock);
}

// systemd puts "device:inode" of what it connected into JOURNAL_STREAM; a later redirection makes it untrue.
static bool is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    if (!stream || fstat(fd, &st) != 0) {
        return false;
    }
    char expected[64];
    snprintf(expected, sizeof expected, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, expected) == 0;
}

void log_setup(enum log_level level, enum log_format format)
{
    atomic_store(&chosen_level, level);
    atomic_store(&chosen_format, format);
    atomic_store(&to_journal, is_journal(STDERR_FILENO));
}

const char *log_priority(int fd, enum log_level level)
{
    return is_journal(fd) ? priorities[level] : "";
}
