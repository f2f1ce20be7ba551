// SPDX-License-Identifier: Apache-2.0
// Every action's fields with their bounds on both sides, every way to be wrong with the field that is named, and the
// texts that must come out digit for digit.
#include "rules/json.h"
#include "rules/translate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define ID          "632e18632f59592e773a4153"

static enum status translate(enum action action, const char *payload, struct translation *out,
                             struct translate_error *error)
{
    return translate_payload(action, span_of(payload), 0, out, error);
}

static struct translation good(enum action action, const char *payload)
{
    struct translation out;
    struct translate_error error;
    if (translate(action, payload, &out, &error) != STATUS_OK) {
        fail_msg("%s: %s", payload, error.message);
    }
    assert_string_equal(error.field, "");
    assert_string_equal(error.message, "");
    return out;
}

// Refused, naming the field both in its own place and in the message.
static void bad(enum action action, const char *payload, const char *field)
{
    struct translation out;
    struct translate_error error;
    if (translate(action, payload, &out, &error) != STATUS_INVALID || strcmp(error.field, field) != 0) {
        fail_msg("%s: %s expected, %s found: %s", payload, field, error.field, error.message);
    }
    assert_true(strlen(error.message) > 0);
    assert_non_null(strstr(error.message, field));
    translate_free(&out);
}

static void same(const char *found, const char *wanted)
{
    if (wanted == NULL) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_string_equal(found, wanted);
}

static void test_an_empty_payload_is_an_empty_object(void **state)
{
    static const char *const empty[] = {"", " ", "\r\n\t ", "{}", " { } "};
    (void)state;
    for (size_t i = 0; i < COUNT(empty); i++) {
        for (unsigned action = 0; action < ACTION_COUNT; action++) {
            if (action == ACTION_CANCEL_EXECUTION || action == ACTION_PATCH) {
                continue;
            }
            struct translation out = good((enum action)action, empty[i]);
            same(out.body, action == ACTION_EXECUTE ? "" : NULL);
            assert_null(out.request_id);
            assert_null(out.context);
            assert_null(out.of);
            assert_null(out.query);
            assert_string_equal(out.execution_id, "");
            assert_int_equal(out.ttl_s, -1);
            translate_free(&out);
        }
        bad(ACTION_CANCEL_EXECUTION, empty[i], "executionId");
        bad(ACTION_PATCH, empty[i], "");
    }
    struct translation out;
    struct translate_error error;
    assert_int_equal(translate_payload(ACTION_GET, SPAN_NONE, 0, &out, &error), STATUS_OK);
    translate_free(&out);
}

static void test_what_is_no_object(void **state)
{
    static const char *const wrong[] = {
        "null", "[]",           "1",       "\"{}\"",       "{} x",           "{}{}",
        "{",    "{\"ttl\":1,}", "{ttl:1}", "{\"ttl\":01}", "\xEF\xBB\xBF{}", "{\"requestId\":\"\xFF\"}",
        "\f"};
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        for (unsigned action = 0; action < ACTION_COUNT; action++) {
            bad((enum action)action, wrong[i], "");
        }
    }
    struct translation out;
    struct translate_error error;
    assert_int_equal(translate_payload(ACTION_GET, SPAN("{}\0"), 0, &out, &error), STATUS_INVALID);
    assert_int_equal(translate_payload(ACTION_GET, SPAN("\0"), 0, &out, &error), STATUS_INVALID);
    assert_string_equal(error.message, "the payload is not JSON: a value was expected at byte 0");
}

static void test_the_payload_is_bounded(void **state)
{
    struct translation out;
    struct translate_error error;
    char *text = malloc(COMMAND_PAYLOAD_MAX + 1);
    (void)state;
    assert_non_null(text);
    memset(text, ' ', COMMAND_PAYLOAD_MAX + 1);
    memcpy(text, "{}", 2);
    assert_int_equal(translate_payload(ACTION_GET, (struct span){text, COMMAND_PAYLOAD_MAX}, 0, &out, &error),
                     STATUS_OK);
    translate_free(&out);
    assert_int_equal(translate_payload(ACTION_GET, (struct span){text, COMMAND_PAYLOAD_MAX + 1}, 0, &out, &error),
                     STATUS_TOO_LARGE);
    assert_string_equal(error.message, "the payload has 262145 bytes, expected at most 262144");
    translate_free(&out);
    free(text);
}

