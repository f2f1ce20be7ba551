// SPDX-License-Identifier: Apache-2.0
// The journal: the one durable truth, in SQLite. A writer thread commits everything that waits as one transaction and
// then tells those who wait for it; readers (the loop, the web, the command line) have connections of their own.
// Must never call another module back from inside a transaction, and never touch the MQTT library: the receive
// thread waits in here while it holds that library's lock.
//
// Order that the promises rest on: a command's row is committed before its PUBACK (store_intake waits), SENT is
// committed before the request leaves (done is called after the commit), an answer's state and the messages that tell
// of it are one transaction.
#ifndef IO_STORE_H
#define IO_STORE_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/status.h"
#include "rules/command.h"
#include "rules/runlog.h"
#include "rules/tally.h"

#define STORE_INSTANCE_BYTES  16   // text of the journal's own random id, with NUL
#define STORE_TAG_BYTES       40   // INSTANCE-ID, with NUL
#define STORE_LAZY_MS         200  // a lazy change waits at most so long for a commit to join
#define STORE_SYNC_MS         50   // durability "process": at most so much is lost in a power cut
#define STORE_RETRY_MS        500  // a commit that failed (disk full, I/O error) is tried again after this
#define STORE_PATIENCE_MS     2000 // when commits have failed for so long, nobody is kept waiting for one
#define STORE_LOCK_MS         1000 // a lock that somebody else holds is waited for: `jobbridge queue` holds it for a moment
#define STORE_REDELIVERY_SPAN 1024 // commands back that a redelivered message is compared with
#define STORE_PRUNE_SCAN_MAX  256  // rows looked at by one pruning change
#define STORE_RECENT_SCAN     1000 // commands back that are looked at for what ended last

struct store;
struct store_reader;

enum store_topic { STORE_TOPIC_ACCEPTED, STORE_TOPIC_REJECTED, STORE_TOPIC_STATUS, STORE_TOPIC_LOG, STORE_TOPIC_COUNT };

// One command with its run. Texts are malloc'ed and owned by it, NULL when absent; store_command_free() frees.
struct store_command {
    int64_t id;
    enum command_state state;
    enum action action;
    bool follow;
    bool pended;  // a `pending` was published
    bool foreign; // a run that somebody else started (watch): no command, no answer
    bool marked;  // the last attempt can be found in the log by its tag
    char *job;
    char application_id[COMMAND_ID_BYTES];
    char resource_job_id[COMMAND_ID_BYTES];
    char *request_id;        // as the sender gave it
    char *scope;             // of request_id
    uint64_t digest;         // of the payload
    char *topics;            // STORE_TOPIC_COUNT topics joined with '\n', an execution id still a mark
    struct span correlation; // malloc'ed bytes
    char *context;           // execute: of the run; cancelExecution with `of`: the scope of the command that it means
    char *body;
    char *query;
    char *of;
    char execution_id[COMMAND_ID_BYTES]; // of the run; for cancelExecution the one to cancel
    int64_t arrived_ms;                  // wall
    int64_t expires_ms;                  // wall
    int64_t sent_ms;                     // wall, 0: never
    int64_t server_ms;                   // the API's clock when it was sent, 0: not known
    int64_t attempts;
    int64_t done_ms; // wall, when it was answered
    int64_t http_status;
    char *error_type;
    char *error_message;
    char *answer; // the API's body, kept for a repeated request
    char *run_state;
    char *summary;
    int64_t seq;
    uint64_t entry_digest;
    enum run_outcome outcome;
    int64_t ended_ms;
    int64_t packet_id; // of the MQTT message, 0: none
    int64_t epoch;     // counts the bridge's connections over restarts
    int64_t letter;    // of an intake only: the dead letter that it was, which goes in the same commit; 0: none
};

// A message to publish. One block, freed with free().
struct store_message {
    struct store_message *next;
    int64_t id;
    struct span topic;
    struct span payload;
    struct span correlation; // empty: none
    bool retain;
    int64_t progress_of;   // a command id when a later message of that run replaces this one, 0: must be published
    enum store_topic kind; // not in the journal: STORE_TOPIC_COUNT when it was read from there
};

