// SPDX-License-Identifier: Apache-2.0
// What is JSON by RFC 8259 (y) and what is not (n), that values come out byte for byte, and strings both ways.
#include "base/utf8.h"
#include "rules/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json_value checked(const char *text)
{
    struct json_value value;
    assert_int_equal(json_check(span_of(text), &value, NULL, NULL), STATUS_OK);
    return value;
}

static const char *const y[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "10",
    "1e400",
    "-1E-400",
    "1e+2",
    "0e0",
    "0.0",
    "123.456e-78",
    "12345678901234567890",
    "\"\"",
    "\" \"",
    "[]",
    "{}",
    "[ ]",
    "{ }",
    " [\t1 ,\r\n2 ] ",
    "[[]]",
    "[{}]",
    "[[],[]]",
    "{\"\":0}",
    "{\"a\":1,\"a\":2}",
    "{\"a\":{\"b\":[{\"c\":null}]}}",
    "{\"a\" : [ true , false ] , \"b\" : { } }",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"\\uD83D\\uDE00\"",
    "\"\\ud800\"",        // a lone surrogate escape is valid text
    "\"\\uDE00\\uD83D\"", // in the wrong order, too
    "\"\\u005C\\u0022\"",
    "\"\x7F\"",
    "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"",
    "\"\xEF\xBB\xBF\"", // a byte order mark inside a string is a character
    "\"\xE2\x80\xA8\"",
    "\"\xEF\xBF\xBF\"",
    "\"'\"",
    "\"/\"",
    "\"[{\"",
    "[\"]\"]",
    "{\"}\":\"{\"}",
};

// at: where the first wrong byte is.
static const struct {
    const char *text;
    size_t at;
} n[] = {
    {"", 0},
    {" ", 1},
    {"nul", 3},
    {"nulL", 3},
    {"True", 0},
    {"NaN", 0},
    {"Infinity", 0},
    {"-Infinity", 1},
    {"undefined", 0},
    {"'a'", 0},
    {"a", 0},
    {"01", 1},
    {"-01", 2},
    {"00", 1},
    {"-", 1},
    {"+1", 0},
    {".5", 0},
    {"1.", 2},
    {"1.e1", 2},
    {"-.5", 1},
    {"1e", 2},
    {"1e+", 3},
    {"1e1.5", 3},
    {"0x10", 1},
    {"1 2", 2},
    {"1,", 1},
    {"1_000", 1},
    {"\"", 1},
    {"\"a", 2},
    {"\"\\", 2},
    {"\"\\\"", 3},
    {"\"\\x41\"", 2},
    {"\"\\'\"", 2},
    {"\"\\u12\"", 5},
    {"\"\\u12G4\"", 5},
    {"\"\\u\"", 3},
    {"\"\\u123", 6},
    {"\"\\U0041\"", 2},
    {"\"\t\"", 1},
    {"\"\n\"", 1},
    {"\"\x1F\"", 1},
    {"\"\x80\"", 1},
    {"\"\xC0\xAF\"", 1},
    {"\"\xED\xA0\x80\"", 1},
    {"\"\xF4\x90\x80\x80\"", 1},
    {"\"\xE2\x82\"", 1},
    {"\"\xFF\"", 1},
    {"[", 1},
    {"]", 0},
    {"[1", 2},
    {"[1,", 3},
    {"[1,]", 3},
    {"[,1]", 1},
    {"[1,,2]", 3},
    {"[1 2]", 3},
    {"[1}", 2},
    {"[1]]", 3},
    {"[\"a\":1]", 4},
    {"{", 1},
    {"}", 0},
    {"{]", 1},
    {"{\"a\"", 4},
    {"{\"a\":", 5},
    {"{\"a\":1", 6},
    {"{\"a\":1,", 7},
    {"{\"a\":1,}", 7},
    {"{\"a\":}", 5},
    {"{\"a\"}", 4},
    {"{\"a\" 1}", 5},
    {"{\"a\"::1}", 5},
    {"{,\"a\":1}", 1},
    {"{a:1}", 1},
    {"{1:1}", 1},
    {"{null:1}", 1},
    {"{'a':1}", 1},
    {"{\"a\":1 \"b\":2}", 7},
    {"{\"a\":1]", 6},
    {"{\"a\":1}}", 7},
    {"{}{}", 2},
    {"{} x", 3},
    {"[]//", 2},
    {"/**/[]", 0},
    {"[1]\f", 3},
    {"[\v1]", 1},
    {"[\xC2\xA0]", 1},
    {"\xEF\xBB\xBF{}", 0}, // RFC 8259 section 8.1: no byte order mark
    {"[truefalse]", 5},
    {"*", 0},
    {"{{}}", 1},
};

