// SPDX-License-Identifier: Apache-2.0
// The outcome table, every row by every column, and what is read out of an answer: ids, errors, Retry-After.
#include "rules/outcome.h"

#include "rules/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define ID   "0123456789abcdefABCDEF01"
#define WALL INT64_C(1795406706789) // 2026-11-23T04:05:06.789Z, a Monday

static struct outcome decide(enum action action, enum transport transport, int status, const char *body)
{
    struct outcome_input input = {
        .action = action, .transport = transport, .http_status = status, .body = span_of(body), .wall_ms = WALL};
    struct outcome out;
    memset(&out, 0x5a, sizeof out); // whatever is not set shows
    outcome_decide(&input, &out);
    return out;
}

// The columns of the table: every action, and the delete that may have acted before.
enum column { EXECUTE, CANCEL, GET, LOGS, PATCH, DELETE, DELETE_AGAIN, COLUMNS };

static const enum action column_action[COLUMNS] = {ACTION_EXECUTE, ACTION_CANCEL_EXECUTION, ACTION_GET,   ACTION_LOGS,
                                                   ACTION_PATCH,   ACTION_DELETE,           ACTION_DELETE};

struct row {
    enum transport transport;
    int status;
    const char *body;
    const char *kinds; // one letter a column: Done, reFused, Retry, Ambiguous, Unauthorized
    bool api_down;     // unless done
};

static enum outcome_kind kind_of(char letter)
{
    switch (letter) {
    case 'D':
        return OUTCOME_DONE;
    case 'F':
        return OUTCOME_REFUSED;
    case 'R':
        return OUTCOME_RETRY;
    case 'A':
        return OUTCOME_AMBIGUOUS;
    default:
        return OUTCOME_UNAUTHORIZED;
    }
}

static void check_row(const struct row *row)
{
    for (int column = 0; column < COLUMNS; column++) {
        for (int repeated = 0; repeated < 2; repeated++) {
            if ((column == DELETE && repeated) || (column == DELETE_AGAIN && !repeated)) {
                continue; // elsewhere it must make no difference
            }
            struct outcome_input input = {.action = column_action[column],
                                          .repeated = repeated,
                                          .transport = row->transport,
                                          .http_status = row->status,
                                          .body = span_of(row->body),
                                          .wall_ms = WALL};
            struct outcome out;
            memset(&out, 0x5a, sizeof out);
            outcome_decide(&input, &out);
            enum outcome_kind expected = kind_of(row->kinds[column]);
            if (out.kind != expected) {
                fail_msg("transport %d status %d body %s column %d: %d, not %d", (int)row->transport, row->status,
                         row->body, column, (int)out.kind, (int)expected);
            }
            bool done = expected == OUTCOME_DONE;
            assert_int_equal(out.api_down, done ? false : row->api_down);
            assert_int_equal(out.retry_after_ms, -1);
            assert_int_equal(out.error_type[0] == '\0', done);
            assert_int_equal(out.error_message[0] == '\0', done);
            assert_string_equal(out.execution_id, done && column == EXECUTE ? ID : "");
        }
    }
}

static const char *const odd_bodies[] = {"",
                                         "{",
                                         "null",
                                         "\"ok\"",
                                         "[]",
                                         "{}",
                                         "<html>log in</html>",
                                         "[1",
                                         "true",
                                         "7",
                                         "\xff",
                                         "{}x",
                                         "{\"type\":1,\"message\":[]}"};
#define ODD_BODIES (sizeof odd_bodies / sizeof *odd_bodies)

static void no_answer_is_a_row_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < ODD_BODIES; i++) { // what may be left of an answer does not count, whatever its status
        for (int status = 0; status < 700; status += 50) {
            check_row(&(struct row){TRANSPORT_NOT_SENT, status, odd_bodies[i], "RRRRRRR", true});
            check_row(&(struct row){TRANSPORT_LOST, status, odd_bodies[i], "ARRRRRR", true});
        }
    }
    check_row(&(struct row){TRANSPORT_LOST, 200, "{\"success\":true,\"executionId\":\"" ID "\"}", "ARRRRRR", true});
    check_row(&(struct row){TRANSPORT_LOST, 404, "{}", "ARRRRRR", true});
    check_row(&(struct row){TRANSPORT_LOST, 401, "{}", "ARRRRRR", true});
}

