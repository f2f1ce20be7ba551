// SPDX-License-Identifier: Apache-2.0
// The writer of the journal: takes what waits, commits it as one transaction, tells those who wait. A commit that fails
// is run again until it succeeds: nothing that was handed in is thrown away, and nobody is told before the commit.
// Must never hold its lock while SQLite works. Threads: the writer; the functions of store.h say who may call them.
#include "base/cond.h"
#include "base/log.h"
#include "io/store_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define STORE_BATCH_MAX 512 // changes a transaction
#define LOCK_LOOK_MS    20  // between two looks at a lock that is held

// One thing to commit: an intake (command set), a change, or the beginning of a session with the broker.
struct work {
    struct work *next;
    struct store_change *change;
    struct store_command *command;
    struct store_command *existing;
    struct store_request *request; // of an intake that nobody waits for
    struct store_intake_limits limits;
    int64_t session; // its first epoch, 0: none
    bool waited;     // somebody waits for `ended`; the work lies on his stack
    bool ended;      // under the lock: committed, or given up
    bool given_up;   // under the lock: the journal cannot be written
    enum store_intake_result result;
};

struct queue {
    struct work *first;
    struct work **last;
};

struct store {
    struct store_settings settings;
    struct store_db db;
    char *path;
    int lock_fd;
    int wal_fd; // durability "process": what is synced from time to time, -1 until there is a WAL
    int64_t next_id;
    int64_t epoch;         // under the lock
    int64_t given_up;      // under the lock: the newest epoch of which an intake was given up
    int64_t session_epoch; // the writer's: the first epoch of the session with the broker
    pthread_t writer;
    pthread_mutex_t lock;
    pthread_cond_t wake;           // the writer
    pthread_cond_t committed;      // those who wait for a commit
    struct queue waiting;          // under the lock
    bool urgent;                   // under the lock: something that waits is not lazy
    int64_t lazy_since_ms;         // under the lock: when the oldest lazy thing came
    bool closing;                  // under the lock
    struct store_change *finished; // under the lock: for store_collect, in order
    struct store_change **finished_last;
    struct store_counts counts; // under the lock
    struct tally tally;         // under the lock
    int64_t open;               // the writer's, copied into counts
    int64_t outbox;
    int64_t last_message;
    char failure[128];         // under the lock
    int64_t failing_since_ms;  // the writer's, 0: commits do not fail
    int64_t unsynced_since_ms; // the writer's, 0: all is synced
};

static void queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static void queue_add(struct queue *queue, struct work *work)
{
    work->next = NULL;
    *queue->last = work;
    queue->last = &work->next;
}

static void queue_work(struct store *store, struct work *work, bool lazy)
{
    queue_add(&store->waiting, work);
    if (!lazy) {
        store->urgent = true;
        pthread_cond_signal(&store->wake);
    } else if (store->lazy_since_ms == 0) {
        store->lazy_since_ms = clock_now_ms(store->settings.clock);
        pthread_cond_signal(&store->wake);
    }
}

