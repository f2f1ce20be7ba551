// SPDX-License-Identifier: Apache-2.0
// The metrics' text: escaping, buckets, classes, and one HELP and one TYPE before each family.
#include "rules/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
// cmocka needs those four first
#include <cmocka.h>

static void assert_has(const struct bytes *text, const char *line)
{
    if (!strstr(bytes_text(text), line)) {
        fail_msg("not in the text: %s", line);
    }
}

static void labels_are_escaped(void **state)
{
    (void)state;
    struct bytes out;
    bytes_init(&out, 100);
    metrics_put_label(&out, "a\"b\\c\nd\xc3\xa9");
    assert_string_equal(bytes_text(&out), "\"a\\\"b\\\\c\\nd\xc3\xa9\"");
    bytes_free(&out);
}

static void calls_are_sorted_by_class_and_bucket(void **state)
{
    (void)state;
    struct metrics metrics = {0};
    metrics_call(&metrics, ACTION_GET, TRANSPORT_OK, 200, 10000);
    metrics_call(&metrics, ACTION_GET, TRANSPORT_OK, 302, 10001);
    metrics_call(&metrics, ACTION_GET, TRANSPORT_OK, 404, 0);
    metrics_call(&metrics, ACTION_GET, TRANSPORT_OK, 599, 31000000);
    metrics_call(&metrics, ACTION_GET, TRANSPORT_OK, 700, 5);
    metrics_call(&metrics, ACTION_GET, TRANSPORT_LOST, 0, 30000000);
    metrics_call(&metrics, ACTION_GET, TRANSPORT_NOT_SENT, 0, 10000000);
    const int64_t classes[METRICS_RESULT_COUNT] = {1, 1, 1, 1, 2, 1};
    assert_memory_equal(metrics.calls[ACTION_GET], classes, sizeof classes);
    assert_int_equal(metrics.latency[ACTION_GET][0], 3);
    assert_int_equal(metrics.latency[ACTION_GET][1], 1);
    assert_int_equal(metrics.latency[ACTION_GET][METRICS_BUCKETS], 1);
    assert_int_equal(metrics.latency_us[ACTION_GET], 31020006);
}

static void the_text_says_what_was_counted(void **state)
{
    (void)state;
    const struct metrics_job jobs[] = {{"a\"b", 3, 4}, {"c", 0, 0}};
    struct metrics_view view = {.version = "1.2",
                                .started_ms = 1795599330007,
                                .held_ms = 1250,
                                .messages = {[METRICS_DEAD] = 9},
                                .jobs = jobs,
                                .job_count = 2};
    struct bytes out;
    bytes_init(&out, METRICS_MAX_BYTES);
    metrics_call(&view.metrics, ACTION_EXECUTE, TRANSPORT_OK, 200, 20000);
    metrics_call(&view.metrics, ACTION_EXECUTE, TRANSPORT_OK, 200, 2000000);
    tally_received(&view.tally, ACTION_EXECUTE);
    metrics_write(&out, &view);
    assert_true(bytes_ok(&out));
    assert_has(&out, "\njobbridge_build_info{version=\"1.2\"} 1\n");
    assert_has(&out, "\njobbridge_start_time_seconds 1795599330.007\n");
    assert_has(&out, "\njobbridge_api_held_seconds 1.250\n");
    assert_has(&out, "\njobbridge_commands_pending 1\n");
    assert_has(&out, "\njobbridge_job_runs_open{job=\"a\\\"b\"} 4\n");
    assert_has(&out, "\njobbridge_job_commands_waiting{job=\"a\\\"b\"} 3\n");
    assert_has(&out, "\njobbridge_messages_received_total{result=\"deadletter\"} 9\n");
    assert_has(&out, "duration_seconds_bucket{call=\"execute\",le=\"0.01\"} 0\n");
    assert_has(&out, "duration_seconds_bucket{call=\"execute\",le=\"0.025\"} 1\n");
    assert_has(&out, "duration_seconds_bucket{call=\"execute\",le=\"+Inf\"} 2\n");
    assert_has(&out, "duration_seconds_sum{call=\"execute\"} 2.020000\n");
    assert_has(&out, "duration_seconds_count{call=\"execute\"} 2\n");
    bytes_free(&out);
}

static void a_thousand_jobs_have_room(void **state)
{
    (void)state;
    static struct metrics_job jobs[1000];
    char name[129];
    memset(name, '"', 128);
    name[128] = '\0';
    for (size_t i = 0; i < 1000; i++) {
        jobs[i] = (struct metrics_job){name, 10000, 10000};
    }
    struct metrics_view view = {.version = "1", .jobs = jobs, .job_count = 1000};
    struct bytes out;
    bytes_init(&out, METRICS_MAX_BYTES);
    metrics_write(&out, &view);
    assert_true(bytes_ok(&out));
    bytes_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(calls_are_sorted_by_class_and_bucket),
        cmocka_unit_test(the_text_says_what_was_counted),
        cmocka_unit_test(a_thousand_jobs_have_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
