// SPDX-License-Identifier: Apache-2.0
// The configuration: each default, each range, each rule, each cross check, with the exact line that is named.
// Files are written into a folder of their own, which is removed at the end.
#include "io/config.h"
#include "io/config_schema.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH_BYTES 256
#define TEXT_BYTES 8192

static char folder[] = "/tmp/test_config.XXXXXX";
static const char *const file_names[] = {"main.conf", "inc.conf", "token", "empty", "pem"};
static char main_path[PATH_BYTES];

static const char *path_of(const char *name)
{
    static char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_bytes(const char *name, const char *text, size_t len)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void write_file(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

// The pieces of a configuration that is right without them; each stands on the line in its name.
struct pieces {
    const char *broker_2; // within broker
    const char *api_4;    // within api
    const char *top_6;    // on its own
    const char *job_8;    // within the one job
    const char *route_10; // within the one route
    const char *more_12;  // more routes, with a comma before each
};

static const char *text_or(const char *text, const char *fallback)
{
    return text != NULL ? text : fallback;
}

static void write_pieces(const struct pieces *pieces)
{
    char text[TEXT_BYTES];
    (void)snprintf(text, sizeof text,
                   "broker = {\n%s\n};\napi = {%s\n};\n%s\njobs = ( { name = \"recalibrate\";\n%s\n"
                   "application_id = \"575ec8687ae143cd83dc4a97\"; resource_job_id = \"6328C6c026517badf9142116\"; } );"
                   "routes = ( { name = \"devices\";\n%s\n}\n%s );\n",
                   text_or(pieces->broker_2, "uri = \"tcp://127.0.0.1:1883\";"),
                   text_or(pieces->api_4, "token_file = \"token\";"), text_or(pieces->top_6, ""),
                   text_or(pieces->job_8, ""),
                   text_or(pieces->route_10, "filter = \"devices/{device}/jobs/{job}/cmd/{action}\"; replies = "
                                             "\"devices/{device}/jobs/{job}\";"),
                   text_or(pieces->more_12, ""));
    write_file("main.conf", text);
}

static struct config *load_right(void)
{
    struct config *config = NULL;
    struct config_problems problems;
    enum status rc = config_load(main_path, &config, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        print_error("%d: %s: %s\n", problems.items[i].line, problems.items[i].key, problems.items[i].text);
    }
    assert_int_equal(problems.count, 0);
    assert_int_equal(rc, STATUS_OK);
    config_problems_free(&problems);
    return config;
}

// The file has exactly this one problem.
static void expect_one(int line, const char *key, const char *part)
{
    struct config *config = NULL;
    struct config_problems problems;
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_INVALID);
    assert_null(config);
    for (size_t i = 0; i < problems.count; i++) {
        const struct config_problem *problem = &problems.items[i];
        if (problems.count > 1 || problem->line != line || strcmp(problem->key, key) != 0 ||
            strstr(problem->text, part) == NULL) {
            print_error("got      %d: %s: %s\nexpected %d: %s: %s\n", problem->line, problem->key, problem->text, line,
                        key, part);
        }
    }
    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.left_out, 0);
    assert_int_equal(problems.items[0].line, line);
    assert_string_equal(problems.items[0].file, main_path);
    assert_string_equal(problems.items[0].key, key);
    assert_non_null(strstr(problems.items[0].text, part));
    config_problems_free(&problems);
}

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
    assert_int_equal(broker->receive_max, 1);
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
    assert_int_equal(tested, 17);
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

struct bad {
    struct pieces pieces;
    int line;
    const char *key;
    const char *part; // NULL: it is right after all
};

static void expect_all(const struct bad *bads, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        write_pieces(&bads[i].pieces);
        if (bads[i].part == NULL) {
            config_free(load_right());
        } else {
            expect_one(bads[i].line, bads[i].key, bads[i].part);
        }
    }
}

#define BROKER(text)                                                                                                   \
    {                                                                                                                  \
        .broker_2 = "uri = \"tcp://b\"; " text                                                                         \
    }
#define URI(text)                                                                                                      \
    {                                                                                                                  \
        .broker_2 = "uri = \"" text "\";"                                                                              \
    }
#define API(text)                                                                                                      \
    {                                                                                                                  \
        .api_4 = "token_file = \"token\"; " text                                                                       \
    }
