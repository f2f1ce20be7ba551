// SPDX-License-Identifier: Apache-2.0
// The queue between threads: its bounds and doorbell by one thread, its waits and order by several.
// Nothing here sleeps: who waits is woken by the other side, and alarm(2) ends a test that hangs.
#include "base/handoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cmocka.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#define HANG_S 60

static int64_t monotonic_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// Items are small numbers as pointers into this, so that none is NULL by chance.
static char numbers[100001];

static size_t number_of(void *item)
{
    return (size_t)((char *)item - numbers);
}

static void it_is_first_in_first_out_and_bounded(void **state)
{
    (void)state;
    struct handoff h;
    void *items[8];
    assert_int_equal(handoff_init(&h, 3, NULL, NULL), STATUS_OK);
    size_t put = 0;
    size_t taken = 0;
    for (int round = 0; round < 10; round++) { // the ring turns over more than once
        while (handoff_put(&h, numbers + put) == STATUS_OK) {
            put++;
        }
        assert_int_equal(put - taken, 3);
        assert_int_equal(handoff_put(&h, numbers), STATUS_FULL);
        size_t count = handoff_take(&h, items, 2, 0);
        assert_int_equal(count, 2);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(number_of(items[i]), taken++);
        }
    }
    assert_int_equal(handoff_take(&h, items, 8, 0), 1);
    assert_int_equal(number_of(items[0]), taken);
    assert_int_equal(handoff_take(&h, items, 8, 0), 0);
    handoff_free(&h);
    handoff_free(&h); // harmless
}

static void a_queue_for_nothing_is_always_full(void **state)
{
    (void)state;
    struct handoff h;
    void *item;
    assert_int_equal(handoff_init(&h, 0, NULL, NULL), STATUS_OK);
    assert_int_equal(handoff_put(&h, numbers), STATUS_FULL);
    assert_int_equal(handoff_take(&h, &item, 1, 0), 0);
    handoff_free(&h);
}

static void to_take_none_never_waits(void **state)
{
    (void)state;
    struct handoff h;
    assert_int_equal(handoff_init(&h, 1, NULL, NULL), STATUS_OK);
    assert_int_equal(handoff_take(&h, NULL, 0, -1), 0);
    handoff_free(&h);
}

static void a_closed_queue_gives_what_it_has_and_takes_no_more(void **state)
{
    (void)state;
    struct handoff h;
    void *items[4];
    assert_int_equal(handoff_init(&h, 4, NULL, NULL), STATUS_OK);
    assert_int_equal(handoff_put(&h, numbers + 1), STATUS_OK);
    assert_int_equal(handoff_put(&h, numbers + 2), STATUS_OK);
    handoff_close(&h);
    assert_int_equal(handoff_put(&h, numbers + 3), STATUS_CLOSED);
    assert_int_equal(handoff_take(&h, items, 4, -1), 2);
    assert_int_equal(number_of(items[1]), 2);
    assert_int_equal(handoff_take(&h, items, 4, -1), 0); // does not wait
    handoff_free(&h);
}

struct bell {
    struct handoff *handoff;
    size_t rung;
    size_t taken;
    bool takes;
};

static void ring_bell(void *context)
{
    struct bell *bell = context;
    void *items[4];
    bell->rung++;
    if (bell->takes) { // would hang if the lock were held
        bell->taken += handoff_take(bell->handoff, items, 4, 0);
    }
}

static void the_bell_rings_only_when_it_was_empty(void **state)
{
    (void)state;
    struct handoff h;
    struct bell bell = {.handoff = &h};
    void *items[4];
    assert_int_equal(handoff_init(&h, 2, ring_bell, &bell), STATUS_OK);
    assert_int_equal(handoff_put(&h, numbers), STATUS_OK);
    assert_int_equal(bell.rung, 1);
    assert_int_equal(handoff_put(&h, numbers), STATUS_OK);
    assert_int_equal(handoff_put(&h, numbers), STATUS_FULL);
    assert_int_equal(bell.rung, 1);
    assert_int_equal(handoff_take(&h, items, 1, 0), 1);
    assert_int_equal(handoff_put(&h, numbers), STATUS_OK); // one was still in it
    assert_int_equal(bell.rung, 1);
    assert_int_equal(handoff_take(&h, items, 4, 0), 2);
    assert_int_equal(handoff_put(&h, numbers), STATUS_OK);
    assert_int_equal(bell.rung, 2);
    assert_int_equal(handoff_take(&h, items, 4, 0), 1);
    handoff_close(&h);
    assert_int_equal(handoff_put(&h, numbers), STATUS_CLOSED);
    assert_int_equal(bell.rung, 2);
    handoff_free(&h);
}

static void the_bell_may_take(void **state)
{
    (void)state;
    struct handoff h;
    struct bell bell = {.handoff = &h, .takes = true};
    assert_int_equal(handoff_init(&h, 2, ring_bell, &bell), STATUS_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(handoff_put(&h, numbers), STATUS_OK);
    }
    assert_int_equal(bell.rung, 5);
    assert_int_equal(bell.taken, 5);
    handoff_free(&h);
}

