// SPDX-License-Identifier: Apache-2.0
// See cli_call.h. It subscribes before it publishes, so that no reply can be missed, and knows its replies by a
// requestId of its own. Must never use the bridge's client id. Main thread.
#include "cli/cli_call.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/near.h"
#include "base/random.h"
#include "cli/cli_address.h"
#include "cli/cli_config.h"
#include "cli/cli_link.h"
#include "cli/cli_options.h"
#include "cli/cli_reply.h"
#include "rules/json.h"
#include "rules/translate.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define REQUEST_ID_BYTES ((size_t)COMMAND_REQUEST_ID_MAX * 4 + 1)
#define FILTERS_MAX      (CLI_REPLY_COUNT + 1) // the replies' and the bridge's status

static const char more[] =
    "Sends the command on the topic of the first route that fits, as a device would, and waits for the answer. The\n"
    "bridge must run somewhere; this is a client of the same broker. JSON is the command's payload, - reads it from\n"
    "standard input. A route with other captures than {job} and {action} needs a value for each.\n\n"
    "Examples:\n"
    "  jobbridge call --capture device=d1 recalibrate execute --follow\n"
    "  jobbridge call --capture device=d1 recalibrate execute '{\"templateContext\": {\"n\": 1}}'\n"
    "  jobbridge call --capture device=d1 recalibrate get --json | jq .payload.body.name\n"
    "  jobbridge call --capture device=d1 recalibrate cancelExecution '{\"of\": \"r1\"}'\n\n"
    "--json prints one object a line: {\"reply\": \"accepted\", \"topic\": ..., \"payload\": the bridge's reply}.\n"
    "Exit codes: 0 accepted, with --follow: the run succeeded; 64 wrong usage, 65 the command is wrong, 66 there is "
    "no\n"
    "such thing, 69 refused otherwise or no broker, 70 the run did not succeed, 75 no answer or try again, 77 not\n"
    "allowed.\n";

struct call {
    const struct config *config;
    struct cli_link link;
    struct cli_address address;
    struct bytes status_topic; // of the bridge
    char request_id[REQUEST_ID_BYTES];
    struct bytes payload;
    int64_t timeout_s; // 0: by default
    bool follow;
    bool json;
    bool terminal;
    bool line_open; // a progress line that is written over
    bool ended;
    bool accepted;
    bool finished;  // the final status has come
    int final_code; // and what it means
    int exit_code;
    char bridge_state[16];
};

static int fail(const char *text, const char *what, int exit_code)
{
    (void)fprintf(stderr, "jobbridge call: %s%s\n", text, what);
    return exit_code;
}

// The payload's own requestId, or one of ours put before its first member.
static int take_payload(struct call *call, struct span text)
{
    struct json_value object;
    struct json_value value;
    struct bytes id;
    struct span given = text.len > 0 ? text : SPAN("{}");
    if (json_check(given, &object, NULL, NULL) != STATUS_OK || object.type != JSON_OBJECT) {
        return fail("JSON: must be one JSON object", "", EX_DATAERR);
    }
    bytes_init(&id, REQUEST_ID_BYTES - 1);
    if (json_find(object, "requestId", &value)) {
        bool ok = json_unescape(value, &id) == STATUS_OK && translate_request_id_valid(bytes_span(&id));
        (void)snprintf(call->request_id, sizeof call->request_id, "%s", bytes_text(&id));
        bytes_free(&id);
        bytes_add_span(&call->payload, object.raw);
        return ok ? EX_OK : fail("JSON: requestId must be 1 to 128 printable characters", "", EX_DATAERR);
    }
    struct random random;
    random_seed_system(&random);
    (void)snprintf(call->request_id, sizeof call->request_id, "call-%016llx", (unsigned long long)random_next(&random));
    struct json_iter iter = json_iter(object);
    struct span key;
    bool empty = !json_next_member(&iter, &key, &value);
    bytes_add_format(&call->payload, "{\"requestId\":\"%s\"%s", call->request_id, empty ? "" : ",");
    bytes_add_span(&call->payload, (struct span){object.raw.at + 1, object.raw.len - 1});
    return bytes_ok(&call->payload) ? EX_OK : fail("JSON: is too long", "", EX_DATAERR);
}