static void test_every_action_takes_request_id_and_ttl(void **state)
{
    static const char *const rest[ACTION_COUNT] = {
        [ACTION_CANCEL_EXECUTION] = ",\"executionId\":\"" ID "\"", [ACTION_PATCH] = ",\"name\":\"n\""};
    (void)state;
    for (unsigned action = 0; action < ACTION_COUNT; action++) {
        struct bytes payload;
        bytes_init(&payload, 1000);
        bytes_add_format(&payload, "{\"requestId\":\"r-1\",\"ttl\":60%s}", rest[action] ? rest[action] : "");
        struct translation out = good((enum action)action, bytes_text(&payload));
        same(out.request_id, "r-1");
        assert_int_equal(out.ttl_s, 60);
        translate_free(&out);
        bytes_free(&payload);
    }
}

static void test_request_ids(void **state)
{
    static const char *const wrong[] = {"\"\"",        "1",           "null",          "[\"a\"]",
                                        "\"a\\n\"",    "\"\\u0000\"", "\"\x7F\"",      "\"\\u0085\"",
                                        "\"\\ud800\"", "\"\\uFFFE\"", "\"a\\u001fb\"", "true"};
    struct bytes payload;
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        bytes_init(&payload, 1000);
        bytes_add_format(&payload, "{\"requestId\":%s}", wrong[i]);
        bad(ACTION_GET, bytes_text(&payload), "requestId");
        bytes_free(&payload);
    }
    struct translation out = good(ACTION_GET, "{\"requestId\":\"\\u00e9 /+#\\\"\\uD83D\\uDE00\"}");
    same(out.request_id, "\xC3\xA9 /+#\"\xF0\x9F\x98\x80");
    translate_free(&out);
    out = good(ACTION_GET, "{\"request\\u0049d\":\"a\"}");
    same(out.request_id, "a");
    translate_free(&out);
}

static void test_request_ids_are_bounded_in_code_points(void **state)
{
    (void)state;
    for (size_t length = COMMAND_REQUEST_ID_MAX; length <= COMMAND_REQUEST_ID_MAX + 1; length++) {
        struct bytes payload;
        struct translation out;
        struct translate_error error;
        bytes_init(&payload, 10000);
        bytes_add_text(&payload, "{\"requestId\":\"");
        for (size_t i = 0; i < length; i++) {
            bytes_add_text(&payload, i % 2 == 0 ? "\\uD83D\\uDE00" : "\xE2\x82\xAC");
        }
        bytes_add_text(&payload, "\"}");
        assert_int_equal(translate(ACTION_GET, bytes_text(&payload), &out, &error),
                         length == COMMAND_REQUEST_ID_MAX ? STATUS_OK : STATUS_INVALID);
        assert_int_equal(out.request_id != NULL, length == COMMAND_REQUEST_ID_MAX);
        translate_free(&out);
        bytes_free(&payload);
    }
}

static void test_the_request_id_of_a_wrong_command_is_known(void **state)
{
    static const char *const wrong[] = {"{\"requestId\":\"r-1\",\"ttl\":0}", "{\"ttl\":\"x\",\"requestId\":\"r-1\"}",
                                        "{\"nonsense\":1,\"requestId\":\"r-1\"}",
                                        "{\"requestId\":\"r-1\",\"requestId\":\"r-2\"}"};
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct translation out;
        struct translate_error error;
        assert_int_equal(translate(ACTION_EXECUTE, wrong[i], &out, &error), STATUS_INVALID);
        same(out.request_id, "r-1");
        translate_free(&out);
    }
}

