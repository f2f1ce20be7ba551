// SPDX-License-Identifier: Apache-2.0
// Allocation that ends the program when there is no memory. Must never return NULL. Any thread.
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *require_block(void *block)
{
    if (!block) {
        fputs("losant-emulator: out of memory\n", stderr);
        abort();
    }
    return block;
}

void *memory_zeroed(size_t count, size_t bytes)
{
    return require_block(calloc(count, bytes));
}

void *memory_resize(void *block, size_t bytes)
{
    return require_block(realloc(block, bytes));
}

char *memory_copy_text(const char *text)
{
    return text ? require_block(strdup(text)) : NULL;
}
