// SPDX-License-Identifier: Apache-2.0
// The breaker: every state and every report in it, and a whole day with outages.
#include "rules/breaker.h"

#include "base/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cmocka.h>

#define BASE_MS 500
#define MAX_MS  60000

static struct breaker opened_breaker(int64_t now_ms, uint64_t chance)
{
    struct breaker breaker;
    breaker_init(&breaker, BASE_MS, MAX_MS);
    for (int i = 0; i < BREAKER_FAILURES; i++) {
        breaker_failure(&breaker, now_ms, chance);
    }
    return breaker;
}

static void it_opens_at_the_last_of_failures_in_a_row(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b, BASE_MS, MAX_MS);
    assert_int_equal(breaker_wait_ms(&b, 0), 0);
    for (int i = 1; i < BREAKER_FAILURES; i++) {
        breaker_started(&b);
        breaker_failure(&b, 1000, 0);
        assert_int_equal(breaker_wait_ms(&b, 1000), 0);
    }
    breaker_failure(&b, 1000, 0);
    assert_int_equal(breaker_wait_ms(&b, 1000), BASE_MS / 2);
}

static void a_success_in_between_begins_anew(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b, BASE_MS, MAX_MS);
    for (int round = 0; round < 3; round++) {
        for (int i = 1; i < BREAKER_FAILURES; i++) {
            breaker_failure(&b, 0, 0);
            assert_int_equal(breaker_wait_ms(&b, 0), 0);
        }
        breaker_success(&b);
    }
    assert_false(b.open);
}

static void one_probe_at_a_time(void **state)
{
    (void)state;
    struct breaker b = opened_breaker(1000, 0);
    assert_int_equal(breaker_wait_ms(&b, 1000 + BASE_MS / 2 - 1), 1);
    assert_int_equal(breaker_wait_ms(&b, 1000 + BASE_MS / 2), 0);
    assert_int_equal(breaker_wait_ms(&b, 1000 + BASE_MS / 2), 0); // to ask is not to start
    breaker_started(&b);
    assert_int_equal(breaker_wait_ms(&b, 1000 + BASE_MS / 2), -1);
    assert_int_equal(breaker_wait_ms(&b, INT64_C(1) << 60), -1);
}

static void a_probe_that_succeeds_closes(void **state)
{
    (void)state;
    struct breaker b = opened_breaker(1000, 0);
    breaker_started(&b);
    breaker_success(&b);
    assert_int_equal(breaker_wait_ms(&b, 1000), 0);
    breaker_started(&b);
    breaker_started(&b);
    assert_int_equal(breaker_wait_ms(&b, 1000), 0); // closed: any number at once
    breaker_failure(&b, 1000, 0);
    assert_int_equal(breaker_wait_ms(&b, 1000), 0); // and failures count from one again
}