static void test_ttl(void **state)
{
    static const char *const wrong[] = {
        "0", "-1", "31536001", "1.0", "1e2", "\"60\"", "null", "1.5", "[60]", "true", "99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct bytes payload;
        bytes_init(&payload, 1000);
        bytes_add_format(&payload, "{\"ttl\":%s}", wrong[i]);
        bad(ACTION_STATUS, bytes_text(&payload), "ttl");
        bytes_free(&payload);
    }
    struct translation out = good(ACTION_STATUS, "{\"ttl\":1}");
    assert_int_equal(out.ttl_s, 1);
    translate_free(&out);
    out = good(ACTION_STATUS, "{\"ttl\":31536000}");
    assert_int_equal(out.ttl_s, COMMAND_TTL_MAX_S);
    translate_free(&out);
}

static void test_the_first_problem_is_told(void **state)
{
    struct translation out;
    struct translate_error error;
    (void)state;
    assert_int_equal(translate(ACTION_LOGS, "{\"limit\":0,\"since\":-1,\"x\":1}", &out, &error), STATUS_INVALID);
    assert_string_equal(error.field, "limit");
    assert_string_equal(error.message, "limit: expected an integer from 1 to 10000");
    translate_free(&out);
}

static void test_unknown_fields(void **state)
{
    struct translation out;
    struct translate_error error;
    (void)state;
    bad(ACTION_EXECUTE, "{\"templatecontext\":{}}", "templatecontext");
    bad(ACTION_EXECUTE, "{\"executionId\":\"" ID "\"}", "executionId");
    bad(ACTION_GET, "{\"limit\":1}", "limit");
    bad(ACTION_STATUS, "{\"of\":\"a\"}", "of");
    bad(ACTION_DELETE, "{\"name\":\"a\"}", "name");
    bad(ACTION_LOGS, "{\"_actions\":true}", "_actions");
    bad(ACTION_CANCEL_EXECUTION, "{\"of\":\"a\",\"templateContext\":{}}", "templateContext");
    bad(ACTION_PATCH, "{\"name\":\"a\",\"resourceType\":\"device\"}", "resourceType");
    bad(ACTION_PATCH, "{\"name\":\"a\",\"id\":\"" ID "\"}", "id");
    bad(ACTION_GET, "{\"\":1}", "");
    bad(ACTION_GET, "{\"a\\u0000\":1}", "a\\u0000");
    assert_int_equal(translate(ACTION_LOGS, "{\"limt\":1}", &out, &error), STATUS_INVALID);
    assert_string_equal(error.message, "limt: unknown field; logs takes limit, since, requestId, ttl");
    translate_free(&out);
}

static void test_long_names_are_cut_at_a_code_point(void **state)
{
    struct bytes payload;
    struct translation out;
    struct translate_error error;
    (void)state;
    bytes_init(&payload, 10000);
    bytes_add_text(&payload, "{\"x");
    for (size_t i = 0; i < 300; i++) {
        bytes_add_text(&payload, "\xC3\xA9");
    }
    bytes_add_text(&payload, "\":1}");
    assert_int_equal(translate(ACTION_PATCH, bytes_text(&payload), &out, &error), STATUS_INVALID);
    assert_int_equal(strlen(error.field), 63);
    assert_true(json_utf8_valid(span_of(error.field)));
    assert_true(json_utf8_valid(span_of(error.message)));
    assert_true(strlen(error.message) < sizeof error.message);
    assert_non_null(strstr(error.message, "retryDelay"));
    translate_free(&out);
    bytes_free(&payload);
}

static void test_duplicate_members(void **state)
{
    (void)state;
    bad(ACTION_EXECUTE, "{\"templateContext\":{},\"templateContext\":{}}", "templateContext");
    bad(ACTION_EXECUTE, "{\"queryJson\":{},\"query\\u004Ason\":{}}", "queryJson");
    bad(ACTION_GET, "{\"ttl\":1,\"ttl\":1}", "ttl");
    bad(ACTION_GET, "{\"requestId\":\"a\",\"requestId\":\"a\"}", "requestId");
    bad(ACTION_PATCH, "{\"name\":\"a\",\"name\":\"b\"}", "name");
}

