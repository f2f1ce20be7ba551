// SPDX-License-Identifier: Apache-2.0
// The log as a reader of standard error sees it: through a pipe in packet mode, in which one write(2) is one packet.
// While the pipe is in place nothing is asserted, for cmocka reports on standard error too.
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cJSON.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACKETS_MAX 240
#define PIPE_BYTES  (256 * 4096)

static struct {
    int saved_fd;
    int read_fd;
    size_t count;
    char lines[PACKETS_MAX][LOG_LINE_MAX_BYTES + 1];
} captured;

static void capture_begin(void)
{
    int fds[2];
    if (pipe2(fds, O_DIRECT | O_CLOEXEC) != 0 || fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES) < PIPE_BYTES) {
        perror("pipe");
        abort();
    }
    captured.saved_fd = dup(STDERR_FILENO);
    captured.read_fd = fds[0];
    captured.count = 0;
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
}

// Standard error is back; every packet is one line, whole, in captured.lines.
static void capture_end(void)
{
    dup2(captured.saved_fd, STDERR_FILENO);
    close(captured.saved_fd);
    char packet[LOG_LINE_MAX_BYTES * 2];
    ssize_t got;
    while ((got = read(captured.read_fd, packet, sizeof packet)) > 0) {
        assert_true(captured.count < PACKETS_MAX);
        assert_true(got <= LOG_LINE_MAX_BYTES);
        assert_ptr_equal(memchr(packet, '\n', (size_t)got), packet + got - 1);
        memcpy(captured.lines[captured.count], packet, (size_t)got - 1);
        captured.lines[captured.count++][got - 1] = '\0';
    }
    close(captured.read_fd);
}

static struct clock fake;

static int reset_log(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    fake = clock_fake(1000, INT64_C(1795406706789));
    log_use_clock(&fake);
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
    return 0;
}

#define TIME "2026-11-23T04:05:06.789Z"

static void a_line_says_when_how_bad_and_what(void **state)
{
    (void)state;
    capture_begin();
    LOG_INFO("command accepted", LOG_TEXT("request", "r-1"), LOG_INT("status", 200), LOG_SPAN("job", SPAN("a b")));
    LOG_ERROR("stopped");
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
    LOG_INFO("command accepted", LOG_TEXT("request", "r-1"), LOG_INT("status", 200), LOG_SPAN("job", SPAN("a b")));
    LOG_DEBUG("stopped");
    capture_end();
    assert_int_equal(captured.count, 4);
    assert_string_equal(captured.lines[0],
                        "time=" TIME " level=info event=\"command accepted\" request=r-1 status=200 job=\"a b\"");
    assert_string_equal(captured.lines[1], "time=" TIME " level=error event=stopped");
    assert_string_equal(captured.lines[2], "{\"time\":\"" TIME "\",\"level\":\"info\",\"event\":\"command accepted\","
                                           "\"request\":\"r-1\",\"status\":200,\"job\":\"a b\"}");
    assert_string_equal(captured.lines[3], "{\"time\":\"" TIME "\",\"level\":\"debug\",\"event\":\"stopped\"}");
}

static void numbers_are_whole(void **state)
{
    (void)state;
    capture_begin();
    LOG_INFO("n", LOG_INT("a", INT64_MIN), LOG_INT("b", INT64_MAX), LOG_INT("c", 0));
    log_write(LOG_LEVEL_INFO, "no fields", NULL);
    capture_end();
    assert_string_equal(captured.lines[0],
                        "time=" TIME " level=info event=n a=-9223372036854775808 b=9223372036854775807 c=0");
    assert_string_equal(captured.lines[1], "time=" TIME " level=info event=\"no fields\"");
}

