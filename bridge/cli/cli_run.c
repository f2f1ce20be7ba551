// SPDX-License-Identifier: Apache-2.0
// `jobbridge run`: reads the configuration, tells what is wrong with it, and hands it to the daemon. Main thread.
#include "cli/cli_run.h"
#include "cli/cli_options.h"
#include "daemon.h"
#include <stdio.h>
#include <sysexits.h>

static void print_problems(const struct config_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->items[i];
        (void)fprintf(stderr, "%s:%d: %s%s%s\n", problem->file, problem->line, problem->key,
                      problem->key[0] != '\0' ? ": " : "", problem->text);
    }
}

int cli_run(int argc, char **argv)
{
    static const struct cli_spec spec = {
        .usage = "run -c FILE",
        .help = "Runs the bridge in the foreground until SIGTERM or SIGINT.",
        .more = "SIGHUP reads the configuration again; a wrong one changes nothing.\n",
    };
    struct cli_options options;
    if (!cli_options_parse(&spec, argc, argv, &options)) {
        return options.exit_code;
    }
    struct config *config = NULL;
    struct config_problems problems;
    enum status rc = config_load(options.config_path, &config, &problems);
    if (rc == STATUS_OK) {
        rc = config_check_files(config, &problems);
    }
    print_problems(&problems);
    config_problems_free(&problems);
    if (rc != STATUS_OK) {
        config_free(config);
        return rc == STATUS_NO_MEMORY ? EX_OSERR : EX_CONFIG;
    }
    return daemon_run(options.config_path, config);
}