static void test_contexts_keep_their_text(void **state)
{
    static const char *const rows[][2] = {
        {"{\"templateContext\": {\"n\": 12345678901234567890} }", "{\"n\": 12345678901234567890}"},
        {"{\"templateContext\":\"{\\\"n\\\": 12345678901234567890}\"}", "{\"n\": 12345678901234567890}"},
        {"{\"templateContext\":{\"z\":1e400,\"a\":-0,\"z\":0.10}}", "{\"z\":1e400,\"a\":-0,\"z\":0.10}"},
        {"{\"templateContext\":\" { } \"}", " { } "},
        {"{\"templateContext\":{}}", "{}"},
        {"{\"templateContext\":{\"s\":\"\\ud800\\u0000\xE2\x82\xAC\"}}", "{\"s\":\"\\ud800\\u0000\xE2\x82\xAC\"}"},
        {"{\"templateContext\":\"{\\\"s\\\":\\\"\\u20ac\\\\u20AC\\\"}\"}", "{\"s\":\"\xE2\x82\xAC\\u20AC\"}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct translation out = good(ACTION_EXECUTE, rows[i][0]);
        same(out.context, rows[i][1]);
        same(out.body, "");
        translate_free(&out);
    }
}

static void test_what_is_no_context(void **state)
{
    static const char *const wrong[] = {
        "1",     "null",    "[]",        "true",      "\"\"",        "\"[]\"",        "\"1\"",
        "\"{\"", "\"{}x\"", "\"{} {}\"", "\"{a:1}\"", "\"\\ud800\"", "\"{}\\u0000\"", "\"null\""};
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct bytes payload;
        bytes_init(&payload, 1000);
        bytes_add_format(&payload, "{\"templateContext\":%s}", wrong[i]);
        bad(ACTION_EXECUTE, bytes_text(&payload), "templateContext");
        bytes_free(&payload);
    }
}

// A command whose field has a value of so many code points, all but its frame being multi-byte.
static void sized(struct bytes *payload, const char *before, size_t length, const char *after)
{
    bytes_init(payload, 1000000);
    bytes_add_text(payload, before);
    for (size_t i = 0; i < length; i++) {
        bytes_add_text(payload, "\xE2\x82\xAC");
    }
    bytes_add_text(payload, after);
    assert_true(bytes_ok(payload));
}

// before and after make `frame` code points of the value; max is what the field may have.
static void bound(enum action action, size_t reserve, const char *field, const char *before, size_t frame, size_t max,
                  const char *after)
{
    for (size_t over = 0; over <= 1; over++) {
        struct bytes payload;
        struct translation out;
        struct translate_error error;
        sized(&payload, before, max - frame + over, after);
        enum status rc = translate_payload(action, bytes_span(&payload), reserve, &out, &error);
        assert_int_equal(rc, over ? STATUS_INVALID : STATUS_OK);
        assert_string_equal(error.field, over ? field : "");
        translate_free(&out);
        bytes_free(&payload);
    }
}

