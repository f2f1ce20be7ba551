// SPDX-License-Identifier: Apache-2.0
// The journal's file before SQLite may touch it: made whole under another name first, looked at for damage that SQLite
// would pass over in silence, and set aside. Must never delete a journal or a write-ahead log that may hold commands.
// The thread that opens the store.
//
// SQLite takes an empty file for a new database and deletes the log beside it, ends a log at the first frame that does
// not fit, and knows nothing of a log that lost its head: each would be a silent loss.
#include "base/log.h"
#include "io/store_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_PATH_BYTES       4096
#define FILE_NAME_BYTES       (FILE_PATH_BYTES + 64) // with a suffix of ours, and one of SQLite's
#define DATABASE_HEADER_BYTES 100                    // sqlite.org/fileformat2.html
#define WAL_HEADER_BYTES      32                     // sqlite.org/fileformat2.html, "The Write-Ahead Log"
#define WAL_FRAME_HEAD_BYTES  24
#define WAL_PAGE_MAX_BYTES    65536
#define CHECK_LOOKS           2           // at contents that look damaged
#define WAL_MAGIC             0x377f0682U // the last bit: checksums are over big-endian words

static enum status fail(char **why, enum status status, const char *what, const char *detail)
{
    if (asprintf(why, "%s%s%s", what, detail ? ": " : "", detail ? detail : "") < 0) {
        *why = NULL;
    }
    return status;
}

