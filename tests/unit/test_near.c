// SPDX-License-Identifier: Apache-2.0
// Which words are near to each other: one per kind of slip, and what is too far.
#include "base/near.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(near_distance("", ""), 0);
    assert_int_equal(near_distance("", "abc"), 3);
    assert_int_equal(near_distance("abc", ""), 3);
    assert_int_equal(near_distance("retain", "retain"), 0);
    assert_int_equal(near_distance("retian", "retain"), 1); // swapped
    assert_int_equal(near_distance("retin", "retain"), 1);  // dropped
    assert_int_equal(near_distance("rettain", "retain"), 1);
    assert_int_equal(near_distance("retaim", "retain"), 1);
    assert_int_equal(near_distance("kitten", "sitting"), 3);
    assert_int_equal(near_distance("ab", "ba"), 1);
}

static void test_enough(void **state)
{
    (void)state;
    assert_true(near_enough("chek", "check"));
    assert_true(near_enough("keepalive", "keepalive_s"));
    assert_true(near_enough("password", "password_file"));
    assert_true(near_enough("keepalive_seconds", "keepalive_s"));
    assert_false(near_enough("xyzzy", "retain"));
    assert_false(near_enough("ca", "call")); // too short a beginning
    assert_false(near_enough("log", "job")); // two of three letters differ
    assert_false(near_enough("", "retain"));
}

static void test_long_words(void **state)
{
    (void)state;
    char longest[NEAR_WORD_MAX];
    char too_long[NEAR_WORD_MAX + 1];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    memset(too_long, 'y', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    assert_int_equal(near_distance(longest, ""), NEAR_WORD_MAX - 1);
    assert_int_equal(near_distance(too_long, too_long), NEAR_WORD_MAX);
    assert_false(near_enough(too_long, "retain"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_enough),
        cmocka_unit_test(test_long_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
