// SPDX-License-Identifier: Apache-2.0
// io/config: the defaults, and each key within and beyond its range.
#include "config_fixture.h"

static void test_defaults_broker(void **state)
{
    (void)state;
    write_pieces(&(struct pieces){0});
    struct config *config = load_right();
    const struct config_broker *broker = &config->broker;
    assert_string_equal(broker->uri, "tcp://127.0.0.1:1883");
    assert_string_equal(broker->client_id, "jobbridge");
    assert_string_equal(broker->username, "");
    assert_string_equal(broker->password_file, "");
    assert_int_equal(broker->protocol, CONFIG_PROTOCOL_AUTO);
    assert_int_equal(broker->keepalive_s, 30);
    assert_int_equal(broker->receive_max, 20);
    assert_false(broker->clean_start);
    assert_int_equal(broker->session_expiry_s, 604800);
    assert_true(broker->retain);
    assert_int_equal(broker->reconnect_min_ms, 1000);
    assert_int_equal(broker->reconnect_max_ms, 60000);
    assert_string_equal(broker->share_group, "");
    assert_int_equal(broker->rate_per_topic.count, 0);
    assert_int_equal(broker->rate_per_client.count, 0);
    assert_string_equal(broker->tls_ca_file, "");
    assert_string_equal(broker->tls_cert_file, "");
    assert_string_equal(broker->tls_key_file, "");
    assert_true(broker->tls_verify);
    assert_string_equal(broker->bridge_topic, "bridges/jobbridge");
    config_free(config);
}

static void test_defaults_others(void **state)
{
    (void)state;
    write_pieces(&(struct pieces){0});
    struct config *config = load_right();
    assert_string_equal(config->api.base_url, "https://api.losant.com");
    assert_string_equal(config->api.token_file, path_of("token"));
    assert_string_equal(config->api.token_env, "");
    assert_int_equal(config->api.connect_timeout_ms, 10000);
    assert_int_equal(config->api.request_timeout_ms, 30000);
    assert_int_equal(config->api.max_in_flight, 32);
    assert_int_equal(config->api.rate.count, 0);
    assert_int_equal(config->api.retry_base_ms, 500);
    assert_int_equal(config->api.retry_max_ms, 60000);
    assert_int_equal(config->api.policy, CONFIG_POLICY_RECONCILE);
    assert_string_equal(config->api.marker, "_jobbridge");
    assert_int_equal(config->api.settle_ms, 5000);
    assert_int_equal(config->api.checks, 3);
    assert_string_equal(config->api.tls_ca_file, "");
    assert_string_equal(config->journal.path, "/var/lib/jobbridge/journal.db");
    assert_int_equal(config->journal.durability, CONFIG_DURABILITY_POWER);
    assert_int_equal(config->journal.max_commands, 1000000);
    assert_int_equal(config->journal.max_dead, 1000);
    assert_int_equal(config->journal.keep_done_s, 86400);
    assert_int_equal(config->follow.interval_ms, 5000);
    assert_int_equal(config->follow.max_interval_ms, 30000);
    assert_int_equal(config->follow.timeout_s, 86400);
    assert_string_equal(config->http_listen, "127.0.0.1:9464");
    assert_int_equal(config->log_level, LOG_LEVEL_INFO);
    assert_int_equal(config->log_format, LOG_FORMAT_LOGFMT);
    config_free(config);
}

static void test_defaults_job_and_route(void **state)
{
    (void)state;
    static const bool actions[ACTION_COUNT] = {[ACTION_EXECUTE] = true,
                                               [ACTION_CANCEL_EXECUTION] = true,
                                               [ACTION_GET] = true,
                                               [ACTION_LOGS] = true,
                                               [ACTION_STATUS] = true};
    write_pieces(&(struct pieces){0});
    struct config *config = load_right();
    assert_int_equal(config->job_count, 1);
    const struct config_job *job = config_job(config, SPAN("recalibrate"));
    assert_ptr_equal(job, &config->jobs[0]);
    assert_null(config_job(config, SPAN("recalibrat")));
    assert_string_equal(job->application_id, "575ec8687ae143cd83dc4a97");
    assert_string_equal(job->resource_job_id, "6328C6c026517badf9142116");
    assert_memory_equal(job->actions, actions, sizeof actions);
    assert_int_equal(job->ttl_s, 3600);
    assert_true(job->follow);
    assert_false(job->watch);
    assert_int_equal(job->overlap, CONFIG_OVERLAP_PARALLEL);
    assert_int_equal(config->route_count, 1);
    const struct config_route *route = &config->routes[0];
    assert_string_equal(route->name, "devices");
    assert_string_equal(route->job, "");
    assert_string_equal(route->action, "");
    assert_string_equal(route->context, "");
    assert_string_equal(route->accepted, "devices/{device}/jobs/{job}/accepted");
    assert_string_equal(route->rejected, "devices/{device}/jobs/{job}/rejected");
    assert_string_equal(route->status, "devices/{device}/jobs/{job}/status");
    assert_string_equal(route->log, "devices/{device}/jobs/{job}/log");
    assert_string_equal(route->response_topics, "");
    config_free(config);
}

