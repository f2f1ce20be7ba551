// SPDX-License-Identifier: Apache-2.0
// The API's ids (24 hex digits, as MongoDB's object ids), a map from ids to things, and the seeded chance that makes
// ids and decides which request a fault hits.
#ifndef EMULATOR_IDS_H
#define EMULATOR_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_DIGITS 24
#define ID_SIZE   (ID_DIGITS + 1)

struct chance {
    uint64_t state;
    uint32_t made;
};

// The next random number, all 64 bits. Under the world's lock.
uint64_t chance_next(struct chance *chance);

// Writes a new id, unique within this process: seconds, a random part and a counter. Under the world's lock.
void id_make(struct chance *chance, int64_t at_ms, char id[ID_SIZE]);

// Copies the text into id in lower case when it is 24 hex digits and says whether it was. Pure.
bool id_read(const char *text, size_t bytes, char id[ID_SIZE]);

// Starts as all zero. The map keeps the pointers to ids, not the ids: they must live as long as they are in it.
struct idmap {
    struct idmap_slot *slots;
    size_t room;
    size_t used;
};

// Under the world's lock, all three. idmap_put replaces; idmap_get gives NULL for what is not there.
void idmap_put(struct idmap *map, const char *id, void *thing);
void *idmap_get(const struct idmap *map, const char *id);
void idmap_drop(struct idmap *map, const char *id);
void idmap_free(struct idmap *map);

#endif
