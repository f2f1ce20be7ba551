// SPDX-License-Identifier: Apache-2.0
// UTF-8 by brute force over all code points, and the forms that RFC 3629 forbids.
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_every_code_point_round_trips(void **state)
{
    (void)state;
    for (uint32_t wanted = 0; wanted <= 0x10FFFF; wanted++) {
        char text[UTF8_MAX_BYTES + 1];
        uint32_t found = UINT32_MAX;
        size_t len = utf8_put(wanted, text);
        text[len] = 'x';
        size_t used = utf8_next((struct span){text, len + 1}, &found);
        if (wanted >= 0xD800 && wanted <= 0xDFFF) {
            assert_int_equal(used, 0);
            continue;
        }
        assert_int_equal(used, len);
        assert_int_equal(found, wanted);
        for (size_t cut = 0; cut < len; cut++) {
            assert_int_equal(utf8_next((struct span){text, cut}, &found), 0);
        }
    }
}

static void test_forbidden_forms(void **state)
{
    static const char *const wrong[] = {
        "\x80",             // a continuation alone
        "\xBF",             //
        "\xC0\x80",         // overlong
        "\xC1\xBF",         //
        "\xE0\x80\x80",     //
        "\xE0\x9F\xBF",     //
        "\xF0\x80\x80\x80", //
        "\xF0\x8F\xBF\xBF", //
        "\xED\xA0\x80",     // surrogates
        "\xED\xBF\xBF",     //
        "\xF4\x90\x80\x80", // above U+10FFFF
        "\xF5\x80\x80\x80", //
        "\xFF",             //
        "\xC3",             // cut short
        "\xC3(",            //
        "\xE2\x82",         //
        "\xE2\x28\xA1",     //
        "\xF0\x9F\x98",     //
        "\xF0\x9F\x98(",    //
        "ab\xFF",           //
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(utf8_valid(span_of(wrong[i])));
    }
    assert_true(utf8_valid(SPAN("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")));
    assert_true(utf8_valid(SPAN_NONE));
}

static void test_length_counts_code_points(void **state)
{
    (void)state;
    assert_int_equal(utf8_length(SPAN_NONE), 0);
    assert_int_equal(utf8_length(SPAN("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")), 4);
}

static void test_what_is_printable(void **state)
{
    static const uint32_t no[] = {0, 0x1F, 0x7F, 0x80, 0x9F, 0xFDD0, 0xFDEF, 0xFFFE, 0xFFFF, 0x1FFFE, 0x10FFFF};
    static const uint32_t yes[] = {' ', '~', 0xA0, 0xFDCF, 0xFDF0, 0xFFFD, 0x1F600, 0x10FFFD};
    (void)state;
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        assert_false(utf8_printable(no[i]));
    }
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        assert_true(utf8_printable(yes[i]));
    }
}

static void test_cut_ends_on_a_whole_code_point(void **state)
{
    struct span text = SPAN("a\xE2\x82\xAC\xC3\xA9");
    static const size_t wanted[] = {0, 1, 1, 1, 4, 4, 6, 6};
    (void)state;
    for (size_t max = 0; max < sizeof wanted / sizeof *wanted; max++) {
        assert_int_equal(utf8_cut(text, max), wanted[max]);
    }
    assert_int_equal(utf8_cut(SPAN("\x80\x80\x80"), 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point_round_trips),   cmocka_unit_test(test_forbidden_forms),
        cmocka_unit_test(test_length_counts_code_points),      cmocka_unit_test(test_what_is_printable),
        cmocka_unit_test(test_cut_ends_on_a_whole_code_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
