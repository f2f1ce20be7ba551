// SPDX-License-Identifier: Apache-2.0
// The sleep that something to read ends: once for each poll, and short while a thread has nothing to read from. The
// poll that a connection ends.
#include "base/clock.h"
#include "io/mqtt_fair.h"
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_US  30000000 // never to its end
#define SHORT_US 30000
#define WHOLE_US 400000

static int ends[2]; // of a pipe
static struct clock real;

static int make_pipe(void **state)
{
    (void)state;
    real = clock_real();
    mqtt_fair_waiting(0); // else nothing asks for the file under test, and a sanitizer's own poll() and usleep() serve
    return pipe(ends);
}

static int close_pipe(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static int64_t slept_ms(useconds_t us)
{
    int64_t begun_ms = clock_now_ms(&real);
    usleep(us);
    return clock_now_ms(&real) - begun_ms;
}

static void poll_for_reading(void)
{
    struct pollfd fd = {.fd = ends[0], .events = POLLIN};
    assert_true(poll(&fd, 1, 0) >= 0);
}

static void *send_a_byte(void *context)
{
    (void)context;
    assert_int_equal(write(ends[1], "x", 1), 1);
    return NULL;
}

static void a_message_ends_a_sleep(void **state)
{
    pthread_t thread;
    (void)state;
    poll_for_reading();
    assert_int_equal(pthread_create(&thread, NULL, send_a_byte, NULL), 0);
    assert_true(slept_ms(LONG_US) < LONG_US / 1000);
    pthread_join(thread, NULL);
}

static void without_a_poll_between_the_next_is_a_whole_one(void **state)
{
    (void)state;
    assert_int_equal(write(ends[1], "x", 1), 1);
    poll_for_reading();
    assert_true(slept_ms(LONG_US) < LONG_US / 1000);
    assert_true(slept_ms(SHORT_US) >= SHORT_US / 1000);
}

static void *nap_many_times(void *context)
{
    int *naps = context;
    while (*naps < 1000 && slept_ms(WHOLE_US) < WHOLE_US / 1000) {
        ++*naps;
    }
    return NULL;
}

// It may get something to read from at any moment; but if it does not, it must not wake for ever.
static void a_thread_that_has_not_read_yet_naps_for_a_while(void **state)
{
    pthread_t thread;
    int naps = 0;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, nap_many_times, &naps), 0);
    pthread_join(thread, NULL);
    assert_in_range(naps, 1, 100);
}

static int64_t polled_ms(int fd, int timeout_ms, int expected)
{
    struct pollfd fds = {.fd = fd, .events = POLLIN | POLLNVAL}; // as Paho does
    int64_t begun_ms = clock_now_ms(&real);
    assert_int_equal(poll(&fds, 1, timeout_ms), expected);
    assert_int_equal(fds.events, POLLIN | POLLNVAL);
    assert_int_equal(fds.revents, expected ? POLLIN : 0);
    return clock_now_ms(&real) - begun_ms;
}

static void the_first_poll_of_a_connection_ends_when_it_is_established(void **state)
{
    int pair[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_true(polled_ms(pair[0], LONG_US / 1000, 0) < LONG_US / 1000);
    assert_true(polled_ms(pair[0], SHORT_US / 1000, 0) >= SHORT_US / 1000);
    slept_ms(0); // two sleeps without a poll between: there was no connection, and the number may be another's
    slept_ms(0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_true(polled_ms(pair[0], LONG_US / 1000, 1) < LONG_US / 1000);
    assert_true(polled_ms(pair[0], LONG_US / 1000, 1) < LONG_US / 1000);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_ends_a_sleep, make_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(without_a_poll_between_the_next_is_a_whole_one, make_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(a_thread_that_has_not_read_yet_naps_for_a_while, make_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(the_first_poll_of_a_connection_ends_when_it_is_established, make_pipe,
                                        close_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
