// SPDX-License-Identifier: Apache-2.0
// The execution log as the API writes it and as it never should, the judgement of a run, and the plan of polling.
#include "rules/runlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "BBBBBBBBBBBBBBBBBBBBBBBB"

#define ENTRIES_MAX 16

static bool has_marker(const struct runlog_entry *entry, const char *key, const char *wanted)
{
    struct bytes marker;
    bytes_init(&marker, 100000);
    bool found = runlog_marker(entry, key, &marker) && span_is(bytes_span(&marker), wanted);
    bytes_free(&marker);
    return found;
}

static struct {
    struct runlog_entry entries[ENTRIES_MAX];
    size_t passed, count, skipped;
} seen;

static void keep_entry(void *context, const struct runlog_entry *entry)
{
    assert_ptr_equal(context, &seen);
    assert_true(seen.passed < ENTRIES_MAX);
    seen.entries[seen.passed++] = *entry;
}

// The spans of seen point into body.
static enum status parse(const char *body)
{
    memset(&seen, 0, sizeof seen);
    seen.count = 99;
    return runlog_parse(span_of(body), keep_entry, &seen, &seen.count, &seen.skipped);
}

static const struct runlog_entry *parse_one(const char *body)
{
    assert_int_equal(parse(body), STATUS_OK);
    assert_int_equal(seen.passed, 1);
    return &seen.entries[0];
}

static void an_entry_is_read_whole(void **state)
{
    (void)state;
    const char *entry = "{\"id\":\"x\",\"resourceJobExecutionId\":\"" ID_A "\", \"status\":\"inProgress\","
                        "\"runStartedAt\":\"2026-11-23T04:05:06.789Z\",\"templateContext\":\"{\\\"_m\\\":\\\"k\\\"}\","
                        "\"executionSummary\": {\"succeeded\":5,\"failed\":1, \"timedOut\":2,\"inProgress\":3,"
                        "\"remaining\":9007199254740993}}";
    char body[1024];
    snprintf(body, sizeof body, " [ %s ]\n", entry);
    const struct runlog_entry *e = parse_one(body);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.skipped, 0);
    assert_true(span_is(e->raw, entry));
    assert_string_equal(e->execution_id, ID_A);
    assert_string_equal(e->state, "inProgress");
    assert_int_equal(e->started_ms, INT64_C(1795406706789));
    assert_true(e->has_summary);
    assert_true(span_is(e->summary, "{\"succeeded\":5,\"failed\":1, \"timedOut\":2,\"inProgress\":3,"
                                    "\"remaining\":9007199254740993}"));
    assert_int_equal(e->succeeded, 5);
    assert_int_equal(e->failed, 1);
    assert_int_equal(e->timed_out, 2);
    assert_int_equal(e->in_progress, 3);
    assert_true(e->remaining == INT64_C(9007199254740993));
    assert_int_equal(e->context.type, JSON_STRING);
    assert_true(span_is(e->context.raw, "\"{\\\"_m\\\":\\\"k\\\"}\""));
}

static void most_of_an_entry_may_be_absent(void **state)
{
    (void)state;
    const struct runlog_entry *e = parse_one("[{\"resourceJobExecutionId\":\"" ID_A "\"}]");
    assert_string_equal(e->state, "");
    assert_int_equal(e->started_ms, -1);
    assert_false(e->has_summary);
    assert_int_equal(e->summary.len, 0);
    assert_int_equal(e->context.type, JSON_NULL);
    assert_int_equal(e->succeeded + e->failed + e->timed_out + e->in_progress + e->remaining, 0);
    assert_int_equal(runlog_progress(e), -1);
    assert_int_equal(runlog_outcome(e), RUN_NONE);
    assert_false(has_marker(e, "_m", "k"));
    assert_false(has_marker(e, "_m", ""));
}

static void members_of_the_wrong_type_are_as_absent(void **state)
{
    (void)state;
    const struct runlog_entry *e =
        parse_one("[{\"resourceJobExecutionId\":\"" ID_A "\",\"status\":7,\"runStartedAt\":1795406706789,"
                  "\"executionSummary\":[1],\"templateContext\":[]}]");
    assert_string_equal(e->state, "");
    assert_int_equal(e->started_ms, -1);
    assert_false(e->has_summary);
    assert_int_equal(e->context.type, JSON_NULL);
    e = parse_one("[{\"resourceJobExecutionId\":\"" ID_A "\",\"status\":null,\"runStartedAt\":\"yesterday\","
                  "\"executionSummary\":{\"succeeded\":\"5\",\"failed\":-1,\"timedOut\":1.5,\"inProgress\":null,"
                  "\"remaining\":9223372036854775808},\"templateContext\":5}]");
    assert_string_equal(e->state, "");
    assert_int_equal(e->started_ms, -1);
    assert_true(e->has_summary);
    assert_int_equal(e->succeeded + e->failed + e->timed_out + e->in_progress + e->remaining, 0);
    assert_int_equal(e->context.type, JSON_NULL);
}

