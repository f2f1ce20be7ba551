// SPDX-License-Identifier: Apache-2.0
// See cli_config.h. Must never print a secret: there is none in what it reads. Main thread.
#include "cli/cli_config.h"
#include "base/log.h"
#include <sysexits.h>

void cli_config_print(FILE *to, const struct config_problems *problems)
{
    const char *priority = log_priority(fileno(to), LOG_LEVEL_ERROR);
    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->items[i];
        (void)fprintf(to, "%s%s:%d: %s%s%s\n", priority, problem->file, problem->line, problem->key,
                      problem->key[0] != '\0' ? ": " : "", problem->text);
    }
    if (problems->left_out > 0) {
        (void)fprintf(to, "%sand %zu more\n", priority, problems->left_out);
    }
}

int cli_config_load(const char *path, bool files, struct config **config)
{
    struct config_problems problems;
    enum status rc = config_load(path, config, &problems);
    if (rc == STATUS_OK && files) {
        rc = config_check_files(*config, &problems);
    }
    cli_config_print(stderr, &problems);
    config_problems_free(&problems);
    if (rc != STATUS_OK) {
        config_free(*config);
        *config = NULL;
        return rc == STATUS_NO_MEMORY ? EX_OSERR : EX_CONFIG;
    }
    return EX_OK;
}