#define ROUTE(text)                                                                                                    \
    {                                                                                                                  \
        .route_10 = (text)                                                                                             \
    }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_broker_rules(void **state)
{
    (void)state;
    static const struct bad bads[] = {
        {URI("mqtt://b"), 2, "broker.uri", "tcp://"},
        {URI("b:1883"), 2, "broker.uri", "tcp://"},
        {URI("https://b"), 2, "broker.uri", "tcp://"},
        {URI("tcp://"), 2, "broker.uri", "tcp://"},
        {URI("tcp://b:"), 2, "broker.uri", "tcp://"},
        {URI("tcp://b:0"), 2, "broker.uri", "tcp://"},
        {URI("tcp://b:65536"), 2, "broker.uri", "tcp://"},
        {URI("tcp://b:1a"), 2, "broker.uri", "tcp://"},
        {URI("tcp://b b"), 2, "broker.uri", "tcp://"},
        {URI("tcp://[::1:1883"), 2, "broker.uri", "tcp://"},
        {URI("tcp://b/path"), 2, "broker.uri", "path"},
        {URI("ssl://user:secret@b"), 2, "broker.uri", "password_file"},
        {URI("ssl://user@b"), 2, "broker.uri", "password_file"},
        {URI("tcp://b:65535"), 0, NULL, NULL},
        {URI("SSL://[fe80::1%eth0]:1"), 0, NULL, NULL},
        {URI("ws://b:80/mqtt?x=1"), 0, NULL, NULL},
        {BROKER("client_id = \"\";"), 2, "broker.client_id", "1 to 128"},
        {BROKER("client_id = \"a\\x07\";"), 2, "broker.client_id", "control"},
        {BROKER("client_id = \"a#\";"), 2, "broker.client_id", "a#"},
        {BROKER("client_id = \"longer-than-twenty-three-bytes-as-a-uuid-is\";"), 0, NULL, NULL},
        {BROKER("username = \"\xff\";"), 2, "broker.username", "UTF-8"},
        {BROKER("share_group = \"a/b\";"), 2, "broker.share_group", "without / +"},
        {BROKER("share_group = \"g\";"), 0, NULL, NULL},
        {BROKER("bridge_topic = \"\";"), 2, "broker.bridge_topic", "empty"},
        {BROKER("bridge_topic = \"b/{name}\";"), 2, "broker.bridge_topic", "{client_id}"},
        {BROKER("bridge_topic = \"b/+\";"), 2, "broker.bridge_topic", "without + and #"},
        {BROKER("bridge_topic = \"{client_id}/{client_id}\";"), 0, NULL, NULL},
        {BROKER("reconnect_min_ms = 5000;\nreconnect_max_ms = 4999;"), 3, "broker.reconnect_max_ms", "which is 5000"},
        {BROKER("reconnect_min_ms = 60001;"), 2, "broker.reconnect_min_ms", "which is 60000"},
        {BROKER("reconnect_min_ms = 5000; reconnect_max_ms = 5000;"), 0, NULL, NULL},
        {BROKER("password_file = \"token\";"), 2, "broker.password_file", "without username"},
        {BROKER("password_file = \"token\"; protocol = \"5\";"), 0, NULL, NULL},
        {BROKER("password_file = \"token\"; username = \"u\";"), 0, NULL, NULL},
        {BROKER("protocol = \"3.1.1\"; session_expiry_s = 10;"), 0, NULL, NULL},
        {BROKER("\ntls = { ca_file = \"x\"; };"), 3, "broker.tls.ca_file", "tcp://"},
        {BROKER("tls = { verify = false; };"), 2, "broker.tls.verify", "tcp://"},
        {BROKER("tls = { ca_file = \"\"; verify = true; };"), 0, NULL, NULL},
        {{.broker_2 = "uri = \"ws://b\"; tls = { ca_file = \"x\"; };"}, 2, "broker.tls.ca_file", "ws://"},
        {{.broker_2 = "uri = \"wss://b\"; tls = { ca_file = \"x\"; };"}, 0, NULL, NULL},
        {{.broker_2 = "uri = \"ssl://b\"; tls = { cert_file = \"x\"; };"}, 2, "broker.tls.cert_file", "key_file"},
        {{.broker_2 = "uri = \"ssl://b\"; tls = {\nkey_file = \"x\"; };"}, 3, "broker.tls.key_file", "cert_file"},
        {{.broker_2 = "uri = \"ssl://b\"; tls = { key_file = \"x\"; cert_file = \"x\"; };"}, 0, NULL, NULL},
        {{.broker_2 = "client_id = \"x\";"}, 1, "broker.uri", "missing"},
        {BROKER("password = \"x\";"), 2, "broker.password", "did you mean password_file?"},
        {BROKER("keepalive = 3;"), 2, "broker.keepalive", "did you mean keepalive_s?"},
        {BROKER("retian = true;"), 2, "broker.retian", "did you mean retain?"},
        {BROKER("max_in_flight = 3;"), 2, "broker.max_in_flight", "did you mean api.max_in_flight?"},
        {BROKER("xyzzy = 3;"), 2, "broker.xyzzy", "no key that is known here"},
        {BROKER("tls = { verfy = true; };"), 2, "broker.tls.verfy", "did you mean verify?"},
        {BROKER("tls = 1;"), 2, "broker.tls", "expected a group"},
    };
    expect_all(bads, COUNT(bads));
}

