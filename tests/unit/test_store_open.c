// SPDX-License-Identifier: Apache-2.0
// Opening the journal: anew, after an end in the middle of everything, while another has it, with a schema that is too
// new, and when it is damaged.
#include "store_fixture.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>

// What another program would do to the file.
static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(journal_path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static enum status try_open(char *why, size_t why_bytes)
{
    struct store_settings settings = settings_of(journal_path);
    struct store *other = NULL;
    char *text = NULL;
    enum status rc = store_open(&settings, &other, &text);
    (void)snprintf(why, why_bytes, "%s", text ? text : "");
    free(text);
    if (rc == STATUS_OK) {
        store_close(other);
    }
    return rc;
}

static void what_was_committed_is_there_again_with_the_same_name(void **state)
{
    char instance[STORE_INSTANCE_BYTES];
    (void)state;
    (void)snprintf(instance, sizeof instance, "%s", store_instance(store));
    assert_true(strlen(instance) > 0);
    assert_string_equal(store_reader_instance(reader), instance);
    int64_t id = take_new("r1");
    reopen_journal();
    assert_string_equal(store_instance(store), instance);
    assert_int_equal(state_of(id), COMMAND_READY);
    assert_int_equal(take(command_of("r1", 1), false, NULL), STORE_REPEAT);
}

static void each_journal_has_a_name_of_its_own(void **state)
{
    char first[STORE_INSTANCE_BYTES];
    struct store_settings settings = settings_of(journal_path);
    (void)state;
    (void)snprintf(first, sizeof first, "%s", store_instance(store));
    close_journal();
    empty_folder();
    open_journal(&settings);
    assert_string_not_equal(store_instance(store), first);
}

static void tags_name_commands_of_this_journal_only(void **state)
{
    char tag[STORE_TAG_BYTES];
    (void)state;
    store_tag("abc", 42, tag);
    assert_string_equal(tag, "abc-42");
    assert_int_equal(store_tag_id("abc", span_of(tag)), 42);
    assert_int_equal(store_tag_id("abd", span_of(tag)), 0);
    assert_int_equal(store_tag_id("ab", span_of(tag)), 0);
    assert_int_equal(store_tag_id("abc", SPAN("abc-")), 0);
    assert_int_equal(store_tag_id("abc", SPAN("abc-4x")), 0);
    assert_int_equal(store_tag_id("abc", SPAN("abc-99999999999999999999")), 0);
    assert_int_equal(store_tag_id("abc", SPAN_NONE), 0);
}

// Opens the journal in a process of its own, brings commands into all states, and ends without closing anything.
static void leave_in_the_middle(void)
{
    pid_t child = fork();
    if (child == 0) {
        static const enum command_state states[] = {COMMAND_READY,     COMMAND_SENT,      COMMAND_RETRY_WAIT,
                                                    COMMAND_AMBIGUOUS, COMMAND_FOLLOWING, COMMAND_DONE};
        struct store_settings settings = settings_of(journal_path);
        open_journal(&settings);
        for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
            struct store_change *change = move_of(take_new(NULL), COMMAND_READY, states[i]);
            tell(change, "t", command_state_text(states[i]), 0);
            submit(change);
        }
        struct store_command get = command_of("get", 1);
        get.action = ACTION_GET;
        int64_t id = 0;
        take(get, false, &id);
        move(id, COMMAND_READY, COMMAND_SENT);
        _exit(0);
    }
    int code = -1;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
}

static void after_an_end_in_the_middle(void **state)
{
    struct store_settings settings = settings_of(journal_path);
    (void)state;
    close_journal();
    empty_folder();
    leave_in_the_middle();
    open_journal(&settings);
    assert_int_equal(state_of(1), COMMAND_READY);
    assert_int_equal(state_of(2), COMMAND_AMBIGUOUS); // an execute that was SENT may have been done
    assert_int_equal(state_of(3), COMMAND_READY);     // surely not sent
    assert_int_equal(state_of(4), COMMAND_AMBIGUOUS);
    assert_int_equal(state_of(5), COMMAND_FOLLOWING);
    assert_int_equal(state_of(6), COMMAND_DONE);
    assert_int_equal(state_of(7), COMMAND_READY); // a get may be sent again
    assert_string_equal(outbox_text(NULL, 0), "ready sent retryWait ambiguous following done");
    struct store_counts counts;
    store_counts(store, &counts);
    assert_int_equal(counts.open, 6);
    assert_int_equal(counts.outbox, 6);
    assert_int_equal(take_new(NULL), 8);
    assert_int_equal(store_first_open(reader), 1);
}

static void epochs_grow_over_restarts(void **state)
{
    struct store_command command = command_of(NULL, 1);
    (void)state;
    int64_t first = store_next_epoch(store, false);
    assert_true(store_next_epoch(store, false) > first);
    command.epoch = first + 5;
    take(command, false, NULL);
    reopen_journal();
    assert_true(store_next_epoch(store, false) > first + 5);
}

