// SPDX-License-Identifier: Apache-2.0
// The outbox and what goes out of the journal: order, removal, messages made superfluous, pruning, dead letters.
#include "rules/route.h"
#include "store_fixture.h"

static void put(const char *payload, int64_t progress_of)
{
    struct store_change *change = store_change_new();
    tell(change, "t", payload, progress_of);
    submit(change);
}

static void messages_keep_their_order(void **state)
{
    struct store_change *change = store_change_new();
    (void)state;
    tell(change, "t", "a", 0);
    tell(change, "t", "b", 0);
    submit(change);
    put("c", 0);
    assert_string_equal(outbox_text(NULL, 0), "a b c");
    reopen_journal();
    put("d", 0);
    assert_string_equal(outbox_text(NULL, 0), "a b c d");
}

static void a_message_comes_back_as_it_was(void **state)
{
    static const char payload[] = "\0\xff x";
    struct store_change *change = store_change_new();
    (void)state;
    change->messages = store_message_new(SPAN("a/b"), (struct span){payload, 4}, true, SPAN("\x01\0\x02"), 5);
    change->messages->next = store_message_new(SPAN("c"), SPAN_NONE, false, SPAN_NONE, 0);
    submit(change);
    struct store_message *first = store_next_messages(reader, 0, 10);
    struct store_message *second = first->next;
    assert_true(span_is(first->topic, "a/b"));
    assert_int_equal(first->payload.len, 4);
    assert_memory_equal(first->payload.at, payload, 4);
    assert_int_equal(first->correlation.len, 3);
    assert_memory_equal(first->correlation.at, "\x01\0\x02", 3);
    assert_true(first->retain);
    assert_int_equal(first->progress_of, 5);
    assert_true(span_is(second->topic, "c"));
    assert_int_equal(second->payload.len, 0);
    assert_false(second->retain);
    assert_null(second->next);
    free(first);
    free(second);
}

static void reading_goes_on_behind_an_id(void **state)
{
    int64_t ids[3] = {0};
    (void)state;
    put("a", 0);
    put("b", 0);
    put("c", 0);
    outbox_text(ids, 3);
    struct store_message *message = store_next_messages(reader, ids[0], 1);
    assert_int_equal(message->id, ids[1]);
    assert_null(message->next);
    free(message);
    assert_null(store_next_messages(reader, ids[2], 10));
}

static void what_is_removed_is_gone_and_its_id_never_comes_again(void **state)
{
    int64_t ids[3] = {0};
    int64_t left[3] = {0};
    struct store_change *change = store_change_new();
    struct store_counts counts;
    (void)state;
    put("a", 0);
    put("b", 0);
    put("c", 0);
    outbox_text(ids, 3);
    change->remove = malloc(2 * sizeof *change->remove);
    change->remove[0] = ids[0];
    change->remove[1] = ids[2];
    change->remove_count = 2;
    submit(change);
    assert_string_equal(outbox_text(NULL, 0), "b");
    store_counts(store, &counts);
    assert_int_equal(counts.outbox, 1);
    put("d", 0);
    assert_string_equal(outbox_text(left, 3), "b d");
    assert_true(left[1] > ids[2]);
}

static void remove_one(int64_t id)
{
    struct store_change *change = store_change_new();
    change->remove = malloc(sizeof *change->remove);
    change->remove[0] = id;
    change->remove_count = 1;
    submit(change);
}

// A message that is published again after a reconnect is acknowledged, and removed, twice.
static void what_is_removed_twice_counts_once(void **state)
{
    int64_t ids[2] = {0};
    struct store_counts counts;
    (void)state;
    put("a", 0);
    put("b", 0);
    outbox_text(ids, 2);
    remove_one(ids[0]);
    remove_one(ids[0]);
    store_counts(store, &counts);
    assert_int_equal(counts.outbox, 1);
    remove_one(ids[1]);
    store_counts(store, &counts);
    assert_int_equal(counts.outbox, 0);
}

static void progress_that_has_not_left_is_replaced(void **state)
{
    int64_t ids[4] = {0};
    struct store_change *change = store_change_new();
    (void)state;
    put("left", 7);
    put("old", 7);
    put("of-another", 8);
    put("must-go", 0);
    outbox_text(ids, 4);
    change->supersede_of = 7;
    change->supersede_above = ids[0];
    tell(change, "t", "new", 7);
    submit(change);
    assert_string_equal(outbox_text(NULL, 0), "left of-another must-go new");
    struct store_counts counts;
    store_counts(store, &counts);
    assert_int_equal(counts.outbox, 4);
}

