// SPDX-License-Identifier: Apache-2.0
// The generator against the published sequences, and evenness of what is drawn.
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cmocka.h>
#include <string.h>

static void the_sequence_is_xoshiro256starstar(void **state)
{
    (void)state;
    // The first outputs from the state 1, 2, 3, 4, as other implementations of the algorithm test them.
    static const uint64_t expected[] = {
        UINT64_C(11520),
        UINT64_C(0),
        UINT64_C(1509978240),
        UINT64_C(1215971899390074240),
        UINT64_C(1216172134540287360),
        UINT64_C(607988272756665600),
        UINT64_C(16172922978634559625),
        UINT64_C(8476171486693032832),
        UINT64_C(10595114339597558777),
        UINT64_C(2904607092377533576),
    };
    struct random random = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_true(random_next(&random) == expected[i]);
    }
}

static void the_seed_is_spread_by_splitmix64(void **state)
{
    (void)state;
    static const uint64_t expected[] = {UINT64_C(0xe220a8397b1dcdaf), UINT64_C(0x6e789e6aa1b965f4),
                                        UINT64_C(0x06c45d188009454f), UINT64_C(0xf88bb8a8724c81ec)};
    struct random random;
    random_seed(&random, 0);
    assert_memory_equal(random.state, expected, sizeof expected);
}

static void the_same_seed_gives_the_same_numbers(void **state)
{
    (void)state;
    struct random a;
    struct random b;
    struct random c;
    random_seed(&a, 42);
    random_seed(&b, 42);
    random_seed(&c, 43);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t value = random_next(&a);
        assert_true(value == random_next(&b));
        same += value == random_next(&c);
    }
    assert_int_equal(same, 0);
}

static void the_system_seeds_each_differently(void **state)
{
    (void)state;
    struct random a = {{0, 0, 0, 0}};
    struct random b = {{0, 0, 0, 0}};
    random_seed_system(&a);
    random_seed_system(&b);
    assert_memory_not_equal(a.state, b.state, sizeof a.state);
}

static void below_stays_below(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 1);
    assert_int_equal(random_below(&random, 0), 0);
    static const uint64_t bounds[] = {1, 2, 3, 7, 1000, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        for (int n = 0; n < 1000; n++) {
            assert_true(random_below(&random, bounds[i]) < bounds[i]);
        }
    }
}

static void below_is_even(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 2);
    int seen[10] = {0};
    for (int n = 0; n < 100000; n++) {
        seen[random_below(&random, 10)]++;
    }
    for (int i = 0; i < 10; i++) { // 10000 +- 5 standard deviations (95)
        assert_in_range(seen[i], 9525, 10475);
    }
}

static void below_has_no_bias_at_a_large_bound(void **state)
{
    (void)state;
    // With a plain remainder of 3 * 2^62 the lower third would come twice as often as it should.
    struct random random;
    random_seed(&random, 3);
    int low = 0;
    for (int n = 0; n < 30000; n++) {
        low += random_below(&random, UINT64_C(3) << 62) < UINT64_C(1) << 62;
    }
    assert_in_range(low, 9592, 10408);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sequence_is_xoshiro256starstar),
        cmocka_unit_test(the_seed_is_spread_by_splitmix64),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(the_system_seeds_each_differently),
        cmocka_unit_test(below_stays_below),
        cmocka_unit_test(below_is_even),
        cmocka_unit_test(below_has_no_bias_at_a_large_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
