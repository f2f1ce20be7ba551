// SPDX-License-Identifier: Apache-2.0
// What the tests of the journal share: a real SQLite file in a folder of its own, a fake clock, the bell that the
// writer rings, and short words for commands and changes. Waits for the writer end by an event or by WAIT_S.
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include "io/store.h"
#include <dirent.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH_BYTES 512
#define WAIT_S     30
#define WALL_MS    1795579445678

static char folder[] = "/tmp/test_store.XXXXXX";
static char journal_path[PATH_BYTES];
static struct clock clock_used;
static sem_t bell;
static struct store *store;
static struct store_reader *reader;

static inline void ring_bell(void *context)
{
    (void)context;
    sem_post(&bell);
}

static inline struct store_settings settings_of(const char *path)
{
    return (struct store_settings){
        .path = path, .power = true, .max_commands = 100000, .clock = &clock_used, .ring = ring_bell};
}

static inline void open_journal(const struct store_settings *settings)
{
    char *why = NULL;
    enum status rc = store_open(settings, &store, &why);
    if (rc != STATUS_OK) {
        print_error("%s: %s\n", status_text(rc), why ? why : "");
    }
    assert_int_equal(rc, STATUS_OK);
    assert_int_equal(store_reader_open(settings->path, &reader, &why), STATUS_OK);
}

static inline void close_journal(void)
{
    store_reader_close(reader);
    reader = NULL;
    if (store) {
        store_close(store);
    }
    store = NULL;
}

static inline void reopen_journal(void)
{
    struct store_settings settings = settings_of(journal_path);
    close_journal();
    open_journal(&settings);
}

// Deletes what is in the folder, so that each test begins without a journal.
static inline void empty_folder(void)
{
    DIR *dir = opendir(folder);
    struct dirent *entry = NULL;
    char path[PATH_BYTES + sizeof entry->d_name];
    while (dir && (entry = readdir(dir))) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    if (dir) {
        closedir(dir);
    }
}

static inline int make_folder(void **state)
{
    (void)state;
    clock_used = clock_real();
    if (mkdtemp(folder) == NULL || sem_init(&bell, 0, 0) != 0) {
        return -1;
    }
    (void)snprintf(journal_path, sizeof journal_path, "%s/journal.db", folder);
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    empty_folder();
    return rmdir(folder);
}

static inline int set_up(void **state)
{
    struct store_settings settings = settings_of(journal_path);
    (void)state;
    empty_folder();
    open_journal(&settings);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    close_journal();
    return 0;
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

// An execute of the job "tune" with that requestId (NULL: none); the digest stands for its payload.
static inline struct store_command command_of(const char *request_id, uint64_t digest)
{
    struct store_command command = {.action = ACTION_EXECUTE,
                                    .follow = true,
                                    .digest = digest,
                                    .application_id = "575ec8687ae143cd83dc4a97",
                                    .resource_job_id = "6328c6c026517badf9142116"};
    command.job = strdup("tune");
    command.request_id = request_id ? strdup(request_id) : NULL;
    command.scope = strdup("devices/d1");
    command.topics = strdup("d1/accepted\nd1/rejected\nd1/status\nd1/log");
    command.arrived_ms = WALL_MS;
    command.expires_ms = WALL_MS + 3600000;
    return command;
}

static inline enum store_intake_result take(struct store_command command, bool redelivered, int64_t *id)
{
    struct store_command existing;
    enum store_intake_result result = store_intake(store, &command, redelivered, 0, &existing);
    if (id) {
        *id = result == STORE_NEW ? command.id : existing.id;
    }
    store_command_free(&existing);
    store_command_free(&command);
    return result;
}

// A new command that is READY; its id.
static inline int64_t take_new(const char *request_id)
{
    int64_t id = 0;
    assert_int_equal(take(command_of(request_id, 1), false, &id), STORE_NEW);
    return id;
}

static inline void wait_bell(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    assert_int_equal(sem_timedwait(&bell, &until), 0);
}

struct landing {
    bool done;
    bool applied;
    int64_t new_id;
    int64_t pruned_up_to;
};

static inline void land(struct store_change *change, void *context)
{
    *(struct landing *)context = (struct landing){true, change->applied, change->new_id, change->pruned_up_to};
}

// Submits, waits for the commit, and tells what became of it.
static inline struct landing submit(struct store_change *change)
{
    struct landing landing = {0};
    change->done = land;
    change->context = &landing;
    store_submit(store, change);
    while (!landing.done) {
        wait_bell();
        store_collect(store);
    }
    return landing;
}

static inline struct store_change *move_of(int64_t id, enum command_state from, enum command_state to)
{
    struct store_change *change = store_change_new();
    assert_non_null(change);
    change->id = id;
    change->from = from;
    change->to = to;
    return change;
}

static inline bool move(int64_t id, enum command_state from, enum command_state to)
{
    return submit(move_of(id, from, to)).applied;
}

// The end of a command, answered at done_ms.
static inline void finish(int64_t id, enum command_state from, enum command_state to, int64_t done_ms)
{
    struct store_change *change = move_of(id, from, to);
    change->fields = STORE_SET_RESULT;
    change->done_ms = change->ended_ms = done_ms;
    assert_true(submit(change).applied);
}

static inline enum command_state state_of(int64_t id)
{
    struct store_command command;
    if (store_load(reader, id, &command) != STATUS_OK) {
        return (enum command_state)0;
    }
    enum command_state found = command.state;
    store_command_free(&command);
    return found;
}

// Adds a message "payload" on "topic" to the change, at its end.
static inline void tell(struct store_change *change, const char *topic, const char *payload, int64_t progress_of)
{
    struct store_message **last = &change->messages;
    while (*last) {
        last = &(*last)->next;
    }
    *last = store_message_new(span_of(topic), span_of(payload), true, SPAN_NONE, progress_of);
    assert_non_null(*last);
}

// The payloads in the outbox in their order, joined with blanks; *ids, when not NULL, gets up to max ids.
static inline const char *outbox_text(int64_t *ids, size_t max)
{
    static char text[4096];
    size_t count = 0;
    text[0] = '\0';
    struct store_message *message = store_next_messages(reader, 0, 1000);
    while (message) {
        struct store_message *next = message->next;
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof text - len, "%s%.*s", len > 0 ? " " : "", (int)message->payload.len,
                       message->payload.at);
        if (ids && count < max) {
            ids[count++] = message->id;
        }
        free(message);
        message = next;
    }
    return text;
}

#endif
