// SPDX-License-Identifier: Apache-2.0
// Reading the configuration again: whether the new one may be taken at all, and what is different in it, told in the
// log. Must never change anything. The main thread.
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "io/config_diff.h"

// STATUS_OK with *fresh (config_free). Else every problem has been logged, and reason says the first of them, for
// B/status. Files that the configuration names and that cannot be read are problems, too.
enum status reload_read(const char *path, struct config **fresh, char *reason, size_t reason_bytes);
// Logs every difference, from → to; returns what must be done again, bits of enum config_touch.
unsigned reload_tell(const struct config *from, const struct config *to);

#endif