// A name is on the disk when its folder is.
static int sync_folder(const char *path)
{
    char folder[FILE_PATH_BYTES];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash) {
        snprintf(folder, sizeof folder, ".");
    } else {
        slash[slash == folder ? 1 : 0] = '\0';
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

static int sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

static int64_t file_size(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 ? (int64_t)found.st_size : -1;
}

static const char *wal_name(const char *path, char name[FILE_NAME_BYTES])
{
    snprintf(name, FILE_NAME_BYTES, "%s-wal", path);
    return name;
}

// Whatever a start that was cut off has left of a journal that nobody has used yet.
static void remove_unfinished(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char name[FILE_NAME_BYTES];
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static enum status make_database(const char *path, char **why)
{
    struct store_db db = {0};
    char wal[FILE_NAME_BYTES];
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600); // SQLite's other files get the same mode
    if (fd < 0) {
        return fail(why, STATUS_IO, "cannot create the journal", strerror(errno));
    }
    close(fd);
    enum status rc = store_db_open(&db, path, true, why);
    rc = rc != STATUS_OK ? rc : store_db_migrate(&db, why);
    if (rc != STATUS_OK) {
        return rc; // those two close it
    }
    store_db_close(&db);
    if (file_size(wal_name(path, wal)) >= 0) { // closing takes the log into the file and removes it
        return fail(why, STATUS_IO, "cannot write the new journal", NULL);
    }
    return STATUS_OK;
}

// Under its name there is only ever a whole journal: an empty or a short one is damage, not a start that was cut off.
static enum status make_journal(const char *path, char **why)
{
    char unfinished[FILE_PATH_BYTES];
    snprintf(unfinished, sizeof unfinished, "%s.new", path);
    remove_unfinished(unfinished);
    enum status rc = make_database(unfinished, why);
    if (rc == STATUS_OK && (sync_file(unfinished) != 0 || rename(unfinished, path) != 0 || sync_folder(path) != 0)) {
        rc = fail(why, STATUS_IO, "cannot put the new journal into its place", strerror(errno));
    }
    if (rc != STATUS_OK) {
        remove_unfinished(unfinished);
    }
    return rc;
}

struct wal {
    int fd;
    uint32_t page_bytes;
    bool big_endian;
    uint32_t salts[2];
    uint32_t sums[2]; // of what was read so far
    unsigned char *frame;
};

static uint32_t get_u32(const unsigned char *at, bool big_endian)
{
    return big_endian ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
                      : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static void add_sums(struct wal *wal, const unsigned char *data, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        wal->sums[0] += get_u32(data + i, wal->big_endian) + wal->sums[1];
        wal->sums[1] += get_u32(data + i + 4, wal->big_endian) + wal->sums[0];
    }
}

static bool take_wal_header(struct wal *wal, const unsigned char head[WAL_HEADER_BYTES])
{
    uint32_t magic = get_u32(head, true);
    wal->big_endian = magic & 1U;
    wal->page_bytes = get_u32(head + 8, true);
    wal->salts[0] = get_u32(head + 16, true);
    wal->salts[1] = get_u32(head + 20, true);
    add_sums(wal, head, 24);
    return (magic & ~1U) == WAL_MAGIC && wal->sums[0] == get_u32(head + 24, true) &&
           wal->sums[1] == get_u32(head + 28, true) && wal->page_bytes >= 512 && wal->page_bytes <= WAL_PAGE_MAX_BYTES;
}

enum frame { FRAME_FITS, FRAME_BROKEN, FRAME_FOREIGN, FRAME_END };

// The next frame. wal->sums is what is written in it afterwards, whether it was right or not, so that the frame behind
// a broken one can still be told from rubbish.
static enum frame read_frame(struct wal *wal, int64_t number, bool *commits)
{
    size_t bytes = WAL_FRAME_HEAD_BYTES + wal->page_bytes;
    if (pread(wal->fd, wal->frame, bytes, WAL_HEADER_BYTES + number * (int64_t)bytes) != (ssize_t)bytes) {
        return FRAME_END;
    }
    const unsigned char *head = wal->frame;
    add_sums(wal, head, 8);
    add_sums(wal, head + WAL_FRAME_HEAD_BYTES, wal->page_bytes);
    uint32_t written[2] = {get_u32(head + 16, true), get_u32(head + 20, true)};
    bool fits = wal->sums[0] == written[0] && wal->sums[1] == written[1];
    memcpy(wal->sums, written, sizeof written);
    *commits = get_u32(head + 4, true) != 0;
    if (get_u32(head + 8, true) != wal->salts[0] || get_u32(head + 12, true) != wal->salts[1]) {
        return FRAME_FOREIGN; // of the log before this one, or rubbish
    }
    return fits ? FRAME_FITS : FRAME_BROKEN;
}

// A power cut leaves at most the last transaction behind in part: the one before was on the disk before it was begun.
// So a frame that does not fit is damage when behind it there is the end of a transaction with a frame that goes on
// from it.
static bool is_wal_broken(struct wal *wal)
{
    bool broken = false;
    bool ended = false; // the frame before was the last of a transaction
    for (int64_t number = 0;; number++) {
        bool commits = false;
        enum frame frame = read_frame(wal, number, &commits);
        if (frame == FRAME_END) {
            return false;
        }
        if (broken && ended && frame == FRAME_FITS) {
            return true;
        }
        broken = broken || frame != FRAME_FITS;
        ended = frame != FRAME_FOREIGN && commits;
    }
}

// Only where every commit is synced does the order of the frames on the disk say anything. What cannot be read is not
// damaged for that: the next start may read it.
static enum status check_wal(const char *path, bool power, char **why)
{
    char name[FILE_NAME_BYTES];
    unsigned char head[WAL_HEADER_BYTES];
    struct wal wal = {.fd = open(wal_name(path, name), O_RDONLY | O_CLOEXEC)};
    if (wal.fd < 0) {
        return STATUS_OK; // SQLite will say why, if it is there
    }
    bool damaged = false;
    ssize_t got = pread(wal.fd, head, sizeof head, 0);
    int error = errno;
    if (got != (ssize_t)sizeof head || !take_wal_header(&wal, head)) {
        damaged = file_size(name) > WAL_HEADER_BYTES; // the head is synced before the first frame is written
    } else if (power) {
        wal.frame = malloc(WAL_FRAME_HEAD_BYTES + (size_t)wal.page_bytes);
        damaged = wal.frame && is_wal_broken(&wal);
        free(wal.frame);
    }
    close(wal.fd);
    if (got < 0) {
        return fail(why, STATUS_IO, "cannot read the journal's write-ahead log", strerror(error));
    }
    return damaged ? fail(why, STATUS_INVALID, "its write-ahead log is damaged", NULL) : STATUS_OK;
}

// Without a log the file is all there is: closing took the log into it and synced it before the log went. It must have
// as many pages as its head says; SQLite takes a missing end for empty pages until it needs one.
static bool is_file_short(const char *path, int64_t size)
{
    char wal[FILE_NAME_BYTES];
    unsigned char head[DATABASE_HEADER_BYTES] = {0};
    int fd = file_size(wal_name(path, wal)) > 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool known = pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
                 get_u32(head + 24, true) == get_u32(head + 92, true); // else the number of pages is not kept
    close(fd);
    int64_t page_bytes = (int64_t)head[16] << 8 | head[17];
    page_bytes = page_bytes == 1 ? 65536 : page_bytes;
    return known && size < page_bytes * get_u32(head + 28, true);
}

// What a process that was killed has committed, but perhaps not synced, goes to the disk before anything is written
// behind it, and so does the log's name. SQLite takes both for granted; but a message that comes again is acknowledged
// without another commit, and a log with a hole passes for a damaged one.
static enum status sync_log(const char *path, char **why)
{
    char wal[FILE_NAME_BYTES];
    if (file_size(wal_name(path, wal)) >= 0 && (sync_file(wal) != 0 || sync_folder(path) != 0)) {
        return fail(why, STATUS_IO, "cannot sync the journal", strerror(errno));
    }
    return STATUS_OK;
}

enum status store_file_prepare(const char *path, bool power, char **why)
{
    char wal[FILE_NAME_BYTES];
    int64_t size = file_size(path);
    if (size < 0 && errno != ENOENT) {
        return fail(why, STATUS_IO, "cannot reach the journal", strerror(errno));
    }
    if (size < 0 && file_size(wal_name(path, wal)) > 0) {
        return fail(why, STATUS_INVALID, "its file is missing, but its write-ahead log is there", NULL);
    }
    if (size < 0) {
        return make_journal(path, why);
    }
    if (size == 0) {
        return fail(why, STATUS_INVALID, "its file is empty", NULL);
    }
    if (is_file_short(path, size)) {
        return fail(why, STATUS_INVALID, "its file is cut short", NULL);
    }
    enum status rc = check_wal(path, power, why);
    return rc != STATUS_OK ? rc : sync_log(path, why);
}

// The first complaint of SQLite's own check, "ok" when there is none.
static int check_text(struct store_db *db, char *text, size_t text_bytes)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db->handle, "PRAGMA integrity_check(1)", -1, &statement, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *said = (const char *)sqlite3_column_text(statement, 0);
        snprintf(text, text_bytes, "%s", said ? said : "");
        rc = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return rc;
}

