// SPDX-License-Identifier: Apache-2.0
// The broker: whether it is there, proves who it is, takes the login, and grants what the routes subscribe to. The
// subscriptions are the plain filters even where the bridge shares them in a group: a member of the group would take
// commands away. What arrives is not looked at. Main thread.
#include "base/memory.h"
#include "cli/cli_link.h"
#include "cli/cli_parse.h"
#include "cli/cli_probe.h"
#include "io/http.h"
#include "rules/topic.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void skip_rest(struct cli_probe *probe, bool tls_too)
{
    static const char why[] = "not tried: see above";
    if (tls_too) {
        cli_probe_row(probe, "broker TLS", CLI_SKIPPED, "", why);
    }
    cli_probe_row(probe, "broker login", CLI_SKIPPED, "", why);
    cli_probe_row(probe, "subscriptions", CLI_SKIPPED, "", why);
}

// true: it can go on.
static bool probe_reach(struct cli_probe *probe, const char *url)
{
    const struct config_broker *broker = &cli_probe_config(probe)->broker;
    char why[CLI_PROBE_TEXT_BYTES];
    struct http_reach_settings settings = {.url = url,
                                           .ca_file = broker->tls_ca_file,
                                           .cert_file = broker->tls_cert_file,
                                           .key_file = broker->tls_key_file,
                                           .verify = broker->tls_verify,
                                           .timeout_ms = CLI_PROBE_CONNECT_MS};
    enum http_reach reach = http_reach(&settings, why, sizeof why);
    if (reach == HTTP_REACH_NO_HOST || reach == HTTP_REACH_NO_CONNECTION) {
        cli_probe_row(probe, "broker reach", CLI_BAD,
                      reach == HTTP_REACH_NO_HOST ? "broker.uri: is the name right? does this machine have DNS?"
                                                  : "broker.uri: are host and port right? does the broker run, does a "
                                                    "firewall let it through?",
                      "%s: %s", broker->uri, why);
        skip_rest(probe, true);
        return false;
    }
    cli_probe_row(probe, "broker reach", CLI_OK, "", "%s", broker->uri);
    if (strncmp(url, "https", 5) != 0) {
        cli_probe_row(probe, "broker TLS", CLI_SKIPPED, "", "not used (tcp:// or ws://)");
    } else if (reach == HTTP_REACH_NO_TLS) {
        cli_probe_row(probe, "broker TLS", CLI_BAD,
                      "broker.tls.ca_file: the certificates that sign the broker's; cert_file and key_file where it "
                      "wants to see ours; does the port speak TLS at all?",
                      "%s", why);
        skip_rest(probe, false);
        return false;
    } else {
        cli_probe_row(probe, "broker TLS", CLI_OK, "",
                      broker->tls_verify ? "the broker's certificate is good" : "works, but broker.tls.verify is off");
    }
    return true;
}

static const char *login_remedy(const char *reason)
{
    static const struct {
        const char *word;
        const char *remedy;
    } remedies[] = {
        {"user name", "broker.username and broker.password_file: are they what the broker knows?"},
        {"authori", "broker.username and broker.password_file: are they right, and may this user connect?"},
        {"identifier", "the broker prescribes client ids: name one with --client-id, but not the running bridge's"},
        {"client id", "the broker prescribes client ids: name one with --client-id, but not the running bridge's"},
        {"rotocol", "broker.protocol: \"auto\" lets the broker choose"},
        {"anned", "the broker has banned us: wait, and mind broker.publish_rate"},
    };
    for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++) {
        if (strstr(reason, remedies[i].word)) {
            return remedies[i].remedy;
        }
    }
    return "is there an MQTT broker at that port? its log may say more";
}

static void probe_filters(struct cli_probe *probe, struct cli_link *link)
{
    const struct config *config = cli_probe_config(probe);
    for (size_t i = 0; i < config->route_count; i++) {
        const struct config_route *route = &config->routes[i];
        char check[64];
        (void)snprintf(check, sizeof check, "route %s", route->name);
        bool granted = mqtt_granted(link->mqtt, i);
        cli_probe_row(probe, check, granted ? CLI_OK : CLI_BAD,
                      granted ? "" : "let this user subscribe to it in the broker's access rules",
                      granted ? "the broker grants %s" : "the broker refuses %s", route->filter);
    }
}

static void probe_login(struct cli_probe *probe, const char *const *filters)
{
    const struct config *config = cli_probe_config(probe);
    char id[CLI_LINK_ID_BYTES];
    const char *client_id = cli_probe_client_id(probe);
    const char *why = "";
    struct cli_link link;
    cli_link_id(config->broker.client_id, "probe", id);
    client_id = client_id ? client_id : id;
    if (cli_link_open(&link, config, client_id, filters, config->route_count, &why) != STATUS_OK) {
        cli_probe_row(probe, "broker login", CLI_BAD, "broker.password_file: see to the file", "%s", why);
        cli_probe_row(probe, "subscriptions", CLI_SKIPPED, "", "not tried: see above");
    } else if (cli_link_connect(&link, clock_now_ms(&link.clock) + CLI_LINK_CONNECT_MS)) {
        cli_probe_row(probe, "broker login", CLI_OK, "", "as %s (client id %s)",
                      config->broker.username[0] ? config->broker.username : "nobody in particular", client_id);
        probe_filters(probe, &link);
    } else {
        cli_probe_row(probe, "broker login", CLI_BAD, login_remedy(link.reason), "%s (client id %s)", link.reason,
                      client_id);
        cli_probe_row(probe, "subscriptions", CLI_SKIPPED, "", "not tried: see above");
    }
    cli_link_close(&link);
}

void cli_probe_broker(struct cli_probe *probe)
{
    const struct config *config = cli_probe_config(probe);
    struct bytes url;
    bytes_init(&url, HTTP_URL_MAX_BYTES);
    memory_check(cli_broker_url(config->broker.uri, &url) == STATUS_OK); // config_rule_broker_uri has seen it
    if (probe_reach(probe, bytes_text(&url))) {
        char **filters = memory_must(calloc(config->route_count, sizeof *filters));
        for (size_t i = 0; i < config->route_count; i++) {
            struct bytes filter;
            bytes_init(&filter, (size_t)TOPIC_MAX_BYTES * 2);
            topic_pattern_to_filter(span_of(config->routes[i].filter), &filter);
            filters[i] = memory_must(span_dup(bytes_span(&filter)));
            bytes_free(&filter);
        }
        probe_login(probe, (const char *const *)filters);
        for (size_t i = 0; i < config->route_count; i++) {
            free(filters[i]);
        }
        free(filters);
    }
    bytes_free(&url);
}
