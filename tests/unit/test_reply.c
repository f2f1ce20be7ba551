// SPDX-License-Identifier: Apache-2.0
// Every message that users read, to the letter: members, their order, what is left out and what is null.
#include "rules/json_check.h"
#include "rules/reply.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define AT_MS   1795579445678 // 2026-11-25T04:04:05.678Z
#define AT_TEXT "2026-11-25T04:04:05.678Z"
#define RUN_ID  "6328c6c026517badf9142116"
#define BEGIN   "{\"requestId\":\"r1\",\"action\":\"execute\",\"job\":\"tune\",\"at\":\"" AT_TEXT "\""

static const struct reply full = {
    .request_id = {"r1", 2}, .action = {"execute", 7}, .job = {"tune", 4}, .at_ms = AT_MS};
static const struct reply empty = {.at_ms = AT_MS};

static struct bytes out;

// The message is exactly this text, and it is JSON.
static void expect(const char *text)
{
    struct json_value value;
    assert_true(bytes_ok(&out));
    assert_string_equal(bytes_text(&out), text);
    assert_int_equal(json_check(bytes_span(&out), &value, NULL, NULL), STATUS_OK);
    bytes_clear(&out);
}

static void accepted_execute(void **state)
{
    (void)state;
    reply_accepted(&out, &full, SPAN(RUN_ID), 0, SPAN_NONE);
    expect(BEGIN ",\"executionId\":\"" RUN_ID "\"}");
}

static void accepted_other_actions_carry_the_answer_as_it_was(void **state)
{
    (void)state;
    reply_accepted(&out, &full, SPAN_NONE, 201, SPAN("{ \"n\" : 12345678901234567890 }"));
    expect(BEGIN ",\"status\":201,\"body\":{ \"n\" : 12345678901234567890 }}");
    reply_accepted(&out, &full, SPAN_NONE, 0, SPAN_NONE);
    expect(BEGIN "}");
}

static void rejected(void **state)
{
    (void)state;
    reply_rejected(&out, &full, SPAN("NotFound"), SPAN("no \"such\" job\n"), 404);
    expect(BEGIN ",\"error\":{\"type\":\"NotFound\",\"message\":\"no \\\"such\\\" job\\n\",\"status\":404}}");
    reply_rejected(&out, &full, SPAN("Expired"), SPAN("too late"), 0);
    expect(BEGIN ",\"error\":{\"type\":\"Expired\",\"message\":\"too late\"}}");
}

static void what_is_not_known_is_null(void **state)
{
    (void)state;
    reply_rejected(&out, &empty, SPAN("InvalidCommand"), SPAN("x"), 0);
    expect("{\"requestId\":null,\"action\":null,\"job\":null,\"at\":\"" AT_TEXT
           "\",\"error\":{\"type\":\"InvalidCommand\",\"message\":\"x\"}}");
}

static void status_of_a_run_that_goes_on(void **state)
{
    struct reply_run run = {.execution_id = SPAN(RUN_ID),
                            .state = SPAN("inProgress"),
                            .seq = 3,
                            .summary = SPAN("{\"succeeded\":2,\"remaining\":2}"),
                            .progress = 50};
    (void)state;
    reply_status(&out, &full, &run);
    expect("{\"requestId\":\"r1\",\"job\":\"tune\",\"executionId\":\"" RUN_ID
           "\",\"state\":\"inProgress\",\"at\":\"" AT_TEXT
           "\",\"seq\":3,\"summary\":{\"succeeded\":2,\"remaining\":2},\"progress\":50}");
}

static void status_before_there_is_a_run(void **state)
{
    struct reply_run run = {.state = SPAN("pending"), .seq = 1, .progress = -1};
    (void)state;
    reply_status(&out, &full, &run);
    expect("{\"requestId\":\"r1\",\"job\":\"tune\",\"executionId\":null,\"state\":\"pending\",\"at\":\"" AT_TEXT
           "\",\"seq\":1,\"summary\":null,\"progress\":null}");
}

