// SPDX-License-Identifier: Apache-2.0
// io/service: what a service manager hears, on a socket of the test's own, and signals as events.
#include "io/service.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/jobbridge-notify-XXXXXX/socket";
static int manager;

static int listen_as_manager(void **state)
{
    (void)state;
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_non_null(mkdtemp(path));
    *slash = '/';
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(manager >= 0);
    assert_int_equal(bind(manager, (const struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    return 0;
}

static int stop_listening(void **state)
{
    (void)state;
    close(manager);
    unlink(path);
    *strrchr(path, '/') = '\0';
    return rmdir(path);
}

static const char *heard(void)
{
    static char text[512];
    ssize_t len = recv(manager, text, sizeof text - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void test_what_the_manager_hears(void **state)
{
    (void)state;
    service_ready("connected");
    assert_string_equal(heard(), "READY=1\nSTATUS=connected");
    service_ready("away:\nSTOPPING=1");
    assert_string_equal(heard(), "READY=1\nSTATUS=away: STOPPING=1");
    service_status("away:\nREADY=1");
    assert_string_equal(heard(), "STATUS=away: READY=1");
    service_reloading();
    assert_int_equal(strncmp(heard(), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
    service_stopping();
    assert_string_equal(heard(), "STOPPING=1");
}

static void test_the_watchdog_is_fed_at_a_third_of_its_time(void **state)
{
    (void)state;
    setenv("WATCHDOG_USEC", "3000000", 1);
    service_alive(10000);
    assert_string_equal(heard(), "WATCHDOG=1");
    service_alive(10999);
    assert_string_equal(heard(), "");
    service_alive(11000);
    assert_string_equal(heard(), "WATCHDOG=1");
}

static void test_without_a_manager_nothing_happens(void **state)
{
    (void)state;
    setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
    service_stopping();
    setenv("NOTIFY_SOCKET", "relative", 1);
    service_stopping();
    unsetenv("NOTIFY_SOCKET");
    service_stopping();
    assert_string_equal(heard(), "");
}

static void test_signals_are_events(void **state)
{
    (void)state;
    int fd = service_signals();
    assert_true(fd >= 0);
    assert_int_equal(service_next(fd), SERVICE_NONE);
    raise(SIGHUP);
    assert_int_equal(service_next(fd), SERVICE_RELOAD);
    raise(SIGTERM);
    assert_int_equal(service_next(fd), SERVICE_STOP);
    raise(SIGINT);
    assert_int_equal(service_next(fd), SERVICE_STOP);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_manager_hears),
        cmocka_unit_test(test_the_watchdog_is_fed_at_a_third_of_its_time),
        cmocka_unit_test(test_without_a_manager_nothing_happens),
        cmocka_unit_test(test_signals_are_events),
    };
    return cmocka_run_group_tests(tests, listen_as_manager, stop_listening);
}