// The error of a read of the journal or its log that failed, 0: none did. SQLite's check tells it like damage.
static int read_error(struct store_db *db)
{
    int error = 0;
    sqlite3_file *log = NULL;
    sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
    sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&log);
    if (error == 0 && log && log->pMethods) {
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
    }
    return error;
}

enum status store_file_check(struct store_db *db, const char *path, char **why)
{
    char said[256] = "";
    int64_t size = file_size(path);
    if (size > STORE_CHECK_MAX_BYTES) {
        LOG_INFO("journal is large and is not read through at the start", LOG_INT("bytes", size));
        return STATUS_OK;
    }
    int rc = SQLITE_OK;
    // Looked at twice before it is called damaged: a shortage of memory passes for damage, too.
    for (int looks = 0; looks < CHECK_LOOKS && rc == SQLITE_OK && strcmp(said, "ok") != 0; looks++) {
        rc = check_text(db, said, sizeof said);
    }
    if (rc != SQLITE_OK) {
        return fail(why, store_result_corrupt(rc) ? STATUS_INVALID : STATUS_IO, "cannot read the journal through",
                    sqlite3_errmsg(db->handle));
    }
    if (strcmp(said, "ok") == 0) {
        return STATUS_OK;
    }
    int error = read_error(db);
    return error ? fail(why, STATUS_IO, "cannot read the journal through", strerror(error))
                 : fail(why, STATUS_INVALID, "its contents are damaged", said);
}

enum status store_set_aside(const char *path, int64_t wall_ms, char **name)
{
    // First the file, then its log: cut off between the two, the log alone is found at the next start. The other way
    // round the file would pass for a healthy journal from before what the log holds.
    static const char *const suffixes[] = {"", "-wal"};
    char from[FILE_NAME_BYTES];
    char to[FILE_NAME_BYTES];
    bool moved = false;
    *name = NULL;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(from, sizeof from, "%s%s", path, suffixes[i]);
        snprintf(to, sizeof to, "%s.damaged-%" PRId64 "%s", path, wall_ms, suffixes[i]);
        if (rename(from, to) != 0) {
            if (errno == ENOENT) {
                continue;
            }
            break;
        }
        if (!moved) {
            *name = strdup(to);
        }
        moved = true;
        sync_folder(path);
    }
    snprintf(from, sizeof from, "%s-shm", path); // only an index of the log, made anew when it is missing
    unlink(from);
    if (!moved || file_size(path) >= 0) {
        free(*name);
        *name = NULL;
        return STATUS_IO;
    }
    return STATUS_OK;
}