// What is to change in one command, with what is told of it: all or nothing. Filled by the caller, who owns it until
// store_submit; comes back in done. A row that is not in state `from` any more is left alone (applied is false then,
// and nothing is told).
enum store_fields {
    STORE_SET_SENT = 1,   // sent_ms, server_ms; counts an attempt
    STORE_SET_RESULT = 2, // execution_id, http_status, error_type, error_message, answer, done_ms
    STORE_SET_RUN = 4,    // run_state, seq, summary, entry_digest, outcome, ended_ms
    STORE_SET_PENDED = 8, // and run_state, seq
};

struct store_change {
    struct store_change *next;
    int64_t id; // 0: only messages
    enum command_state from;
    enum command_state to;
    enum action action; // of the command, for the tally
    bool invalid;       // a rejection of what did not become a command
    unsigned fields;
    const struct store_command *insert; // a foreign run to be inserted instead; borrowed until done
    int64_t sent_ms, server_ms, done_ms, http_status, seq, ended_ms;
    char execution_id[COMMAND_ID_BYTES];
    char *error_type, *error_message, *answer, *run_state, *summary; // malloc'ed, freed with the change
    uint64_t entry_digest;
    enum run_outcome outcome;
    struct store_message *messages; // freed with the change
    bool marked;                    // of STORE_SET_SENT
    int64_t *remove;                // ids of published messages to remove, malloc'ed
    size_t remove_count;
    int64_t supersede_of; // not 0: progress messages of that command with an id above supersede_above are dropped
    int64_t supersede_above;
    int64_t check_seq;       // not 0: the row must have this seq - 1, or it is left alone (see store_submit_wait)
    int64_t prune_before_ms; // not 0: final commands that ended before it go, of the STORE_PRUNE_SCAN_MAX rows with an
    int64_t prune_after_id;  // id above prune_after_id; and all dead letters from before it
    struct span dead_topic, dead_payload; // not empty topic: a dead letter, borrowed until the commit
    const char *dead_reason;
    int64_t dead_remove;   // not 0: the id of a dead letter to remove; nothing is applied when there is none
    const char *note_key;  // static, not NULL: what is to be remembered under this name, see store_note
    char *note;            // malloc'ed, freed with the change
    bool lazy;             // joins the next commit instead of making one
    bool applied;          // out
    int64_t new_id;        // out, of insert
    int64_t pruned_up_to;  // out: where to go on, 0: the end was reached
    int64_t outbox_growth; // out: messages that came less those that went
    int64_t last_message;  // out: the greatest id of a message that came, 0: none
    void (*done)(struct store_change *change, void *context); // on the thread of store_collect, after the commit
    void *context;
};

struct store_settings {
    const char *path;
    bool power; // durability: sync every commit
    int64_t max_commands;
    int64_t max_dead; // dead letters kept; the oldest go first
    const struct clock *clock;
    void (*ring)(void *context); // any thread: there is something for store_collect
    // store_collect, for every change that was committed, before its own done; NULL: nobody wants to know.
    void (*committed)(void *context, const struct store_change *change);
    // store_collect, after done: the messages of the change, with their ids, in order; the receiver frees each. NULL:
    // nobody wants them. Those of changes that somebody waited for do not come here.
    void (*take_messages)(void *context, struct store_message *messages);
    void *ring_context; // of all three
};

// Opens or creates the journal, takes its lock, migrates, recovers (what was RETRY_WAIT is READY again, a SENT execute
// is AMBIGUOUS, any other SENT is READY), starts the writer. STATUS_BUSY: another process has it (its pid in *why).
// STATUS_INVALID: a newer schema or no journal; STATUS_IO. *why is malloc'ed text in every failure.
enum status store_open(const struct store_settings *settings, struct store **out, char **why);
// Moves a journal that cannot be read to a name of its own beside it, with its WAL; *name is that name (malloc'ed).
// Nothing is deleted: its commands may still be saved by hand.
enum status store_set_aside(const char *path, int64_t wall_ms, char **name);
// Commits what waits and closes. Nobody may use the store any more.
void store_close(struct store *store);

const char *store_instance(const struct store *store);
const char *store_path(const struct store *store); // lives as long as the store
// The number of a new connection to the broker, before its first message. new_session: the broker has forgotten the
// session before; waits until this is in the journal, because packet ids begin anew: what has an older one can't be
// what is redelivered from now on. Any thread but the loop.
int64_t store_next_epoch(struct store *store, bool new_session);
// INSTANCE-ID of a command: its marker, and its requestId where the sender gave none.
void store_tag(const char *instance, int64_t id, char tag[STORE_TAG_BYTES]);
// The id in a tag of this journal, 0 when it is none.
int64_t store_tag_id(const char *instance, struct span tag);

