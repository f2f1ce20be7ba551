// SPDX-License-Identifier: Apache-2.0
// The command line that all subcommands share: -c FILE, --json, --help, and a subcommand's own flags from a table.
// Main thread.
//
//   static const struct cli_flag flags[] = {{"follow", &follow, NULL, "shows the run until its end"}};
//   struct cli_options options;
//   if (!cli_options_parse(&spec, argc, argv, &options)) {
//       return options.exit_code;
//   }
#ifndef CLI_CLI_OPTIONS_H
#define CLI_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define CLI_CONFIG_DEFAULT "/etc/jobbridge/jobbridge.conf"
#define CLI_FLAGS_MAX      8
#define CLI_REPEAT_MAX     16

struct cli_flag {
    const char *name;   // without its dashes
    bool *set;          // a switch, or NULL
    const char **value; // a flag with a value, or NULL
    const char *help;   // NULL: not shown by --help
    const char *word;   // how --help calls the value, NULL: none
    size_t *count;      // not NULL: the flag may come CLI_REPEAT_MAX times, value is the first of so many places
};

struct cli_spec {
    const char *usage; // what stands after "jobbridge": "call -c FILE JOB ACTION [JSON]"
    const char *help;  // one sentence: what it does
    const char *more;  // lines for --help after the options (examples), or NULL
    bool json;         // whether --json is known
    const struct cli_flag *flags;
    size_t flag_count;
    int args_min, args_max; // how many words may stand besides the options
};

struct cli_options {
    const char *config_path;
    bool json;
    int exit_code; // when parsing says not to go on: EX_OK after --help, EX_USAGE after a mistake
    int argc;      // the words besides the options
    char **argv;
};

// argv[0] is the subcommand's name. Options may stand anywhere; "--" ends them. Returns whether to go on.
bool cli_options_parse(const struct cli_spec *spec, int argc, char **argv, struct cli_options *options);

#endif