static void one_odd_element_does_not_hide_the_others(void **state)
{
    (void)state;
    assert_int_equal(parse("[{\"resourceJobExecutionId\":\"" ID_A "\"}, 5, null, \"x\", [], {}, "
                           "{\"resourceJobExecutionId\":null}, {\"resourceJobExecutionId\":\"\"}, "
                           "{\"resourceJobExecutionId\":\"aaaaaaaaaaaaaaaaaaaaaaa\"}, "
                           "{\"resourceJobExecutionId\":\"aaaaaaaaaaaaaaaaaaaaaaaaa\"}, "
                           "{\"resourceJobExecutionId\":\"aaaaaaaaaaaaaaaaaaaaaaa/\"}, "
                           "{\"resourceJobExecutionId\":\"" ID_B "\"}]"),
                     STATUS_OK);
    assert_int_equal(seen.count, 12);
    assert_int_equal(seen.skipped, 10);
    assert_int_equal(seen.passed, 2);
    assert_string_equal(seen.entries[0].execution_id, ID_A); // in the answer's order
    assert_string_equal(seen.entries[1].execution_id, ID_B);
}

static void an_empty_log_is_a_log(void **state)
{
    (void)state;
    size_t count = 7;
    assert_int_equal(parse(" [ ] "), STATUS_OK);
    assert_int_equal(seen.count + seen.skipped + seen.passed, 0);
    assert_int_equal(runlog_parse(SPAN("[1]"), keep_entry, &seen, &count, NULL), STATUS_OK); // skipped is optional
    assert_int_equal(count, 1);
}

static void what_is_no_array_is_no_log(void **state)
{
    (void)state;
    static const char *const rows[] = {"",    "{}",  "null", "5",      "\"[]\"", "[",
                                       "[{]", "[]]", "[1,]", "<html>", "[\xff]", "{\"items\":[]}"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(parse(rows[i]), STATUS_INVALID);
        assert_int_equal(seen.count, 0);
        assert_int_equal(seen.skipped, 0);
        assert_int_equal(seen.passed, 0);
    }
}

