// SPDX-License-Identifier: Apache-2.0
// Preloaded into the bridge, it writes down in their order what the journal's folder was told (writes with their data,
// truncations, syncs, new and lost names) and what went over sockets, so that replay.py can build every disk that a
// power cut could have left behind, and knows what was promised by then. Must never change what the program sees. All
// threads of the bridge.
//
// POWER_FOLDER  the folder to watch        POWER_TRACE  the file to append to; see struct record for its format
//
// SQLite and the bridge reach the disk through libc only, which test_power.py checks against strace. The shared memory
// file beside the WAL is left out: it is an index that SQLite makes anew, and no state.
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 256 // inodes watched at a time

// One record: this head in the machine's byte order, then a path and data of the lengths given.
// kind: 'c' name made (path, inode); 'o' opened (path, inode); 'w' write (inode, offset, data); 't' truncate (inode,
// offset: the new size); 's' sync begins, 'S' sync has succeeded (inode; number: which sync); 'd' and 'D' the same of
// the folder; 'r' rename (path, data: the new path); 'u' unlink (path); 'm' mapped for writing (inode); 'n' sent on the
// socket and 'i' come in (inode, offset: the peer's port, data); 'b' the program begins (offset: its id), and the
// folder as it finds it follows, until 'e'
struct record {
    uint32_t magic;
    uint8_t kind;
    uint8_t unused[3];
    uint64_t inode;
    int64_t offset;
    int64_t at_ns;
    uint64_t number;
    uint32_t path_bytes;
    uint32_t data_bytes;
};

#define RECORD_MAGIC 0x504f5752U

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static ino_t folder_inode;
static ino_t files[FILES_MAX];
static size_t file_count;
static uint64_t syncs;
static int trace = -1;

// struct iovec is for reading and for writing alike.
static void *unconst(const void *data)
{
    void *same = NULL;
    memcpy(&same, &data, sizeof same);
    return same;
}

#define REAL(name) ((__typeof__(&(name)))real(#name))

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) {
        abort();
    }
    return found;
}

// Under the lock.
static void note(uint8_t kind, ino_t inode, int64_t offset, uint64_t number, const char *path, const void *data,
                 size_t len)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct record record = {.magic = RECORD_MAGIC,
                            .kind = kind,
                            .inode = inode,
                            .offset = offset,
                            .at_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec,
                            .number = number,
                            .path_bytes = path ? (uint32_t)strlen(path) : 0,
                            .data_bytes = (uint32_t)len};
    // One call, so that a kill leaves whole records only.
    struct iovec parts[] = {{&record, sizeof record}, {unconst(path), record.path_bytes}, {unconst(data), len}};
    if (REAL(writev)(trace, parts, 3) != (ssize_t)(sizeof record + record.path_bytes + len)) {
        abort(); // half a trace would prove nothing
    }
}

static bool is_index(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, "-shm") == 0;
}

// The name in the folder that a path means, NULL when it is none that is of interest.
static const char *name_in_folder(const char *path)
{
    char absolute[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (trace < 0 || !slash || slash == path || (size_t)(slash - path) >= sizeof absolute) {
        return NULL;
    }
    char parent[PATH_MAX];
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    if (!realpath(parent, absolute) || strcmp(absolute, folder) != 0) {
        return NULL;
    }
    return slash[1] == '\0' || is_index(slash + 1) ? NULL : slash + 1;
}

static bool is_watched(ino_t inode)
{
    for (size_t i = 0; i < file_count; i++) {
        if (files[i] == inode) {
            return true;
        }
    }
    return false;
}

static void watch(ino_t inode, bool wanted)
{
    size_t at = 0;
    while (at < file_count && files[at] != inode) {
        at++;
    }
    if (wanted && at == file_count) {
        if (file_count == FILES_MAX) {
            abort();
        }
        files[file_count++] = inode;
    } else if (!wanted && at < file_count) {
        files[at] = files[--file_count]; // its number was used again
    }
}

// A process that was killed may have written what it had no time to note.
static void note_file(const char *name)
{
    char path[PATH_MAX + NAME_MAX + 2];
    struct stat found;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (lstat(path, &found) == 0 && !S_ISREG(found.st_mode)) {
        return; // a socket keeps nothing
    }
    int fd = REAL(open)(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) != 0) {
        abort();
    }
    char *content = malloc((size_t)found.st_size + 1);
    if (!content || pread(fd, content, (size_t)found.st_size, 0) != found.st_size) {
        abort();
    }
    watch(found.st_ino, true);
    note('o', found.st_ino, 0, 0, name, NULL, 0);
    note('t', found.st_ino, found.st_size, 0, NULL, NULL, 0);
    note('w', found.st_ino, 0, 0, NULL, content, (size_t)found.st_size);
    free(content);
    close(fd);
}

