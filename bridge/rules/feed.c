// SPDX-License-Identifier: Apache-2.0
// See feed.h: a ring of bytes, addressed by the position in the whole stream. Must never grow.
#include "rules/feed.h"
#include <stdlib.h>
#include <string.h>

void feed_init(struct feed *feed, size_t size)
{
    *feed = (struct feed){.size = size};
}

void feed_free(struct feed *feed)
{
    free(feed->data);
    feed->data = NULL;
    feed->start = ++feed->end; // what is told from now on is not kept: nobody can go on where he was
}

static size_t index_of(const struct feed *feed, uint64_t place)
{
    return (size_t)(place % feed->size);
}

bool feed_add(struct feed *feed, struct span text)
{
    if (text.len > feed->size / 2) {
        return false;
    }
    if (!feed->data) {
        feed->data = malloc(feed->size);
        if (!feed->data) {
            return false;
        }
    }
    size_t at = index_of(feed, feed->end);
    size_t first = text.len < feed->size - at ? text.len : feed->size - at;
    memcpy(feed->data + at, text.at, first);
    memcpy(feed->data, text.at + first, text.len - first);
    feed->end += text.len;
    if (feed->end - feed->start > feed->size) {
        feed->start = feed->end - feed->size;
    }
    return true;
}

int64_t feed_read(const struct feed *feed, uint64_t *place, char *buffer, size_t size)
{
    if (*place < feed->start || *place > feed->end) {
        return -1;
    }
    size_t left = (size_t)(feed->end - *place);
    left = left < size ? left : size;
    if (left > 0) {
        size_t at = index_of(feed, *place);
        size_t first = left < feed->size - at ? left : feed->size - at;
        memcpy(buffer, feed->data + at, first);
        memcpy(buffer + first, feed->data, left - first);
        *place += left;
    }
    return (int64_t)left;
}

bool feed_can_resume(const struct feed *feed, uint64_t place, struct span mark)
{
    if (place == feed->end) {
        return true;
    }
    if (place > feed->end || place < feed->start + mark.len) {
        return false;
    }
    uint64_t from = place - mark.len;
    for (size_t i = 0; i < mark.len; i++) {
        if (feed->data[index_of(feed, from + i)] != mark.at[i]) {
            return false;
        }
    }
    return true;
}
