// SPDX-License-Identifier: Apache-2.0
// A floor of tests/bench: what SQLite alone needs for a command in a journal: the row, two moves, two messages in and
// out, in group commits. Arguments: folder, commands, commands a commit, "FULL" or "NORMAL". Prints the CPU a command
// and the latencies of a commit as one line of JSON. The statements are the least that a durable bridge can do, not the
// bridge's own. One thread.
#include <err.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char text[] =
    "{\"requestId\":\"bench-1-1\",\"templateContext\":{\"device\":\"d1\",\"number\":1,\"reason\":"
    "\"drift of the second sensor\"}}";
static const char topics[] = "devices/d1/jobs/recalibrate/accepted\ndevices/d1/jobs/recalibrate/rejected\n"
                             "devices/d1/jobs/recalibrate/status\ndevices/d1/jobs/recalibrate/log";

enum statement { INSERT, SENT, RESULT, TELL, TOLD, STATEMENTS };

static const char *const texts[STATEMENTS] = {
    "INSERT INTO commands(id, state, request, topics, context) VALUES(?1, 1, ?2, ?3, ?4)",
    "UPDATE commands SET state = 2 WHERE id = ?1 AND state = 1",
    "UPDATE commands SET state = 6, context = NULL WHERE id = ?1 AND state = 2",
    "INSERT INTO outbox(topic, payload) VALUES(?3, ?4)",
    "DELETE FROM outbox WHERE id = ?1",
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        errx(1, "%s: %s", sql, sqlite3_errmsg(db));
    }
}

static void step(sqlite3 *db, sqlite3_stmt *statement, int64_t id)
{
    char request[32];
    snprintf(request, sizeof request, "bench-%lld", (long long)id);
    sqlite3_bind_int64(statement, 1, id);
    if (sqlite3_bind_parameter_count(statement) > 1) {
        sqlite3_bind_text(statement, 2, request, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(statement, 3, topics, sizeof topics - 1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 4, text, sizeof text - 1, SQLITE_STATIC);
    }
    if (sqlite3_step(statement) != SQLITE_DONE) {
        errx(1, "%s", sqlite3_errmsg(db));
    }
    sqlite3_reset(statement);
}

// One stage of the life of some commands, committed as one.
static int64_t commit(sqlite3 *db, sqlite3_stmt **statements, int stage, int64_t first, long count)
{
    int64_t from_ns = now_ns(CLOCK_MONOTONIC);
    run(db, "BEGIN IMMEDIATE");
    for (int64_t id = first; id < first + count; id++) {
        if (stage < TELL) {
            step(db, statements[stage], id);
        }
        if (stage == RESULT) {
            step(db, statements[TELL], id);
            step(db, statements[TELL], id);
        } else if (stage == TOLD) {
            step(db, statements[TOLD], id * 2 - 1);
            step(db, statements[TOLD], id * 2);
        }
    }
    run(db, "COMMIT");
    return now_ns(CLOCK_MONOTONIC) - from_ns;
}

static sqlite3 *open_journal(const char *folder, const char *synchronous)
{
    char path[4096];
    char pragma[64];
    sqlite3 *db = NULL;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/floor.db%s", folder, suffixes[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/floor.db", folder);
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        errx(1, "cannot open %s", path);
    }
    snprintf(pragma, sizeof pragma, "PRAGMA synchronous = %s", synchronous);
    run(db, "PRAGMA journal_mode = WAL");
    run(db, pragma);
    run(db, "CREATE TABLE commands(id INTEGER PRIMARY KEY, state INTEGER, request TEXT, topics TEXT, context TEXT);"
            "CREATE UNIQUE INDEX by_request ON commands(request);"
            "CREATE INDEX by_state ON commands(state, id) WHERE state < 6;"
            "CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT, payload TEXT);");
    return db;
}

int main(int argc, char **argv)
{
    long count = argc == 5 ? atol(argv[2]) : 0;
    long group = argc == 5 ? atol(argv[3]) : 0;
    if (count <= 0 || group <= 0 || count < group) {
        errx(64, "usage: floor-sqlite FOLDER COMMANDS GROUP FULL|NORMAL");
    }
    sqlite3 *db = open_journal(argv[1], argv[4]);
    sqlite3_stmt *statements[STATEMENTS];
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_prepare_v2(db, texts[i], -1, &statements[i], NULL);
    }
    int64_t *latency_ns = calloc((size_t)count * 4, sizeof *latency_ns);
    long commits = 0;
    if (!latency_ns) {
        err(1, "out of memory");
    }
    int64_t cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int64_t first = 1; first + group <= count + 1; first += group) {
        static const int stages[] = {INSERT, SENT, RESULT, TOLD};
        for (int i = 0; i < 4; i++) {
            latency_ns[commits++] = commit(db, statements, stages[i], first, group);
        }
    }
    double cpu_us = (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns) / 1e3;
    qsort(latency_ns, (size_t)commits, sizeof *latency_ns, compare);
    printf("{\"cpu_us\":%.3f,\"commit_p50_us\":%.1f,\"commit_p99_us\":%.1f}\n", cpu_us / (double)(commits / 4 * group),
           (double)latency_ns[commits / 2] / 1e3, (double)latency_ns[commits * 99 / 100] / 1e3);
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(statements[i]);
    }
    sqlite3_close(db);
    return 0;
}
