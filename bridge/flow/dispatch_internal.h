// SPDX-License-Identifier: Apache-2.0
// What the files of dispatch share: the job's line of waiting commands and a command under way.
#ifndef FLOW_DISPATCH_INTERNAL_H
#define FLOW_DISPATCH_INTERNAL_H

#include "flow/dispatch.h"
#include "rules/agenda.h"

// The defaultContext of a job, which a context of ours would replace. Read anew for commands that came after the
// reading began, so that no change of it is missed.
enum defaults_state { DEFAULTS_UNKNOWN, DEFAULTS_READING, DEFAULTS_KNOWN, DEFAULTS_UNREADABLE };

struct line {
    struct line *next;
    struct dispatch *dispatch;
    char *job;
    struct store_ref window[DISPATCH_WINDOW];
    size_t head;
    size_t count;
    int64_t loaded_id; // the highest id that was ever in the window
    bool more;         // the journal may have READY commands above loaded_id
    size_t active;     // started and not settled: SENT, RETRY_WAIT, AMBIGUOUS
    size_t executes;   // of these, executes
    size_t retrying;   // of the executes, those that were surely not done and are tried again: what is behind waits
    bool barrier;      // one of the active holds all that is behind it
    int64_t blocked_until_ms;
    enum defaults_state defaults_state;
    uint32_t defaults_failures;         // of readings in a row
    int64_t defaults_until_id;          // what was read holds for commands up to this id
    char defaults_of[COMMAND_ID_BYTES]; // and of this resource job: a reload may give the name to another one
    struct bytes defaults;              // context text, empty: the job has none
    struct agenda again;                // due time 0: ids that became READY once more, oldest first
    int64_t cancel_sent_ms;
};

#define DISPATCH_ANSWERED_MAX 32 // a commit is that far away at the most; beyond it a line only works in vain

enum attempt_phase { ATTEMPT_COMMITTING, ATTEMPT_IN_FLIGHT, ATTEMPT_WAITING, ATTEMPT_SETTLING };

struct attempt {
    struct attempt *next;
    struct dispatch *dispatch;
    struct line *line;
    struct store_command command;
    struct bytes body;
    bool marked;   // the body's context has the marker
    bool retrying; // counted in its line
    enum attempt_phase phase;
    int64_t due_ms; // of the retry
};

struct dispatch {
    struct flow *flow;
    struct dispatch_next next;
    struct line *lines;
    struct line *turn; // where the round robin goes on
    struct attempt *attempts;
    size_t attempt_count;
    int64_t pending_after; // the sweep for `pending` has looked at ids up to this
    size_t sweeping;       // changes of the sweeps that are not committed yet
    int64_t next_sweep_ms;
    int64_t answered[DISPATCH_ANSWERED_MAX]; // last answered out of turn: their line need not do it once more
    size_t next_answered;
    bool clock_asked; // the API has answered, with its time or without
};

// dispatch_lines.c
struct line *line_find(struct dispatch *dispatch, const char *job, bool make);
void line_load(struct dispatch *dispatch);
bool line_peek(struct dispatch *dispatch, struct line *line, struct store_ref *ref);
void line_pop(struct line *line, int64_t id);
void line_free(struct line *line);

// dispatch_prepare.c: whether the head of a line may start, and with what body
enum prepared {
    PREPARED,
    PREPARED_BLOCKED, // by another command that is under way; what is behind it waits, too
    PREPARED_HELD,    // by a run that has not ended
    PREPARED_DROPPED, // it is not to be sent, and is dealt with
};
enum prepared prepare_command(struct dispatch *dispatch, struct line *line, struct attempt *attempt);
bool answer_at_once(struct dispatch *dispatch, const struct store_command *command);
bool drop_target(struct dispatch *dispatch, const struct store_command *command);

// dispatch_send.c: from SENT to the answer
void attempt_start(struct dispatch *dispatch, struct attempt *attempt);
void attempt_retry(struct dispatch *dispatch, struct attempt *attempt);
void attempt_free(struct attempt *attempt);
struct attempt *attempt_find(struct dispatch *dispatch, int64_t id);
void attempt_settle(struct attempt *attempt);

#endif
