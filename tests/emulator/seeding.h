// SPDX-License-Identifier: Apache-2.0
// Puts what the command line names into the world: settings, tokens, applications, jobs.
#ifndef EMULATOR_SEEDING_H
#define EMULATOR_SEEDING_H

#include "args.h"
#include "world.h"

#include <stdbool.h>

// Fills the world. False after a problem was printed on stderr. Main thread, before any other.
bool seeding_fill(struct world *world, const struct args *args);

// The whole of a small file as text that the caller frees; NULL after a problem was printed on stderr. Main thread.
char *seeding_read_file(const char *path);

#endif
