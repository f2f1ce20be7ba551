// SPDX-License-Identifier: Apache-2.0
// What the writer does inside a transaction: the intake of a command and the changes of commands and messages.
// Must depend on nothing but its arguments and the database, since a transaction that failed is run again.
// The writer's thread.
#include "base/log.h"
#include "io/store_internal.h"
#include "rules/route.h"
#include <stdlib.h>
#include <string.h>

enum write_statement {
    WRITE_INSERT,
    WRITE_FIND_REQUEST,
    WRITE_FORGET_REQUEST,
    WRITE_FIND_REDELIVERED,
    WRITE_MOVE,
    WRITE_SENT,
    WRITE_RESULT,
    WRITE_RUN,
    WRITE_PENDED,
    WRITE_OUTBOX_ADD,
    WRITE_OUTBOX_REMOVE,
    WRITE_OUTBOX_SUPERSEDE,
    WRITE_PRUNE_LIST,
    WRITE_PRUNE,
    WRITE_SESSION,
    WRITE_KEEP_NEXT_ID,
    WRITE_NOTE,
    WRITE_DEAD_ADD,
    WRITE_DEAD_KEEP_LAST,
    WRITE_DEAD_TRIM,
    WRITE_BEGIN,
    WRITE_COMMIT,
    WRITE_DEAD_REMOVE,
    WRITE_DEAD_PRUNE,
};

const char *const store_write_texts[] = {
    [WRITE_BEGIN] = "BEGIN IMMEDIATE",
    [WRITE_COMMIT] = "COMMIT",
    [WRITE_INSERT] = "INSERT INTO commands(" STORE_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
                     "?,?,?,?,?,?,?,?,?,?,?)",
    [WRITE_FIND_REQUEST] = "SELECT " STORE_COLUMNS " FROM commands WHERE scope = ? AND request_id = ?"
                           " AND request_id IS NOT NULL",
    [WRITE_FORGET_REQUEST] = "UPDATE commands SET request_id = NULL, scope = NULL WHERE id = ?",
    [WRITE_FIND_REDELIVERED] = "SELECT digest = ?1 AND topics = ?2 AND action = ?3 AND epoch < ?4 FROM commands"
                               " WHERE id > ?5 AND packet_id = ?6 AND epoch >= ?7 ORDER BY id DESC LIMIT 1",
    [WRITE_MOVE] = "UPDATE commands SET state = ?3 WHERE id = ?1 AND state = ?2",
    [WRITE_SENT] = "UPDATE commands SET state = ?3, sent_ms = ?4, server_ms = ?5, attempts = attempts + 1,"
                   " flags = CASE WHEN ?6 THEN flags | 8 ELSE flags & ~8 END"
                   " WHERE id = ?1 AND state = ?2",
    [WRITE_RESULT] = "UPDATE commands SET state = ?3, execution_id = coalesce(?4, execution_id), http_status = ?5,"
                     " error_type = ?6, error_message = ?7, answer = ?8, done_ms = ?9, run_state = ?10, seq = ?11,"
                     " outcome = ?12, ended_ms = ?13, context = NULL, body = NULL,"
                     " server_ms = CASE WHEN coalesce(server_ms, 0) = 0 THEN ?14 ELSE server_ms END"
                     " WHERE id = ?1 AND state = ?2 AND (?15 = 0 OR seq = ?15 - 1)",
    [WRITE_RUN] = "UPDATE commands SET state = ?3, run_state = ?4, seq = ?5, summary = ?6, entry_digest = ?7,"
                  " outcome = ?8, ended_ms = ?9 WHERE id = ?1 AND state = ?2 AND (?10 = 0 OR seq = ?10 - 1)",
    [WRITE_PENDED] = "UPDATE commands SET state = ?3, flags = flags | 2, run_state = ?4, seq = ?5"
                     " WHERE id = ?1 AND state = ?2",
    [WRITE_OUTBOX_ADD] = "INSERT INTO outbox(topic, payload, correlation, retain, progress_of) VALUES(?,?,?,?,?)",
    [WRITE_OUTBOX_REMOVE] = "DELETE FROM outbox WHERE id = ?",
    [WRITE_OUTBOX_SUPERSEDE] = "DELETE FROM outbox WHERE progress_of = ? AND progress_of IS NOT NULL AND id > ?",
    [WRITE_PRUNE_LIST] = "SELECT id, topics, execution_id, request_id,"
                         " state >= 6 AND coalesce(ended_ms, done_ms, arrived_ms) < ?2, arrived_ms"
                         " FROM commands WHERE id > ?1 ORDER BY id LIMIT ?3",
    [WRITE_PRUNE] = "DELETE FROM commands WHERE id = ?",
    [WRITE_SESSION] = "INSERT OR REPLACE INTO meta(key, value) VALUES('session_epoch', ?)",
    [WRITE_KEEP_NEXT_ID] = "INSERT OR REPLACE INTO meta(key, value) VALUES('next_id', ?)",
    [WRITE_NOTE] = "INSERT OR REPLACE INTO meta(key, value) VALUES('note ' || ?, ?)",
    // Numbers are never given twice, though the newest may be removed: an operator would drop another than he saw.
    [WRITE_DEAD_ADD] = "INSERT INTO deadletters(id, at_ms, topic, payload, reason) VALUES("
                       "(SELECT 1 + max(coalesce((SELECT max(id) FROM deadletters), 0), coalesce((SELECT"
                       " CAST(value AS INTEGER) FROM meta WHERE key = 'last_dead'), 0))), ?,?,?,?)",
    [WRITE_DEAD_KEEP_LAST] = "INSERT OR REPLACE INTO meta(key, value) SELECT 'last_dead', max(id) FROM deadletters"
                             " HAVING max(id) IS NOT NULL",
    [WRITE_DEAD_TRIM] = "DELETE FROM deadletters WHERE id <= (SELECT max(id) FROM deadletters) - ?",
    [WRITE_DEAD_REMOVE] = "DELETE FROM deadletters WHERE id = ?",
    [WRITE_DEAD_PRUNE] = "DELETE FROM deadletters WHERE at_ms < ?",
};

