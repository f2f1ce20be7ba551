// SPDX-License-Identifier: Apache-2.0
// rules/discovery: topics and messages for Home Assistant, and ids that are never those of another job.
#include "rules/discovery.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cJSON.h>
#include <cmocka.h>
#include <string.h>

static struct discovery sample(const char *job)
{
    return (struct discovery){.prefix = SPAN("homeassistant"),
                              .client_id = SPAN("bridge-1"),
                              .job = span_of(job),
                              .command_topic = SPAN("d/ha/jobs/tune/cmd/execute"),
                              .status_topic = SPAN("d/ha/jobs/tune/status"),
                              .bridge_status = SPAN("bridges/bridge-1/status"),
                              .version = SPAN("1.2.3")};
}

static const char *topic_of(const char *job, enum discovery_kind kind)
{
    static char text[2][DISCOVERY_TEXT_MAX];
    static int turn;
    struct discovery discovery = sample(job);
    struct bytes out;
    turn = !turn;
    bytes_init(&out, DISCOVERY_TEXT_MAX);
    discovery_topic(&discovery, kind, &out);
    strncpy(text[turn], bytes_text(&out), DISCOVERY_TEXT_MAX - 1);
    bytes_free(&out);
    return text[turn];
}

static cJSON *payload_of(const char *job, enum discovery_kind kind)
{
    struct discovery discovery = sample(job);
    struct bytes out;
    bytes_init(&out, DISCOVERY_TEXT_MAX);
    discovery_payload(&discovery, kind, &out);
    cJSON *json = cJSON_Parse(bytes_text(&out));
    assert_non_null(json);
    bytes_free(&out);
    return json;
}

static void expect_text(const cJSON *json, const char *key, const char *value)
{
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, key)), value);
}

static void topics(void **state)
{
    (void)state;
    assert_string_equal(topic_of("tune", DISCOVERY_EXECUTE), "homeassistant/button/bridge-1/tune_execute/config");
    assert_string_equal(topic_of("tune", DISCOVERY_STATE), "homeassistant/sensor/bridge-1/tune_state/config");
    assert_string_equal(topic_of("tune", DISCOVERY_PROGRESS), "homeassistant/sensor/bridge-1/tune_progress/config");
}

static void names_that_are_no_ids_stay_apart(void **state)
{
    (void)state;
    assert_string_not_equal(topic_of("a b", DISCOVERY_STATE), topic_of("a_b", DISCOVERY_STATE));
    assert_string_not_equal(topic_of("a b", DISCOVERY_STATE), topic_of("a.b", DISCOVERY_STATE));
    assert_string_equal(topic_of("a b", DISCOVERY_STATE), topic_of("a b", DISCOVERY_STATE));
    for (const char *c = topic_of("\xc3\xa4 \"+#", DISCOVERY_STATE) + strlen("homeassistant/sensor/bridge-1/"); *c;
         c++) {
        assert_non_null(strchr("abcdefghijklmnopqrstuvwxyz0123456789_/", *c));
    }
}

static void a_button(void **state)
{
    (void)state;
    cJSON *json = payload_of("tune", DISCOVERY_EXECUTE);
    expect_text(json, "name", "tune");
    expect_text(json, "unique_id", "jobbridge_bridge-1_tune_execute");
    expect_text(json, "command_topic", "d/ha/jobs/tune/cmd/execute");
    expect_text(json, "payload_press", "{}");
    expect_text(json, "availability_topic", "bridges/bridge-1/status");
    assert_null(cJSON_GetObjectItem(json, "state_topic"));
    const cJSON *device = cJSON_GetObjectItem(json, "device");
    expect_text(device, "name", "bridge-1");
    expect_text(device, "sw_version", "1.2.3");
    cJSON_Delete(json);
}

static void sensors(void **state)
{
    (void)state;
    static const char *const templates[] = {
        [DISCOVERY_STATE] = "{{ value_json.state }}", [DISCOVERY_PROGRESS] = "{{ value_json.progress }}"};
    for (int kind = DISCOVERY_STATE; kind <= DISCOVERY_PROGRESS; kind++) {
        cJSON *json = payload_of("tune", (enum discovery_kind)kind);
        expect_text(json, "state_topic", "d/ha/jobs/tune/status");
        expect_text(json, "value_template", templates[kind]);
        assert_null(cJSON_GetObjectItem(json, "command_topic"));
        cJSON_Delete(json);
    }
}

static void names_are_quoted(void **state)
{
    (void)state;
    cJSON *json = payload_of("a \"b\" \\", DISCOVERY_STATE);
    expect_text(json, "name", "a \"b\" \\ state");
    cJSON_Delete(json);
}

static void the_birth_topic(void **state)
{
    struct bytes out;
    (void)state;
    bytes_init(&out, 64);
    discovery_birth_topic(SPAN("ha"), &out);
    assert_string_equal(bytes_text(&out), "ha/status");
    bytes_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics),           cmocka_unit_test(names_that_are_no_ids_stay_apart),
        cmocka_unit_test(a_button),         cmocka_unit_test(sensors),
        cmocka_unit_test(names_are_quoted), cmocka_unit_test(the_birth_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
