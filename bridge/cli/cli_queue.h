// SPDX-License-Identifier: Apache-2.0
// `jobbridge queue list|show ID|retry ID|drop ID`: looks into the journal, also while the bridge runs, and changes it
// through the bridge, or, when none runs, under the journal's lock. Main thread.
#ifndef CLI_CLI_QUEUE_H
#define CLI_CLI_QUEUE_H

#include "base/bytes.h"
#include "io/config.h"
#include "io/store.h"

#define CLI_QUEUE_LIMIT        50       // rows of list unless --limit says otherwise
#define CLI_QUEUE_LIMIT_MAX    1000000  // and at most
#define CLI_QUEUE_ENTRY_BYTES  33554432 // one command as JSON: its answer may be 8 MiB, escaped once more in the outbox
#define CLI_QUEUE_ANSWER_BYTES 1024

int cli_queue(int argc, char **argv);

// cli_queue_show.c: JSON objects. full: everything that the journal knows, with what waits in the outbox; else what a
// list needs.
void cli_queue_put_command(struct bytes *out, struct store_reader *reader, const struct store_command *command,
                           bool full);
void cli_queue_put_letter(struct bytes *out, const struct store_deadletter *letter);
// A JSON object, one member a line, for people.
void cli_queue_print_object(struct span object);

// cli_queue_change.c: question is "drop 12", "retry D3"; appends "ok …" or "no …" to answer. An exit code: EX_OK when
// somebody answered; else it was told on standard error.
int cli_queue_ask(const struct config *config, const char *question, struct bytes *answer);

#endif
