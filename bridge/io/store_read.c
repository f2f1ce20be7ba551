// SPDX-License-Identifier: Apache-2.0
// Reading the journal beside the writer: a connection that cannot write, and one prepared statement a question.
// Must never keep a statement open between calls, or the WAL could not be checkpointed. One reader, one thread.
#include "base/log.h"
#include "io/store_internal.h"
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define READ_SCAN_MAX "10000" // newest rows that a question without an index looks at

enum read_statement {
    READ_LOAD,
    READ_LIST,
    READ_LIST_OTHERS,
    READ_NEXT_JOB,
    READ_COUNT,
    READ_COUNT_ALL,
    READ_EXPIRED,
    READ_UNANSWERED,
    READ_FIRST_OPEN,
    READ_EXECUTION,
    READ_REQUEST,
    READ_LAST_FINISHED,
    READ_NEWEST_SERVER,
    READ_MESSAGES,
    READ_COUNT_SOME,
    READ_OPEN_OLDEST,
    READ_OPEN_NEWEST,
    READ_ENDED,
    READ_DEADLETTERS,
    READ_TARGETS,
    READ_COUNT_TARGET,
    READ_NOTE,
    READ_BEGIN,
    READ_END,
};

static const char *const texts[] = {
    [READ_BEGIN] = "BEGIN",
    [READ_END] = "COMMIT",
    [READ_LOAD] = "SELECT " STORE_COLUMNS " FROM commands WHERE id = ?",
    [READ_LIST] = "SELECT id, action, expires_ms FROM commands WHERE state < 6 AND state = ? AND job = ? AND id > ?"
                  " ORDER BY id LIMIT ?",
    [READ_LIST_OTHERS] = "SELECT id, action, expires_ms FROM commands WHERE state = 1 AND action <> 0 AND job = ?"
                         " ORDER BY id LIMIT ?",
    [READ_NEXT_JOB] = "SELECT job FROM commands WHERE state < 6 AND state = ? AND job > ? ORDER BY job LIMIT 1",
    [READ_COUNT] = "SELECT count(*) FROM commands WHERE state < 6 AND state = ? AND job = ?",
    [READ_COUNT_ALL] = "SELECT count(*) FROM commands WHERE state < 6 AND state = ?",
    [READ_EXPIRED] = "SELECT id, action, expires_ms FROM commands WHERE state = 1 AND expires_ms <= ?"
                     " ORDER BY expires_ms LIMIT ?",
    [READ_UNANSWERED] = "SELECT id, state < 5 AND action = 0 AND flags & 2 = 0 FROM commands"
                        " WHERE id > ? AND arrived_ms < ? ORDER BY id LIMIT ?",
    [READ_FIRST_OPEN] = "SELECT min(id) FROM commands WHERE state < 6",
    [READ_EXECUTION] = "SELECT " STORE_COLUMNS " FROM commands WHERE execution_id IS NOT NULL AND action = 0"
                       " AND execution_id = ? AND resource_job_id = ?",
    [READ_REQUEST] = "SELECT " STORE_COLUMNS " FROM commands WHERE scope = ? AND request_id = ?"
                     " AND request_id IS NOT NULL",
    [READ_LAST_FINISHED] = "SELECT " STORE_COLUMNS " FROM (SELECT * FROM commands ORDER BY id DESC LIMIT " READ_SCAN_MAX
                           ") WHERE job = ? AND state = 11 ORDER BY ended_ms DESC, id DESC LIMIT 1",
    [READ_NEWEST_SERVER] = "SELECT max(server_ms) FROM (SELECT * FROM commands ORDER BY id DESC LIMIT " READ_SCAN_MAX
                           ") WHERE job = ? AND action = 0",
    [READ_MESSAGES] =
        "SELECT id, topic, payload, correlation, retain, coalesce(progress_of, 0) FROM outbox WHERE id > ?"
        " ORDER BY id LIMIT ?",
    [READ_COUNT_SOME] = "SELECT count(*) FROM (SELECT 1 FROM commands WHERE state < 6 AND state = ? AND job = ?"
                        " LIMIT ?)",
    [READ_OPEN_OLDEST] = "SELECT id, action, expires_ms FROM commands WHERE id IN (SELECT id FROM commands"
                         " WHERE state < 6 AND state = ? LIMIT " READ_SCAN_MAX ") ORDER BY id LIMIT ?",
    [READ_OPEN_NEWEST] = "SELECT id, action, expires_ms FROM commands WHERE id IN (SELECT id FROM commands"
                         " WHERE state < 6 AND state = ? LIMIT " READ_SCAN_MAX ") ORDER BY id DESC LIMIT ?",
    [READ_ENDED] = "SELECT id, action, expires_ms FROM commands WHERE id > (SELECT max(id) FROM commands) - ?"
                   " AND state > 5 AND action = 0 ORDER BY id DESC LIMIT ?",
    [READ_DEADLETTERS] = "SELECT id, at_ms, topic, substr(payload, 1, ?), reason FROM deadletters ORDER BY id DESC"
                         " LIMIT ?",
    [READ_TARGETS] = "SELECT min(id), action, expires_ms FROM commands WHERE state < 6 AND state = ? AND job = ?"
                     " GROUP BY application_id, resource_job_id LIMIT ?",
    [READ_COUNT_TARGET] = "SELECT count(*) FROM commands WHERE state < 6 AND state = ? AND job = ?"
                          " AND resource_job_id = ?",
    [READ_NOTE] = "SELECT value FROM meta WHERE key = 'note ' || ?",
};