static void each_status_is_in_one_row(void **state)
{
    (void)state;
    for (int status = -1; status <= 1000; status++) {
        const char *kinds = "ARRRRRR"; // no status of HTTP, a 1xx, or a 5xx
        bool api_down = true;
        if (status >= 200 && status < 300) {
            continue; // the body decides
        }
        if (status >= 300 && status < 400) {
            kinds = "RRRRRRR";
        } else if (status >= 400 && status < 500) {
            kinds = "FFFFFFF";
            api_down = false;
        }
        kinds = status == 401 ? "UUUUUUU" : kinds;
        kinds = status == 404 ? "FFFFFFD" : kinds;
        kinds = status == 408 ? "ARRRRRR" : kinds;
        kinds = status == 425 || status == 429 ? "RRRRRRR" : kinds;
        for (size_t i = 0; i < ODD_BODIES; i++) {
            check_row(&(struct row){TRANSPORT_OK, status, odd_bodies[i], kinds, api_down});
        }
        // An error never turns into a success by what its body claims.
        check_row(
            &(struct row){TRANSPORT_OK, status, "{\"success\":true,\"executionId\":\"" ID "\"}", kinds, api_down});
        check_row(&(struct row){TRANSPORT_OK, status, "{\"type\":\"T\",\"message\":\"m\"}", kinds, api_down});
    }
}

static void a_success_needs_the_answer_of_its_action(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *kinds;
    } rows[] = {
        {"{\"success\":true,\"executionId\":\"" ID "\"}", "DDDRDDD"},
        {" {\"more\":[1],\"executionId\":\"" ID "\",\"success\":true}\n", "DDDRDDD"},
        {"{\"success\":true}", "ADDRDDD"},
        {"{\"success\":false,\"executionId\":\"" ID "\"}", "ARDRDRR"},
        {"{\"success\":\"true\",\"executionId\":\"" ID "\"}", "ARDRDRR"},
        {"{\"success\":1,\"executionId\":\"" ID "\"}", "ARDRDRR"},
        {"{\"success\":null}", "ARDRDRR"},
        {"{\"executionId\":\"" ID "\"}", "ARDRDRR"},
        {"{\"success\":true,\"executionId\":null}", "ADDRDDD"},
        {"{\"success\":true,\"executionId\":\"\"}", "ADDRDDD"},
        {"{\"success\":true,\"executionId\":12345}", "ADDRDDD"},
        {"{\"success\":true,\"executionId\":\"0123456789abcdef0123456\"}", "ADDRDDD"},
        {"{\"success\":true,\"executionId\":\"0123456789abcdef012345678\"}", "ADDRDDD"},
        {"{\"success\":true,\"executionId\":\"0123456789abcdef0123456789abcdef0123456789abcdef\"}", "ADDRDDD"},
        {"{\"success\":true,\"executionId\":\"0123456789abcdef0123456g\"}", "ADDRDDD"},
        {"{\"success\":true,\"executionId\":\"../../../../etc/passwd..\"}", "ADDRDDD"},
        {"{\"success\":true,\"executionId\":[\"" ID "\"]}", "ADDRDDD"},
        {"{\"resourceJobId\":\"" ID "\",\"name\":\"n\"}", "ARDRDRR"},
        {"{}", "ARDRDRR"},
        {"[]", "ARRDRRR"},
        {"[{\"status\":\"completed\"}]", "ARRDRRR"},
        {"[{]", "ARRRRRR"},
        {"", "ARRRRRR"},
        {"null", "ARRRRRR"},
        {"true", "ARRRRRR"},
        {"\"success\"", "ARRRRRR"},
        {"{\"success\":true,\"executionId\":\"" ID "\"", "ARRRRRR"}, // cut short
        {"{\"success\":true,\"executionId\":\"" ID "\"}}", "ARRRRRR"},
        {"<html><body>Please log in to use the network</body></html>", "ARRRRRR"},
    };
    static const int statuses[] = {200, 201, 202, 204, 299};
    for (size_t s = 0; s < sizeof statuses / sizeof *statuses; s++) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            check_row(&(struct row){TRANSPORT_OK, statuses[s], rows[i].body, rows[i].kinds, true});
        }
    }
}

static void an_id_may_be_spelled_with_escapes(void **state)
{
    (void)state;
    struct outcome out = decide(ACTION_EXECUTE, TRANSPORT_OK, 200,
                                "{\"success\":true,\"executionId\":\"\\u0030123456789abcdefABCDEF01\"}");
    assert_int_equal(out.kind, OUTCOME_DONE);
    assert_string_equal(out.execution_id, ID);
}

