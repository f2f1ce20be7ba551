// SPDX-License-Identifier: Apache-2.0
// The pure parts of `jobbridge call`: from a job to its topic, and from a reply to a line and an exit code.
#include "cli/cli_address.h"
#include "cli/cli_reply.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>

static struct config_route routes[] = {
    {.name = "fixed",
     .filter = "{pump}/alarm",
     .job = "tune",
     .action = "execute",
     .context = "",
     .accepted = "told/{pump}",
     .rejected = "told/{pump}",
     .status = "told/{pump}/{executionId}/x-{executionId}",
     .log = "told/{requestId}"},
    {.name = "devices",
     .filter = "devices/{device}/jobs/{job}/cmd/{action}",
     .job = "",
     .action = "",
     .context = "",
     .accepted = "devices/{device}/accepted",
     .rejected = "devices/{device}/rejected",
     .status = "devices/{device}/status",
     .log = "devices/{device}/log"},
    {.name = "late",
     .filter = "devices/d9/{x}/{job}/cmd/{action}",
     .job = "",
     .action = "",
     .context = "",
     .accepted = "late",
     .rejected = "late",
     .status = "late",
     .log = "late"},
    {.name = "wild",
     .filter = "wild/+/{job}",
     .job = "",
     .action = "get",
     .context = "",
     .accepted = "w",
     .rejected = "w",
     .status = "w",
     .log = "w"},
    {.name = "any",
     .filter = "any",
     .job = "tune",
     .action = "execute",
     .context = "{}",
     .accepted = "a",
     .rejected = "a",
     .status = "a",
     .log = "a"},
};
static const struct config config = {.routes = routes, .route_count = sizeof routes / sizeof routes[0]};

static enum status find(const char *job, const char *action, const char *const *captures, size_t count,
                        struct cli_address *address, struct bytes *why)
{
    struct cli_wish wish = {job, action, "r/1", captures, count};
    bytes_init(why, CLI_ADDRESS_WHY_BYTES);
    return cli_address_find(&config, &wish, address, why);
}

static void expect(const char *job, const char *action, const char *capture, const char *topic, const char *status)
{
    struct cli_address address;
    struct bytes why;
    assert_int_equal(find(job, action, &capture, 1, &address, &why), STATUS_OK);
    assert_string_equal(bytes_text(&address.topic), topic);
    assert_string_equal(bytes_text(&address.replies[CLI_REPLY_STATUS]), status);
    cli_address_free(&address);
    bytes_free(&why);
}

static void expect_none(const char *job, const char *action, const char *capture, const char *text)
{
    struct cli_address address;
    struct bytes why;
    assert_int_equal(find(job, action, &capture, capture != NULL, &address, &why), STATUS_NOT_FOUND);
    assert_non_null(strstr(bytes_text(&why), text));
    cli_address_free(&address);
    bytes_free(&why);
}

static void test_addresses(void **state)
{
    (void)state;
    expect("tune", "execute", "pump=p1", "p1/alarm", "told/p1/+/+");
    expect("tune", "execute", "device=d1", "devices/d1/jobs/tune/cmd/execute", "devices/d1/status");
    expect("tune", "get", "device=d=1", "devices/d=1/jobs/tune/cmd/get", "devices/d=1/status");
}

static void test_addresses_that_are_none(void **state)
{
    (void)state;
    expect_none("tune", "get", NULL, "route fixed is for the action execute");
    expect_none("other", "get", NULL, "route fixed is for the job tune");
    expect_none("tune", "get", NULL, "route devices needs --capture NAME=VALUE for device");
    expect_none("tune", "get", NULL, "route wild has a wildcard");
    expect_none("tune", "execute", NULL, "route any makes a command of any message");
    expect_none("tune", "get", "device=a/b", "does not match");
    expect_none("tune", "get", "device=a+", "makes no valid topic");
    expect_none("tune", "get", "who=me", "route devices needs --capture NAME=VALUE for device");
    expect_none("tune", "execute", "pump=$SYS", "route fixed makes no valid topic");
    expect_none("tune", "get", "x=jobs", "comes after one that takes the topic: devices");
}

