// SPDX-License-Identifier: Apache-2.0
// See cli_parse.h. Must never keep or print what is in a token, other than its time. Pure; any thread.
#include "cli/cli_parse.h"
#include "rules/json.h"
#include <string.h>

static int sextet(char c)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = c != '\0' ? strchr(letters, c) : NULL;
    return at ? (int)(at - letters) : -1;
}

// base64url without padding (RFC 7515 section 2).
static bool decode(struct span text, struct bytes *out)
{
    uint32_t bits = 0;
    int count = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = sextet(text.at[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes_add_char(out, (char)(bits >> count & 0xff));
        }
    }
    return text.len % 4 != 1 && bytes_ok(out);
}

static int64_t read_expiry(struct span claims)
{
    struct json_value object;
    struct json_value value;
    int64_t seconds = 0;
    if (json_check(claims, &object, NULL, NULL) != STATUS_OK || object.type != JSON_OBJECT) {
        return -1;
    }
    if (!json_find(object, "exp", &value)) {
        return 0;
    }
    // A NumericDate may have a fraction; the whole seconds are enough.
    struct span whole = {value.raw.at, strcspn(value.raw.at, ".")};
    value.raw.len = whole.len < value.raw.len ? whole.len : value.raw.len;
    bool ok = value.type == JSON_NUMBER && json_int64(value, &seconds) && seconds >= 0 && seconds < INT64_MAX / 1000;
    return ok ? seconds * 1000 : -1;
}

int64_t cli_token_expiry(struct span token)
{
    const char *end = token.at + token.len;
    const char *first = token.len > 0 ? memchr(token.at, '.', token.len) : NULL;
    const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    struct bytes claims;
    if (!second || token.len > CLI_TOKEN_MAX_BYTES) {
        return -1;
    }
    bytes_init(&claims, CLI_TOKEN_MAX_BYTES);
    int64_t expiry_ms =
        decode((struct span){first + 1, (size_t)(second - first - 1)}, &claims) ? read_expiry(bytes_span(&claims)) : -1;
    if (claims.data) {
        explicit_bzero(claims.data, claims.len);
    }
    bytes_free(&claims);
    return expiry_ms;
}

enum status cli_broker_url(const char *uri, struct bytes *url)
{
    static const struct {
        const char *scheme;
        bool tls;
        const char *port;
    } schemes[] = {{"tcp://", false, "1883"},  {"mqtt://", false, "1883"}, {"ssl://", true, "8883"},
                   {"mqtts://", true, "8883"}, {"ws://", false, "80"},     {"wss://", true, "443"}};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i].scheme);
        if (strncmp(uri, schemes[i].scheme, len) != 0) {
            continue;
        }
        struct span host = {uri + len, strcspn(uri + len, "/")};
        const char *bracket = host.len > 0 ? memchr(host.at, ']', host.len) : NULL; // an IPv6 address has colons itself
        const char *from = bracket ? bracket : host.at;
        bool port = host.len > 0 && memchr(from, ':', (size_t)(host.at + host.len - from)) != NULL;
        if (host.len == 0) {
            return STATUS_INVALID;
        }
        bytes_add_text(url, schemes[i].tls ? "https://" : "http://");
        bytes_add_span(url, host);
        bytes_add_format(url, "%s%s", port ? "" : ":", port ? "" : schemes[i].port);
        return bytes_ok(url) ? STATUS_OK : STATUS_INVALID;
    }
    return STATUS_INVALID;
}

size_t cli_pem_count(struct span text)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    static const char trusted[] = "-----BEGIN TRUSTED CERTIFICATE-----";
    size_t count = 0;
    for (size_t i = 0; i + sizeof begin - 1 <= text.len; i++) {
        bool line = i == 0 || text.at[i - 1] == '\n';
        struct span rest = {text.at + i, text.len - i};
        count += line && (strncmp(rest.at, begin, sizeof begin - 1) == 0 ||
                          (rest.len >= sizeof trusted - 1 && strncmp(rest.at, trusted, sizeof trusted - 1) == 0));
    }
    return count;
}