static void status_is_judged_as_get_is(void **state)
{
    (void)state;
    assert_int_equal(decide(ACTION_STATUS, TRANSPORT_OK, 200, "{}").kind, OUTCOME_DONE);
    assert_int_equal(decide(ACTION_STATUS, TRANSPORT_OK, 200, "[]").kind, OUTCOME_RETRY);
    assert_int_equal(decide(ACTION_STATUS, TRANSPORT_LOST, 0, "").kind, OUTCOME_RETRY);
}

static void errors_speak_the_apis_words_or_ours(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body, *type, *message;
    } rows[] = {
        {404, "{\"type\":\"NotFound\",\"message\":\"no such job\"}", "NotFound", "no such job"},
        {400, "{\"message\":\"bad\",\"type\":\"Validation\",\"more\":{}}", "Validation", "bad"},
        {503, "{\"type\":\"Busy\",\"message\":\"later\"}", "Busy", "later"},
        {401, "{\"type\":\"Unauthorized\",\"message\":\"who?\"}", "Unauthorized", "who?"},
        {400, "{\"type\":\"a\\u00fc\\n\",\"message\":\"\\\"q\\\" \\ud83d\\ude00\"}", "a\u00fc\n", "\"q\" \U0001F600"},
        {400, "{\"message\":\"only\"}", "Http400", "only"},
        {400, "{\"type\":\"Only\"}", "Only", "the API answered with status 400"},
        {400, "{\"type\":\"\",\"message\":\"\"}", "Http400", "the API answered with status 400"},
        {400, "{\"type\":null,\"message\":{\"a\":1}}", "Http400", "the API answered with status 400"},
        {400, "{\"type\":\"a\\u0000b\",\"message\":\"\\ud800\"}", "Http400", "the API answered with status 400"},
        {422, "[{\"type\":\"T\",\"message\":\"m\"}]", "Http422", "the API answered with status 422"},
        {422, "{\"type\":\"T\",\"message\":\"m\"", "Http422", "the API answered with status 422"},
        {503, "<html>busy</html>", "Http503", "the API answered with status 503"},
        {500, "", "Http500", "the API answered with status 500"},
        {100, "{\"type\":\"T\",\"message\":\"m\"}", "Http100", "the API answered with status 100"},
        {999, "", "Http999", "the API answered with status 999"},
        {-5, "", "Http-5", "the API answered with status -5"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct outcome out = decide(ACTION_EXECUTE, TRANSPORT_OK, rows[i].status, rows[i].body);
        assert_string_equal(out.error_type, rows[i].type);
        assert_string_equal(out.error_message, rows[i].message);
    }
}

static void a_page_in_between_is_named_as_such(void **state)
{
    (void)state;
    const char *body = "{\"type\":\"T\",\"message\":\"m\"}"; // not the API's: it is not asked
    struct outcome out = decide(ACTION_EXECUTE, TRANSPORT_OK, 302, body);
    assert_string_equal(out.error_type, "Http302");
    assert_non_null(strstr(out.error_message, "redirected with status 302"));
    out = decide(ACTION_EXECUTE, TRANSPORT_OK, 200, body);
    assert_string_equal(out.error_type, "Http200");
    assert_non_null(strstr(out.error_message, "login page"));
    out = decide(ACTION_EXECUTE, TRANSPORT_NOT_SENT, 0, body);
    assert_string_equal(out.error_type, "Unreachable");
    out = decide(ACTION_EXECUTE, TRANSPORT_LOST, 0, body);
    assert_string_equal(out.error_type, "NoAnswer");
}

// An error whose type and message are made of so many units after a shift of single bytes.
static void check_cut(const char *unit, size_t shift, size_t units)
{
    struct bytes body;
    struct bytes text;
    bytes_init(&body, SIZE_MAX);
    bytes_init(&text, SIZE_MAX);
    for (size_t i = 0; i < shift; i++) {
        bytes_add_char(&text, 'a');
    }
    for (size_t i = 0; i < units; i++) {
        bytes_add_text(&text, unit);
    }
    bytes_add_format(&body, "{\"type\":\"%s\",\"message\":\"%s\"}", bytes_text(&text), bytes_text(&text));
    struct outcome out = decide(ACTION_EXECUTE, TRANSPORT_OK, 400, bytes_text(&body));
    const struct {
        const char *got;
        size_t room;
    } both[] = {{out.error_type, OUTCOME_TYPE_BYTES - 1}, {out.error_message, OUTCOME_MESSAGE_BYTES - 1}};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(both[i].got);
        assert_true(len <= both[i].room);
        assert_memory_equal(both[i].got, text.data, len);
        assert_true(json_utf8_valid(span_of(both[i].got)));
        size_t most = text.len <= both[i].room ? text.len : both[i].room - (strlen(unit) - 1);
        assert_true(len >= most); // no more is lost than the code point that did not fit
    }
    bytes_free(&text);
    bytes_free(&body);
}

