// SPDX-License-Identifier: Apache-2.0
// The API: whether it is there, proves who it is, takes the token, has the same time, and lets us read each job and its
// log, which is what finding a lost answer needs. Whether it would let us execute is not tried: that would be a run.
// Main thread.
#include "base/clock.h"
#include "base/memory.h"
#include "cli/cli_probe.h"
#include "io/http.h"
#include "rules/outcome.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
    bool came;
    enum transport transport;
    int status;
    int64_t date_ms; // -1: none
    struct outcome outcome;
    char error[CLI_PROBE_TEXT_BYTES];
};

struct api {
    struct cli_probe *probe;
    struct http *http;
    struct clock clock;
    struct answer answer;
    enum action action;
    bool clock_told;
    bool token_told;
};

static void take_answer(void *context, int64_t tag, const struct http_response *response)
{
    struct api *api = context;
    struct answer *answer = &api->answer;
    struct outcome_input input = {.action = api->action,
                                  .transport = response->transport,
                                  .http_status = response->status,
                                  .body = response->body,
                                  .retry_after = response->retry_after,
                                  .wall_ms = clock_wall_ms(&api->clock)};
    (void)tag;
    *answer = (struct answer){.came = true, .transport = response->transport, .status = response->status};
    answer->date_ms = outcome_http_date_ms(response->date);
    outcome_decide(&input, &answer->outcome);
    (void)snprintf(answer->error, sizeof answer->error, "%s", response->error);
}

// One call, to its end.
static const struct answer *ask(struct api *api, const struct config_job *job, enum action action)
{
    char path[HTTP_URL_MAX_BYTES];
    int64_t until_ms = clock_now_ms(&api->clock) + cli_probe_config(api->probe)->api.request_timeout_ms + 1000;
    (void)snprintf(path, sizeof path, "/applications/%s/resource-jobs/%s%s", job->application_id, job->resource_job_id,
                   action == ACTION_LOGS ? "/logs?limit=1" : "");
    struct http_request request = {.method = HTTP_GET, .path = path, .done = take_answer, .context = api};
    api->answer = (struct answer){.transport = TRANSPORT_LOST, .date_ms = -1};
    api->action = action;
    memory_check(http_send(api->http, &request) == STATUS_OK);
    while (!api->answer.came && clock_now_ms(&api->clock) < until_ms) {
        http_run(api->http);
        if (!api->answer.came) {
            http_wait(api->http, NULL, 0, 1000);
        }
    }
    return &api->answer;
}

static bool probe_reach(struct api *api)
{
    const struct config_api *config = &cli_probe_config(api->probe)->api;
    char why[CLI_PROBE_TEXT_BYTES];
    struct http_reach_settings settings = {.url = config->base_url,
                                           .ca_file = config->tls_ca_file,
                                           .cert_file = "",
                                           .key_file = "",
                                           .verify = true,
                                           .alpn = true,
                                           .timeout_ms = CLI_PROBE_CONNECT_MS};
    enum http_reach reach = http_reach(&settings, why, sizeof why);
    if (reach == HTTP_REACH_NO_HOST || reach == HTTP_REACH_NO_CONNECTION) {
        cli_probe_row(api->probe, "API reach", CLI_BAD,
                      "api.base_url: is it right? does this machine reach the Internet, has it DNS, is there a proxy?",
                      "%s: %s", config->base_url, why);
        cli_probe_row(api->probe, "API TLS", CLI_SKIPPED, "", "not tried: see above");
        return false;
    }
    cli_probe_row(api->probe, "API reach", CLI_OK, "", "%s", config->base_url);
    if (reach == HTTP_REACH_NO_TLS) {
        cli_probe_row(api->probe, "API TLS", CLI_BAD,
                      "see to the CA store above and to this machine's clock; is somebody in between?", "%s", why);
        return false;
    }
    bool tls = strncmp(config->base_url, "https:", 6) == 0;
    cli_probe_row(api->probe, "API TLS", tls ? CLI_OK : CLI_SKIPPED, "",
                  tls ? "the API's certificate is good" : "not used (http://)");
    return true;
}

static void probe_clock(struct api *api, const struct answer *answer)
{
    int64_t apart_ms = answer->date_ms - clock_wall_ms(&api->clock);
    int64_t size_ms = apart_ms < 0 ? -apart_ms : apart_ms;
    if (api->clock_told || !answer->came || answer->transport != TRANSPORT_OK) {
        return;
    }
    api->clock_told = true;
    if (answer->date_ms < 0) {
        cli_probe_row(api->probe, "clock", CLI_SKIPPED, "", "the API does not tell its time");
    } else if (size_ms <= CLI_PROBE_CLOCK_MS) {
        cli_probe_row(api->probe, "clock", CLI_OK, "", "%" PRId64 " s apart from the API's", size_ms / 1000);
    } else {
        cli_probe_row(api->probe, "clock", CLI_BAD,
                      "set this machine's clock (timedatectl set-ntp true): times in replies and ttl go by it",
                      "this machine is %" PRId64 " s %s the API", size_ms / 1000, apart_ms > 0 ? "behind" : "ahead of");
    }
}

