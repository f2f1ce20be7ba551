// SPDX-License-Identifier: Apache-2.0
// See tally.h. Must never forget a command: each is received once and answered once. Pure.
#include "rules/tally.h"

static bool is_unanswered(enum command_state state)
{
    return state < COMMAND_FOLLOWING;
}

void tally_received(struct tally *tally, enum action action)
{
    tally->received[action]++;
    tally->unanswered++;
}

void tally_resumed(struct tally *tally, enum action action, int64_t count)
{
    tally->received[action] += count;
    tally->unanswered += count;
    tally->resumed += count;
}

void tally_invalid(struct tally *tally, enum action action)
{
    tally->received[action]++;
    tally->invalid[action]++;
}

static void end_run(struct tally *tally, enum run_outcome outcome)
{
    if ((unsigned)outcome < TALLY_OUTCOMES) {
        tally->ended[outcome]++;
    }
}

void tally_moved(struct tally *tally, enum action action, enum command_state from, enum command_state to,
                 enum run_outcome outcome)
{
    if (from == to) {
        return;
    }
    tally->moves[from][to]++;
    if (is_unanswered(from) && !is_unanswered(to)) {
        tally->unanswered--;
        tally->answered[action][to]++;
    }
    tally->following += (to == COMMAND_FOLLOWING) - (from == COMMAND_FOLLOWING);
    if (from == COMMAND_FOLLOWING && to == COMMAND_FINISHED) {
        end_run(tally, outcome);
    }
}

void tally_foreign(struct tally *tally, enum command_state state, enum run_outcome outcome)
{
    if (state == COMMAND_FOLLOWING) {
        tally->following++;
    } else {
        end_run(tally, outcome);
    }
}

int64_t tally_accepted(const struct tally *tally, int action)
{
    int64_t sum = 0;
    for (int i = 0; i < TALLY_ACTIONS; i++) {
        if (action < 0 || action == i) {
            sum += tally->answered[i][COMMAND_DONE] + tally->answered[i][COMMAND_FOLLOWING];
        }
    }
    return sum;
}

int64_t tally_rejected(const struct tally *tally, int action)
{
    int64_t sum = 0;
    for (int i = 0; i < TALLY_ACTIONS; i++) {
        if (action < 0 || action == i) {
            sum += tally->invalid[i] + tally->answered[i][COMMAND_REFUSED] + tally->answered[i][COMMAND_EXPIRED] +
                   tally->answered[i][COMMAND_CANCELED] + tally->answered[i][COMMAND_UNKNOWN];
        }
    }
    return sum;
}

int64_t tally_all_received(const struct tally *tally)
{
    int64_t sum = 0;
    for (int i = 0; i < TALLY_ACTIONS; i++) {
        sum += tally->received[i];
    }
    return sum;
}
