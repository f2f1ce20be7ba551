// SPDX-License-Identifier: Apache-2.0
// The agenda: order, bounds, and a long random use against a plain list.
#include "rules/agenda.h"

#include "base/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cmocka.h>

static void an_empty_agenda_has_nothing_due(void **state)
{
    (void)state;
    struct agenda a;
    int64_t id = 7;
    agenda_init(&a, 10);
    assert_int_equal(agenda_wait_ms(&a, 0), -1);
    assert_false(agenda_take(&a, INT64_MAX, &id));
    assert_int_equal(id, 7);
    agenda_free(&a);
}

static void the_earliest_comes_first_and_not_too_early(void **state)
{
    (void)state;
    struct agenda a;
    int64_t id = 0;
    agenda_init(&a, 10);
    assert_int_equal(agenda_add(&a, 300, 3), STATUS_OK);
    assert_int_equal(agenda_add(&a, 100, 1), STATUS_OK);
    assert_int_equal(agenda_add(&a, 200, 2), STATUS_OK);
    assert_int_equal(agenda_wait_ms(&a, 40), 60);
    assert_int_equal(agenda_wait_ms(&a, 99), 1);
    assert_false(agenda_take(&a, 99, &id));
    assert_int_equal(agenda_wait_ms(&a, 100), 0);
    assert_true(agenda_take(&a, 100, &id));
    assert_int_equal(id, 1);
    assert_false(agenda_take(&a, 199, &id));
    assert_int_equal(agenda_wait_ms(&a, 1000), 0);
    assert_true(agenda_take(&a, 1000, &id));
    assert_int_equal(id, 2);
    assert_true(agenda_take(&a, 1000, &id));
    assert_int_equal(id, 3);
    assert_false(agenda_take(&a, 1000, &id));
    agenda_free(&a);
}

static void what_is_due_together_comes_by_id(void **state)
{
    (void)state;
    struct agenda a;
    agenda_init(&a, 100);
    for (int64_t i = 0; i < 50; i++) {
        assert_int_equal(agenda_add(&a, 5, (i * 37) % 50), STATUS_OK); // every id once, not in order
    }
    assert_int_equal(agenda_add(&a, 5, 20), STATUS_OK); // and one twice
    int64_t last = -1;
    int64_t id;
    int twice = 0;
    while (agenda_take(&a, 5, &id)) {
        twice += id == last;
        assert_true(id == last || id == last + 1);
        last = id;
    }
    assert_int_equal(last, 49);
    assert_int_equal(twice, 1);
    agenda_free(&a);
}

static void the_maximum_holds(void **state)
{
    (void)state;
    static const size_t maxima[] = {0, 1, 15, 16, 17, 100};
    for (size_t m = 0; m < sizeof maxima / sizeof *maxima; m++) {
        struct agenda a;
        int64_t id;
        agenda_init(&a, maxima[m]);
        for (size_t i = 0; i < maxima[m]; i++) {
            assert_int_equal(agenda_add(&a, (int64_t)i, (int64_t)i), STATUS_OK);
        }
        assert_int_equal(agenda_add(&a, 0, 0), STATUS_FULL);
        assert_int_equal(a.count, maxima[m]);
        if (maxima[m] > 0) { // room again after one is taken
            assert_true(agenda_take(&a, 1000, &id));
            assert_int_equal(agenda_add(&a, 0, 0), STATUS_OK);
            assert_int_equal(agenda_add(&a, 0, 0), STATUS_FULL);
        }
        agenda_free(&a);
        assert_int_equal(agenda_wait_ms(&a, 0), -1);
        assert_int_equal(agenda_add(&a, 0, 0), maxima[m] > 0 ? STATUS_OK : STATUS_FULL); // usable again
        agenda_free(&a);
    }
}

static void the_ends_of_time_do_not_overflow(void **state)
{
    (void)state;
    struct agenda a;
    int64_t id;
    agenda_init(&a, 10);
    assert_int_equal(agenda_add(&a, INT64_MAX, 2), STATUS_OK);
    assert_int_equal(agenda_wait_ms(&a, -1), INT64_MAX);
    assert_int_equal(agenda_wait_ms(&a, INT64_MIN), INT64_MAX);
    assert_int_equal(agenda_wait_ms(&a, INT64_MAX), 0);
    assert_int_equal(agenda_add(&a, INT64_MIN, 1), STATUS_OK);
    assert_int_equal(agenda_wait_ms(&a, INT64_MAX), 0);
    assert_int_equal(agenda_wait_ms(&a, INT64_MIN), 0);
    assert_true(agenda_take(&a, INT64_MIN, &id));
    assert_int_equal(id, 1);
    agenda_free(&a);
}

#define MODEL_MAX 200

static struct {
    struct agenda_item items[MODEL_MAX];
    size_t count;
} model;

// The place of the earliest item, found by looking at all.
static size_t model_first(void)
{
    size_t first = 0;
    for (size_t i = 1; i < model.count; i++) {
        struct agenda_item a = model.items[i];
        struct agenda_item b = model.items[first];
        first = a.due_ms < b.due_ms || (a.due_ms == b.due_ms && a.id < b.id) ? i : first;
    }
    return first;
}

static void it_agrees_with_a_plain_list(void **state)
{
    (void)state;
    struct random random;
    struct agenda a;
    random_seed(&random, 1);
    agenda_init(&a, MODEL_MAX);
    model.count = 0;
    int64_t now_ms = 0;
    size_t full = 0;
    for (int step = 0; step < 40000; step++) {
        // The mix swings, so that it runs full and empty again and again.
        if (random_below(&random, 100) < (step / 1000 % 2 ? 35U : 65U)) {
            struct agenda_item item = {now_ms + (int64_t)random_below(&random, 50), (int64_t)random_below(&random, 20)};
            enum status rc = agenda_add(&a, item.due_ms, item.id);
            assert_int_equal(rc, model.count < MODEL_MAX ? STATUS_OK : STATUS_FULL);
            full += rc == STATUS_FULL;
            if (rc == STATUS_OK) {
                model.items[model.count++] = item;
            }
        } else {
            int64_t id = -1;
            bool took = agenda_take(&a, now_ms, &id);
            size_t first = model_first();
            assert_int_equal(took, model.count > 0 && model.items[first].due_ms <= now_ms);
            if (took) {
                assert_int_equal(id, model.items[first].id);
                model.items[first] = model.items[--model.count];
            } else {
                now_ms += 5;
            }
        }
        assert_int_equal(a.count, model.count);
        int64_t due_ms = model.count > 0 ? model.items[model_first()].due_ms : 0;
        int64_t expected = model.count == 0 ? -1 : due_ms > now_ms ? due_ms - now_ms : 0;
        assert_int_equal(agenda_wait_ms(&a, now_ms), expected);
    }
    assert_true(full > 0);
    agenda_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_agenda_has_nothing_due),
        cmocka_unit_test(the_earliest_comes_first_and_not_too_early),
        cmocka_unit_test(what_is_due_together_comes_by_id),
        cmocka_unit_test(the_maximum_holds),
        cmocka_unit_test(the_ends_of_time_do_not_overflow),
        cmocka_unit_test(it_agrees_with_a_plain_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
