// SPDX-License-Identifier: Apache-2.0
// See reload.h. Must never miss a key of the broker: what is not compared here is not taken over before a restart.
// Pure.
#include "daemon/reload.h"
#include <string.h>

bool reload_changes_broker(const struct config *a, const struct config *b)
{
    if (strcmp(a->broker.uri, b->broker.uri) != 0 || strcmp(a->broker.client_id, b->broker.client_id) != 0 ||
        strcmp(a->broker.username, b->broker.username) != 0 ||
        strcmp(a->broker.password_file, b->broker.password_file) != 0 || a->broker.protocol != b->broker.protocol ||
        a->broker.keepalive_s != b->broker.keepalive_s || a->broker.receive_max != b->broker.receive_max ||
        a->broker.clean_start != b->broker.clean_start || a->broker.session_expiry_s != b->broker.session_expiry_s ||
        a->broker.retain != b->broker.retain || a->broker.reconnect_min_ms != b->broker.reconnect_min_ms ||
        a->broker.reconnect_max_ms != b->broker.reconnect_max_ms ||
        strcmp(a->broker.share_group, b->broker.share_group) != 0 ||
        strcmp(a->broker.tls_ca_file, b->broker.tls_ca_file) != 0 ||
        strcmp(a->broker.tls_cert_file, b->broker.tls_cert_file) != 0 ||
        strcmp(a->broker.tls_key_file, b->broker.tls_key_file) != 0 || a->broker.tls_verify != b->broker.tls_verify ||
        strcmp(a->broker.bridge_topic, b->broker.bridge_topic) != 0 || a->route_count != b->route_count) {
        return true;
    }
    for (size_t i = 0; i < a->route_count; i++) {
        if (strcmp(a->routes[i].filter, b->routes[i].filter) != 0) {
            return true;
        }
    }
    return false;
}
