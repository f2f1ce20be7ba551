// SPDX-License-Identifier: Apache-2.0
// What the files of the store share: the connection, its prepared statements, the row's columns. Nobody else includes
// this, and nobody else includes SQLite.
#ifndef IO_STORE_INTERNAL_H
#define IO_STORE_INTERNAL_H

#include "io/store.h"
#include <sqlite3.h>

#define STORE_SCHEMA_VERSION 1
#define STORE_BUSY_MS        5000 // for the short writes of `jobbridge queue` beside us
#define STORE_CACHE_KIB      1024
#define STORE_STATEMENTS_MAX 40

#define STORE_CHECK_MAX_BYTES (64 << 20) // a larger journal is not read through at the start

struct store_db {
    sqlite3 *handle;
    sqlite3_stmt *statements[STORE_STATEMENTS_MAX];
    const char *const *texts; // the statements' SQL, prepared at first use
    int rc;                   // sticky: the first error since the transaction began
    char instance[STORE_INSTANCE_BYTES];
    int64_t max_dead; // the writer's
};

struct store_reader {
    struct store_db db;
    bool must; // a reading that fails ends the process
};

// store_schema.c
enum status store_db_open(struct store_db *db, const char *path, bool writer, char **why);
void store_db_close(struct store_db *db);
enum status store_db_migrate(struct store_db *db, char **why);
enum status store_db_read_instance(struct store_db *db, char **why);
int store_db_exec(struct store_db *db, const char *sql);          // an SQLite result code
sqlite3_stmt *store_db_statement(struct store_db *db, int index); // reset and unbound; NULL: db->rc is set
// Steps a statement that gives no rows; the number of changed rows. Constraint violations are logged and count as none.
int store_db_step(struct store_db *db, sqlite3_stmt *statement);
void store_bind_text(sqlite3_stmt *statement, int index, const char *text); // NULL binds NULL; borrowed
void store_bind_span(sqlite3_stmt *statement, int index, struct span text); // empty binds NULL; borrowed
bool store_result_corrupt(int rc);

// store_file.c
// Makes the journal where there is none, whole or not at all; else looks for damage that SQLite would not mention, and
// syncs what the process before may have left unsynced.
// power: every commit of those who wrote it was synced. STATUS_INVALID: damaged. *why: malloc'ed, in every failure.
enum status store_file_prepare(const char *path, bool power, char **why);
enum status store_file_check(struct store_db *db, const char *path, char **why); // reads it through; leaves it open
// store_write.c: inside a transaction, on the writer's thread
struct store_intake_limits {
    int64_t forget_before_ms; // a final command that ended before it does not hold its requestId any more
    int64_t session_epoch;    // a redelivered message was first delivered in this epoch or later
    bool redelivered;
    bool full; // no new command
};
int store_apply_begin(struct store_db *db); // SQLite result codes
int store_apply_commit(struct store_db *db);
enum store_intake_result store_apply_intake(struct store_db *db, struct store_command *command,
                                            const struct store_intake_limits *limits, int64_t next_id,
                                            struct store_command *existing);
void store_apply_session(struct store_db *db, int64_t first_epoch);
void store_apply_change(struct store_db *db, struct store_change *change, int64_t next_id);
extern const char *const store_write_texts[];

// store_row.c
#define STORE_COLUMNS                                                                                                  \
    "id, state, action, flags, job, application_id, resource_job_id, request_id, scope, digest, topics, correlation, " \
    "context, body, query, of_request, execution_id, arrived_ms, expires_ms, sent_ms, server_ms, attempts, done_ms, "  \
    "http_status, error_type, error_message, answer, run_state, summary, seq, entry_digest, outcome, ended_ms, "       \
    "packet_id, epoch"
enum store_flags { STORE_FLAG_FOLLOW = 1, STORE_FLAG_PENDED = 2, STORE_FLAG_FOREIGN = 4, STORE_FLAG_MARKED = 8 };
// STATUS_NO_MEMORY leaves nothing to free.
enum status store_row_read(sqlite3_stmt *statement, struct store_command *command);
void store_row_bind(sqlite3_stmt *statement, const struct store_command *command, int64_t id);

#endif
