// SPDX-License-Identifier: Apache-2.0
// A bounded stream of texts for readers of any speed: whoever falls behind by more than the buffer has lost its place.
// A place is a position in the stream since its beginning, so it also serves as an event's id. Pure; not locked.
//
//   feed_add(&feed, text);                        the stream grows by text
//   n = feed_read(&feed, &place, buffer, size);   -1: the reader has lost its place
#ifndef RULES_FEED_H
#define RULES_FEED_H

#include "base/bytes.h"
#include <stdint.h>

struct feed {
    char *data; // NULL while nobody needs it
    size_t size;
    uint64_t end;   // where the stream ends
    uint64_t start; // what is before it is gone
};

void feed_init(struct feed *feed, size_t size);
void feed_free(struct feed *feed); // forgets the texts, not the place
// A text longer than half of the buffer is left out: it would push everybody out. false: left out, or no memory.
bool feed_add(struct feed *feed, struct span text);
// Bytes from *place on, at most size, and *place after them. 0: there is nothing new. -1: the place is lost.
int64_t feed_read(const struct feed *feed, uint64_t *place, char *buffer, size_t size);
// Whether a reader that has had everything up to place can go on there; mark: how every text ends.
bool feed_can_resume(const struct feed *feed, uint64_t place, struct span mark);

#endif
