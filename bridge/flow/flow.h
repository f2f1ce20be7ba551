// SPDX-License-Identifier: Apache-2.0
// What the stages of the loop are given, and how they tell: every state change and the messages that tell of it are
// built here as one store_change. The one header of flow/ that stages share; they know nothing of each other. The
// loop's thread, but for the functions that take no struct flow.
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "base/clock.h"
#include "base/random.h"
#include "io/config.h"
#include "io/http.h"
#include "io/store.h"
#include "rules/gate.h"
#include "rules/metrics.h"

#define FLOW_TICK_MS 250 // the loop looks at least so often for what time alone brings about

struct flow {
    const struct config *config; // replaced at a reload
    struct store *store;
    struct store_reader *reader;
    struct http *http;
    struct gate *gate;
    struct metrics *metrics;
    const struct clock *clock;
    struct random *random;
    const char *instance;
    int64_t published_up_to; // the highest outbox id that the broker may have seen
    int64_t now_ms;          // of this turn
    int64_t wall_ms;         // of this turn
};

// A call of the API has ended: *outcome is what the answer means; the gate and the metrics learn of it, too. repeated:
// an earlier attempt of the same command may have acted.
void flow_call_ended(struct flow *flow, enum action call, bool repeated, const struct http_response *response,
                     struct outcome *outcome);

// The requestId that replies carry: the sender's, or the tag of the command in `tag`.
struct span flow_request_id(const struct store_command *command, const char *instance, char tag[STORE_TAG_BYTES]);

// A change of the command from its state to another; every flow_tell below adds a message to it.
struct store_change *flow_change(const struct store_command *command, enum command_state to);
// The result's fields: done_ms, http_status, error. type NULL: no error.
void flow_set_error(struct store_change *change, const char *type, const char *message, int http_status);

struct flow_tell {
    const char *instance;
    int64_t wall_ms;
    bool retain; // what is to be retained is; false where the broker retains nothing
};
struct flow_tell flow_telling(const struct flow *flow);

// The one line of the log that says how a command was decided; flow_refuse writes its own. execution_id "" and
// http_status 0: none.
void flow_log_accepted(struct flow_tell tell, const struct store_command *command, const char *execution_id,
                       int http_status);
void flow_tell_accepted(struct flow_tell tell, struct store_change *change, const struct store_command *command,
                        const char *execution_id, int http_status, struct span body);
void flow_tell_rejected(struct flow_tell tell, struct store_change *change, const struct store_command *command,
                        const char *type, const char *message, int http_status);
// Sets the change's run fields too (state, seq = the command's + 1, summary, outcome). error_type may be NULL.
struct flow_run {
    const char *execution_id;
    const char *state;
    struct span summary;
    int progress;
    enum run_outcome outcome;
    const char *error_type;
    const char *error_message;
    bool progress_only; // a later status of the run makes this one superfluous
};
void flow_tell_status(struct flow_tell tell, struct store_change *change, const struct store_command *command,
                      const struct flow_run *run);
void flow_tell_log(struct flow_tell tell, struct store_change *change, const struct store_command *command,
                   const char *execution_id, struct span entry);

// The command will not be done: moves it to `to`, tells rejected and, of an execute, the run's status `state`.
// The caller sets done and submits.
struct store_change *flow_refuse(const struct flow *flow, const struct store_command *command, enum command_state to,
                                 const char *state, const char *type, const char *message, int http_status);
// The same on any thread.
struct store_change *flow_refuse_as(struct flow_tell tell, const struct store_command *command, enum command_state to,
                                    const char *state, const char *type, const char *message, int http_status);
// A run that is not followed any more though it has not ended: FINISHED, with the final status `unknown`. Any thread.
struct store_change *flow_give_up(struct flow_tell tell, const struct store_command *run, const char *message);
// The API did an execute: FOLLOWING or DONE, accepted and the status `queued`.
struct store_change *flow_started(const struct flow *flow, const struct store_command *command,
                                  const char *execution_id, int http_status);
void flow_submit(const struct flow *flow, struct store_change *change,
                 void (*done)(struct store_change *change, void *context), void *context);

#endif