static void a_long_state_is_cut_at_a_code_point(void **state)
{
    (void)state;
    const char *stem = "{\"resourceJobExecutionId\":\"" ID_A "\",\"status\":\"";
    static const struct {
        const char *word, *kept;
    } rows[] = {
        {"abcdefghijklmnopqrstuvwxyz01234", "abcdefghijklmnopqrstuvwxyz01234"}, // 31: just fits
        {"abcdefghijklmnopqrstuvwxyz012345", "abcdefghijklmnopqrstuvwxyz01234"},
        {"abcdefghijklmnopqrstuvwxyz0123\u00fc", "abcdefghijklmnopqrstuvwxyz0123"},
        {"abcdefghijklmnopqrstuvwxyz012\u00fc", "abcdefghijklmnopqrstuvwxyz012\u00fc"},
        {"abcdefghijklmnopqrstuvwxyz0\U0001F600", "abcdefghijklmnopqrstuvwxyz0\U0001F600"},
        {"abcdefghijklmnopqrstuvwxyz01\U0001F600", "abcdefghijklmnopqrstuvwxyz01"},
        {"\\u0063ompleted", "completed"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char body[256];
        snprintf(body, sizeof body, "[%s%s\"}]", stem, rows[i].word);
        assert_string_equal(parse_one(body)->state, rows[i].kept);
    }
}

static void the_digest_tells_a_change(void **state)
{
    (void)state;
    assert_int_equal(parse("[{\"resourceJobExecutionId\":\"" ID_A "\",\"n\":1},"
                           "{\"resourceJobExecutionId\":\"" ID_A "\",\"n\":1},"
                           "{\"resourceJobExecutionId\":\"" ID_A "\",\"n\":2},"
                           "{\"resourceJobExecutionId\":\"" ID_A "\",\"n\":1 }]"),
                     STATUS_OK);
    assert_true(seen.entries[0].digest == seen.entries[1].digest);
    assert_true(seen.entries[0].digest != seen.entries[2].digest);
    assert_true(seen.entries[0].digest != seen.entries[3].digest);
    assert_true(parse_one("[{\"resourceJobExecutionId\":\"" ID_A "\",\"n\":1}]")->digest != 0);
}

static struct runlog_entry entry_of(const char *state, int64_t succeeded, int64_t failed, int64_t timed_out,
                                    int64_t in_progress, int64_t remaining)
{
    struct runlog_entry entry = {.has_summary = true,
                                 .succeeded = succeeded,
                                 .failed = failed,
                                 .timed_out = timed_out,
                                 .in_progress = in_progress,
                                 .remaining = remaining};
    snprintf(entry.state, sizeof entry.state, "%s", state);
    return entry;
}

static void each_word_of_the_api_has_its_outcome(void **state)
{
    (void)state;
    static const struct {
        const char *state;
        int64_t failed, timed_out;
        enum run_outcome outcome;
    } rows[] = {
        {"inProgress", 0, 0, RUN_NONE},
        {"inProgress", 3, 0, RUN_NONE},
        {"erroring", 1, 0, RUN_NONE},
        {"canceling", 0, 0, RUN_NONE},
        {"completed", 0, 0, RUN_SUCCEEDED},
        {"completed", 1, 0, RUN_PARTIAL},
        {"completed", 0, 1, RUN_PARTIAL},
        {"completed", 2, 2, RUN_PARTIAL},
        {"errored", 0, 0, RUN_FAILED},
        {"errored", 5, 5, RUN_FAILED},
        {"canceled", 0, 0, RUN_CANCELED},
        {"canceled", 1, 1, RUN_CANCELED},
        {"", 0, 0, RUN_NONE},
        {"Completed", 0, 0, RUN_NONE},
        {"completed ", 0, 0, RUN_NONE},
        {"cancelled", 0, 0, RUN_NONE},
        {"archived", 0, 0, RUN_NONE},
        {"queued", 0, 0, RUN_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct runlog_entry entry = entry_of(rows[i].state, 7, rows[i].failed, rows[i].timed_out, 0, 0);
        assert_int_equal(runlog_outcome(&entry), rows[i].outcome);
    }
}

static void outcomes_have_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "succeeded", "partial", "failed", "canceled", "unknown"};
    for (int i = RUN_NONE; i <= RUN_UNKNOWN; i++) {
        assert_string_equal(run_outcome_text((enum run_outcome)i), texts[i]);
    }
    assert_string_equal(run_outcome_text((enum run_outcome)(RUN_UNKNOWN + 1)), "");
}

static void progress_is_a_hundred_only_at_the_end(void **state)
{
    (void)state;
    static const struct {
        const char *state;
        int64_t succeeded, failed, timed_out, in_progress, remaining;
        int progress;
    } rows[] = {
        {"inProgress", 0, 0, 0, 0, 10, 0},
        {"inProgress", 0, 0, 0, 1, 9, 0},
        {"inProgress", 1, 0, 0, 0, 9, 10},
        {"inProgress", 1, 1, 1, 1, 6, 30},
        {"inProgress", 2, 0, 0, 1, 0, 66},
        {"inProgress", 999, 0, 0, 0, 1, 99},
        {"inProgress", 99999, 0, 0, 1, 0, 99},
        {"inProgress", INT64_MAX, 0, 0, 1, 0, 99},
        {"inProgress", INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, 60},
        {"inProgress", 10, 0, 0, 0, 0, 100},
        {"completed", 0, 10, 0, 0, 0, 100},
        {"completed", 0, 0, 10, 0, 0, 100},
        {"canceled", 5, 0, 0, 0, 5, 50},
        {"inProgress", 0, 0, 0, 0, 0, 0},
        {"erroring", 0, 0, 0, 0, 0, 0},
        {"completed", 0, 0, 0, 0, 0, 100},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct runlog_entry entry = entry_of(rows[i].state, rows[i].succeeded, rows[i].failed, rows[i].timed_out,
                                             rows[i].in_progress, rows[i].remaining);
        assert_int_equal(runlog_progress(&entry), rows[i].progress);
        entry.has_summary = false;
        assert_int_equal(runlog_progress(&entry), -1);
    }
}

