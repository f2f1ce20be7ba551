// SPDX-License-Identifier: Apache-2.0
// Reads the configuration for a subcommand and tells what is wrong with it. Must never change it. Main thread.
#ifndef CLI_CLI_CONFIG_H
#define CLI_CLI_CONFIG_H

#include "io/config.h"
#include <stdio.h>

// A line for each: FILE:LINE: KEY: what is wrong. Where that is the journal of systemd, as errors.
void cli_config_print(FILE *to, const struct config_problems *problems);
// EX_OK with *config (config_free), else the exit code and the problems on standard error. files: whether the secrets
// must be readable too.
int cli_config_load(const char *path, bool files, struct config **config);

#endif