__attribute__((constructor)) static void begin(void)
{
    const char *where = getenv("POWER_FOLDER");
    const char *name = getenv("POWER_TRACE");
    struct stat found;
    if (!where || !name || !realpath(where, folder) || stat(folder, &found) != 0) {
        return;
    }
    folder_inode = found.st_ino;
    trace = REAL(open)(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    DIR *listing = opendir(folder);
    if (trace < 0 || !listing) {
        abort();
    }
    note('b', 0, getpid(), 0, NULL, NULL, 0);
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        if (entry->d_name[0] != '.' && !is_index(entry->d_name)) {
            note_file(entry->d_name);
        }
    }
    closedir(listing);
    note('e', 0, 0, 0, NULL, NULL, 0);
}

// The inode of a watched file, 0 for anything else. Under the lock.
static ino_t watched(int fd)
{
    struct stat found;
    return trace >= 0 && file_count > 0 && fstat(fd, &found) == 0 && is_watched(found.st_ino) ? found.st_ino : 0;
}

static int open_and_note(int (*real_open)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
    if (trace < 0) {
        return real_open(path, flags, mode);
    }
    pthread_mutex_lock(&lock);
    const char *name = name_in_folder(path);
    struct stat found;
    bool existed = stat(path, &found) == 0;
    int fd = real_open(path, flags, mode);
    int error = errno;
    if (fd >= 0 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode)) {
        watch(found.st_ino, name != NULL);
        if (name) {
            note(existed ? 'o' : 'c', found.st_ino, 0, 0, name, NULL, 0);
            if (existed && (flags & O_TRUNC)) {
                note('t', found.st_ino, 0, 0, NULL, NULL, 0);
            }
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

static mode_t mode_of(int flags, va_list rest)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

// What follows takes the place of libc's functions, whose headers name their parameters in libc's own way.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = mode_of(flags, rest);                                                                            \
        va_end(rest);                                                                                                  \
        return open_and_note(REAL(name), path, flags, mode);                                                           \
    }
OPEN(open)
OPEN(open64)

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
    pthread_mutex_lock(&lock);
    ssize_t written = REAL(pwrite64)(fd, data, len, offset);
    int error = errno;
    ino_t inode = watched(fd);
    if (inode && written > 0) {
        note('w', inode, offset, 0, NULL, data, (size_t)written);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    return pwrite64(fd, data, len, offset);
}

static int truncate_and_note(int fd, off64_t size)
{
    pthread_mutex_lock(&lock);
    int rc = REAL(ftruncate64)(fd, size);
    int error = errno;
    ino_t inode = watched(fd);
    if (inode && rc == 0) {
        note('t', inode, size, 0, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return rc;
}

int ftruncate64(int fd, off64_t size)
{
    return truncate_and_note(fd, size);
}

int ftruncate(int fd, off_t size)
{
    return truncate_and_note(fd, size);
}

// Only what was written before a sync began is sure to be there after it.
static int sync_and_note(int (*real_sync)(int), int fd)
{
    struct stat found = {0};
    pthread_mutex_lock(&lock);
    ino_t inode = watched(fd);
    bool of_folder = trace >= 0 && fstat(fd, &found) == 0 && S_ISDIR(found.st_mode) && found.st_ino == folder_inode;
    uint64_t number = ++syncs;
    if (inode || of_folder) {
        note(of_folder ? 'd' : 's', found.st_ino, 0, number, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    int rc = real_sync(fd);
    int error = errno;
    pthread_mutex_lock(&lock);
    if (rc == 0 && (inode || of_folder)) {
        note(of_folder ? 'D' : 'S', found.st_ino, 0, number, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return rc;
}

int fsync(int fd)
{
    return sync_and_note(REAL(fsync), fd);
}

int fdatasync(int fd)
{
    return sync_and_note(REAL(fdatasync), fd);
}

int rename(const char *from, const char *to)
{
    pthread_mutex_lock(&lock);
    int rc = REAL(rename)(from, to);
    int error = errno;
    const char *name = name_in_folder(from);
    const char *target = name_in_folder(to);
    if (rc == 0 && name && target) {
        note('r', 0, 0, 0, name, target, strlen(target));
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return rc;
}

int unlink(const char *path)
{
    pthread_mutex_lock(&lock);
    int rc = REAL(unlink)(path);
    int error = errno;
    const char *name = name_in_folder(path);
    if (rc == 0 && name) {
        note('u', 0, 0, 0, name, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return rc;
}

static void *map_and_note(void *(*real_mmap)(void *, size_t, int, int, int, off64_t), void *at, size_t len,
                          int protection, int flags, int fd, off64_t offset)
{
    if (trace >= 0 && fd >= 0 && (flags & MAP_SHARED) && (protection & PROT_WRITE)) {
        pthread_mutex_lock(&lock);
        ino_t inode = watched(fd);
        if (inode) {
            note('m', inode, offset, 0, NULL, NULL, 0);
        }
        pthread_mutex_unlock(&lock);
    }
    return real_mmap(at, len, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t len, int protection, int flags, int fd, off64_t offset)
{
    return map_and_note(REAL(mmap64), at, len, protection, flags, fd, offset);
}

void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    return map_and_note(REAL(mmap64), at, len, protection, flags, fd, offset);
}

static void note_socket(uint8_t kind, int fd, const struct iovec *parts, size_t count)
{
    struct sockaddr_in peer = {0};
    socklen_t peer_bytes = sizeof peer;
    struct stat found;
    int error = errno;
    if (trace < 0 || getpeername(fd, (struct sockaddr *)&peer, &peer_bytes) != 0 || peer.sin_family != AF_INET ||
        fstat(fd, &found) != 0) {
        errno = error;
        return;
    }
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].iov_len > 0) {
            note(kind, found.st_ino, ntohs(peer.sin_port), 0, NULL, parts[i].iov_base, parts[i].iov_len);
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
}

// What leaves is noted before it leaves: whoever gets it can only be later than that.
static void note_sent(int fd, const struct iovec *parts, size_t count)
{
    note_socket('n', fd, parts, count);
}

ssize_t recv(int fd, void *data, size_t len, int flags)
{
    ssize_t got = REAL(recv)(fd, data, len, flags);
    if (got > 0 && !(flags & MSG_PEEK)) {
        note_socket('i', fd, &(struct iovec){data, (size_t)got}, 1);
    }
    return got;
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    note_sent(fd, &(struct iovec){unconst(data), len}, 1);
    return REAL(send)(fd, data, len, flags);
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_bytes)
{
    note_sent(fd, &(struct iovec){unconst(data), len}, 1);
    return REAL(sendto)(fd, data, len, flags, to, to_bytes);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    note_sent(fd, message->msg_iov, message->msg_iovlen);
    return REAL(sendmsg)(fd, message, flags);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    note_sent(fd, parts, (size_t)count);
    return REAL(writev)(fd, parts, count);
}

ssize_t write(int fd, const void *data, size_t len)
{
    pthread_mutex_lock(&lock);
    ino_t inode = watched(fd);
    int64_t offset = inode ? lseek64(fd, 0, SEEK_CUR) : 0;
    pthread_mutex_unlock(&lock);
    if (!inode) {
        note_sent(fd, &(struct iovec){unconst(data), len}, 1);
        return REAL(write)(fd, data, len);
    }
    pthread_mutex_lock(&lock);
    ssize_t written = REAL(write)(fd, data, len);
    int error = errno;
    if (written > 0) {
        note('w', inode, offset, 0, NULL, data, (size_t)written);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return written;
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)