static void test_valid_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof y / sizeof *y; i++) {
        struct json_value value;
        const char *why = "";
        if (json_check(span_of(y[i]), &value, NULL, &why) != STATUS_OK) {
            fail_msg("refused: %s (%s)", y[i], why);
        }
    }
}

static void test_invalid_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof n / sizeof *n; i++) {
        struct json_value value;
        size_t at = 9999;
        const char *why = NULL;
        if (json_check(span_of(n[i].text), &value, &at, &why) != STATUS_INVALID || at != n[i].at || why == NULL) {
            fail_msg("%s: wrong byte said to be at %zu, is at %zu (%s)", n[i].text, at, n[i].at, why ? why : "-");
        }
    }
    struct json_value value;
    assert_int_equal(json_check(SPAN_NONE, &value, NULL, NULL), STATUS_INVALID);
}

static void test_nul_bytes_are_wrong_everywhere(void **state)
{
    struct json_value value;
    (void)state;
    assert_int_equal(json_check(SPAN("\0"), &value, NULL, NULL), STATUS_INVALID);
    assert_int_equal(json_check(SPAN("1\0"), &value, NULL, NULL), STATUS_INVALID);
    assert_int_equal(json_check(SPAN("\"\0\""), &value, NULL, NULL), STATUS_INVALID);
    assert_int_equal(json_check(SPAN("\"\\\0\""), &value, NULL, NULL), STATUS_INVALID);
}

// No prefix of these is JSON, and none may be read beyond its end (each is a block of its own for the sanitizer).
static void test_every_prefix_is_refused(void **state)
{
    static const char *const texts[] = {"{\"a\":[1.5e3,\"\\u00e9\xE2\x82\xAC\"],\"b\":null}", "\"\\uD83D\\uDE00\"",
                                        "[[],{}]"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t len = 1; len < strlen(texts[i]); len++) {
            struct json_value value;
            char *copy = malloc(len);
            assert_non_null(copy);
            memcpy(copy, texts[i], len);
            assert_int_equal(json_check((struct span){copy, len}, &value, NULL, NULL), STATUS_INVALID);
            free(copy);
        }
    }
}

static void nested(struct bytes *out, size_t depth, const char *open, const char *close)
{
    bytes_init(out, 4000000);
    for (size_t i = 0; i < depth; i++) {
        bytes_add_text(out, open);
    }
    bytes_add_char(out, '1');
    for (size_t i = 0; i < depth; i++) {
        bytes_add_text(out, close);
    }
    assert_true(bytes_ok(out));
}

static void test_depth_is_bounded(void **state)
{
    static const char *const kinds[][2] = {{"[", "]"}, {"{\"a\":", "}"}, {"[{\"\":", "}]"}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct bytes text;
        struct json_value value;
        const char *why = "";
        size_t levels = i == 2 ? JSON_DEPTH_MAX / 2 : JSON_DEPTH_MAX;
        nested(&text, levels, kinds[i][0], kinds[i][1]);
        assert_int_equal(json_check(bytes_span(&text), &value, NULL, &why), STATUS_OK);
        bytes_free(&text);
        nested(&text, levels + 1, kinds[i][0], kinds[i][1]);
        assert_int_equal(json_check(bytes_span(&text), &value, NULL, &why), STATUS_INVALID);
        assert_string_equal(why, "nested too deeply");
        bytes_free(&text);
    }
    struct bytes text;
    struct json_value value;
    nested(&text, 1000000, "[", "]");
    assert_int_equal(json_check(bytes_span(&text), &value, NULL, NULL), STATUS_INVALID);
    bytes_free(&text);
}

