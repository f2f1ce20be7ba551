// SPDX-License-Identifier: Apache-2.0
// The readers of other people's formats that `jobbridge probe` uses.
#include "cli/cli_parse.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// The middle parts are base64url of the JSON beside them.
static void test_token_expiry(void **state)
{
    static const struct {
        const char *token;
        int64_t expiry_ms;
    } cases[] = {
        {"h.eyJleHAiOjE3OTU2MDAwMDB9.s", 1795600000000},    // {"exp":1795600000}
        {"h.eyJleHAiOjE3OTU2MDAwMDAuNX0.s", 1795600000000}, // {"exp":1795600000.5}
        {"h.eyJhIjoiPz8-In0.s", 0},                         // {"a":"??>"}, with a letter that base64 proper has not
        {"h.e30.s", 0},                                     // {}
        {"h.eyJleHAiOiJzb29uIn0.s", -1},                    // {"exp":"soon"}
        {"h.eyJleHAiOi0xfQ.s", -1},                         // {"exp":-1}
        {"h.eyJleHAiOjFlOTl9.s", -1},                       // {"exp":1e99}
        {"h.W10.s", -1},                                    // []
        {"h.e30=.s", -1},
        {"h.e3.s", -1},
        {"h.e.s", -1},
        {"h..s", -1},
        {"h.e30", -1},
        {"opaque", -1},
        {"", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cli_token_expiry(span_of(cases[i].token)) != cases[i].expiry_ms) {
            fail_msg("%s", cases[i].token);
        }
    }
}

static void test_broker_url(void **state)
{
    static const struct {
        const char *uri;
        const char *url; // NULL: none
    } cases[] = {
        {"tcp://broker", "http://broker:1883"},
        {"tcp://broker:1", "http://broker:1"},
        {"ssl://broker", "https://broker:8883"},
        {"ws://broker/mqtt", "http://broker:80"},
        {"wss://broker:8443/mqtt", "https://broker:8443"},
        {"tcp://[::1]", "http://[::1]:1883"},
        {"ssl://[::1]:1", "https://[::1]:1"},
        {"tcp://", NULL},
        {"broker", NULL},
        {"ftp://broker", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes url;
        bytes_init(&url, 256);
        enum status rc = cli_broker_url(cases[i].uri, &url);
        assert_int_equal(rc, cases[i].url ? STATUS_OK : STATUS_INVALID);
        if (cases[i].url) {
            assert_string_equal(bytes_text(&url), cases[i].url);
        }
        bytes_free(&url);
    }
}

static void test_certificates(void **state)
{
    (void)state;
    assert_int_equal(cli_pem_count(SPAN("")), 0);
    assert_int_equal(cli_pem_count(SPAN("-----BEGIN PRIVATE KEY-----\n")), 0);
    assert_int_equal(cli_pem_count(SPAN("# -----BEGIN CERTIFICATE-----\n")), 0);
    assert_int_equal(cli_pem_count(SPAN("-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"
                                        "-----BEGIN TRUSTED CERTIFICATE-----\nAA\n-----END TRUSTED CERTIFICATE-----\n"
                                        "-----BEGIN CERTIFICATE-----")),
                     3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_token_expiry), cmocka_unit_test(test_broker_url),
                                       cmocka_unit_test(test_certificates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
