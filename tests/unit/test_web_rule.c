// SPDX-License-Identifier: Apache-2.0
// Who may ask for the pages: names of this machine, and the token in either form.
#include "io/web_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cmocka.h>

static void names_of_this_machine(void **state)
{
    (void)state;
    const char *const ours[] = {"localhost",   "LocalHost:80", "127.0.0.1", "127.0.0.1:9464",
                                "127.255.0.1", "[::1]",        "[::1]:9464"};
    const char *const others[] = {"",
                                  "localhost.evil",
                                  "evil",
                                  "127.evil",
                                  "127.0.0.1.evil",
                                  "128.0.0.1",
                                  "10.0.0.1:9464",
                                  "[::2]:9464",
                                  "::1",
                                  "127.0.0.1:",
                                  "127.0.0.1:x",
                                  "[::1",
                                  "127.0.0",
                                  "localhost:80:80",
                                  "127.0.0.1@evil",
                                  ":80",
                                  "[::1]evil",
                                  "localhost\t",
                                  "127.0.0.1:80:evil"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        assert_true(web_host_is_loopback(ours[i]));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (web_host_is_loopback(others[i])) {
            fail_msg("taken for this machine: %s", others[i]);
        }
    }
}

static void the_token_in_either_form(void **state)
{
    (void)state;
    const struct span token = SPAN("Aladdin:open sesame");
    assert_true(web_token_matches("Bearer Aladdin:open sesame", token));
    assert_true(web_token_matches("bEARER Aladdin:open sesame", token));
    assert_true(web_token_matches("Basic eDpBbGFkZGluOm9wZW4gc2VzYW1l", token)); // x:Aladdin:open sesame
    assert_true(web_token_matches("basic OkFsYWRkaW46b3BlbiBzZXNhbWU=", token)); // :Aladdin:open sesame
    const char *const wrong[] = {
        NULL,
        "",
        "Bearer",
        "Bearer ",
        "Bearer Aladdin",
        "Bearer Aladdin:open sesame!",
        "Basic",
        "Basic ",
        "Basic =",
        "Basic !!!!",
        "Basic eDpBbGFkZGlu",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Aladdin:open sesame",
        "Basic eDpBbGFkZGluOm9wZW4gc2VzYW1l=x",
        "Bearer  Aladdin:open sesame",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (web_token_matches(wrong[i], token)) {
            fail_msg("let in: %s", wrong[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_this_machine),
        cmocka_unit_test(the_token_in_either_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