static void test_the_innermost_container_is_remembered_at_every_depth(void **state)
{
    struct bytes text;
    struct json_value value;
    (void)state;
    bytes_init(&text, 1000);
    for (unsigned i = 0; i < JSON_DEPTH_MAX; i++) {
        bytes_add_text(&text, i % 3 == 0 ? "[" : "{\"k\":");
    }
    bytes_add_text(&text, "0");
    for (unsigned i = JSON_DEPTH_MAX; i-- > 0;) {
        bytes_add_text(&text, i % 3 == 0 ? ",1]" : ",\"l\":2}");
    }
    assert_int_equal(json_check(bytes_span(&text), &value, NULL, NULL), STATUS_OK);
    bytes_free(&text);
}

static void test_the_value_is_the_text_without_space(void **state)
{
    static const struct {
        const char *text;
        enum json_type type;
        const char *raw;
    } rows[] = {
        {" null\n", JSON_NULL, "null"},    {"true", JSON_TRUE, "true"},
        {"\tfalse ", JSON_FALSE, "false"}, {" 12345678901234567890 ", JSON_NUMBER, "12345678901234567890"},
        {"-1e400", JSON_NUMBER, "-1e400"}, {" \"a\" ", JSON_STRING, "\"a\""},
        {" [ 1 ] ", JSON_ARRAY, "[ 1 ]"},  {"\r\n{ } ", JSON_OBJECT, "{ }"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct json_value value = checked(rows[i].text);
        assert_int_equal(value.type, rows[i].type);
        assert_true(span_is(value.raw, rows[i].raw));
    }
}

static void test_walking_an_object(void **state)
{
    static const char *const wanted[][2] = {{"\"a\"", "-0"},      {"\"\\u0062\"", "[1, \"]\", {\"x\":\"\\\"}\"}]"},
                                            {"\"\"", "\"\\\\\""}, {"\"a\"", "null"},
                                            {"\"e\"", "1e400"},   {"\"f\"", "{ }"}};
    struct json_value object = checked("{ \"a\" : -0 ,\"\\u0062\":[1, \"]\", {\"x\":\"\\\"}\"}],\"\":\"\\\\\","
                                       "\"a\":null,\"e\":1e400\n,\"f\":{ } }");
    struct json_iter iter = json_iter(object);
    struct json_value value;
    struct span key;
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_true(json_next_member(&iter, &key, &value));
        assert_true(span_is(key, wanted[i][0]));
        assert_true(span_is(value.raw, wanted[i][1]));
    }
    assert_false(json_next_member(&iter, &key, &value));
    assert_false(json_next_member(&iter, &key, &value));
}

static void test_walking_an_array(void **state)
{
    static const char *const wanted[] = {"1", "\"a,b\"", "[]", "{\"k\":[2]}", "true"};
    struct json_iter iter = json_iter(checked("[1,\"a,b\" , [] ,{\"k\":[2]},true ]"));
    struct json_value value;
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_true(json_next_element(&iter, &value));
        assert_true(span_is(value.raw, wanted[i]));
    }
    assert_false(json_next_element(&iter, &value));
    iter = json_iter(checked("[ ]"));
    assert_false(json_next_element(&iter, &value));
    iter = json_iter(checked("\"[1]\""));
    assert_false(json_next_element(&iter, &value));
}