static void long_words_are_cut_at_a_code_point(void **state)
{
    (void)state;
    static const char *const unit[] = {"x", "\u00fc", "\u20ac", "\U0001F600"};
    for (size_t u = 0; u < sizeof unit / sizeof *unit; u++) {
        for (size_t shift = 0; shift < 5; shift++) {
            for (size_t bytes = OUTCOME_TYPE_BYTES - 8; bytes < OUTCOME_TYPE_BYTES + 8; bytes++) {
                check_cut(unit[u], shift, bytes / strlen(unit[u]));
            }
            for (size_t bytes = OUTCOME_MESSAGE_BYTES - 8; bytes < OUTCOME_MESSAGE_BYTES + 8; bytes++) {
                check_cut(unit[u], shift, bytes / strlen(unit[u]));
            }
            check_cut(unit[u], shift, 300000);
        }
    }
}

static void retry_after_is_kept_with_what_is_not_done(void **state)
{
    (void)state;
    static const struct {
        enum transport transport;
        int status;
        const char *body;
        int64_t ms;
    } rows[] = {
        {TRANSPORT_OK, 429, "", 120000},
        {TRANSPORT_OK, 503, "", 120000},
        {TRANSPORT_OK, 401, "", 120000},
        {TRANSPORT_OK, 404, "", 120000},
        {TRANSPORT_OK, 302, "", 120000},
        {TRANSPORT_OK, 200, "<html>", 120000},
        {TRANSPORT_OK, 200, "{\"success\":true,\"executionId\":\"" ID "\"}", -1},
        {TRANSPORT_LOST, 503, "", -1},
        {TRANSPORT_NOT_SENT, 503, "", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct outcome_input input = {.action = ACTION_EXECUTE,
                                      .transport = rows[i].transport,
                                      .http_status = rows[i].status,
                                      .body = span_of(rows[i].body),
                                      .retry_after = SPAN("120"),
                                      .wall_ms = WALL};
        struct outcome out;
        outcome_decide(&input, &out);
        assert_int_equal(out.retry_after_ms, rows[i].ms);
    }
}

static void retry_after_is_seconds_or_a_date(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t ms;
    } rows[] = {
        {"0", 0},
        {"1", 1000},
        {"120", 120000},
        {"0000000000000000000000000120", 120000},
        {" 120\t", 120000},
        {"3600", 3600000},
        {"3601", OUTCOME_RETRY_AFTER_MAX_MS},
        {"4294967296", OUTCOME_RETRY_AFTER_MAX_MS},
        {"9223372036854775807", OUTCOME_RETRY_AFTER_MAX_MS},
        {"9223372036854775808", OUTCOME_RETRY_AFTER_MAX_MS},
        {"18446744073709551616", OUTCOME_RETRY_AFTER_MAX_MS},
        {"99999999999999999999999999999999999999999999", OUTCOME_RETRY_AFTER_MAX_MS},
        {"Mon, 23 Nov 2026 04:05:07 GMT", 211},
        {"Monday, 23-Nov-26 04:05:07 GMT", 211},
        {"Mon Nov 23 04:05:07 2026", 211},
        {"  Mon, 23 Nov 2026 04:05:07 GMT ", 211},
        {"Mon, 23 Nov 2026 04:05:06 GMT", 0}, // just over
        {"Mon, 23 Nov 2026 05:05:06 GMT", 3599211},
        {"Mon, 23 Nov 2026 05:05:07 GMT", OUTCOME_RETRY_AFTER_MAX_MS},
        {"Fri, 31 Dec 9999 23:59:59 GMT", OUTCOME_RETRY_AFTER_MAX_MS},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"", -1},
        {" \t ", -1},
        {"-1", -1},
        {"+1", -1},
        {"1.5", -1},
        {"1e3", -1},
        {"0x10", -1},
        {"1 2", -1},
        {"120s", -1},
        {"120,", -1},
        {"soon", -1},
        {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
        {"2026-11-23T04:05:07Z", -1},
        {"\xd9\xa1", -1}, // a digit elsewhere
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(outcome_retry_after_ms(span_of(rows[i].value), WALL), rows[i].ms);
    }
    assert_int_equal(outcome_retry_after_ms(SPAN_NONE, WALL), -1);
    assert_int_equal(outcome_retry_after_ms(SPAN("1\0"), WALL), -1);
}

