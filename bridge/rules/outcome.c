// SPDX-License-Identifier: Apache-2.0
// The outcome table, and the texts that go with it.
// Must never call a request "surely not done" that may have acted: a second execute is a second run.
// Trusts nothing in an answer: it may come from a proxy or a captive portal. Pure; any thread.
#include "rules/outcome.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "rules/json.h"
#include <stdio.h>
#include <string.h>

// What a status means before one looks at action and body.
static enum outcome_kind judge_status(int status)
{
    if (status >= 300 && status <= 399) {
        return OUTCOME_RETRY;
    }
    switch (status) {
    case 401:
        return OUTCOME_UNAUTHORIZED;
    case 425:
    case 429:
        return OUTCOME_RETRY;
    case 408:
        return OUTCOME_AMBIGUOUS;
    default:
        return status >= 400 && status <= 499 ? OUTCOME_REFUSED : OUTCOME_AMBIGUOUS;
    }
}

// A string member's text, cut at a code point to what fits; false (out untouched) when there is none or it is empty.
static bool copy_member(struct json_value object, const char *name, char *out, size_t out_bytes)
{
    struct json_value value;
    if (!json_find(object, name, &value) || value.type != JSON_STRING) {
        return false;
    }
    struct bytes text;
    bytes_init(&text, value.raw.len); // unescaping never makes longer
    bool copied = json_unescape(value, &text) == STATUS_OK && text.len > 0;
    if (copied) {
        size_t len = utf8_cut(bytes_span(&text), out_bytes - 1);
        memcpy(out, text.data, len);
        out[len] = '\0';
    }
    bytes_free(&text);
    return copied;
}

static bool has_success(struct json_value object)
{
    struct json_value value;
    bool success = false;
    return json_find(object, "success", &value) && json_bool(value, &success) && success;
}

static bool copy_execution_id(struct json_value object, char id[COMMAND_ID_BYTES])
{
    char text[COMMAND_ID_BYTES + 1]; // one more, so that a longer id is not cut to a valid one
    if (!copy_member(object, "executionId", text, sizeof text) || !command_id_valid(span_of(text))) {
        return false;
    }
    memcpy(id, text, COMMAND_ID_BYTES);
    return true;
}

// Whether a 2xx body is what the API's schema promises for the action.
static bool is_answer(enum action action, struct span body, char execution_id[COMMAND_ID_BYTES])
{
    struct json_value value;
    if (json_check(body, &value, NULL, NULL) != STATUS_OK) {
        return false;
    }
    switch (action) {
    case ACTION_EXECUTE:
        return has_success(value) && copy_execution_id(value, execution_id);
    case ACTION_CANCEL_EXECUTION:
    case ACTION_DELETE:
        return has_success(value);
    case ACTION_LOGS:
        return value.type == JSON_ARRAY;
    case ACTION_GET:
    case ACTION_PATCH:
    case ACTION_STATUS:
    case ACTION_COUNT:
        break;
    }
    return value.type == JSON_OBJECT;
}

static void name_error(struct outcome *out, const char *type, const char *message)
{
    snprintf(out->error_type, sizeof out->error_type, "%s", type);
    snprintf(out->error_message, sizeof out->error_message, "%s", message);
}

// The API's own words where it has any, ours else.
static void describe_answer(const struct outcome_input *input, struct outcome *out)
{
    int status = input->http_status;
    snprintf(out->error_type, sizeof out->error_type, "Http%d", status);
    if (status >= 200 && status <= 299) {
        snprintf(out->error_message, sizeof out->error_message,
                 "status %d, but the body is not what the API answers: is there a proxy or a login page in between?",
                 status);
        return;
    }
    if (status >= 300 && status <= 399) {
        snprintf(out->error_message, sizeof out->error_message,
                 "redirected with status %d, which the API never does: is there a proxy or a login page in between?",
                 status);
        return;
    }
    snprintf(out->error_message, sizeof out->error_message, "the API answered with status %d", status);
    struct json_value body;
    if (status >= 400 && json_check(input->body, &body, NULL, NULL) == STATUS_OK) {
        copy_member(body, "type", out->error_type, sizeof out->error_type);
        copy_member(body, "message", out->error_message, sizeof out->error_message);
    }
}

static void decide_answer(const struct outcome_input *input, struct outcome *out)
{
    int status = input->http_status;
    bool gone_already = input->action == ACTION_DELETE && input->repeated && status == 404;
    bool is_success = status >= 200 && status <= 299;
    if (gone_already || (is_success && is_answer(input->action, input->body, out->execution_id))) {
        out->kind = OUTCOME_DONE;
        return;
    }
    out->kind = judge_status(status);
    out->api_down = status < 400 || status > 499;
    out->retry_after_ms = outcome_retry_after_ms(input->retry_after, input->wall_ms);
    describe_answer(input, out);
}

