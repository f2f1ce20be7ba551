// SPDX-License-Identifier: Apache-2.0
// getopt_long behind one call, so that every subcommand takes the same options in the same way.
// Must never touch anything but its arguments and the two output streams. Main thread.
#include "cli/cli_options.h"
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

enum { OPTION_JSON = 256, OPTION_FLAG };

#define COMMON_OPTIONS 4 // --config, --help, --json and the end

static void print_help(const struct cli_spec *spec)
{
    printf("Usage: jobbridge %s\n\n%s\n\n", spec->usage, spec->help);
    printf("  -c, --config FILE       the configuration (%s)\n", CLI_CONFIG_DEFAULT);
    if (spec->json) {
        printf("      --json              prints the result as JSON\n");
    }
    for (size_t i = 0; i < spec->flag_count; i++) {
        if (spec->flags[i].help != NULL) {
            char name[64];
            const char *word = spec->flags[i].word;
            (void)snprintf(name, sizeof name, "%s%s%s", spec->flags[i].name, word ? " " : "", word ? word : "");
            printf("      --%-17s %s\n", name, spec->flags[i].help);
        }
    }
    printf("  -h, --help              prints this\n");
    if (spec->more != NULL) {
        printf("\n%s", spec->more);
    }
}

static void fill_table(const struct cli_spec *spec, struct option *table)
{
    size_t at = 0;
    table[at++] = (struct option){"config", required_argument, NULL, 'c'};
    table[at++] = (struct option){"help", no_argument, NULL, 'h'};
    if (spec->json) {
        table[at++] = (struct option){"json", no_argument, NULL, OPTION_JSON};
    }
    for (size_t i = 0; i < spec->flag_count && i < CLI_FLAGS_MAX; i++) {
        int takes = spec->flags[i].value != NULL ? required_argument : no_argument;
        table[at++] = (struct option){spec->flags[i].name, takes, NULL, OPTION_FLAG + (int)i};
    }
    table[at] = (struct option){NULL, 0, NULL, 0};
}

static bool stop(struct cli_options *options, int exit_code)
{
    options->exit_code = exit_code;
    return false;
}

static bool stop_usage(const struct cli_spec *spec, struct cli_options *options)
{
    (void)fprintf(stderr, "Usage: jobbridge %s\n", spec->usage);
    return stop(options, EX_USAGE);
}

// false: it came too often.
static bool set_flag(const struct cli_flag *flag)
{
    if (flag->set != NULL) {
        *flag->set = true;
    }
    if (flag->count != NULL) {
        if (*flag->count == CLI_REPEAT_MAX) {
            return false;
        }
        flag->value[(*flag->count)++] = optarg;
    } else if (flag->value != NULL) {
        *flag->value = optarg;
    }
    return true;
}

// Instead of getopt's own message, which would leave out the program's name.
static void complain_option(char **argv, int option)
{
    const char *what = option == ':' ? "needs a value" : "is not known, or takes no value";
    if (optopt > 0 && optopt < OPTION_JSON) {
        (void)fprintf(stderr, "jobbridge %s: option -%c %s\n", argv[0], optopt, what);
    } else {
        (void)fprintf(stderr, "jobbridge %s: option %s %s\n", argv[0], argv[optind - 1], what);
    }
}

bool cli_options_parse(const struct cli_spec *spec, int argc, char **argv, struct cli_options *options)
{
    struct option table[COMMON_OPTIONS + CLI_FLAGS_MAX];
    int option = 0;
    *options = (struct cli_options){.config_path = CLI_CONFIG_DEFAULT};
    fill_table(spec, table);
    optind = 0; // GNU: start over, also in a program that has parsed before
    while ((option = getopt_long(argc, argv, ":c:h", table, NULL)) != -1) {
        if (option == 'c') {
            options->config_path = optarg;
        } else if (option == 'h') {
            print_help(spec);
            return stop(options, EX_OK);
        } else if (option == OPTION_JSON) {
            options->json = true;
        } else if (option >= OPTION_FLAG) {
            if (!set_flag(&spec->flags[option - OPTION_FLAG])) {
                (void)fprintf(stderr, "jobbridge %s: %s more than %d times\n", argv[0], argv[optind - 1],
                              CLI_REPEAT_MAX);
                return stop_usage(spec, options);
            }
        } else {
            complain_option(argv, option);
            return stop_usage(spec, options);
        }
    }
    options->argc = argc - optind;
    options->argv = argv + optind;
    if (options->argc < spec->args_min || options->argc > spec->args_max) {
        (void)fprintf(stderr, "jobbridge %s: %s\n", argv[0],
                      options->argc < spec->args_min ? "an argument is missing" : "too many arguments");
        return stop_usage(spec, options);
    }
    return true;
}
