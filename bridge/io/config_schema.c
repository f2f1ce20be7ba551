// SPDX-License-Identifier: Apache-2.0
// The one table of all keys. A key that is added here is read, checked, defaulted, documented by `check --schema` and
// demanded in conf/jobbridge.conf by a test; nothing else knows the list.
#include "io/config_schema.h"
#include "io/config_rule.h"

#define CORE(field)  offsetof(struct config, field)
#define JOB(field)   offsetof(struct config_job, field)
#define ROUTE(field) offsetof(struct config_route, field)

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   INT64_C(3600000)
#define DAY_MS    INT64_C(86400000)
#define YEAR_S    31536000

// Short forms for the columns, so that a row stays readable.
#define TEXT(path, at, fallback, check, help)                                                                          \
    {                                                                                                                  \
        path, CONFIG_TEXT, false, at, fallback, 0, 0, NULL, check, help                                                \
    }
#define FILENAME(path, at, fallback, help)                                                                             \
    {                                                                                                                  \
        path, CONFIG_PATH, false, at, fallback, 0, 0, NULL, NULL, help                                                 \
    }
#define MUST(path, at, check, help)                                                                                    \
    {                                                                                                                  \
        path, CONFIG_TEXT, true, at, "", 0, 0, NULL, check, help                                                       \
    }
#define NUMBER(path, at, fallback, a, b, help)                                                                         \
    {                                                                                                                  \
        path, CONFIG_INT, false, at, fallback, a, b, NULL, NULL, help                                                  \
    }
#define SWITCH(path, at, fallback, help)                                                                               \
    {                                                                                                                  \
        path, CONFIG_BOOL, false, at, fallback, 0, 0, NULL, NULL, help                                                 \
    }
#define WORD(path, at, fallback, allowed, help)                                                                        \
    {                                                                                                                  \
        path, CONFIG_ENUM, false, at, fallback, 0, 0, allowed, NULL, help                                              \
    }
#define RATE(path, at, help)                                                                                           \
    {                                                                                                                  \
        path, CONFIG_RATE, false, at, "\"\"", 0, 0, NULL, NULL, help                                                   \
    }

