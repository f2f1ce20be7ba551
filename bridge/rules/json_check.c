// SPDX-License-Identifier: Apache-2.0
// A strict checker of RFC 8259. Must never recurse (a stack of one bit per level is all that nesting costs), never
// read a byte twice, and never let through what another reader could understand differently. Pure; any thread.
#include "rules/json_check.h"
#include "base/utf8.h"

#include <string.h>

struct cursor {
    const char *at;
    const char *end;
    const char *why; // NULL as long as nothing is wrong; at is then the wrong byte
};

static bool fail(struct cursor *c, const char *why)
{
    c->why = why;
    return false;
}

static bool at_end(const struct cursor *c)
{
    return c->at == c->end;
}

static bool is_digit(const struct cursor *c)
{
    return !at_end(c) && *c->at >= '0' && *c->at <= '9';
}

static void skip_space(struct cursor *c)
{
    while (!at_end(c) && json_is_space(*c->at)) {
        c->at++;
    }
}

static bool take_digits(struct cursor *c)
{
    if (!is_digit(c)) {
        return fail(c, at_end(c) ? "the text ends inside a number" : "a digit was expected");
    }
    while (is_digit(c)) {
        c->at++;
    }
    return true;
}

static bool check_number(struct cursor *c)
{
    if (*c->at == '-') {
        c->at++;
    }
    if (!at_end(c) && *c->at == '0') {
        c->at++;
        if (is_digit(c)) {
            return fail(c, "a number may not begin with 0");
        }
    } else if (!take_digits(c)) {
        return false;
    }
    if (!at_end(c) && *c->at == '.') {
        c->at++;
        if (!take_digits(c)) {
            return false;
        }
    }
    if (!at_end(c) && (*c->at == 'e' || *c->at == 'E')) {
        c->at++;
        if (!at_end(c) && (*c->at == '+' || *c->at == '-')) {
            c->at++;
        }
        return take_digits(c);
    }
    return true;
}

static int hex_value(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - 'a' + 10;
    }
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

// Stands on the backslash.
static bool check_escape(struct cursor *c)
{
    c->at++;
    if (at_end(c)) {
        return fail(c, "the text ends inside a string");
    }
    if (*c->at != 'u') {
        if (*c->at == '\0' || !strchr("\"\\/bfnrt", *c->at)) {
            return fail(c, "no such escape");
        }
        c->at++;
        return true;
    }
    c->at++;
    for (int i = 0; i < 4; i++, c->at++) {
        if (at_end(c) || hex_value(*c->at) < 0) {
            return fail(c, at_end(c) ? "the text ends inside a string" : "four hex digits were expected");
        }
    }
    return true;
}

// Stands on the opening quote.
static bool check_string(struct cursor *c)
{
    uint32_t code_point;

    c->at++;
    while (!at_end(c)) {
        unsigned char byte = (unsigned char)*c->at;
        if (byte == '"') {
            c->at++;
            return true;
        }
        if (byte < 0x20) {
            return fail(c, "a control character inside a string must be escaped");
        }
        if (byte == '\\') {
            if (!check_escape(c)) {
                return false;
            }
            continue;
        }
        size_t len = utf8_next((struct span){c->at, (size_t)(c->end - c->at)}, &code_point);
        if (len == 0) {
            return fail(c, "invalid UTF-8");
        }
        c->at += len;
    }
    return fail(c, "the text ends inside a string");
}

static bool check_word(struct cursor *c, const char *word)
{
    for (; *word != '\0'; word++, c->at++) {
        if (at_end(c) || *c->at != *word) {
            return fail(c, at_end(c) ? "the text ends inside a word" : "a value was expected");
        }
    }
    return true;
}

static bool check_scalar(struct cursor *c)
{
    switch (*c->at) {
    case '"':
        return check_string(c);
    case 't':
        return check_word(c, "true");
    case 'f':
        return check_word(c, "false");
    case 'n':
        return check_word(c, "null");
    default:
        if (*c->at == '-' || is_digit(c)) {
            return check_number(c);
        }
        return fail(c, "a value was expected");
    }
}

