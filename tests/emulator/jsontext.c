// SPDX-License-Identifier: Apache-2.0
// A strict scanner of JSON text. Must never convert a number or change a string. Pure; runs on the thread that calls.
#include "jsontext.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 1000

struct scan {
    const char *at;
    const char *end;
    int depth;
    bool nul_allowed;
};

// Values hold values: the recursion ends at DEPTH_MAX. NOLINTBEGIN(misc-no-recursion)
static bool scan_value(struct scan *scan);

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end && is_one_of(*scan->at, " \t\r\n")) {
        scan->at++;
    }
}

static bool take(struct scan *scan, char c)
{
    if (scan->at < scan->end && *scan->at == c) {
        scan->at++;
        return true;
    }
    return false;
}

static bool take_word(struct scan *scan, const char *word)
{
    size_t bytes = strlen(word);

    if ((size_t)(scan->end - scan->at) < bytes || memcmp(scan->at, word, bytes) != 0) {
        return false;
    }
    scan->at += bytes;
    return true;
}

static bool take_digits(struct scan *scan)
{
    const char *from = scan->at;

    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') {
        scan->at++;
    }
    return scan->at > from;
}

static bool scan_number(struct scan *scan)
{
    take(scan, '-');
    if (!take(scan, '0') && !take_digits(scan)) {
        return false;
    }
    if (take(scan, '.') && !take_digits(scan)) {
        return false;
    }
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '+')) {
            take(scan, '-');
        }
        return take_digits(scan);
    }
    return true;
}

static bool scan_escape(struct scan *scan)
{
    if (scan->at >= scan->end) {
        return false;
    }
    if (*scan->at != 'u') {
        return is_one_of(*scan->at++, "\"\\/bfnrt");
    }
    scan->at++;
    if (scan->end - scan->at < 4 || strspn(scan->at, "0123456789abcdefABCDEF") < 4) {
        return false;
    }
    if (!scan->nul_allowed && memcmp(scan->at, "0000", 4) == 0) {
        return false;
    }
    scan->at += 4;
    return true;
}

// The well-formed sequences of Unicode 15, table 3-7: no surrogates, nothing over U+10FFFF, no over-long forms.
static bool scan_multibyte(struct scan *scan)
{
    unsigned char lead = (unsigned char)*scan->at;
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    int more = lead >= 0xC2 && lead <= 0xDF   ? 1
               : lead >= 0xE0 && lead <= 0xEF ? 2
               : lead >= 0xF0 && lead <= 0xF4 ? 3
                                              : 0;

    if (more == 0 || scan->end - scan->at <= more) {
        return false;
    }
    for (scan->at++; more > 0; more--, scan->at++) {
        unsigned char c = (unsigned char)*scan->at;

        if (c < low || c > high) {
            return false;
        }
        low = 0x80;
        high = 0xBF;
    }
    return true;
}

static bool scan_string(struct scan *scan)
{
    if (!take(scan, '"')) {
        return false;
    }
    while (scan->at < scan->end) {
        unsigned char c = (unsigned char)*scan->at;

        if (c == '"') {
            scan->at++;
            return true;
        }
        if (c < 0x20) {
            return false;
        }
        if (c >= 0x80) {
            if (!scan_multibyte(scan)) {
                return false;
            }
            continue;
        }
        scan->at++;
        if (c == '\\' && !scan_escape(scan)) {
            return false;
        }
    }
    return false;
}

static bool scan_member(struct scan *scan)
{
    skip_space(scan);
    if (!scan_string(scan)) {
        return false;
    }
    skip_space(scan);
    return take(scan, ':') && scan_value(scan);
}

static bool scan_list(struct scan *scan, char close, bool (*element)(struct scan *))
{
    bool good = false;

    scan->at++;
    if (++scan->depth > DEPTH_MAX) {
        return false;
    }
    skip_space(scan);
    if (take(scan, close)) {
        good = true;
    }
    while (!good) {
        if (!element(scan)) {
            return false;
        }
        if (take(scan, close)) {
            good = true;
        } else if (!take(scan, ',')) {
            return false;
        }
    }
    scan->depth--;
    return true;
}

static bool scan_bare_value(struct scan *scan)
{
    switch (scan->at < scan->end ? *scan->at : '\0') {
    case '{':
        return scan_list(scan, '}', scan_member);
    case '[':
        return scan_list(scan, ']', scan_value);
    case '"':
        return scan_string(scan);
    case 't':
        return take_word(scan, "true");
    case 'f':
        return take_word(scan, "false");
    case 'n':
        return take_word(scan, "null");
    default:
        return scan_number(scan);
    }
}

static bool scan_value(struct scan *scan)
{
    skip_space(scan);
    if (!scan_bare_value(scan)) {
        return false;
    }
    skip_space(scan);
    return true;
}

// NOLINTEND(misc-no-recursion)
bool jsontext_valid(const char *text, size_t bytes, bool nul_allowed, char *kind)
{
    struct scan scan = {.at = text, .end = text + bytes, .nul_allowed = nul_allowed};

    skip_space(&scan);
    *kind = '\0';
    if (scan.at < scan.end) {
        *kind = *scan.at;
    }
    return scan_value(&scan) && scan.at == scan.end;
}

size_t jsontext_code_points(const char *text)
{
    size_t count = 0;

    for (; *text; text++) {
        count += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return count;
}

// As deep as what jsontext_valid() let through. NOLINTBEGIN(misc-no-recursion)
static void rewrite_value(struct scan *scan, struct buf *out);

static void rewrite_string(struct scan *scan, struct buf *out)
{
    const char *from = scan->at;

    scan_string(scan);
    buf_add(out, from, (size_t)(scan->at - from));
}

static void rewrite_array(struct scan *scan, struct buf *out)
{
    const char *gap = "[";

    scan->at++;
    skip_space(scan);
    while (!take(scan, ']')) {
        buf_puts(out, gap);
        gap = ",  ";
        rewrite_value(scan, out);
        take(scan, ',');
        skip_space(scan);
    }
    buf_puts(out, gap[0] == '[' ? "[ ]" : "]");
}

static void rewrite_object(struct scan *scan, struct buf *out)
{
    struct buf *members = NULL;
    size_t count = 0;

    scan->at++;
    skip_space(scan);
    while (!take(scan, '}')) {
        members = memory_resize(members, (count + 1) * sizeof *members);
        members[count] = (struct buf){0};
        rewrite_string(scan, &members[count]);
        buf_puts(&members[count], " : ");
        skip_space(scan);
        take(scan, ':');
        rewrite_value(scan, &members[count]);
        count++;
        take(scan, ',');
        skip_space(scan);
    }
    buf_puts(out, "{ ");
    while (count-- > 0) {
        buf_add(out, members[count].text, members[count].bytes);
        buf_puts(out, count > 0 ? " , " : " ");
        buf_free(&members[count]);
    }
    buf_puts(out, "}");
    free(members);
}

static void rewrite_value(struct scan *scan, struct buf *out)
{
    const char *from;

    skip_space(scan);
    from = scan->at;
    if (scan->at < scan->end && *scan->at == '{') {
        rewrite_object(scan, out);
    } else if (scan->at < scan->end && *scan->at == '[') {
        rewrite_array(scan, out);
    } else {
        scan_bare_value(scan);
        buf_add(out, from, (size_t)(scan->at - from));
    }
    skip_space(scan);
}

// NOLINTEND(misc-no-recursion)
void jsontext_rewrite(const char *text, struct buf *out)
{
    struct scan scan = {.at = text, .end = text + strlen(text), .nul_allowed = true};

    rewrite_value(&scan, out);
}
