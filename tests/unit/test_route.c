// SPDX-License-Identifier: Apache-2.0
// Patterns and templates of routes: what is refused, what is captured, and that no captured value breaks out of its
// place.
#include "rules/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static struct route_captures matched(const char *pattern, const char *topic)
{
    struct route_captures captures;
    assert_true(route_match(span_of(pattern), span_of(topic), &captures));
    return captures;
}

static void test_good_filters(void **state)
{
    static const char *const good[] = {"devices/{device}/jobs/{job}/cmd/{action}",
                                       "plant/{line}/alarm/overheat",
                                       "{a}",
                                       "#",
                                       "+/{_x9}/#",
                                       "/{a}/",
                                       "plain",
                                       "$SYS/{x}"};
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        const char *why = NULL;
        assert_int_equal(route_check_filter(span_of(good[i]), &why), STATUS_OK);
    }
}

static void test_bad_filters(void **state)
{
    static const char *const bad[] = {"",
                                      "a/{a}/{a}",
                                      "a/x-{b}",
                                      "a/{b}x",
                                      "a/{}",
                                      "a/{9a}",
                                      "a/{a-b}",
                                      "a/{a b}",
                                      "a/{",
                                      "a/}",
                                      "{a}{b}",
                                      "a/#/b",
                                      "a#",
                                      "a/+b",
                                      "a\n/{b}",
                                      "{requestId}",
                                      "{payload}",
                                      "{executionId}/a",
                                      "$share/g/{a}",
                                      "a/{\xC3\xA9}",
                                      "a/\xFF",
                                      "{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/{q}"};
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        const char *why = NULL;
        if (route_check_filter(span_of(bad[i]), &why) != STATUS_INVALID || why == NULL) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void test_templates(void **state)
{
    static const struct {
        const char *text;
        bool ids;
        bool good;
        const char *which;
    } rows[] = {
        {"devices/{device}/jobs/{job}", false, true, ""},
        {"a/x-{device}-{job}/b", false, true, ""},
        {"plain", false, true, ""},
        {"a/{requestId}/{executionId}", true, true, ""},
        {"a/{requestId}", false, false, "requestId"},
        {"a/{executionId}", false, false, "executionId"},
        {"a/{line}", true, false, "line"},
        {"a/{payload}", true, false, "payload"},
        {"$x/{device}", false, true, ""},
        {"${device}/x", false, false, ""},
        {"a/{device", true, false, ""},
        {"a/device}", true, false, ""},
        {"a/{}", true, false, ""},
        {"a/{de vice}", true, false, ""},
        {"a/+", true, false, ""},
        {"a/#", true, false, ""},
        {"", true, false, ""},
        {"a\x01", true, false, ""},
        {"a\x1F", true, false, ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *why = NULL;
        struct span which = SPAN("unset");
        enum status rc = route_check_template(span_of(rows[i].text), SPAN("devices/{device}/jobs/{job}/cmd"),
                                              rows[i].ids, &why, &which);
        if (rc != (rows[i].good ? STATUS_OK : STATUS_INVALID) || !span_is(which, rows[i].which)) {
            fail_msg("%s: %s", rows[i].text, why ? why : "-");
        }
        assert_true(rows[i].good || why != NULL);
    }
}

static void test_context_templates(void **state)
{
    static const struct {
        const char *text;
        bool good;
        const char *which;
    } rows[] = {
        {"{ \"line\": \"{line}\", \"alarm\": {payload} }", true, ""},
        {"{}", true, ""},
        {"{\"a\":{\"b\":{}}}", true, ""},
        {"{\"n\":{line}}", true, ""},
        {"{\"{line}\":\"x{line}y{payload}\"}", true, ""},
        {"{\"text\":\"{ line }\"}", true, ""}, // white space: no placeholder
        {"{\"a\":\"{other}\"}", false, "other"},
        {"{\"a\":\"{requestId}\"}", false, "requestId"},
        {"{\"a\":\"{executionId}\"}", false, "executionId"},
        {"[{line}]", false, ""},
        {"{line}", false, ""},
        {"\"{line}\"", false, ""},
        {"{\"a\":{line}", false, ""},
        {"{\"a\":\"\\{line}\"}", false, ""},
        {"{ {line}: 1 }", false, ""},
        {"", false, ""},
        {"{\"a\":1} x", false, ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *why = NULL;
        struct span which = SPAN("unset");
        enum status rc = route_check_context(span_of(rows[i].text), SPAN("plant/{line}/alarm"), &why, &which);
        if (rc != (rows[i].good ? STATUS_OK : STATUS_INVALID) || !span_is(which, rows[i].which)) {
            fail_msg("%s: %s", rows[i].text, why ? why : "-");
        }
        assert_true(rows[i].good || why != NULL);
    }
}

static void test_captures(void **state)
{
    struct route_captures captures =
        matched("devices/{device}/jobs/{job}/cmd/{action}", "devices/d7/jobs/recalibrate/cmd/execute");
    struct span value;
    (void)state;
    assert_int_equal(captures.count, 3);
    assert_true(route_capture(&captures, "device", &value));
    assert_true(span_is(value, "d7"));
    assert_true(route_capture(&captures, "job", &value));
    assert_true(span_is(value, "recalibrate"));
    assert_true(route_capture(&captures, "action", &value));
    assert_true(span_is(value, "execute"));
    assert_false(route_capture(&captures, "line", &value));
    assert_false(route_capture(&captures, "devic", &value));
}

static void test_an_empty_level_is_captured(void **state)
{
    struct route_captures captures = matched("a/{x}/b", "a//b");
    struct span value;
    (void)state;
    assert_true(route_capture(&captures, "x", &value));
    assert_int_equal(value.len, 0);
    captures = matched("{x}/{y}", "/");
    assert_int_equal(captures.count, 2);
}

// Whatever the pattern, it matches what its filter matches.
static void test_matching_agrees_with_the_filter(void **state)
{
    static const char *const patterns[] = {"a/{x}", "{x}/b", "{x}",    "a/+/{x}", "a/{x}/#", "#", "+/{x}/+", "a",
                                           "/{x}",  "{x}/",  "$a/{x}", "{x}/#",   "a/{x}/b", "+", "a/#",     "{x}/{y}"};
    static const char *const topics[] = {"a",     "a/b",  "a/",  "/",    "//",   "a//",    "a/b/c",
                                         "a/b/b", "$a/b", "$a",  "/b",   "b",    "b/b",    "a/$b",
                                         "$/b",   "a//b", "///", "a/b/", "x/b/", "a/b/c/d"};
    (void)state;
    for (size_t i = 0; i < COUNT(patterns); i++) {
        struct bytes filter;
        bytes_init(&filter, 100);
        topic_pattern_to_filter(span_of(patterns[i]), &filter);
        for (size_t k = 0; k < COUNT(topics); k++) {
            struct route_captures captures;
            bool wanted = topic_matches(bytes_span(&filter), span_of(topics[k]));
            if (route_match(span_of(patterns[i]), span_of(topics[k]), &captures) != wanted) {
                fail_msg("%s and %s", patterns[i], topics[k]);
            }
        }
        bytes_free(&filter);
    }
    struct route_captures captures;
    assert_false(route_match(SPAN("#"), SPAN_NONE, &captures));
    assert_false(route_match(SPAN_NONE, SPAN("a"), &captures));
}

static void test_expanding_topics(void **state)
{
    struct route_captures captures = matched("devices/{device}/jobs/{job}", "devices/d7/jobs/re calibrate");
    static const struct {
        const char *text;
        const char *id;
        const char *wanted; // NULL: refused
    } rows[] = {
        {"devices/{device}/jobs/{job}", "r", "devices/d7/jobs/re calibrate"},
        {"x-{device}{job}/y", "r", "x-d7re calibrate/y"},
        {"a/{requestId}", "r-1", "a/r-1"},
        {"a/{requestId}", "../a/b+c#d", "a/.._a_b_c_d"},
        {"a/{requestId}", "\n\x7F\xC2\x85\xEF\xBF\xBF\xFF", "a/_____"},
        {"a/{requestId}", "\xC4\xAF\xC3\xA9", "a/\xC4\xAF\xC3\xA9"}, // U+012F ends in 0x2F as a slash does
        {"a/{requestId}/{executionId}/b", "r", "a/r/\x1F/b"},
        {"a/{requestId}/{executionId}/b", "", "a/\x1E/\x1F/b"}, // both are known later
        {"{requestId}/x", "$SYS", NULL},
        {"$x/{requestId}", "r", "$x/r"},
        {"a/{unknown}", "r", NULL},
        {"a/+", "r", NULL},
        {"", "r", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes out;
        bytes_init(&out, 2000);
        bytes_add_text(&out, "before");
        enum status rc = route_expand_topic(span_of(rows[i].text), &captures, span_of(rows[i].id), &out);
        assert_int_equal(rc, rows[i].wanted ? STATUS_OK : STATUS_INVALID);
        if (rows[i].wanted) {
            assert_string_equal(bytes_text(&out) + 6, rows[i].wanted);
        }
        bytes_free(&out);
    }
}

static void test_captures_that_no_topic_may_contain(void **state)
{
    static const char *const bad[] = {"a/\x1F",     "a/\x1E",         "a/\x01", "a/x\x7F",
                                      "a/\xC2\x80", "a/\xEF\xBF\xBE", "a/$x",   "a/"};
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct route_captures captures = matched("a/{x}", bad[i]);
        struct bytes out;
        bytes_init(&out, 2000);
        assert_int_equal(route_expand_topic(SPAN("{x}"), &captures, SPAN("r"), &out), STATUS_INVALID);
        bytes_free(&out);
    }
}

static void test_topics_that_become_too_long(void **state)
{
    char *long_id = malloc(TOPIC_MAX_BYTES);
    struct route_captures none = {0};
    struct bytes out;
    (void)state;
    assert_non_null(long_id);
    memset(long_id, 'x', TOPIC_MAX_BYTES);
    bytes_init(&out, 10000);
    assert_int_equal(route_expand_topic(SPAN("{requestId}"), &none, (struct span){long_id, TOPIC_MAX_BYTES}, &out),
                     STATUS_OK);
    assert_int_equal(route_expand_topic(SPAN("a{requestId}"), &none, (struct span){long_id, TOPIC_MAX_BYTES}, &out),
                     STATUS_TOO_LARGE);
    // The execution id that will come has to fit, too.
    assert_int_equal(
        route_expand_topic(SPAN("{requestId}{executionId}"), &none, (struct span){long_id, TOPIC_MAX_BYTES - 24}, &out),
        STATUS_OK);
    assert_int_equal(
        route_expand_topic(SPAN("{requestId}{executionId}"), &none, (struct span){long_id, TOPIC_MAX_BYTES - 23}, &out),
        STATUS_TOO_LARGE);
    bytes_free(&out);
    bytes_init(&out, 3);
    assert_int_equal(route_expand_topic(SPAN("{requestId}"), &none, SPAN("long"), &out), STATUS_TOO_LARGE);
    bytes_free(&out);
    free(long_id);
}

static void test_putting_the_ids(void **state)
{
    struct bytes out;
    (void)state;
    bytes_init(&out, 100);
    route_put_ids(SPAN("a/\x1F/b/\x1F"), SPAN_NONE, SPAN("632e"), &out);
    assert_string_equal(bytes_text(&out), "a/632e/b/632e");
    bytes_clear(&out);
    route_put_ids(SPAN("\x1E/\x1F/\x1E"), SPAN("a/b+\n"), SPAN("632e"), &out);
    assert_string_equal(bytes_text(&out), "a_b__/632e/a_b__");
    bytes_clear(&out);
    route_put_ids(SPAN("a/b"), SPAN("r"), SPAN("632e"), &out);
    assert_string_equal(bytes_text(&out), "a/b");
    bytes_free(&out);
}

static enum status expand(const char *text, const char *topic, struct span payload, struct bytes *out)
{
    struct route_captures captures = matched("t/{x}", topic);
    bytes_init(out, 1000);
    return route_expand_context(span_of(text), &captures, payload, out);
}

static void test_expanding_contexts(void **state)
{
    static const struct {
        const char *text;
        const char *topic;
        const char *payload;
        const char *wanted; // NULL: refused
    } rows[] = {
        {"{ \"line\": \"{x}\", \"alarm\": {payload} }", "t/7", "{\"n\":12345678901234567890}",
         "{ \"line\": \"7\", \"alarm\": {\"n\":12345678901234567890} }"},
        {"{\"p\":{payload}}", "t/7", "1e400", "{\"p\":1e400}"},
        {"{\"p\":{payload}}", "t/7", " [1] ", "{\"p\": [1] }"},
        {"{\"p\":{payload}}", "t/7", "hot!", "{\"p\":\"hot!\"}"},
        {"{\"p\":{payload}}", "t/7", "1,\"q\":2", "{\"p\":\"1,\\\"q\\\":2\"}"},
        {"{\"p\":{payload}}", "t/7", "", "{\"p\":null}"},
        {"{\"p\":{payload}}", "t/7", "\xFF", NULL},
        {"{\"p\":\"<{payload}>\"}", "t/7", "a\"b\\c\n", "{\"p\":\"<a\\\"b\\\\c\\n>\"}"},
        {"{\"p\":\"{payload}\"}", "t/7", "", "{\"p\":\"\"}"},
        {"{\"p\":\"{payload}\"}", "t/7", "{\"n\":1}", "{\"p\":\"{\\\"n\\\":1}\"}"},
        {"{\"p\":\"{payload}\"}", "t/7", "\xFF", NULL},
        {"{\"p\":\"\\\"{x}\\\\\"}", "t/a\"b", "", "{\"p\":\"\\\"a\\\"b\\\\\"}"},
        {"{\"x\":\"{x}\"}", "t/\",\"admin\":true,\"y\":\"", "", "{\"x\":\"\\\",\\\"admin\\\":true,\\\"y\\\":\\\"\"}"},
        {"{\"x\":{x}}", "t/7", "", "{\"x\":7}"},
        {"{\"x\":{x}}", "t/true", "", "{\"x\":true}"},
        {"{\"x\":{x}}", "t/line7", "", NULL},
        {"{\"x\":{x}}", "t/", "", NULL},
        {"{\"x\":{x}}", "t/1,\"admin\":true", "", NULL}, // as a whole it would be valid
        {"{\"{x}\":1}", "t/k", "", "{\"k\":1}"},
        {"{\"a\":\"\\{x}\"}", "t/n", "", NULL},
        {"{\"a\":{y}}", "t/n", "", NULL},
        {"{\"a\":\"{ x }{\"}", "t/n", "", "{\"a\":\"{ x }{\"}"},
        {"{payload}", "t/n", "{\"a\":1}", "{\"a\":1}"},
        {"{payload}", "t/n", "[1]", NULL},
        {"", "t/n", "", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes out;
        enum status rc = expand(rows[i].text, rows[i].topic, span_of(rows[i].payload), &out);
        if (rc != (rows[i].wanted ? STATUS_OK : STATUS_INVALID)) {
            fail_msg("%s with %s: %s", rows[i].text, rows[i].payload, bytes_text(&out));
        }
        if (rows[i].wanted) {
            assert_string_equal(bytes_text(&out), rows[i].wanted);
        }
        bytes_free(&out);
    }
}

static void test_a_context_that_does_not_fit(void **state)
{
    struct route_captures captures = matched("t/{x}", "t/7");
    struct bytes out;
    (void)state;
    bytes_init(&out, 10);
    assert_int_equal(route_expand_context(SPAN("{\"p\":{payload}}"), &captures, SPAN("123456"), &out),
                     STATUS_TOO_LARGE);
    bytes_free(&out);
}

// Every pair of these has a scope of its own.
static void test_scopes_differ(void **state)
{
    static const struct {
        const char *route;
        const char *topic;
    } rows[] = {{"r", "a/bc"},  {"r", "ab/c"},  {"r", "a/b"},   {"r", "/abc"},
                {"r2", "a/bc"}, {"r", "a/b:1"}, {"r", "2:a/b"}, {"r/2:", "a/bc"}};
    struct bytes scopes[COUNT(rows)];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct route_captures captures = matched("{x}/{y}", rows[i].topic);
        bytes_init(&scopes[i], 1000);
        route_scope(span_of(rows[i].route), &captures, &scopes[i]);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(bytes_text(&scopes[i]), bytes_text(&scopes[k]));
        }
    }
    struct route_captures captures = matched("{x}/{y}", "a/bc");
    struct bytes again;
    bytes_init(&again, 1000);
    route_scope(SPAN("r"), &captures, &again);
    assert_string_equal(bytes_text(&again), bytes_text(&scopes[0]));
    bytes_free(&again);
    for (size_t i = 0; i < COUNT(rows); i++) {
        bytes_free(&scopes[i]);
    }
}

static void an_address_for_who_has_none(void **state)
{
    static const struct {
        const char *pattern;
        const char *other;
        const char *topic; // NULL: there is none
    } cases[] = {
        {"devices/{device}/jobs/{job}/cmd/{action}", "ha", "devices/ha/jobs/tune/cmd/execute"},
        {"walls/{wall}/{row}/press", "ha", "walls/ha/ha/press"},
        {"plain", "ha", "plain"},
        {"a/+/{job}", "ha", NULL},
        {"a/{job}/#", "ha", NULL},
        {"a/{b}/{job}", "+", NULL},
        {"a/{b}", "x\x01", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes topic;
        bytes_init(&topic, TOPIC_MAX_BYTES);
        enum status rc =
            route_address(span_of(cases[i].pattern), SPAN("tune"), SPAN("execute"), span_of(cases[i].other), &topic);
        assert_int_equal(rc, cases[i].topic ? STATUS_OK : STATUS_INVALID);
        if (cases[i].topic) {
            assert_string_equal(bytes_text(&topic), cases[i].topic);
        }
        bytes_free(&topic);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_for_who_has_none),
        cmocka_unit_test(test_good_filters),
        cmocka_unit_test(test_bad_filters),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_context_templates),
        cmocka_unit_test(test_captures),
        cmocka_unit_test(test_an_empty_level_is_captured),
        cmocka_unit_test(test_matching_agrees_with_the_filter),
        cmocka_unit_test(test_expanding_topics),
        cmocka_unit_test(test_captures_that_no_topic_may_contain),
        cmocka_unit_test(test_topics_that_become_too_long),
        cmocka_unit_test(test_putting_the_ids),
        cmocka_unit_test(test_expanding_contexts),
        cmocka_unit_test(test_a_context_that_does_not_fit),
        cmocka_unit_test(test_scopes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
