// SPDX-License-Identifier: Apache-2.0
// What people ask the journal: lists by job, state and time, dead letters, what waits to be published. Each question is
// prepared when it is asked and forgotten afterwards; it may look at every row, so the loop must never ask here.
// The reader's thread.
#include "base/log.h"
#include "io/store_internal.h"
#include <string.h>

static sqlite3_stmt *prepare(struct store_reader *reader, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(reader->db.handle, sql, -1, &statement, NULL) != SQLITE_OK) {
        LOG_ERROR("journal statement refused", LOG_TEXT("why", sqlite3_errmsg(reader->db.handle)));
    }
    return statement;
}

static enum status finish(struct store_reader *reader, sqlite3_stmt *statement, int rc)
{
    if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
        LOG_ERROR("journal cannot be read", LOG_TEXT("why", sqlite3_errmsg(reader->db.handle)));
    }
    sqlite3_finalize(statement);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? STATUS_OK : STATUS_IO;
}

static void bind_times(sqlite3_stmt *statement, int index, int64_t since_ms, int64_t until_ms, size_t max)
{
    sqlite3_bind_int64(statement, index, since_ms);
    sqlite3_bind_int64(statement, index + 1, until_ms != 0 ? until_ms : INT64_MAX);
    sqlite3_bind_int64(statement, index + 2, (int64_t)max);
}

enum status store_query(struct store_reader *reader, const struct store_filter *filter,
                        void (*each)(void *context, const struct store_command *command), void *context)
{
    // Open commands are few among many: found through their own index.
    static const char *const texts[] = {
        "SELECT " STORE_COLUMNS " FROM commands WHERE (?1 IS NULL OR job = ?1) AND (?2 IS NULL OR request_id = ?2)"
        " AND (?3 = 0 OR state = ?3) AND arrived_ms >= ?4 AND arrived_ms < ?5 ORDER BY id DESC LIMIT ?6",
        "SELECT " STORE_COLUMNS " FROM commands INDEXED BY commands_open WHERE state < 6 AND (?1 IS NULL OR job = ?1)"
        " AND (?2 IS NULL OR request_id = ?2) AND (?3 = 0 OR state = ?3) AND arrived_ms >= ?4 AND arrived_ms < ?5"
        " ORDER BY id DESC LIMIT ?6"};
    bool open = filter->open || (!filter->any_state && filter->state < COMMAND_DONE);
    sqlite3_stmt *statement = prepare(reader, texts[open]);
    if (!statement) {
        return STATUS_IO;
    }
    store_bind_text(statement, 1, filter->job);
    store_bind_text(statement, 2, filter->request_id);
    sqlite3_bind_int(statement, 3, filter->any_state ? 0 : (int)filter->state);
    bind_times(statement, 4, filter->since_ms, filter->until_ms, filter->max);
    int rc = SQLITE_OK;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_command command;
        if (store_row_read(statement, &command) != STATUS_OK) {
            rc = SQLITE_NOMEM;
            break;
        }
        each(context, &command);
        store_command_free(&command);
    }
    return finish(reader, statement, rc);
}

enum status store_query_dead(struct store_reader *reader, int64_t id, int64_t since_ms, int64_t until_ms, size_t max,
                             void (*each)(void *context, const struct store_deadletter *letter), void *context)
{
    sqlite3_stmt *statement =
        prepare(reader, "SELECT id, at_ms, reason, topic, payload FROM deadletters WHERE (?1 = 0 OR id = ?1)"
                        " AND at_ms >= ?2 AND at_ms < ?3 ORDER BY id DESC LIMIT ?4");
    if (!statement) {
        return STATUS_IO;
    }
    sqlite3_bind_int64(statement, 1, id);
    bind_times(statement, 2, since_ms, until_ms, max);
    int rc = SQLITE_OK;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_deadletter letter = {
            .id = sqlite3_column_int64(statement, 0),
            .at_ms = sqlite3_column_int64(statement, 1),
            .reason = (const char *)sqlite3_column_text(statement, 2),
            .topic = {(const char *)sqlite3_column_text(statement, 3), (size_t)sqlite3_column_bytes(statement, 3)},
            .payload = {sqlite3_column_blob(statement, 4), (size_t)sqlite3_column_bytes(statement, 4)}};
        each(context, &letter);
    }
    return finish(reader, statement, rc);
}

enum status store_query_messages(struct store_reader *reader, const char *topic,
                                 void (*each)(void *context, const struct store_message *message), void *context)
{
    sqlite3_stmt *statement = prepare(reader, "SELECT id, payload, retain FROM outbox WHERE topic = ?1 ORDER BY id");
    if (!statement) {
        return STATUS_IO;
    }
    store_bind_text(statement, 1, topic);
    int rc = SQLITE_OK;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_message message = {
            .id = sqlite3_column_int64(statement, 0),
            .topic = span_of(topic),
            .payload = {sqlite3_column_blob(statement, 1), (size_t)sqlite3_column_bytes(statement, 1)},
            .retain = sqlite3_column_int(statement, 2) != 0};
        each(context, &message);
    }
    return finish(reader, statement, rc);
}