static int read_payload(struct call *call, const char *text)
{
    if (strcmp(text, "-") != 0) {
        return take_payload(call, span_of(text));
    }
    struct bytes input;
    char part[4096];
    size_t got = 0;
    bytes_init(&input, COMMAND_PAYLOAD_MAX);
    while ((got = fread(part, 1, sizeof part, stdin)) > 0) {
        bytes_add(&input, part, got);
    }
    int exit_code = ferror(stdin) || !bytes_ok(&input)
                        ? fail("standard input: cannot be read, or is too long", "", EX_DATAERR)
                        : take_payload(call, bytes_span(&input));
    bytes_free(&input);
    return exit_code;
}

static int find_job(const struct config *config, const char *name)
{
    if (config_job(config, span_of(name))) {
        return EX_OK;
    }
    (void)fprintf(stderr, "jobbridge call: the configuration has no job \"%s\"", name);
    for (size_t i = 0; i < config->job_count; i++) {
        if (near_enough(name, config->jobs[i].name)) {
            (void)fprintf(stderr, ", did you mean %s?", config->jobs[i].name);
            break;
        }
    }
    (void)fputc('\n', stderr);
    return EX_NOINPUT;
}

static int find_address(struct call *call, const struct cli_wish *wish)
{
    struct bytes why;
    bytes_init(&why, CLI_ADDRESS_WHY_BYTES);
    int exit_code = EX_OK;
    if (cli_address_find(call->config, wish, &call->address, &why) != STATUS_OK) {
        (void)fprintf(stderr, "jobbridge call: no route can carry %s %s:\n%s", wish->job, wish->action,
                      bytes_text(&why));
        exit_code = EX_USAGE;
    }
    bytes_free(&why);
    return exit_code;
}

static void end(struct call *call, int exit_code)
{
    call->ended = true;
    call->exit_code = exit_code;
}

static void print_json(const struct cli_reply_read *reply, const struct cli_message *message)
{
    static const char *const kinds[] = {"accepted", "rejected", "status", "log"};
    struct bytes line;
    bytes_init(&line, CLI_CALL_LINE_BYTES);
    bytes_add_char(&line, '{');
    json_put_member_text(&line, "reply", span_of(kinds[reply->kind]));
    json_put_member_text(&line, "topic", message->topic);
    json_put_member_raw(&line, "payload", message->payload);
    bytes_add_char(&line, '}');
    puts(bytes_text(&line));
    bytes_free(&line);
}

static void print_text(struct call *call, const struct cli_reply_read *reply)
{
    if (reply->kind == CLI_REPLY_LOG) {
        return; // the state says it shorter
    }
    if (reply->kind == CLI_REPLY_STATUS && call->terminal) {
        struct bytes bar;
        bytes_init(&bar, (size_t)CLI_REPLY_TEXT_BYTES * 2);
        cli_reply_bar(reply, &bar);
        printf("\r\x1b[K%s", bytes_text(&bar));
        bytes_free(&bar);
        call->line_open = true;
        return;
    }
    printf("%s%s\n", call->line_open ? "\r\x1b[K" : "", reply->text);
    call->line_open = false;
    if (reply->body.len > 0) {
        printf("%.*s\n", (int)reply->body.len, reply->body.at);
    }
}

static void take_reply(struct call *call, const struct cli_message *message)
{
    struct cli_reply_read reply;
    bool run = false;
    if (!cli_reply_parse(message->payload, call->request_id, &reply)) {
        return;
    }
    run = reply.kind == CLI_REPLY_STATUS || reply.kind == CLI_REPLY_LOG;
    if (run && !call->follow) {
        return;
    }
    if (call->json) {
        print_json(&reply, message);
    } else {
        print_text(call, &reply);
    }
    (void)fflush(stdout);
    call->accepted = call->accepted || reply.kind == CLI_REPLY_ACCEPTED;
    call->finished = call->finished || reply.final;
    call->final_code = reply.final ? reply.exit_code : call->final_code;
    if (reply.kind == CLI_REPLY_REJECTED || (reply.kind == CLI_REPLY_ACCEPTED && !call->follow)) {
        end(call, reply.exit_code);
    } else if (call->finished && call->accepted) {
        end(call, call->final_code);
    }
}

