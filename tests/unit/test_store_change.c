// SPDX-License-Identifier: Apache-2.0
// Changes of commands: a move from the right state is made and told, from another one nothing is; several join one
// commit; the fields that a move sets; a disk that takes nothing for a while.
#include "store_fixture.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void a_move_from_the_state_it_is_in(void **state)
{
    (void)state;
    int64_t id = take_new("r1");
    assert_true(move(id, COMMAND_READY, COMMAND_SENT));
    assert_int_equal(state_of(id), COMMAND_SENT);
    assert_true(move(id, COMMAND_SENT, COMMAND_AMBIGUOUS));
    assert_true(move(id, COMMAND_AMBIGUOUS, COMMAND_READY));
    assert_int_equal(state_of(id), COMMAND_READY);
}

static void a_move_from_another_state_changes_and_tells_nothing(void **state)
{
    struct store_change *change = NULL;
    (void)state;
    int64_t id = take_new("r1");
    for (unsigned from = COMMAND_SENT; from < COMMAND_STATE_COUNT; from++) {
        change = move_of(id, (enum command_state)from, COMMAND_DONE);
        change->fields = from % 2 ? STORE_SET_RESULT : STORE_SET_RUN;
        tell(change, "t", "wrong", 0);
        assert_false(submit(change).applied);
        assert_int_equal(state_of(id), COMMAND_READY);
    }
    assert_false(move(id + 1, COMMAND_READY, COMMAND_SENT)); // there is none
    assert_string_equal(outbox_text(NULL, 0), "");
    struct store_counts counts;
    store_counts(store, &counts);
    assert_int_equal(counts.open, 1);
    assert_int_equal(counts.outbox, 0);
}

static void of_two_moves_from_one_state_the_first_wins(void **state)
{
    struct landing first = {0};
    struct landing second = {0};
    struct store_change *change = NULL;
    (void)state;
    int64_t id = take_new("r1");
    change = move_of(id, COMMAND_READY, COMMAND_CANCELED);
    change->done = land;
    change->context = &first;
    store_submit(store, change);
    change = move_of(id, COMMAND_READY, COMMAND_SENT);
    change->done = land;
    change->context = &second;
    store_submit(store, change);
    while (!first.done || !second.done) {
        wait_bell();
        store_collect(store);
    }
    assert_true(first.applied);
    assert_false(second.applied);
    assert_int_equal(state_of(id), COMMAND_CANCELED);
}

static void sent_counts_the_attempts_and_keeps_both_clocks(void **state)
{
    struct store_command found;
    (void)state;
    int64_t id = take_new("r1");
    for (int attempt = 1; attempt <= 2; attempt++) {
        struct store_change *change = move_of(id, COMMAND_READY, COMMAND_SENT);
        change->fields = STORE_SET_SENT;
        change->sent_ms = WALL_MS + attempt;
        change->server_ms = 42;
        change->marked = attempt == 2;
        assert_true(submit(change).applied);
        assert_int_equal(store_load(reader, id, &found), STATUS_OK);
        assert_int_equal(found.attempts, attempt);
        assert_int_equal(found.sent_ms, WALL_MS + attempt);
        assert_int_equal(found.server_ms, 42);
        assert_int_equal(found.marked, attempt == 2);
        store_command_free(&found);
        move(id, COMMAND_SENT, COMMAND_READY);
    }
    assert_int_equal(store_newest_server_ms(reader, "tune"), 42);
}

static void an_answer_and_its_message_are_one_commit(void **state)
{
    struct store_command found;
    (void)state;
    int64_t id = take_new("r1");
    struct store_change *change = move_of(id, COMMAND_READY, COMMAND_FOLLOWING);
    change->fields = STORE_SET_RESULT;
    strcpy(change->execution_id, "aaaaaaaaaaaaaaaaaaaaaaaa");
    change->done_ms = WALL_MS;
    change->http_status = 200;
    change->run_state = strdup("queued");
    change->seq = 2;
    tell(change, "d1/accepted", "accepted", 0);
    tell(change, "d1/status", "queued", 0);
    assert_true(submit(change).applied);
    assert_int_equal(store_find_execution(reader, "6328c6c026517badf9142116", "aaaaaaaaaaaaaaaaaaaaaaaa", &found),
                     STATUS_OK);
    assert_int_equal(found.id, id);
    assert_int_equal(found.state, COMMAND_FOLLOWING);
    assert_string_equal(found.run_state, "queued");
    assert_int_equal(found.seq, 2);
    assert_int_equal(found.done_ms, WALL_MS);
    assert_int_equal(found.http_status, 200);
    store_command_free(&found);
    assert_string_equal(outbox_text(NULL, 0), "accepted queued");
    assert_int_equal(store_find_request(reader, "devices/d1", "r1", &found), STATUS_OK);
    store_command_free(&found);
}

