// SPDX-License-Identifier: Apache-2.0
// The real clock, the one that tests set by hand, and RFC 3339 text.
// Must never read a time zone or a locale: everything is UTC. Any thread.
#include "base/clock.h"

#include <stdbool.h>
#include <time.h>

#define MS_PER_SECOND INT64_C(1000)
#define MS_PER_DAY    (INT64_C(86400) * MS_PER_SECOND)
#define FIRST_MS      INT64_C(-62167219200000) // 0000-01-01T00:00:00.000Z
#define LAST_MS       INT64_C(253402300799999) // 9999-12-31T23:59:59.999Z, the last that RFC 3339 can write

static int64_t read_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t); // cannot fail: both clocks exist on every Linux, and t is ours
    return (int64_t)t.tv_sec * MS_PER_SECOND + t.tv_nsec / 1000000;
}

static int64_t real_now_ms(const struct clock *clock)
{
    (void)clock;
    return read_ms(CLOCK_MONOTONIC);
}

static int64_t real_wall_ms(const struct clock *clock)
{
    (void)clock;
    return read_ms(CLOCK_REALTIME);
}

static int64_t fake_now_ms(const struct clock *clock)
{
    return clock->fake_now_ms;
}

static int64_t fake_wall_ms(const struct clock *clock)
{
    return clock->fake_wall_ms;
}

struct clock clock_real(void)
{
    return (struct clock){.now_ms = real_now_ms, .wall_ms = real_wall_ms};
}

struct clock clock_fake(int64_t now_ms, int64_t wall_ms)
{
    return (struct clock){
        .now_ms = fake_now_ms, .wall_ms = fake_wall_ms, .fake_now_ms = now_ms, .fake_wall_ms = wall_ms};
}

void clock_advance(struct clock *fake, int64_t ms)
{
    fake->fake_now_ms += ms;
    fake->fake_wall_ms += ms;
}

// Days since 1970-01-01 of a date of the Gregorian calendar, from the year 1 on. Years are counted from 1 March, so
// that the leap day is the last of its year and every month before it has a fixed offset.
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

int64_t clock_utc_ms(int year, int month, int day, int hour, int minute, int second)
{
    if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
        return -1;
    }
    return days_of(year, month, day) * MS_PER_DAY + ((hour * 60 + minute) * INT64_C(60) + second) * MS_PER_SECOND;
}

static char *put_digits(char *at, int number, int digits, char behind)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    at[digits] = behind;
    return at + digits + 1;
}

const char *clock_text(int64_t wall_ms, char text[CLOCK_TEXT_BYTES])
{
    wall_ms = wall_ms < FIRST_MS ? FIRST_MS : wall_ms > LAST_MS ? LAST_MS : wall_ms;
    int ms = (int)((wall_ms % MS_PER_SECOND + MS_PER_SECOND) % MS_PER_SECOND);
    time_t seconds = (time_t)((wall_ms - ms) / MS_PER_SECOND);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char *at = put_digits(text, tm.tm_year + 1900, 4, '-');
    at = put_digits(at, tm.tm_mon + 1, 2, '-');
    at = put_digits(at, tm.tm_mday, 2, 'T');
    at = put_digits(at, tm.tm_hour, 2, ':');
    at = put_digits(at, tm.tm_min, 2, ':');
    at = put_digits(at, tm.tm_sec, 2, '.');
    at = put_digits(at, ms, 3, 'Z');
    *at = '\0';
    return text;
}

// What is left of a text that is being read.
struct reader {
    const char *at;
    const char *end;
};

static bool read_char(struct reader *reader, const char *any_of)
{
    for (; reader->at < reader->end && *any_of; any_of++) {
        if (*reader->at == *any_of) {
            reader->at++;
            return true;
        }
    }
    return false;
}

static bool read_digits(struct reader *reader, int digits, int *number)
{
    *number = 0;
    for (int i = 0; i < digits; i++) {
        if (reader->at == reader->end || *reader->at < '0' || *reader->at > '9') {
            return false;
        }
        *number = *number * 10 + (*reader->at++ - '0');
    }
    return true;
}

// ".5", ".123456": what is finer than a millisecond is dropped. No fraction at all is right too.
static bool read_fraction(struct reader *reader, int *ms)
{
    *ms = 0;
    if (!read_char(reader, ".")) {
        return true;
    }
    int digit;
    int scale = 100;
    const char *start = reader->at;
    while (read_digits(reader, 1, &digit)) {
        *ms += digit * scale;
        scale /= 10;
    }
    return reader->at > start;
}

static bool read_offset(struct reader *reader, int *minutes)
{
    *minutes = 0;
    if (read_char(reader, "Zz")) {
        return true;
    }
    bool east = read_char(reader, "+");
    if (!east && !read_char(reader, "-")) {
        return false;
    }
    int hour;
    int minute;
    if (!read_digits(reader, 2, &hour) || !read_char(reader, ":") || !read_digits(reader, 2, &minute) || hour > 23 ||
        minute > 59) {
        return false;
    }
    *minutes = (hour * 60 + minute) * (east ? 1 : -1);
    return true;
}

int64_t clock_parse(const char *text, size_t len)
{
    if (len == 0) {
        return -1; // text may be NULL
    }
    struct reader reader = {text, text + len};
    int year, month, day, hour, minute, second, ms, offset;
    // Section 5.6 lets 't', 'z' and, for readers' sake, a blank stand for 'T'.
    bool read = read_digits(&reader, 4, &year) && read_char(&reader, "-") && read_digits(&reader, 2, &month) &&
                read_char(&reader, "-") && read_digits(&reader, 2, &day) && read_char(&reader, "Tt ") &&
                read_digits(&reader, 2, &hour) && read_char(&reader, ":") && read_digits(&reader, 2, &minute) &&
                read_char(&reader, ":") && read_digits(&reader, 2, &second) && read_fraction(&reader, &ms) &&
                read_offset(&reader, &offset) && reader.at == reader.end;
    if (!read) {
        return -1;
    }
    int64_t utc_ms = clock_utc_ms(year, month, day, hour, minute, second);
    if (utc_ms < 0) {
        return -1;
    }
    utc_ms += ms - INT64_C(60) * offset * MS_PER_SECOND;
    return utc_ms < 0 ? -1 : utc_ms;
}
