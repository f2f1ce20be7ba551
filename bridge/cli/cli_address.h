// SPDX-License-Identifier: Apache-2.0
// From a job and an action back to the topic on which a device would ask for it: the reverse of a route. Pure; any
// thread.
#ifndef CLI_CLI_ADDRESS_H
#define CLI_CLI_ADDRESS_H

#include "io/config.h"
#include "rules/topic.h"

#define CLI_ADDRESS_WHY_BYTES 16384 // a line for each route that does not fit

enum cli_reply { CLI_REPLY_ACCEPTED, CLI_REPLY_REJECTED, CLI_REPLY_STATUS, CLI_REPLY_LOG, CLI_REPLY_COUNT };

struct cli_address {
    const struct config_route *route;
    struct bytes topic;
    struct bytes replies[CLI_REPLY_COUNT]; // filters: a '+' stands for the execution id that is not known yet
};

struct cli_wish {
    const char *job;
    const char *action;
    const char *request_id;
    const char *const *captures; // "name=value"
    size_t capture_count;
};

// The first route of the configuration on which the wish can be sent, and by whose replies its answer can be known.
// STATUS_NOT_FOUND: why has a line for each route that says why not. cli_address_free() in every case.
enum status cli_address_find(const struct config *config, const struct cli_wish *wish, struct cli_address *address,
                             struct bytes *why);
void cli_address_free(struct cli_address *address);

#endif
