// SPDX-License-Identifier: Apache-2.0
// See discovery.h. Ids are what Home Assistant knows an entity by: they must stay the same for the same job. Pure.
#include "rules/discovery.h"
#include "base/digest.h"
#include "rules/json_write.h"
#include <inttypes.h>

// What is different between the kinds.
static const struct {
    const char *component;
    const char *suffix; // of ids
    const char *name;   // behind the job's
    const char *icon;
} kinds[DISCOVERY_KINDS] = {
    [DISCOVERY_EXECUTE] = {"button", "execute", "", "mdi:play"},
    [DISCOVERY_STATE] = {"sensor", "state", " state", "mdi:state-machine"},
    [DISCOVERY_PROGRESS] = {"sensor", "progress", " progress", "mdi:progress-clock"},
};

// An id may only have letters, digits, '_' and '-'. A name that has others gets its digest too, so that no two names
// become one id.
static void put_id(struct bytes *out, struct span name)
{
    bool changed = false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        bytes_add(out, fits ? &c : "_", 1);
        changed = changed || !fits;
    }
    if (changed) {
        bytes_add_format(out, "_%016" PRIx64, digest_of(name));
    }
}

void discovery_topic(const struct discovery *discovery, enum discovery_kind kind, struct bytes *out)
{
    bytes_add_span(out, discovery->prefix);
    bytes_add_format(out, "/%s/", kinds[kind].component);
    put_id(out, discovery->client_id);
    bytes_add_char(out, '/');
    put_id(out, discovery->job);
    bytes_add_format(out, "_%s/config", kinds[kind].suffix);
}

void discovery_birth_topic(struct span prefix, struct bytes *out)
{
    bytes_add_span(out, prefix);
    bytes_add_text(out, "/status");
}

static void put_unique_id(struct bytes *out, const struct discovery *discovery, enum discovery_kind kind)
{
    json_put_key(out, "unique_id");
    bytes_add_text(out, "\"jobbridge_");
    put_id(out, discovery->client_id);
    bytes_add_char(out, '_');
    put_id(out, discovery->job);
    bytes_add_format(out, "_%s\"", kinds[kind].suffix);
}

// degraded is at work all the same: what it is asked for waits.
static void put_availability(struct bytes *out, const struct discovery *discovery)
{
    json_put_member_text(out, "availability_topic", discovery->bridge_status);
    json_put_member_text(out, "availability_template",
                         SPAN("{{ 'offline' if value_json.state == 'offline' else 'online' }}"));
}

static void put_device(struct bytes *out, const struct discovery *discovery)
{
    json_put_key(out, "device");
    bytes_add_text(out, "{\"identifiers\":[\"jobbridge_");
    put_id(out, discovery->client_id);
    bytes_add_text(out, "\"]");
    json_put_member_text(out, "name", discovery->client_id);
    json_put_member_text(out, "manufacturer", SPAN("jobbridge"));
    json_put_member_text(out, "model", SPAN("Bridge to resource jobs"));
    json_put_member_text(out, "sw_version", discovery->version);
    bytes_add_char(out, '}');
    json_put_key(out, "origin");
    bytes_add_char(out, '{');
    json_put_member_text(out, "name", SPAN("jobbridge"));
    json_put_member_text(out, "sw_version", discovery->version);
    bytes_add_char(out, '}');
}

static void put_button(struct bytes *out, const struct discovery *discovery)
{
    json_put_member_text(out, "command_topic", discovery->command_topic);
    json_put_member_text(out, "payload_press", SPAN("{}"));
}

static void put_sensor(struct bytes *out, const struct discovery *discovery, enum discovery_kind kind)
{
    json_put_member_text(out, "state_topic", discovery->status_topic);
    if (kind == DISCOVERY_STATE) {
        json_put_member_text(out, "value_template", SPAN("{{ value_json.state }}"));
        json_put_member_text(out, "json_attributes_topic", discovery->status_topic);
    } else {
        // null, where it is not known, becomes "None", and that "unknown".
        json_put_member_text(out, "value_template", SPAN("{{ value_json.progress }}"));
        json_put_member_text(out, "unit_of_measurement", SPAN("%"));
        json_put_member_text(out, "state_class", SPAN("measurement"));
    }
}

void discovery_payload(const struct discovery *discovery, enum discovery_kind kind, struct bytes *out)
{
    bytes_add_char(out, '{');
    json_put_key(out, "name");
    bytes_add_char(out, '"');
    json_put_content(out, discovery->job);
    bytes_add_format(out, "%s\"", kinds[kind].name);
    put_unique_id(out, discovery, kind);
    json_put_member_text(out, "icon", span_of(kinds[kind].icon));
    if (kind == DISCOVERY_EXECUTE) {
        put_button(out, discovery);
    } else {
        put_sensor(out, discovery, kind);
    }
    json_put_member_int(out, "qos", 1);
    put_availability(out, discovery);
    put_device(out, discovery);
    bytes_add_char(out, '}');
}
