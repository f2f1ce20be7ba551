// SPDX-License-Identifier: Apache-2.0
// MQTT topic names and filters (MQTT 5 section 4.7). Must never say that two filters do not overlap when a name
// matches both: the check against loops rests on it. Pure; any thread.
#include "rules/topic.h"
#include "base/utf8.h"

#include <string.h>

// The levels of a topic or filter, one after another.
struct levels {
    struct span rest;
    bool done;
};

static bool next_level(struct levels *levels, struct span *level)
{
    if (levels->done) {
        return false;
    }
    const char *slash = levels->rest.len > 0 ? memchr(levels->rest.at, '/', levels->rest.len) : NULL;
    if (slash == NULL) {
        *level = levels->rest;
        levels->done = true;
        return true;
    }
    *level = (struct span){levels->rest.at, (size_t)(slash - levels->rest.at)};
    levels->rest = (struct span){slash + 1, levels->rest.len - level->len - 1};
    return true;
}

static bool is_wildcard(struct span level)
{
    return level.len == 1 && (*level.at == '+' || *level.at == '#');
}

static bool is_rest(struct span level)
{
    return level.len == 1 && *level.at == '#';
}

static bool begins_with_dollar(struct span text)
{
    return text.len > 0 && *text.at == '$';
}

static bool text_valid(struct span text)
{
    uint32_t code_point;

    if (text.len == 0 || text.len > TOPIC_MAX_BYTES) {
        return false;
    }
    while (text.len > 0) {
        size_t len = utf8_next(text, &code_point);
        if (len == 0 || !utf8_printable(code_point)) {
            return false;
        }
        text = (struct span){text.at + len, text.len - len};
    }
    return true;
}

static bool has_wildcard(struct span text)
{
    return memchr(text.at, '+', text.len) != NULL || memchr(text.at, '#', text.len) != NULL;
}

bool topic_name_valid(struct span name)
{
    return text_valid(name) && !has_wildcard(name);
}

bool topic_filter_valid(struct span filter)
{
    struct levels levels = {filter, false};
    struct span level;

    if (!text_valid(filter)) {
        return false;
    }
    while (next_level(&levels, &level)) {
        if (level.len > 0 && has_wildcard(level) && !is_wildcard(level)) {
            return false;
        }
        if (is_rest(level) && !levels.done) {
            return false;
        }
    }
    return true;
}

bool topic_matches(struct span filter, struct span name)
{
    struct levels wanted = {filter, false};
    struct levels given = {name, false};
    struct span want;
    struct span give;

    if (filter.len == 0 || name.len == 0) {
        return false;
    }
    if (begins_with_dollar(name) && !begins_with_dollar(filter)) {
        return false;
    }
    while (next_level(&wanted, &want)) {
        if (is_rest(want)) {
            return true; // of the parent level, too
        }
        if (!next_level(&given, &give) || !(is_wildcard(want) || span_equal(want, give))) {
            return false;
        }
    }
    return given.done;
}

// Whether one level can be matched by both; first: where a wildcard stops at '$'.
static bool levels_overlap(struct span a, struct span b, bool first)
{
    if (is_wildcard(a)) {
        return is_wildcard(b) || !(first && begins_with_dollar(b));
    }
    if (is_wildcard(b)) {
        return !(first && begins_with_dollar(a));
    }
    return span_equal(a, b);
}

// One filter has ended after `count` levels, the last of which was `last` in the other: is the other's rest nothing?
static bool ends_overlap(struct levels *longer, size_t count, struct span last)
{
    struct span level;

    if (!next_level(longer, &level)) {
        return true;
    }
    // "x/#" matches its parent "x"; but the parent of "/#" is the empty name, which is none.
    return is_rest(level) && !(count == 1 && last.len == 0);
}

bool topic_filters_overlap(struct span a, struct span b)
{
    struct levels left = {a, false};
    struct levels right = {b, false};
    struct span a_level = SPAN_NONE;
    struct span b_level = SPAN_NONE;
    size_t count = 0;

    if (a.len == 0 || b.len == 0) {
        return false;
    }
    for (;; count++) {
        if (left.done) {
            return ends_overlap(&right, count, b_level);
        }
        if (right.done) {
            return ends_overlap(&left, count, a_level);
        }
        (void)next_level(&left, &a_level);
        (void)next_level(&right, &b_level);
        if (!levels_overlap(a_level, b_level, count == 0)) {
            return false;
        }
        if (is_rest(a_level) || is_rest(b_level)) {
            return true;
        }
    }
}

void topic_pattern_to_filter(struct span pattern, struct bytes *filter)
{
    struct levels levels = {pattern, false};
    struct span level;
    bool first = true;

    while (next_level(&levels, &level)) {
        if (!first) {
            bytes_add_char(filter, '/');
        }
        if (level.len > 0 && memchr(level.at, '{', level.len) != NULL) {
            bytes_add_char(filter, '+');
        } else {
            bytes_add_span(filter, level);
        }
        first = false;
    }
}
