// SPDX-License-Identifier: Apache-2.0
// Prints what io/config finds. Must never change anything, connect to anything, or print a secret. Main thread.
#include "cli/cli_check.h"
#include "cli/cli_config.h"
#include "cli/cli_options.h"
#include "io/config.h"
#include "io/config_schema.h"
#include "rules/json.h"
#include <stdio.h>
#include <sysexits.h>

#define REPORT_MAX_BYTES ((size_t)1024 * 1024) // 200 problems of at most 2 KiB each, escaped, fit well

// An empty array or object begins with its bracket, so json_put_key knows where a comma belongs; elements do not.
static void put_separator(struct bytes *out)
{
    const char *text = bytes_text(out);
    if (out->len > 0 && text[out->len - 1] != '[') {
        bytes_add_char(out, ',');
    }
}

static void put_problems(struct bytes *out, const struct config_problems *problems)
{
    bool ok = problems->count + problems->left_out == 0;
    bytes_add_char(out, '{');
    json_put_member_raw(out, "ok", ok ? SPAN("true") : SPAN("false"));
    json_put_key(out, "problems");
    bytes_add_char(out, '[');
    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->items[i];
        put_separator(out);
        bytes_add_char(out, '{');
        json_put_member_text(out, "file", span_of(problem->file));
        json_put_member_int(out, "line", problem->line);
        json_put_member_text(out, "key", span_of(problem->key));
        json_put_member_text(out, "text", span_of(problem->text));
        bytes_add_char(out, '}');
    }
    bytes_add_char(out, ']');
    json_put_member_int(out, "leftOut", (int64_t)problems->left_out);
    bytes_add_char(out, '}');
}

static int print_json(struct bytes *out, int exit_code)
{
    bool ok = bytes_ok(out);
    if (ok) {
        puts(bytes_text(out));
    } else {
        (void)fprintf(stderr, "jobbridge check: %s\n", status_text(STATUS_NO_MEMORY));
    }
    bytes_free(out);
    return ok ? exit_code : EX_OSERR;
}

static void put_key_row(struct bytes *out, const struct config_key *key)
{
    static const char *const types[] = {
        [CONFIG_TEXT] = "text", [CONFIG_PATH] = "path", [CONFIG_INT] = "int",        [CONFIG_BOOL] = "bool",
        [CONFIG_ENUM] = "enum", [CONFIG_RATE] = "rate", [CONFIG_ACTIONS] = "actions"};
    bytes_add_char(out, '{');
    json_put_member_text(out, "path", span_of(key->path));
    json_put_member_text(out, "type", span_of(types[key->type]));
    json_put_member_raw(out, "required", key->required ? SPAN("true") : SPAN("false"));
    if (!key->required) {
        // A default as it stands in the file is JSON as well: a number, a text, true, false or a list of texts.
        json_put_member_raw(out, "default", span_of(key->fallback));
    }
    if (key->type == CONFIG_INT) {
        json_put_member_int(out, "min", key->min);
        json_put_member_int(out, "max", key->max);
    }
    if (key->words != NULL) {
        json_put_member_text(out, "words", span_of(key->words));
    }
    json_put_member_text(out, "help", span_of(key->help));
    bytes_add_char(out, '}');
}

static int print_schema(void)
{
    struct bytes out;
    bytes_init(&out, REPORT_MAX_BYTES);
    bytes_add_char(&out, '[');
    for (size_t i = 0; i < config_key_count; i++) {
        put_separator(&out);
        put_key_row(&out, &config_keys[i]);
    }
    bytes_add_char(&out, ']');
    return print_json(&out, EX_OK);
}

static int check_file(const struct cli_options *options)
{
    struct config *config = NULL;
    struct config_problems problems;
    enum status rc = config_load(options->config_path, &config, &problems);
    if (rc == STATUS_OK) {
        rc = config_check_files(config, &problems);
    }
    int exit_code = rc == STATUS_OK ? EX_OK : EX_CONFIG;
    if (options->json) {
        struct bytes out;
        bytes_init(&out, REPORT_MAX_BYTES);
        put_problems(&out, &problems);
        exit_code = print_json(&out, exit_code);
    } else if (rc == STATUS_OK) {
        puts("ok");
    } else {
        cli_config_print(stdout, &problems);
    }
    config_problems_free(&problems);
    config_free(config);
    return exit_code;
}

// One name a line, for the completion of a shell: what is wrong with the file is not its business.
static int print_jobs(const struct cli_options *options)
{
    struct config *config = NULL;
    struct config_problems problems;
    enum status rc = config_load(options->config_path, &config, &problems);
    config_problems_free(&problems);
    for (size_t i = 0; rc == STATUS_OK && i < config->job_count; i++) {
        puts(config->jobs[i].name);
    }
    config_free(config);
    return rc == STATUS_OK ? EX_OK : EX_CONFIG;
}

int cli_check(int argc, char **argv)
{
    bool schema = false;
    bool jobs = false;
    const struct cli_flag flags[] = {{"schema", &schema, NULL, NULL, NULL, NULL},
                                     {"jobs", &jobs, NULL, NULL, NULL, NULL}};
    const struct cli_spec spec = {
        .usage = "check [-c FILE] [--json]",
        .help = "Reads the configuration and prints every problem in it, or ok.",
        .more = "Example:\n"
                "  jobbridge check -c my.conf && systemctl reload jobbridge\n\n"
                "Exit codes: 0 all is right, 78 something is wrong, 64 wrong usage.\n",
        .json = true,
        .flags = flags,
        .flag_count = sizeof flags / sizeof flags[0],
    };
    struct cli_options options;
    if (!cli_options_parse(&spec, argc, argv, &options)) {
        return options.exit_code;
    }
    return schema ? print_schema() : jobs ? print_jobs(&options) : check_file(&options);
}