void outcome_decide(const struct outcome_input *input, struct outcome *out)
{
    *out = (struct outcome){.retry_after_ms = -1};
    switch (input->transport) {
    case TRANSPORT_OK:
        decide_answer(input, out);
        break;
    case TRANSPORT_NOT_SENT:
        out->kind = OUTCOME_RETRY;
        out->api_down = true;
        name_error(out, "Unreachable", "no connection to the API");
        break;
    case TRANSPORT_LOST:
        out->kind = OUTCOME_AMBIGUOUS;
        out->api_down = true;
        name_error(out, "NoAnswer", "the request was sent and its answer did not come, or not whole");
        break;
    }
    if (out->kind == OUTCOME_AMBIGUOUS && action_is_repeatable(input->action)) {
        out->kind = OUTCOME_RETRY;
    }
}

static struct span trim_blanks(struct span text)
{
    while (text.len > 0 && (*text.at == ' ' || *text.at == '\t')) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

// Seconds in decimal as ms, cut to the maximum; -1 when it is anything else.
static int64_t read_seconds_ms(struct span text)
{
    int64_t ms = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return -1;
        }
        ms = ms * 10 + (text.at[i] - '0') * INT64_C(1000);
        ms = ms > OUTCOME_RETRY_AFTER_MAX_MS ? OUTCOME_RETRY_AFTER_MAX_MS : ms;
    }
    return text.len > 0 ? ms : -1;
}

int64_t outcome_retry_after_ms(struct span value, int64_t wall_ms)
{
    value = trim_blanks(value);
    int64_t ms = read_seconds_ms(value);
    if (ms >= 0) {
        return ms;
    }
    int64_t date_ms = outcome_http_date_ms(value);
    if (date_ms < 0) {
        return -1;
    }
    if (date_ms <= wall_ms) {
        return 0;
    }
    // A wall clock before the epoch is a box without a clock: the difference is capped all the same.
    uint64_t wait_ms = (uint64_t)date_ms - (uint64_t)wall_ms;
    return wait_ms > OUTCOME_RETRY_AFTER_MAX_MS ? OUTCOME_RETRY_AFTER_MAX_MS : (int64_t)wait_ms;
}

struct http_date {
    int year, month, day, hour, minute, second;
};

// Takes one of count names off the front; its number, or -1.
static int take_name(struct span *text, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        if (text->len >= len && memcmp(text->at, names[i], len) == 0) {
            text->at += len;
            text->len -= len;
            return i;
        }
    }
    return -1;
}

static bool take_number(struct span *text, size_t digits, int *number)
{
    if (text->len < digits) {
        return false;
    }
    *number = 0;
    for (size_t i = 0; i < digits; i++, text->at++, text->len--) {
        if (*text->at < '0' || *text->at > '9') {
            return false;
        }
        *number = *number * 10 + (*text->at - '0');
    }
    return true;
}

static bool take_literal(struct span *text, char c)
{
    if (text->len == 0 || *text->at != c) {
        return false;
    }
    text->at++;
    text->len--;
    return true;
}

// One field of a date, named as strptime(3) does (which itself would depend on the locale).
static bool take_field(struct span *text, char field, struct http_date *date)
{
    static const char *const weekdays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
                                           "Sun",    "Mon",    "Tue",     "Wed",       "Thu",      "Fri",    "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    switch (field) {
    case 'A': // in full
        return take_name(text, weekdays, 7) >= 0;
    case 'a':
        return take_name(text, weekdays + 7, 7) >= 0;
    case 'b':
        date->month = take_name(text, months, 12) + 1;
        return date->month > 0;
    case 'd':
        return take_number(text, 2, &date->day);
    case 'e': // a blank stands for a leading zero
        return take_number(text, take_literal(text, ' ') ? 1 : 2, &date->day);
    case 'Y':
        return take_number(text, 4, &date->year);
    case 'y':
        if (!take_number(text, 2, &date->year)) {
            return false;
        }
        date->year += date->year < 70 ? 2000 : 1900;
        return true;
    case 'H':
        return take_number(text, 2, &date->hour);
    case 'M':
        return take_number(text, 2, &date->minute);
    default:
        return take_number(text, 2, &date->second);
    }
}

static bool match_date(struct span text, const char *form, struct http_date *date)
{
    for (; *form; form++) {
        bool matches = *form == '%' ? take_field(&text, *++form, date) : take_literal(&text, *form);
        if (!matches) {
            return false;
        }
    }
    return text.len == 0;
}

int64_t outcome_http_date_ms(struct span value)
{
    // IMF-fixdate, RFC 850, asctime(3)
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct http_date date = {0, 0, 0, 0, 0, 0};
        if (match_date(value, forms[i], &date)) {
            return clock_utc_ms(date.year, date.month, date.day, date.hour, date.minute, date.second);
        }
    }
    return -1;
}