static void a_second_one_is_refused_and_told_whose_it_is(void **state)
{
    char why[256];
    char pid[32];
    (void)state;
    assert_int_equal(try_open(why, sizeof why), STATUS_BUSY);
    (void)snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    assert_non_null(strstr(why, pid));
    take_new("r1"); // the first one was not disturbed
    close_journal();
    assert_int_equal(try_open(why, sizeof why), STATUS_OK);
}

static void a_newer_schema_is_refused_and_not_touched(void **state)
{
    char why[256];
    struct stat before;
    struct stat after;
    (void)state;
    close_journal();
    run_sql("PRAGMA user_version = 99");
    assert_int_equal(stat(journal_path, &before), 0);
    assert_int_equal(try_open(why, sizeof why), STATUS_CONFLICT);
    assert_non_null(strstr(why, "99"));
    assert_non_null(strstr(why, "newer"));
    assert_int_equal(stat(journal_path, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void damage(off_t from, off_t to)
{
    static const char rubbish[4096] = "this is no page of a database";
    int fd = open(journal_path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    for (off_t at = from; at < to; at += (off_t)sizeof rubbish) {
        assert_int_equal(pwrite(fd, rubbish, sizeof rubbish, at), sizeof rubbish);
    }
    close(fd);
}

static void expect_set_aside(void)
{
    char why[256];
    char *name = NULL;
    struct stat before;
    struct stat after;
    assert_int_equal(try_open(why, sizeof why), STATUS_INVALID);
    assert_string_not_equal(why, "");
    assert_int_equal(stat(journal_path, &before), 0);
    assert_int_equal(store_set_aside(journal_path, WALL_MS, &name), STATUS_OK);
    assert_int_equal(access(journal_path, F_OK), -1);
    assert_int_equal(stat(name, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino); // the very same file, under a name that says when
    assert_non_null(strstr(name, "damaged-1795579445678"));
    free(name);
    assert_int_equal(try_open(why, sizeof why), STATUS_OK);
}

static void a_file_that_is_no_journal_is_set_aside(void **state)
{
    (void)state;
    close_journal();
    empty_folder();
    damage(0, 8192);
    expect_set_aside();
}

static void a_journal_with_broken_pages_is_set_aside(void **state)
{
    struct stat size;
    (void)state;
    for (int i = 0; i < 50; i++) {
        take_new(NULL);
    }
    close_journal(); // its last connection writes everything back into the file
    assert_int_equal(stat(journal_path, &size), 0);
    damage(4096, size.st_size);
    expect_set_aside();
}

// Reads a journal whose pages broke while it was open; the exit code of the process that did it.
static int read_broken(bool must)
{
    struct stat size;
    int code = -1;
    for (int i = 0; i < 200; i++) {
        take_new(NULL);
    }
    close_journal();
    assert_int_equal(stat(journal_path, &size), 0);
    pid_t child = fork();
    if (child == 0) {
        char *why = NULL;
        struct store_ref refs[10];
        assert_int_equal(store_reader_open(journal_path, &reader, &why), STATUS_OK);
        if (must) {
            store_reader_must(reader);
        }
        damage(4096, size.st_size);
        _exit(store_list(reader, COMMAND_READY, "tune", 0, refs, 10) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    return WEXITSTATUS(code);
}

static void what_cannot_be_read_is_nothing_to_who_may_do_without(void **state)
{
    (void)state;
    assert_int_equal(read_broken(false), 0);
}

static void what_cannot_be_read_ends_who_must_know(void **state)
{
    (void)state;
    assert_int_equal(read_broken(true), EX_IOERR);
}

static void a_file_that_cannot_be_made_is_an_error_with_its_name(void **state)
{
    struct store_settings settings = settings_of("/nowhere/at/all/journal.db");
    struct store *none = NULL;
    char *why = NULL;
    (void)state;
    assert_int_equal(store_open(&settings, &none, &why), STATUS_IO);
    assert_null(none);
    assert_non_null(strstr(why, "/nowhere/at/all/journal.db"));
    free(why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(what_was_committed_is_there_again_with_the_same_name),
        STORE_TEST(each_journal_has_a_name_of_its_own),
        STORE_TEST(tags_name_commands_of_this_journal_only),
        STORE_TEST(after_an_end_in_the_middle),
        STORE_TEST(epochs_grow_over_restarts),
        STORE_TEST(a_second_one_is_refused_and_told_whose_it_is),
        STORE_TEST(a_newer_schema_is_refused_and_not_touched),
        STORE_TEST(a_file_that_is_no_journal_is_set_aside),
        STORE_TEST(a_journal_with_broken_pages_is_set_aside),
        STORE_TEST(what_cannot_be_read_is_nothing_to_who_may_do_without),
        STORE_TEST(what_cannot_be_read_ends_who_must_know),
        STORE_TEST(a_file_that_cannot_be_made_is_an_error_with_its_name),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