static int run_plain(struct store_db *db, int index)
{
    sqlite3_stmt *statement = store_db_statement(db, index);
    int rc = statement ? sqlite3_step(statement) : db->rc;
    if (statement) {
        sqlite3_reset(statement);
    }
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int store_apply_begin(struct store_db *db)
{
    return run_plain(db, WRITE_BEGIN);
}

int store_apply_commit(struct store_db *db)
{
    return run_plain(db, WRITE_COMMIT);
}

static void forget_request(struct store_db *db, int64_t id)
{
    sqlite3_stmt *statement = store_db_statement(db, WRITE_FORGET_REQUEST);
    if (statement) {
        sqlite3_bind_int64(statement, 1, id);
        store_db_step(db, statement);
    }
}

// STORE_NEW: the requestId is free. Else *existing is filled.
static enum store_intake_result find_existing(struct store_db *db, const struct store_command *command,
                                              int64_t forget_before_ms, struct store_command *existing)
{
    sqlite3_stmt *statement = store_db_statement(db, WRITE_FIND_REQUEST);
    if (!statement) {
        return STORE_CONFLICT;
    }
    store_bind_text(statement, 1, command->scope);
    store_bind_text(statement, 2, command->request_id);
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW && store_row_read(statement, existing) != STATUS_OK) {
        rc = SQLITE_NOMEM;
    }
    sqlite3_reset(statement);
    if (rc != SQLITE_ROW) {
        db->rc = rc == SQLITE_DONE ? db->rc : rc;
        return STORE_NEW;
    }
    int64_t ended_ms = existing->ended_ms != 0 ? existing->ended_ms : existing->done_ms;
    if (command_state_final(existing->state) && ended_ms < forget_before_ms) {
        forget_request(db, existing->id);
        store_command_free(existing);
        return STORE_NEW;
    }
    return existing->digest == command->digest ? STORE_REPEAT : STORE_CONFLICT;
}

