// SPDX-License-Identifier: Apache-2.0
// Allocation that ends the program when there is no memory: an emulator that guesses is worse than one that stops.
#ifndef EMULATOR_MEMORY_H
#define EMULATOR_MEMORY_H

#include <stddef.h>

// A zeroed block of count times bytes each. The caller frees it with free(). Any thread.
void *memory_zeroed(size_t count, size_t bytes);

// Like realloc(), never NULL for bytes > 0. Any thread.
void *memory_resize(void *block, size_t bytes);

// A copy of text that the caller frees; NULL for NULL. Any thread.
char *memory_copy_text(const char *text);

#endif
