// SPDX-License-Identifier: Apache-2.0
// LD_PRELOAD: every fsync and fdatasync takes SLOW_SYNC_US microseconds longer. strace can do the same, but then every
// other system call of the process costs several times as much, and its figures say little about the bridge.
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int slowly(const char *name, int fd)
{
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    int rc = real(fd);
    usleep((useconds_t)atoi(getenv("SLOW_SYNC_US")));
    return rc;
}

int fsync(int fd)
{
    return slowly("fsync", fd);
}

int fdatasync(int fd)
{
    return slowly("fdatasync", fd);
}
