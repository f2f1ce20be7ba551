// SPDX-License-Identifier: Apache-2.0
// See reload.h. Must never log what a secret's file holds: the configuration has only its name. The main thread.
#include "daemon/reload.h"
#include <stdio.h>

static void tell_problems(const struct config_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->items[i];
        LOG_EACH(LOG_LEVEL_ERROR, "configuration not taken", LOG_TEXT("file", problem->file),
                 LOG_INT("line", problem->line), LOG_TEXT("key", problem->key), LOG_TEXT("why", problem->text));
    }
    if (problems->left_out > 0) {
        LOG_EACH(LOG_LEVEL_ERROR, "more problems of the configuration", LOG_INT("count", problems->left_out));
    }
}

enum status reload_read(const char *path, struct config **fresh, char *reason, size_t reason_bytes)
{
    struct config_problems problems;
    enum status rc = config_load(path, fresh, &problems);
    rc = rc != STATUS_OK ? rc : config_check_files(*fresh, &problems);
    if (rc != STATUS_OK) {
        const struct config_problem *first = problems.count > 0 ? &problems.items[0] : NULL;
        snprintf(reason, reason_bytes, "the new configuration is wrong; the old one is in use%s%s%s%s",
                 first ? ": " : "", first ? first->key : "", first && first->key[0] ? " " : "",
                 first ? first->text : "");
        tell_problems(&problems);
        config_free(*fresh);
        *fresh = NULL;
    }
    config_problems_free(&problems);
    return rc;
}

static void tell_change(void *context, const struct config_change *change)
{
    size_t *count = context;
    (*count)++;
    LOG_INFO("configuration changed", LOG_TEXT("key", change->key), LOG_TEXT("from", change->from),
             LOG_TEXT("to", change->to));
    if (change->touches & CONFIG_TOUCH_RESTART) {
        LOG_EACH(LOG_LEVEL_WARNING, "change takes effect at a restart only", LOG_TEXT("key", change->key));
    }
}

unsigned reload_tell(const struct config *from, const struct config *to)
{
    size_t count = 0;
    unsigned touches = config_diff(from, to, tell_change, &count);
    if (count == 0) {
        LOG_INFO("configuration has no changes");
    }
    return touches;
}