enum status store_reader_open(const char *path, struct store_reader **out, char **why)
{
    *out = NULL;
    *why = NULL;
    struct store_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        return STATUS_NO_MEMORY;
    }
    reader->db.texts = texts;
    enum status rc = store_db_open(&reader->db, path, false, why);
    rc = rc != STATUS_OK ? rc : store_db_read_instance(&reader->db, why);
    if (rc != STATUS_OK) {
        free(reader);
        return rc;
    }
    *out = reader;
    return STATUS_OK;
}

void store_reader_close(struct store_reader *reader)
{
    if (reader) {
        store_db_close(&reader->db);
        free(reader);
    }
}

void store_reader_begin(struct store_reader *reader)
{
    sqlite3_stmt *statement = store_db_statement(&reader->db, READ_BEGIN);
    if (statement) {
        sqlite3_step(statement); // where it fails each reading is a transaction of its own
        sqlite3_reset(statement);
    }
}

void store_reader_end(struct store_reader *reader)
{
    sqlite3_stmt *statement =
        sqlite3_get_autocommit(reader->db.handle) ? NULL : store_db_statement(&reader->db, READ_END);
    if (statement) {
        sqlite3_step(statement);
        sqlite3_reset(statement);
    }
}

const char *store_reader_instance(const struct store_reader *reader)
{
    return reader->db.instance;
}

void store_reader_must(struct store_reader *reader)
{
    reader->must = true;
}

static void fail(struct store_reader *reader, int rc)
{
    reader->db.rc = rc;
    LOG_ERROR("journal cannot be read", LOG_TEXT("why", sqlite3_errstr(rc)), LOG_INT("code", rc));
    if (reader->must) {
        LOG_ERROR("ending; what was acknowledged is in the journal, and a restart continues");
        log_flush();
        _exit((rc & 0xff) == SQLITE_NOMEM ? EX_OSERR : EX_IOERR);
    }
}

static sqlite3_stmt *begin(struct store_reader *reader, enum read_statement index)
{
    sqlite3_stmt *statement = store_db_statement(&reader->db, (int)index);
    if (!statement) {
        fail(reader, reader->db.rc);
    }
    return statement;
}