enum store_intake_result {
    STORE_NEW,         // committed; command->id is set
    STORE_REPEAT,      // the same requestId with the same payload: *existing is filled
    STORE_CONFLICT,    // the same requestId with another payload
    STORE_REDELIVERED, // the broker sent it again; it is in the journal already (or the dead letter has gone)
    STORE_JOURNAL_FULL,
    STORE_CLOSING, // nothing was committed
    STORE_FAILED,  // nothing was committed: the journal cannot be written, for STORE_PATIENCE_MS now, or could not when
                   // one of the same epoch or a later one came: order holds among what comes over a connection
};

// Inserts as READY and waits for the commit, however slow the disk is, unless it fails. redelivered: the message had
// the DUP flag. A final command that ended before forget_before_ms does not hold its requestId any more. Any thread but
// the loop. existing must be freed by the caller with store_command_free.
enum store_intake_result store_intake(struct store *store, struct store_command *command, bool redelivered,
                                      int64_t forget_before_ms, struct store_command *existing);
// The same without waiting: done is called on the writer's thread after the commit, or with STORE_FAILED, and must
// neither wait nor call the store. settings.ring follows when all of a commit were told. Everything is the caller's,
// and must stay until done.
struct store_request {
    struct store_command *command;
    struct store_command existing; // the caller's to free, after done
    bool redelivered;
    int64_t forget_before_ms;
    enum store_intake_result result;
    void (*done)(struct store_request *request);
};
// STATUS_CLOSED, STATUS_IO: not taken.
enum status store_intake_begin(struct store *store, struct store_request *request);
// Submits and waits for the commit; frees the change. Any thread but the loop. STATUS_CLOSED: nothing was committed;
// STATUS_IO: the journal cannot be written, for STORE_PATIENCE_MS now; STATUS_CONFLICT: the row was not what the change
// expects, and was left alone.
enum status store_submit_wait(struct store *store, struct store_change *change);
// Queues for the next commit; never waits. The store owns the change until done, and frees it after done.
void store_submit(struct store *store, struct store_change *change);
// Calls done of what was committed. The loop.
void store_collect(struct store *store);
struct store_change *store_change_new(void); // zeroed, NULL when out of memory
void store_change_free(struct store_change *change);

struct store_counts {
    int64_t open;   // commands not final, runs being followed included
    int64_t outbox; // messages not yet acknowledged
    int64_t commits;
    int64_t last_message; // the greatest id of a message of this process, 0: none yet
    int64_t syncs;        // of the log; what checkpoints sync is not counted
    int64_t failures;     // of commits
    bool failing;         // the last commit failed and is being repeated
};
void store_counts(struct store *store, struct store_counts *counts); // any thread
void store_tally(struct store *store, struct tally *tally);          // any thread
// A phrase for the failure that the writer is repeating, "" when there is none. Any thread; copied into text.
void store_failure(struct store *store, char *text, size_t text_bytes);

struct store_message *store_message_new(struct span topic, struct span payload, bool retain, struct span correlation,
                                        int64_t progress_of);
void store_command_free(struct store_command *command);
// The topic of that kind, from the joined ones.
struct span store_command_topic(const struct store_command *command, enum store_topic kind);

// Reading. One reader belongs to one thread. Every function returns the number of rows or a status; a failing disk is
// STATUS_IO or 0 rows, and logged; but see store_reader_must.
enum status store_reader_open(const char *path, struct store_reader **out, char **why);
void store_reader_close(struct store_reader *reader);
// From now on a reading that fails ends the process at once, with EX_IOERR or EX_OSERR: for the loop, which would else
// take what it could not read for what is not there. A restart continues from the journal.
void store_reader_must(struct store_reader *reader);
// All reading between the two sees the journal as it was at the first of it, and takes SQLite's locks once.
void store_reader_begin(struct store_reader *reader);
void store_reader_end(struct store_reader *reader);
const char *store_reader_instance(const struct store_reader *reader);

struct store_ref {
    int64_t id;
    enum action action;
    int64_t expires_ms;
};

enum status store_load(struct store_reader *reader, int64_t id, struct store_command *command);
// Ids of commands of that job in that state, in order of arrival, after `after`.
size_t store_list(struct store_reader *reader, enum command_state state, const char *job, int64_t after,
                  struct store_ref *refs, size_t max);
