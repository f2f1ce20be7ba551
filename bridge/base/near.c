// SPDX-License-Identifier: Apache-2.0
// Edit distance with swaps of neighbours (optimal string alignment) over short words, in three rows of fixed size.
#include "base/near.h"
#include <string.h>

#define PREFIX_MIN 3 // letters that a shared beginning must have to mean anything

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t near_distance(const char *a, const char *b)
{
    size_t a_len = strnlen(a, NEAR_WORD_MAX);
    size_t b_len = strnlen(b, NEAR_WORD_MAX);
    if (a_len >= NEAR_WORD_MAX || b_len >= NEAR_WORD_MAX) {
        return NEAR_WORD_MAX;
    }
    size_t rows[3][NEAR_WORD_MAX + 1] = {{0}};
    size_t *before = rows[0];
    size_t *above = rows[1];
    size_t *row = rows[2];
    for (size_t j = 0; j <= b_len; j++) {
        above[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = smaller(smaller(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = smaller(row[j], before[j - 2] + 1);
            }
        }
        size_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[b_len];
}

bool near_enough(const char *written, const char *known)
{
    size_t written_len = strnlen(written, NEAR_WORD_MAX);
    size_t known_len = strnlen(known, NEAR_WORD_MAX);
    size_t shorter = smaller(written_len, known_len);
    if (shorter >= PREFIX_MIN && strncmp(written, known, shorter) == 0) {
        return true;
    }
    return near_distance(written, known) <= smaller(2, known_len / 3);
}