static void test_finding_a_member(void **state)
{
    struct json_value object = checked("{\"b\":{\"a\":0},\"\\u0061\":1,\"a\":2,\"\\uD83D\\uDE00\":3,\"x\\u0000\":4,"
                                       "\"\\ud800\":5,\"\":6,\"aa\":7}");
    struct json_value value;
    (void)state;
    assert_true(json_find(object, "a", &value));
    assert_true(span_is(value.raw, "1"));
    assert_true(json_find(object, "\xF0\x9F\x98\x80", &value));
    assert_true(span_is(value.raw, "3"));
    assert_true(json_find(object, "", &value));
    assert_true(span_is(value.raw, "6"));
    assert_true(json_find(object, "aa", &value));
    assert_true(span_is(value.raw, "7"));
    assert_false(json_find(object, "x", &value));
    assert_false(json_find(object, "\xED\xA0\x80", &value));
    assert_false(json_find(object, "aaa", &value));
    assert_false(json_find(checked("[\"a\",1]"), "a", &value));
    assert_false(json_find(checked("{}"), "a", &value));
}

static void unescapes_to(const char *literal, struct span wanted)
{
    struct bytes out;
    bytes_init(&out, 1000);
    assert_int_equal(json_unescape(checked(literal), &out), STATUS_OK);
    assert_true(span_equal(bytes_span(&out), wanted));
    assert_int_equal(json_string_length(checked(literal)), utf8_length(wanted));
    bytes_free(&out);
}

static void test_unescaping(void **state)
{
    (void)state;
    unescapes_to("\"\"", SPAN(""));
    unescapes_to("\"abc\"", SPAN("abc"));
    unescapes_to("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", SPAN("\"\\/\b\f\n\r\t"));
    unescapes_to("\"\\u0041\\u00e9\\u20AC\\uFFFF\"", SPAN("A\xC3\xA9\xE2\x82\xAC\xEF\xBF\xBF"));
    unescapes_to("\"x\\uD83D\\uDE00y\\uDBFF\\uDFFF\"", SPAN("x\xF0\x9F\x98\x80y\xF4\x8F\xBF\xBF"));
    unescapes_to("\"\\\\u0041\"", SPAN("\\u0041"));
    unescapes_to("\"\xE2\x82\xAC\"", SPAN("\xE2\x82\xAC"));
}

static void test_what_cannot_be_unescaped(void **state)
{
    static const char *const wrong[] = {"\"\\u0000\"",
                                        "\"\\ud800\"",
                                        "\"\\udc00\"",
                                        "\"\\ud800x\"",
                                        "\"\\ud800\\u0041\"",
                                        "\"\\udc00\\ud800\"",
                                        "1",
                                        "{}",
                                        "\"\\ud800\\ud800\\udc00\""};
    struct bytes out;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        bytes_init(&out, 1000);
        assert_int_equal(json_unescape(checked(wrong[i]), &out), STATUS_INVALID);
        bytes_free(&out);
    }
    bytes_init(&out, 3);
    assert_int_equal(json_unescape(checked("\"abcd\""), &out), STATUS_TOO_LARGE);
    bytes_free(&out);
}

static void test_string_length_of_odd_strings(void **state)
{
    (void)state;
    assert_int_equal(json_string_length(checked("\"\\ud800\"")), 1);
    assert_int_equal(json_string_length(checked("\"\\ud800\\ud800\\udc00\"")), 2);
    assert_int_equal(json_string_length(checked("\"\\u0000a\"")), 2);
    assert_int_equal(json_string_length(checked("12")), 0);
}

static void test_integers(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t number;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"30", true, 30},
        {"-1", true, -1},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"12345678901234567890", false, 0},
        {"99999999999999999999999999", false, 0},
        {"30.0", false, 0},
        {"3e1", false, 0},
        {"3E1", false, 0},
        {"1e400", false, 0},
        {"\"30\"", false, 0},
        {"null", false, 0},
        {"[1]", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t number = 77;
        assert_int_equal(json_int64(checked(rows[i].text), &number), rows[i].good);
        assert_true(number == (rows[i].good ? rows[i].number : 77));
    }
}

