// SPDX-License-Identifier: Apache-2.0
// Taking commands into the journal: what is new, what is known, what contradicts, and what there is no room for.
#include "store_fixture.h"
#include <pthread.h>

static void a_command_is_committed_as_it_was(void **state)
{
    struct store_command command = command_of("r1", 77);
    struct store_command existing;
    struct store_command found;
    (void)state;
    command.context = strdup("{\"n\":12345678901234567890}");
    command.correlation = (struct span){span_dup(SPAN("\x01\0\xff")), 3};
    command.packet_id = 9;
    command.epoch = 4;
    assert_int_equal(store_intake(store, &command, false, 0, &existing), STORE_NEW);
    assert_int_equal(store_load(reader, command.id, &found), STATUS_OK);
    assert_int_equal(found.state, COMMAND_READY);
    assert_int_equal(found.action, ACTION_EXECUTE);
    assert_true(found.follow);
    assert_false(found.pended || found.foreign || found.marked);
    assert_string_equal(found.job, "tune");
    assert_string_equal(found.request_id, "r1");
    assert_string_equal(found.scope, "devices/d1");
    assert_string_equal(found.context, "{\"n\":12345678901234567890}");
    assert_int_equal(found.digest, 77);
    assert_int_equal(found.correlation.len, 3);
    assert_memory_equal(found.correlation.at, "\x01\0\xff", 3);
    assert_int_equal(found.arrived_ms, WALL_MS);
    assert_int_equal(found.packet_id, 9);
    assert_int_equal(found.epoch, 4);
    assert_null(found.body);
    assert_null(found.error_type);
    assert_true(span_is(store_command_topic(&found, STORE_TOPIC_REJECTED), "d1/rejected"));
    assert_true(span_is(store_command_topic(&found, STORE_TOPIC_LOG), "d1/log"));
    store_command_free(&found);
    store_command_free(&command);
}

static void the_same_request_again_is_the_same_command(void **state)
{
    int64_t id = 0;
    (void)state;
    int64_t first = take_new("r1");
    assert_int_equal(take(command_of("r1", 1), false, &id), STORE_REPEAT);
    assert_int_equal(id, first);
    assert_int_equal(store_count(reader, COMMAND_READY, NULL), 1);
}

static void another_body_under_the_same_id_is_a_conflict(void **state)
{
    int64_t id = 0;
    (void)state;
    int64_t first = take_new("r1");
    assert_int_equal(take(command_of("r1", 2), false, &id), STORE_CONFLICT);
    assert_int_equal(id, first);
    assert_int_equal(store_count(reader, COMMAND_READY, NULL), 1);
}

static void another_scope_is_another_command(void **state)
{
    struct store_command other = command_of("r1", 2);
    (void)state;
    take_new("r1");
    free(other.scope);
    other.scope = strdup("devices/d2");
    assert_int_equal(take(other, false, NULL), STORE_NEW);
}

static void without_an_id_every_command_is_its_own(void **state)
{
    (void)state;
    assert_true(take_new(NULL) < take_new(NULL));
    assert_int_equal(store_count(reader, COMMAND_READY, NULL), 2);
}

static void an_id_is_free_again_when_its_command_ended_long_ago(void **state)
{
    struct store_command again = command_of("r1", 2);
    struct store_command existing;
    (void)state;
    int64_t first = take_new("r1");
    assert_int_equal(store_intake(store, &again, false, INT64_MAX, &existing), STORE_CONFLICT); // it has not ended
    store_command_free(&existing);
    finish(first, COMMAND_READY, COMMAND_REFUSED, WALL_MS);
    assert_int_equal(store_intake(store, &again, false, WALL_MS, &existing), STORE_CONFLICT); // not before that time
    store_command_free(&existing);
    assert_int_equal(store_intake(store, &again, false, WALL_MS + 1, &existing), STORE_NEW);
    assert_true(again.id > first);
    store_command_free(&again);
    assert_int_equal(state_of(first), COMMAND_REFUSED); // the old one is still told of
}

static struct store_command delivered(int64_t packet_id, int64_t epoch, uint64_t digest)
{
    struct store_command command = command_of(NULL, digest);
    command.packet_id = packet_id;
    command.epoch = epoch;
    return command;
}