// The message has the packet id of a command of this session, and no command since had it; it came over another
// connection, to the same route, with the same payload: the broker did not get our PUBACK. Two honest commands that
// are equal, both unacknowledged, cannot have one packet id.
static bool is_redelivered(struct store_db *db, const struct store_command *command,
                           const struct store_intake_limits *limits, int64_t next_id)
{
    sqlite3_stmt *statement = store_db_statement(db, WRITE_FIND_REDELIVERED);
    if (!statement) {
        return false;
    }
    sqlite3_bind_int64(statement, 1, (int64_t)command->digest);
    store_bind_text(statement, 2, command->topics);
    sqlite3_bind_int(statement, 3, (int)command->action);
    sqlite3_bind_int64(statement, 4, command->epoch);
    sqlite3_bind_int64(statement, 5, next_id - 1 - STORE_REDELIVERY_SPAN);
    sqlite3_bind_int64(statement, 6, command->packet_id);
    sqlite3_bind_int64(statement, 7, limits->session_epoch);
    int rc = sqlite3_step(statement);
    bool found = rc == SQLITE_ROW && sqlite3_column_int(statement, 0) != 0;
    sqlite3_reset(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        db->rc = rc; // what cannot be read must not count as not there: the transaction is run again
    }
    return found;
}

static void run_with(struct store_db *db, int index, int64_t number)
{
    sqlite3_stmt *statement = store_db_statement(db, index);
    if (statement) {
        sqlite3_bind_int64(statement, 1, number);
        store_db_step(db, statement);
    }
}

static int remove_dead(struct store_db *db, int index, int64_t number)
{
    sqlite3_stmt *keep = store_db_statement(db, WRITE_DEAD_KEEP_LAST);
    if (keep) {
        store_db_step(db, keep);
    }
    sqlite3_stmt *statement = store_db_statement(db, index);
    if (!statement) {
        return 0;
    }
    sqlite3_bind_int64(statement, 1, number);
    return store_db_step(db, statement);
}

enum store_intake_result store_apply_intake(struct store_db *db, struct store_command *command,
                                            const struct store_intake_limits *limits, int64_t next_id,
                                            struct store_command *existing)
{
    if (command->request_id) {
        enum store_intake_result found = find_existing(db, command, limits->forget_before_ms, existing);
        if (found != STORE_NEW || db->rc != SQLITE_OK) {
            return found;
        }
    } else if (limits->redelivered && command->packet_id != 0 && is_redelivered(db, command, limits, next_id)) {
        return STORE_REDELIVERED;
    }
    if (limits->full) {
        return STORE_JOURNAL_FULL;
    }
    if (command->letter != 0 && remove_dead(db, WRITE_DEAD_REMOVE, command->letter) == 0) {
        return STORE_REDELIVERED;
    }
    sqlite3_stmt *statement = store_db_statement(db, WRITE_INSERT);
    if (statement) {
        store_row_bind(statement, command, next_id);
        store_db_step(db, statement);
    }
    command->id = next_id;
    return STORE_NEW;
}

void store_apply_session(struct store_db *db, int64_t first_epoch)
{
    sqlite3_stmt *statement = store_db_statement(db, WRITE_SESSION);
    if (statement) {
        sqlite3_bind_int64(statement, 1, first_epoch);
        store_db_step(db, statement);
    }
}

// Binds what all moves begin with.
static sqlite3_stmt *begin_move(struct store_db *db, int index, const struct store_change *change)
{
    sqlite3_stmt *statement = store_db_statement(db, index);
    if (statement) {
        sqlite3_bind_int64(statement, 1, change->id);
        sqlite3_bind_int(statement, 2, (int)change->from);
        sqlite3_bind_int(statement, 3, (int)change->to);
    }
    return statement;
}

static void bind_run(sqlite3_stmt *statement, int index, const struct store_change *change)
{
    store_bind_text(statement, index, change->run_state);
    sqlite3_bind_int64(statement, index + 1, change->seq);
}

static bool apply_result(struct store_db *db, const struct store_change *change)
{
    sqlite3_stmt *statement = begin_move(db, WRITE_RESULT, change);
    if (!statement) {
        return false;
    }
    store_bind_text(statement, 4, change->execution_id[0] ? change->execution_id : NULL);
    sqlite3_bind_int64(statement, 5, change->http_status);
    store_bind_text(statement, 6, change->error_type);
    store_bind_text(statement, 7, change->error_message);
    store_bind_text(statement, 8, change->answer);
    sqlite3_bind_int64(statement, 9, change->done_ms);
    bind_run(statement, 10, change);
    sqlite3_bind_int(statement, 12, (int)change->outcome);
    if (change->ended_ms != 0) {
        sqlite3_bind_int64(statement, 13, change->ended_ms);
    }
    sqlite3_bind_int64(statement, 14, change->server_ms);
    sqlite3_bind_int64(statement, 15, change->check_seq);
    return store_db_step(db, statement) == 1;
}

