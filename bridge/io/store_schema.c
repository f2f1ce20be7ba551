// SPDX-License-Identifier: Apache-2.0
// The journal's file: its tables, how it is opened and brought up to date, and the few helpers around SQLite that the
// writer and the readers share. Must never lose a file that it cannot read: that is the caller's to set aside.
// Threads: whoever owns the connection.
//
// commands  one row a command, its run included; rows that still need something done have state < 6 (COMMAND_DONE) and
//           are found through commands_open; ids only grow (meta has the next one), so a tag is never used again
// outbox    messages until the broker has acknowledged them, in the order of their ids
#include "base/log.h"
#include "base/random.h"
#include "io/store_internal.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(COMMAND_DONE == 6 && COMMAND_READY == 1 && ACTION_EXECUTE == 0,
               "the partial indexes below are made for these numbers");

static const char *const migrations[STORE_SCHEMA_VERSION] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE commands("
    "  id INTEGER PRIMARY KEY, state INTEGER NOT NULL, action INTEGER NOT NULL, flags INTEGER NOT NULL,"
    "  job TEXT NOT NULL, application_id TEXT NOT NULL, resource_job_id TEXT NOT NULL,"
    "  request_id TEXT, scope TEXT, digest INTEGER NOT NULL, topics TEXT NOT NULL, correlation BLOB,"
    "  context TEXT, body TEXT, query TEXT, of_request TEXT, execution_id TEXT,"
    "  arrived_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, sent_ms INTEGER, server_ms INTEGER,"
    "  attempts INTEGER NOT NULL, done_ms INTEGER, http_status INTEGER, error_type TEXT, error_message TEXT,"
    "  answer TEXT, run_state TEXT, summary TEXT, seq INTEGER NOT NULL, entry_digest INTEGER, outcome INTEGER,"
    "  ended_ms INTEGER, packet_id INTEGER, epoch INTEGER);"
    "CREATE INDEX commands_open ON commands(state, job, id) WHERE state < 6;"
    "CREATE INDEX commands_others ON commands(job, id) WHERE state = 1 AND action <> 0;"
    "CREATE INDEX commands_expiry ON commands(expires_ms) WHERE state = 1;"
    "CREATE UNIQUE INDEX commands_request ON commands(scope, request_id) WHERE request_id IS NOT NULL;"
    "CREATE INDEX commands_execution ON commands(execution_id) WHERE execution_id IS NOT NULL AND action = 0;"
    "CREATE TABLE outbox("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload BLOB NOT NULL, correlation BLOB,"
    "  retain INTEGER NOT NULL,"
    "  progress_of INTEGER);"
    "CREATE INDEX outbox_progress ON outbox(progress_of) WHERE progress_of IS NOT NULL;"
    "CREATE TABLE deadletters("
    "  id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,"
    "  reason TEXT NOT NULL);",
};

bool store_result_corrupt(int rc)
{
    return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

static void set_why(struct store_db *db, char **why, const char *what)
{
    if (asprintf(why, "%s: %s", what, db->handle ? sqlite3_errmsg(db->handle) : "out of memory") < 0) {
        *why = NULL;
    }
}

static enum status fail_open(struct store_db *db, char **why, const char *what, int rc)
{
    set_why(db, why, what);
    store_db_close(db);
    return store_result_corrupt(rc) ? STATUS_INVALID : STATUS_IO;
}

static void configure_sqlite(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); // statistics that nobody reads, with a mutex around each allocation
}

enum status store_db_open(struct store_db *db, const char *path, bool writer, char **why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_sqlite); // before the first connection of the process
    *why = NULL;
    int flags = writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
    // Each connection has one thread, so SQLite's own mutexes would only cost.
    int rc = sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        return fail_open(db, why, "cannot open the journal", rc);
    }
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, STORE_BUSY_MS);
    // SQLite's pool of small blocks is touched as a whole at once; malloc serves the few that are in use just as well.
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
    char cache[64];
    snprintf(cache, sizeof cache, "PRAGMA cache_size = -%d", STORE_CACHE_KIB);
    rc = store_db_exec(db, "PRAGMA journal_mode = WAL");
    rc = rc != SQLITE_OK ? rc : store_db_exec(db, cache);
    rc = rc != SQLITE_OK ? rc : store_db_exec(db, "PRAGMA temp_store = MEMORY");
    rc = rc != SQLITE_OK ? rc : store_db_exec(db, writer ? "PRAGMA foreign_keys = OFF" : "PRAGMA query_only = ON");
    return rc == SQLITE_OK ? STATUS_OK : fail_open(db, why, "cannot read the journal", rc);
}

void store_db_close(struct store_db *db)
{
    for (int i = 0; i < STORE_STATEMENTS_MAX; i++) {
        sqlite3_finalize(db->statements[i]);
        db->statements[i] = NULL;
    }
    sqlite3_close(db->handle);
    db->handle = NULL;
}

int store_db_exec(struct store_db *db, const char *sql)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
}

sqlite3_stmt *store_db_statement(struct store_db *db, int index)
{
    if (!db->statements[index]) {
        int rc = sqlite3_prepare_v3(db->handle, db->texts[index], -1, SQLITE_PREPARE_PERSISTENT, &db->statements[index],
                                    NULL);
        if (rc != SQLITE_OK) {
            LOG_ERROR("journal statement refused", LOG_TEXT("why", sqlite3_errmsg(db->handle)),
                      LOG_TEXT("sql", db->texts[index]));
            db->rc = db->rc == SQLITE_OK ? rc : db->rc;
            return NULL;
        }
    }
    sqlite3_reset(db->statements[index]);
    sqlite3_clear_bindings(db->statements[index]);
    return db->statements[index];
}