static void test_given_values(void **state)
{
    (void)state;
    write_pieces(&(struct pieces){
        .broker_2 = "uri = \"wss://[::1]/mqtt\"; client_id = \"gw-7\"; protocol = \"3.1.1\"; clean_start = true; "
                    "session_expiry_s = 4294967295; retain = false; publish_rate = { per_topic = \"30/15s\"; }; "
                    "tls = { verify = false; ca_file = \"ca.pem\"; };",
        .api_4 = "token_env = \"TOKEN\"; base_url = \"http://127.8.9.1:80/api/\"; reconcile = { policy = \"fail\"; "
                 "marker = \"\"; settle_ms = 0x10; };",
        .top_6 = "http = { listen = \"\"; }; log = { level = \"debug\"; format = \"json\"; };",
        .job_8 = "actions = (\"delete\"); overlap = \"cancel-previous\";",
        .route_10 = "filter = \"p/{line}/+/x/#\"; job = \"recalibrate\"; action = \"delete\"; replies = "
                    "\"out/{line}/{job}/{action}\"; accepted = \"acc/{job}/{requestId}\"; response_topics = "
                    "\"clients/#\";"});
    struct config *config = load_right();
    assert_int_equal(config->broker.protocol, CONFIG_PROTOCOL_311);
    assert_true(config->broker.clean_start);
    assert_int_equal(config->broker.session_expiry_s, 4294967295);
    assert_false(config->broker.retain);
    assert_int_equal(config->broker.rate_per_topic.count, 30);
    assert_int_equal(config->broker.rate_per_topic.window_ms, 15000);
    assert_string_equal(config->broker.tls_ca_file, path_of("ca.pem"));
    assert_string_equal(config->broker.bridge_topic, "bridges/gw-7");
    assert_string_equal(config->api.base_url, "http://127.8.9.1:80/api");
    assert_string_equal(config->api.marker, "");
    assert_int_equal(config->api.settle_ms, 16);
    assert_int_equal(config->api.policy, CONFIG_POLICY_FAIL);
    assert_string_equal(config->http_listen, "");
    assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(config->log_format, LOG_FORMAT_JSON);
    assert_true(config->jobs[0].actions[ACTION_DELETE]);
    assert_true(config->jobs[0].actions[ACTION_STATUS]);
    assert_false(config->jobs[0].actions[ACTION_EXECUTE]);
    assert_int_equal(config->jobs[0].overlap, CONFIG_OVERLAP_CANCEL_PREVIOUS);
    assert_string_equal(config->routes[0].replies, "out/{line}/recalibrate/delete");
    assert_string_equal(config->routes[0].accepted, "acc/recalibrate/{requestId}");
    assert_string_equal(config->routes[0].log, "out/{line}/recalibrate/delete/log");
    config_free(config);
}

// What else must stand in the file so that the value of a key contradicts no other key.
static const char *companion(const char *path)
{
    static const char *const companions[][2] = {
        {"broker.reconnect_min_ms", "reconnect_max_ms = 3600000;"},
        {"broker.reconnect_max_ms", "reconnect_min_ms = 10;"},
        {"api.retry.base_ms", "max_ms = 86400000;"},
        {"api.retry.max_ms", "base_ms = 1;"},
        {"follow.interval_ms", "max_interval_ms = 3600000;"},
        {"follow.max_interval_ms", "interval_ms = 10;"},
    };
    for (size_t i = 0; i < sizeof companions / sizeof companions[0]; i++) {
        if (strcmp(companions[i][0], path) == 0) {
            return companions[i][1];
        }
    }
    return "";
}