static void a_marker_is_found_however_it_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *context; // as it stands in the entry
        bool found;
    } rows[] = {
        {"\"{\\\"_m\\\":\\\"k-1\\\"}\"", true},
        {"\"{\\\"_m\\\":\\\"k-1\\\",\\\"n\\\":12345678901234567890}\"", true},
        {"\" {\\n \\\"n\\\" : 1 ,\\t\\\"_m\\\" : \\\"k-1\\\" } \"", true}, // moved, white space
        {"\"{\\\"\\\\u005fm\\\":\\\"k\\\\u002d1\\\"}\"", true},            // escaped anew
        {"\"\\u007b\\u0022_m\\u0022:\\u0022k-1\\u0022}\"", true},          // escaped outside
        {"{\"_m\":\"k-1\"}", true},                                        // unwrapped
        {"{\"n\":{},\"_m\":\"k-1\"}", true},
        {"\"{\\\"_m\\\":\\\"k-10\\\"}\"", false},
        {"\"{\\\"_m\\\":\\\"k-\\\"}\"", false},
        {"\"{\\\"_m\\\":\\\"K-1\\\"}\"", false},
        {"\"{\\\"_mm\\\":\\\"k-1\\\"}\"", false},
        {"\"{\\\"_m\\\":1}\"", false},
        {"\"{\\\"_m\\\":null}\"", false},
        {"\"{\\\"_m\\\":[\\\"k-1\\\"]}\"", false},
        {"\"{\\\"a\\\":{\\\"_m\\\":\\\"k-1\\\"}}\"", false},                       // not at the top
        {"\"{\\\"a\\\":\\\"\\\\\\\"_m\\\\\\\":\\\\\\\"k-1\\\\\\\"\\\"}\"", false}, // only quoted in a text
        {"\"[{\\\"_m\\\":\\\"k-1\\\"}]\"", false},
        {"\"\\\"_m\\\"\"", false},
        {"\"{\\\"_m\\\":\\\"k-1\\\"\"", false}, // cut short
        {"\"\"", false},
        {"\"null\"", false},
        {"\"\\ud800\"", false},
        {"\"a\\u0000b\"", false},
        {"null", false},
        {"[\"_m\",\"k-1\"]", false},
        {"7", false},
        {"{}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char body[512];
        snprintf(body, sizeof body, "[{\"resourceJobExecutionId\":\"" ID_A "\",\"templateContext\":%s}]",
                 rows[i].context);
        const struct runlog_entry *entry = parse_one(body);
        if (has_marker(entry, "_m", "k-1") != rows[i].found) {
            fail_msg("%s", body);
        }
        assert_false(has_marker(entry, "_x", "k-1"));
    }
}

static void a_page_is_complete_below_its_limit(void **state)
{
    (void)state;
    assert_true(runlog_page_complete(25, 0));
    assert_true(runlog_page_complete(25, 24));
    assert_false(runlog_page_complete(25, 25));
    assert_false(runlog_page_complete(25, 26));
}