static void pended_is_kept(void **state)
{
    struct store_command found;
    (void)state;
    int64_t id = take_new("r1");
    struct store_change *change = move_of(id, COMMAND_READY, COMMAND_READY);
    change->fields = STORE_SET_PENDED;
    change->run_state = strdup("pending");
    change->seq = 1;
    assert_true(submit(change).applied);
    assert_int_equal(store_load(reader, id, &found), STATUS_OK);
    assert_true(found.pended);
    assert_int_equal(found.seq, 1);
    store_command_free(&found);
}

#define JOINING 200

static void lazy_changes_join_another_commit(void **state)
{
    struct store_counts before;
    struct store_counts after;
    (void)state;
    store_counts(store, &before);
    for (int i = 0; i < JOINING; i++) {
        struct store_change *change = store_change_new();
        change->lazy = true;
        tell(change, "t", "x", 0);
        store_submit(store, change);
    }
    take_new("r1"); // this one waits for its commit, and takes the others along
    store_counts(store, &after);
    assert_int_equal(after.outbox, JOINING);
    assert_in_range(after.commits - before.commits, 1, 3);
}

static void what_comes_during_a_commit_is_the_next_one(void **state)
{
    struct store_counts before;
    struct store_counts after;
    (void)state;
    store_counts(store, &before);
    for (int i = 0; i < JOINING; i++) {
        struct store_change *change = store_change_new();
        tell(change, "t", "x", 0);
        store_submit(store, change);
    }
    take_new("r1");
    store_counts(store, &after);
    assert_int_equal(after.outbox, JOINING);
    assert_in_range(after.commits - before.commits, 1, JOINING / 2);
}

// Files of this process may not grow beyond that size; RLIM_INFINITY: they may.
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void wait_failing(bool failing)
{
    struct timespec step = {0, 1000000};
    struct store_counts counts = {.failing = !failing};
    for (int i = 0; i < WAIT_S * 1000 && counts.failing != failing; i++) {
        nanosleep(&step, NULL);
        store_counts(store, &counts);
    }
    assert_int_equal(counts.failing, failing);
    assert_true(counts.failures >= 1);
}

static void a_disk_without_room_holds_a_commit_until_there_is_some(void **state)
{
    struct landing landing = {0};
    struct store_change *change = NULL;
    char why[128];
    (void)state;
    int64_t id = take_new("r1");
    signal(SIGXFSZ, SIG_IGN);
    limit_files(1);
    change = move_of(id, COMMAND_READY, COMMAND_SENT);
    change->done = land;
    change->context = &landing;
    tell(change, "t", "told", 0);
    store_submit(store, change);
    wait_failing(true);
    store_failure(store, why, sizeof why);
    assert_string_not_equal(why, "");
    store_collect(store);
    assert_false(landing.done); // nobody is told before the commit
    assert_int_equal(state_of(id), COMMAND_READY);
    assert_string_equal(outbox_text(NULL, 0), "");

    limit_files(RLIM_INFINITY);
    while (!landing.done) {
        wait_bell();
        store_collect(store);
    }
    assert_true(landing.applied);
    assert_int_equal(state_of(id), COMMAND_SENT);
    assert_string_equal(outbox_text(NULL, 0), "told"); // once, however often it was tried
    struct store_counts counts;
    store_counts(store, &counts);
    assert_false(counts.failing);
    assert_int_equal(counts.outbox, 1);
    store_failure(store, why, sizeof why);
    assert_string_equal(why, "");
}

static void a_note_is_kept_and_replaced(void **state)
{
    (void)state;
    assert_null(store_note(reader, "of the test"));
    static const char *const notes[] = {"first", "", "with\nlines"};
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        struct store_change *change = store_change_new();
        change->note_key = "of the test";
        change->note = strdup(notes[i]);
        assert_true(submit(change).applied);
        char *kept = store_note(reader, "of the test");
        assert_string_equal(kept, notes[i]);
        free(kept);
    }
    assert_null(store_note(reader, "another"));
}