// A configuration in which the key has this value; returns the key as problems name it, and its line.
static const char *write_key(const struct config_key *key, const char *value, int *line)
{
    static char shown[PATH_BYTES];
    char member[TEXT_BYTES / 4];
    char whole[TEXT_BYTES / 2];
    const char *rest = strchr(key->path, '.') + 1;
    const char *dot = strchr(rest, '.');
    struct pieces pieces = {0};
    (void)snprintf(shown, sizeof shown, "%s", key->path);
    if (dot != NULL) {
        (void)snprintf(member, sizeof member, "%.*s = { %s = %s; %s };", (int)(dot - rest), rest, dot + 1, value,
                       companion(key->path));
    } else {
        (void)snprintf(member, sizeof member, "%s = %s; %s", rest, value, companion(key->path));
    }
    if (strncmp(key->path, "broker.", 7) == 0) {
        (void)snprintf(whole, sizeof whole, "uri = \"ssl://b\"; %s", member);
        pieces.broker_2 = whole;
        *line = 2;
    } else if (strncmp(key->path, "api.", 4) == 0) {
        (void)snprintf(whole, sizeof whole, "token_file = \"token\"; %s", member);
        pieces.api_4 = whole;
        *line = 4;
    } else if (strncmp(key->path, "jobs[].", 7) == 0) {
        (void)snprintf(shown, sizeof shown, "jobs[0].%s", rest);
        pieces.job_8 = member;
        *line = 8;
    } else {
        (void)snprintf(whole, sizeof whole, "%.*s = { %s };", (int)(rest - 1 - key->path), key->path, member);
        pieces.top_6 = whole;
        *line = 6;
    }
    write_pieces(&pieces);
    return shown;
}

static void expect_key(const struct config_key *key, const char *value, bool right)
{
    int line = 0;
    const char *shown = write_key(key, value, &line);
    if (right) {
        config_free(load_right());
    } else {
        expect_one(line, shown, "expected ");
    }
}

static void test_every_range(void **state)
{
    (void)state;
    size_t tested = 0;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        char value[32];
        if (key->type != CONFIG_INT) {
            continue;
        }
        (void)snprintf(value, sizeof value, "%lld", (long long)key->min);
        expect_key(key, value, true);
        (void)snprintf(value, sizeof value, "%lld", (long long)key->max);
        expect_key(key, value, true);
        (void)snprintf(value, sizeof value, "%lld", (long long)key->min - 1);
        expect_key(key, value, false);
        (void)snprintf(value, sizeof value, "%lld", (long long)key->max + 1);
        expect_key(key, value, false);
        // libconfig 1.5 would keep the lower 32 bits of this, which are in the range
        (void)snprintf(value, sizeof value, "%lld", (1LL << 32) * 1000 + (long long)key->min);
        expect_key(key, value, false);
        expect_key(key, "99999999999999999999999", false);
        expect_key(key, "1.5", false);
        expect_key(key, "\"1\"", false);
        tested++;
    }
    assert_int_equal(tested, 19);
}

static void test_every_type(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        [CONFIG_TEXT] = "1", [CONFIG_PATH] = "true", [CONFIG_INT] = "true",       [CONFIG_BOOL] = "1",
        [CONFIG_ENUM] = "1", [CONFIG_RATE] = "15",   [CONFIG_ACTIONS] = "\"get\""};
    size_t tested = 0;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->required || strncmp(key->path, "routes", 6) == 0 || strcmp(key->path, "api.token_file") == 0) {
            continue;
        }
        expect_key(key, wrong[key->type], false);
        expect_key(key, "{ a = 1; }", false);
        if (key->type == CONFIG_ENUM) {
            expect_key(key, "\"nonsense\"", false);
            expect_key(key, "\"\"", false);
        }
        if (key->type == CONFIG_RATE) {
            expect_key(key, "\"30\"", false);
            expect_key(key, "\"300/15s\"", true);
        }
        tested++;
    }
    assert_true(tested > 40);
}

static void test_every_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        const char *rest = config_keys[i].type == CONFIG_ENUM ? config_keys[i].words : "";
        while (*rest != '\0') {
            char value[32];
            size_t len = strcspn(rest, "|");
            (void)snprintf(value, sizeof value, "\"%.*s\"", (int)len, rest);
            expect_key(&config_keys[i], value, true);
            rest += len + (rest[len] == '|' ? 1 : 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_broker),
        cmocka_unit_test(test_defaults_others),
        cmocka_unit_test(test_defaults_job_and_route),
        cmocka_unit_test(test_given_values),
        cmocka_unit_test(test_every_range),
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_every_word),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