static void no_value_breaks_out(void **state)
{
    (void)state;
    static const struct {
        struct span value;
        const char *escaped; // between quotes, in both formats
        bool bare;           // logfmt needs no quotes
    } rows[] = {
        {{"plain-1.5/x:y,z", 15}, "plain-1.5/x:y,z", true},
        {{"", 0}, "", false},
        {{NULL, 0}, "", false},
        {{"a b", 3}, "a b", false},
        {{"a=b", 3}, "a=b", false},
        {{"a\"b", 3}, "a\\\"b", false},
        {{"a\\b", 3}, "a\\\\b", false},
        {{"a\nlevel=error", 13}, "a\\nlevel=error", false},
        {{"a\rb", 3}, "a\\u000db", false},
        {{"a\tb", 3}, "a\\u0009b", false},
        {{"a\0b", 3}, "a\\u0000b", false},
        {{"\x1b[31m", 5}, "\\u001b[31m", false},
        {{"\x1f", 1}, "\\u001f", false},
        {{"\x7f", 1}, "\\u007f", false},
        {{"\xc2\x80", 2}, "\\u0080", false},
        {{"\xc2\x9b[1m", 5}, "\\u009b[1m", false}, // the one-byte escape sequence of terminals
        {{"\xc2\xa0", 2}, "\xc2\xa0", false},
        {{"\xe2\x80\xa8", 3}, "\\u2028", false},
        {{"\xe2\x80\xa9", 3}, "\\u2029", false},
        {{"gr\xc3\xbc\xc3\x9f", 6}, "gr\xc3\xbc\xc3\x9f", false},
        {{"\xe2\x82\xac", 3}, "\xe2\x82\xac", false},
        {{"\xf0\x9f\x98\x80", 4}, "\xf0\x9f\x98\x80", false},
        {{"\xf4\x8f\xbf\xbf", 4}, "\xf4\x8f\xbf\xbf", false},
        {{"\xff", 1}, "\xef\xbf\xbd", false},
        {{"\x80", 1}, "\xef\xbf\xbd", false},
        {{"a\xc3", 2}, "a\xef\xbf\xbd", false},                                               // cut short
        {{"\xc3z", 2}, "\xef\xbf\xbdz", false},                                               // not followed
        {{"\xc0\xaf", 2}, "\xef\xbf\xbd\xef\xbf\xbd", false},                                 // overlong
        {{"\xe0\x9f\xbf", 3}, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false},                 // overlong
        {{"\xf0\x8f\xbf\xbf", 4}, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false}, // overlong
        {{"\xed\xa0\x80", 3}, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false},                 // a surrogate
        {{"\xf4\x90\x80\x80", 4}, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false}, // beyond U+10FFFF
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[2][256];
        const char *quote = rows[i].bare ? "" : "\"";
        snprintf(expected[0], sizeof expected[0], "time=" TIME " level=info event=e v=%s%s%s z=1", quote,
                 rows[i].escaped, quote);
        snprintf(expected[1], sizeof expected[1],
                 "{\"time\":\"" TIME "\",\"level\":\"info\",\"event\":\"e\",\"v\":\"%s\",\"z\":1}", rows[i].escaped);
        capture_begin();
        log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
        LOG_INFO("e", LOG_SPAN("v", rows[i].value), LOG_INT("z", 1));
        log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        LOG_INFO("e", LOG_SPAN("v", rows[i].value), LOG_INT("z", 1));
        capture_end();
        assert_int_equal(captured.count, 2);
        assert_string_equal(captured.lines[0], expected[0]);
        assert_string_equal(captured.lines[1], expected[1]);
    }
}

static void a_level_hides_what_is_below(void **state)
{
    (void)state;
    for (int chosen = LOG_LEVEL_ERROR; chosen <= LOG_LEVEL_DEBUG; chosen++) {
        log_use_clock(&fake); // forgets the repeats
        log_setup((enum log_level)chosen, LOG_FORMAT_LOGFMT);
        capture_begin();
        LOG_ERROR("e");
        LOG_WARNING("w");
        LOG_INFO("i");
        LOG_DEBUG("d");
        capture_end();
        assert_int_equal(captured.count, chosen + 1);
        static const char *const names[] = {"level=error", "level=warning", "level=info", "level=debug"};
        for (size_t i = 0; i < captured.count; i++) {
            assert_non_null(strstr(captured.lines[i], names[i]));
        }
    }
}

// A line with one long value of so many units, in both formats; the JSON one is parsed by another library.
static void check_long_value(const char *unit, size_t units)
{
    static char value[2 * LOG_LINE_MAX_BYTES + 1];
    size_t unit_len = strlen(unit);
    for (size_t i = 0; i < units * unit_len; i++) {
        value[i] = unit[i % unit_len];
    }
    struct span span = {value, units * unit_len};
    capture_begin();
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    LOG_INFO("e", LOG_SPAN("v", span), LOG_INT("behind", 1));
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    LOG_INFO("e", LOG_SPAN("v", span), LOG_INT("behind", 1));
    capture_end();
    assert_int_equal(captured.count, 2);
    bool whole = strstr(captured.lines[0], "behind=1") != NULL;
    assert_int_equal(whole, strstr(captured.lines[0], " cut=1") == NULL);
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithOpts(captured.lines[1], &end, true);
    assert_non_null(json);
    bool json_whole = cJSON_HasObjectItem(json, "behind");
    assert_int_equal(json_whole, !cJSON_HasObjectItem(json, "cut"));
    const char *got = cJSON_GetStringValue(cJSON_GetObjectItem(json, "v"));
    assert_non_null(got);
    size_t got_len = strlen(got);
    assert_int_equal(got_len % unit_len, 0); // never half a character, never half an escape
    assert_true(got_len <= span.len);
    assert_memory_equal(got, value, got_len);
    if (json_whole) {
        assert_int_equal(got_len, span.len);
    }
    cJSON_Delete(json);
}

