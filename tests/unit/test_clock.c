// SPDX-License-Identifier: Apache-2.0
// RFC 3339 both ways, dates that exist and dates that do not, and the two clocks.
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)

static void times_have_one_text(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59.000Z"},
        {INT64_C(1795406706789), "2026-11-23T04:05:06.789Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(4102444799999), "2099-12-31T23:59:59.999Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {INT64_C(253402300800000), "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[CLOCK_TEXT_BYTES];
        assert_ptr_equal(clock_text(rows[i].ms, text), text);
        assert_string_equal(text, rows[i].text);
    }
}

static void texts_have_one_time(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"2026-11-23T04:05:06.789Z", INT64_C(1795406706789)},
        {"2026-11-23T04:05:06Z", INT64_C(1795406706000)},
        {"2026-11-23t04:05:06z", INT64_C(1795406706000)},
        {"2026-11-23 04:05:06Z", INT64_C(1795406706000)},
        {"2026-11-23T04:05:06.7Z", INT64_C(1795406706700)},
        {"2026-11-23T04:05:06.78Z", INT64_C(1795406706780)},
        {"2026-11-23T04:05:06.789999999Z", INT64_C(1795406706789)},
        {"2026-11-23T05:05:06.789+01:00", INT64_C(1795406706789)},
        {"2026-11-22T23:35:06.789-04:30", INT64_C(1795406706789)},
        {"2026-11-24T04:04:06.789+23:59", INT64_C(1795406706789)},
        {"2026-11-23T04:05:06.789-00:00", INT64_C(1795406706789)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000)}, // the leap second
        {"1970-01-01T00:00:00Z", 0},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(clock_parse(rows[i].text, strlen(rows[i].text)), rows[i].ms);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        " ",
        "now",
        "2026-11-23",
        "2026-11-23T04:05:06", // no zone
        "2026-11-23T04:05Z",   // no seconds
        "2026-11-23T04:05:06.Z",
        "2026-11-23T04:05:06,5Z",
        "2026-11-23T04:05:06.5",
        "2026-11-23T04:05:06Z ",
        " 2026-11-23T04:05:06Z",
        "2026-11-23T04:05:06ZZ",
        "2026-11-23T04:05:06+0100",
        "2026-11-23T04:05:06+01",
        "2026-11-23T04:05:06+01:",
        "2026-11-23T04:05:06+1:00",
        "2026-11-23T04:05:06+24:00",
        "2026-11-23T04:05:06+01:60",
        "2026-11-23X04:05:06Z",
        "2026/11/23T04:05:06Z",
        "26-11-23T04:05:06Z",
        "02026-11-23T04:05:06Z",
        "+2026-11-23T04:05:06Z",
        "2026-00-23T04:05:06Z",
        "2026-13-23T04:05:06Z",
        "2026-11-00T04:05:06Z",
        "2026-11-31T04:05:06Z",
        "2026-02-29T04:05:06Z",
        "2100-02-29T04:05:06Z",
        "2026-11-23T24:05:06Z",
        "2026-11-23T04:60:06Z",
        "2026-11-23T04:05:61Z",
        "2026-11-23T-4:05:06Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:30:00+01:00", // before the epoch by its offset
        "1753900000000",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(clock_parse(rows[i], strlen(rows[i])), -1);
    }
    assert_int_equal(clock_parse(NULL, 0), -1);
}

static void every_cut_of_a_time_is_refused(void **state)
{
    (void)state;
    const char *whole = "2026-11-23T04:05:06.789+01:00";
    assert_true(clock_parse(whole, strlen(whole)) > 0);
    for (size_t len = 0; len < strlen(whole); len++) {
        assert_int_equal(clock_parse(whole, len), -1);
    }
}

static void text_and_parse_are_each_others_reverse(void **state)
{
    (void)state;
    // Steps of a little over a day and a third reach every day of the leap cycle and all times of day.
    for (int64_t ms = 0; ms < INT64_C(253402300799999); ms += DAY_MS * 4 / 3 + 12345) {
        char text[CLOCK_TEXT_BYTES];
        clock_text(ms, text);
        if (clock_parse(text, strlen(text)) != ms) {
            fail_msg("%s", text);
        }
    }
}

