// SPDX-License-Identifier: Apache-2.0
// The gate in front of the API: each reason to hold a call off, alone and together, and what opens it again.
#include "rules/gate.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BASE_MS   500
#define MAX_MS    60000
#define IN_FLIGHT 3

static struct gate gate;

static int set_up(void **state)
{
    struct ratelimit_spec none = {0};
    (void)state;
    return gate_init(&gate, none, IN_FLIGHT, BASE_MS, MAX_MS) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    gate_free(&gate);
    return 0;
}

static struct outcome outcome_of(enum outcome_kind kind, bool api_down, int64_t retry_after_ms)
{
    struct outcome outcome = {.kind = kind, .api_down = api_down, .retry_after_ms = retry_after_ms};
    strcpy(outcome.error_type, "Type");
    strcpy(outcome.error_message, "what it said");
    return outcome;
}

// One call that ends like this.
static void call(int64_t now_ms, enum outcome_kind kind, bool api_down, int64_t retry_after_ms)
{
    struct outcome outcome = outcome_of(kind, api_down, retry_after_ms);
    gate_started(&gate, now_ms);
    gate_ended(&gate, &outcome, now_ms, 0);
}

static void only_so_many_in_flight(void **state)
{
    (void)state;
    struct outcome done = outcome_of(OUTCOME_DONE, false, -1);
    for (int i = 0; i < IN_FLIGHT; i++) {
        assert_int_equal(gate_wait_ms(&gate, 0), 0);
        gate_started(&gate, 0);
    }
    assert_int_equal(gate_wait_ms(&gate, 0), GATE_WAIT_FOR_END);
    gate_ended(&gate, &done, 10, 0);
    assert_int_equal(gate_wait_ms(&gate, 10), 0);
}

static void retry_after_holds_all_for_exactly_that_long(void **state)
{
    (void)state;
    call(1000, OUTCOME_RETRY, false, 3000);
    assert_int_equal(gate_wait_ms(&gate, 1000), 3000);
    assert_int_equal(gate_wait_ms(&gate, 3999), 1);
    assert_int_equal(gate_wait_ms(&gate, 4000), 0);
}

static void a_shorter_hold_does_not_shorten_a_longer_one(void **state)
{
    (void)state;
    call(0, OUTCOME_RETRY, false, 5000);
    call(100, OUTCOME_RETRY, false, 200);
    assert_int_equal(gate_wait_ms(&gate, 100), 4900);
}

static void without_retry_after_the_hold_grows(void **state)
{
    int64_t now_ms = 0;
    int64_t last_ms = 0;
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct outcome outcome = outcome_of(OUTCOME_RETRY, false, -1);
        gate_started(&gate, now_ms);
        gate_ended(&gate, &outcome, now_ms, UINT64_MAX / 2);
        int64_t wait_ms = gate_wait_ms(&gate, now_ms);
        assert_in_range(wait_ms, BASE_MS / 2, BASE_MS << i);
        now_ms += wait_ms;
        last_ms = wait_ms > last_ms ? wait_ms : last_ms;
    }
    assert_true(last_ms > BASE_MS);
    call(now_ms, OUTCOME_DONE, false, -1);
    assert_int_equal(gate.held, 0);
    assert_int_equal(gate_wait_ms(&gate, now_ms), 0);
}

static void failures_in_a_row_open_the_breaker_and_one_success_closes_it(void **state)
{
    (void)state;
    for (int i = 1; i < BREAKER_FAILURES; i++) {
        call(0, OUTCOME_RETRY, true, -1);
        assert_int_equal(gate_wait_ms(&gate, 0), 0);
        assert_string_equal(gate_trouble(&gate), "");
    }
    call(0, OUTCOME_RETRY, true, -1);
    assert_int_equal(gate_wait_ms(&gate, 0), BASE_MS / 2);
    assert_string_equal(gate_trouble(&gate), "Type: what it said");
    gate_started(&gate, BASE_MS);
    assert_int_equal(gate_wait_ms(&gate, BASE_MS), GATE_WAIT_FOR_END); // one probe
    struct outcome refused = outcome_of(OUTCOME_REFUSED, false, -1);
    gate_ended(&gate, &refused, BASE_MS, 0); // an answer is an answer
    assert_int_equal(gate_wait_ms(&gate, BASE_MS), 0);
    assert_string_equal(gate_trouble(&gate), "");
}

