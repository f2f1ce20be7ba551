// SPDX-License-Identifier: Apache-2.0
// See cli_probe.h: the rows and how they are shown. Main thread.
#include "cli/cli_probe.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/cli_config.h"
#include "cli/cli_options.h"
#include "cli/cli_table.h"
#include "rules/json.h"
#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

static const char more[] =
    "Looks for real at: the journal's folder, the certificates that sign, the broker (reach, TLS, login, each\n"
    "subscription), the API (reach, TLS, token, clock) and each job (its settings and its log). Nothing is executed,\n"
    "published or written, and a running bridge is not disturbed: run it as the bridge's user, before or beside it.\n\n"
    "Examples:\n"
    "  jobbridge probe -c my.conf\n"
    "  jobbridge probe --json | jq '.rows[] | select(.verdict == \"bad\")'\n\n"
    "Exit codes: 0 all is well, 69 something is not, 78 the configuration is wrong, 64 wrong usage.\n";

struct cli_probe {
    struct config *config;
    const char *client_id;
    bool json;
    size_t bad;
    size_t count;
    struct cli_table table;
    struct bytes report;
};

static const char *const verdicts[] = {[CLI_OK] = "ok", [CLI_BAD] = "bad", [CLI_SKIPPED] = "-"};

static void put_row(struct cli_probe *probe, const char *check, enum cli_verdict verdict, const char *remedy,
                    const char *text)
{
    struct bytes *out = &probe->report;
    if (probe->count > 1) {
        bytes_add_char(out, ',');
    }
    bytes_add_char(out, '{');
    json_put_member_text(out, "check", span_of(check));
    json_put_member_text(out, "verdict", span_of(verdict == CLI_SKIPPED ? "skipped" : verdicts[verdict]));
    json_put_member_text(out, "text", span_of(text));
    json_put_member_text(out, "remedy", span_of(remedy));
    bytes_add_char(out, '}');
}

void cli_probe_row(struct cli_probe *probe, const char *check, enum cli_verdict verdict, const char *remedy,
                   const char *format, ...)
{
    char text[CLI_PROBE_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    probe->count++;
    probe->bad += verdict == CLI_BAD;
    put_row(probe, check, verdict, remedy, text);
    cli_table_add(&probe->table, span_of(verdicts[verdict]));
    cli_table_add(&probe->table, span_of(check));
    cli_table_add(&probe->table, span_of(text));
    if (remedy[0]) {
        cli_table_add(&probe->table, SPAN_NONE);
        cli_table_add(&probe->table, SPAN_NONE);
        char line[CLI_PROBE_TEXT_BYTES];
        (void)snprintf(line, sizeof line, "-> %s", remedy);
        cli_table_add(&probe->table, span_of(line));
    }
}

const struct config *cli_probe_config(const struct cli_probe *probe)
{
    return probe->config;
}

const char *cli_probe_client_id(const struct cli_probe *probe)
{
    return probe->client_id;
}

static void print(struct cli_probe *probe)
{
    if (probe->json) {
        printf("{\"ok\":%s,\"rows\":[%s]}\n", probe->bad == 0 ? "true" : "false", bytes_text(&probe->report));
        return;
    }
    cli_table_print(&probe->table, stdout);
    if (probe->bad > 0) {
        (void)fprintf(stderr, "%zu of %zu checks are bad\n", probe->bad, probe->count);
    }
}

int cli_probe(int argc, char **argv)
{
    struct cli_probe probe = {0};
    const struct cli_flag flags[] = {
        {"client-id", NULL, &probe.client_id, "where the broker prescribes one; not the bridge's", "ID", NULL}};
    const struct cli_spec spec = {
        .usage = "probe [-c FILE] [--json] [--client-id ID]",
        .help = "Tries broker, certificates, token and each job for real; says of each how it is and what to do.",
        .more = more,
        .json = true,
        .flags = flags,
        .flag_count = sizeof flags / sizeof flags[0],
    };
    struct cli_options options;
    if (!cli_options_parse(&spec, argc, argv, &options)) {
        return options.exit_code;
    }
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    int exit_code = cli_config_load(options.config_path, true, &probe.config);
    if (exit_code != EX_OK) {
        return exit_code;
    }
    probe.json = options.json;
    cli_table_init(&probe.table, 3);
    bytes_init(&probe.report, CLI_PROBE_REPORT_BYTES);
    cli_probe_journal(&probe);
    cli_probe_stores(&probe);
    cli_probe_broker(&probe);
    cli_probe_api(&probe);
    cli_probe_expiry(&probe);
    print(&probe);
    memory_check(bytes_ok(&probe.report));
    cli_table_free(&probe.table);
    bytes_free(&probe.report);
    config_free(probe.config);
    return probe.bad == 0 ? EX_OK : EX_UNAVAILABLE;
}