static void each_failed_probe_waits_longer_up_to_the_maximum(void **state)
{
    (void)state;
    static const int64_t ceilings_ms[] = {500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    for (int end = 0; end < 2; end++) { // the shortest and the longest of each
        struct breaker b;
        int64_t now_ms = 1000;
        breaker_init(&b, BASE_MS, MAX_MS);
        for (int i = 1; i < BREAKER_FAILURES; i++) {
            breaker_failure(&b, now_ms, 0);
        }
        for (size_t i = 0; i < sizeof ceilings_ms / sizeof *ceilings_ms; i++) {
            breaker_failure(&b, now_ms, end ? (uint64_t)ceilings_ms[i] / 2 : 0);
            int64_t wait_ms = breaker_wait_ms(&b, now_ms);
            assert_int_equal(wait_ms, end ? ceilings_ms[i] : ceilings_ms[i] / 2);
            now_ms += wait_ms;
            assert_int_equal(breaker_wait_ms(&b, now_ms), 0);
            breaker_started(&b);
        }
        breaker_success(&b);
        for (int i = 0; i < BREAKER_FAILURES; i++) {
            breaker_failure(&b, now_ms, 0);
        }
        assert_int_equal(breaker_wait_ms(&b, now_ms), BASE_MS / 2); // short again after a success
    }
}

static void late_failures_do_not_stretch_the_wait(void **state)
{
    (void)state;
    struct breaker b = opened_breaker(1000, 0);
    for (int i = 0; i < 30; i++) { // they were in flight when it opened
        breaker_failure(&b, 1100, 0);
    }
    assert_int_equal(breaker_wait_ms(&b, 1000), BASE_MS / 2);
    breaker_started(&b);
    breaker_failure(&b, 2000, 0); // the probe
    assert_int_equal(breaker_wait_ms(&b, 2000), BASE_MS);
}

static void a_late_success_closes(void **state)
{
    (void)state;
    struct breaker b = opened_breaker(1000, 0);
    breaker_success(&b);
    assert_int_equal(breaker_wait_ms(&b, 1000), 0);
}

static void a_forgotten_probe_frees_its_place(void **state)
{
    (void)state;
    struct breaker b = opened_breaker(1000, 0);
    breaker_started(&b);
    assert_int_equal(breaker_wait_ms(&b, 2000), -1);
    breaker_forget(&b);
    assert_int_equal(breaker_wait_ms(&b, 2000), 0);
    breaker_started(&b);
    breaker_failure(&b, 2000, 0);
    assert_int_equal(breaker_wait_ms(&b, 2000), BASE_MS); // the forgotten one did not count

    breaker_init(&b, BASE_MS, MAX_MS);
    breaker_started(&b);
    breaker_forget(&b); // closed: nothing to free
    assert_int_equal(breaker_wait_ms(&b, 0), 0);
}

static void no_number_of_failures_overflows(void **state)
{
    (void)state;
    struct breaker b = opened_breaker(0, 0);
    b.failures = UINT32_MAX;
    b.opened = UINT32_MAX;
    breaker_started(&b);
    breaker_failure(&b, 1000, 0);
    assert_int_equal(breaker_wait_ms(&b, 1000), MAX_MS / 2);
    assert_true(b.failures == UINT32_MAX && b.opened == UINT32_MAX);
}

// A day with outages of random length; a call wanted every 100 ms, each under way for 50 ms.
static void a_day_with_outages(void **state)
{
    (void)state;
    struct random random;
    struct breaker b;
    random_seed(&random, 1);
    breaker_init(&b, BASE_MS, MAX_MS);
    int64_t turn_ms = 0; // when the API goes away or comes back
    bool up = false;
    int64_t outages = 0;
    int64_t down_ms = 0;
    int64_t calls_down = 0;
    int64_t back_ms = -1; // since when it is back, until the breaker has noticed
    int64_t worst_notice_ms = 0;
    for (int64_t now_ms = 0; now_ms < 86400000; now_ms += 100) {
        if (now_ms >= turn_ms) {
            up = !up;
            outages += up ? 0 : 1;
            back_ms = up ? now_ms : -1;
            turn_ms = now_ms + 60000 + (int64_t)random_below(&random, 3600000);
        }
        down_ms += up ? 0 : 100;
        int64_t wait_ms = breaker_wait_ms(&b, now_ms);
        assert_in_range(wait_ms, 0, MAX_MS); // never -1: each call ends before the next is wanted
        if (wait_ms > 0) {
            continue;
        }
        breaker_started(&b);
        assert_int_equal(breaker_wait_ms(&b, now_ms), b.open ? -1 : 0);
        if (up) {
            breaker_success(&b);
            if (back_ms >= 0) {
                worst_notice_ms = now_ms - back_ms > worst_notice_ms ? now_ms - back_ms : worst_notice_ms;
                back_ms = -1;
            }
        } else {
            calls_down++;
            breaker_failure(&b, now_ms + 50, random_next(&random));
        }
        assert_int_equal(b.open && up, 0); // an answer always closes
    }
    assert_true(outages > 10 && down_ms > 3600000);
    // Back within one wait; and a dead API gets the first five, the growing ones, then one in half a minute at most.
    assert_in_range(worst_notice_ms, 1000, MAX_MS + 100);
    assert_in_range(calls_down, outages * BREAKER_FAILURES, outages * (BREAKER_FAILURES + 9) + down_ms / (MAX_MS / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_at_the_last_of_failures_in_a_row),
        cmocka_unit_test(a_success_in_between_begins_anew),
        cmocka_unit_test(one_probe_at_a_time),
        cmocka_unit_test(a_probe_that_succeeds_closes),
        cmocka_unit_test(each_failed_probe_waits_longer_up_to_the_maximum),
        cmocka_unit_test(late_failures_do_not_stretch_the_wait),
        cmocka_unit_test(a_late_success_closes),
        cmocka_unit_test(a_forgotten_probe_frees_its_place),
        cmocka_unit_test(no_number_of_failures_overflows),
        cmocka_unit_test(a_day_with_outages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
