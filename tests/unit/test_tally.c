// SPDX-License-Identifier: Apache-2.0
// The tally: at every moment received = accepted + rejected + unanswered.
#include "rules/tally.h"

#include "base/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cmocka.h>

static void assert_adds_up(const struct tally *tally)
{
    assert_int_equal(tally_all_received(tally),
                     tally_accepted(tally, -1) + tally_rejected(tally, -1) + tally->unanswered);
}

static void a_run_is_received_accepted_followed_and_ended(void **state)
{
    (void)state;
    struct tally tally = {0};
    tally_received(&tally, ACTION_EXECUTE);
    assert_int_equal(tally.unanswered, 1);
    tally_moved(&tally, ACTION_EXECUTE, COMMAND_READY, COMMAND_SENT, RUN_NONE);
    tally_moved(&tally, ACTION_EXECUTE, COMMAND_SENT, COMMAND_FOLLOWING, RUN_NONE);
    assert_int_equal(tally.unanswered, 0);
    assert_int_equal(tally.following, 1);
    assert_int_equal(tally_accepted(&tally, ACTION_EXECUTE), 1);
    tally_moved(&tally, ACTION_EXECUTE, COMMAND_FOLLOWING, COMMAND_FOLLOWING, RUN_NONE);
    assert_int_equal(tally.following, 1);
    tally_moved(&tally, ACTION_EXECUTE, COMMAND_FOLLOWING, COMMAND_FINISHED, RUN_PARTIAL);
    assert_int_equal(tally.following, 0);
    assert_int_equal(tally.ended[RUN_PARTIAL], 1);
    assert_int_equal(tally_accepted(&tally, ACTION_EXECUTE), 1);
    assert_adds_up(&tally);
}

static void what_was_not_taken_counts_as_rejected(void **state)
{
    (void)state;
    struct tally tally = {0};
    tally_invalid(&tally, TALLY_NO_ACTION);
    tally_invalid(&tally, ACTION_GET);
    assert_int_equal(tally_rejected(&tally, -1), 2);
    assert_int_equal(tally_rejected(&tally, ACTION_GET), 1);
    assert_int_equal(tally.unanswered, 0);
    assert_adds_up(&tally);
}

static void somebody_elses_runs_are_no_commands(void **state)
{
    (void)state;
    struct tally tally = {0};
    tally_foreign(&tally, COMMAND_FOLLOWING, RUN_NONE);
    tally_foreign(&tally, COMMAND_FINISHED, RUN_FAILED);
    assert_int_equal(tally.following, 1);
    assert_int_equal(tally.ended[RUN_FAILED], 1);
    assert_int_equal(tally_all_received(&tally), 0);
    assert_adds_up(&tally);
}

// Thousands of commands on random legal ways.
static void every_legal_way_adds_up(void **state)
{
    (void)state;
    struct tally tally = {0};
    struct random random;
    enum command_state states[200];
    random_seed(&random, 7);
    tally_resumed(&tally, ACTION_EXECUTE, 50);
    for (size_t i = 0; i < 200; i++) {
        states[i] = COMMAND_READY;
        if (i >= 50) {
            tally_received(&tally, ACTION_EXECUTE);
        }
    }
    for (int i = 0; i < 20000; i++) {
        size_t which = random_below(&random, 200);
        enum command_state to = (enum command_state)random_below(&random, COMMAND_STATE_COUNT);
        if (command_move_legal(states[which], to)) {
            tally_moved(&tally, ACTION_EXECUTE, states[which], to, to == COMMAND_FINISHED ? RUN_SUCCEEDED : RUN_NONE);
            states[which] = to;
        }
        assert_adds_up(&tally);
    }
    int64_t open = 0;
    for (size_t i = 0; i < 200; i++) {
        open += states[i] < COMMAND_FOLLOWING;
    }
    assert_int_equal(tally.unanswered, open);
    assert_int_equal(tally.resumed, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_received_accepted_followed_and_ended),
        cmocka_unit_test(what_was_not_taken_counts_as_rejected),
        cmocka_unit_test(somebody_elses_runs_are_no_commands),
        cmocka_unit_test(every_legal_way_adds_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