static void a_short_page_is_no_proof_by_itself(void **state)
{
    (void)state;
    static const struct {
        struct runlog_page page;
        enum runlog_reach reach;
    } rows[] = {
        {{100, 0, 0, false}, RUNLOG_WHOLE},      {{100, 7, 0, false}, RUNLOG_WHOLE},
        {{100, 100, 0, false}, RUNLOG_CUT},      {{100, 130, 0, false}, RUNLOG_CUT},
        {{100, 100, 0, true}, RUNLOG_WHOLE},     {{200, 100, 100, false}, RUNLOG_UNSURE},
        {{200, 100, 101, false}, RUNLOG_WHOLE},  {{200, 100, 100, true}, RUNLOG_WHOLE},
        {{200, 99, 99, false}, RUNLOG_WHOLE},    {{100, 50, 0, false}, RUNLOG_UNSURE},
        {{100, 25, 0, false}, RUNLOG_WHOLE},     {{100, 20, 0, false}, RUNLOG_WHOLE},
        {{100, 10, 0, false}, RUNLOG_WHOLE},     {{100, 64, 0, false}, RUNLOG_UNSURE},
        {{2000, 1000, 0, false}, RUNLOG_UNSURE}, {{2000, 250, 0, false}, RUNLOG_UNSURE},
        {{2000, 1024, 0, false}, RUNLOG_UNSURE}, {{2000, 700, 0, false}, RUNLOG_WHOLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (runlog_reach(&rows[i].page) != rows[i].reach) {
            fail_msg("row %zu", i);
        }
    }
}

static void since_reaches_back_before_the_earliest(void **state)
{
    (void)state;
    static const struct {
        int64_t earliest_ms;
        uint32_t missed_polls;
        int64_t since_ms;
    } rows[] = {
        {INT64_C(1795406706789), 0, INT64_C(1795406646789)},
        {INT64_C(1795406706789), 1, INT64_C(1795406586789)},
        {INT64_C(1795406706789), 2, INT64_C(1795406466789)},
        {INT64_C(1795406706789), 10, INT64_C(1795406706789) - 61440000},
        {INT64_C(1795406706789), 11, INT64_C(1795406706789) - RUNLOG_SINCE_MARGIN_MAX_MS},
        {INT64_C(1795406706789), UINT32_MAX, INT64_C(1795406706789) - RUNLOG_SINCE_MARGIN_MAX_MS},
        {RUNLOG_SINCE_MARGIN_MS + 1, 0, 1},
        {RUNLOG_SINCE_MARGIN_MS, 0, 0},
        {1, 0, 0},
        {0, 0, 0},
        {-1, 5, 0},
        {INT64_MIN, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct runlog_want want = {
            .open_runs = 1, .earliest_start_ms = rows[i].earliest_ms, .missed_polls = rows[i].missed_polls};
        assert_int_equal(runlog_next(&want).since_ms, rows[i].since_ms);
    }
}

static void the_limit_has_room_and_grows_when_something_hides(void **state)
{
    (void)state;
    static const struct {
        struct runlog_want want;
        uint32_t limit;
    } rows[] = {
        // open runs
        {{.open_runs = 0}, 25},
        {{.open_runs = 1}, 25},
        {{.open_runs = 12}, 25},
        {{.open_runs = 13}, 26},
        {{.open_runs = 50}, 100},
        {{.open_runs = 2500}, 5000},
        {{.open_runs = 2501}, 5000},
        {{.open_runs = UINT32_MAX}, 5000},
        // full and missing
        {{.open_runs = 1, .last_limit = 25, .last_count = 25, .missing = true}, 50},
        {{.open_runs = 1, .last_limit = 25, .last_count = 24, .missing = true}, 25},
        {{.open_runs = 1, .last_limit = 25, .last_count = 25, .missing = false}, 25},
        {{.open_runs = 50, .last_limit = 25, .last_count = 25, .missing = true}, 100},
        {{.open_runs = 1, .last_limit = 2500, .last_count = 2500, .missing = true}, 5000},
        {{.open_runs = 1, .last_limit = 5000, .last_count = 5000, .missing = true}, 5000},
        {{.open_runs = 1, .last_limit = UINT32_MAX, .last_count = UINT32_MAX, .missing = true}, 5000},
        {{.open_runs = 1, .last_limit = 0, .last_count = 0, .missing = true}, 25}, // the first poll
        // no shrinking where it is not known how deep ours lie, or where one is missing
        {{.open_runs = 1, .last_limit = 200, .last_count = 3}, 200},
        {{.open_runs = 1, .last_limit = 200, .last_count = 3, .missing = true, .deepest = 1}, 200},
        {{.open_runs = 1, .last_limit = 200, .last_count = 200, .missing = true, .deepest = 1}, 400},
        // as deep as ours, and as much again
        {{.open_runs = 1, .last_limit = 200, .last_count = 200, .deepest = 1}, 25},
        {{.open_runs = 1, .last_limit = 200, .last_count = 200, .deepest = 40}, 80},
        {{.open_runs = 1, .last_limit = 200, .last_count = 200, .deepest = 180}, 360},
        {{.open_runs = 60, .last_limit = 200, .last_count = 200, .deepest = 40}, 120},
        // refused
        {{.open_runs = 1, .refused_limit = 26}, 25},
        {{.open_runs = 1, .refused_limit = 25}, 12},
        {{.open_runs = 1, .refused_limit = 2}, 1},
        {{.open_runs = 1, .refused_limit = 1}, 1}, // there is no smaller one
        {{.open_runs = 500, .last_limit = 1000, .refused_limit = 1000}, 500},
        {{.open_runs = 500, .last_limit = 500, .last_count = 9, .refused_limit = 1000}, 750},
        {{.open_runs = 500, .last_limit = 999, .last_count = 9, .refused_limit = 1000}, 999},
        {{.open_runs = 1, .last_limit = 600, .last_count = 600, .missing = true, .refused_limit = 1001}, 800},
        {{.open_runs = 1, .last_limit = 300, .last_count = 300, .missing = true, .refused_limit = 1001}, 600},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t limit = runlog_next(&rows[i].want).limit;
        if (limit != rows[i].limit) {
            fail_msg("row %zu: %u, not %u", i, limit, rows[i].limit);
        }
    }
}

static void the_apis_own_bound_is_found(void **state)
{
    (void)state;
    static const uint32_t bounds[] = {1, 24, 25, 100, 999, 1000, 4999};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        // A run that no page ever shows, in a log without end.
        struct runlog_want want = {.open_runs = 1, .missing = true};
        int refused = 0;
        uint32_t largest = 0;
        for (int poll = 0; poll < 40; poll++) {
            uint32_t limit = runlog_next(&want).limit;
            assert_in_range(limit, 1, RUNLOG_LIMIT_MAX);
            assert_true(want.refused_limit == 0 || limit < want.refused_limit || limit == 1);
            if (limit > bounds[i]) {
                refused++;
                want.refused_limit = limit;
                continue; // the last answer stays what it was
            }
            want.last_limit = limit;
            want.last_count = limit;
            largest = limit > largest ? limit : largest;
        }
        assert_int_equal(largest, bounds[i]);
        assert_in_range(refused, 1, 14);
    }
}

static void a_run_hidden_deep_is_found_in_a_few_polls(void **state)
{
    (void)state;
    struct runlog_want want = {.open_runs = 1};
    int polls = 0;
    do {
        struct runlog_plan plan = runlog_next(&want);
        want.last_limit = plan.limit;
        want.last_count = plan.limit < 3000 ? plan.limit : 3000;
        want.missing = plan.limit < 3000;
        polls++;
    } while (want.missing && polls < 20);
    assert_int_equal(polls, 8); // 25, 50, … 3200
    want.deepest = 3;           // later the others have gone
    assert_int_equal(runlog_next(&want).limit, RUNLOG_LIMIT_FIRST);
}

static void polls_grow_rarer_while_nothing_changes(void **state)
{
    (void)state;
    static const struct {
        int64_t last_ms;
        bool changed;
        int64_t next_ms;
    } rows[] = {
        {5000, false, 7500},   {7500, false, 11250},     {11250, false, 16875},   {19999, false, 29999},
        {20000, false, 30000}, {20001, false, 30000},    {30000, false, 30000},   {INT64_MAX, false, 30000},
        {30000, true, 5000},   {5000, true, 5000},       {0, false, 5000},        {-1, false, 5000},
        {4999, false, 5000},   {INT64_MIN, false, 5000}, {INT64_MAX, true, 5000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(runlog_interval_ms(rows[i].last_ms, rows[i].changed, 5000, 30000), rows[i].next_ms);
    }
    assert_int_equal(runlog_interval_ms(1, false, 1, 100), 2); // grows from the smallest too
    assert_int_equal(runlog_interval_ms(7, false, 7, 7), 7);
    int64_t ms = 0;
    int polls = 0;
    for (int64_t now_ms = 0; now_ms < 3600000; now_ms += ms) { // an hour in which nothing changes
        ms = runlog_interval_ms(ms, false, 5000, 30000);
        polls++;
    }
    assert_in_range(polls, 120, 125);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_read_whole),
        cmocka_unit_test(most_of_an_entry_may_be_absent),
        cmocka_unit_test(members_of_the_wrong_type_are_as_absent),
        cmocka_unit_test(one_odd_element_does_not_hide_the_others),
        cmocka_unit_test(an_empty_log_is_a_log),
        cmocka_unit_test(what_is_no_array_is_no_log),
        cmocka_unit_test(a_long_state_is_cut_at_a_code_point),
        cmocka_unit_test(the_digest_tells_a_change),
        cmocka_unit_test(each_word_of_the_api_has_its_outcome),
        cmocka_unit_test(outcomes_have_texts),
        cmocka_unit_test(progress_is_a_hundred_only_at_the_end),
        cmocka_unit_test(a_marker_is_found_however_it_is_written),
        cmocka_unit_test(a_page_is_complete_below_its_limit),
        cmocka_unit_test(a_short_page_is_no_proof_by_itself),
        cmocka_unit_test(since_reaches_back_before_the_earliest),
        cmocka_unit_test(the_limit_has_room_and_grows_when_something_hides),
        cmocka_unit_test(the_apis_own_bound_is_found),
        cmocka_unit_test(a_run_hidden_deep_is_found_in_a_few_polls),
        cmocka_unit_test(polls_grow_rarer_while_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
