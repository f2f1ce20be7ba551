// SPDX-License-Identifier: Apache-2.0
// The configuration file as a structure: read with libconfig, checked against the table in io/config_schema.c, with
// every problem told at once. Read once at start and again at a reload; immutable afterwards, so any thread may read
// it. Secrets are never in it, only the names of the files and variables that hold them.
#ifndef IO_CONFIG_H
#define IO_CONFIG_H

#include "base/bytes.h"
#include "base/log.h"
#include "base/status.h"
#include "rules/command.h"
#include "rules/ratelimit.h"

#define CONFIG_JOBS_MAX         1000
#define CONFIG_ROUTES_MAX       256
#define CONFIG_PROBLEMS_MAX     200 // told at most; the rest is counted
#define CONFIG_SECRET_MAX_BYTES 16384

enum config_protocol { CONFIG_PROTOCOL_AUTO, CONFIG_PROTOCOL_5, CONFIG_PROTOCOL_311 };
enum config_policy { CONFIG_POLICY_RECONCILE, CONFIG_POLICY_RETRY, CONFIG_POLICY_FAIL };
enum config_durability { CONFIG_DURABILITY_POWER, CONFIG_DURABILITY_PROCESS };
enum config_overlap {
    CONFIG_OVERLAP_PARALLEL,
    CONFIG_OVERLAP_QUEUE,
    CONFIG_OVERLAP_SKIP,
    CONFIG_OVERLAP_CANCEL_PREVIOUS
};

// An absent or empty text is "" and never NULL, unless said otherwise.
struct config_broker {
    const char *uri;
    const char *client_id;
    const char *username;
    const char *password_file;
    enum config_protocol protocol;
    int64_t keepalive_s;
    int64_t receive_max;
    bool clean_start;
    int64_t session_expiry_s;
    bool retain;
    int64_t reconnect_min_ms;
    int64_t reconnect_max_ms;
    const char *share_group;
    struct ratelimit_spec rate_per_topic;
    struct ratelimit_spec rate_per_client;
    const char *tls_ca_file;
    const char *tls_cert_file;
    const char *tls_key_file;
    bool tls_verify;
    const char *bridge_topic; // {client_id} is put in already
};

struct config_api {
    const char *base_url; // without a slash at the end
    const char *token_file;
    const char *token_env;
    int64_t connect_timeout_ms;
    int64_t request_timeout_ms;
    int64_t max_in_flight;
    struct ratelimit_spec rate;
    int64_t retry_base_ms;
    int64_t retry_max_ms;
    enum config_policy policy;
    const char *marker; // "" switches it off
    int64_t settle_ms;
    int64_t checks;
    const char *tls_ca_file;
};

struct config_journal {
    const char *path;
    enum config_durability durability;
    int64_t max_commands;
    int64_t max_dead;
    int64_t keep_done_s;
};

struct config_follow {
    int64_t interval_ms;
    int64_t max_interval_ms;
    int64_t timeout_s;
};

struct config_discovery {
    const char *prefix; // "": nothing is announced
    const char *route;  // "": the first
    const char *device;
};

struct config_job {
    const char *name;
    const char *application_id;
    const char *resource_job_id;
    bool actions[ACTION_COUNT]; // status is always allowed
    int64_t ttl_s;
    bool follow;
    bool watch;
    enum config_overlap overlap;
};

struct config_route {
    const char *name;
    const char *filter;
    const char *job;     // "": the topic says it, by {job}
    const char *action;  // "": the topic says it, by {action}
    const char *context; // "": the payload is a command of ours
    const char *replies; // a fixed job or action is put in already, here and in all below and in context
    // The topics of the four replies as templates; by default replies with /accepted, /rejected, /status, /log.
    const char *accepted;
    const char *rejected;
    const char *status;
    const char *log;
    const char *response_topics; // filter that a Response Topic must match; "": none is allowed
};

struct config {
    struct config_broker broker;
    struct config_api api;
    struct config_journal journal;
    struct config_follow follow;
    struct config_discovery discovery;
    const char *http_listen;
    const char *http_token_file;
    enum log_level log_level;
    enum log_format log_format;
    struct config_job *jobs;
    size_t job_count;
    struct config_route *routes;
    size_t route_count;
    struct config_store *store; // what owns the texts
};

struct config_problem {
    char *file;
    int line;   // 0: the file as a whole
    char *key;  // dotted, "jobs[2].ttl_s", or ""
    char *text; // what is wrong, what was expected
};

struct config_problems {
    struct config_problem *items;
    size_t count;
    size_t left_out; // beyond CONFIG_PROBLEMS_MAX
};

// Reads and checks the file. STATUS_OK with *config (config_free), or STATUS_INVALID / STATUS_IO / STATUS_TOO_LARGE /
// STATUS_NO_MEMORY with at least one problem (when memory is short it may only be counted). problems is always valid
// afterwards (config_problems_free), in the order of the file. Not called config_read: libconfig exports that name.
// File names in the configuration are relative to its own folder; they come out ready for open(2).
enum status config_load(const char *path, struct config **config, struct config_problems *problems);
void config_free(struct config *config); // NULL is allowed
void config_problems_free(struct config_problems *problems);

// Whether every file and environment variable that the configuration names is there, readable and, where it holds a
// secret, not empty; adds to problems what is not. STATUS_OK when nothing was added, else STATUS_INVALID. Apart from
// config_load, because only the user that the bridge runs as may read the secrets.
enum status config_check_files(const struct config *config, struct config_problems *problems);

// Whether http.listen is reached from other machines: by TCP, and not on a loopback address.
bool config_listens_to_others(const struct config *config);

// NULL when there is none.
const struct config_job *config_job(const struct config *config, struct span name);

// The secret of a file (one trailing newline is dropped) or, when file is "", of an environment variable. Fails on an
// empty one, on control characters, and on more than CONFIG_SECRET_MAX_BYTES; *why is then a phrase without the secret.
enum status config_secret(const char *file, const char *variable, struct bytes *secret, const char **why);

#endif