static void a_box_without_a_clock_waits_the_most(void **state)
{
    (void)state;
    struct span date = SPAN("Mon, 23 Nov 2026 04:05:07 GMT");
    assert_int_equal(outcome_retry_after_ms(date, 0), OUTCOME_RETRY_AFTER_MAX_MS);
    assert_int_equal(outcome_retry_after_ms(date, INT64_MIN), OUTCOME_RETRY_AFTER_MAX_MS);
    assert_int_equal(outcome_retry_after_ms(date, INT64_MAX), 0);
}

static void all_three_date_forms_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        // The three of RFC 9110.
        {"Sun, 06 Nov 1994 08:49:37 GMT", INT64_C(784111777000)},
        {"Sunday, 06-Nov-94 08:49:37 GMT", INT64_C(784111777000)},
        {"Sun Nov  6 08:49:37 1994", INT64_C(784111777000)},
        {"Wed Nov 16 08:49:37 1994", INT64_C(784975777000)},
        {"Mon, 06 Nov 1994 08:49:37 GMT", INT64_C(784111777000)}, // the wrong weekday
        {"Saturday, 29-Feb-20 00:00:00 GMT", INT64_C(1582934400000)},
        {"Thursday, 01-Jan-70 00:00:00 GMT", 0},
        {"Tuesday, 31-Dec-69 23:59:59 GMT", INT64_C(3155759999000)}, // 2069
        {"Sat, 31 Dec 2016 23:59:60 GMT", INT64_C(1483228800000)},   // the leap second
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(outcome_http_date_ms(span_of(rows[i].text)), rows[i].ms);
        for (size_t len = 0; len < strlen(rows[i].text); len++) { // and no cut of it
            assert_int_equal(outcome_http_date_ms((struct span){rows[i].text, len}), -1);
        }
    }
}

static void every_weekday_and_month_has_its_name(void **state)
{
    (void)state;
    static const char *const days[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t last_ms = 0;
    for (int month = 0; month < 12; month++) {
        for (int day = 0; day < 7; day++) {
            char text[3][64];
            snprintf(text[0], sizeof text[0], "%.3s, 05 %s 2026 01:02:03 GMT", days[day], months[month]);
            snprintf(text[1], sizeof text[1], "%s, 05-%s-26 01:02:03 GMT", days[day], months[month]);
            snprintf(text[2], sizeof text[2], "%.3s %s  5 01:02:03 2026", days[day], months[month]);
            int64_t ms = outcome_http_date_ms(span_of(text[0]));
            assert_true(day == 0 ? ms > last_ms + INT64_C(27) * 86400000 || month == 0 : ms == last_ms);
            assert_int_equal(outcome_http_date_ms(span_of(text[1])), ms);
            assert_int_equal(outcome_http_date_ms(span_of(text[2])), ms);
            last_ms = ms;
        }
    }
    assert_int_equal(last_ms, INT64_C(1796432523000)); // 2026-12-05T01:02:03Z
}

static void what_is_no_date_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "Sun",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994  08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Wed, 29 Feb 2023 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov   08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov  0 08:49:37 1994",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(outcome_http_date_ms(span_of(rows[i])), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_answer_is_a_row_of_its_own),
        cmocka_unit_test(each_status_is_in_one_row),
        cmocka_unit_test(a_success_needs_the_answer_of_its_action),
        cmocka_unit_test(an_id_may_be_spelled_with_escapes),
        cmocka_unit_test(status_is_judged_as_get_is),
        cmocka_unit_test(errors_speak_the_apis_words_or_ours),
        cmocka_unit_test(a_page_in_between_is_named_as_such),
        cmocka_unit_test(long_words_are_cut_at_a_code_point),
        cmocka_unit_test(retry_after_is_kept_with_what_is_not_done),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
        cmocka_unit_test(a_box_without_a_clock_waits_the_most),
        cmocka_unit_test(all_three_date_forms_are_read),
        cmocka_unit_test(every_weekday_and_month_has_its_name),
        cmocka_unit_test(what_is_no_date_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