int store_db_step(struct store_db *db, sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    int changes = rc == SQLITE_DONE ? sqlite3_changes(db->handle) : 0;
    if ((rc & 0xff) == SQLITE_CONSTRAINT) {
        // Trying the same transaction again would never end; the row is left out and the rest goes on.
        LOG_ERROR("journal refused a row", LOG_TEXT("why", sqlite3_errmsg(db->handle)));
    } else if (rc != SQLITE_DONE && rc != SQLITE_ROW && db->rc == SQLITE_OK) {
        db->rc = rc;
    }
    sqlite3_reset(statement);
    return changes;
}

void store_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    if (text) {
        sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
    }
}

void store_bind_span(sqlite3_stmt *statement, int index, struct span text)
{
    if (text.len > 0) {
        sqlite3_bind_blob64(statement, index, text.at, text.len, SQLITE_STATIC);
    }
}

static int read_version(struct store_db *db, int *version)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db->handle, "PRAGMA user_version", -1, &statement, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        *version = sqlite3_column_int(statement, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return rc;
}

static int make_instance(struct store_db *db)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    struct random random;
    random_seed_system(&random);
    char name[STORE_INSTANCE_BYTES] = "";
    for (int i = 0; i < 10; i++) {
        name[i] = digits[random_below(&random, sizeof digits - 1)];
    }
    char sql[128];
    snprintf(sql, sizeof sql, "INSERT INTO meta(key, value) VALUES('instance', '%s')", name);
    return store_db_exec(db, sql);
}

static int run_migration(struct store_db *db, int from)
{
    char version[64];
    snprintf(version, sizeof version, "PRAGMA user_version = %d", from + 1);
    int rc = store_db_exec(db, "BEGIN IMMEDIATE");
    rc = rc != SQLITE_OK ? rc : store_db_exec(db, migrations[from]);
    rc = rc != SQLITE_OK || from > 0 ? rc : make_instance(db);
    rc = rc != SQLITE_OK ? rc : store_db_exec(db, version);
    rc = rc != SQLITE_OK ? rc : store_db_exec(db, "COMMIT");
    if (rc != SQLITE_OK) {
        store_db_exec(db, "ROLLBACK");
    }
    return rc;
}

// Schema version 0 is that of a file without tables. With them it is a damaged journal, or none of ours.
static enum status check_versionless(struct store_db *db, char **why)
{
    static const char sql[] = "SELECT count(*), count(*) FILTER (WHERE name IN ('meta', 'commands', 'outbox'))"
                              " FROM sqlite_schema";
    sqlite3_stmt *statement = NULL;
    int tables = 0;
    int ours = 0;
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        tables = sqlite3_column_int(statement, 0);
        ours = sqlite3_column_int(statement, 1);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    if (rc != SQLITE_OK) {
        return fail_open(db, why, "cannot read the journal", rc);
    }
    if (tables > 0) {
        store_db_close(db);
        *why =
            strdup(ours > 0 ? "its schema version is damaged" : "the file is a database, but no journal of jobbridge");
        return ours > 0 ? STATUS_INVALID : STATUS_CONFLICT;
    }
    return STATUS_OK;
}

enum status store_db_migrate(struct store_db *db, char **why)
{
    int version = 0;
    int rc = read_version(db, &version);
    enum status versionless = rc == SQLITE_OK && version == 0 ? check_versionless(db, why) : STATUS_OK;
    if (versionless != STATUS_OK) {
        return versionless;
    }
    if (rc == SQLITE_OK && version > STORE_SCHEMA_VERSION) {
        if (asprintf(why, "the journal has schema %d, newer than the %d of this jobbridge: upgrade jobbridge", version,
                     STORE_SCHEMA_VERSION) < 0) {
            *why = NULL;
        }
        store_db_close(db);
        return STATUS_CONFLICT;
    }
    for (; rc == SQLITE_OK && version < STORE_SCHEMA_VERSION; version++) {
        rc = run_migration(db, version);
    }
    return rc == SQLITE_OK ? STATUS_OK : fail_open(db, why, "cannot prepare the journal", rc);
}

enum status store_db_read_instance(struct store_db *db, char **why)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db->handle, "SELECT value FROM meta WHERE key = 'instance'", -1, &statement, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        snprintf(db->instance, sizeof db->instance, "%s", (const char *)sqlite3_column_text(statement, 0));
        rc = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    if (rc == SQLITE_OK && db->instance[0]) {
        return STATUS_OK;
    }
    // It has our schema version: a table or a row of it is gone.
    bool lost = rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ERROR;
    return fail_open(db, why, "the journal has no instance", lost ? SQLITE_CORRUPT : rc);
}

void store_tag(const char *instance, int64_t id, char tag[STORE_TAG_BYTES])
{
    snprintf(tag, STORE_TAG_BYTES, "%s-%" PRId64, instance, id);
}

int64_t store_tag_id(const char *instance, struct span tag)
{
    size_t prefix = strlen(instance);
    if (tag.len <= prefix + 1 || tag.len >= STORE_TAG_BYTES || memcmp(tag.at, instance, prefix) != 0 ||
        tag.at[prefix] != '-') {
        return 0;
    }
    int64_t id = 0;
    for (size_t i = prefix + 1; i < tag.len; i++) {
        if (tag.at[i] < '0' || tag.at[i] > '9' || id > INT64_MAX / 10 - 1) {
            return 0;
        }
        id = id * 10 + (tag.at[i] - '0');
    }
    return id;
}