static void take_bridge(struct call *call, const struct cli_message *message)
{
    struct json_value object;
    struct json_value state;
    if (json_check(message->payload, &object, NULL, NULL) == STATUS_OK && json_find(object, "state", &state) &&
        state.type == JSON_STRING && state.raw.len < sizeof call->bridge_state) {
        (void)snprintf(call->bridge_state, sizeof call->bridge_state, "%.*s", (int)state.raw.len - 2, state.raw.at + 1);
    }
}

static void take_messages(struct call *call)
{
    struct cli_message *message = NULL;
    while (!call->ended && (message = cli_link_take(&call->link))) {
        if (span_equal(message->topic, bytes_span(&call->status_topic))) {
            take_bridge(call, message);
        } else {
            take_reply(call, message);
        }
        free(message);
    }
}

static int64_t deadline(const struct call *call, int64_t now_ms)
{
    int64_t seconds = call->timeout_s > 0 ? call->timeout_s
                      : call->accepted    ? call->config->follow.timeout_s + CLI_CALL_END_MARGIN_S
                                          : CLI_CALL_TIMEOUT_S;
    return now_ms + seconds * 1000;
}

static void tell_timeout(const struct call *call)
{
    const char *state = call->bridge_state;
    (void)fprintf(stderr,
                  call->accepted ? "jobbridge call: the run has not ended in time, and goes on (requestId %s)\n"
                                 : "jobbridge call: no answer in time; the command stays valid (requestId %s)\n",
                  call->request_id);
    if (!call->accepted) {
        (void)fprintf(stderr, "jobbridge call: %s says that the bridge is %s\n", bytes_text(&call->status_topic),
                      state[0] ? state : "nothing: is it running, at this broker, with broker.retain?");
    }
}

static void wait_replies(struct call *call)
{
    int64_t begun_ms = clock_now_ms(&call->link.clock);
    int64_t until_ms = deadline(call, begun_ms);
    while (!call->ended) {
        bool in_time = cli_link_wait(&call->link, until_ms);
        bool was_accepted = call->accepted;
        take_messages(call);
        if (call->accepted && !was_accepted && call->timeout_s == 0) {
            until_ms = deadline(call, clock_now_ms(&call->link.clock));
        }
        if (call->ended) {
            break;
        }
        if (call->link.refusal[0]) {
            end(call, fail("the broker refuses the command: ", call->link.refusal, EX_NOPERM));
        } else if (call->link.failed) {
            end(call, fail("the connection was lost: ", call->link.reason, EX_UNAVAILABLE));
        } else if (!in_time) {
            tell_timeout(call);
            end(call, EX_TEMPFAIL);
        }
    }
    if (call->line_open) {
        putchar('\n');
    }
}

static bool is_listed(const char *const *filters, size_t count, const char *filter)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(filters[i], filter) == 0) {
            return true;
        }
    }
    return false;
}

static int publish(struct call *call, size_t reply_filters)
{
    for (size_t i = 0; i < reply_filters; i++) {
        if (!mqtt_granted(call->link.mqtt, i)) {
            return fail("the broker does not let this client hear the replies on ",
                        bytes_text(&call->address.replies[i]), EX_NOPERM);
        }
    }
    struct mqtt_publication publication = {
        .id = 1, .topic = bytes_span(&call->address.topic), .payload = bytes_span(&call->payload), .json = true};
    if (mqtt_publish(call->link.mqtt, &publication) != STATUS_OK) {
        return fail("the connection was lost: ", call->link.reason, EX_UNAVAILABLE);
    }
    wait_replies(call);
    return call->exit_code;
}

static int talk(struct call *call, const char *client_id)
{
    char id[CLI_LINK_ID_BYTES];
    const char *filters[FILTERS_MAX];
    const char *why = "";
    size_t count = 0;
    cli_link_id(call->config->broker.client_id, "call", id);
    for (int kind = 0; kind < CLI_REPLY_COUNT; kind++) {
        const char *filter = bytes_text(&call->address.replies[kind]);
        if (!is_listed(filters, count, filter)) {
            filters[count++] = filter;
        }
    }
    size_t reply_filters = count;
    filters[count++] = bytes_text(&call->status_topic);
    if (cli_link_open(&call->link, call->config, client_id ? client_id : id, filters, count, &why) != STATUS_OK) {
        return fail("the broker's password cannot be read: ", why, EX_CONFIG);
    }
    int64_t wait_ms = call->timeout_s > 0 && call->timeout_s * 1000 < CLI_LINK_CONNECT_MS ? call->timeout_s * 1000
                                                                                          : CLI_LINK_CONNECT_MS;
    int exit_code =
        cli_link_connect(&call->link, clock_now_ms(&call->link.clock) + wait_ms)
            ? publish(call, reply_filters)
            : fail("no connection to the broker (try jobbridge probe): ", call->link.reason, EX_UNAVAILABLE);
    (void)fflush(stdout);
    cli_link_close(&call->link);
    return exit_code;
}