// True while there are rows; a failure is logged and ends the reading.
static bool step(struct store_reader *reader, sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        fail(reader, rc);
    }
    return rc == SQLITE_ROW;
}

static enum status read_one(struct store_reader *reader, sqlite3_stmt *statement, struct store_command *command)
{
    *command = (struct store_command){0};
    if (!statement) {
        return STATUS_IO;
    }
    reader->db.rc = SQLITE_OK;
    enum status rc = STATUS_NOT_FOUND;
    if (step(reader, statement)) {
        rc = store_row_read(statement, command);
        if (rc == STATUS_NO_MEMORY) {
            fail(reader, SQLITE_NOMEM);
        }
    } else if (reader->db.rc != SQLITE_OK) {
        rc = STATUS_IO;
    }
    sqlite3_reset(statement);
    return rc;
}

static int64_t read_int(struct store_reader *reader, sqlite3_stmt *statement)
{
    int64_t number = 0;
    if (statement && step(reader, statement)) {
        number = sqlite3_column_int64(statement, 0);
    }
    sqlite3_reset(statement);
    return number;
}

static size_t read_refs(struct store_reader *reader, sqlite3_stmt *statement, struct store_ref *refs, size_t max)
{
    size_t count = 0;
    while (count < max && step(reader, statement)) {
        refs[count].id = sqlite3_column_int64(statement, 0);
        refs[count].action = (enum action)sqlite3_column_int(statement, 1);
        refs[count].expires_ms = sqlite3_column_int64(statement, 2);
        count++;
    }
    sqlite3_reset(statement);
    return count;
}

enum status store_load(struct store_reader *reader, int64_t id, struct store_command *command)
{
    sqlite3_stmt *statement = begin(reader, READ_LOAD);
    if (statement) {
        sqlite3_bind_int64(statement, 1, id);
    }
    return read_one(reader, statement, command);
}

size_t store_list(struct store_reader *reader, enum command_state state, const char *job, int64_t after,
                  struct store_ref *refs, size_t max)
{
    sqlite3_stmt *statement = begin(reader, READ_LIST);
    if (!statement) {
        return 0;
    }
    sqlite3_bind_int(statement, 1, (int)state);
    store_bind_text(statement, 2, job);
    sqlite3_bind_int64(statement, 3, after);
    sqlite3_bind_int64(statement, 4, (int64_t)max);
    return read_refs(reader, statement, refs, max);
}

size_t store_list_others(struct store_reader *reader, const char *job, struct store_ref *refs, size_t max)
{
    sqlite3_stmt *statement = begin(reader, READ_LIST_OTHERS);
    if (!statement) {
        return 0;
    }
    store_bind_text(statement, 1, job);
    sqlite3_bind_int64(statement, 2, (int64_t)max);
    return read_refs(reader, statement, refs, max);
}

char *store_next_job(struct store_reader *reader, enum command_state state, const char *after)
{
    sqlite3_stmt *statement = begin(reader, READ_NEXT_JOB);
    if (!statement) {
        return NULL;
    }
    sqlite3_bind_int(statement, 1, (int)state);
    store_bind_text(statement, 2, after);
    char *job = NULL;
    if (step(reader, statement)) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        job = text ? strdup(text) : NULL;
        if (!job) {
            fail(reader, SQLITE_NOMEM);
        }
    }
    sqlite3_reset(statement);
    return job;
}

size_t store_list_targets(struct store_reader *reader, enum command_state state, const char *job,
                          struct store_ref *refs, size_t max)
{
    sqlite3_stmt *statement = begin(reader, READ_TARGETS);
    if (!statement) {
        return 0;
    }
    sqlite3_bind_int(statement, 1, (int)state);
    store_bind_text(statement, 2, job);
    sqlite3_bind_int64(statement, 3, (int64_t)max);
    return read_refs(reader, statement, refs, max);
}