static void test_api_rules(void **state)
{
    (void)state;
    static const struct bad bads[] = {
        {{.api_4 = ""}, 4, "api.token_file", "token_env"},
        {{.api_4 = "token_file = \"\";"}, 4, "api.token_file", "token_env"},
        {API("token_env = \"T\";"), 4, "api.token_env", "one of the two"},
        {{.api_4 = "token_env = \"1T\";"}, 4, "api.token_env", "environment variable"},
        {{.api_4 = "token_env = \"_T1\";"}, 0, NULL, NULL},
        {API("token = \"x\";"), 4, "api.token", "does not stand in this file"},
        {API("base_url = \"http://api.losant.com\";"), 4, "api.base_url", "in the clear"},
        {API("base_url = \"http://127.example.com\";"), 4, "api.base_url", "in the clear"},
        {API("base_url = \"http://10.0.0.1\";"), 4, "api.base_url", "in the clear"},
        {API("base_url = \"http://localhost.evil.com\";"), 4, "api.base_url", "in the clear"},
        {API("base_url = \"http://127.0.0.1@evil.com\";"), 4, "api.base_url", "user or password"},
        {API("base_url = \"https://u:p@a\";"), 4, "api.base_url", "user or password"},
        {API("base_url = \"ftp://a\";"), 4, "api.base_url", "https://HOST"},
        {API("base_url = \"api.losant.com\";"), 4, "api.base_url", "https://HOST"},
        {API("base_url = \"\";"), 4, "api.base_url", "https://HOST"},
        {API("base_url = \"https://a?b=1\";"), 4, "api.base_url", "query"},
        {API("base_url = \"https://a/#b\";"), 4, "api.base_url", "fragment"},
        {API("base_url = \"http://localhost:8080\";"), 0, NULL, NULL},
        {API("base_url = \"http://[::1]:8080\";"), 0, NULL, NULL},
        {API("base_url = \"http://127.0.0.1:8080\"; tls = { ca_file = \"x\"; };"), 4, "api.tls.ca_file", "http://"},
        {API("rate = \"0/1s\";"), 4, "api.rate", "COUNT/TIME"},
        {API("retry = { base_ms = 70000; };"), 4, "api.retry.base_ms", "api.retry.max_ms, which is 60000"},
        {API("retry = { base_ms = 7;\nmax_ms = 6; };"), 5, "api.retry.max_ms", "which is 7"},
        {API("reconcile = { marker = \"1a\"; };"), 4, "api.reconcile.marker", "a letter or _"},
        {API("reconcile = { marker = \"a b\"; };"), 4, "api.reconcile.marker", "a letter or _"},
        {API("reconcile = { marker = \"a-_9\"; };"), 0, NULL, NULL},
        {API("reconcile = { marker = \"a234567890123456789012345678901234567890123456789012345678901234\"; };"), 0,
         NULL, NULL},
        {API("reconcile = { marker = \"a2345678901234567890123456789012345678901234567890123456789012345\"; };"), 4,
         "api.reconcile.marker", "at most 64"},
    };
    expect_all(bads, COUNT(bads));
}

static void test_other_rules(void **state)
{
    (void)state;
    static const struct bad bads[] = {
        {{.top_6 = "follow = { interval_ms = 40000; };"}, 6, "follow.interval_ms", "which is 30000"},
        {{.top_6 = "follow = {\ninterval_ms = 400; max_interval_ms = 300; };"}, 7, "follow.max_interval_ms", "400"},
        {{.top_6 = "http = { listen = \"127.0.0.1\"; };"}, 6, "http.listen", "HOST:PORT"},
        {{.top_6 = "http = { listen = \":9464\"; };"}, 6, "http.listen", "HOST:PORT"},
        {{.top_6 = "http = { listen = \"a:99999\"; };"}, 6, "http.listen", "HOST:PORT"},
        {{.top_6 = "http = { listen = \"unix:run\"; };"}, 6, "http.listen", "unix:/PATH"},
        {{.top_6 = "http = { listen = \"unix:/run/jobbridge.sock\"; };"}, 0, NULL, NULL},
        {{.top_6 = "http = { listen = \"[::]:0\"; };"}, 0, NULL, NULL},
        {{.top_6 = "jorunal = { path = \"x\"; };"}, 6, "jorunal", "did you mean journal?"},
        {{.top_6 = "log = 3;"}, 6, "log", "expected a group"},
        {{.job_8 = "actions = [];"}, 8, "jobs[0].actions", "at least one"},
        {{.job_8 = "actions = [\"get\",\n\"executed\"];"}, 9, "jobs[0].actions[1]", "did you mean execute?"},
        {{.job_8 = "actions = (\"get\", 5);"}, 8, "jobs[0].actions[1]", "expected an action"},
        {{.job_8 = "follow = false; overlap = \"queue\";"}, 8, "jobs[0].overlap", "follow = true"},
        {{.job_8 = "follow = false; overlap = \"skip\";"}, 8, "jobs[0].overlap", "follow = true"},
        {{.job_8 = "follow = false;"}, 0, NULL, NULL},
        {{.job_8 = "ttl = 3;"}, 8, "jobs[0].ttl", "did you mean ttl_s?"},
    };
    expect_all(bads, COUNT(bads));
}

