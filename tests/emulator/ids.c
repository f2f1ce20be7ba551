// SPDX-License-Identifier: Apache-2.0
// Ids, a map of them, and seeded chance. Must never draw from the system's randomness: a seed repeats a test. Runs on
// any thread, under the world's lock.
#include "ids.h"

#include "memory.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct idmap_slot {
    const char *id; // NULL: never used
    void *thing;    // NULL with an id: dropped
};

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
uint64_t chance_next(struct chance *chance)
{
    uint64_t z = (chance->state += 0x9E3779B97F4A7C15u);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void id_make(struct chance *chance, int64_t at_ms, char id[ID_SIZE])
{
    uint64_t part = chance_next(chance) & 0xFFFFFFFFu;

    snprintf(id, ID_SIZE, "%08" PRIx32 "%08" PRIx64 "%08" PRIx32, (uint32_t)(at_ms / 1000), part, chance->made++);
}

bool id_read(const char *text, size_t bytes, char id[ID_SIZE])
{
    if (bytes != ID_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < ID_DIGITS; i++) {
        if (!isxdigit((unsigned char)text[i])) {
            return false;
        }
        id[i] = (char)tolower((unsigned char)text[i]);
    }
    id[ID_DIGITS] = '\0';
    return true;
}

static size_t hash_id(const char *id)
{
    uint64_t hash = 0xCBF29CE484222325u; // FNV-1a

    for (; *id; id++) {
        hash = (hash ^ (unsigned char)*id) * 0x100000001B3u;
    }
    return (size_t)hash;
}

static struct idmap_slot *find_slot(const struct idmap *map, const char *id)
{
    size_t mask = map->room - 1;
    size_t at = hash_id(id) & mask;

    while (map->slots[at].id && strcmp(map->slots[at].id, id) != 0) {
        at = (at + 1) & mask;
    }
    return &map->slots[at];
}

static void grow(struct idmap *map)
{
    struct idmap old = *map;

    map->room = old.room == 0 ? 64 : old.room * 2;
    map->slots = memory_zeroed(map->room, sizeof *map->slots);
    map->used = 0;
    for (size_t i = 0; i < old.room; i++) {
        if (old.slots[i].thing) {
            *find_slot(map, old.slots[i].id) = old.slots[i];
            map->used++;
        }
    }
    free(old.slots);
}

void idmap_put(struct idmap *map, const char *id, void *thing)
{
    struct idmap_slot *slot;

    if ((map->used + 1) * 2 > map->room) {
        grow(map);
    }
    slot = find_slot(map, id);
    map->used += slot->id == NULL;
    *slot = (struct idmap_slot){.id = id, .thing = thing};
}

void *idmap_get(const struct idmap *map, const char *id)
{
    return map->room == 0 ? NULL : find_slot(map, id)->thing;
}

void idmap_drop(struct idmap *map, const char *id)
{
    // The slot stays as a stone on the way of others, with an id that outlives the dropped thing and matches none.
    if (map->room > 0 && find_slot(map, id)->id) {
        *find_slot(map, id) = (struct idmap_slot){.id = "", .thing = NULL};
    }
}

void idmap_free(struct idmap *map)
{
    free(map->slots);
    *map = (struct idmap){0};
}