static void a_note_of_a_change_that_is_not_made_is_not_kept(void **state)
{
    (void)state;
    struct store_change *change = move_of(take_new("r1"), COMMAND_SENT, COMMAND_DONE);
    change->note_key = "of the test";
    change->note = strdup("wrong");
    assert_false(submit(change).applied);
    assert_null(store_note(reader, "of the test"));
}

// One name, two resource jobs: the first command of each, and how many there are.
static void targets_of_one_job(void **state)
{
    (void)state;
    struct store_ref refs[4];
    int64_t first = take_new("r1");
    take_new("r2");
    struct store_command command = command_of("r3", 1);
    memcpy(command.resource_job_id, "6328c6c026517badf9140008", COMMAND_ID_BYTES);
    int64_t other = 0;
    assert_int_equal(take(command, false, &other), STORE_NEW);
    assert_int_equal(store_list_targets(reader, COMMAND_READY, "tune", refs, 4), 2);
    assert_true((refs[0].id == first && refs[1].id == other) || (refs[0].id == other && refs[1].id == first));
    assert_int_equal(store_list_targets(reader, COMMAND_READY, "tune", refs, 1), 1);
    assert_int_equal(store_list_targets(reader, COMMAND_SENT, "tune", refs, 4), 0);
    assert_int_equal(store_count_target(reader, COMMAND_READY, "tune", "6328c6c026517badf9140008"), 1);
    assert_int_equal(store_count_target(reader, COMMAND_READY, "tune", "6328c6c026517badf9142116"), 2);
}

// Else the receive thread would hold the MQTT library's lock for as long as the disk is full.
static void nobody_is_kept_waiting_for_a_disk_without_room(void **state)
{
    struct store_change *change = store_change_new();
    (void)state;
    take_new("r1");
    signal(SIGXFSZ, SIG_IGN);
    limit_files(1);
    int64_t begun_ms = clock_now_ms(&clock_used);
    assert_int_equal(take(command_of("r2", 1), false, NULL), STORE_FAILED);
    assert_in_range(clock_now_ms(&clock_used) - begun_ms, STORE_PATIENCE_MS, WAIT_S * 1000);
    tell(change, "t", "not told", 0);
    assert_int_equal(store_submit_wait(store, change), STATUS_IO);
    wait_failing(true);

    limit_files(RLIM_INFINITY);
    wait_failing(false); // by itself, though nothing waits for a commit
    assert_int_equal(store_count(reader, COMMAND_READY, NULL), 1);
    assert_string_equal(outbox_text(NULL, 0), "");
    assert_int_equal(take(command_of("r2", 1), false, NULL), STORE_NEW);
}

static enum store_intake_result take_of_epoch(const char *request_id, int64_t epoch)
{
    struct store_command command = command_of(request_id, 1);
    command.epoch = epoch;
    return take(command, false, NULL);
}

// What came behind it over the same connection would else be done before it.
static void what_came_behind_one_that_was_given_up_is_not_taken_either(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    limit_files(1);
    assert_int_equal(take_of_epoch("r1", 7), STORE_FAILED);
    limit_files(RLIM_INFINITY);
    wait_failing(false);
    assert_int_equal(take_of_epoch("r2", 7), STORE_FAILED);
    assert_int_equal(take_of_epoch("r2", 6), STORE_FAILED);
    assert_int_equal(take_of_epoch("r1", 8), STORE_NEW);
    assert_int_equal(take_of_epoch("r2", 8), STORE_NEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_note_is_kept_and_replaced),
        STORE_TEST(a_note_of_a_change_that_is_not_made_is_not_kept),
        STORE_TEST(targets_of_one_job),
        STORE_TEST(a_move_from_the_state_it_is_in),
        STORE_TEST(a_move_from_another_state_changes_and_tells_nothing),
        STORE_TEST(of_two_moves_from_one_state_the_first_wins),
        STORE_TEST(sent_counts_the_attempts_and_keeps_both_clocks),
        STORE_TEST(an_answer_and_its_message_are_one_commit),
        STORE_TEST(pended_is_kept),
        STORE_TEST(lazy_changes_join_another_commit),
        STORE_TEST(what_comes_during_a_commit_is_the_next_one),
        STORE_TEST(a_disk_without_room_holds_a_commit_until_there_is_some),
        STORE_TEST(nobody_is_kept_waiting_for_a_disk_without_room),
        STORE_TEST(what_came_behind_one_that_was_given_up_is_not_taken_either),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