static void a_line_is_bounded_and_stays_well_formed(void **state)
{
    (void)state;
    for (size_t len = LOG_LINE_MAX_BYTES - 150; len < LOG_LINE_MAX_BYTES + 10; len++) {
        check_long_value("x", len);
    }
    for (size_t len = LOG_LINE_MAX_BYTES / 2 - 70; len < LOG_LINE_MAX_BYTES / 2 + 10; len++) {
        check_long_value("\n", len);
        check_long_value("\xc3\xbc", len);
    }
    for (size_t len = LOG_LINE_MAX_BYTES / 6 - 30; len < LOG_LINE_MAX_BYTES / 6 + 10; len++) {
        check_long_value("\x01", len);
    }
    for (size_t len = LOG_LINE_MAX_BYTES / 4 - 40; len < LOG_LINE_MAX_BYTES / 4 + 10; len++) {
        check_long_value("\xf0\x9f\x98\x80", len);
    }
    check_long_value("x", (size_t)LOG_LINE_MAX_BYTES * 2);
}

static void many_fields_are_cut_between_fields(void **state)
{
    (void)state;
    static const char *const unit = "abcdefghi";
    struct log_field fields[600];
    for (size_t pad = 0; pad < 10; pad++) {
        fields[0] = LOG_SPAN("pad", ((struct span){unit, pad}));
        for (size_t i = 1; i < 599; i++) {
            fields[i] = i % 2 ? LOG_INT("number", 1234567) : LOG_TEXT("key", "a value");
        }
        fields[599] = LOG_END;
        capture_begin();
        log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
        log_write(LOG_LEVEL_INFO, "e", fields);
        log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        log_write(LOG_LEVEL_INFO, "e", fields);
        capture_end();
        assert_int_equal(captured.count, 2);
        assert_non_null(strstr(captured.lines[0], " cut=1"));
        const char *end = NULL;
        cJSON *json = cJSON_ParseWithOpts(captured.lines[1], &end, true);
        assert_non_null(json);
        assert_true(cJSON_HasObjectItem(json, "cut"));
        const cJSON *item;
        cJSON_ArrayForEach(item, json)
        {
            if (strcmp(item->string, "number") == 0) {
                assert_int_equal((int)item->valuedouble, 1234567); // no half numbers
            }
        }
        cJSON_Delete(json);
    }
}

static void a_key_or_an_event_too_long_does_no_harm(void **state)
{
    (void)state;
    static char longer[LOG_LINE_MAX_BYTES + 100];
    memset(longer, 'k', sizeof longer - 1);
    capture_begin();
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    LOG_INFO("e", LOG_INT(longer, 1), LOG_INT("behind", 1));
    LOG_INFO(longer, LOG_INT("behind", 1));
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    LOG_INFO("e", LOG_INT(longer, 1), LOG_INT("behind", 1));
    LOG_INFO(longer, LOG_INT("behind", 1));
    capture_end();
    assert_int_equal(captured.count, 4);
    assert_string_equal(captured.lines[0], "{\"time\":\"" TIME "\",\"level\":\"info\",\"event\":\"e\",\"cut\":1}");
    cJSON *json = cJSON_Parse(captured.lines[1]);
    assert_non_null(json);
    cJSON_Delete(json);
    assert_string_equal(captured.lines[2], "time=" TIME " level=info event=e cut=1");
    assert_non_null(strstr(captured.lines[3], "kkk cut=1"));
}

static void repeats_are_summed_up(void **state)
{
    (void)state;
    capture_begin();
    for (int i = 0; i < 25; i++) { // told at 0, 10 and 20 s
        LOG_WARNING("API away", LOG_INT("try", i));
        LOG_ERROR("API away", LOG_INT("try", i)); // another level is another kind
        clock_advance(&fake, 1000);
    }
    capture_end();
    assert_int_equal(captured.count, 6);
    for (size_t i = 0; i < 3; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, i ? "event=\"API away\" repeated=9 try=%zu" : "event=\"API away\" try=%zu",
                 i * 10);
        assert_non_null(strstr(captured.lines[2 * i], "level=warning"));
        assert_non_null(strstr(captured.lines[2 * i], expected));
        assert_non_null(strstr(captured.lines[2 * i + 1], "level=error"));
        assert_non_null(strstr(captured.lines[2 * i + 1], expected));
    }
}

