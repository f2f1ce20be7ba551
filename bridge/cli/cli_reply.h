// SPDX-License-Identifier: Apache-2.0
// A reply of the bridge as `jobbridge call` reads it: which kind it is, what it says, what exit code that is. Pure; any
// thread.
#ifndef CLI_CLI_REPLY_H
#define CLI_CLI_REPLY_H

#include "cli/cli_address.h"

#define CLI_REPLY_TEXT_BYTES 512
#define CLI_REPLY_BAR        24 // characters of the progress bar

struct cli_reply_read {
    enum cli_reply kind;
    bool final;                      // of a status: with an outcome
    int exit_code;                   // of accepted, rejected and a final status
    struct span body;                // of accepted: the API's answer, empty when there is none
    char text[CLI_REPLY_TEXT_BYTES]; // one line for people
    int progress;                    // of a status, -1: not known
};

// false: it is no reply to request_id.
bool cli_reply_parse(struct span payload, const char *request_id, struct cli_reply_read *reply);
// "[=====>      ] " and the line, for a terminal.
void cli_reply_bar(const struct cli_reply_read *reply, struct bytes *out);

#endif
