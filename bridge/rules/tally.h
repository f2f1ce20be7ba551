// SPDX-License-Identifier: Apache-2.0
// What became of the commands, counted where it becomes true: at the commit. One structure under one lock, so that at
// every moment received = accepted + rejected + unanswered. Plain numbers, not locked; whoever owns them does that.
#ifndef RULES_TALLY_H
#define RULES_TALLY_H

#include "rules/command.h"
#include "rules/runlog.h"

#define TALLY_NO_ACTION ACTION_COUNT // the row of messages that name no action
#define TALLY_ACTIONS   (ACTION_COUNT + 1)
#define TALLY_OUTCOMES  (RUN_UNKNOWN + 1)

struct tally {
    int64_t received[TALLY_ACTIONS]; // since the start, and before them what the journal held unanswered (resumed)
    int64_t invalid[TALLY_ACTIONS];  // of them: rejected without becoming a command
    int64_t answered[TALLY_ACTIONS][COMMAND_STATE_COUNT];    // of them: answered, by the state that this led to
    int64_t moves[COMMAND_STATE_COUNT][COMMAND_STATE_COUNT]; // from, to
    int64_t ended[TALLY_OUTCOMES];                           // followed runs that ended
    int64_t resumed;
    int64_t unanswered; // commands that have no answer yet
    int64_t following;  // runs being followed
    int64_t dead;       // dead letters
};

// A command is in the journal.
void tally_received(struct tally *tally, enum action action);
// It was there when the process started.
void tally_resumed(struct tally *tally, enum action action, int64_t count);
// A message was rejected without becoming a command; action TALLY_NO_ACTION: it names none.
void tally_invalid(struct tally *tally, enum action action);
// outcome matters when a run ended.
void tally_moved(struct tally *tally, enum action action, enum command_state from, enum command_state to,
                 enum run_outcome outcome);
// A run that somebody else started; it was never a command.
void tally_foreign(struct tally *tally, enum command_state state, enum run_outcome outcome);

int64_t tally_accepted(const struct tally *tally, int action); // action -1: all
int64_t tally_rejected(const struct tally *tally, int action);
int64_t tally_all_received(const struct tally *tally);

#endif
