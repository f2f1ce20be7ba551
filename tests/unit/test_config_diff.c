// SPDX-License-Identifier: Apache-2.0
// io/config_diff: every key of the table shows when it changes, as what it was and is; nothing shows when nothing did.
#include "config_fixture.h"
#include "io/config_diff.h"

#define TOLD_MAX 200

static struct {
    size_t count;
    char keys[TOLD_MAX][128];
    char from[TOLD_MAX][CONFIG_DIFF_TEXT_MAX];
    char to[TOLD_MAX][CONFIG_DIFF_TEXT_MAX];
    unsigned touches[TOLD_MAX];
} told;

static void note(void *context, const struct config_change *change)
{
    assert_ptr_equal(context, &told);
    assert_in_range(told.count, 0, TOLD_MAX - 1);
    (void)snprintf(told.keys[told.count], sizeof told.keys[0], "%s", change->key);
    (void)snprintf(told.from[told.count], sizeof told.from[0], "%s", change->from);
    (void)snprintf(told.to[told.count], sizeof told.to[0], "%s", change->to);
    told.touches[told.count++] = change->touches;
}

static unsigned diff(const struct config *from, const struct config *to)
{
    told.count = 0;
    return config_diff(from, to, note, &told);
}

static void expect(size_t index, const char *key, const char *from, const char *to)
{
    assert_in_range(index, 0, told.count - 1);
    assert_string_equal(told.keys[index], key);
    assert_string_equal(told.from[index], from);
    assert_string_equal(told.to[index], to);
}

static struct config *load(const struct pieces *pieces)
{
    write_pieces(pieces);
    return load_right();
}

static void test_nothing_changed(void **state)
{
    (void)state;
    struct config *a = load(&(struct pieces){0});
    struct config *b = load(&(struct pieces){0});
    assert_int_equal(diff(a, b), 0);
    assert_int_equal(told.count, 0);
    config_free(a);
    config_free(b);
}

static void test_values_of_every_type(void **state)
{
    (void)state;
    struct config *a = load(&(struct pieces){0});
    struct config *b = load(&(struct pieces){
        .broker_2 = "uri = \"tcp://127.0.0.1:1884\"; retain = false; publish_rate = { per_topic = \"30/15s\"; };",
        .api_4 = "token_file = \"token\"; max_in_flight = 7; reconcile = { policy = \"fail\"; };",
        .top_6 = "journal = { keep_done_s = 60; };",
        .job_8 = "actions = [\"execute\", \"delete\"];"});
    unsigned touches = diff(a, b);
    assert_int_equal(told.count, 7);
    expect(0, "broker.uri", "tcp://127.0.0.1:1883", "tcp://127.0.0.1:1884");
    expect(1, "broker.retain", "true", "false");
    expect(2, "broker.publish_rate.per_topic", "", "30/15000ms");
    expect(3, "api.max_in_flight", "32", "7");
    expect(4, "api.reconcile.policy", "reconcile", "fail");
    expect(5, "journal.keep_done_s", "86400", "60");
    expect(6, "jobs[recalibrate].actions", "execute,cancelExecution,get,logs", "execute,delete");
    assert_int_equal(touches & (CONFIG_TOUCH_BROKER | CONFIG_TOUCH_RESTART), CONFIG_TOUCH_BROKER);
    for (size_t i = 2; i < told.count; i++) {
        assert_int_equal(told.touches[i] & (CONFIG_TOUCH_BROKER | CONFIG_TOUCH_RESTART), 0);
    }
    config_free(a);
    config_free(b);
}

