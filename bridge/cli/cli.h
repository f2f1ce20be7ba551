// SPDX-License-Identifier: Apache-2.0
// The table of subcommands and the choice among them. A new subcommand is one row in cli.c. Main thread.
#ifndef CLI_CLI_H
#define CLI_CLI_H

// Runs what the command line asks for; returns the exit code, one of sysexits(3).
int cli_main(int argc, char **argv);

#endif
