// SPDX-License-Identifier: Apache-2.0
// See memory.h.
#include "base/memory.h"
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
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

static int release_object(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    (void)context;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W)) {
            uintptr_t begin = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
            uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
            // The dynamic linker tells places as numbers. Refused for what is locked: then it stays.
            madvise((void *)begin, end - begin, MADV_DONTNEED); // NOLINT(performance-no-int-to-ptr)
        }
    }
    return 0;
}

void memory_release_code(void)
{
    dl_iterate_phdr(release_object, NULL);
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