static void test_texts_are_bounded_in_code_points(void **state)
{
    (void)state;
    bound(ACTION_EXECUTE, 0, "templateContext", "{\"templateContext\":{\"a\":\"", 8, 32767, "\"}}");
    bound(ACTION_EXECUTE, 0, "templateContext", "{\"templateContext\":\"{\\\"a\\\":\\\"", 8, 32767, "\\\"}\"}");
    bound(ACTION_EXECUTE, 50, "templateContext", "{\"templateContext\":{\"a\":\"", 8, 32767 - 50, "\"}}");
    bound(ACTION_EXECUTE, 50, "templateContext", "{\"templateContext\":\"{\\\"a\\\":\\\"", 8, 32767 - 50, "\\\"}\"}");
    bound(ACTION_EXECUTE, 0, "queryJson", "{\"queryJson\":{\"a\":\"", 8, 8192, "\"}}");
    bound(ACTION_EXECUTE, 0, "queryJson", "{\"queryJson\":\"", 0, 8192, "\"}");
    bound(ACTION_EXECUTE, 0, "dataTableId", "{\"dataTableId\":\"{{", 4, 255, "}}\"}");
    bound(ACTION_PATCH, 0, "name", "{\"name\":\"", 0, 255, "\"}");
    bound(ACTION_PATCH, 0, "description", "{\"description\":\"", 0, 32767, "\"}");
    bound(ACTION_PATCH, 0, "queryJson", "{\"queryJson\":\"", 0, 8192, "\"}");
    bound(ACTION_PATCH, 0, "defaultContext", "{\"defaultContext\":\"", 0, 32767, "\"}");
    bound(ACTION_PATCH, 0, "defaultContext", "{\"defaultContext\":{\"a\":\"", 8, 32767, "\"}}");
    bound(ACTION_PATCH, 0, "dataTableId", "{\"dataTableId\":\"{{", 4, 255, "}}\"}");
}

static void test_a_reserve_that_leaves_nothing(void **state)
{
    struct translation out;
    struct translate_error error;
    (void)state;
    assert_int_equal(translate_payload(ACTION_EXECUTE, SPAN("{\"templateContext\":{}}"), SIZE_MAX, &out, &error),
                     STATUS_INVALID);
    translate_free(&out);
    assert_int_equal(translate_payload(ACTION_EXECUTE, SPAN("{\"templateContext\":{}}"), 32765, &out, &error),
                     STATUS_OK);
    translate_free(&out);
}

