// SPDX-License-Identifier: Apache-2.0
// What keys of the configuration must be together, routes apart (io/config_check_routes.c). Must never build upon a
// value that was already complained about: one mistake is told once.
#include "io/config_loading.h"
#include "io/config_rule.h"
#include "rules/topic.h"
#include <inttypes.h>
#include <string.h>

static bool is_there(const struct config_loading *loading, const char *key)
{
    return config_tree_find(loading->tree, key) != NULL;
}

// Two keys of which the first must not be over the second; the complaint goes to one that is in the file.
static void check_order(struct config_loading *loading, const char *low_key, int64_t low, const char *high_key,
                        int64_t high)
{
    if (low <= high || !config_is_right(loading, low_key) || !config_is_right(loading, high_key)) {
        return;
    }
    if (is_there(loading, high_key)) {
        config_complain(loading, high_key, "is %" PRId64 ", expected no less than %s, which is %" PRId64, high, low_key,
                        low);
    } else {
        config_complain(loading, low_key, "is %" PRId64 ", expected no more than %s, which is %" PRId64, low, high_key,
                        high);
    }
}

static void check_orders(struct config_loading *loading)
{
    const struct config *config = loading->config;
    check_order(loading, "broker.reconnect_min_ms", config->broker.reconnect_min_ms, "broker.reconnect_max_ms",
                config->broker.reconnect_max_ms);
    check_order(loading, "api.retry.base_ms", config->api.retry_base_ms, "api.retry.max_ms", config->api.retry_max_ms);
    check_order(loading, "follow.interval_ms", config->follow.interval_ms, "follow.max_interval_ms",
                config->follow.max_interval_ms);
}

static void check_token(struct config_loading *loading)
{
    bool file = loading->config->api.token_file[0] != '\0';
    bool variable = loading->config->api.token_env[0] != '\0';
    if (!config_is_right(loading, "api.token_file") || !config_is_right(loading, "api.token_env")) {
        return;
    }
    if (file && variable) {
        config_complain(loading, "api.token_env", "is given besides token_file, expected one of the two");
    } else if (!file && !variable) {
        config_complain(loading, "api.token_file",
                        "is missing, expected token_file = \"FILE\" or token_env = \"NAME\"");
    }
}

static bool broker_is_plain(const struct config_loading *loading, const char **scheme)
{
    struct config_address address;
    (void)config_address_parse(loading->config->broker.uri, &address);
    *scheme = address.scheme == SCHEME_WS ? "ws://" : "tcp://";
    return address.scheme == SCHEME_TCP || address.scheme == SCHEME_WS;
}

static void check_broker_tls(struct config_loading *loading)
{
    const struct config_broker *broker = &loading->config->broker;
    const struct {
        const char *key;
        bool used;
    } keys[] = {{"broker.tls.ca_file", broker->tls_ca_file[0] != '\0'},
                {"broker.tls.cert_file", broker->tls_cert_file[0] != '\0'},
                {"broker.tls.key_file", broker->tls_key_file[0] != '\0'},
                {"broker.tls.verify", !broker->tls_verify}};
    const char *scheme = NULL;
    if (broker_is_plain(loading, &scheme)) {
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            if (keys[i].used) {
                config_complain(loading, keys[i].key,
                                "is of no use as broker.uri begins with %s, expected ssl:// or wss:// there", scheme);
            }
        }
    }
    if (keys[1].used && !is_there(loading, keys[2].key)) {
        config_complain(loading, keys[1].key, "is given without key_file, expected both or neither");
    } else if (keys[1].used && !keys[2].used && config_is_right(loading, keys[2].key)) {
        config_complain(loading, keys[2].key, "is empty, expected the key of cert_file");
    }
    if (keys[2].used && !keys[1].used && config_is_right(loading, keys[1].key)) {
        config_complain(loading, keys[2].key, "is given without cert_file, expected both or neither");
    }
}