const struct config_key config_keys[] = {
    MUST("broker.uri", CORE(broker.uri), config_rule_broker_uri,
         "Address of the MQTT broker: tcp://, ssl://, ws:// or wss://, a host, and a port unless it is the usual one."),
    TEXT("broker.client_id", CORE(broker.client_id), "\"jobbridge\"", config_rule_client_id,
         "Client id at the broker. Two clients with the same id throw each other out; some brokers prescribe it."),
    TEXT("broker.username", CORE(broker.username), "\"\"", NULL, "User name at the broker; empty for none."),
    FILENAME("broker.password_file", CORE(broker.password_file), "\"\"",
             "File that holds the broker's password; empty for none."),
    WORD("broker.protocol", CORE(broker.protocol), "\"auto\"", "auto|5|3.1.1",
         "Version of MQTT: \"5\", \"3.1.1\", or \"auto\": 5, and 3.1.1 where the broker refuses it."),
    NUMBER("broker.keepalive_s", CORE(broker.keepalive_s), "30", 1, 65535,
           "Seconds of silence after which the connection is tested; shorter finds a dead link sooner and costs data."),
    NUMBER("broker.receive_max", CORE(broker.receive_max), "20", 1, 65535,
           "MQTT 5: commands that the broker may send ahead of our acknowledgement."),
    SWITCH("broker.clean_start", CORE(broker.clean_start), "false",
           "true: the broker forgets the session at each connect, and with it what came while the bridge was away."),
    NUMBER("broker.session_expiry_s", CORE(broker.session_expiry_s), "604800", 0, 4294967295,
           "MQTT 5: seconds for which the broker keeps the session of an absent bridge; 4294967295 is for ever."),
    SWITCH("broker.retain", CORE(broker.retain), "true",
           "false: the broker knows no retained messages, so states are published without the flag."),
    NUMBER("broker.reconnect_min_ms", CORE(broker.reconnect_min_ms), "1000", 10, HOUR_MS,
           "Wait before the first attempt to connect again; it doubles with each failure."),
    NUMBER("broker.reconnect_max_ms", CORE(broker.reconnect_max_ms), "60000", 10, HOUR_MS,
           "Longest wait between attempts to connect again: how late the bridge notices that the network is back."),
    TEXT("broker.share_group", CORE(broker.share_group), "\"\"", config_rule_share_group,
         "Group of a shared subscription ($share/GROUP/FILTER), for several bridges that split the commands."),
    RATE("broker.publish_rate.per_topic", CORE(broker.rate_per_topic),
         "Most messages to one topic in any window, as \"30/15s\", for a broker that bans who exceeds it."),
    RATE("broker.publish_rate.per_client", CORE(broker.rate_per_client),
         "Most messages over all topics in any window, as \"300/15s\"."),
    FILENAME("broker.tls.ca_file", CORE(broker.tls_ca_file), "\"\"",
             "Certificates (PEM) that sign the broker's; empty for those of the system."),
    FILENAME("broker.tls.cert_file", CORE(broker.tls_cert_file), "\"\"",
             "Client certificate (PEM), for a broker that wants one; needs key_file."),
    FILENAME("broker.tls.key_file", CORE(broker.tls_key_file), "\"\"", "Private key (PEM) of cert_file."),
    SWITCH("broker.tls.verify", CORE(broker.tls_verify), "true",
           "false accepts any certificate of the broker: for a bench, never for a plant."),
    TEXT("broker.bridge_topic", CORE(broker.bridge_topic), "\"bridges/{client_id}\"", config_rule_not_empty,
         "Topic under which the bridge tells of itself (/status) and of commands that nobody can answer "
         "(/deadletter); {client_id} is put in."),
    TEXT("api.base_url", CORE(api.base_url), "\"https://api.losant.com\"", config_rule_base_url,
         "Address of the API; http:// is allowed to a loopback address only."),
    FILENAME("api.token_file", CORE(api.token_file), "\"\"",
             "File that holds the API token; it is read again when the API refuses the token. Either this or "
             "token_env must be given."),
    TEXT("api.token_env", CORE(api.token_env), "\"\"", config_rule_variable,
         "Environment variable that holds the API token, instead of token_file."),
    NUMBER("api.connect_timeout_ms", CORE(api.connect_timeout_ms), "10000", 10, 10 * MINUTE_MS,
           "Longest wait for a connection to the API."),
    NUMBER("api.request_timeout_ms", CORE(api.request_timeout_ms), "30000", 10, 10 * MINUTE_MS,
           "Longest wait for a whole answer of the API; after it an execute is ambiguous and looked up in the log."),
    NUMBER("api.max_in_flight", CORE(api.max_in_flight), "32", 1, 1000, "Most requests at the API at the same time."),
    RATE("api.rate", CORE(api.rate), "Most requests to the API in any window, as \"10/1s\"; empty for no limit."),
    NUMBER("api.retry.base_ms", CORE(api.retry_base_ms), "500", 1, HOUR_MS,
           "Upper end of the random wait before the first repetition; it doubles with each failure."),
    NUMBER("api.retry.max_ms", CORE(api.retry_max_ms), "60000", 1, DAY_MS, "Longest wait before a repetition."),
    WORD("api.reconcile.policy", CORE(api.policy), "\"reconcile\"", "reconcile|retry|fail",
         "What happens to an execute whose answer was lost: \"reconcile\" looks for it in the execution log first, "
         "\"retry\" sends it again (it may run twice), \"fail\" says OutcomeUnknown."),
    TEXT("api.reconcile.marker", CORE(api.marker), "\"_jobbridge\"", config_rule_marker,
         "Name of the member that the bridge puts into the context to find its run in the log; empty for none."),
    NUMBER("api.reconcile.settle_ms", CORE(api.settle_ms), "5000", 0, 10 * MINUTE_MS,
           "Wait before the log is searched and between searches: how late a new run may show in it."),
    NUMBER("api.reconcile.checks", CORE(api.checks), "3", 1, 100,
           "How often the log is searched in vain before the run counts as not made."),
    FILENAME("api.tls.ca_file", CORE(api.tls_ca_file), "\"\"",
             "Certificates (PEM) that sign the API's; empty for those of the system."),
    FILENAME("journal.path", CORE(journal.path), "\"/var/lib/jobbridge/journal.db\"",
             "The database of all commands that are not answered yet, on a disk that survives power loss."),
    WORD("journal.durability", CORE(journal.durability), "\"power\"", "power|process",
         "\"power\": on the disk before the broker gets its acknowledgement; \"process\": survives a crash, may lose "
         "the last 50 ms at a power cut, and spares slow flash."),
    NUMBER("journal.max_commands", CORE(journal.max_commands), "1000000", 1, 100000000,
           "Most commands in the journal; a new one is then not acknowledged, so the broker keeps it."),
    NUMBER(
        "journal.max_dead", CORE(journal.max_dead), "1000", 0, 1000000,
        "Most dead letters (messages that nobody can answer) that are kept for jobbridge queue; the oldest go first."),
    NUMBER("journal.keep_done_s", CORE(journal.keep_done_s), "86400", 1, YEAR_S,
           "Seconds for which an answered command is remembered, so that its requestId gets the same answer again."),
    NUMBER("follow.interval_ms", CORE(follow.interval_ms), "5000", 10, HOUR_MS,
           "Shortest time between two looks at the log of a job with open runs."),
    NUMBER("follow.max_interval_ms", CORE(follow.max_interval_ms), "30000", 10, HOUR_MS,
           "Longest time between two looks, reached while nothing changes."),
    NUMBER("follow.timeout_s", CORE(follow.timeout_s), "86400", 1, YEAR_S,
           "Seconds after which a run that never appears or never ends is given up as unknown."),
    TEXT("http.listen", CORE(http_listen), "\"127.0.0.1:9464\"", config_rule_listen,
         "Where metrics, health and the status page are served: \"HOST:PORT\", \"unix:/PATH\", or \"\" for nowhere."),
    FILENAME("http.token_file", CORE(http_token_file), "\"\"",
             "File that holds the token which these pages then ask for; needed where listen is no loopback address and "
             "no socket."),
    TEXT("discovery.prefix", CORE(discovery.prefix), "\"\"", NULL,
         "Topic under which Home Assistant looks for what announces itself, \"homeassistant\" unless it was told "
         "another; empty: nothing is announced."),
    TEXT("discovery.route", CORE(discovery.route), "\"\"", NULL,
         "Name of the route whose commands the announced buttons send; empty: the first."),
    TEXT("discovery.device", CORE(discovery.device), "\"homeassistant\"", config_rule_not_empty,
         "What stands in their topics for every capture of that route other than {job} and {action}."),
    WORD("log.level", CORE(log_level), "\"info\"", "error|warning|info|debug",
         "The least important line that is "
         "written."),
    WORD("log.format", CORE(log_format), "\"logfmt\"", "logfmt|json", "How a line is written."),

    MUST("jobs[].name", JOB(name), config_rule_job_name, "Name of the job in topics and replies."),
    MUST("jobs[].application_id", JOB(application_id), config_rule_api_id, "Id of the application, 24 hex digits."),
    MUST("jobs[].resource_job_id", JOB(resource_job_id), config_rule_api_id, "Id of the resource job, 24 hex digits."),
    {"jobs[].actions", CONFIG_ACTIONS, false, JOB(actions), "[\"execute\", \"cancelExecution\", \"get\", \"logs\"]", 0,
     0, NULL, NULL, "What may be asked of this job; patch and delete must be named, status is always allowed."},
    NUMBER("jobs[].ttl_s", JOB(ttl_s), "3600", 1, COMMAND_TTL_MAX_S,
           "Seconds after which a command that could not be sent is answered with Expired."),
    SWITCH("jobs[].follow", JOB(follow), "true", "Whether a run is followed and its states published to the end."),
    SWITCH("jobs[].watch", JOB(watch), "false", "true: runs that others started are published too."),
    WORD("jobs[].overlap", JOB(overlap), "\"parallel\"", "parallel|queue|skip|cancel-previous",
         "What an execute does while a run of the job is open: start all the same, wait, be rejected, or cancel the "
         "open run first. All but \"parallel\" need follow."),

    MUST("routes[].name", ROUTE(name), config_rule_route_name, "Name of the route in logs and metrics."),
    MUST("routes[].filter", ROUTE(filter), config_rule_not_empty,
         "Topics that are commands; {name} stands for one level and captures it."),
    TEXT("routes[].job", ROUTE(job), "\"\"", NULL, "The job, where the filter has no {job}."),
    TEXT("routes[].action", ROUTE(action), "\"\"", NULL, "The action, where the filter has no {action}."),
    TEXT("routes[].context", ROUTE(context), "\"\"", NULL,
         "The context of the execute, made from captures and {payload}, for devices that know nothing of jobs; "
         "empty: the payload is a command."),
    MUST("routes[].replies", ROUTE(replies), config_rule_not_empty,
         "Topic of the replies, made from the captures; /accepted, /rejected, /status and /log go below it."),
    TEXT("routes[].accepted", ROUTE(accepted), "\"\"", NULL,
         "Another topic for accepted, with {requestId} and, when the action is always execute, {executionId} too."),
    TEXT("routes[].rejected", ROUTE(rejected), "\"\"", NULL, "Another topic for rejected, with {requestId} too."),
    TEXT("routes[].status", ROUTE(status), "\"\"", NULL,
         "Another topic for the states of a run, with {requestId} and {executionId} too."),
    TEXT("routes[].log", ROUTE(log), "\"\"", NULL,
         "Another topic for the log entries of a run, with {requestId} and {executionId} too."),
    TEXT("routes[].response_topics", ROUTE(response_topics), "\"\"", NULL,
         "Filter of the topics that an MQTT 5 Response Topic may name; empty: none."),
};

const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];