static void the_interval_is_exact(void **state)
{
    (void)state;
    capture_begin();
    LOG_ERROR("x");
    clock_advance(&fake, LOG_REPEAT_MS - 1);
    LOG_ERROR("x");
    clock_advance(&fake, 1);
    LOG_ERROR("x");
    capture_end();
    assert_int_equal(captured.count, 2);
    assert_non_null(strstr(captured.lines[1], "event=x repeated=1"));
}

static void a_repeat_is_known_by_its_text_not_its_address(void **state)
{
    (void)state;
    static const char one[] = "same words";
    static const char two[] = "same words";
    capture_begin();
    LOG_ERROR(one);
    LOG_ERROR(two);
    capture_end();
    assert_int_equal(captured.count, 1);
}

static void information_is_never_summed_up(void **state)
{
    (void)state;
    capture_begin();
    for (int i = 0; i < 5; i++) {
        LOG_INFO("command accepted");
        LOG_DEBUG("poll");
    }
    capture_end();
    assert_int_equal(captured.count, 10);
}

static void what_was_left_out_is_told_when_the_event_stays_away(void **state)
{
    (void)state;
    capture_begin();
    LOG_ERROR("x", LOG_INT("a", 1));
    LOG_ERROR("x", LOG_INT("a", 2));
    LOG_ERROR("x", LOG_INT("a", 3));
    LOG_ERROR("once");
    clock_advance(&fake, 2 * LOG_REPEAT_MS - 1);
    LOG_INFO("something else");
    clock_advance(&fake, 1);
    LOG_INFO("something else");
    LOG_ERROR("x", LOG_INT("a", 4)); // news again
    capture_end();
    assert_int_equal(captured.count, 6);
    assert_non_null(strstr(captured.lines[2], "something else"));
    assert_non_null(strstr(captured.lines[3], "level=error event=x repeated=2"));
    assert_null(strstr(captured.lines[3], "a="));
    assert_non_null(strstr(captured.lines[4], "something else"));
    assert_non_null(strstr(captured.lines[5], "event=x a=4"));
}

static void flush_tells_what_is_left(void **state)
{
    (void)state;
    capture_begin();
    LOG_ERROR("x");
    LOG_ERROR("x");
    LOG_WARNING("y");
    log_flush();
    log_flush();
    capture_end();
    assert_int_equal(captured.count, 3);
    assert_non_null(strstr(captured.lines[2], "level=error event=x repeated=1"));
}

static void more_kinds_than_places_lose_no_count(void **state)
{
    (void)state;
    static char events[100][24];
    capture_begin();
    for (int i = 0; i < 100; i++) {
        snprintf(events[i], sizeof events[i], "event-%d", i);
        LOG_ERROR(events[i]);
        LOG_ERROR(events[i]);
        clock_advance(&fake, 1);
    }
    log_flush();
    capture_end();
    assert_int_equal(captured.count, 200); // each once by itself and once by its count
    size_t counts = 0;
    for (size_t i = 0; i < captured.count; i++) {
        counts += strstr(captured.lines[i], "repeated=1") != NULL;
    }
    assert_int_equal(counts, 100);
}

static void set_journal_stream(bool right)
{
    struct stat st;
    fstat(STDERR_FILENO, &st);
    char text[64];
    snprintf(text, sizeof text, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + (right ? 0 : 1));
    setenv("JOURNAL_STREAM", text, 1);
}

static void the_journal_gets_priorities_and_no_time(void **state)
{
    (void)state;
    capture_begin();
    set_journal_stream(true);
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
    LOG_ERROR("a b", LOG_INT("n", 1));
    LOG_WARNING("w");
    LOG_INFO("i");
    LOG_DEBUG("d");
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
    LOG_INFO("i");
    capture_end();
    assert_int_equal(captured.count, 5);
    assert_string_equal(captured.lines[0], "<3>level=error event=\"a b\" n=1");
    assert_string_equal(captured.lines[1], "<4>level=warning event=w");
    assert_string_equal(captured.lines[2], "<6>level=info event=i");
    assert_string_equal(captured.lines[3], "<7>level=debug event=d");
    assert_string_equal(captured.lines[4], "<6>{\"level\":\"info\",\"event\":\"i\"}");
}