static int check_follow(const struct call *call, const char *job, const char *action)
{
    if (!call->follow) {
        return EX_OK;
    }
    if (strcmp(action, "execute") != 0) {
        return fail("--follow is for execute: nothing else runs", "", EX_USAGE);
    }
    return config_job(call->config, span_of(job))->follow
               ? EX_OK
               : fail("--follow: the configuration does not follow the runs of ", job, EX_USAGE);
}

static int read_timeout(struct call *call, const char *text)
{
    char *rest = NULL;
    if (text) {
        call->timeout_s = strtoll(text, &rest, 10);
        if (*rest != '\0' || call->timeout_s < 1 || call->timeout_s > CLI_CALL_TIMEOUT_MAX_S) {
            return fail("--timeout: no number of seconds from 1 to 31536000: ", text, EX_USAGE);
        }
    }
    return EX_OK;
}

static int run(struct call *call, const struct cli_options *options, struct cli_wish *wish, const char *client_id)
{
    struct config *config = NULL;
    int exit_code = cli_config_load(options->config_path, false, &config);
    if (exit_code == EX_OK) {
        call->config = config;
        bytes_add_format(&call->status_topic, "%s/status", config->broker.bridge_topic);
        exit_code = read_payload(call, options->argc > 2 ? options->argv[2] : "");
        wish->request_id = call->request_id;
        exit_code = exit_code != EX_OK ? exit_code : find_job(config, wish->job);
        exit_code = exit_code != EX_OK ? exit_code : check_follow(call, wish->job, wish->action);
        exit_code = exit_code != EX_OK ? exit_code : find_address(call, wish);
        exit_code = exit_code != EX_OK ? exit_code : talk(call, client_id);
    }
    cli_address_free(&call->address);
    config_free(config);
    return exit_code;
}

int cli_call(int argc, char **argv)
{
    const char *captures[CLI_REPEAT_MAX];
    const char *timeout = NULL;
    const char *client_id = NULL;
    struct call call = {.terminal = isatty(STDOUT_FILENO) == 1};
    struct cli_wish wish = {.captures = captures};
    const struct cli_flag flags[] = {
        {"follow", &call.follow, NULL, "shows the run until its end", NULL, NULL},
        {"capture", NULL, captures, "the value of a capture of the route's filter", "NAME=VALUE", &wish.capture_count},
        {"timeout", NULL, &timeout, "how long to wait (60, for the end of a run as long as the bridge)", "S", NULL},
        {"client-id", NULL, &client_id, "where the broker prescribes one; not the bridge's", "ID", NULL},
    };
    const struct cli_spec spec = {
        .usage = "call [-c FILE] [OPTION...] JOB ACTION [JSON]",
        .help = "Sends one command through the broker and prints what the bridge answers.",
        .more = more,
        .json = true,
        .flags = flags,
        .flag_count = sizeof flags / sizeof flags[0],
        .args_min = 2,
        .args_max = 3,
    };
    struct cli_options options;
    if (!cli_options_parse(&spec, argc, argv, &options)) {
        return options.exit_code;
    }
    int exit_code = read_timeout(&call, timeout);
    if (exit_code != EX_OK) {
        return exit_code;
    }
    call.json = options.json;
    wish.job = options.argv[0];
    wish.action = options.argv[1];
    bytes_init(&call.status_topic, (size_t)TOPIC_MAX_BYTES * 2);
    bytes_init(&call.payload, COMMAND_PAYLOAD_MAX);
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    exit_code = run(&call, &options, &wish, client_id);
    bytes_free(&call.status_topic);
    bytes_free(&call.payload);
    return exit_code;
}