static struct cli_reply_read parse(const char *text)
{
    struct cli_reply_read reply;
    assert_true(cli_reply_parse(span_of(text), "r1", &reply));
    return reply;
}

static void test_replies(void **state)
{
    (void)state;
    struct cli_reply_read reply = parse("{\"requestId\":\"r1\",\"action\":\"execute\",\"executionId\":\"0123\"}");
    assert_int_equal(reply.kind, CLI_REPLY_ACCEPTED);
    assert_string_equal(reply.text, "accepted: execution 0123");
    assert_int_equal(reply.exit_code, EX_OK);
    reply = parse("{\"requestId\":\"r1\",\"action\":\"get\",\"status\":200,\"body\":{\"n\":12345678901234567890}}");
    assert_string_equal(reply.text, "accepted");
    assert_memory_equal(reply.body.at, "{\"n\":12345678901234567890}", reply.body.len);
    reply =
        parse("{\"requestId\":\"r1\",\"action\":\"get\",\"error\":{\"type\":\"Conflict\",\"message\":\"a\\u001bb\"}}");
    assert_int_equal(reply.kind, CLI_REPLY_REJECTED);
    assert_string_equal(reply.text, "rejected: Conflict: a?b");
    assert_int_equal(reply.exit_code, EX_DATAERR);
    reply = parse("{\"requestId\":\"r1\",\"error\":{\"type\":\"Http503\",\"message\":\"\"}}");
    assert_int_equal(reply.exit_code, EX_UNAVAILABLE);
    reply = parse("{\"requestId\":\"r1\",\"entry\":{}}");
    assert_int_equal(reply.kind, CLI_REPLY_LOG);
}

static void test_states(void **state)
{
    (void)state;
    struct cli_reply_read reply = parse("{\"requestId\":\"r1\",\"state\":\"inProgress\",\"progress\":50,"
                                        "\"summary\":{\"succeeded\":2,\"failed\":0,\"remaining\":2}}");
    assert_int_equal(reply.kind, CLI_REPLY_STATUS);
    assert_false(reply.final);
    assert_string_equal(reply.text, "inProgress 50% succeeded=2 failed=0 remaining=2");
    struct bytes bar;
    bytes_init(&bar, 1024);
    cli_reply_bar(&reply, &bar);
    assert_string_equal(bytes_text(&bar), "[============            ] inProgress 50% succeeded=2 failed=0 remaining=2");
    bytes_free(&bar);
    reply = parse("{\"requestId\":\"r1\",\"state\":\"completed\",\"progress\":null,\"outcome\":\"partial\"}");
    assert_true(reply.final);
    assert_int_equal(reply.exit_code, EX_SOFTWARE);
    assert_string_equal(reply.text, "completed: partial");
    reply = parse("{\"requestId\":\"r1\",\"state\":\"completed\",\"outcome\":\"succeeded\"}");
    assert_int_equal(reply.exit_code, EX_OK);
}

static void test_what_is_no_reply(void **state)
{
    static const char *const texts[] = {"",
                                        "x",
                                        "[]",
                                        "{}",
                                        "{\"requestId\":\"r2\",\"state\":\"queued\"}",
                                        "{\"requestId\":null,\"state\":\"queued\"}",
                                        "{\"requestId\":\"r1\"}",
                                        "{\"requestId\":\"r1\",\"templateContext\":{}}"};
    struct cli_reply_read reply;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_false(cli_reply_parse(span_of(texts[i]), "r1", &reply));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),        cmocka_unit_test(test_addresses_that_are_none),
        cmocka_unit_test(test_replies),          cmocka_unit_test(test_states),
        cmocka_unit_test(test_what_is_no_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
