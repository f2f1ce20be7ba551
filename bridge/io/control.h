// SPDX-License-Identifier: Apache-2.0
// The way in for `jobbridge queue` while the bridge runs: a unix socket beside the journal, one packet for the question
// and one for the answer. A socket, because the journal then has one writer only, the answer tells what was committed,
// and a bridge that nobody asks is never woken; the file's mode (0600) says who may ask.
// Must never know what a question means.
#ifndef IO_CONTROL_H
#define IO_CONTROL_H

#include "base/bytes.h"
#include "base/status.h"
#include <stdint.h>

#define CONTROL_SUFFIX        ".control" // after the journal's path
#define CONTROL_MESSAGE_BYTES 1024       // a question or an answer
#define CONTROL_READ_MS       1000       // whoever connects has so long to ask
#define CONTROL_ANSWER_MS     10000      // whoever asks waits so long

struct control;

// Called on this module's thread, one question after the other; may wait for the disk.
typedef void control_handler(void *context, struct span question, struct bytes *answer);

// Takes the place of a socket that a dead bridge left: the caller holds the journal's lock. The path is copied.
enum status control_listen(const char *journal_path, control_handler *handler, void *context, struct control **out);
// STATUS_TIMEOUT: an answer is still being made; nothing was freed, and the process should just end.
enum status control_stop(struct control *control, int64_t timeout_ms);

// The other side. STATUS_NOT_FOUND: nobody listens; STATUS_IO: may not be asked, or it ended; STATUS_TIMEOUT.
enum status control_ask(const char *journal_path, struct span question, struct bytes *answer);

#endif
