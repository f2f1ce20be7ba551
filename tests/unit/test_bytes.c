// SPDX-License-Identifier: Apache-2.0
// Spans, and the buffer's promises: whole appends, a hard maximum, a failure that sticks.
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

// The sanitizers' allocators abort on an absurd size unless told to answer as malloc does.
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void spans_compare_by_content(void **state)
{
    (void)state;
    assert_int_equal(span_of(NULL).len, 0);
    assert_int_equal(span_of("").len, 0);
    assert_true(span_is(SPAN("abc"), "abc"));
    assert_false(span_is(SPAN("abc"), "ab"));
    assert_false(span_is(SPAN("ab"), "abc"));
    assert_false(span_is(SPAN("abd"), "abc"));
    assert_true(span_is(SPAN_NONE, ""));
    assert_true(span_equal(SPAN_NONE, SPAN("")));
    assert_false(span_equal(SPAN_NONE, SPAN("a")));
    assert_int_equal(SPAN("a\0b").len, 3);
}

static void span_dup_copies_and_ends(void **state)
{
    (void)state;
    char *copy = span_dup((struct span){"abcdef", 3});
    assert_string_equal(copy, "abc");
    free(copy);
    copy = span_dup(SPAN_NONE);
    assert_string_equal(copy, "");
    free(copy);
    assert_null(span_dup((struct span){"a", SIZE_MAX}));
}

static void a_new_buffer_is_empty_text(void **state)
{
    (void)state;
    struct bytes b;
    bytes_init(&b, 10);
    assert_string_equal(bytes_text(&b), "");
    assert_int_equal(bytes_span(&b).len, 0);
    assert_true(bytes_ok(&b));
    bytes_free(&b);
}

static void appends_follow_one_another(void **state)
{
    (void)state;
    struct bytes b;
    bytes_init(&b, 1000);
    bytes_add(&b, "ab", 2);
    bytes_add_span(&b, SPAN("cd"));
    bytes_add_text(&b, "ef");
    bytes_add_text(&b, NULL);
    bytes_add_span(&b, SPAN_NONE);
    bytes_add_char(&b, 'g');
    bytes_add_format(&b, "%d-%s", 42, "h");
    bytes_add_format(&b, "%s", "");
    assert_true(bytes_ok(&b));
    assert_string_equal(bytes_text(&b), "abcdefg42-h");
    assert_true(span_is(bytes_span(&b), "abcdefg42-h"));
    bytes_free(&b);
}

static void bytes_may_be_zero(void **state)
{
    (void)state;
    struct bytes b;
    bytes_init(&b, 10);
    bytes_add(&b, "a\0b", 3);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.data, "a\0b", 4);
    bytes_free(&b);
}

static void the_maximum_is_inclusive(void **state)
{
    (void)state;
    for (size_t max = 0; max < 300; max++) {
        struct bytes b;
        bytes_init(&b, max);
        for (size_t i = 0; i < max; i++) {
            bytes_add_char(&b, (char)('a' + i % 26));
        }
        assert_true(bytes_ok(&b));
        assert_int_equal(b.len, max);
        assert_true(b.cap <= max + 1);
        bytes_add_char(&b, '!');
        assert_false(bytes_ok(&b));
        assert_int_equal(b.len, max);
        bytes_free(&b);
    }
}

static void a_failed_append_leaves_nothing_and_sticks(void **state)
{
    (void)state;
    struct bytes b;
    bytes_init(&b, 5);
    bytes_add_text(&b, "abc");
    bytes_add_text(&b, "def");
    bytes_add_char(&b, 'x'); // would fit, but something before it is missing
    bytes_add_format(&b, "%d", 1);
    assert_false(bytes_ok(&b));
    assert_string_equal(bytes_text(&b), "abc");
    bytes_clear(&b);
    assert_true(bytes_ok(&b));
    assert_string_equal(bytes_text(&b), "");
    bytes_add_text(&b, "fghij");
    assert_true(bytes_ok(&b));
    assert_string_equal(bytes_text(&b), "fghij");
    bytes_free(&b);
}

static void a_format_over_the_maximum_fails_whole(void **state)
{
    (void)state;
    struct bytes b;
    bytes_init(&b, 4);
    bytes_add_format(&b, "%s", "abcd");
    assert_true(bytes_ok(&b));
    bytes_clear(&b);
    bytes_add_format(&b, "%s", "abcde");
    assert_false(bytes_ok(&b));
    assert_string_equal(bytes_text(&b), "");
    bytes_free(&b);
}

static void an_absurd_length_fails_without_overflow(void **state)
{
    (void)state;
    struct bytes b;
    bytes_init(&b, SIZE_MAX);
    bytes_add_text(&b, "a");
    bytes_add(&b, "b", SIZE_MAX);
    assert_false(bytes_ok(&b));
    bytes_clear(&b);
    bytes_add(&b, "b", SIZE_MAX - 1); // within the maximum, not within any memory
    assert_false(bytes_ok(&b));
    assert_string_equal(bytes_text(&b), "");
    bytes_free(&b);
}

static void free_makes_it_new(void **state)
{
    (void)state;
    struct bytes b;
    bytes_init(&b, 2);
    bytes_add_text(&b, "abc");
    assert_false(bytes_ok(&b));
    bytes_free(&b);
    assert_true(bytes_ok(&b));
    assert_null(b.data);
    bytes_add_text(&b, "ab");
    assert_string_equal(bytes_text(&b), "ab");
    bytes_add_text(&b, "c");
    assert_false(bytes_ok(&b));
    bytes_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_compare_by_content),
        cmocka_unit_test(span_dup_copies_and_ends),
        cmocka_unit_test(a_new_buffer_is_empty_text),
        cmocka_unit_test(appends_follow_one_another),
        cmocka_unit_test(bytes_may_be_zero),
        cmocka_unit_test(the_maximum_is_inclusive),
        cmocka_unit_test(a_failed_append_leaves_nothing_and_sticks),
        cmocka_unit_test(a_format_over_the_maximum_fails_whole),
        cmocka_unit_test(an_absurd_length_fails_without_overflow),
        cmocka_unit_test(free_makes_it_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
