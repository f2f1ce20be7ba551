// SPDX-License-Identifier: Apache-2.0
// Reads the configuration for a subcommand and tells on standard error what is wrong with it. Main thread.
#ifndef CLI_CLI_CONFIG_H
#define CLI_CLI_CONFIG_H

#include "io/config.h"

// EX_OK with *config (config_free), else the exit code. files: whether the secrets must be readable too.
int cli_config_load(const char *path, bool files, struct config **config);

#endif
