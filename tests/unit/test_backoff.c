// SPDX-License-Identifier: Apache-2.0
// The wait before a retry: its bounds for whatever is put in, and its evenness in between.
#include "rules/backoff.h"

#include "base/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cmocka.h>

static void the_ceiling_doubles_up_to_the_maximum(void **state)
{
    (void)state;
    static const struct {
        int64_t base_ms, max_ms;
        uint32_t attempt;
        int64_t ceiling_ms;
    } rows[] = {
        {500, 60000, 0, 500},
        {500, 60000, 1, 500},
        {500, 60000, 2, 1000},
        {500, 60000, 7, 32000},
        {500, 60000, 8, 60000},
        {500, 60000, 63, 60000},
        {500, 60000, 64, 60000},
        {500, 60000, 65, 60000},
        {500, 60000, UINT32_MAX, 60000},
        {512, 65536, 8, 65536}, // exactly the maximum
        {500, 500, 5, 500},
        {500, 100, 1, 100}, // a maximum under the base
        {1, INT64_MAX, 63, INT64_C(1) << 62},
        {1, INT64_MAX, 64, INT64_MAX},
        {1, INT64_MAX, 65, INT64_MAX},
        {3, INT64_MAX, 62, INT64_C(3) << 61},
        {3, INT64_MAX, 63, INT64_MAX},
        {INT64_MAX, INT64_MAX, 1, INT64_MAX},
        {INT64_MAX, INT64_MAX, 2, INT64_MAX},
        {0, 60000, 1, 0},
        {0, 60000, UINT32_MAX, 0},
        {500, 0, 3, 0},
        {-5, 60000, 3, 0},
        {500, -5, 3, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(backoff_ceiling_ms(rows[i].base_ms, rows[i].max_ms, rows[i].attempt), rows[i].ceiling_ms);
    }
}

static void chance_reaches_both_ends(void **state)
{
    (void)state;
    assert_int_equal(backoff_ms(500, 60000, 1, 0), 250);
    assert_int_equal(backoff_ms(500, 60000, 1, 250), 500);
    assert_int_equal(backoff_ms(500, 60000, 1, 251), 250);
    assert_int_equal(backoff_ms(500, 60000, 20, 0), 250);
    assert_int_equal(backoff_ms(500, 60000, 20, 60000 - 250), 60000);
    assert_int_equal(backoff_ms(1000, 100, 1, UINT64_MAX), 100); // floor and ceiling meet
    assert_int_equal(backoff_ms(1, INT64_MAX, UINT32_MAX, INT64_MAX), INT64_MAX);
    assert_int_equal(backoff_ms(1, INT64_MAX, UINT32_MAX, UINT64_MAX), INT64_MAX);
    assert_int_equal(backoff_ms(0, 0, 1, UINT64_MAX), 0);
    assert_int_equal(backoff_ms(-1, -1, 1, UINT64_MAX), 0);
}

static void every_wait_is_within_its_bounds(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 1);
    for (int i = 0; i < 200000; i++) {
        int64_t base_ms = (int64_t)(random_next(&random) >> (1 + random_below(&random, 63)));
        int64_t max_ms = (int64_t)(random_next(&random) >> (1 + random_below(&random, 63)));
        uint32_t attempt = (uint32_t)(random_next(&random) >> (32 + random_below(&random, 32)));
        int64_t wait_ms = backoff_ms(base_ms, max_ms, attempt, random_next(&random));
        // The bounds once more, by another way of counting.
        double ceiling = (double)base_ms;
        for (uint32_t n = 1; n < attempt && n < 70; n++) {
            ceiling *= 2;
        }
        assert_true(wait_ms >= 0 && wait_ms <= max_ms);
        assert_true((double)wait_ms <= ceiling);
        assert_true(wait_ms >= (base_ms / 2 < max_ms ? base_ms / 2 : max_ms));
    }
}

static void waits_spread_evenly(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 2);
    for (uint32_t attempt = 1; attempt <= 10; attempt++) {
        int64_t low_ms = 500 / 2;
        int64_t high_ms = backoff_ceiling_ms(500, 60000, attempt);
        int tenths[10] = {0};
        double sum = 0;
        for (int i = 0; i < 20000; i++) {
            int64_t wait_ms = backoff_ms(500, 60000, attempt, random_next(&random));
            tenths[(wait_ms - low_ms) * 10 / (high_ms - low_ms + 1)]++;
            sum += (double)wait_ms;
        }
        for (int i = 0; i < 10; i++) { // 2000 +- 6 standard deviations (42) and the unevenness of whole ms
            assert_in_range(tenths[i], 1700, 2300);
        }
        double middle = (double)(low_ms + high_ms) / 2;
        assert_true(sum / 20000 > middle * 0.97 && sum / 20000 < middle * 1.03);
    }
}

static void a_thousand_that_failed_together_come_back_apart(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 3);
    int in_second[61] = {0};
    for (int i = 0; i < 1000; i++) {
        in_second[backoff_ms(500, 60000, 9, random_next(&random)) / 1000]++;
    }
    for (int i = 0; i < 61; i++) {
        assert_in_range(in_second[i], 0, 50); // 17 in each on average
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ceiling_doubles_up_to_the_maximum),
        cmocka_unit_test(chance_reaches_both_ends),
        cmocka_unit_test(every_wait_is_within_its_bounds),
        cmocka_unit_test(waits_spread_evenly),
        cmocka_unit_test(a_thousand_that_failed_together_come_back_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