static void a_redelivered_message_is_known_by_packet_payload_and_topic(void **state)
{
    struct store_command other_topic = delivered(7, 2, 1);
    (void)state;
    assert_int_equal(take(delivered(7, 1, 1), false, NULL), STORE_NEW);
    assert_int_equal(take(delivered(7, 2, 1), true, NULL), STORE_REDELIVERED);
    assert_int_equal(take(delivered(7, 2, 1), false, NULL), STORE_NEW); // no DUP flag: another message
    assert_int_equal(take(delivered(8, 3, 1), true, NULL), STORE_NEW);  // another packet
    assert_int_equal(take(delivered(7, 3, 2), true, NULL), STORE_NEW);  // another payload
    free(other_topic.topics);
    other_topic.topics = strdup("d2/accepted\nd2/rejected\nd2/status\nd2/log");
    assert_int_equal(take(other_topic, true, NULL), STORE_NEW);
}

static void packet_ids_begin_anew_with_a_session(void **state)
{
    (void)state;
    assert_int_equal(take(delivered(7, store_next_epoch(store, true), 1), false, NULL), STORE_NEW);
    assert_int_equal(take(delivered(7, store_next_epoch(store, false), 1), true, NULL), STORE_REDELIVERED);
    store_next_epoch(store, true);
    reopen_journal();
    assert_int_equal(take(delivered(7, store_next_epoch(store, false), 1), true, NULL), STORE_NEW);
}

static void within_one_connection_nothing_is_redelivered(void **state)
{
    (void)state;
    assert_int_equal(take(delivered(7, 1, 1), false, NULL), STORE_NEW);
    assert_int_equal(take(delivered(7, 1, 1), true, NULL), STORE_NEW);
}

static void a_full_journal_refuses_what_is_new_and_only_that(void **state)
{
    struct store_settings settings = settings_of(journal_path);
    (void)state;
    close_journal();
    settings.max_commands = 2;
    open_journal(&settings);
    int64_t first = take_new("r1");
    take_new("r2");
    assert_int_equal(take(command_of("r3", 1), false, NULL), STORE_JOURNAL_FULL);
    assert_int_equal(take(command_of("r1", 1), false, NULL), STORE_REPEAT);
    assert_int_equal(take(command_of("r1", 9), false, NULL), STORE_CONFLICT);
    assert_int_equal(store_count(reader, COMMAND_READY, NULL), 2);
    finish(first, COMMAND_READY, COMMAND_CANCELED, WALL_MS);
    assert_int_equal(take(command_of("r3", 1), false, NULL), STORE_NEW);
    reopen_journal(); // with room again: what is unfinished is counted from the file
    struct store_counts counts;
    store_counts(store, &counts);
    assert_int_equal(counts.open, 2);
}

#define THREADS    8
#define PER_THREAD 40

static void *take_many(void *context)
{
    static const char *const names = "abcdefgh";
    char name[32];
    for (int i = 0; i < PER_THREAD; i++) {
        (void)snprintf(name, sizeof name, "%c%d", names[*(int *)context], i);
        struct store_command command = command_of(name, 1);
        struct store_command existing;
        if (store_intake(store, &command, false, 0, &existing) != STORE_NEW) {
            return context;
        }
        store_command_free(&command);
    }
    return NULL;
}

static void many_threads_get_each_their_commit(void **state)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(store_count(reader, COMMAND_READY, NULL), (int64_t)THREADS * PER_THREAD);
    struct store_counts counts;
    store_counts(store, &counts);
    assert_int_equal(counts.open, (int64_t)THREADS * PER_THREAD);
    assert_true(counts.commits <= (int64_t)THREADS * PER_THREAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_command_is_committed_as_it_was),
        STORE_TEST(the_same_request_again_is_the_same_command),
        STORE_TEST(another_body_under_the_same_id_is_a_conflict),
        STORE_TEST(another_scope_is_another_command),
        STORE_TEST(without_an_id_every_command_is_its_own),
        STORE_TEST(an_id_is_free_again_when_its_command_ended_long_ago),
        STORE_TEST(a_redelivered_message_is_known_by_packet_payload_and_topic),
        STORE_TEST(within_one_connection_nothing_is_redelivered),
        STORE_TEST(packet_ids_begin_anew_with_a_session),
        STORE_TEST(a_full_journal_refuses_what_is_new_and_only_that),
        STORE_TEST(many_threads_get_each_their_commit),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
