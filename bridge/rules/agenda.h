// SPDX-License-Identifier: Apache-2.0
// What is due when: a binary heap of (due time, id), bounded. Not locked; time is an argument.
#ifndef RULES_AGENDA_H
#define RULES_AGENDA_H

#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agenda_item {
    int64_t due_ms;
    int64_t id;
};

struct agenda {
    struct agenda_item *items;
    size_t count;
    size_t cap;
    size_t max;
};

void agenda_init(struct agenda *agenda, size_t max);
void agenda_free(struct agenda *agenda);
// STATUS_FULL beyond max, STATUS_NO_MEMORY, or STATUS_OK. The same id may be in it more than once.
enum status agenda_add(struct agenda *agenda, int64_t due_ms, int64_t id);
// Takes the earliest item if it is due; items due at the same time come in the order of their ids.
bool agenda_take(struct agenda *agenda, int64_t now_ms, int64_t *id);
// ms until the earliest is due (0 when it is), -1 when empty.
int64_t agenda_wait_ms(const struct agenda *agenda, int64_t now_ms);

#endif