static void status_of_the_end_has_an_outcome_and_perhaps_an_error(void **state)
{
    static const struct {
        enum run_outcome outcome;
        const char *text;
    } ends[] = {{RUN_SUCCEEDED, "succeeded"},
                {RUN_PARTIAL, "partial"},
                {RUN_FAILED, "failed"},
                {RUN_CANCELED, "canceled"},
                {RUN_UNKNOWN, "unknown"}};
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct reply_run run = {.state = SPAN("x"), .seq = 9, .progress = 100, .outcome = ends[i].outcome};
        char text[512];
        reply_status(&out, &full, &run);
        (void)snprintf(text, sizeof text,
                       "{\"requestId\":\"r1\",\"job\":\"tune\",\"executionId\":null,\"state\":\"x\",\"at\":\"" AT_TEXT
                       "\",\"seq\":9,\"summary\":null,\"progress\":100,\"outcome\":\"%s\"}",
                       ends[i].text);
        expect(text);
    }
    struct reply_run run = {.state = SPAN("unknown"),
                            .seq = 2,
                            .progress = -1,
                            .outcome = RUN_UNKNOWN,
                            .error_type = SPAN("OutcomeUnknown"),
                            .error_message = SPAN("gone")};
    reply_status(&out, &full, &run);
    expect("{\"requestId\":\"r1\",\"job\":\"tune\",\"executionId\":null,\"state\":\"unknown\",\"at\":\"" AT_TEXT
           "\",\"seq\":2,\"summary\":null,\"progress\":null,\"outcome\":\"unknown\","
           "\"error\":{\"type\":\"OutcomeUnknown\",\"message\":\"gone\"}}");
}

static void a_log_entry_is_passed_on_as_it_came(void **state)
{
    (void)state;
    reply_log(&out, &empty, SPAN(RUN_ID), SPAN("{ \"id\":1e400,\"b\" :[] }"));
    expect("{\"requestId\":null,\"job\":null,\"executionId\":\"" RUN_ID "\",\"at\":\"" AT_TEXT
           "\",\"entry\":{ \"id\":1e400,\"b\" :[] }}");
}

static void the_bridge_itself(void **state)
{
    (void)state;
    reply_bridge(&out, SPAN("online"), SPAN_NONE, AT_MS, 0);
    expect("{\"state\":\"online\",\"since\":\"" AT_TEXT "\",\"version\":\"" JOBBRIDGE_VERSION "\",\"pending\":0}");
    reply_bridge(&out, SPAN("degraded"), SPAN("the disk is full"), AT_MS, -1);
    expect("{\"state\":\"degraded\",\"reason\":\"the disk is full\",\"since\":\"" AT_TEXT
           "\",\"version\":\"" JOBBRIDGE_VERSION "\"}");
}

static void a_dead_letter_stays_json_whatever_was_in_it(void **state)
{
    static const char payload[] = "\x00\xff\"\xc3\xa4";
    struct json_value value;
    (void)state;
    reply_deadletter(&out, SPAN("a/b"), (struct span){payload, sizeof payload - 1}, SPAN("no route"), AT_MS);
    assert_true(bytes_ok(&out));
    assert_int_equal(json_check(bytes_span(&out), &value, NULL, NULL), STATUS_OK);
    assert_int_equal(strncmp(bytes_text(&out), "{\"topic\":\"a/b\",\"payload\":\"\\u0000", 31), 0);
    assert_non_null(strstr(bytes_text(&out), "\\\"\xc3\xa4\",\"reason\":\"no route\",\"at\":\"" AT_TEXT "\"}"));
}

static int set_up(void **state)
{
    (void)state;
    bytes_init(&out, REPLY_MAX_BYTES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bytes_free(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_execute),
        cmocka_unit_test(accepted_other_actions_carry_the_answer_as_it_was),
        cmocka_unit_test(rejected),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(status_of_a_run_that_goes_on),
        cmocka_unit_test(status_before_there_is_a_run),
        cmocka_unit_test(status_of_the_end_has_an_outcome_and_perhaps_an_error),
        cmocka_unit_test(a_log_entry_is_passed_on_as_it_came),
        cmocka_unit_test(the_bridge_itself),
        cmocka_unit_test(a_dead_letter_stays_json_whatever_was_in_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