enum json_type json_type_of(char first)
{
    switch (first) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

// The containers around the cursor: bit 0 is the innermost, set for an object.
struct nesting {
    uint64_t objects;
    unsigned depth;
};
_Static_assert(JSON_DEPTH_MAX <= 64, "nesting has one bit a level");

static bool in_object(const struct nesting *nesting)
{
    return nesting->depth > 0 && (nesting->objects & 1U) != 0;
}

// A member's key and its colon; only white space when the innermost container is an array.
static bool check_key(struct cursor *c, const struct nesting *nesting)
{
    skip_space(c);
    if (!in_object(nesting)) {
        return true;
    }
    if (at_end(c) || *c->at != '"') {
        return fail(c, at_end(c) ? "the text ends inside an object" : "a member's name in quotes was expected");
    }
    if (!check_string(c)) {
        return false;
    }
    skip_space(c);
    if (at_end(c) || *c->at != ':') {
        return fail(c, at_end(c) ? "the text ends inside an object" : "':' was expected");
    }
    c->at++;
    skip_space(c);
    return true;
}

// Closes every container that ends here, and takes the comma before the next value. False at the end of the
// outermost value and on a mistake: c->why tells which.
static bool check_after_value(struct cursor *c, struct nesting *nesting)
{
    while (nesting->depth > 0) {
        skip_space(c);
        if (at_end(c)) {
            return fail(c, in_object(nesting) ? "the text ends inside an object" : "the text ends inside an array");
        }
        if (*c->at == ',') {
            c->at++;
            return check_key(c, nesting);
        }
        if (*c->at != (in_object(nesting) ? '}' : ']')) {
            return fail(c, in_object(nesting) ? "',' or '}' was expected" : "',' or ']' was expected");
        }
        c->at++;
        nesting->objects >>= 1;
        nesting->depth--;
    }
    return false;
}

// Stands on the bracket. Sets *empty (and takes the whole) when nothing is inside, else stands on the first value.
static bool check_open(struct cursor *c, struct nesting *nesting, bool *empty)
{
    bool object = *c->at == '{';

    if (nesting->depth == JSON_DEPTH_MAX) {
        return fail(c, "nested too deeply");
    }
    c->at++;
    skip_space(c);
    *empty = !at_end(c) && *c->at == (object ? '}' : ']');
    if (*empty) {
        c->at++;
        return true;
    }
    nesting->depth++;
    nesting->objects = nesting->objects << 1 | object;
    return check_key(c, nesting);
}

// One value with everything inside it. Stands on its first byte.
static bool check_value(struct cursor *c)
{
    struct nesting nesting = {0, 0};

    do {
        bool complete = true;
        if (at_end(c)) {
            return fail(c, "the text ends where a value was expected");
        }
        bool good = *c->at == '{' || *c->at == '[' ? check_open(c, &nesting, &complete) : check_scalar(c);
        if (!good) {
            return false;
        }
        if (!complete) {
            continue;
        }
        if (!check_after_value(c, &nesting)) {
            return c->why == NULL;
        }
    } while (true);
}

enum status json_check(struct span text, struct json_value *value, size_t *error_at, const char **why)
{
    const char *start = text.len > 0 ? text.at : ""; // text.at may be NULL
    struct cursor c = {start, start + text.len, NULL};

    skip_space(&c);
    const char *first = c.at;
    if (check_value(&c)) {
        const char *last = c.at;
        skip_space(&c);
        if (at_end(&c)) {
            *value = (struct json_value){json_type_of(*first), {first, (size_t)(last - first)}};
            return STATUS_OK;
        }
        c.why = "something follows the value";
    }
    if (error_at != NULL) {
        *error_at = (size_t)(c.at - start);
    }
    if (why != NULL) {
        *why = c.why;
    }
    return STATUS_INVALID;
}