int64_t store_count_target(struct store_reader *reader, enum command_state state, const char *job,
                           const char *resource_job_id)
{
    sqlite3_stmt *statement = begin(reader, READ_COUNT_TARGET);
    if (statement) {
        sqlite3_bind_int(statement, 1, (int)state);
        store_bind_text(statement, 2, job);
        store_bind_text(statement, 3, resource_job_id);
    }
    return read_int(reader, statement);
}

char *store_note(struct store_reader *reader, const char *key)
{
    sqlite3_stmt *statement = begin(reader, READ_NOTE);
    if (!statement) {
        return NULL;
    }
    store_bind_text(statement, 1, key);
    char *note = NULL;
    if (step(reader, statement)) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        note = text ? strdup(text) : NULL;
        if (!note) {
            fail(reader, SQLITE_NOMEM);
        }
    }
    sqlite3_reset(statement);
    return note;
}

int64_t store_count(struct store_reader *reader, enum command_state state, const char *job)
{
    sqlite3_stmt *statement = begin(reader, job ? READ_COUNT : READ_COUNT_ALL);
    if (statement) {
        sqlite3_bind_int(statement, 1, (int)state);
        if (job) {
            store_bind_text(statement, 2, job);
        }
    }
    return read_int(reader, statement);
}

size_t store_list_expired(struct store_reader *reader, int64_t wall_ms, struct store_ref *refs, size_t max)
{
    sqlite3_stmt *statement = begin(reader, READ_EXPIRED);
    if (!statement) {
        return 0;
    }
    sqlite3_bind_int64(statement, 1, wall_ms);
    sqlite3_bind_int64(statement, 2, (int64_t)max);
    return read_refs(reader, statement, refs, max);
}

size_t store_list_unanswered(struct store_reader *reader, int64_t after, int64_t arrived_before_ms, int64_t *last,
                             int64_t *ids, size_t max, size_t *scanned)
{
    size_t count = 0;
    *last = after;
    *scanned = 0;
    sqlite3_stmt *statement = begin(reader, READ_UNANSWERED);
    if (!statement) {
        return 0;
    }
    sqlite3_bind_int64(statement, 1, after);
    sqlite3_bind_int64(statement, 2, arrived_before_ms);
    sqlite3_bind_int64(statement, 3, (int64_t)max);
    while (step(reader, statement)) {
        *last = sqlite3_column_int64(statement, 0);
        (*scanned)++;
        if (sqlite3_column_int(statement, 1)) {
            ids[count++] = *last;
        }
    }
    sqlite3_reset(statement);
    return count;
}

int64_t store_count_some(struct store_reader *reader, enum command_state state, const char *job, int64_t max)
{
    sqlite3_stmt *statement = store_db_statement(&reader->db, READ_COUNT_SOME);
    if (statement) {
        sqlite3_bind_int(statement, 1, (int)state);
        store_bind_text(statement, 2, job);
        sqlite3_bind_int64(statement, 3, max);
    }
    return read_int(reader, statement);
}

size_t store_list_open(struct store_reader *reader, enum command_state state, bool newest, struct store_ref *refs,
                       size_t max)
{
    sqlite3_stmt *statement = store_db_statement(&reader->db, newest ? READ_OPEN_NEWEST : READ_OPEN_OLDEST);
    if (!statement) {
        return 0;
    }
    sqlite3_bind_int(statement, 1, (int)state);
    sqlite3_bind_int64(statement, 2, (int64_t)max);
    return read_refs(reader, statement, refs, max);
}

size_t store_list_ended(struct store_reader *reader, struct store_ref *refs, size_t max)
{
    sqlite3_stmt *statement = store_db_statement(&reader->db, READ_ENDED);
    if (!statement) {
        return 0;
    }
    sqlite3_bind_int(statement, 1, STORE_RECENT_SCAN);
    sqlite3_bind_int64(statement, 2, (int64_t)max);
    return read_refs(reader, statement, refs, max);
}