// The number of changes that it took to come to the end.
static size_t prune(int64_t before_ms)
{
    int64_t after = 0;
    size_t parts = 0;
    do {
        struct store_change *change = store_change_new();
        change->prune_before_ms = before_ms;
        change->prune_after_id = after;
        after = submit(change).pruned_up_to;
        parts++;
    } while (after != 0);
    return parts;
}

static void what_ended_long_enough_ago_is_pruned(void **state)
{
    (void)state;
    int64_t old = take_new("old");
    int64_t young = take_new("young");
    int64_t open = take_new("open");
    finish(old, COMMAND_READY, COMMAND_DONE, WALL_MS + 1000);
    finish(young, COMMAND_READY, COMMAND_DONE, WALL_MS + 2000);
    prune(WALL_MS + 1000);
    assert_int_equal(state_of(old), COMMAND_DONE);
    prune(WALL_MS + 2000);
    assert_int_equal(state_of(old), 0);
    assert_int_equal(state_of(young), COMMAND_DONE);
    prune(INT64_MAX);
    assert_int_equal(state_of(young), 0);
    assert_int_equal(state_of(open), COMMAND_READY); // never what is not finished
    assert_int_equal(take(command_of("old", 99), false, NULL), STORE_NEW);
}

static void many_are_pruned_in_parts(void **state)
{
    int64_t ids[STORE_PRUNE_SCAN_MAX + 50];
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        ids[i] = take_new(NULL);
        finish(ids[i], COMMAND_READY, COMMAND_DONE, WALL_MS);
    }
    assert_int_equal(prune(INT64_MAX), 2);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_int_equal(state_of(ids[i]), 0);
    }
}

static void ids_are_not_used_again_after_pruning(void **state)
{
    (void)state;
    take_new("r1");
    int64_t last = take_new("r2");
    finish(last, COMMAND_READY, COMMAND_DONE, WALL_MS);
    assert_int_equal(prune(INT64_MAX), 1);
    reopen_journal();
    assert_true(take_new("r3") > last);
}

static void a_retained_status_on_a_topic_of_its_own_is_cleared(void **state)
{
    struct store_command command = command_of("r1", 1);
    char topics[128];
    int64_t id = 0;
    (void)state;
    free(command.topics);
    (void)snprintf(topics, sizeof topics, "a\nr\nruns/%c/status\nl", ROUTE_EXECUTION_MARK);
    command.topics = strdup(topics);
    assert_int_equal(take(command, false, &id), STORE_NEW);
    struct store_change *change = move_of(id, COMMAND_READY, COMMAND_DONE);
    change->fields = STORE_SET_RESULT;
    strcpy(change->execution_id, "aaaaaaaaaaaaaaaaaaaaaaaa");
    change->done_ms = change->ended_ms = WALL_MS;
    submit(change);
    assert_int_equal(prune(INT64_MAX), 1);
    struct store_message *message = store_next_messages(reader, 0, 10);
    assert_non_null(message);
    assert_true(span_is(message->topic, "runs/aaaaaaaaaaaaaaaaaaaaaaaa/status"));
    assert_int_equal(message->payload.len, 0);
    assert_true(message->retain);
    assert_null(message->next);
    free(message);
    struct store_counts counts;
    store_counts(store, &counts);
    assert_int_equal(counts.outbox, 1);
}

static void store_submit_wait_returns_after_the_commit(void **state)
{
    struct store_change *change = store_change_new();
    (void)state;
    tell(change, "t", "a", 0);
    change->dead_topic = SPAN("x/y");
    change->dead_payload = SPAN("p");
    change->dead_reason = "no route";
    change->done_ms = WALL_MS;
    assert_int_equal(store_submit_wait(store, change), STATUS_OK);
    assert_string_equal(outbox_text(NULL, 0), "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(messages_keep_their_order),
        STORE_TEST(a_message_comes_back_as_it_was),
        STORE_TEST(reading_goes_on_behind_an_id),
        STORE_TEST(what_is_removed_is_gone_and_its_id_never_comes_again),
        STORE_TEST(what_is_removed_twice_counts_once),
        STORE_TEST(progress_that_has_not_left_is_replaced),
        STORE_TEST(what_ended_long_enough_ago_is_pruned),
        STORE_TEST(many_are_pruned_in_parts),
        STORE_TEST(ids_are_not_used_again_after_pruning),
        STORE_TEST(a_retained_status_on_a_topic_of_its_own_is_cleared),
        STORE_TEST(store_submit_wait_returns_after_the_commit),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
