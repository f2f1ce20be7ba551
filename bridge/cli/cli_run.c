// SPDX-License-Identifier: Apache-2.0
// `jobbridge run`: reads the configuration, tells what is wrong with it, and hands it to the daemon. Main thread.
#include "cli/cli_run.h"
#include "cli/cli_config.h"
#include "cli/cli_options.h"
#include "daemon/daemon.h"
#include <sysexits.h>

int cli_run(int argc, char **argv)
{
    static const struct cli_spec spec = {
        .usage = "run -c FILE",
        .help = "Runs the bridge in the foreground until SIGTERM or SIGINT.",
        .more = "SIGHUP reads the configuration again; a wrong one changes nothing.\n\n"
                "Example:\n"
                "  jobbridge check -c my.conf && jobbridge run -c my.conf\n",
    };
    struct cli_options options;
    if (!cli_options_parse(&spec, argc, argv, &options)) {
        return options.exit_code;
    }
    struct config *config = NULL;
    int exit_code = cli_config_load(options.config_path, true, &config);
    if (exit_code != EX_OK) {
        return exit_code;
    }
    return daemon_run(options.config_path, config);
}
