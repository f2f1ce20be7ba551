// SPDX-License-Identifier: Apache-2.0
// io/config: the rules that no single key can break, each with the line that it is told at.
#include "config_fixture.h"

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
        {{.top_6 = "http = { listen = \"[::]:0\"; };"}, 6, "http.listen", "http.token_file"},
        {{.top_6 = "http = { listen = \"127.example.com:1\"; };"}, 6, "http.listen", "http.token_file"},
        {{.top_6 = "http = { listen = \"[::]:0\"; token_file = \"t\"; };"}, 0, NULL, NULL},
        {{.top_6 = "http = { listen = \"[::1]:0\"; };"}, 0, NULL, NULL},
        {{.top_6 = "http = { listen = \"localhost:0\"; };"}, 0, NULL, NULL},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broker_rules), cmocka_unit_test(test_api_rules),    cmocka_unit_test(test_other_rules),
        cmocka_unit_test(test_route_rules),  cmocka_unit_test(test_topics_apart),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