static void check_api_tls(struct config_loading *loading)
{
    if (loading->config->api.tls_ca_file[0] != '\0' &&
        strncasecmp(loading->config->api.base_url, "http://", strlen("http://")) == 0) {
        config_complain(loading, "api.tls.ca_file",
                        "is of no use as api.base_url begins with http://, expected https:// there");
    }
}

// MQTT 3.1.1 section 3.1.2.9: without a user name there must be no password. "auto" may come down to 3.1.1.
static void check_password(struct config_loading *loading)
{
    const struct config_broker *broker = &loading->config->broker;
    if (broker->password_file[0] != '\0' && broker->username[0] == '\0' && broker->protocol != CONFIG_PROTOCOL_5 &&
        config_is_right(loading, "broker.username")) {
        config_complain(loading, "broker.password_file",
                        "is given without username, expected both (only protocol \"5\" has passwords alone)");
    }
}

static void check_bridge_topic(struct config_loading *loading)
{
    // The complaint goes to one of the two that is in the file.
    const char *key = is_there(loading, "broker.bridge_topic") ? "broker.bridge_topic" : "broker.client_id";
    const char *topic = loading->config->broker.bridge_topic;
    if (!config_is_right(loading, "broker.bridge_topic") || !config_is_right(loading, "broker.client_id")) {
        return;
    }
    struct bytes longest;
    bytes_init(&longest, (size_t)2 * TOPIC_MAX_BYTES);
    bytes_add_text(&longest, topic);
    bytes_add_text(&longest, "/deadletter");
    if (strpbrk(topic, "{}") != NULL) {
        config_complain(loading, key, "has a placeholder that is not known here, expected none but {client_id}");
    } else if (!topic_name_valid(bytes_span(&longest))) {
        config_complain(loading, key,
                        "gives the bridge's topic \"%.80s\", expected a topic without + and #, of at most %d bytes",
                        topic, TOPIC_MAX_BYTES);
    }
    bytes_free(&longest);
}

bool config_listens_to_others(const struct config *config)
{
    struct config_address address;
    if (config->http_listen[0] == '\0' || strncmp(config->http_listen, "unix:", strlen("unix:")) == 0) {
        return false;
    }
    char url[CONFIG_TEXT_MAX_BYTES + 16] = "http://";
    strncat(url, config->http_listen, CONFIG_TEXT_MAX_BYTES);
    return !config_address_parse(url, &address) || !config_address_is_loopback(address.host);
}

// What the pages show is nobody's business on the network.
static void check_listen(struct config_loading *loading)
{
    if (config_is_right(loading, "http.listen") && config_is_right(loading, "http.token_file") &&
        config_listens_to_others(loading->config) && loading->config->http_token_file[0] == '\0') {
        config_complain(loading, "http.listen",
                        "can be reached from other machines, expected http.token_file too, or a loopback address");
    }
}

static void check_job(struct config_loading *loading, size_t index)
{
    const struct config_job *job = &loading->config->jobs[index];
    char key[CONFIG_KEY_MAX_BYTES];
    config_member(key, "jobs", index, "name");
    if (job->name[0] == '\0' && is_there(loading, key) && config_is_right(loading, key)) {
        config_complain(loading, key, "is empty, expected a name");
    }
    for (size_t i = 0; i < index && job->name[0] != '\0'; i++) {
        if (strcmp(loading->config->jobs[i].name, job->name) == 0) {
            config_complain(loading, key, "is \"%s\" like jobs[%zu].name, expected another name", job->name, i);
            break;
        }
    }
    if (job->overlap != CONFIG_OVERLAP_PARALLEL && !job->follow) {
        config_complain(loading, config_member(key, "jobs", index, "overlap"),
                        "needs to know when a run ends, expected follow = true or overlap = \"parallel\"");
    }
}

void config_check(struct config_loading *loading)
{
    check_orders(loading);
    check_token(loading);
    check_broker_tls(loading);
    check_api_tls(loading);
    check_password(loading);
    check_bridge_topic(loading);
    check_listen(loading);
    for (size_t i = 0; i < loading->config->job_count; i++) {
        check_job(loading, i);
    }
}
