// SPDX-License-Identifier: Apache-2.0
// The tables of actions, states and legal moves. Must never decide when a move is made: only whether it may be.
// Pure; any thread.
#include "rules/command.h"

#define BIT(state) (1U << (state))

static const char *const action_texts[ACTION_COUNT] = {
    [ACTION_EXECUTE] = "execute", [ACTION_CANCEL_EXECUTION] = "cancelExecution",
    [ACTION_GET] = "get",         [ACTION_LOGS] = "logs",
    [ACTION_PATCH] = "patch",     [ACTION_DELETE] = "delete",
    [ACTION_STATUS] = "status",
};

// moves: the states that may come next, one bit each.
static const struct {
    const char *text;
    unsigned moves;
} states[COMMAND_STATE_COUNT] = {
    [COMMAND_READY] = {"ready", BIT(COMMAND_SENT) | BIT(COMMAND_DONE) | BIT(COMMAND_EXPIRED) | BIT(COMMAND_CANCELED) |
                                    BIT(COMMAND_REFUSED)},
    [COMMAND_SENT] = {"sent", BIT(COMMAND_DONE) | BIT(COMMAND_FOLLOWING) | BIT(COMMAND_REFUSED) |
                                  BIT(COMMAND_RETRY_WAIT) | BIT(COMMAND_AMBIGUOUS)},
    [COMMAND_RETRY_WAIT] = {"retryWait",
                            BIT(COMMAND_READY) | BIT(COMMAND_EXPIRED) | BIT(COMMAND_CANCELED) | BIT(COMMAND_REFUSED)},
    [COMMAND_AMBIGUOUS] = {"ambiguous", BIT(COMMAND_DONE) | BIT(COMMAND_FOLLOWING) | BIT(COMMAND_READY) |
                                            BIT(COMMAND_UNKNOWN) | BIT(COMMAND_REFUSED) | BIT(COMMAND_EXPIRED)},
    [COMMAND_DONE] = {"done", 0},
    [COMMAND_REFUSED] = {"refused", 0},
    [COMMAND_EXPIRED] = {"expired", 0},
    [COMMAND_CANCELED] = {"canceled", 0},
    [COMMAND_UNKNOWN] = {"unknown", 0},
    [COMMAND_FOLLOWING] = {"following", BIT(COMMAND_FINISHED)},
    [COMMAND_FINISHED] = {"finished", 0},
};

const char *action_text(enum action action)
{
    if ((unsigned)action >= ACTION_COUNT) {
        return "?";
    }
    return action_texts[action];
}

bool action_parse(struct span text, enum action *action)
{
    for (unsigned i = 0; i < ACTION_COUNT; i++) {
        if (span_is(text, action_texts[i])) {
            *action = (enum action)i;
            return true;
        }
    }
    return false;
}

bool action_is_barrier(enum action action)
{
    return action == ACTION_PATCH || action == ACTION_DELETE;
}

bool action_is_repeatable(enum action action)
{
    return action != ACTION_EXECUTE;
}

// The journal may hold a number that a newer version wrote.
static bool state_known(enum command_state state)
{
    return (unsigned)state < COMMAND_STATE_COUNT && states[state].text != NULL;
}

const char *command_state_text(enum command_state state)
{
    return state_known(state) ? states[state].text : "?";
}

bool command_state_parse(struct span text, enum command_state *state)
{
    for (unsigned i = 0; i < COMMAND_STATE_COUNT; i++) {
        if (states[i].text != NULL && span_is(text, states[i].text)) {
            *state = (enum command_state)i;
            return true;
        }
    }
    return false;
}

bool command_move_legal(enum command_state from, enum command_state to)
{
    return state_known(from) && state_known(to) && (states[from].moves & BIT(to)) != 0;
}

bool command_state_final(enum command_state state)
{
    return state_known(state) && states[state].moves == 0;
}

bool command_id_valid(struct span id)
{
    if (id.len != COMMAND_ID_BYTES - 1) {
        return false;
    }
    for (size_t i = 0; i < id.len; i++) {
        char c = id.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
            return false;
        }
    }
    return true;
}
