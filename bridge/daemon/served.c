// SPDX-License-Identifier: Apache-2.0
// See served.h. No policy. The main thread.
#include "daemon/served.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill_facts(struct served *served, struct watch_facts *facts)
{
    served->fill(served->context, facts);
    facts->watchers = served->web ? web_readers(served->web) : 0;
    facts->watchers_dropped = served->web ? web_dropped(served->web) : 0;
}

static bool render(void *context, enum web_page page, struct bytes *out)
{
    struct served *served = context;
    struct watch_facts facts;
    bool ready = true;
    fill_facts(served, &facts);
    switch (page) {
    case WEB_METRICS:
        watch_metrics(&served->watch, &facts, out);
        break;
    case WEB_READY:
        ready = watch_ready(&served->watch, &facts, out);
        bytes_add_text(out, ready ? "ready\n" : "\n");
        break;
    case WEB_STATUS:
        watch_status(&served->watch, &facts, true, out);
        break;
    }
    return ready;
}

static void tell(void *context, const char *name, struct span json)
{
    struct served *served = context;
    web_event(served->web, name, json);
}

void served_init(struct served *served, struct flow *flow, void (*fill)(void *context, struct watch_facts *facts),
                 void *context)
{
    *served = (struct served){.fill = fill, .context = context};
    watch_init(&served->watch, flow, tell, served);
}

void served_start(struct served *served, char *reason, size_t reason_bytes)
{
    const struct config *config = served->watch.flow->config;
    struct web_settings settings = {
        .listen = config->http_listen, .clock = served->watch.flow->clock, .render = render, .context = served};
    struct bytes token;
    const char *why = NULL;
    char *detail = NULL;
    served_stop(served);
    bytes_init(&token, CONFIG_SECRET_MAX_BYTES);
    if (config->http_token_file[0]) {
        config_secret(config->http_token_file, "", &token, &why);
        settings.token = bytes_span(&token);
    }
    if (!why && config->http_listen[0] && web_open(&settings, &served->web, &detail) != STATUS_OK) {
        why = detail ? detail : status_text(STATUS_NO_MEMORY);
    }
    reason[0] = '\0';
    if (why) {
        snprintf(reason, reason_bytes, "nothing is served on http.listen: %s", why);
        LOG_ERROR("pages cannot be served", LOG_TEXT("listen", config->http_listen), LOG_TEXT("why", why));
    }
    free(detail);
    if (token.data) {
        explicit_bzero(token.data, token.len);
    }
    bytes_free(&token);
}

void served_stop(struct served *served)
{
    web_close(served->web);
    served->web = NULL;
}

int served_fd(const struct served *served)
{
    return web_fd(served->web);
}

int64_t served_turn(struct served *served)
{
    if (!served->web) {
        return FLOW_TICK_MS;
    }
    if (web_watched(served->web)) {
        struct watch_facts facts;
        fill_facts(served, &facts);
        watch_turn(&served->watch, &facts);
    }
    int64_t wait_ms = web_turn(served->web);
    return wait_ms < 0 ? FLOW_TICK_MS : wait_ms;
}

void served_committed(struct served *served, const struct store_change *change)
{
    if (served->web && web_watched(served->web)) {
        watch_committed(&served->watch, change);
    }
}
