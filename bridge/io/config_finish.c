// SPDX-License-Identifier: Apache-2.0
// What the reader adds to the file's own words, so that nobody later has to: the client id in bridge_topic, a route's
// fixed job and action in its templates, and the reply topics that follow from `replies`. Must never complain.
#include "io/config_loading.h"
#include "io/config_rule.h"
#include <string.h>

#define EXPANDED_MAX_BYTES ((size_t)2 * CONFIG_CONTEXT_MAX_BYTES)

// The text with every placeholder replaced; the text itself when there is none.
static const char *put_in(struct config_loading *loading, const char *text, const char *placeholder, const char *value)
{
    const char *found = strstr(text, placeholder);
    if (found == NULL) {
        return text;
    }
    struct bytes out;
    bytes_init(&out, EXPANDED_MAX_BYTES);
    const char *from = text;
    for (; found != NULL; found = strstr(from, placeholder)) {
        bytes_add(&out, from, (size_t)(found - from));
        bytes_add_text(&out, value);
        from = found + strlen(placeholder);
    }
    bytes_add_text(&out, from);
    // A text that grows beyond all bounds keeps its placeholder, and the check of templates names it.
    const char *kept = bytes_ok(&out) ? config_keep(loading, bytes_span(&out)) : text;
    bytes_free(&out);
    return kept;
}

static const char *below(struct config_loading *loading, const char *topic, const char *kind)
{
    struct bytes out;
    bytes_init(&out, EXPANDED_MAX_BYTES);
    bytes_add_text(&out, topic);
    bytes_add_text(&out, kind);
    const char *kept = config_keep(loading, bytes_span(&out));
    bytes_free(&out);
    return kept;
}

// A placeholder that the filter captures has its value from the topic and stays.
static void put_fixed(struct config_loading *loading, struct config_route *route, const char *placeholder,
                      const char *value)
{
    const char **templates[] = {&route->replies, &route->accepted, &route->rejected,
                                &route->status,  &route->log,      &route->context};
    if (value[0] == '\0' || strstr(route->filter, placeholder) != NULL) {
        return;
    }
    for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++) {
        *templates[i] = put_in(loading, *templates[i], placeholder, value);
    }
}

static void finish_route(struct config_loading *loading, struct config_route *route)
{
    put_fixed(loading, route, "{job}", route->job);
    put_fixed(loading, route, "{action}", route->action);
    struct {
        const char **topic;
        const char *kind;
    } kinds[] = {{&route->accepted, "/accepted"},
                 {&route->rejected, "/rejected"},
                 {&route->status, "/status"},
                 {&route->log, "/log"}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if ((*kinds[i].topic)[0] == '\0') {
            *kinds[i].topic = below(loading, route->replies, kinds[i].kind);
        }
    }
}

void config_finish(struct config_loading *loading)
{
    struct config *config = loading->config;
    config->broker.bridge_topic = put_in(loading, config->broker.bridge_topic, "{client_id}", config->broker.client_id);
    struct span url = span_of(config->api.base_url);
    while (url.len > 0 && url.at[url.len - 1] == '/') {
        url.len--;
    }
    config->api.base_url = config_keep(loading, url);
    for (size_t i = 0; i < config->route_count; i++) {
        finish_route(loading, &config->routes[i]);
    }
}
