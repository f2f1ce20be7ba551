// SPDX-License-Identifier: Apache-2.0
// A library for LD_PRELOAD that counts the calls by which a program touches the outside, over all of its threads, and
// lets the n-th of a kind be the last thing that the program does, or fail. strace can inject the same, but counts each
// thread by itself, so that with several threads most points are out of its reach. Must never call what it replaces:
// everything goes to the kernel, or to glibc's own allocator, directly. Any thread of the program under test.
//
//   FAULT_STATE=FILE   counters as 64-bit numbers: how often it fired, then one a kind in the order of `kinds`
//   FAULT_CALL=K[,K]   the kinds that are hit; the count is over all that are named
//   FAULT_AT=N         the first call that is hit, from 1
//   FAULT_TIMES=K      how many in a row, 1 when absent, 0: all further ones
//   FAULT_DO=X         "kill" before the call is made, "short" (half of the bytes), or the number of an errno
//   FAULT_PATH=TEXT    only calls on files whose name has this in it
//   FAULT_WHILE=FILE   only while that file exists
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// The names of glibc's parameters are reserved ones.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)

enum kind {
    KIND_WRITE,
    KIND_WRITEV,
    KIND_PWRITE,
    KIND_FSYNC,
    KIND_TRUNCATE,
    KIND_SEND,
    KIND_RECV,
    KIND_READ,
    KIND_PREAD,
    KIND_CONNECT,
    KIND_SOCKET,
    KIND_OPEN,
    KIND_RENAME,
    KIND_UNLINK,
    KIND_MMAP,
    KIND_MALLOC,
    KIND_COUNT,
};

static const char *const kinds[KIND_COUNT] = {
    [KIND_WRITE] = "write",       [KIND_WRITEV] = "writev",   [KIND_PWRITE] = "pwrite", [KIND_FSYNC] = "fsync",
    [KIND_TRUNCATE] = "truncate", [KIND_SEND] = "send",       [KIND_RECV] = "recv",     [KIND_READ] = "read",
    [KIND_PREAD] = "pread",       [KIND_CONNECT] = "connect", [KIND_SOCKET] = "socket", [KIND_OPEN] = "open",
    [KIND_RENAME] = "rename",     [KIND_UNLINK] = "unlink",   [KIND_MMAP] = "mmap",     [KIND_MALLOC] = "malloc",
};

struct state {
    _Atomic uint64_t fired;
    _Atomic uint64_t calls[KIND_COUNT];
};

enum strike { STRIKE_NONE, STRIKE_FAIL, STRIKE_SHORT };

static struct state *state; // NULL until the constructor has run: all calls go through
static unsigned chosen;     // a bit for each kind that is hit
static _Atomic uint64_t matched;
static uint64_t first_hit;
static uint64_t hits; // 0: without end
static bool deadly;
static bool halving;
static int error_number;
static const char *path_part;
static const char *while_path;

static uint64_t number_of(const char *name, uint64_t absent)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : absent;
}

static unsigned parse_kinds(const char *text)
{
    unsigned bits = 0;
    while (text && *text) {
        size_t len = strcspn(text, ",");
        for (unsigned i = 0; i < KIND_COUNT; i++) {
            bits |= strlen(kinds[i]) == len && strncmp(kinds[i], text, len) == 0 ? 1U << i : 0;
        }
        text += len + (text[len] == ',');
    }
    return bits;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULT_STATE");
    const char *what = getenv("FAULT_DO");
    if (!path) {
        return;
    }
    chosen = parse_kinds(getenv("FAULT_CALL"));
    first_hit = number_of("FAULT_AT", 1);
    hits = number_of("FAULT_TIMES", 1);
    deadly = what && strcmp(what, "kill") == 0;
    halving = what && strcmp(what, "short") == 0;
    error_number = what ? atoi(what) : 0; // NOLINT: 0 for what is no number is what is wanted
    path_part = getenv("FAULT_PATH");
    while_path = getenv("FAULT_WHILE");
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && syscall(SYS_ftruncate, fd, sizeof *state) == 0) {
        long at = syscall(SYS_mmap, NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        state = at == -1 ? NULL : (struct state *)at; // NOLINT: the kernel gives addresses as numbers
    }
    if (fd >= 0) {
        syscall(SYS_close, fd);
    }
    unsetenv("LD_PRELOAD"); // not for children
}

static bool is_meant(int fd, const char *path)
{
    char name[4096];
    char link[64];
    if (while_path && syscall(SYS_faccessat, AT_FDCWD, while_path, F_OK) != 0) {
        return false;
    }
    if (!path_part || path) {
        return !path_part || strstr(path, path_part);
    }
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long len = syscall(SYS_readlinkat, AT_FDCWD, link, name, sizeof name - 1);
    name[len > 0 ? len : 0] = '\0';
    return strstr(name, path_part);
}