static void dates_exist_or_not(void **state)
{
    (void)state;
    static const struct {
        int year, month, day, hour, minute, second;
        bool exists;
    } rows[] = {
        {1970, 1, 1, 0, 0, 0, true},      {1969, 12, 31, 23, 59, 59, false}, {9999, 12, 31, 23, 59, 59, true},
        {10000, 1, 1, 0, 0, 0, false},    {2026, 0, 1, 0, 0, 0, false},      {2026, 13, 1, 0, 0, 0, false},
        {2026, 1, 0, 0, 0, 0, false},     {2026, 1, 31, 0, 0, 0, true},      {2026, 1, 32, 0, 0, 0, false},
        {2026, 4, 30, 0, 0, 0, true},     {2026, 4, 31, 0, 0, 0, false},     {2023, 2, 28, 0, 0, 0, true},
        {2023, 2, 29, 0, 0, 0, false},    {2024, 2, 29, 0, 0, 0, true},      {2024, 2, 30, 0, 0, 0, false},
        {2000, 2, 29, 0, 0, 0, true},     {2100, 2, 29, 0, 0, 0, false},     {2026, 1, 1, 24, 0, 0, false},
        {2026, 1, 1, -1, 0, 0, false},    {2026, 1, 1, 0, 60, 0, false},     {2026, 1, 1, 0, -1, 0, false},
        {2026, 1, 1, 0, 0, 60, true},     {2026, 1, 1, 0, 0, 61, false},     {2026, 1, 1, 0, 0, -1, false},
        {2026, 12, 31, 23, 59, 60, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ms =
            clock_utc_ms(rows[i].year, rows[i].month, rows[i].day, rows[i].hour, rows[i].minute, rows[i].second);
        assert_int_equal(ms >= 0, rows[i].exists);
        if (ms >= 0) { // the C library is the witness
            struct tm tm = {.tm_year = rows[i].year - 1900,
                            .tm_mon = rows[i].month - 1,
                            .tm_mday = rows[i].day,
                            .tm_hour = rows[i].hour,
                            .tm_min = rows[i].minute,
                            .tm_sec = rows[i].second};
            assert_int_equal(ms, (int64_t)timegm(&tm) * 1000);
        } else {
            assert_int_equal(ms, -1);
        }
    }
}

static void the_fake_clock_moves_by_hand_only(void **state)
{
    (void)state;
    struct clock clock = clock_fake(5, 1000);
    assert_int_equal(clock_now_ms(&clock), 5);
    assert_int_equal(clock_wall_ms(&clock), 1000);
    clock_advance(&clock, DAY_MS);
    assert_int_equal(clock_now_ms(&clock), DAY_MS + 5);
    assert_int_equal(clock_wall_ms(&clock), DAY_MS + 1000);
    clock.fake_wall_ms = 7; // a wall clock may step back alone
    assert_int_equal(clock_now_ms(&clock), DAY_MS + 5);
    assert_int_equal(clock_wall_ms(&clock), 7);
}

static void the_real_clock_is_the_systems(void **state)
{
    (void)state;
    struct clock clock = clock_real();
    int64_t before = (int64_t)time(NULL) * 1000 - 1000; // time(2) may lag by a tick
    int64_t wall = clock_wall_ms(&clock);
    assert_true(wall >= before);
    assert_true(wall <= ((int64_t)time(NULL) + 2) * 1000);
    int64_t last = clock_now_ms(&clock);
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_now_ms(&clock);
        assert_true(now >= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_have_one_text),
        cmocka_unit_test(texts_have_one_time),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(every_cut_of_a_time_is_refused),
        cmocka_unit_test(text_and_parse_are_each_others_reverse),
        cmocka_unit_test(dates_exist_or_not),
        cmocka_unit_test(the_fake_clock_moves_by_hand_only),
        cmocka_unit_test(the_real_clock_is_the_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