#define DEVICES "filter = \"devices/{device}/jobs/{job}/cmd/{action}\"; "
#define REPLIES "replies = \"devices/{device}/jobs/{job}\"; "
#define ALARM   "filter = \"plant/{line}/alarm\"; replies = \"out/{line}\"; "

static void test_route_rules(void **state)
{
    (void)state;
    static const struct bad bads[] = {
        {ROUTE(REPLIES "filter = \"a/{job}/{action}/{device}/{job}\";"), 10, "routes[0].filter", "twice"},
        {ROUTE("filter = \"a/#/b\"; replies = \"r\"; job = \"recalibrate\"; action = \"get\";"), 10, "routes[0].filter",
         "topic filter"},
        {ROUTE("filter = \"$share/g/a\"; replies = \"r\"; job = \"recalibrate\"; action = \"get\";"), 10,
         "routes[0].filter", "share_group"},
        {ROUTE("filter = \"\"; replies = \"r\"; job = \"recalibrate\"; action = \"get\";"), 10, "routes[0].filter",
         "empty"},
        {ROUTE("filter = \"a/{job}/{action}\";"), 9, "routes[0].replies", "missing"},
        {ROUTE(ALARM "job = \"recalibrate\";"), 9, "routes[0].action", "no {action}"},
        {ROUTE("filter = \"a/{action}\"; replies = \"r\";"), 9, "routes[0].job", "no {job}"},
        {ROUTE(ALARM "job = \"recalibrate\"; action = \"get\";"), 0, NULL, NULL},
        {ROUTE(DEVICES REPLIES "job = \"recalibrate\";"), 10, "routes[0].job", "although the filter has {job}"},
        {ROUTE(DEVICES REPLIES "action = \"get\";"), 10, "routes[0].action", "although the filter has {action}"},
        {ROUTE(ALARM "job = \"other\"; action = \"get\";"), 10, "routes[0].job", "one of jobs"},
        {ROUTE(ALARM "job = \"recalibrate\"; action = \"run\";"), 10, "routes[0].action", "expected execute"},
        {ROUTE(ALARM "job = \"recalibrate\";\naction = \"patch\";"), 11, "routes[0].action", "does not allow"},
        {ROUTE(ALARM "job = \"recalibrate\"; action = \"status\";"), 0, NULL, NULL},
        {ROUTE("filter = \"a/{job}\"; replies = \"r/{job}\"; action = \"delete\";"), 10, "routes[0].action",
         "no job allows"},
        {ROUTE(ALARM "job = \"recalibrate\"; action = \"get\"; context = \"{}\";"), 10, "routes[0].context",
         "action = \"execute\""},
        {ROUTE(DEVICES REPLIES "context = \"{}\";"), 10, "routes[0].context", "action = \"execute\""},
        {ROUTE(ALARM "job = \"recalibrate\"; action = \"execute\"; context = \"{ \\\"a\\\": {pay} }\";"), 10,
         "routes[0].context", "{pay}"},
        {ROUTE(ALARM "job = \"recalibrate\"; action = \"execute\"; context = \"[{payload}]\";"), 10,
         "routes[0].context", "JSON object"},
        {ROUTE(ALARM "job = \"recalibrate\"; action = \"execute\"; context = \"{ \\\"a\\\": {payload}\";"), 10,
         "routes[0].context", "JSON object"},
        {ROUTE(ALARM "job = \"recalibrate\"; action = \"execute\"; context = \"{ \\\"a\\\":\\n\\\"{line} {job}\\\", "
                     "\\\"p\\\": {payload} }\";"),
         0, NULL, NULL},
        {ROUTE(DEVICES "replies = \"a/{devic}\";"), 10, "routes[0].replies", "{devic}"},
        {ROUTE(DEVICES "replies = \"a/+\";"), 10, "routes[0].replies", "expected a topic"},
        {ROUTE(DEVICES "replies = \"a/{requestId}\";"), 10, "routes[0].replies", "{requestId}"},
        {ROUTE(DEVICES REPLIES "rejected = \"a/{line}\";"), 10, "routes[0].rejected", "{line}"},
        {ROUTE(DEVICES REPLIES "rejected = \"a/{executionId}\";"), 10, "routes[0].rejected", "rejected command"},
        {ROUTE(DEVICES REPLIES "accepted = \"a/{executionId}\";"), 10, "routes[0].accepted", "{executionId}"},
        {ROUTE(ALARM "job = \"recalibrate\"; action = \"execute\"; accepted = \"a/{executionId}\";"), 0, NULL, NULL},
        {ROUTE(DEVICES REPLIES "accepted = \"a/{requestId}\"; rejected = \"b/{requestId}\"; status = "
                               "\"s/{executionId}\"; log = \"l/{requestId}/{executionId}\";"),
         0, NULL, NULL},
        {ROUTE(DEVICES REPLIES "status = \"$share\";"), 0, NULL, NULL},
        {ROUTE(DEVICES REPLIES "response_topics = \"a/#/b\";"), 10, "routes[0].response_topics", "topic filter"},
        {ROUTE(DEVICES REPLIES "response_topics = \"a/{device}\";"), 10, "routes[0].response_topics", "{name}"},
        {ROUTE(DEVICES REPLIES "response_topics = \"clients/+/in\";"), 0, NULL, NULL},
    };
    expect_all(bads, COUNT(bads));
}

