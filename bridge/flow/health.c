// SPDX-License-Identifier: Apache-2.0
// See health.h. Must never tell a secret: reasons are texts of ours, of curl, of SQLite and of the API's errors.
#include "flow/health.h"
#include "base/log.h"
#include "rules/reply.h"
#include <stdio.h>
#include <string.h>

void health_init(struct health *health, struct flow *flow)
{
    *health = (struct health){.flow = flow, .since_ms = clock_wall_ms(flow->clock)};
}

const char *health_reason(const struct health *health)
{
    for (int i = 0; i < HEALTH_TROUBLE_COUNT; i++) {
        if (health->troubles[i][0]) {
            return health->troubles[i];
        }
    }
    return "";
}

void health_set(struct health *health, enum health_trouble trouble, const char *reason)
{
    bool was_well = health_reason(health)[0] == '\0';
    char text[HEALTH_REASON_BYTES];
    snprintf(text, sizeof text, "%s", reason ? reason : "");
    if (strcmp(health->troubles[trouble], text) == 0) {
        return;
    }
    memcpy(health->troubles[trouble], text, strlen(text) + 1);
    health->changes++;
    bool is_well = health_reason(health)[0] == '\0';
    if (was_well != is_well) {
        health->since_ms = health->flow->wall_ms;
        if (is_well) {
            LOG_INFO("bridge is well again");
        } else {
            LOG_WARNING("bridge is degraded", LOG_TEXT("reason", health_reason(health)));
        }
    }
}

void health_connected(struct health *health)
{
    health->online_told = false;
}

static int64_t pending(const struct health *health)
{
    struct store_counts counts;
    store_counts(health->flow->store, &counts);
    return counts.open;
}

bool health_next(struct health *health, struct bytes *payload)
{
    const char *reason = health_reason(health);
    int64_t count = pending(health);
    bool changed = !health->online_told || strcmp(reason, health->told) != 0;
    bool stale = count != health->told_pending && health->flow->now_ms - health->told_at_ms >= HEALTH_REPEAT_MS;
    if (!changed && !stale) {
        return false;
    }
    health->told_pending = count;
    reply_bridge(payload, span_of(reason[0] ? "degraded" : "online"), span_of(reason), health->since_ms, count);
    return bytes_ok(payload);
}

void health_told(struct health *health)
{
    snprintf(health->told, sizeof health->told, "%s", health_reason(health));
    health->online_told = true;
    health->told_at_ms = health->flow->now_ms;
}

void health_offline(const struct health *health, const char *reason, struct bytes *payload)
{
    reply_bridge(payload, SPAN("offline"), span_of(reason), clock_wall_ms(health->flow->clock), pending(health));
}

void health_will(const struct clock *clock, const char *failure, struct bytes *payload)
{
    if (failure[0]) {
        char reason[HEALTH_REASON_BYTES];
        snprintf(reason, sizeof reason, HEALTH_JOURNAL_TEXT "%s", failure);
        reply_bridge(payload, SPAN("degraded"), span_of(reason), clock_wall_ms(clock), -1);
    } else {
        reply_bridge(payload, SPAN("offline"), SPAN("connection lost"), clock_wall_ms(clock), -1);
    }
}
