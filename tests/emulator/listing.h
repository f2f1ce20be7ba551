// SPDX-License-Identifier: Apache-2.0
// The list of an application's jobs: filtered, sorted, in pages.
#ifndef EMULATOR_LISTING_H
#define EMULATOR_LISTING_H

#include "buf.h"
#include "model.h"
#include "query.h"

// Writes the collection as the API gives it. Under the world's lock.
void listing_write(const struct model *model, const char *application_id, const struct query *query, struct buf *out);

#endif
