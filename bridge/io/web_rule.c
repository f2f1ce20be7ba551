// SPDX-License-Identifier: Apache-2.0
// See web_rule.h. Must never tell by its time how much of a token was right. Pure.
#include "io/web_rule.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define CREDENTIALS_MAX_BYTES 32768

static bool is_loopback(struct span host)
{
    size_t dots = 0;
    if ((host.len == 9 && strncasecmp(host.at, "localhost", 9) == 0) || span_is(host, "[::1]")) {
        return true;
    }
    // 127.0.0.0/8, and not the name 127.example.com
    for (size_t i = 0; i < host.len; i++) {
        dots += host.at[i] == '.';
        if (host.at[i] != '.' && !isdigit((unsigned char)host.at[i])) {
            return false;
        }
    }
    return dots == 3 && strncmp(host.at, "127.", 4) == 0;
}

bool web_host_is_loopback(const char *host)
{
    size_t len = strlen(host);
    const char *colon = strrchr(host, ':');
    if (colon && (host[0] != '[' || colon[-1] == ']') && colon[1] &&
        strspn(colon + 1, "0123456789") == strlen(colon + 1)) {
        len = (size_t)(colon - host);
    }
    return is_loopback((struct span){host, len});
}

static bool is_same(struct span given, struct span token)
{
    unsigned char differs = given.len != token.len;
    for (size_t i = 0; i < given.len && token.len > 0; i++) {
        differs |= (unsigned char)(given.at[i] ^ token.at[i % token.len]);
    }
    return !differs;
}

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

// false when it is no base64.
static bool decode(const char *text, struct bytes *out)
{
    unsigned bits = 0;
    int count = 0;
    for (; *text && *text != '='; text++) {
        int value = base64_value(*text);
        if (value < 0) {
            return false;
        }
        bits = (bits << 6 | (unsigned)value) & 0xffffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes_add_char(out, (char)(bits >> count & 0xff));
        }
    }
    return bytes_ok(out) && text[strspn(text, "=")] == '\0';
}

static bool password_matches(const char *text, struct span token)
{
    struct bytes pair;
    bytes_init(&pair, CREDENTIALS_MAX_BYTES);
    bool ok = decode(text, &pair);
    const char *colon = ok && pair.len > 0 ? memchr(pair.data, ':', pair.len) : NULL;
    ok = colon && is_same((struct span){colon + 1, pair.len - (size_t)(colon + 1 - pair.data)}, token);
    if (pair.data) {
        explicit_bzero(pair.data, pair.len);
    }
    bytes_free(&pair);
    return ok;
}

bool web_token_matches(const char *header, struct span token)
{
    if (header && strncasecmp(header, "Bearer ", 7) == 0) {
        return is_same(span_of(header + 7), token);
    }
    return header && strncasecmp(header, "Basic ", 6) == 0 && password_matches(header + 6, token);
}
