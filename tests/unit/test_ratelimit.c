// SPDX-License-Identifier: Apache-2.0
// The sliding window: what a limit may look like, and that no window holds more than it while none is wasted.
#include "rules/ratelimit.h"

#include "base/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cmocka.h>
#include <stdlib.h>

static void a_limit_is_count_and_window(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t count;
        int64_t window_ms;
    } rows[] = {
        {"", 0, 0},
        {NULL, 0, 0},
        {"30/15s", 30, 15000},
        {"10/1s", 10, 1000},
        {"300/1m", 300, 60000},
        {"5/100ms", 5, 100},
        {"1/1ms", 1, 1},
        {"10000/24h", 10000, 86400000},
        {"1/86400s", 1, 86400000},
        {"1/86400000ms", 1, 86400000},
        {"1/1440m", 1, 86400000},
        {"007/02s", 7, 2000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ratelimit_spec spec = {99, 99};
        assert_int_equal(ratelimit_parse(rows[i].text, &spec), STATUS_OK);
        assert_int_equal(spec.count, rows[i].count);
        assert_int_equal(spec.window_ms, rows[i].window_ms);
    }
}

static void what_is_no_limit_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        " ",
        "30",
        "30/",
        "/15s",
        "30/s",
        "30/15",
        "30/15x",
        "30/15S",
        "30/15sec",
        "30/15s ",
        " 30/15s",
        "30 /15s",
        "30/ 15s",
        "-30/15s",
        "+30/15s",
        "30/-15s",
        "0/15s",
        "30/0s",
        "10001/1s",
        "1/25h",
        "1/1441m",
        "1/86401s",
        "1/86400001ms",
        "1.5/1s",
        "1/1.5s",
        "0x10/1s",
        "30//15s",
        "30/15s/1",
        "30:15s",
        "99999999999999999999/1s",
        "1/99999999999999999999s",
        "1/18446744073709551617ms",
        "a/1s",
        "1/h",
        "1/ms",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ratelimit_spec spec = {99, 99};
        assert_int_equal(ratelimit_parse(rows[i], &spec), STATUS_INVALID);
        assert_int_equal(spec.count, 0); // never a limit by accident
    }
}

static void without_a_limit_nothing_waits(void **state)
{
    (void)state;
    struct ratelimit limit;
    assert_int_equal(ratelimit_init(&limit, (struct ratelimit_spec){0, 0}), STATUS_OK);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(ratelimit_wait_ms(&limit, 5), 0);
        ratelimit_take(&limit, 5);
    }
    ratelimit_free(&limit);
}

static void the_window_opens_to_the_millisecond(void **state)
{
    (void)state;
    struct ratelimit limit;
    assert_int_equal(ratelimit_init(&limit, (struct ratelimit_spec){3, 1000}), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ratelimit_wait_ms(&limit, 100 + i), 0);
        ratelimit_take(&limit, 100 + i);
    }
    assert_int_equal(ratelimit_wait_ms(&limit, 102), 998);
    assert_int_equal(ratelimit_wait_ms(&limit, 1099), 1);
    assert_int_equal(ratelimit_wait_ms(&limit, 1100), 0);
    ratelimit_take(&limit, 1100);
    assert_int_equal(ratelimit_wait_ms(&limit, 1100), 1);
    assert_int_equal(ratelimit_wait_ms(&limit, 1101), 0);
    assert_int_equal(ratelimit_wait_ms(&limit, 1000000), 0);
    ratelimit_free(&limit);
    ratelimit_free(&limit); // harmless
}

// Random demand for a long time. No window may hold more than count (checked by brute force over all that was taken),
// and nothing may wait while the window that ends now has room.
static void check_demand(struct random *random, struct ratelimit_spec spec, int64_t mean_gap_ms)
{
    enum { EVENTS = 3000 };
    static int64_t taken_ms[EVENTS];
    struct ratelimit limit;
    assert_int_equal(ratelimit_init(&limit, spec), STATUS_OK);
    int64_t now_ms = (int64_t)random_below(random, 1000000);
    for (size_t n = 0; n < EVENTS; n++) {
        now_ms += (int64_t)random_below(random, 2 * (uint64_t)mean_gap_ms + 1);
        int64_t wait_ms = ratelimit_wait_ms(&limit, now_ms);
        if (wait_ms > 0) { // not needlessly: one millisecond before its end the window is still full
            int64_t early_ms = now_ms + wait_ms - 1;
            size_t inside = 0;
            while (inside < n && taken_ms[n - 1 - inside] > early_ms - spec.window_ms) {
                inside++;
            }
            assert_int_equal(inside, spec.count);
            now_ms += wait_ms;
            assert_int_equal(ratelimit_wait_ms(&limit, now_ms), 0);
        }
        ratelimit_take(&limit, now_ms);
        taken_ms[n] = now_ms;
        if (n >= spec.count) { // the count-th before this one is outside every window that this one is in
            assert_true(now_ms - taken_ms[n - spec.count] >= spec.window_ms);
        }
    }
    ratelimit_free(&limit);
}

static void no_window_holds_more_and_nothing_waits_in_vain(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 1);
    static const struct ratelimit_spec specs[] = {{1, 1},       {1, 1000},     {2, 7},       {10, 1000}, {30, 15000},
                                                  {300, 15000}, {2999, 60000}, {3000, 1000}, {5, 100},   {1, 86400000}};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        int64_t fair_ms = specs[i].window_ms / specs[i].count; // the gap at which demand just fits
        check_demand(&random, specs[i], 0);                    // all at once
        check_demand(&random, specs[i], fair_ms / 2);
        check_demand(&random, specs[i], fair_ms);
        check_demand(&random, specs[i], 3 * fair_ms + 1);
    }
}

static void a_bucket_would_let_too_many_through(void **state)
{
    (void)state;
    // The case that a token bucket gets wrong: quiet, then a burst, then as fast as it may.
    struct ratelimit limit;
    assert_int_equal(ratelimit_init(&limit, (struct ratelimit_spec){30, 15000}), STATUS_OK);
    int64_t now_ms = 1000000;
    int in_window = 0;
    for (int64_t end_ms = now_ms + 15000; now_ms < end_ms; now_ms++) {
        while (ratelimit_wait_ms(&limit, now_ms) == 0) {
            ratelimit_take(&limit, now_ms);
            in_window++;
        }
    }
    assert_int_equal(in_window, 30);
    ratelimit_free(&limit);
}

static void an_hour_uses_all_that_is_allowed(void **state)
{
    (void)state;
    struct ratelimit limit;
    assert_int_equal(ratelimit_init(&limit, (struct ratelimit_spec){30, 15000}), STATUS_OK);
    int taken = 0;
    for (int64_t now_ms = 0; now_ms < 3600000;) {
        int64_t wait_ms = ratelimit_wait_ms(&limit, now_ms);
        if (wait_ms == 0) {
            ratelimit_take(&limit, now_ms);
            taken++;
        }
        now_ms += wait_ms;
    }
    assert_int_equal(taken, 3600 / 15 * 30);
    ratelimit_free(&limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_is_count_and_window),
        cmocka_unit_test(what_is_no_limit_is_refused),
        cmocka_unit_test(without_a_limit_nothing_waits),
        cmocka_unit_test(the_window_opens_to_the_millisecond),
        cmocka_unit_test(no_window_holds_more_and_nothing_waits_in_vain),
        cmocka_unit_test(a_bucket_would_let_too_many_through),
        cmocka_unit_test(an_hour_uses_all_that_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