static bool apply_run(struct store_db *db, const struct store_change *change)
{
    sqlite3_stmt *statement = begin_move(db, WRITE_RUN, change);
    if (!statement) {
        return false;
    }
    bind_run(statement, 4, change);
    store_bind_text(statement, 6, change->summary);
    sqlite3_bind_int64(statement, 7, (int64_t)change->entry_digest);
    sqlite3_bind_int(statement, 8, (int)change->outcome);
    if (change->ended_ms != 0) {
        sqlite3_bind_int64(statement, 9, change->ended_ms);
    }
    sqlite3_bind_int64(statement, 10, change->check_seq);
    return store_db_step(db, statement) == 1;
}

static bool apply_move(struct store_db *db, const struct store_change *change)
{
    if (change->fields & STORE_SET_RESULT) {
        return apply_result(db, change);
    }
    if (change->fields & STORE_SET_RUN) {
        return apply_run(db, change);
    }
    int index = change->fields & STORE_SET_SENT     ? WRITE_SENT
                : change->fields & STORE_SET_PENDED ? WRITE_PENDED
                                                    : WRITE_MOVE;
    sqlite3_stmt *statement = begin_move(db, index, change);
    if (!statement) {
        return false;
    }
    if (index == WRITE_SENT) {
        sqlite3_bind_int64(statement, 4, change->sent_ms);
        sqlite3_bind_int64(statement, 5, change->server_ms);
        sqlite3_bind_int(statement, 6, change->marked);
    } else if (index == WRITE_PENDED) {
        bind_run(statement, 4, change);
    }
    return store_db_step(db, statement) == 1;
}

