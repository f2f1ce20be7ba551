// SPDX-License-Identifier: Apache-2.0
// Topic names and filters: the specification's own examples, and overlap by brute force against matching.
#include "rules/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_names(void **state)
{
    static const char *const good[] = {"a",  "/", "//", "a/b", "/a", "a/", "$SYS/x", "a b", "\xC3\xA9/\xF0\x9F\x98\x80",
                                       "{x}"};
    static const char *const bad[] = {"",      "a/+",          "#",           "a+",    "a#b",
                                      "a\nb",  "a\x7F",        "a\xC2\x80",   "a\xFF", "\xEF\xBF\xBE",
                                      "a\x1F", "\xED\xA0\x80", "\xEF\xB7\x90"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(topic_name_valid(span_of(good[i])));
        assert_true(topic_filter_valid(span_of(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(topic_name_valid(span_of(bad[i])));
    }
    assert_false(topic_name_valid(SPAN("a\0b")));
    assert_false(topic_filter_valid(SPAN("a\0b")));
}

static void test_filters(void **state)
{
    static const char *const good[] = {"#", "+", "+/+", "/+", "a/#", "a/+/b/#", "+/#", "$share/g/a/#", "/#"};
    static const char *const bad[] = {"",       "a#", "#/a", "a/#/b",    "##",    "a+", "+a",
                                      "a/+b/c", "++", "+#",  "a/\x01/b", "a\xFF", "#/", "a/#/"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(topic_filter_valid(span_of(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(topic_filter_valid(span_of(bad[i])));
    }
}

static void test_length_is_bounded(void **state)
{
    char *text = malloc(TOPIC_MAX_BYTES + 1);
    (void)state;
    assert_non_null(text);
    memset(text, 'x', TOPIC_MAX_BYTES + 1);
    assert_true(topic_name_valid((struct span){text, TOPIC_MAX_BYTES}));
    assert_false(topic_name_valid((struct span){text, TOPIC_MAX_BYTES + 1}));
    assert_false(topic_filter_valid((struct span){text, TOPIC_MAX_BYTES + 1}));
    free(text);
}

// The examples of MQTT 5 sections 4.7.1 to 4.7.3, and the corners of empty levels.
static void test_matching(void **state)
{
    static const struct {
        const char *filter;
        const char *name;
        bool matches;
    } rows[] = {
        {"sport/tennis/player1/#", "sport/tennis/player1", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/#", "sport", true},
        {"sport/#", "sports", false},
        {"#", "a", true},
        {"#", "/", true},
        {"sport/tennis/+", "sport/tennis/player1", true},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+", "/finance", false},
        {"#", "$SYS/a", false},
        {"+/monitor/Clients", "$SYS/monitor/Clients", false},
        {"$SYS/#", "$SYS/", true},
        {"$SYS/#", "$SYS", true},
        {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
        {"a/+", "a/$b", true},
        {"a/#", "a/$b", true},
        {"ACCOUNTS", "Accounts", false},
        {"/finance", "finance", false},
        {"a", "a/", false},
        {"a/", "a", false},
        {"a//b", "a//b", true},
        {"a/+/b", "a//b", true},
        {"+/+/+", "//", true},
        {"+/#", "/", true},
        {"+/#", "x", true},
        {"a", "", false},
        {"#", "", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (topic_matches(span_of(rows[i].filter), span_of(rows[i].name)) != rows[i].matches) {
            fail_msg("%s and %s", rows[i].filter, rows[i].name);
        }
    }
}

// All texts over the alphabet up to a length, one after another.
static bool next_text(char *text, const char *alphabet, size_t max)
{
    size_t len = strlen(text);
    for (size_t i = len; i-- > 0;) {
        const char *next = strchr(alphabet, text[i]) + 1;
        if (*next != '\0') {
            text[i] = *next;
            return true;
        }
        text[i] = alphabet[0];
    }
    if (len == max) {
        return false;
    }
    memset(text, alphabet[0], len + 1);
    text[len + 1] = '\0';
    return true;
}

#define FILTER_LEN 4
#define NAME_LEN   6 // a filter's witness: each '+' or '#' is one character, and one literal of the other
#define TEXTS_MAX  20000

struct texts {
    size_t count;
    char items[TEXTS_MAX][NAME_LEN + 1];
};

static struct texts *collect(const char *alphabet, size_t max, bool (*valid)(struct span))
{
    struct texts *texts = calloc(1, sizeof *texts);
    char text[NAME_LEN + 2] = "";
    assert_non_null(texts);
    while (next_text(text, alphabet, max)) {
        if (valid(span_of(text))) {
            assert_true(texts->count < TEXTS_MAX);
            memcpy(texts->items[texts->count++], text, NAME_LEN + 1);
        }
    }
    return texts;
}

static void test_overlap_by_brute_force(void **state)
{
    struct texts *filters = collect("a$/+#", FILTER_LEN, topic_filter_valid);
    struct texts *names = collect("ax$/", NAME_LEN, topic_name_valid);
    // One bit per name that a filter matches: two filters overlap when their bits do.
    size_t words = (names->count + 63) / 64;
    uint64_t *matched = calloc(filters->count * words, sizeof *matched);
    (void)state;
    assert_non_null(matched);
    for (size_t f = 0; f < filters->count; f++) {
        for (size_t k = 0; k < names->count; k++) {
            bool hit = topic_matches(span_of(filters->items[f]), span_of(names->items[k]));
            matched[f * words + k / 64] |= (uint64_t)hit << (k % 64);
        }
    }
    for (size_t f = 0; f < filters->count; f++) {
        for (size_t g = 0; g < filters->count; g++) {
            bool common = false;
            for (size_t w = 0; w < words && !common; w++) {
                common = (matched[f * words + w] & matched[g * words + w]) != 0;
            }
            bool said = topic_filters_overlap(span_of(filters->items[f]), span_of(filters->items[g]));
            if (said != common) {
                fail_msg("%s and %s: %d", filters->items[f], filters->items[g], said);
            }
        }
    }
    free(matched);
    free(filters);
    free(names);
}

static void test_overlap_of_real_filters(void **state)
{
    (void)state;
    assert_false(topic_filters_overlap(SPAN("devices/+/jobs/+/cmd/+"), SPAN("devices/+/jobs/+/accepted")));
    assert_true(topic_filters_overlap(SPAN("devices/#"), SPAN("devices/+/jobs/+/accepted")));
    assert_true(topic_filters_overlap(SPAN("devices/+/jobs/+/+"), SPAN("devices/+/jobs/+/accepted")));
    assert_false(topic_filters_overlap(SPAN("#"), SPAN("$SYS/#")));
    assert_false(topic_filters_overlap(SPAN_NONE, SPAN("#")));
}

static void test_pattern_to_filter(void **state)
{
    static const char *const rows[][2] = {
        {"devices/{device}/jobs/{job}/cmd/{action}", "devices/+/jobs/+/cmd/+"},
        {"a/x-{name}/b", "a/+/b"},
        {"{a}", "+"},
        {"/{a}/", "/+/"},
        {"a/+/#", "a/+/#"},
        {"{a}{b}/c", "+/c"},
        {"plain", "plain"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes filter;
        bytes_init(&filter, TOPIC_MAX_BYTES);
        topic_pattern_to_filter(span_of(rows[i][0]), &filter);
        assert_string_equal(bytes_text(&filter), rows[i][1]);
        bytes_free(&filter);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_length_is_bounded),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_overlap_by_brute_force),
        cmocka_unit_test(test_overlap_of_real_filters),
        cmocka_unit_test(test_pattern_to_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
