// SPDX-License-Identifier: Apache-2.0
// What a command is: its actions, its states and the one table of legal moves, and the names that users see.
// Pure; any thread.
//
//   READY -> SENT -> DONE | REFUSED | RETRY_WAIT | AMBIGUOUS
//   READY -> DONE                       (an answer that needs no call)
//   READY | RETRY_WAIT -> EXPIRED | CANCELED | REFUSED ;  RETRY_WAIT -> READY
//   AMBIGUOUS -> DONE | READY | UNKNOWN | REFUSED | EXPIRED
//   SENT | AMBIGUOUS -> FOLLOWING       (a followed execute that the API did)
//   FOLLOWING -> FINISHED
//
// A command is inserted as READY: the commit of the row is the JOURNALED point, there is no row before it.
// SENT is committed before the request leaves, so that after a crash READY was surely not sent and SENT is ambiguous.
#ifndef RULES_COMMAND_H
#define RULES_COMMAND_H

#include "base/bytes.h"
#include "base/status.h"
#include <stdint.h>

enum action {
    ACTION_EXECUTE,
    ACTION_CANCEL_EXECUTION,
    ACTION_GET,
    ACTION_LOGS,
    ACTION_PATCH,
    ACTION_DELETE,
    ACTION_STATUS,
    ACTION_COUNT,
};

// The numbers are in the journal: never change one, only append.
enum command_state {
    COMMAND_READY = 1,
    COMMAND_SENT = 2,
    COMMAND_RETRY_WAIT = 3,
    COMMAND_AMBIGUOUS = 4,
    COMMAND_FOLLOWING = 5, // the last of those that still need something done
    COMMAND_DONE = 6,
    COMMAND_REFUSED = 7,
    COMMAND_EXPIRED = 8,
    COMMAND_CANCELED = 9,
    COMMAND_UNKNOWN = 10,
    COMMAND_FINISHED = 11,
    COMMAND_STATE_COUNT,
};

#define COMMAND_REQUEST_ID_MAX 128    // characters, printable ASCII or any other code point that is no control
#define COMMAND_CONTEXT_MAX    32767  // code points of templateContext, the API's bound
#define COMMAND_QUERY_MAX      8192   // code points of queryJson, the API's bound
#define COMMAND_PAYLOAD_MAX    262144 // bytes of a command message
#define COMMAND_TTL_MAX_S      31536000
#define COMMAND_LOGS_LIMIT_MAX 10000
#define COMMAND_ID_BYTES       25 // 24 hex digits and NUL

const char *action_text(enum action action); // the API's own word, static; "?" when it is none of them
bool action_parse(struct span text, enum action *action);
// A barrier waits for everything before it in its job and holds everything behind it: patch and delete.
bool action_is_barrier(enum action action);
// Sending it a second time changes nothing more: all but execute.
bool action_is_repeatable(enum action action);

// "ready", "sent", "retryWait", …; "?" for a number that this version does not know.
const char *command_state_text(enum command_state state);
bool command_state_parse(struct span text, enum command_state *state);
bool command_move_legal(enum command_state from, enum command_state to);
// It will not move any more.
bool command_state_final(enum command_state state);

// ^[A-Fa-f0-9]{24}$: the only ids that may go into a URL.
bool command_id_valid(struct span id);

#endif
