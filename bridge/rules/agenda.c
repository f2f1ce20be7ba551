// SPDX-License-Identifier: Apache-2.0
// A binary heap in an array: no item is before its parent, the earliest is at 0.
// Must never lose an item or grow over its maximum. Not locked; time is an argument.
#include "rules/agenda.h"

#include <stdlib.h>

#define FIRST_CAP 16

void agenda_init(struct agenda *agenda, size_t max)
{
    *agenda = (struct agenda){.max = max};
}

void agenda_free(struct agenda *agenda)
{
    free(agenda->items);
    agenda_init(agenda, agenda->max);
}

static bool item_before(struct agenda_item a, struct agenda_item b)
{
    return a.due_ms != b.due_ms ? a.due_ms < b.due_ms : a.id < b.id;
}

static enum status grow_items(struct agenda *agenda)
{
    size_t cap = agenda->cap > agenda->max / 2 ? agenda->max : agenda->cap * 2;
    cap = cap < FIRST_CAP ? FIRST_CAP : cap;
    if (cap > SIZE_MAX / sizeof *agenda->items) {
        return STATUS_NO_MEMORY;
    }
    struct agenda_item *items = realloc(agenda->items, cap * sizeof *items);
    if (!items) {
        return STATUS_NO_MEMORY;
    }
    agenda->items = items;
    agenda->cap = cap;
    return STATUS_OK;
}

enum status agenda_add(struct agenda *agenda, int64_t due_ms, int64_t id)
{
    if (agenda->count >= agenda->max) {
        return STATUS_FULL;
    }
    if (agenda->count == agenda->cap && grow_items(agenda) != STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    struct agenda_item item = {due_ms, id};
    size_t at = agenda->count++;
    while (at > 0 && item_before(item, agenda->items[(at - 1) / 2])) {
        agenda->items[at] = agenda->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    agenda->items[at] = item;
    return STATUS_OK;
}

// Puts the item, which has no place yet, at the root of the first count items and lets it sink.
static void sink_item(struct agenda *agenda, struct agenda_item item)
{
    size_t at = 0;
    for (size_t child = 1; child < agenda->count; child = 2 * at + 1) {
        if (child + 1 < agenda->count && item_before(agenda->items[child + 1], agenda->items[child])) {
            child++;
        }
        if (!item_before(agenda->items[child], item)) {
            break;
        }
        agenda->items[at] = agenda->items[child];
        at = child;
    }
    agenda->items[at] = item;
}

bool agenda_take(struct agenda *agenda, int64_t now_ms, int64_t *id)
{
    if (agenda->count == 0 || agenda->items[0].due_ms > now_ms) {
        return false;
    }
    *id = agenda->items[0].id;
    agenda->count--;
    if (agenda->count > 0) {
        sink_item(agenda, agenda->items[agenda->count]);
    }
    return true;
}

int64_t agenda_wait_ms(const struct agenda *agenda, int64_t now_ms)
{
    if (agenda->count == 0) {
        return -1;
    }
    int64_t due_ms = agenda->items[0].due_ms;
    if (due_ms <= now_ms) {
        return 0;
    }
    uint64_t wait_ms = (uint64_t)due_ms - (uint64_t)now_ms;
    return wait_ms > INT64_MAX ? INT64_MAX : (int64_t)wait_ms;
}