// false: the token is not taken, and the rest need not be tried.
static bool probe_token(struct api *api, const struct answer *answer)
{
    if (answer->transport == TRANSPORT_OK && answer->status == 401) {
        cli_probe_row(
            api->probe, "token", CLI_BAD,
            "make an API token with the scopes resourceJob.execute, .get, .logs and .cancelExecution, and put it "
            "into api.token_file",
            "the API refuses it: %s: %s", answer->outcome.error_type, answer->outcome.error_message);
        return false;
    }
    if (!api->token_told && answer->transport == TRANSPORT_OK && answer->status < 500) {
        api->token_told = true;
        cli_probe_row(api->probe, "token", CLI_OK, "", "the API takes it");
    }
    return true;
}

static const char *job_remedy(int status)
{
    return status == 403   ? "give the token the scopes resourceJob.get and resourceJob.logs"
           : status == 404 ? "jobs: are application_id and resource_job_id right, and is the job there?"
           : status == 429 ? "the API's rate limit is reached: try later; api.rate keeps the bridge below it"
                           : "try again later; the API's status page may say more";
}

static void tell_job(struct api *api, const struct config_job *job, const char *what, const struct answer *answer)
{
    char check[128];
    (void)snprintf(check, sizeof check, "job %s", job->name);
    if (answer->transport != TRANSPORT_OK) {
        cli_probe_row(api->probe, check, CLI_BAD, "try again later; the network loses answers", "%s: %s", what,
                      answer->error[0] ? answer->error : "no answer in time");
    } else {
        cli_probe_row(api->probe, check, CLI_BAD, job_remedy(answer->status), "%s: %d %s: %s", what, answer->status,
                      answer->outcome.error_type, answer->outcome.error_message);
    }
}

// false: the token is not taken.
static bool probe_job(struct api *api, const struct config_job *job)
{
    char check[128];
    const struct answer *answer = ask(api, job, ACTION_GET);
    probe_clock(api, answer);
    if (!probe_token(api, answer)) {
        cli_probe_row(api->probe, "jobs", CLI_SKIPPED, "", "not tried: see above");
        return false;
    }
    if (answer->outcome.kind != OUTCOME_DONE) {
        tell_job(api, job, "it cannot be read", answer);
        return true;
    }
    answer = ask(api, job, ACTION_LOGS);
    if (answer->outcome.kind != OUTCOME_DONE) {
        tell_job(api, job, "its log cannot be read", answer);
        return true;
    }
    (void)snprintf(check, sizeof check, "job %s", job->name);
    cli_probe_row(api->probe, check, CLI_OK, "", "it and its log can be read");
    return true;
}

static bool open_api(struct api *api)
{
    const struct config_api *config = &cli_probe_config(api->probe)->api;
    struct http_settings settings = {.base_url = config->base_url,
                                     .ca_file = config->tls_ca_file,
                                     .connect_timeout_ms = config->connect_timeout_ms,
                                     .request_timeout_ms = config->request_timeout_ms,
                                     .max_connections = 1};
    struct bytes token;
    const char *why = "";
    memory_check(http_create(&settings, &api->http) == STATUS_OK);
    bytes_init(&token, CONFIG_SECRET_MAX_BYTES);
    bool ok = config_secret(config->token_file, config->token_env, &token, &why) == STATUS_OK;
    if (ok) {
        memory_check(http_set_token(api->http, bytes_span(&token)) == STATUS_OK);
    } else {
        cli_probe_row(api->probe, "token", CLI_BAD, "see to api.token_file", "%s", why);
    }
    if (token.data) {
        explicit_bzero(token.data, token.len);
    }
    bytes_free(&token);
    return ok;
}

void cli_probe_api(struct cli_probe *probe)
{
    const struct config *config = cli_probe_config(probe);
    struct api api = {.probe = probe, .clock = clock_real()};
    bool go_on = open_api(&api) && probe_reach(&api);
    if (!go_on) {
        cli_probe_row(probe, "jobs", CLI_SKIPPED, "", "not tried: see above");
    }
    for (size_t i = 0; go_on && i < config->job_count; i++) {
        go_on = probe_job(&api, &config->jobs[i]);
    }
    http_free(api.http);
}
