// SPDX-License-Identifier: Apache-2.0
// The rules of single texts. Must never look at another key: what two keys say together is checked in
// io/config_check*.c.
#include "io/config_rule.h"
#include "rules/command.h"
#include "rules/json.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PORT_MAX        65535
#define PORT_MAX_DIGITS 5
#define LISTEN_UNIX     "unix:"

static enum status wrong(const char **why, const char *phrase)
{
    *why = phrase;
    return STATUS_INVALID;
}

static const struct {
    const char *text;
    enum config_scheme scheme;
} schemes[] = {
    {"tcp://", SCHEME_TCP}, {"ssl://", SCHEME_SSL},   {"ws://", SCHEME_WS},
    {"wss://", SCHEME_WSS}, {"http://", SCHEME_HTTP}, {"https://", SCHEME_HTTPS},
};

static const char *parse_scheme(const char *text, enum config_scheme *scheme)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i].text);
        if (strncasecmp(text, schemes[i].text, len) == 0) {
            *scheme = schemes[i].scheme;
            return text + len;
        }
    }
    return NULL;
}

static bool parse_port(struct span text, int64_t *port)
{
    if (text.len == 0 || text.len > PORT_MAX_DIGITS) {
        return false;
    }
    *port = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit((unsigned char)text.at[i])) {
            return false;
        }
        *port = *port * 10 + (text.at[i] - '0');
    }
    return *port <= PORT_MAX;
}

static bool parse_host_port(struct span text, struct span *host, int64_t *port)
{
    *port = -1;
    const char *rest = NULL;
    const char *end = text.at + text.len;
    if (text.len > 0 && text.at[0] == '[') {
        const char *close = memchr(text.at, ']', text.len);
        if (close == NULL) {
            return false;
        }
        *host = (struct span){text.at + 1, (size_t)(close - text.at) - 1};
        rest = close + 1;
    } else {
        const char *colon = text.len > 0 ? memchr(text.at, ':', text.len) : NULL;
        rest = colon != NULL ? colon : end;
        *host = (struct span){text.at, (size_t)(rest - text.at)};
    }
    for (size_t i = 0; i < host->len; i++) {
        unsigned char c = (unsigned char)host->at[i];
        if (!isalnum(c) && strchr("-._:%", c) == NULL) {
            return false;
        }
    }
    if (rest == end) {
        return host->len > 0;
    }
    return host->len > 0 && *rest == ':' && parse_port((struct span){rest + 1, (size_t)(end - rest) - 1}, port);
}

bool config_address_parse(const char *text, struct config_address *address)
{
    *address = (struct config_address){.port = -1};
    const char *rest = parse_scheme(text, &address->scheme);
    if (rest == NULL) {
        return false;
    }
    size_t len = strcspn(rest, "/?#");
    const char *at = memrchr(rest, '@', len);
    address->has_user = at != NULL;
    const char *host = at != NULL ? at + 1 : rest;
    address->path = span_of(rest + len);
    return parse_host_port((struct span){host, (size_t)(rest + len - host)}, &address->host, &address->port);
}

bool config_address_is_loopback(struct span host)
{
    if (span_is(host, "localhost") || span_is(host, "::1")) {
        return true;
    }
    // 127.0.0.0/8, and not the name 127.example.com
    size_t dots = 0;
    for (size_t i = 0; i < host.len; i++) {
        dots += host.at[i] == '.' ? 1 : 0;
        if (host.at[i] != '.' && !isdigit((unsigned char)host.at[i])) {
            return false;
        }
    }
    return dots == 3 && strncmp(host.at, "127.", strlen("127.")) == 0;
}

enum status config_rule_broker_uri(const char *text, const char **why)
{
    struct config_address address;
    bool parsed = config_address_parse(text, &address);
    if (address.has_user) {
        return wrong(why, "has a user or password in it, expected them in username and password_file");
    }
    bool web = address.scheme == SCHEME_WS || address.scheme == SCHEME_WSS;
    bool plain = address.scheme == SCHEME_TCP || address.scheme == SCHEME_SSL;
    if (!parsed || (!web && !plain) || address.port == 0) {
        return wrong(why, "is no address of a broker, expected tcp://HOST[:PORT], ssl://, ws:// or wss://, with a "
                          "port from 1 to 65535");
    }
    if (plain && address.path.len > 0) {
        return wrong(why, "has something after the port, expected a path only with ws:// and wss://");
    }
    return STATUS_OK;
}