static void test_topics_apart(void **state)
{
    (void)state;
    static const struct bad bads[] = {
        // loops
        {ROUTE(DEVICES REPLIES "status = \"devices/1/jobs/2/cmd/3\";"), 10, "routes[0].status", "loop"},
        {ROUTE("filter = \"a/{job}/{action}\"; replies = \"a/{job}\";"), 10, "routes[0].replies", "loop"},
        {ROUTE("filter = \"a/{job}/{action}/#\";\nreplies = \"a/{job}/x\";"), 11, "routes[0].replies", "loop"},
        {ROUTE("filter = \"a/{job}/{action}/#\"; replies = \"b/{job}\"; log = \"a/b/c\";"), 10, "routes[0].log",
         "loop"},
        {{.more_12 = ", { name = \"two\"; filter = \"in/{job}/{action}\"; replies = \"two/{job}\";\nlog = "
                     "\"devices/{job}/jobs/1/cmd/2\"; }"},
         13,
         "routes[1].log",
         "routes[0].filter takes for commands"},
        {ROUTE(DEVICES REPLIES "response_topics = \"devices/#\";"), 10, "routes[0].response_topics", "commands"},
        {{.broker_2 = "uri = \"tcp://b\"; share_group = \"g\";",
          .route_10 = "filter = \"a/{job}/{action}\"; replies = \"a/{job}\";"},
         10,
         "routes[0].replies",
         "loop"},
        // the bridge's own topics
        {ROUTE("filter = \"bridges/{job}/{action}\"; replies = \"r/{job}\";"), 10, "routes[0].filter",
         "bridges/jobbridge/+"},
        {ROUTE("filter = \"#\"; replies = \"$r\"; job = \"recalibrate\"; action = \"get\";"), 10, "routes[0].filter",
         "bridges/jobbridge/+"},
        {ROUTE(DEVICES REPLIES "status = \"bridges/{device}/status\";"), 10, "routes[0].status", "bridges/jobbridge/+"},
        {ROUTE(DEVICES REPLIES "response_topics = \"bridges/#\";"), 10, "routes[0].response_topics",
         "bridges/jobbridge/+"},
        // two kinds on one topic
        {ROUTE(DEVICES REPLIES "accepted = \"a/{device}\";\nrejected = \"a/{device}\";"), 11, "routes[0].rejected",
         "routes[0]'s accepted"},
        {ROUTE(DEVICES REPLIES "status = \"devices/{device}/jobs/{job}/log\";"), 10, "routes[0].replies",
         "routes[0]'s status"},
        {ROUTE(DEVICES REPLIES "status = \"a/{requestId}\"; log = \"a/{executionId}\";"), 10, "routes[0].log",
         "routes[0]'s status"},
        {{.more_12 = ", { name = \"two\"; filter = \"in/{job}/{action}\"; replies = \"two/{job}\"; status = "
                     "\"devices/{action}/jobs/{job}/accepted\"; }"},
         12,
         "routes[1].status",
         "routes[0]'s accepted"},
        {{.more_12 =
              ", { name = \"two\"; filter = \"in/{job}/{action}\"; replies = \"devices/{action}/jobs/{job}\"; }"},
         0,
         NULL,
         NULL},
        // routes
        {{.more_12 = ", { name = \"devices\"; filter = \"in/{job}/{action}\"; replies = \"two/{job}\"; }"},
         12,
         "routes[1].name",
         "routes[0].name"},
        {{.more_12 = ", { name = \"two\"; filter = \"devices/+/jobs/{job}/+/{action}\"; replies = \"two/{job}\"; }"},
         12,
         "routes[1].filter",
         "routes[0].filter"},
        {{.more_12 =
              ", { name = \"two\"; filter = \"devices/+/jobs/{job}/x/cmd/{action}\"; replies = \"two/{job}\"; }"},
         0,
         NULL,
         NULL},
    };
    expect_all(bads, COUNT(bads));
}