static void add_message(struct store_db *db, struct store_change *change, struct store_message *message)
{
    sqlite3_stmt *statement = store_db_statement(db, WRITE_OUTBOX_ADD);
    if (!statement) {
        return;
    }
    sqlite3_bind_text64(statement, 1, message->topic.at, message->topic.len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_blob64(statement, 2, message->payload.len > 0 ? message->payload.at : "", message->payload.len,
                        SQLITE_STATIC);
    store_bind_span(statement, 3, message->correlation);
    sqlite3_bind_int(statement, 4, message->retain);
    if (message->progress_of != 0) {
        sqlite3_bind_int64(statement, 5, message->progress_of);
    }
    change->outbox_growth += store_db_step(db, statement);
    message->id = change->last_message = sqlite3_last_insert_rowid(db->handle);
}

// One that was published twice, before and after a reconnect, is also removed twice: only rows count.
static void remove_messages(struct store_db *db, struct store_change *change)
{
    for (size_t i = 0; i < change->remove_count; i++) {
        sqlite3_stmt *statement = store_db_statement(db, WRITE_OUTBOX_REMOVE);
        if (statement) {
            sqlite3_bind_int64(statement, 1, change->remove[i]);
            change->outbox_growth -= store_db_step(db, statement);
        }
    }
}

// Only what was not yet handed to the broker may be replaced: what is above supersede_above.
static void supersede_messages(struct store_db *db, struct store_change *change)
{
    sqlite3_stmt *statement = change->supersede_of != 0 ? store_db_statement(db, WRITE_OUTBOX_SUPERSEDE) : NULL;
    if (statement) {
        sqlite3_bind_int64(statement, 1, change->supersede_of);
        sqlite3_bind_int64(statement, 2, change->supersede_above);
        change->outbox_growth -= store_db_step(db, statement);
    }
}

// A retained status on a topic of its own would stay for ever: an empty retained message removes it.
static void clear_retained(struct store_db *db, struct store_change *change, sqlite3_stmt *row)
{
    struct store_command command = {.topics = (char *)sqlite3_column_text(row, 1)};
    const char *execution_id = (const char *)sqlite3_column_text(row, 2);
    struct span topic = store_command_topic(&command, STORE_TOPIC_STATUS);
    const char *mark = topic.len > 0 ? memchr(topic.at, ROUTE_EXECUTION_MARK, topic.len) : NULL;
    if (!mark || !execution_id) {
        return;
    }
    struct bytes full;
    bytes_init(&full, TOPIC_MAX_BYTES + COMMAND_ID_BYTES);
    route_put_ids(topic, span_of((const char *)sqlite3_column_text(row, 3)), span_of(execution_id), &full);
    struct store_message *message =
        bytes_ok(&full) ? store_message_new(bytes_span(&full), SPAN_NONE, true, SPAN_NONE, 0) : NULL;
    if (message) {
        add_message(db, change, message);
    }
    free(message);
    bytes_free(&full);
}

// Looks at a bounded number of rows, so that pruning never holds the intake up, however many cannot go. What came
// after the time ended after it, too: with the first of these the end is reached.
static void prune(struct store_db *db, struct store_change *change, int64_t next_id)
{
    int64_t ids[STORE_PRUNE_SCAN_MAX];
    size_t count = 0;
    int rows = 0;
    bool young = false;
    sqlite3_stmt *list = store_db_statement(db, WRITE_PRUNE_LIST);
    if (!list) {
        return;
    }
    sqlite3_bind_int64(list, 1, change->prune_after_id);
    sqlite3_bind_int64(list, 2, change->prune_before_ms);
    sqlite3_bind_int(list, 3, STORE_PRUNE_SCAN_MAX);
    while (rows < STORE_PRUNE_SCAN_MAX && !young && sqlite3_step(list) == SQLITE_ROW) {
        rows++;
        change->pruned_up_to = sqlite3_column_int64(list, 0);
        young = sqlite3_column_int64(list, 5) >= change->prune_before_ms;
        if (sqlite3_column_int(list, 4)) {
            clear_retained(db, change, list);
            ids[count++] = change->pruned_up_to;
        }
    }
    sqlite3_reset(list);
    for (size_t i = 0; i < count; i++) {
        run_with(db, WRITE_PRUNE, ids[i]);
    }
    if (count > 0) {
        run_with(db, WRITE_KEEP_NEXT_ID, next_id); // ids are in the tags that runs are found by: never used again
    }
    if (rows < STORE_PRUNE_SCAN_MAX || young) {
        change->pruned_up_to = 0;
        remove_dead(db, WRITE_DEAD_PRUNE, change->prune_before_ms);
    }
}

static void add_deadletter(struct store_db *db, const struct store_change *change)
{
    sqlite3_stmt *statement = store_db_statement(db, WRITE_DEAD_ADD);
    if (!statement) {
        return;
    }
    sqlite3_bind_int64(statement, 1, change->done_ms);
    sqlite3_bind_text64(statement, 2, change->dead_topic.at, change->dead_topic.len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_blob64(statement, 3, change->dead_payload.len > 0 ? change->dead_payload.at : "",
                        change->dead_payload.len, SQLITE_STATIC);
    store_bind_text(statement, 4, change->dead_reason);
    store_db_step(db, statement);
    statement = store_db_statement(db, WRITE_DEAD_TRIM);
    if (statement) {
        sqlite3_bind_int64(statement, 1, db->max_dead);
        store_db_step(db, statement);
    }
}

static void keep_note(struct store_db *db, const struct store_change *change)
{
    sqlite3_stmt *statement = store_db_statement(db, WRITE_NOTE);
    if (statement) {
        store_bind_text(statement, 1, change->note_key);
        store_bind_text(statement, 2, change->note);
        store_db_step(db, statement);
    }
}

void store_apply_change(struct store_db *db, struct store_change *change, int64_t next_id)
{
    change->applied = true;
    change->outbox_growth = change->last_message = 0;
    if (change->insert) {
        sqlite3_stmt *statement = store_db_statement(db, WRITE_INSERT);
        if (statement) {
            store_row_bind(statement, change->insert, next_id);
            change->applied = store_db_step(db, statement) == 1;
            change->new_id = next_id;
        }
    } else if (change->id != 0) {
        change->applied = apply_move(db, change);
    } else if (change->dead_remove != 0) {
        change->applied = remove_dead(db, WRITE_DEAD_REMOVE, change->dead_remove) == 1;
    }
    remove_messages(db, change);
    if (!change->applied) {
        return;
    }
    supersede_messages(db, change);
    for (struct store_message *message = change->messages; message; message = message->next) {
        add_message(db, change, message);
    }
    if (change->dead_topic.len > 0) {
        add_deadletter(db, change);
    }
    if (change->note_key) {
        keep_note(db, change);
    }
    if (change->prune_before_ms != 0) {
        prune(db, change, next_id);
    }
}