enum status config_rule_base_url(const char *text, const char **why)
{
    struct config_address address;
    bool parsed = config_address_parse(text, &address);
    if (address.has_user) {
        return wrong(why, "has a user or password in it, expected the token in token_file");
    }
    if (!parsed || (address.scheme != SCHEME_HTTPS && address.scheme != SCHEME_HTTP) || address.port == 0) {
        return wrong(why, "is no address of an API, expected https://HOST[:PORT]");
    }
    if (address.path.len > 0 && memchr(address.path.at, '?', address.path.len) != NULL) {
        return wrong(why, "has a query, expected https://HOST[:PORT][/PATH]");
    }
    if (address.path.len > 0 && memchr(address.path.at, '#', address.path.len) != NULL) {
        return wrong(why, "has a fragment, expected https://HOST[:PORT][/PATH]");
    }
    if (address.scheme == SCHEME_HTTP && !config_address_is_loopback(address.host)) {
        return wrong(why, "would send the token in the clear, expected https://, or http:// to a loopback address");
    }
    return STATUS_OK;
}

enum status config_rule_listen(const char *text, const char **why)
{
    if (text[0] == '\0') {
        return STATUS_OK;
    }
    if (strncmp(text, LISTEN_UNIX, strlen(LISTEN_UNIX)) == 0) {
        // sun_path has 108 bytes, see unix(7)
        size_t len = strlen(text + strlen(LISTEN_UNIX));
        return text[strlen(LISTEN_UNIX)] == '/' && len > 1 && len < 108
                   ? STATUS_OK
                   : wrong(why, "is no socket's path, expected unix:/PATH of at most 107 bytes");
    }
    struct span host;
    int64_t port = -1;
    if (!parse_host_port(span_of(text), &host, &port) || port < 0) {
        return wrong(why, "is no address to listen on, expected \"HOST:PORT\", \"unix:/PATH\", or \"\" for none");
    }
    return STATUS_OK;
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == '\x7f') {
            return false;
        }
    }
    return true;
}

enum status config_rule_client_id(const char *text, const char **why)
{
    size_t len = strlen(text);
    if (len == 0 || len > CONFIG_CLIENT_ID_MAX || !is_printable(text)) {
        return wrong(why, "is no client id, expected 1 to 128 printable bytes");
    }
    return STATUS_OK;
}

// One level of a topic, and safe in a template: no wildcard, no separator, no quote, no brace.
static bool is_level(const char *text)
{
    return strlen(text) <= CONFIG_NAME_MAX_BYTES && strpbrk(text, "/+#\"\\{}") == NULL && text[0] != '$' &&
           is_printable(text);
}

enum status config_rule_share_group(const char *text, const char **why)
{
    return is_level(text) ? STATUS_OK
                          : wrong(why, "is no name of a group, expected at most 128 bytes without / + # \" \\ { }");
}

enum status config_rule_job_name(const char *text, const char **why)
{
    return is_level(text) ? STATUS_OK
                          : wrong(why, "cannot be a level of a topic, expected 1 to 128 bytes without / + # \" \\ { }, "
                                       "not beginning with $");
}

enum status config_rule_route_name(const char *text, const char **why)
{
    size_t len = strlen(text);
    if (len == 0 || len > CONFIG_NAME_MAX_BYTES || !is_printable(text)) {
        return wrong(why, "is no name, expected 1 to 128 printable bytes");
    }
    return STATUS_OK;
}

static bool is_identifier(const char *text, const char *more)
{
    if (!isalpha((unsigned char)text[0]) && text[0] != '_') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (!isalnum((unsigned char)*text) && *text != '_' && strchr(more, *text) == NULL) {
            return false;
        }
    }
    return true;
}

enum status config_rule_marker(const char *text, const char **why)
{
    if (text[0] != '\0' && (strlen(text) > CONFIG_MARKER_MAX_BYTES || !is_identifier(text, "-"))) {
        return wrong(why, "is no name of a marker, expected a letter or _, then letters, digits, _ and -, at most 64 "
                          "in all, or \"\" for none");
    }
    return STATUS_OK;
}

enum status config_rule_variable(const char *text, const char **why)
{
    if (text[0] != '\0' && !is_identifier(text, "")) {
        return wrong(why, "is no name of an environment variable, expected a letter or _, then letters, digits and _");
    }
    return STATUS_OK;
}

enum status config_rule_api_id(const char *text, const char **why)
{
    return command_id_valid(span_of(text)) ? STATUS_OK : wrong(why, "is no id of the API, expected 24 hex digits");
}

enum status config_rule_not_empty(const char *text, const char **why)
{
    return text[0] != '\0' ? STATUS_OK : wrong(why, "is empty, expected a text");
}
