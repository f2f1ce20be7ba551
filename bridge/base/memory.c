// SPDX-License-Identifier: Apache-2.0
// See memory.h.
#include "base/memory.h"
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

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