static void a_wait_ends_in_time(void **state)
{
    (void)state;
    struct handoff h;
    void *item;
    assert_int_equal(handoff_init(&h, 1, NULL, NULL), STATUS_OK);
    static const int64_t waits_ms[] = {1, 30, 999};
    for (size_t i = 0; i < sizeof waits_ms / sizeof *waits_ms; i++) {
        int64_t start_ms = monotonic_ms();
        assert_int_equal(handoff_take(&h, &item, 1, waits_ms[i]), 0);
        assert_true(monotonic_ms() - start_ms >= waits_ms[i] - 1);
    }
    assert_int_equal(handoff_put(&h, numbers), STATUS_OK);
    assert_int_equal(handoff_take(&h, &item, 1, INT64_MAX), 1); // no wait, no overflow
    handoff_free(&h);
}

static void a_wake_before_the_wait_is_kept(void **state)
{
    (void)state;
    struct handoff h;
    void *item;
    assert_int_equal(handoff_init(&h, 1, NULL, NULL), STATUS_OK);
    handoff_wake(&h);
    handoff_wake(&h);
    assert_int_equal(handoff_take(&h, &item, 1, 0), 0); // did not wait: leaves it
    assert_int_equal(handoff_take(&h, &item, 1, -1), 0);
    assert_int_equal(handoff_take(&h, &item, 1, 1), 0); // used up: this one is by time
    assert_false(h.woken);
    handoff_free(&h);
}

struct taker {
    struct handoff *handoff;
    int64_t timeout_ms;
    size_t got;
    void *items[4];
};

static void *take_once(void *argument)
{
    struct taker *taker = argument;
    taker->got = handoff_take(taker->handoff, taker->items, 4, taker->timeout_ms);
    return NULL;
}

static void a_waiting_taker_is_woken_by_put_wake_and_close(void **state)
{
    (void)state;
    static const int64_t timeouts_ms[] = {-1, INT64_C(2000) * HANG_S, INT64_MAX};
    for (int round = 0; round < 300; round++) { // in some the taker waits already, in some it does not yet
        struct handoff h;
        assert_int_equal(handoff_init(&h, 4, NULL, NULL), STATUS_OK);
        struct taker taker = {.handoff = &h, .timeout_ms = timeouts_ms[round / 3 % 3]};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, take_once, &taker), 0);
        for (int i = round % 7; i > 0; i--) {
            sched_yield();
        }
        if (round % 3 == 0) {
            assert_int_equal(handoff_put(&h, numbers + round), STATUS_OK);
        } else if (round % 3 == 1) {
            handoff_wake(&h);
        } else {
            handoff_close(&h);
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(taker.got, round % 3 == 0 ? 1 : 0);
        if (taker.got == 1) {
            assert_int_equal(number_of(taker.items[0]), round);
        }
        handoff_free(&h);
    }
}

#define PRODUCERS 4
#define EACH      5000

struct producer {
    struct handoff *handoff;
    size_t first;
};

static void *produce(void *argument)
{
    struct producer *producer = argument;
    for (size_t i = 0; i < EACH;) {
        if (handoff_put(producer->handoff, numbers + producer->first + i) == STATUS_OK) {
            i++;
        } else {
            sched_yield(); // full: the taker has the next turn
        }
    }
    return NULL;
}

static void many_threads_lose_nothing_and_keep_their_order(void **state)
{
    (void)state;
    struct handoff h;
    pthread_t threads[PRODUCERS];
    struct producer producers[PRODUCERS];
    size_t next[PRODUCERS] = {0};
    assert_int_equal(handoff_init(&h, 16, NULL, NULL), STATUS_OK);
    for (size_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){&h, i * EACH};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    for (size_t total = 0; total < (size_t)PRODUCERS * EACH;) {
        void *items[5];
        size_t count = handoff_take(&h, items, 5, -1);
        assert_in_range(count, 1, 5);
        for (size_t i = 0; i < count; i++) {
            size_t number = number_of(items[i]);
            assert_int_equal(number % EACH, next[number / EACH]++);
        }
        total += count;
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    void *item;
    assert_int_equal(handoff_take(&h, &item, 1, 0), 0);
    handoff_free(&h);
}

int main(void)
{
    alarm(HANG_S);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_first_in_first_out_and_bounded),
        cmocka_unit_test(a_queue_for_nothing_is_always_full),
        cmocka_unit_test(to_take_none_never_waits),
        cmocka_unit_test(a_closed_queue_gives_what_it_has_and_takes_no_more),
        cmocka_unit_test(the_bell_rings_only_when_it_was_empty),
        cmocka_unit_test(the_bell_may_take),
        cmocka_unit_test(a_wait_ends_in_time),
        cmocka_unit_test(a_wake_before_the_wait_is_kept),
        cmocka_unit_test(a_waiting_taker_is_woken_by_put_wake_and_close),
        cmocka_unit_test(many_threads_lose_nothing_and_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