// Durability "process": what was committed since the last sync goes to the disk now.
static void sync_wal(struct store *store)
{
    if (store->wal_fd < 0) {
        char path[4096];
        snprintf(path, sizeof path, "%s-wal", store->path);
        store->wal_fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (store->wal_fd >= 0 && fdatasync(store->wal_fd) != 0) {
        LOG_WARNING("journal sync failed", LOG_TEXT("why", strerror(errno)));
        return; // unsynced_since_ms stays: tried again at the next turn
    }
    pthread_mutex_lock(&store->lock);
    store->counts.syncs++;
    pthread_mutex_unlock(&store->lock);
    store->unsynced_since_ms = 0;
}

static bool over_limit(const struct store *store)
{
    return store->open >= store->settings.max_commands;
}

static void apply_work(struct store *store, struct work *work, int64_t *next_id)
{
    struct store_change *change = work->change;
    bool inserted = false;
    if (change) {
        store_apply_change(&store->db, change, *next_id);
        inserted = change->new_id != 0;
    } else if (work->session != 0) {
        store_apply_session(&store->db, work->session);
    } else {
        work->limits.full = over_limit(store);
        work->limits.session_epoch = store->session_epoch;
        work->result = store_apply_intake(&store->db, work->command, &work->limits, *next_id, work->existing);
        inserted = work->result == STORE_NEW;
    }
    *next_id += inserted;
}

static int run_transaction(struct store *store, struct work *batch, int64_t *next_id)
{
    store->db.rc = SQLITE_OK;
    store->db.rc = store_apply_begin(&store->db);
    *next_id = store->next_id;
    for (struct work *work = batch; work && store->db.rc == SQLITE_OK; work = work->next) {
        if (work->existing && work->existing->id != 0) {
            store_command_free(work->existing); // of the attempt before
        }
        if (work->change) {
            work->change->new_id = 0;
        }
        apply_work(store, work, next_id);
    }
    if (store->failing_since_ms != 0 && store->db.rc == SQLITE_OK) {
        // A commit that writes nothing would prove nothing.
        store->db.rc = store_db_exec(&store->db, "INSERT OR REPLACE INTO meta(key, value) VALUES('probe', '')");
    }
    if (store->db.rc == SQLITE_OK) {
        store->db.rc = store_apply_commit(&store->db);
    }
    int rc = store->db.rc;
    if (rc != SQLITE_OK) {
        char why[128];
        snprintf(why, sizeof why, "%s", sqlite3_errmsg(store->db.handle));
        store_db_exec(&store->db, "ROLLBACK");
        LOG_ERROR("journal commit failed, trying again", LOG_TEXT("why", why), LOG_INT("code", rc));
        pthread_mutex_lock(&store->lock);
        snprintf(store->failure, sizeof store->failure, "%s", why);
        store->counts.failures++;
        store->counts.failing = true;
        pthread_mutex_unlock(&store->lock);
    }
    return rc;
}

static bool is_open(enum command_state state)
{
    return state < COMMAND_DONE;
}

// Under the lock.
static void tally_change(struct tally *tally, const struct store_change *change)
{
    if (change->invalid) {
        tally_invalid(tally, change->action);
    }
    if (change->dead_topic.len > 0) {
        tally->dead++;
    }
    if (change->insert) {
        tally_foreign(tally, change->insert->state, change->insert->outcome);
    } else if (change->id != 0) {
        tally_moved(tally, change->action, change->from, change->to, change->outcome);
    }
}

static void count_change(struct store *store, const struct store_change *change)
{
    store->outbox += change->outbox_growth;
    if (!change->applied) {
        return;
    }
    store->last_message = change->last_message > store->last_message ? change->last_message : store->last_message;
    tally_change(&store->tally, change);
    if (change->insert) {
        store->open += is_open(change->insert->state);
    } else if (change->id != 0 && is_open(change->from) && !is_open(change->to)) {
        store->open--;
    }
}

// Under the lock. The change goes to store_collect; whoever waits is told.
static bool finish_work(struct store *store, struct work *work)
{
    if (work->change) {
        count_change(store, work->change);
    } else if (work->session != 0) {
        store->session_epoch = work->session;
    } else if (work->result == STORE_NEW) {
        store->open++;
        tally_received(&store->tally, work->command->action);
    }
    if (work->request) {
        work->request->result = work->result;
        return true;
    }
    if (work->waited || !work->change) {
        work->ended = true; // the work is gone once the lock is free
        return false;
    }
    work->change->next = NULL;
    *store->finished_last = work->change;
    store->finished_last = &work->change->next;
    free(work);
    return true;
}

static void finish_batch(struct store *store, struct work *batch, int64_t next_id)
{
    bool ring = false;
    struct work *told = NULL; // intakes, told without the lock
    struct work **last = &told;
    pthread_mutex_lock(&store->lock);
    store->next_id = next_id;
    while (batch) {
        struct work *next = batch->next;
        if (batch->request) {
            *last = batch;
            last = &batch->next;
        }
        ring = finish_work(store, batch) || ring;
        batch = next;
    }
    *last = NULL;
    store->counts.open = store->open;
    store->counts.outbox = store->outbox;
    store->counts.last_message = store->last_message;
    store->counts.commits++;
    store->counts.syncs += store->settings.power;
    store->counts.failing = false;
    store->failure[0] = '\0';
    pthread_cond_broadcast(&store->committed);
    pthread_mutex_unlock(&store->lock);
    while (told) {
        struct work *next = told->next;
        told->request->done(told->request);
        free(told);
        told = next;
    }
    if (ring && store->settings.ring) {
        store->settings.ring(store->settings.ring_context);
    }
}

// Under the lock. How long the writer may sleep; 0: there is work.
static int64_t writer_wait_ms(const struct store *store, int64_t now_ms)
{
    int64_t wait = 3600000;
    if (store->urgent || store->closing) {
        return 0;
    }
    if (store->lazy_since_ms != 0) {
        wait = store->lazy_since_ms + STORE_LAZY_MS - now_ms;
    }
    if (store->unsynced_since_ms != 0 && store->unsynced_since_ms + STORE_SYNC_MS - now_ms < wait) {
        wait = store->unsynced_since_ms + STORE_SYNC_MS - now_ms;
    }
    return wait > 0 ? wait : 0;
}

// Under the lock. Cuts off at most STORE_BATCH_MAX things.
static struct work *take_batch(struct store *store)
{
    struct work *batch = store->waiting.first;
    struct work **end = &store->waiting.first;
    for (size_t i = 0; i < STORE_BATCH_MAX && *end; i++) {
        end = &(*end)->next;
    }
    struct work *rest = *end;
    *end = NULL;
    if (!rest) {
        queue_init(&store->waiting);
        store->urgent = false;
        store->lazy_since_ms = 0;
    } else {
        store->waiting.first = rest;
    }
    return batch;
}

// Under the lock. Takes out of the list whatever somebody waits for; the place of its new end.
static struct work **give_up_waited(struct store *store, struct work **at)
{
    while (*at) {
        struct work *work = *at;
        if (work->command && work->command->epoch > store->given_up) {
            store->given_up = work->command->epoch;
        }
        if (work->request) {
            *at = work->next;
            work->request->result = STORE_FAILED;
            work->request->done(work->request);
            free(work);
        } else if (work->waited && work->session == 0) {
            *at = work->next;
            work->given_up = true;
            work->ended = true;
        } else {
            at = &work->next;
        }
    }
    return at;
}

// Under the lock. Who waits for a commit holds something: the intake holds the MQTT library's lock, without which not
// even the reason can be told. What is let go here comes again, from the broker or from the operator.
static void lose_patience(struct store *store, struct work **batch)
{
    int64_t now_ms = clock_now_ms(store->settings.clock);
    if (store->failing_since_ms == 0) {
        store->failing_since_ms = now_ms;
    }
    if (now_ms - store->failing_since_ms >= STORE_PATIENCE_MS) {
        give_up_waited(store, batch);
        store->waiting.last = give_up_waited(store, &store->waiting.first);
        pthread_cond_broadcast(&store->committed);
    }
}

static void commit_batch(struct store *store, struct work *batch)
{
    int64_t next_id = 0;
    while (run_transaction(store, batch, &next_id) != SQLITE_OK) {
        pthread_mutex_lock(&store->lock);
        lose_patience(store, &batch);
        bool closing = store->closing;
        if (!closing) {
            cond_wait_ms(&store->wake, &store->lock, STORE_RETRY_MS);
        }
        pthread_mutex_unlock(&store->lock);
        if (closing) {
            return; // nobody was told; whoever waits is told by store_close that it did not happen
        }
    }
    store->failing_since_ms = 0;
    finish_batch(store, batch, next_id);
    if (!store->settings.power && store->unsynced_since_ms == 0) {
        store->unsynced_since_ms = clock_now_ms(store->settings.clock);
    }
}

static void *run_writer(void *context)
{
    struct store *store = context;
    pthread_mutex_lock(&store->lock);
    for (;;) {
        int64_t now_ms = clock_now_ms(store->settings.clock);
        int64_t wait_ms = writer_wait_ms(store, now_ms);
        if (wait_ms > 0) {
            cond_wait_ms(&store->wake, &store->lock, wait_ms);
            continue;
        }
        struct work *batch = take_batch(store);
        bool closing = store->closing;
        pthread_mutex_unlock(&store->lock);
        if (batch) {
            commit_batch(store, batch);
        }
        if (store->unsynced_since_ms != 0 &&
            (closing || clock_now_ms(store->settings.clock) - store->unsynced_since_ms >= STORE_SYNC_MS)) {
            sync_wal(store);
        }
        pthread_mutex_lock(&store->lock);
        if (closing && (!store->waiting.first || store->counts.failing)) {
            break;
        }
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

static bool wait_lock(int fd)
{
    for (int waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited_ms += LOCK_LOOK_MS) {
        if (waited_ms >= STORE_LOCK_MS) {
            return false;
        }
        poll(NULL, 0, LOCK_LOOK_MS);
    }
    return true;
}

static enum status take_lock(struct store *store, char **why)
{
    char path[4096];
    snprintf(path, sizeof path, "%s.lock", store->path);
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0) {
        *why = asprintf(why, "cannot create %s: %s", path, strerror(errno)) < 0 ? NULL : *why;
        return STATUS_IO;
    }
    if (!wait_lock(store->lock_fd)) {
        char pid[32] = "";
        ssize_t len = pread(store->lock_fd, pid, sizeof pid - 1, 0);
        pid[len > 0 ? (size_t)len : 0] = '\0';
        *why = asprintf(why, "the journal %s is used by another jobbridge, pid %s", store->path, pid) < 0 ? NULL : *why;
        return STATUS_BUSY;
    }
    char pid[32];
    int len = snprintf(pid, sizeof pid, "%ld", (long)getpid());
    if (ftruncate(store->lock_fd, 0) != 0 || pwrite(store->lock_fd, pid, (size_t)len, 0) != len) {
        LOG_WARNING("cannot write the pid into the lock", LOG_TEXT("file", path)); // the lock itself holds
    }
    return STATUS_OK;
}

// The first failure stays.
static void note_rc(struct store_db *db, int rc)
{
    rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
    db->rc = db->rc == SQLITE_OK ? rc : db->rc;
}

static int64_t query_int(struct store_db *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t number = 0;
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        number = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    note_rc(db, rc);
    return number;
}

// By the small partial indexes: there may be a million that wait, and without statistics SQLite would rather go through
// all of these by their expiry. After recovery only executes are in other states than READY.
static void count_resumed(struct store *store)
{
    static const char others[] =
        "SELECT action FROM commands INDEXED BY commands_others WHERE state = 1 AND action <> 0";
    int64_t counts[ACTION_COUNT] = {0};
    sqlite3_stmt *statement = NULL;
    store->tally.following = query_int(&store->db, "SELECT count(*) FROM commands WHERE state < 6 AND state = 5");
    counts[ACTION_EXECUTE] = store->open - store->tally.following;
    int rc = sqlite3_prepare_v2(store->db.handle, others, -1, &statement, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        int action = sqlite3_column_int(statement, 0);
        if (action >= 0 && action < ACTION_COUNT) {
            counts[action]++;
            counts[ACTION_EXECUTE]--;
        }
        rc = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    note_rc(&store->db, rc);
    for (int action = 0; action < ACTION_COUNT; action++) {
        tally_resumed(&store->tally, (enum action)action, counts[action]);
    }
}

// What the process before us left half done. RETRY_WAIT was surely not sent; a SENT execute may have been.
static enum status recover(struct store *store, char **why)
{
    static const char *const statements[] = {
        "BEGIN IMMEDIATE",
        "UPDATE commands SET state = 1 WHERE state = 3 AND state < 6",
        "UPDATE commands SET state = 4 WHERE state = 2 AND state < 6 AND action = 0",
        "UPDATE commands SET state = 1 WHERE state = 2 AND state < 6",
        "COMMIT",
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof statements / sizeof statements[0] && rc == SQLITE_OK; i++) {
        rc = store_db_exec(&store->db, statements[i]);
    }
    if (rc == SQLITE_OK) {
        rc = store_db_exec(&store->db,
                           store->settings.power ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    }
    store->db.rc = rc;
    store->next_id =
        query_int(&store->db, "SELECT max(coalesce((SELECT max(id) FROM commands), 0) + 1,"
                              " coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'next_id'), 1))");
    store->session_epoch = query_int(&store->db, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'session_epoch'");
    store->epoch = query_int(&store->db, "SELECT coalesce(epoch, 0) FROM commands ORDER BY id DESC LIMIT 1");
    store->epoch = store->epoch > store->session_epoch ? store->epoch : store->session_epoch;
    store->open = query_int(&store->db, "SELECT count(*) FROM commands WHERE state < 6");
    store->outbox = query_int(&store->db, "SELECT count(*) FROM outbox");
    count_resumed(store);
    store->counts.open = store->open;
    store->counts.outbox = store->outbox;
    if (store->db.rc != SQLITE_OK) {
        *why = asprintf(why, "cannot recover the journal: %s", sqlite3_errmsg(store->db.handle)) < 0 ? NULL : *why;
        return store_result_corrupt(store->db.rc) ? STATUS_INVALID : STATUS_IO;
    }
    return STATUS_OK;
}

static void free_store(struct store *store)
{
    if (store->db.handle) {
        store_db_close(&store->db);
    }
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    if (store->wal_fd >= 0) {
        close(store->wal_fd);
    }
    pthread_cond_destroy(&store->wake);
    pthread_cond_destroy(&store->committed);
    pthread_mutex_destroy(&store->lock);
    free(store->path);
    free(store);
}

static struct store *make_store(const struct store_settings *settings)
{
    struct store *store = calloc(1, sizeof *store);
    if (!store) {
        return NULL;
    }
    store->settings = *settings;
    store->lock_fd = -1;
    store->wal_fd = -1;
    store->db.texts = store_write_texts;
    store->db.max_dead = settings->max_dead;
    store->finished_last = &store->finished;
    queue_init(&store->waiting);
    pthread_mutex_init(&store->lock, NULL);
    cond_init(&store->wake);
    cond_init(&store->committed);
    store->path = strdup(settings->path);
    if (!store->path) {
        free_store(store);
        return NULL;
    }
    return store;
}

enum status store_open(const struct store_settings *settings, struct store **out, char **why)
{
    *why = NULL;
    *out = NULL;
    struct store *store = make_store(settings);
    if (!store) {
        return STATUS_NO_MEMORY;
    }
    enum status rc = take_lock(store, why);
    rc = rc != STATUS_OK ? rc : store_file_prepare(store->path, settings->power, why);
    rc = rc != STATUS_OK ? rc : store_db_open(&store->db, store->path, true, why);
    rc = rc != STATUS_OK ? rc : store_file_check(&store->db, store->path, why);
    rc = rc != STATUS_OK ? rc : store_db_migrate(&store->db, why);
    rc = rc != STATUS_OK ? rc : store_db_read_instance(&store->db, why);
    rc = rc != STATUS_OK ? rc : recover(store, why);
    if (rc == STATUS_OK && pthread_create(&store->writer, NULL, run_writer, store) != 0) {
        rc = STATUS_NO_MEMORY;
    }
    if (rc != STATUS_OK) {
        free_store(store);
        return rc;
    }
    *out = store;
    return STATUS_OK;
}

void store_close(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    store->closing = true;
    pthread_cond_broadcast(&store->wake);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->writer, NULL);
    while (store->finished) {
        struct store_change *next = store->finished->next;
        store_change_free(store->finished);
        store->finished = next;
    }
    free_store(store);
}

const char *store_instance(const struct store *store)
{
    return store->db.instance;
}

const char *store_path(const struct store *store)
{
    return store->path;
}

// Under the lock. A command that was given up comes again, and must not come behind those that were sent after it: they
// come again, too. STATUS_IO: it is one of these.
static enum status may_queue(const struct store *store, const struct work *work)
{
    if (store->closing) {
        return STATUS_CLOSED;
    }
    bool behind = work->command && work->command->epoch != 0 && work->command->epoch <= store->given_up;
    return behind ? STATUS_IO : STATUS_OK;
}

static enum status wait_committed(struct store *store, struct work *work)
{
    pthread_mutex_lock(&store->lock);
    enum status rc = may_queue(store, work);
    if (rc == STATUS_OK) {
        queue_work(store, work, false);
        while (!work->ended) {
            pthread_cond_wait(&store->committed, &store->lock);
        }
        rc = work->given_up ? STATUS_IO : STATUS_OK;
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}

int64_t store_next_epoch(struct store *store, bool new_session)
{
    pthread_mutex_lock(&store->lock);
    int64_t epoch = ++store->epoch;
    pthread_mutex_unlock(&store->lock);
    if (new_session) {
        struct work work = {.session = epoch, .waited = true};
        wait_committed(store, &work);
    }
    return epoch;
}

enum store_intake_result store_intake(struct store *store, struct store_command *command, bool redelivered,
                                      int64_t forget_before_ms, struct store_command *existing)
{
    struct work work = {.command = command,
                        .existing = existing,
                        .limits = {.forget_before_ms = forget_before_ms, .redelivered = redelivered},
                        .waited = true};
    *existing = (struct store_command){0};
    command->state = COMMAND_READY;
    enum status rc = wait_committed(store, &work);
    return rc == STATUS_OK ? work.result : rc == STATUS_IO ? STORE_FAILED : STORE_CLOSING;
}

enum status store_intake_begin(struct store *store, struct store_request *request)
{
    struct work *work = calloc(1, sizeof *work);
    if (!work) {
        abort(); // as in store_submit
    }
    request->existing = (struct store_command){0};
    request->command->state = COMMAND_READY;
    work->command = request->command;
    work->existing = &request->existing;
    work->request = request;
    work->limits = (struct store_intake_limits){.forget_before_ms = request->forget_before_ms,
                                                .redelivered = request->redelivered};
    pthread_mutex_lock(&store->lock);
    enum status rc = may_queue(store, work);
    if (rc == STATUS_OK) {
        queue_work(store, work, false);
    }
    pthread_mutex_unlock(&store->lock);
    if (rc != STATUS_OK) {
        free(work);
    }
    return rc;
}

enum status store_submit_wait(struct store *store, struct store_change *change)
{
    struct work work = {.change = change, .waited = true};
    enum status rc = wait_committed(store, &work);
    rc = rc == STATUS_OK && !change->applied ? STATUS_CONFLICT : rc;
    store_change_free(change);
    return rc;
}

void store_submit(struct store *store, struct store_change *change)
{
    struct work *work = calloc(1, sizeof *work);
    if (!work) {
        abort(); // a change that is lost would break a promise; the journal brings everything back after a restart
    }
    work->change = change;
    pthread_mutex_lock(&store->lock);
    queue_work(store, work, change->lazy);
    pthread_mutex_unlock(&store->lock);
}

void store_collect(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    struct store_change *change = store->finished;
    store->finished = NULL;
    store->finished_last = &store->finished;
    pthread_mutex_unlock(&store->lock);
    while (change) {
        struct store_change *next = change->next;
        if (store->settings.committed && change->applied) {
            store->settings.committed(store->settings.ring_context, change);
        }
        if (change->done) {
            change->done(change, change->context);
        }
        if (change->messages && change->applied && store->settings.take_messages) {
            store->settings.take_messages(store->settings.ring_context, change->messages);
            change->messages = NULL;
        }
        store_change_free(change);
        change = next;
    }
}

void store_counts(struct store *store, struct store_counts *counts)
{
    pthread_mutex_lock(&store->lock);
    *counts = store->counts;
    pthread_mutex_unlock(&store->lock);
}

void store_tally(struct store *store, struct tally *tally)
{
    pthread_mutex_lock(&store->lock);
    *tally = store->tally;
    pthread_mutex_unlock(&store->lock);
}

void store_failure(struct store *store, char *text, size_t text_bytes)
{
    pthread_mutex_lock(&store->lock);
    snprintf(text, text_bytes, "%s", store->failure);
    pthread_mutex_unlock(&store->lock);
}
