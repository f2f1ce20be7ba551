// SPDX-License-Identifier: Apache-2.0
// How much memory is taken, and what to do without: end at once. Everything acknowledged is in the journal, so a
// restart continues where this process stood; a half-built state change does not. Any thread.
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

// Once, at the start: how the heap grows and shrinks.
void memory_setup(void);
// Gives the pages of programs and libraries that are mapped and never written back to the page cache: what only a start
// needs (relocations, the set-up of OpenSSL, all that lies around it) would count as this process's for ever. What is
// used comes back from there. Any thread, at any time.
void memory_release_code(void);
// Returns pointer, or ends the process with EX_OSERR when it is NULL.
void *memory_must(void *pointer);
// Ends the process when ok is false: for the sticky failure of a buffer whose bounds were checked before.
void memory_check(int ok);

#endif
