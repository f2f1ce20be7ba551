// SPDX-License-Identifier: Apache-2.0
// A wait ends by the signal or by its time.
#include "base/clock.h"
#include "base/cond.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LONG_MS  60000
#define SHORT_MS 1030 // more than a second, and not a whole one

struct bell {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool rung;
};

static void *ring(void *context)
{
    struct bell *bell = context;
    pthread_mutex_lock(&bell->lock);
    bell->rung = true;
    pthread_cond_signal(&bell->cond);
    pthread_mutex_unlock(&bell->lock);
    return NULL;
}

static void a_signal_ends_it(void **state)
{
    struct bell bell = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct clock clock = clock_real();
    pthread_t thread;
    (void)state;
    cond_init(&bell.cond);
    int64_t begun_ms = clock_now_ms(&clock);
    pthread_mutex_lock(&bell.lock);
    assert_int_equal(pthread_create(&thread, NULL, ring, &bell), 0);
    while (!bell.rung && clock_now_ms(&clock) - begun_ms < LONG_MS) {
        cond_wait_ms(&bell.cond, &bell.lock, LONG_MS);
    }
    pthread_mutex_unlock(&bell.lock);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(clock_now_ms(&clock) - begun_ms < LONG_MS);
}

static void time_ends_it(void **state)
{
    struct bell bell = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct clock clock = clock_real();
    (void)state;
    cond_init(&bell.cond);
    int64_t begun_ms = clock_now_ms(&clock);
    pthread_mutex_lock(&bell.lock);
    while (clock_now_ms(&clock) - begun_ms < SHORT_MS) { // it may also end without a reason
        cond_wait_ms(&bell.cond, &bell.lock, SHORT_MS);
    }
    pthread_mutex_unlock(&bell.lock);
    assert_true(clock_now_ms(&clock) - begun_ms < LONG_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_ends_it),
        cmocka_unit_test(time_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