static void expect_text(const char *text, int line, const char *key, const char *part)
{
    write_file("main.conf", text);
    expect_one(line, key, part);
}

#define HEAD "broker = { uri = \"tcp://b\"; }; api = { token_file = \"token\"; };\n"
#define IDS  "application_id = \"575ec8687ae143cd83dc4a97\"; resource_job_id = \"6328c6c026517badf9142116\"; "
#define JOBS "jobs = ( { name = \"a\"; " IDS "} );\n"
#define ENDS "routes = ( { name = \"r\"; filter = \"in/{job}/{action}\"; replies = \"out/{job}\"; } );\n"

static void test_lists(void **state)
{
    (void)state;
    expect_text(HEAD ENDS, 0, "jobs", "is missing");
    expect_text(HEAD JOBS, 0, "routes", "is missing");
    expect_text(HEAD ENDS "jobs = ();\n", 3, "jobs", "is empty");
    expect_text(HEAD ENDS "jobs = { name = \"a\"; };\n", 3, "jobs", "is no list");
    expect_text(HEAD ENDS "jobs = (\n5,\n{ name = \"b\"; " IDS "} );\n", 4, "jobs[0]", "expected a group");
    expect_text(HEAD ENDS "jobs = ( { name = \"a\"; " IDS "},\n{ name = \"a\"; " IDS "} );\n", 4, "jobs[1].name",
                "like jobs[0].name");
    expect_text(HEAD ENDS "jobs = ( { name = \"a/b\"; " IDS "} );\n", 3, "jobs[0].name", "level of a topic");
    expect_text(HEAD ENDS "jobs = ( { name = \"a+\"; " IDS "} );\n", 3, "jobs[0].name", "level of a topic");
    expect_text(HEAD ENDS "jobs = ( { name = \"$a\"; " IDS "} );\n", 3, "jobs[0].name", "level of a topic");
    expect_text(HEAD ENDS "jobs = ( { name = \"\"; " IDS "} );\n", 3, "jobs[0].name", "is empty");
    expect_text(HEAD ENDS "jobs = (\n{ " IDS "} );\n", 4, "jobs[0].name", "is missing");
    expect_text(HEAD ENDS "jobs = ( { name = \"a\"; application_id = \"575ec8687ae143cd83dc4a9\";\n"
                          "resource_job_id = \"6328c6c026517badf9142116\"; } );\n",
                3, "jobs[0].application_id", "24 hex digits");
    expect_text(HEAD ENDS "jobs = ( { name = \"a\"; application_id = \"575ec8687ae143cd83dc4a97\";\n"
                          "resource_job_id = \"6328c6c026517badf914211x\"; } );\n",
                4, "jobs[0].resource_job_id", "24 hex digits");
    expect_text(HEAD JOBS "routes = ( { name = \"\"; filter = \"in/{job}/{action}\"; replies = \"out\"; } );\n", 3,
                "routes[0].name", "1 to 128");
    write_file("main.conf", HEAD ENDS "jobs = ( { name = \"Kalibrierung S\xc3\xbc"
                                      "d 3.1\"; " IDS "} );\n");
    config_free(load_right());
}

static void test_syntax(void **state)
{
    (void)state;
    expect_text("broker = {\nuri = ;\n};\n", 2, "", "syntax error");
    expect_text("a = 1;\na = 2;\n", 2, "", "duplicate setting name");
    expect_text("a = [1,\n\"x\"];\n", 2, "", "mismatched element type");
    expect_text("a = 1;\nb = \"never\nends;\n", 2, "", "no closing quote");
    expect_text("a = 1;\n/* never\nends\n", 2, "", "has no end");
    expect_text("a = 1;\nb = {\n", 2, "", "syntax error");
    expect_text("a = 1; @include \"inc.conf\"\n", 1, "", "a line of its own");
    expect_text("a = 1;\n@include inc.conf\n", 2, "", "a line of its own");
}

static void test_too_deep(void **state)
{
    (void)state;
    char text[TEXT_BYTES] = "a =\n";
    size_t len = strlen(text);
    memset(text + len, '(', sizeof text - len - 1);
    expect_text(text, 2, "", "fewer brackets");
}

static void test_not_read(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct config_problems problems;
    assert_int_equal(config_load(path_of("nowhere"), &config, &problems), STATUS_IO);
    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.items[0].line, 0);
    config_problems_free(&problems);
    assert_int_equal(config_load(folder, &config, &problems), STATUS_IO); // libconfig itself would exit here
    assert_int_equal(problems.count, 1);
    config_problems_free(&problems);
    write_bytes("main.conf", "a = 1;\n\0", 8);
    expect_one(2, "", "NUL");
    write_file("main.conf", "");
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_INVALID);
    assert_int_equal(problems.count, 4); // uri, token, jobs, routes
    config_problems_free(&problems);
}