static void the_first_401_costs_nothing_the_next_ones_do(void **state)
{
    (void)state;
    call(0, OUTCOME_UNAUTHORIZED, false, -1);
    assert_int_equal(gate_wait_ms(&gate, 0), 0);
    assert_string_equal(gate_trouble(&gate), ""); // no trouble yet: mostly the token was just changed
    call(0, OUTCOME_UNAUTHORIZED, false, -1);
    assert_in_range(gate_wait_ms(&gate, 0), BASE_MS / 2, BASE_MS * 2);
    assert_string_equal(gate_trouble(&gate), "Type: what it said");
}

static void after_a_401_one_call_at_a_time(void **state)
{
    (void)state;
    call(0, OUTCOME_UNAUTHORIZED, false, -1);
    gate_started(&gate, 0);
    assert_int_equal(gate_wait_ms(&gate, 0), GATE_WAIT_FOR_END);
}

static void a_new_token_is_tried_at_once(void **state)
{
    (void)state;
    call(0, OUTCOME_UNAUTHORIZED, false, -1);
    call(0, OUTCOME_UNAUTHORIZED, false, -1);
    assert_true(gate_wait_ms(&gate, 0) > 0);
    gate_token_changed(&gate);
    assert_int_equal(gate_wait_ms(&gate, 0), 0);
    call(0, OUTCOME_DONE, false, -1);
    assert_string_equal(gate_trouble(&gate), "");
}

static void a_new_token_does_not_end_a_hold_of_another_reason(void **state)
{
    (void)state;
    call(0, OUTCOME_RETRY, false, 5000);
    gate_token_changed(&gate);
    assert_int_equal(gate_wait_ms(&gate, 0), 5000);
}

static void the_longest_wait_counts(void **state)
{
    struct ratelimit_spec rate = {.count = 1, .window_ms = 1000};
    (void)state;
    assert_int_equal(gate_set(&gate, rate, IN_FLIGHT, BASE_MS, MAX_MS), STATUS_OK);
    call(0, OUTCOME_RETRY, false, 300);
    assert_int_equal(gate_wait_ms(&gate, 0), 1000);
    assert_int_equal(gate_wait_ms(&gate, 999), 1);
    assert_int_equal(gate_wait_ms(&gate, 1000), 0);
    call(1000, OUTCOME_RETRY, false, 4000);
    assert_int_equal(gate_wait_ms(&gate, 1000), 4000);
}

static void new_limits_keep_what_is_in_flight_and_what_is_held(void **state)
{
    struct ratelimit_spec none = {0};
    (void)state;
    gate_started(&gate, 0);
    call(0, OUTCOME_RETRY, false, 2000);
    assert_int_equal(gate_set(&gate, none, 1, BASE_MS, MAX_MS), STATUS_OK);
    assert_int_equal(gate_wait_ms(&gate, 2000), GATE_WAIT_FOR_END);
    struct outcome outcome = outcome_of(OUTCOME_AMBIGUOUS, true, -1);
    gate_ended(&gate, &outcome, 0, 0);
    assert_int_equal(gate_wait_ms(&gate, 0), 2000);
    assert_int_equal(gate_wait_ms(&gate, 2000), 0);
}

static void the_clock_of_the_api(void **state)
{
    (void)state;
    assert_int_equal(gate_server_ms(&gate, 5000), 0); // not known yet
    gate_clock(&gate, -1, 1000);
    assert_int_equal(gate_server_ms(&gate, 5000), 0);
    gate_clock(&gate, 4600, 1000);
    assert_int_equal(gate_server_ms(&gate, 5000), 8600);
    gate_clock(&gate, -1, 2000); // an answer without a date changes nothing
    assert_int_equal(gate_server_ms(&gate, 5000), 8600);
    gate_clock(&gate, 1000, 4000);
    assert_int_equal(gate_server_ms(&gate, 5000), 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_so_many_in_flight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(retry_after_holds_all_for_exactly_that_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_shorter_hold_does_not_shorten_a_longer_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_retry_after_the_hold_grows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_in_a_row_open_the_breaker_and_one_success_closes_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_first_401_costs_nothing_the_next_ones_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_a_401_one_call_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_token_is_tried_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_token_does_not_end_a_hold_of_another_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_wait_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(new_limits_keep_what_is_in_flight_and_what_is_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_clock_of_the_api, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