static void test_booleans(void **state)
{
    bool flag = false;
    (void)state;
    assert_true(json_bool(checked("true"), &flag));
    assert_true(flag);
    assert_true(json_bool(checked("false"), &flag));
    assert_false(flag);
    assert_false(json_bool(checked("1"), &flag));
    assert_false(json_bool(checked("\"true\""), &flag));
    assert_false(json_bool(checked("null"), &flag));
}

static void puts_as(struct span text, const char *wanted)
{
    struct bytes out;
    bytes_init(&out, 1000);
    json_put_string(&out, text);
    assert_string_equal(bytes_text(&out), wanted);
    checked(bytes_text(&out));
    bytes_free(&out);
}

static void test_putting_strings(void **state)
{
    (void)state;
    puts_as(SPAN_NONE, "\"\"");
    puts_as(SPAN("a/b"), "\"a/b\"");
    puts_as(SPAN("{\"n\": \"\\\"}"), "\"{\\\"n\\\": \\\"\\\\\\\"}\"");
    puts_as(SPAN("\b\f\n\r\t\x01\x1F\x7F"), "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7F\"");
    puts_as(SPAN("a\0b"), "\"a\\u0000b\"");
    puts_as(SPAN("\xE2\x82\xAC\xF0\x9F\x98\x80"), "\"\xE2\x82\xAC\xF0\x9F\x98\x80\"");
    puts_as(SPAN("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
    puts_as(SPAN("\xE2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    puts_as(SPAN("\xED\xA0\x80\""), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\\\"\"");
}

// What is put and unescaped again is the same, for every byte that can be a text of its own.
static void test_put_and_unescape_are_inverse(void **state)
{
    (void)state;
    for (uint32_t code_point = 1; code_point < 0x11000; code_point++) {
        char text[UTF8_MAX_BYTES];
        struct span span = {text, utf8_put(code_point, text)};
        struct bytes literal;
        struct bytes back;
        struct json_value value;
        if (code_point >= 0xD800 && code_point <= 0xDFFF) {
            continue;
        }
        bytes_init(&literal, 100);
        bytes_init(&back, 100);
        json_put_string(&literal, span);
        assert_int_equal(json_check(bytes_span(&literal), &value, NULL, NULL), STATUS_OK);
        assert_int_equal(json_unescape(value, &back), STATUS_OK);
        assert_true(span_equal(bytes_span(&back), span));
        bytes_free(&literal);
        bytes_free(&back);
    }
}

static void test_putting_members(void **state)
{
    struct bytes out;
    (void)state;
    bytes_init(&out, 1000);
    bytes_add_text(&out, "{");
    json_put_member_text(&out, "a\"", SPAN("x"));
    json_put_member_int(&out, "b", INT64_MIN);
    json_put_key(&out, "c");
    bytes_add_text(&out, "[");
    bytes_add_text(&out, "{");
    json_put_member_raw(&out, "d", SPAN("12345678901234567890"));
    bytes_add_text(&out, "}]}");
    assert_string_equal(bytes_text(&out),
                        "{\"a\\\"\":\"x\",\"b\":-9223372036854775808,\"c\":[{\"d\":12345678901234567890}]}");
    bytes_clear(&out);
    json_put_member_int(&out, "a", 1);
    json_put_member_int(&out, "b", 2);
    assert_string_equal(bytes_text(&out), "\"a\":1,\"b\":2");
    bytes_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_texts),
        cmocka_unit_test(test_invalid_texts),
        cmocka_unit_test(test_nul_bytes_are_wrong_everywhere),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_the_innermost_container_is_remembered_at_every_depth),
        cmocka_unit_test(test_the_value_is_the_text_without_space),
        cmocka_unit_test(test_walking_an_object),
        cmocka_unit_test(test_walking_an_array),
        cmocka_unit_test(test_finding_a_member),
        cmocka_unit_test(test_unescaping),
        cmocka_unit_test(test_what_cannot_be_unescaped),
        cmocka_unit_test(test_string_length_of_odd_strings),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_putting_strings),
        cmocka_unit_test(test_put_and_unescape_are_inverse),
        cmocka_unit_test(test_putting_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
