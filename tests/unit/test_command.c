// SPDX-License-Identifier: Apache-2.0
// The names of actions and states, and every legal and every illegal move.
#include "rules/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_actions_have_the_names_of_the_api(void **state)
{
    static const char *const names[] = {"execute", "cancelExecution", "get", "logs", "patch", "delete", "status"};
    (void)state;
    for (unsigned i = 0; i < ACTION_COUNT; i++) {
        enum action action = ACTION_COUNT;
        assert_string_equal(action_text((enum action)i), names[i]);
        assert_true(action_parse(span_of(names[i]), &action));
        assert_int_equal(action, i);
    }
    assert_string_equal(action_text(ACTION_COUNT), "?");
}

static void test_other_words_are_no_actions(void **state)
{
    static const char *const words[] = {"", "Execute", "execute ", "exec", "executes", "cancel", "?"};
    enum action action;
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_false(action_parse(span_of(words[i]), &action));
    }
    assert_false(action_parse(SPAN_NONE, &action));
}

static void test_barriers_and_repeatable_actions(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ACTION_COUNT; i++) {
        assert_int_equal(action_is_barrier((enum action)i), i == ACTION_PATCH || i == ACTION_DELETE);
        assert_int_equal(action_is_repeatable((enum action)i), i != ACTION_EXECUTE);
    }
}

static void test_states_have_names(void **state)
{
    (void)state;
    for (unsigned i = 1; i < COMMAND_STATE_COUNT; i++) {
        enum command_state parsed = COMMAND_STATE_COUNT;
        assert_true(command_state_parse(span_of(command_state_text((enum command_state)i)), &parsed));
        assert_int_equal(parsed, i);
    }
    assert_string_equal(command_state_text(COMMAND_RETRY_WAIT), "retryWait");
    assert_string_equal(command_state_text((enum command_state)0), "?");
    assert_string_equal(command_state_text(COMMAND_STATE_COUNT), "?");
    enum command_state none;
    assert_false(command_state_parse(SPAN("?"), &none));
    assert_false(command_state_parse(SPAN_NONE, &none));
}

// Written out a second time on purpose: a change of the table must be made twice.
static const enum command_state legal[][2] = {
    {COMMAND_READY, COMMAND_SENT},          {COMMAND_READY, COMMAND_EXPIRED},
    {COMMAND_READY, COMMAND_CANCELED},      {COMMAND_READY, COMMAND_REFUSED},
    {COMMAND_SENT, COMMAND_DONE},           {COMMAND_SENT, COMMAND_REFUSED},
    {COMMAND_SENT, COMMAND_RETRY_WAIT},     {COMMAND_SENT, COMMAND_AMBIGUOUS},
    {COMMAND_RETRY_WAIT, COMMAND_READY},    {COMMAND_RETRY_WAIT, COMMAND_EXPIRED},
    {COMMAND_RETRY_WAIT, COMMAND_CANCELED}, {COMMAND_RETRY_WAIT, COMMAND_REFUSED},
    {COMMAND_AMBIGUOUS, COMMAND_DONE},      {COMMAND_AMBIGUOUS, COMMAND_READY},
    {COMMAND_AMBIGUOUS, COMMAND_UNKNOWN},   {COMMAND_AMBIGUOUS, COMMAND_REFUSED},
    {COMMAND_READY, COMMAND_DONE},          {COMMAND_SENT, COMMAND_FOLLOWING},
    {COMMAND_AMBIGUOUS, COMMAND_FOLLOWING}, {COMMAND_AMBIGUOUS, COMMAND_EXPIRED},
    {COMMAND_FOLLOWING, COMMAND_FINISHED},
};

static bool listed(unsigned from, unsigned to)
{
    for (size_t i = 0; i < sizeof legal / sizeof *legal; i++) {
        if (legal[i][0] == from && legal[i][1] == to) {
            return true;
        }
    }
    return false;
}

static void test_every_move(void **state)
{
    (void)state;
    for (unsigned from = 0; from <= COMMAND_STATE_COUNT + 40; from++) {
        for (unsigned to = 0; to <= COMMAND_STATE_COUNT + 40; to++) {
            assert_int_equal(command_move_legal((enum command_state)from, (enum command_state)to), listed(from, to));
        }
    }
}

static void test_final_states(void **state)
{
    static const enum command_state final[] = {COMMAND_DONE,     COMMAND_REFUSED, COMMAND_EXPIRED,
                                               COMMAND_CANCELED, COMMAND_UNKNOWN, COMMAND_FINISHED};
    (void)state;
    for (unsigned i = 0; i <= COMMAND_STATE_COUNT; i++) {
        bool wanted = false;
        for (size_t k = 0; k < sizeof final / sizeof *final; k++) {
            wanted = wanted || final[k] == i;
        }
        assert_int_equal(command_state_final((enum command_state)i), wanted);
    }
}

static void test_ids(void **state)
{
    (void)state;
    assert_true(command_id_valid(SPAN("6328c6c026517badf9142116")));
    assert_true(command_id_valid(SPAN("ABCDEFabcdef0123456789aA")));
    assert_false(command_id_valid(SPAN("6328c6c026517badf914211")));
    assert_false(command_id_valid(SPAN("6328c6c026517badf91421160")));
    assert_false(command_id_valid(SPAN("6328c6c026517badf914211g")));
    assert_false(command_id_valid(SPAN("6328c6c026517badf9142/16")));
    assert_false(command_id_valid(SPAN("6328c6c026517badf914211\n")));
    assert_false(command_id_valid(SPAN_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_actions_have_the_names_of_the_api),
        cmocka_unit_test(test_other_words_are_no_actions),
        cmocka_unit_test(test_barriers_and_repeatable_actions),
        cmocka_unit_test(test_states_have_names),
        cmocka_unit_test(test_every_move),
        cmocka_unit_test(test_final_states),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
