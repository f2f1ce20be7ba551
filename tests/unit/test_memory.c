// SPDX-License-Identifier: Apache-2.0
// What happens without memory, and with less of it: a process of its own ends at once, with the code and the words that
// tell why.
#include "base/memory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#define SURVIVED 99 // exit code of a child that was let go on

static void ask_for_nothing(void)
{
    memory_must(NULL);
}

static void check_nothing(void)
{
    memory_check(0);
}

static void check_something(void)
{
    memory_check(1);
    memory_check(-1);
}

// Runs a function in a child; its exit code, and what it said on standard error.
static int run_in_child(void (*function)(void), char *said, size_t said_bytes)
{
    int ends[2];
    int code = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        function();
        _exit(SURVIVED);
    }
    close(ends[1]);
    size_t len = 0;
    ssize_t got = 0;
    while (len + 1 < said_bytes && (got = read(ends[0], said + len, said_bytes - 1 - len)) > 0) {
        len += (size_t)got;
    }
    said[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    return WEXITSTATUS(code);
}

static void what_is_there_is_given_back(void **state)
{
    int something = 1;
    (void)state;
    assert_ptr_equal(memory_must(&something), &something);
}

static void nothing_ends_the_process(void **state)
{
    char said[256];
    (void)state;
    assert_int_equal(run_in_child(ask_for_nothing, said, sizeof said), EX_OSERR);
    assert_non_null(strstr(said, "out of memory"));
    assert_int_equal(said[strlen(said) - 1], '\n');
}

static void a_failed_check_ends_the_process(void **state)
{
    char said[256];
    (void)state;
    assert_int_equal(run_in_child(check_nothing, said, sizeof said), EX_OSERR);
    assert_non_null(strstr(said, "out of memory"));
}

static void a_check_that_holds_does_nothing(void **state)
{
    char said[256];
    (void)state;
    assert_int_equal(run_in_child(check_something, said, sizeof said), SURVIVED);
    assert_string_equal(said, "");
}

static void release_and_go_on(void)
{
    memory_release_code();
    memory_check(strcmp("go", "on") != 0);
}

static void code_that_was_released_comes_back(void **state)
{
    char said[256];
    (void)state;
    assert_int_equal(run_in_child(release_and_go_on, said, sizeof said), SURVIVED);
    assert_string_equal(said, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_given_back),       cmocka_unit_test(nothing_ends_the_process),
        cmocka_unit_test(a_failed_check_ends_the_process),   cmocka_unit_test(a_check_that_holds_does_nothing),
        cmocka_unit_test(code_that_was_released_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
