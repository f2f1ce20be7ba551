// SPDX-License-Identifier: Apache-2.0
// What each text of the configuration must look like, one function a kind. Each returns STATUS_OK, or STATUS_INVALID
// with a phrase (static) in *why that goes on after the key: what is wrong, what was expected. Pure; any thread.
#ifndef IO_CONFIG_RULE_H
#define IO_CONFIG_RULE_H

#include "base/bytes.h"
#include "base/status.h"
#include <stdint.h>

#define CONFIG_TEXT_MAX_BYTES    1024
#define CONFIG_CONTEXT_MAX_BYTES 32768
#define CONFIG_NAME_MAX_BYTES    128
#define CONFIG_CLIENT_ID_MAX     128
#define CONFIG_MARKER_MAX_BYTES  64

enum config_scheme { SCHEME_NONE, SCHEME_TCP, SCHEME_SSL, SCHEME_WS, SCHEME_WSS, SCHEME_HTTP, SCHEME_HTTPS };

// The parts of an address; host without the brackets of IPv6.
struct config_address {
    enum config_scheme scheme;
    bool has_user; // something@ before the host
    struct span host;
    int64_t port; // -1: none
    struct span path;
};

// SCHEME://[user@]HOST[:PORT][/path]; false when it is no such thing.
bool config_address_parse(const char *text, struct config_address *address);
bool config_address_is_loopback(struct span host);

enum status config_rule_broker_uri(const char *text, const char **why);
enum status config_rule_base_url(const char *text, const char **why);
enum status config_rule_listen(const char *text, const char **why);
enum status config_rule_client_id(const char *text, const char **why);
enum status config_rule_share_group(const char *text, const char **why);
enum status config_rule_marker(const char *text, const char **why);
enum status config_rule_variable(const char *text, const char **why);
enum status config_rule_job_name(const char *text, const char **why); // usable as one level of a topic, or ""
enum status config_rule_route_name(const char *text, const char **why);
enum status config_rule_api_id(const char *text, const char **why);
enum status config_rule_not_empty(const char *text, const char **why);

#endif
