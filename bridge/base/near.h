// SPDX-License-Identifier: Apache-2.0
// "Did you mean": which of a few known words somebody probably meant. For messages only, never to decide anything.
// Pure; any thread.
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include <stdbool.h>
#include <stddef.h>

#define NEAR_WORD_MAX 64 // longer words are near to nothing

// How many letters must be changed, added, dropped or swapped with their neighbour to get from a to b;
// NEAR_WORD_MAX when one of them is longer than that.
size_t near_distance(const char *a, const char *b);

// Whether a person who wrote `written` may have meant `known`: at most a third of the letters differ (and at most
// two), or one is the beginning of the other, as in "keepalive" for "keepalive_s".
bool near_enough(const char *written, const char *known);

#endif
