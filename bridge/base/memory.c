// SPDX-License-Identifier: Apache-2.0
// See memory.h.
#include "base/memory.h"
#include <malloc.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define TRIM_BYTES 524288 // of free memory at the heap's end before it goes back to the kernel
#define PAD_BYTES  131072

void memory_setup(void)
{
    // By default what a call of the API needs is given back at its end, and asked for again by the next.
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    mallopt(M_TOP_PAD, PAD_BYTES);
}

void *memory_must(void *pointer)
{
    if (!pointer) {
        static const char text[] = "jobbridge: out of memory; the journal has everything, a restart continues\n";
        // Neither stdio nor the log: both may want memory.
        ssize_t written = write(STDERR_FILENO, text, strlen(text));
        (void)written;
        _exit(EX_OSERR);
    }
    return pointer;
}

void memory_check(int ok)
{
    static char something;
    memory_must(ok ? &something : NULL);
}