static void test_include(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    write_file("inc.conf", "# a comment\n" JOBS);
    write_file("main.conf", HEAD "# @include \"nowhere\"\n/* @include \"nowhere\" */\n@include \"inc.conf\"\n" ENDS);
    config_free(load_right());
    (void)snprintf(text, sizeof text, HEAD "  @include \"%s\" # here\n" ENDS, path_of("inc.conf"));
    write_file("main.conf", text);
    config_free(load_right());
    // lines are right before, inside and after an include without a newline at its end
    write_file("inc.conf", "\njobs = ( { name = \"a\";\nnme = 3; " IDS "} )");
    write_file("main.conf", "brokr = 1;\n" HEAD "@include \"inc.conf\"\n\nlgo = 2;\n" ENDS);
    struct config *config = NULL;
    struct config_problems problems;
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_INVALID);
    assert_int_equal(problems.count, 3);
    assert_string_equal(problems.items[0].key, "brokr");
    assert_int_equal(problems.items[0].line, 1);
    assert_string_equal(problems.items[1].key, "lgo");
    assert_int_equal(problems.items[1].line, 5);
    assert_string_equal(problems.items[1].file, main_path);
    assert_string_equal(problems.items[2].key, "jobs[0].nme");
    assert_int_equal(problems.items[2].line, 3);
    assert_string_equal(problems.items[2].file, path_of("inc.conf"));
    config_problems_free(&problems);
}

static void test_include_wrong(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct config_problems problems;
    write_file("main.conf", HEAD "@include \".\"\n"); // a folder: libconfig itself would exit here
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_IO);
    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.items[0].line, 2);
    config_problems_free(&problems);
    write_file("main.conf", HEAD "\n@include \"nowhere.conf\"\n");
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_IO);
    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.items[0].line, 3);
    assert_non_null(strstr(problems.items[0].text, "nowhere.conf: No such file"));
    config_problems_free(&problems);
    write_file("main.conf", "\n@include \"main.conf\"\n"); // itself
    expect_one(2, "", "too many @include");
    write_file("inc.conf", "a = 1;\nb == 2;\n");
    write_file("main.conf", HEAD "@include \"inc.conf\"\n");
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_INVALID);
    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.items[0].line, 2);
    assert_string_equal(problems.items[0].file, path_of("inc.conf"));
    config_problems_free(&problems);
}

static void test_all_at_once(void **state)
{
    (void)state;
    static const struct {
        int line;
        const char *key;
    } expected[] = {{1, "broker.keepalive_s"}, {2, "broker.protocol"},    {2, "broker.tls.verify"},
                    {3, "api.token_file"},     {4, "jobs[0].actions[0]"}, {5, "jobs[0].ttl_s"},
                    {5, "jobs[0].name"},       {6, "routes[0].status"},   {7, "routes[1].context"}};
    struct config *config = NULL;
    struct config_problems problems;
    write_file("main.conf",
               "broker = { uri = \"tcp://b\"; keepalive_s = 0;\nprotocol = \"6\"; tls = { verify = false; }; };\n"
               "api = { };\n"
               "jobs = ( { name = \"a\"; actions = [\"run\"]; " IDS "},\n{ ttl_s = 0; name = \"a\"; " IDS
               "} );\nroutes = ( { name = \"r\"; filter = \"in/{job}/{action}\"; replies = \"out/{job}\"; "
               "status = \"in/a/get\"; },\n { name = \"s\"; filter = \"on/{job}/{action}\"; replies = "
               "\"up/{job}\"; context = \"{}\"; } );\n");
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_INVALID);
    assert_int_equal(problems.count, COUNT(expected));
    for (size_t i = 0; i < problems.count; i++) {
        bool found = false;
        for (size_t k = 0; k < COUNT(expected); k++) {
            const char *key = strncmp(problems.items[i].key, "jobs[1]", 7) == 0 ? problems.items[i].key + 7 : NULL;
            found = found || (problems.items[i].line == expected[k].line &&
                              (strcmp(problems.items[i].key, expected[k].key) == 0 ||
                               (key != NULL && strcmp(key, expected[k].key + 7) == 0)));
        }
        assert_true(found);
        assert_true(i == 0 || problems.items[i - 1].line <= problems.items[i].line);
    }
    config_problems_free(&problems);
}

static void test_too_many_problems(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct config_problems problems;
    FILE *file = fopen(main_path, "w");
    assert_non_null(file);
    (void)fputs(HEAD JOBS ENDS, file);
    for (int i = 0; i < CONFIG_PROBLEMS_MAX + 50; i++) {
        (void)fprintf(file, "zz%d = 1;\n", i);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_INVALID);
    assert_int_equal(problems.count, CONFIG_PROBLEMS_MAX);
    assert_int_equal(problems.left_out, 50);
    config_problems_free(&problems);
}

