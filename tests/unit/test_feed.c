// SPDX-License-Identifier: Apache-2.0
// The feed: order, bounds, lost places, and going on after an absence.
#include "rules/feed.h"

#include "base/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
// cmocka needs those four first
#include <cmocka.h>

#define MARK SPAN("\n\n")

static void a_reader_gets_what_was_added(void **state)
{
    (void)state;
    struct feed feed;
    char buffer[8];
    uint64_t place = 0;
    feed_init(&feed, 16);
    assert_int_equal(feed_read(&feed, &place, buffer, sizeof buffer), 0);
    assert_true(feed_add(&feed, SPAN("abc")));
    assert_int_equal(feed_read(&feed, &place, buffer, 2), 2);
    assert_memory_equal(buffer, "ab", 2);
    assert_int_equal(feed_read(&feed, &place, buffer, sizeof buffer), 1);
    assert_int_equal(feed_read(&feed, &place, buffer, sizeof buffer), 0);
    feed_free(&feed);
}

static void who_falls_behind_loses_his_place(void **state)
{
    (void)state;
    struct feed feed;
    char buffer[16];
    uint64_t place = 0;
    uint64_t ahead = 99;
    feed_init(&feed, 16);
    for (int i = 0; i < 3; i++) {
        assert_true(feed_add(&feed, SPAN("1234567")));
    }
    assert_int_equal(feed_read(&feed, &place, buffer, sizeof buffer), -1);
    assert_int_equal(feed_read(&feed, &ahead, buffer, sizeof buffer), -1);
    place = feed.start;
    assert_int_equal(feed_read(&feed, &place, buffer, sizeof buffer), 16);
    assert_memory_equal(buffer, "6712345671234567", 16);
    feed_free(&feed);
}

static void a_text_that_would_push_everybody_out_is_left_out(void **state)
{
    (void)state;
    struct feed feed;
    feed_init(&feed, 16);
    assert_true(feed_add(&feed, SPAN("12345678")));
    assert_false(feed_add(&feed, SPAN("123456789")));
    assert_int_equal(feed.end, 8);
    feed_free(&feed);
}

static void one_can_go_on_only_between_texts(void **state)
{
    (void)state;
    struct feed feed;
    feed_init(&feed, 64);
    feed_add(&feed, SPAN("one\n\n"));
    feed_add(&feed, SPAN("two\n\n"));
    assert_true(feed_can_resume(&feed, 5, MARK));
    assert_true(feed_can_resume(&feed, 10, MARK));
    for (uint64_t place = 0; place < 20; place++) {
        assert_int_equal(feed_can_resume(&feed, place, MARK), place == 5 || place == 10);
    }
    assert_false(feed_can_resume(&feed, UINT64_MAX, MARK));
    // What was added while nobody kept it is missed by all who were there before.
    feed_free(&feed);
    assert_false(feed_can_resume(&feed, 10, MARK));
    assert_false(feed_can_resume(&feed, 5, MARK));
}

static void readers_of_any_speed_get_the_stream_or_nothing(void **state)
{
    (void)state;
    struct feed feed;
    struct random random;
    char buffer[32];
    uint64_t place = 0;
    uint64_t written = 0;
    int lost = 0;
    int64_t read = 0;
    feed_init(&feed, 61);
    random_seed(&random, 3);
    for (int i = 0; i < 20000; i++) {
        char text[16];
        size_t len = random_below(&random, sizeof text) + 1;
        for (size_t k = 0; k < len; k++) {
            text[k] = (char)('a' + (written + k) % 23);
        }
        assert_true(feed_add(&feed, (struct span){text, len}));
        written += len;
        int64_t got = random_below(&random, 4) ? feed_read(&feed, &place, buffer, random_below(&random, 33)) : 0;
        if (got < 0) {
            lost++;
            place = feed.end;
        }
        for (int64_t k = 0; k < got; k++) {
            assert_int_equal(buffer[k], 'a' + (int)((place - (uint64_t)(got - k)) % 23));
        }
        read += got > 0 ? got : 0;
    }
    assert_true(lost > 10);
    assert_true(read > 50000);
    feed_free(&feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_gets_what_was_added),
        cmocka_unit_test(who_falls_behind_loses_his_place),
        cmocka_unit_test(a_text_that_would_push_everybody_out_is_left_out),
        cmocka_unit_test(one_can_go_on_only_between_texts),
        cmocka_unit_test(readers_of_any_speed_get_the_stream_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
