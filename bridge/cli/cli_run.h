// SPDX-License-Identifier: Apache-2.0
// `jobbridge run`: the bridge in the foreground. Main thread.
#ifndef CLI_CLI_RUN_H
#define CLI_CLI_RUN_H

// EX_OK after SIGTERM or SIGINT; EX_CONFIG with every problem on standard error; else another code of sysexits(3).
int cli_run(int argc, char **argv);

#endif