static void test_secret(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *secret; // NULL: refused
    } cases[] = {{"abc", "abc"}, {"abc\n", "abc"}, {"abc\r\n", "abc"}, {"a b", "a b"}, {"", NULL},
                 {"\n", NULL},   {"a\nb", NULL},   {"abc\n\n", NULL},  {"a\tb", NULL}, {"\xc3\xa4", "\xc3\xa4"}};
    struct bytes secret;
    const char *why = NULL;
    for (size_t i = 0; i < COUNT(cases); i++) {
        write_file("token", cases[i].text);
        bytes_init(&secret, CONFIG_SECRET_MAX_BYTES);
        enum status rc = config_secret(path_of("token"), "", &secret, &why);
        assert_int_equal(rc, cases[i].secret != NULL ? STATUS_OK : STATUS_INVALID);
        assert_string_equal(bytes_text(&secret), cases[i].secret != NULL ? cases[i].secret : "");
        bytes_free(&secret);
    }
    char *large = calloc(1, CONFIG_SECRET_MAX_BYTES + 2);
    assert_non_null(large);
    memset(large, 'x', CONFIG_SECRET_MAX_BYTES + 1);
    bytes_init(&secret, CONFIG_SECRET_MAX_BYTES);
    write_file("token", large);
    assert_int_equal(config_secret(path_of("token"), "", &secret, &why), STATUS_TOO_LARGE);
    write_bytes("token", large, CONFIG_SECRET_MAX_BYTES);
    assert_int_equal(config_secret(path_of("token"), "", &secret, &why), STATUS_OK);
    assert_int_equal(secret.len, CONFIG_SECRET_MAX_BYTES);
    free(large);
    bytes_clear(&secret);
    assert_int_equal(config_secret(path_of("nowhere"), "", &secret, &why), STATUS_NOT_FOUND);
    assert_int_equal(setenv("TEST_CONFIG_SECRET", "from outside", 1), 0);
    assert_int_equal(config_secret("", "TEST_CONFIG_SECRET", &secret, &why), STATUS_OK);
    assert_string_equal(bytes_text(&secret), "from outside");
    assert_int_equal(config_secret("", "TEST_CONFIG_NOT_SET", &secret, &why), STATUS_NOT_FOUND);
    bytes_free(&secret);
}

static void test_files(void **state)
{
    (void)state;
    struct config_problems problems = {0};
    write_file("token", "t\n");
    write_file("pem", "x");
    write_file("empty", "");
    write_pieces(&(struct pieces){.broker_2 = "uri = \"ssl://b\"; username = \"u\"; tls = { ca_file = \"pem\"; };"});
    struct config *config = load_right();
    assert_int_equal(config_check_files(config, &problems), STATUS_OK);
    config_free(config);
    write_pieces(&(struct pieces){.broker_2 = "uri = \"ssl://b\"; username = \"u\"; password_file = \"empty\"; tls = "
                                              "{ ca_file = \"empty\";\ncert_file = \"nowhere\"; key_file = \"pem\"; };",
                                  .api_4 = "token_file = \"nowhere\"; tls = { ca_file = \"nowhere\"; };"});
    config = load_right();
    assert_int_equal(config_check_files(config, &problems), STATUS_INVALID);
    assert_int_equal(problems.count, 5);
    assert_string_equal(problems.items[0].key, "broker.password_file");
    assert_int_equal(problems.items[0].line, 2);
    assert_string_equal(problems.items[0].file, main_path);
    assert_string_equal(problems.items[1].key, "api.token_file");
    assert_int_equal(problems.items[1].line, 5);
    assert_non_null(strstr(problems.items[1].text, "No such file"));
    assert_string_equal(problems.items[3].key, "broker.tls.cert_file");
    assert_int_equal(problems.items[3].line, 3);
    config_problems_free(&problems);
    config_free(config);
    write_pieces(&(struct pieces){.api_4 = "token_env = \"TEST_CONFIG_NOT_SET\";"});
    config = load_right();
    assert_int_equal(config_check_files(config, &problems), STATUS_INVALID);
    assert_string_equal(problems.items[0].key, "api.token_env");
    config_problems_free(&problems);
    config_free(config);
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(main_path, sizeof main_path, "%s/main.conf", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(file_names); i++) {
        (void)unlink(path_of(file_names[i]));
    }
    return rmdir(folder);
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
        cmocka_unit_test(test_broker_rules),
        cmocka_unit_test(test_api_rules),
        cmocka_unit_test(test_other_rules),
        cmocka_unit_test(test_route_rules),
        cmocka_unit_test(test_topics_apart),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_too_deep),
        cmocka_unit_test(test_not_read),
        cmocka_unit_test(test_include),
        cmocka_unit_test(test_include_wrong),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_too_many_problems),
        cmocka_unit_test(test_secret),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