static void test_elements_come_and_go_by_name(void **state)
{
    (void)state;
    struct config *a = load(&(struct pieces){.more_12 = ", { name = \"second\"; filter = \"s/{job}/{action}/c\"; "
                                                        "replies = \"s/{job}\"; }"});
    struct config *b = load(&(struct pieces){.more_12 = ", { name = \"third\"; filter = \"t/{job}/{action}/c\"; "
                                                        "replies = \"t/{job}\"; }"});
    assert_true(diff(a, b) & CONFIG_TOUCH_BROKER);
    assert_int_equal(told.count, 2);
    expect(0, "routes[second]", "there", "");
    expect(1, "routes[third]", "", "there");
    // Another order of the same elements is no change.
    struct config_route swapped = b->routes[0];
    b->routes[0] = b->routes[1];
    b->routes[1] = swapped;
    assert_true(diff(a, b) & CONFIG_TOUCH_BROKER);
    assert_int_equal(told.count, 2);
    config_free(a);
    config_free(b);
}

static void test_what_needs_a_restart(void **state)
{
    (void)state;
    struct config *a = load(&(struct pieces){0});
    struct config *b = load(&(struct pieces){.top_6 = "journal = { max_dead = 5; };"});
    assert_int_equal(diff(a, b), CONFIG_TOUCH_RESTART);
    assert_int_equal(told.count, 1);
    config_free(a);
    config_free(b);
}

// A text may be longer than what is shown of it: that it changed is told all the same.
static void test_a_change_beyond_what_is_shown(void **state)
{
    (void)state;
    struct config *a = load(&(struct pieces){0});
    struct config *b = load(&(struct pieces){0});
    char texts[2][CONFIG_DIFF_TEXT_MAX + 8];
    memset(texts, 'x', sizeof texts);
    texts[0][CONFIG_DIFF_TEXT_MAX + 7] = texts[1][CONFIG_DIFF_TEXT_MAX + 7] = '\0';
    texts[1][CONFIG_DIFF_TEXT_MAX + 6] = 'y';
    a->broker.username = texts[0];
    b->broker.username = texts[1];
    assert_int_equal(diff(a, b), CONFIG_TOUCH_BROKER);
    assert_int_equal(told.count, 1);
    assert_int_equal(strlen(told.from[0]), CONFIG_DIFF_TEXT_MAX - 1);
    config_free(a);
    config_free(b);
}

// Each row of the table, without knowing any: its bytes are changed, and exactly this key is told.
static void test_no_key_is_forgotten(void **state)
{
    (void)state;
    struct config *a = load(&(struct pieces){0});
    struct config *b = load(&(struct pieces){0});
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        bool job = strncmp(key->path, "jobs[]", 6) == 0;
        bool route = strncmp(key->path, "routes[]", 8) == 0;
        if (strcmp(key->path, "jobs[].name") == 0 || strcmp(key->path, "routes[].name") == 0) {
            continue; // who it is, not what it is like
        }
        char *field = (job ? (char *)b->jobs : route ? (char *)b->routes : (char *)b) + key->offset;
        char saved[sizeof(const char *)]; // what is changed lies in its first bytes
        size_t size = key->type == CONFIG_BOOL   ? sizeof(bool)
                      : key->type == CONFIG_ENUM ? sizeof(unsigned)
                                                 : sizeof saved;
        size = key->type == CONFIG_ACTIONS ? sizeof(bool) : size;
        memcpy(saved, field, size);
        static const char *const other[] = {"something else"};
        if (key->type == CONFIG_TEXT || key->type == CONFIG_PATH) {
            memcpy(field, other, sizeof other);
        } else {
            field[0] = (char)(field[0] ^ 1);
        }
        (void)diff(a, b);
        assert_int_equal(told.count, 1);
        assert_string_equal(strrchr(told.keys[0], '.'), strrchr(key->path, '.'));
        memcpy(field, saved, size);
    }
    assert_int_equal(diff(a, b), 0);
    config_free(a);
    config_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_changed),
        cmocka_unit_test(test_values_of_every_type),
        cmocka_unit_test(test_elements_come_and_go_by_name),
        cmocka_unit_test(test_what_needs_a_restart),
        cmocka_unit_test(test_a_change_beyond_what_is_shown),
        cmocka_unit_test(test_no_key_is_forgotten),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