static void a_line_that_is_no_event_gets_one_too(void **state)
{
    (void)state;
    set_journal_stream(true);
    assert_string_equal(log_priority(STDERR_FILENO, LOG_LEVEL_ERROR), "<3>");
    set_journal_stream(false);
    assert_string_equal(log_priority(STDERR_FILENO, LOG_LEVEL_ERROR), "");
    unsetenv("JOURNAL_STREAM");
    assert_string_equal(log_priority(STDERR_FILENO, LOG_LEVEL_ERROR), "");
}

static void a_redirection_is_not_the_journal(void **state)
{
    (void)state;
    capture_begin();
    set_journal_stream(false);
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
    LOG_INFO("i");
    setenv("JOURNAL_STREAM", "nonsense", 1);
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
    LOG_INFO("i");
    capture_end();
    assert_int_equal(captured.count, 2);
    assert_string_equal(captured.lines[0], "time=" TIME " level=info event=i");
    assert_string_equal(captured.lines[1], "time=" TIME " level=info event=i");
}

static void a_log_that_cannot_be_written_is_lost_and_errno_stays(void **state)
{
    (void)state;
    int saved = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    errno = ENOSPC;
    LOG_INFO("nobody hears");
    int after = errno;
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(after, ENOSPC);
}

#define THREADS 4
#define EACH    50

static void *log_much(void *argument)
{
    for (int i = 0; i < EACH; i++) {
        LOG_INFO("from a thread", LOG_TEXT("who", argument), LOG_INT("n", i));
        LOG_WARNING("repeats");
    }
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    static char names[THREADS][2] = {"a", "b", "c", "d"};
    pthread_t threads[THREADS];
    capture_begin();
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, log_much, names[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    log_flush();
    capture_end();
    assert_int_equal(captured.count, THREADS * EACH + 2);
    int next[THREADS] = {0};
    for (size_t i = 0; i < captured.count; i++) {
        char who;
        int n;
        if (sscanf(captured.lines[i], "time=" TIME " level=info event=\"from a thread\" who=%c n=%d", &who, &n) == 2) {
            assert_int_equal(n, next[who - 'a']++);
        }
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(next[i], EACH);
    }
    char expected[64];
    snprintf(expected, sizeof expected, "event=repeats repeated=%d", THREADS * EACH - 1);
    assert_non_null(strstr(captured.lines[captured.count - 1], expected));
}

static void what_comes_a_bounded_number_of_times_is_told_each_time(void **state)
{
    (void)state;
    capture_begin();
    for (int i = 0; i < 3; i++) {
        LOG_EACH(LOG_LEVEL_ERROR, "a problem of the file", LOG_INT("line", i));
    }
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    LOG_EACH(LOG_LEVEL_WARNING, "hidden by the level", LOG_INT("line", 3));
    log_flush();
    capture_end();
    assert_int_equal(captured.count, 3);
    assert_string_equal(captured.lines[2], "time=" TIME " level=error event=\"a problem of the file\" line=2");
}

#define LOG_TEST(function) cmocka_unit_test_setup(function, reset_log)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_line_says_when_how_bad_and_what),
        LOG_TEST(numbers_are_whole),
        LOG_TEST(no_value_breaks_out),
        LOG_TEST(a_level_hides_what_is_below),
        LOG_TEST(a_line_is_bounded_and_stays_well_formed),
        LOG_TEST(many_fields_are_cut_between_fields),
        LOG_TEST(a_key_or_an_event_too_long_does_no_harm),
        LOG_TEST(repeats_are_summed_up),
        LOG_TEST(the_interval_is_exact),
        LOG_TEST(a_repeat_is_known_by_its_text_not_its_address),
        LOG_TEST(information_is_never_summed_up),
        LOG_TEST(what_was_left_out_is_told_when_the_event_stays_away),
        LOG_TEST(flush_tells_what_is_left),
        LOG_TEST(more_kinds_than_places_lose_no_count),
        LOG_TEST(the_journal_gets_priorities_and_no_time),
        LOG_TEST(a_line_that_is_no_event_gets_one_too),
        LOG_TEST(a_redirection_is_not_the_journal),
        LOG_TEST(a_log_that_cannot_be_written_is_lost_and_errno_stays),
        LOG_TEST(lines_of_threads_do_not_mix),
        LOG_TEST(what_comes_a_bounded_number_of_times_is_told_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
