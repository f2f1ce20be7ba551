// SPDX-License-Identifier: Apache-2.0
// The pure parts of the command line: times as people write them, tables that no sender can break.
#include "cli/cli_table.h"
#include "cli/cli_time.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS 1795600000000

static void test_times(void **state)
{
    (void)state;
    assert_int_equal(cli_time_parse("0s", NOW_MS), NOW_MS);
    assert_int_equal(cli_time_parse("90s", NOW_MS), NOW_MS - 90000);
    assert_int_equal(cli_time_parse("30m", NOW_MS), NOW_MS - 1800000);
    assert_int_equal(cli_time_parse("2h", NOW_MS), NOW_MS - 7200000);
    assert_int_equal(cli_time_parse("3d", NOW_MS), NOW_MS - 259200000);
    assert_int_equal(cli_time_parse("1w", NOW_MS), NOW_MS - 604800000);
    assert_int_equal(cli_time_parse("1970-01-01T00:00:01Z", NOW_MS), 1000);
    assert_int_equal(cli_time_parse("2026-11-25T10:00:00+01:00", NOW_MS), 1795597200000);
}

static void test_times_that_are_none(void **state)
{
    static const char *const texts[] = {
        "", "h", "2", "2 h", "-2h", "2hh", "2y", "soon", "99999999999999999999d", "2026-13-01T00:00:00Z"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(cli_time_parse(texts[i], NOW_MS), -1);
    }
}

static void test_ages(void **state)
{
    char text[CLI_AGE_BYTES];
    (void)state;
    assert_string_equal(cli_time_age(NOW_MS + 5000, NOW_MS, text), "0s");
    assert_string_equal(cli_time_age(NOW_MS - 119000, NOW_MS, text), "119s");
    assert_string_equal(cli_time_age(NOW_MS - 120000, NOW_MS, text), "2m");
    assert_string_equal(cli_time_age(NOW_MS - 7199000, NOW_MS, text), "119m");
    assert_string_equal(cli_time_age(NOW_MS - 47 * 3600000LL, NOW_MS, text), "47h");
    assert_string_equal(cli_time_age(NOW_MS - 20 * 86400000LL, NOW_MS, text), "20d");
    assert_string_equal(cli_time_age(INT64_MIN / 2, NOW_MS, text), "53376016366d");
}

static void test_nothing_speaks_to_the_terminal(void **state)
{
    (void)state;
    char *text = cli_printable(SPAN("a\x1b[31mb\nc\x7f"
                                    "d\xc2\x9b"
                                    "e\xff"
                                    "\xc3\xa9"));
    assert_string_equal(text, "a?[31mb?c?d??e?\xc3\xa9");
    free(text);
}

static void test_table(void **state)
{
    struct cli_table table;
    char *out = NULL;
    size_t size = 0;
    (void)state;
    FILE *file = open_memstream(&out, &size);
    cli_table_init(&table, 2);
    cli_table_add(&table, SPAN("A"));
    cli_table_add(&table, SPAN("LONG TITLE"));
    cli_table_add(&table, SPAN("gr\xc3\xbc\xc3\x9f"));
    cli_table_add(&table, SPAN("x"));
    cli_table_print(&table, file);
    (void)fclose(file);
    assert_string_equal(out, "A     LONG TITLE\ngr\xc3\xbc\xc3\x9f  x\n");
    free(out);
    cli_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times), cmocka_unit_test(test_times_that_are_none),
        cmocka_unit_test(test_ages),  cmocka_unit_test(test_nothing_speaks_to_the_terminal),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