void store_each_deadletter(struct store_reader *reader, size_t max, size_t payload_max,
                           void (*each)(void *context, const struct store_deadletter *letter), void *context)
{
    sqlite3_stmt *statement = store_db_statement(&reader->db, READ_DEADLETTERS);
    if (!statement) {
        return;
    }
    sqlite3_bind_int64(statement, 1, (int64_t)payload_max);
    sqlite3_bind_int64(statement, 2, (int64_t)max);
    while (step(reader, statement)) {
        struct store_deadletter letter = {
            .id = sqlite3_column_int64(statement, 0),
            .at_ms = sqlite3_column_int64(statement, 1),
            .topic = {sqlite3_column_blob(statement, 2), (size_t)sqlite3_column_bytes(statement, 2)},
            .payload = {sqlite3_column_blob(statement, 3), (size_t)sqlite3_column_bytes(statement, 3)},
            .reason = (const char *)sqlite3_column_text(statement, 4)};
        each(context, &letter);
    }
    sqlite3_reset(statement);
}

int64_t store_first_open(struct store_reader *reader)
{
    return read_int(reader, begin(reader, READ_FIRST_OPEN));
}

enum status store_find_execution(struct store_reader *reader, const char *resource_job_id, const char *execution_id,
                                 struct store_command *command)
{
    sqlite3_stmt *statement = begin(reader, READ_EXECUTION);
    if (statement) {
        store_bind_text(statement, 1, execution_id);
        store_bind_text(statement, 2, resource_job_id);
    }
    return read_one(reader, statement, command);
}

enum status store_find_request(struct store_reader *reader, const char *scope, const char *request_id,
                               struct store_command *command)
{
    sqlite3_stmt *statement = begin(reader, READ_REQUEST);
    if (statement) {
        store_bind_text(statement, 1, scope);
        store_bind_text(statement, 2, request_id);
    }
    return read_one(reader, statement, command);
}

enum status store_last_finished(struct store_reader *reader, const char *job, struct store_command *command)
{
    sqlite3_stmt *statement = begin(reader, READ_LAST_FINISHED);
    if (statement) {
        store_bind_text(statement, 1, job);
    }
    return read_one(reader, statement, command);
}

int64_t store_newest_server_ms(struct store_reader *reader, const char *job)
{
    sqlite3_stmt *statement = begin(reader, READ_NEWEST_SERVER);
    if (statement) {
        store_bind_text(statement, 1, job);
    }
    return read_int(reader, statement);
}

static struct store_message *read_message(sqlite3_stmt *statement)
{
    struct span topic = {(const char *)sqlite3_column_text(statement, 1), (size_t)sqlite3_column_bytes(statement, 1)};
    struct span payload = {sqlite3_column_blob(statement, 2), (size_t)sqlite3_column_bytes(statement, 2)};
    struct span correlation = {sqlite3_column_blob(statement, 3), (size_t)sqlite3_column_bytes(statement, 3)};
    struct store_message *message = store_message_new(topic, payload, sqlite3_column_int(statement, 4), correlation,
                                                      sqlite3_column_int64(statement, 5));
    if (message) {
        message->id = sqlite3_column_int64(statement, 0);
    }
    return message;
}

struct store_message *store_next_messages(struct store_reader *reader, int64_t after, size_t max)
{
    struct store_message *first = NULL;
    struct store_message **last = &first;
    sqlite3_stmt *statement = begin(reader, READ_MESSAGES);
    if (!statement) {
        return NULL;
    }
    sqlite3_bind_int64(statement, 1, after);
    sqlite3_bind_int64(statement, 2, (int64_t)max);
    while (step(reader, statement)) {
        *last = read_message(statement);
        if (!*last) {
            fail(reader, SQLITE_NOMEM);
            break;
        }
        last = &(*last)->next;
    }
    sqlite3_reset(statement);
    return first;
}