// Counts the call and says what becomes of it. fd, path: what it is on, -1 and NULL where there is none.
static enum strike strike(enum kind kind, int fd, const char *path)
{
    if (!state) {
        return STRIKE_NONE;
    }
    int kept = errno;
    atomic_fetch_add(&state->calls[kind], 1);
    enum strike result = STRIKE_NONE;
    if ((chosen & (1U << kind)) && is_meant(fd, path)) {
        uint64_t number = atomic_fetch_add(&matched, 1) + 1;
        if (number >= first_hit && (hits == 0 || number < first_hit + hits)) {
            atomic_fetch_add(&state->fired, 1);
            result = halving ? STRIKE_SHORT : deadly || error_number != 0 ? STRIKE_FAIL : STRIKE_NONE;
        }
    }
    while (result == STRIKE_FAIL && deadly) {
        syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    }
    errno = result == STRIKE_FAIL ? error_number : kept;
    return result;
}

static size_t part(enum strike result, size_t len)
{
    return result == STRIKE_SHORT && len > 1 ? len / 2 : len;
}

ssize_t write(int fd, const void *data, size_t len)
{
    enum strike result = strike(KIND_WRITE, fd, NULL);
    return result == STRIKE_FAIL ? -1 : syscall(SYS_write, fd, data, part(result, len));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    enum strike result = strike(KIND_WRITEV, fd, NULL);
    if (result == STRIKE_SHORT && count > 0) {
        return syscall(SYS_write, fd, parts[0].iov_base, part(result, parts[0].iov_len));
    }
    return result == STRIKE_FAIL ? -1 : syscall(SYS_writev, fd, parts, count);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    enum strike result = strike(KIND_PWRITE, fd, NULL);
    return result == STRIKE_FAIL ? -1 : syscall(SYS_pwrite64, fd, data, part(result, len), at);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    return pwrite64(fd, data, len, at);
}

int fsync(int fd)
{
    return strike(KIND_FSYNC, fd, NULL) == STRIKE_FAIL ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return strike(KIND_FSYNC, fd, NULL) == STRIKE_FAIL ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate64(int fd, off64_t len)
{
    return strike(KIND_TRUNCATE, fd, NULL) == STRIKE_FAIL ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int ftruncate(int fd, off_t len)
{
    return ftruncate64(fd, len);
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, __CONST_SOCKADDR_ARG address, socklen_t address_len)
{
    enum strike result = strike(KIND_SEND, fd, NULL);
    const struct sockaddr *to = address.__sockaddr__;
    return result == STRIKE_FAIL ? -1 : syscall(SYS_sendto, fd, data, part(result, len), flags, to, address_len);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    enum strike result = strike(KIND_SEND, fd, NULL);
    return result == STRIKE_FAIL ? -1 : syscall(SYS_sendto, fd, data, part(result, len), flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return strike(KIND_SEND, fd, NULL) == STRIKE_FAIL ? -1 : syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t recv(int fd, void *data, size_t len, int flags)
{
    enum strike result = strike(KIND_RECV, fd, NULL);
    return result == STRIKE_FAIL ? -1 : syscall(SYS_recvfrom, fd, data, part(result, len), flags, NULL, NULL);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    return strike(KIND_RECV, fd, NULL) == STRIKE_FAIL ? -1 : syscall(SYS_recvmsg, fd, message, flags);
}

ssize_t read(int fd, void *data, size_t len)
{
    enum strike result = strike(KIND_READ, fd, NULL);
    return result == STRIKE_FAIL ? -1 : syscall(SYS_read, fd, data, part(result, len));
}

ssize_t pread64(int fd, void *data, size_t len, off64_t at)
{
    enum strike result = strike(KIND_PREAD, fd, NULL);
    return result == STRIKE_FAIL ? -1 : syscall(SYS_pread64, fd, data, part(result, len), at);
}

ssize_t pread(int fd, void *data, size_t len, off_t at)
{
    return pread64(fd, data, len, at);
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
    return strike(KIND_CONNECT, fd, NULL) == STRIKE_FAIL ? -1
                                                         : (int)syscall(SYS_connect, fd, address.__sockaddr__, len);
}

int socket(int domain, int type, int protocol)
{
    return strike(KIND_SOCKET, -1, "") == STRIKE_FAIL ? -1 : (int)syscall(SYS_socket, domain, type, protocol);
}

static int open_mode(const char *path, int flags, va_list more)
{
    unsigned mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, unsigned) : 0;
    return strike(KIND_OPEN, -1, path) == STRIKE_FAIL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int fd = open_mode(path, flags, more);
    va_end(more);
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int fd = open_mode(path, flags, more);
    va_end(more);
    return fd;
}

int rename(const char *from, const char *to)
{
    return strike(KIND_RENAME, -1, from) == STRIKE_FAIL ? -1 : (int)syscall(SYS_rename, from, to);
}

int unlink(const char *path)
{
    return strike(KIND_UNLINK, -1, path) == STRIKE_FAIL ? -1 : (int)syscall(SYS_unlink, path);
}

void *mmap64(void *address, size_t len, int protection, int flags, int fd, off64_t at)
{
    if (strike(KIND_MMAP, fd, NULL) == STRIKE_FAIL) {
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, len, protection, flags, fd, at); // NOLINT: addresses as numbers
}

void *mmap(void *address, size_t len, int protection, int flags, int fd, off_t at)
{
    return mmap64(address, len, protection, flags, fd, at);
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    return strike(KIND_MALLOC, -1, "") == STRIKE_FAIL ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return strike(KIND_MALLOC, -1, "") == STRIKE_FAIL ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return strike(KIND_MALLOC, -1, "") == STRIKE_FAIL ? NULL : __libc_realloc(old, size);
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)