// READY commands of that job that are no executes, in order of arrival.
size_t store_list_others(struct store_reader *reader, const char *job, struct store_ref *refs, size_t max);
// The next job name after `after` ("" first) that has commands in that state; malloc'ed, NULL: no more.
char *store_next_job(struct store_reader *reader, enum command_state state, const char *after);
int64_t store_count(struct store_reader *reader, enum command_state state, const char *job); // job NULL: all
// READY commands whose time has run out.
size_t store_list_expired(struct store_reader *reader, int64_t wall_ms, struct store_ref *refs, size_t max);
// At most max rows are looked at: *scanned says how many.
// Executes that arrived before wall_ms, after id `after`, not yet answered and not yet told `pending`. *last is the
// last id looked at.
size_t store_list_unanswered(struct store_reader *reader, int64_t after, int64_t arrived_before_ms, int64_t *last,
                             int64_t *ids, size_t max, size_t *scanned);
// The same, but at most max are counted.
int64_t store_count_some(struct store_reader *reader, enum command_state state, const char *job, int64_t max);
// Commands in an open state over all jobs, by id, the newest or the oldest first.
size_t store_list_open(struct store_reader *reader, enum command_state state, bool newest, struct store_ref *refs,
                       size_t max);
// Executes among the last STORE_RECENT_SCAN commands that have ended, newest first.
size_t store_list_ended(struct store_reader *reader, struct store_ref *refs, size_t max);
struct store_deadletter {
    int64_t id;
    int64_t at_ms;
    struct span topic; // borrowed
    struct span payload;
    const char *reason;
};
// The newest dead letters, newest first; payload is cut to payload_max bytes.
void store_each_deadletter(struct store_reader *reader, size_t max, size_t payload_max,
                           void (*each)(void *context, const struct store_deadletter *letter), void *context);
// The oldest command of that job and state for each resource job that the commands were accepted for: a reload may have
// given the name to another one.
size_t store_list_targets(struct store_reader *reader, enum command_state state, const char *job,
                          struct store_ref *refs, size_t max);
// Of that job and state, those that were accepted for that resource job.
int64_t store_count_target(struct store_reader *reader, enum command_state state, const char *job,
                           const char *resource_job_id);
// What was last remembered under this name (store_change.note), malloc'ed; NULL: nothing.
char *store_note(struct store_reader *reader, const char *key);
int64_t store_first_open(struct store_reader *reader); // the smallest id not final, 0: none
enum status store_find_execution(struct store_reader *reader, const char *resource_job_id, const char *execution_id,
                                 struct store_command *command);
enum status store_find_request(struct store_reader *reader, const char *scope, const char *request_id,
                               struct store_command *command);
// The run of that job that ended last; STATUS_NOT_FOUND.
enum status store_last_finished(struct store_reader *reader, const char *job, struct store_command *command);
// When, by the API's clock, the newest known run of the job was started; 0: none.
int64_t store_newest_server_ms(struct store_reader *reader, const char *job);
// Messages after id `after`, oldest first, as a list; the caller frees each.
struct store_message *store_next_messages(struct store_reader *reader, int64_t after, size_t max);

// For people (store_query.c): what is asked rarely, and may look at every row.
struct store_filter {
    const char *job;        // NULL: any
    const char *request_id; // NULL: any
    enum command_state state;
    bool any_state;             // state does not matter
    bool open;                  // only what is not final
    int64_t since_ms, until_ms; // arrived at or after, and before; 0: any time
    size_t max;
};
// Newest first; at most filter->max. The command is the callee's for the time of the call.
enum status store_query(struct store_reader *reader, const struct store_filter *filter,
                        void (*each)(void *context, const struct store_command *command), void *context);

// Newest first; at most max, that came in [since_ms, until_ms), 0: any time. id 0: all, else that one alone.
enum status store_query_dead(struct store_reader *reader, int64_t id, int64_t since_ms, int64_t until_ms, size_t max,
                             void (*each)(void *context, const struct store_deadletter *letter), void *context);
// The messages of the outbox on one of the topics of the command, ids put in by the caller.
enum status store_query_messages(struct store_reader *reader, const char *topic,
                                 void (*each)(void *context, const struct store_message *message), void *context);

#endif