static void test_members_of_execute(void **state)
{
    static const char *const rows[][2] = {
        {"{\"queryJson\":{\"a\": \"x\\n\", \"n\":12345678901234567890}}",
         "\"queryJson\":\"{\\\"a\\\": \\\"x\\\\n\\\", \\\"n\\\":12345678901234567890}\""},
        {"{\"queryJson\":\"{{query}}\"}", "\"queryJson\":\"{{query}}\""},
        {"{\"queryJson\":\"\"}", "\"queryJson\":\"\""},
        {"{\"dataTableId\":\"" ID "\"}", "\"dataTableId\":\"" ID "\""},
        {"{\"dataTableId\":\"{{a}}\",\"requestId\":\"r\",\"queryJson\":\"\\u0041\"}",
         "\"dataTableId\":\"{{a}}\",\"queryJson\":\"\\u0041\""},
        {"{\"dataTableId\":\"{{}}\"}", "\"dataTableId\":\"{{}}\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct translation out = good(ACTION_EXECUTE, rows[i][0]);
        same(out.body, rows[i][1]);
        same(out.context, NULL);
        translate_free(&out);
    }
}

static void test_wrong_members_of_execute(void **state)
{
    static const char *const rows[][2] = {
        {"{\"queryJson\":[]}", "queryJson"},
        {"{\"queryJson\":1}", "queryJson"},
        {"{\"queryJson\":null}", "queryJson"},
        {"{\"queryJson\":\"\\udc00\"}", "queryJson"},
        {"{\"dataTableId\":1}", "dataTableId"},
        {"{\"dataTableId\":\"\"}", "dataTableId"},
        {"{\"dataTableId\":\"632e18632f59592e773a415\"}", "dataTableId"},
        {"{\"dataTableId\":\"632e18632f59592e773a415z\"}", "dataTableId"},
        {"{\"dataTableId\":\"}}{{\"}", "dataTableId"},
        {"{\"dataTableId\":\"{{a}\"}", "dataTableId"},
        {"{\"dataTableId\":\"{{}\"}", "dataTableId"},
        {"{\"dataTableId\":{}}", "dataTableId"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bad(ACTION_EXECUTE, rows[i][0], rows[i][1]);
    }
}

static void test_cancel_execution(void **state)
{
    struct translation out = good(ACTION_CANCEL_EXECUTION, "{\"executionId\":\"" ID "\",\"requestId\":\"r\"}");
    (void)state;
    assert_string_equal(out.execution_id, ID);
    same(out.of, NULL);
    translate_free(&out);
    out = good(ACTION_CANCEL_EXECUTION, "{\"of\":\"r-1\"}");
    assert_string_equal(out.execution_id, "");
    same(out.of, "r-1");
    same(out.body, NULL);
    translate_free(&out);
    bad(ACTION_CANCEL_EXECUTION, "{\"of\":\"r-1\",\"executionId\":\"" ID "\"}", "executionId");
    bad(ACTION_CANCEL_EXECUTION, "{\"requestId\":\"r-1\"}", "executionId");
    bad(ACTION_CANCEL_EXECUTION, "{\"executionId\":\"632e\"}", "executionId");
    bad(ACTION_CANCEL_EXECUTION, "{\"executionId\":\"632e18632f59592e773a4153/\"}", "executionId");
    bad(ACTION_CANCEL_EXECUTION, "{\"executionId\":\"632e18632f59592e773a41&3\"}", "executionId");
    bad(ACTION_CANCEL_EXECUTION, "{\"executionId\":null}", "executionId");
    bad(ACTION_CANCEL_EXECUTION, "{\"of\":\"\"}", "of");
    bad(ACTION_CANCEL_EXECUTION, "{\"of\":7}", "of");
}

static void test_logs(void **state)
{
    static const char *const rows[][2] = {
        {"{\"limit\":1}", "limit=1"},
        {"{\"limit\":10000}", "limit=10000"},
        {"{\"limit\":10,\"since\":1465790400000}", "limit=10&since=1465790400000"},
        {"{\"since\":0}", "since=0"},
        {"{\"since\":-0}", "since=0"},
        {"{\"since\":9223372036854775807}", "since=9223372036854775807"},
    };
    static const char *const wrong[][2] = {
        {"{\"limit\":0}", "limit"},       {"{\"limit\":10001}", "limit"},
        {"{\"limit\":\"1\"}", "limit"},   {"{\"limit\":1.5}", "limit"},
        {"{\"limit\":null}", "limit"},    {"{\"since\":-1}", "since"},
        {"{\"since\":\"now\"}", "since"}, {"{\"since\":9223372036854775808}", "since"},
        {"{\"since\":1e3}", "since"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct translation out = good(ACTION_LOGS, rows[i][0]);
        same(out.query, rows[i][1]);
        same(out.body, NULL);
        translate_free(&out);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        bad(ACTION_LOGS, wrong[i][0], wrong[i][1]);
    }
}

static void test_delete(void **state)
{
    struct translation out = good(ACTION_DELETE, "{\"includeWorkflows\":true}");
    (void)state;
    same(out.query, "includeWorkflows=true");
    translate_free(&out);
    out = good(ACTION_DELETE, "{\"includeWorkflows\":false,\"ttl\":5}");
    same(out.query, "includeWorkflows=false");
    translate_free(&out);
    bad(ACTION_DELETE, "{\"includeWorkflows\":\"true\"}", "includeWorkflows");
    bad(ACTION_DELETE, "{\"includeWorkflows\":1}", "includeWorkflows");
    bad(ACTION_DELETE, "{\"includeWorkflows\":null}", "includeWorkflows");
}

static void test_patch_bodies(void **state)
{
    static const char *const rows[][2] = {
        {"{\"name\":\"Example\",\"queryJson\":\"{ \\\"name\\\": \\\"my device\\\"}\",\"requestId\":\"r\",\"ttl\":9}",
         "{\"name\":\"Example\",\"queryJson\":\"{ \\\"name\\\": \\\"my device\\\"}\"}"},
        {"{\"requestId\":\"r\",\"queryJson\":{ \"name\": \"my device\"}}",
         "{\"queryJson\":\"{ \\\"name\\\": \\\"my device\\\"}\"}"},
        {"{\"defaultContext\":{\"n\":12345678901234567890}}",
         "{\"defaultContext\":\"{\\\"n\\\":12345678901234567890}\"}"},
        {"{\"defaultContext\":\"\"}", "{\"defaultContext\":\"\"}"},
        {"{\"description\":\"\"}", "{\"description\":\"\"}"},
        {"{\"maxIterationConcurrency\":1,\"iterationDelay\":0,\"iterationTimeout\":60000,\"retryOnTimeout\":true,"
         "\"retryOnFailure\":false,\"maxIterationRetries\":1,\"retryDelay\":0}",
         "{\"maxIterationConcurrency\":1,\"iterationDelay\":0,\"iterationTimeout\":60000,\"retryOnTimeout\":true,"
         "\"retryOnFailure\":false,\"maxIterationRetries\":1,\"retryDelay\":0}"},
        {"{\"maxIterationConcurrency\":10,\"iterationDelay\":60000,\"iterationTimeout\":900000,"
         "\"maxIterationRetries\":5,\"retryDelay\":30000,\"dataTableId\":\"" ID "\"}",
         "{\"maxIterationConcurrency\":10,\"iterationDelay\":60000,\"iterationTimeout\":900000,"
         "\"maxIterationRetries\":5,\"retryDelay\":30000,\"dataTableId\":\"" ID "\"}"},
        {"{\"iterationDelay\":-0}", "{\"iterationDelay\":-0}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct translation out = good(ACTION_PATCH, rows[i][0]);
        same(out.body, rows[i][1]);
        translate_free(&out);
    }
}

static void test_wrong_patches(void **state)
{
    static const char *const rows[][2] = {
        {"{\"requestId\":\"r\",\"ttl\":1}", ""},
        {"{\"name\":\"\"}", "name"},
        {"{\"name\":null}", "name"},
        {"{\"name\":{}}", "name"},
        {"{\"description\":1}", "description"},
        {"{\"queryJson\":false}", "queryJson"},
        {"{\"defaultContext\":[]}", "defaultContext"},
        {"{\"maxIterationConcurrency\":2}", "maxIterationConcurrency"},
        {"{\"maxIterationConcurrency\":9}", "maxIterationConcurrency"},
        {"{\"maxIterationConcurrency\":0}", "maxIterationConcurrency"},
        {"{\"maxIterationConcurrency\":11}", "maxIterationConcurrency"},
        {"{\"maxIterationConcurrency\":\"1\"}", "maxIterationConcurrency"},
        {"{\"iterationDelay\":-1}", "iterationDelay"},
        {"{\"iterationDelay\":60001}", "iterationDelay"},
        {"{\"iterationTimeout\":59999}", "iterationTimeout"},
        {"{\"iterationTimeout\":900001}", "iterationTimeout"},
        {"{\"retryOnTimeout\":1}", "retryOnTimeout"},
        {"{\"retryOnFailure\":\"false\"}", "retryOnFailure"},
        {"{\"maxIterationRetries\":0}", "maxIterationRetries"},
        {"{\"maxIterationRetries\":6}", "maxIterationRetries"},
        {"{\"retryDelay\":-1}", "retryDelay"},
        {"{\"retryDelay\":30001}", "retryDelay"},
        {"{\"retryDelay\":1.0}", "retryDelay"},
        {"{\"templateContext\":{}}", "templateContext"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bad(ACTION_PATCH, rows[i][0], rows[i][1]);
    }
}

static void test_execute_bodies(void **state)
{
    static const struct {
        struct span context;
        const char *members;
        const char *wanted;
    } rows[] = {
        {SPAN_NONE, NULL, "{}"},
        {SPAN_NONE, "", "{}"},
        {SPAN_NONE, "\"queryJson\":\"x\"", "{\"queryJson\":\"x\"}"},
        {SPAN("{\"n\": 1}"), "", "{\"templateContext\":\"{\\\"n\\\": 1}\"}"},
        {SPAN("{}"), "\"queryJson\":\"x\",\"dataTableId\":\"y\"",
         "{\"templateContext\":\"{}\",\"queryJson\":\"x\",\"dataTableId\":\"y\"}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes out;
        bytes_init(&out, 1000);
        translate_execute_body(rows[i].context, rows[i].members, &out);
        assert_string_equal(bytes_text(&out), rows[i].wanted);
        bytes_free(&out);
    }
}

static void test_markers(void **state)
{
    static const struct {
        const char *context;
        enum status rc;
        const char *wanted;
    } rows[] = {
        {"{}", STATUS_OK, "{\"_jobbridge\":\"m1\"}"},
        {" { } ", STATUS_OK, " {\"_jobbridge\":\"m1\" } "},
        {"{\"n\": 12345678901234567890}", STATUS_OK, "{\"_jobbridge\":\"m1\",\"n\": 12345678901234567890}"},
        {"\n{ \"a\":{\"_jobbridge\":1} }", STATUS_OK, "\n{\"_jobbridge\":\"m1\", \"a\":{\"_jobbridge\":1} }"},
        {"{\"_jobbridge\":null}", STATUS_CONFLICT, NULL},
        {"{\"a\":1,\"\\u005fjobbridge\":\"m1\"}", STATUS_CONFLICT, NULL},
        {"[]", STATUS_INVALID, NULL},
        {"{", STATUS_INVALID, NULL},
        {"", STATUS_INVALID, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes out;
        bytes_init(&out, 1000);
        assert_int_equal(translate_add_marker(span_of(rows[i].context), "_jobbridge", "m1", &out), rows[i].rc);
        if (rows[i].wanted != NULL) {
            assert_string_equal(bytes_text(&out), rows[i].wanted);
        }
        bytes_free(&out);
    }
    struct bytes small;
    bytes_init(&small, 5);
    assert_int_equal(translate_add_marker(SPAN("{}"), "_jobbridge", "m1", &small), STATUS_TOO_LARGE);
    bytes_free(&small);
}

static void test_the_marker_is_as_long_as_said(void **state)
{
    static const char *const keys[] = {"_jobbridge", "a\"b\\c", "\x01", "x"};
    (void)state;
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct bytes out;
        struct json_value value;
        bytes_init(&out, 1000);
        assert_int_equal(translate_add_marker(SPAN("{\"a\":1}"), keys[i], "0123456789", &out), STATUS_OK);
        assert_int_equal(out.len - 7, translate_marker_length(keys[i], 10));
        assert_int_equal(json_check(bytes_span(&out), &value, NULL, NULL), STATUS_OK);
        bytes_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_payload_is_an_empty_object),
        cmocka_unit_test(test_what_is_no_object),
        cmocka_unit_test(test_the_payload_is_bounded),
        cmocka_unit_test(test_every_action_takes_request_id_and_ttl),
        cmocka_unit_test(test_request_ids),
        cmocka_unit_test(test_request_ids_are_bounded_in_code_points),
        cmocka_unit_test(test_the_request_id_of_a_wrong_command_is_known),
        cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_the_first_problem_is_told),
        cmocka_unit_test(test_unknown_fields),
        cmocka_unit_test(test_long_names_are_cut_at_a_code_point),
        cmocka_unit_test(test_duplicate_members),
        cmocka_unit_test(test_contexts_keep_their_text),
        cmocka_unit_test(test_what_is_no_context),
        cmocka_unit_test(test_texts_are_bounded_in_code_points),
        cmocka_unit_test(test_a_reserve_that_leaves_nothing),
        cmocka_unit_test(test_members_of_execute),
        cmocka_unit_test(test_wrong_members_of_execute),
        cmocka_unit_test(test_cancel_execution),
        cmocka_unit_test(test_logs),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_patch_bodies),
        cmocka_unit_test(test_wrong_patches),
        cmocka_unit_test(test_execute_bodies),
        cmocka_unit_test(test_markers),
        cmocka_unit_test(test_the_marker_is_as_long_as_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
