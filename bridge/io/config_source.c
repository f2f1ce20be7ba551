// SPDX-License-Identifier: Apache-2.0
// Reads the files of a configuration into one text that libconfig can be trusted with; see the header for why.
// Must never hand on a NUL byte, a comment, or an @include. Called by the thread that reads the configuration.
#include "io/config_source.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP_BYTES 16384

struct config_segment {
    size_t from_line; // the first line of the text that it covers
    size_t file;      // index into files
    size_t file_line; // what from_line is there
};

// A file that is being read; the last one is the innermost include.
struct frame {
    struct bytes data;
    size_t at;
    size_t file;
    size_t line;
    bool line_start; // only blanks so far on this line
};

struct reader {
    struct config_source *source;
    struct config_problems *problems;
    struct frame frames[CONFIG_INCLUDE_DEPTH_MAX];
    size_t depth;
    enum status status;
};

static struct frame *innermost(struct reader *reader)
{
    return &reader->frames[reader->depth - 1];
}

static void fail_at(struct reader *reader, enum status status, size_t line, const char *text, const char *detail)
{
    const char *file = reader->source->files[innermost(reader)->file];
    config_problem_add(reader->problems, (struct config_place){file, (int)line}, "", "%s%s", text, detail);
    reader->status = status;
}

static void add_segment(struct reader *reader, size_t file, size_t file_line)
{
    struct config_source *source = reader->source;
    struct config_segment *grown = reallocarray(source->segments, source->segment_count + 1, sizeof *source->segments);
    if (grown == NULL) {
        reader->status = STATUS_NO_MEMORY;
        return;
    }
    source->segments = grown;
    source->segments[source->segment_count++] = (struct config_segment){source->lines + 1, file, file_line};
}

// Copies text, keeping the line counts of both sides.
static void emit(struct reader *reader, const char *text, size_t len)
{
    struct frame *frame = innermost(reader);
    bytes_add(&reader->source->text, text, len);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n') {
            reader->source->lines++;
            frame->line++;
        }
    }
}

static enum status read_all(int fd, struct bytes *data)
{
    char step[READ_STEP_BYTES];
    for (;;) {
        ssize_t got = read(fd, step, sizeof step);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return STATUS_IO;
        }
        if (got == 0) {
            return STATUS_OK;
        }
        bytes_add(data, step, (size_t)got);
        if (!bytes_ok(data)) {
            return data->len + (size_t)got > data->max_bytes ? STATUS_TOO_LARGE : STATUS_NO_MEMORY;
        }
    }
}

// Pipes are allowed, so that a shell's <(…) can be checked; a folder is refused by read(2) itself.
static enum status slurp(const char *path, struct bytes *data)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return STATUS_IO;
    }
    enum status rc = read_all(fd, data);
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return rc;
}

static const char *read_failure(enum status rc, int error)
{
    switch (rc) {
    case STATUS_TOO_LARGE:
        return "is too large";
    case STATUS_NO_MEMORY:
        return status_text(rc);
    default:
        return strerrordesc_np(error);
    }
}

// Where a file that cannot be read is complained about: at its @include, or as a whole when it is the main one.
static void fail_open(struct reader *reader, const char *path, enum status rc, int error)
{
    struct config_place place = {path, 0};
    if (reader->depth > 0) {
        place = (struct config_place){reader->source->files[innermost(reader)->file], (int)innermost(reader)->line};
    }
    config_problem_add(reader->problems, place, "", "cannot read %s: %s", path, read_failure(rc, error));
    reader->status = rc;
}

// Takes over path.
static void push_file(struct reader *reader, char *path)
{
    struct config_source *source = reader->source;
    if (reader->depth == CONFIG_INCLUDE_DEPTH_MAX || source->file_count == CONFIG_FILES_MAX) {
        fail_at(reader, STATUS_INVALID, innermost(reader)->line,
                "too many @include inside one another or in all: ", path);
        free(path);
        return;
    }
    struct bytes data;
    bytes_init(&data, CONFIG_SOURCE_MAX_BYTES);
    enum status rc = slurp(path, &data);
    if (rc != STATUS_OK) {
        fail_open(reader, path, rc, errno);
        bytes_free(&data);
        free(path);
        return;
    }
    source->files[source->file_count] = path;
    reader->frames[reader->depth++] = (struct frame){data, 0, source->file_count++, 1, true};
    add_segment(reader, innermost(reader)->file, 1);
}

static void pop_file(struct reader *reader)
{
    struct frame *done = innermost(reader);
    const struct bytes *text = &reader->source->text;
    if (text->len > 0 && text->data[text->len - 1] != '\n') {
        emit(reader, "\n", 1);
    }
    bytes_free(&done->data);
    reader->depth--;
    if (reader->depth > 0) {
        add_segment(reader, innermost(reader)->file, innermost(reader)->line);
    }
}

static char peek(const struct frame *frame, size_t ahead)
{
    if (frame->at + ahead >= frame->data.len) {
        return '\0';
    }
    return frame->data.data[frame->at + ahead];
}

static void copy_string(struct reader *reader)
{
    struct frame *frame = innermost(reader);
    size_t end = frame->at + 1;
    while (end < frame->data.len && frame->data.data[end] != '"' && frame->data.data[end] != '\0') {
        end += frame->data.data[end] == '\\' ? 2 : 1;
    }
    if (end >= frame->data.len || frame->data.data[end] != '"') {
        fail_at(reader, STATUS_INVALID, frame->line, "a text that begins here has no closing quote", "");
        return;
    }
    emit(reader, frame->data.data + frame->at, end + 1 - frame->at);
    frame->at = end + 1;
}

static void skip_line(struct frame *frame)
{
    while (frame->at < frame->data.len && frame->data.data[frame->at] != '\n') {
        frame->at++;
    }
}

static void skip_block(struct reader *reader)
{
    struct frame *frame = innermost(reader);
    size_t began = frame->line;
    frame->at += 2;
    while (frame->at < frame->data.len && !(peek(frame, 0) == '*' && peek(frame, 1) == '/')) {
        if (peek(frame, 0) == '\n') {
            emit(reader, "\n", 1);
        }
        frame->at++;
    }
    if (frame->at >= frame->data.len) {
        fail_at(reader, STATUS_INVALID, began, "a comment that begins here has no end", "");
        return;
    }
    emit(reader, " ", 1);
    frame->at += 2;
}

static void copy_name(struct reader *reader)
{
    struct frame *frame = innermost(reader);
    size_t begin = frame->at;
    while (isalnum((unsigned char)peek(frame, 0)) || (peek(frame, 0) != '\0' && strchr("-_*", peek(frame, 0)))) {
        frame->at++;
    }
    emit(reader, frame->data.data + begin, frame->at - begin);
}

// The length of a number's text, or of what somebody took for one.
static size_t number_length(const struct frame *frame)
{
    bool hex = peek(frame, 0) == '0' && (peek(frame, 1) == 'x' || peek(frame, 1) == 'X');
    size_t len = 0;
    for (char c = peek(frame, 0); isalnum((unsigned char)c) || c == '.'; c = peek(frame, len)) {
        bool exponent = !hex && (c == 'e' || c == 'E');
        len++;
        if (exponent && (peek(frame, len) == '-' || peek(frame, len) == '+')) {
            len++;
        }
    }
    return len;
}

// An integer gets an L; one beyond 64 bits becomes the largest there is, which no key allows.
static void copy_number(struct reader *reader)
{
    struct frame *frame = innermost(reader);
    const char *begin = frame->data.data + frame->at;
    size_t len = number_length(frame);
    bool hex = begin[0] == '0' && (begin[1] == 'x' || begin[1] == 'X');
    char *end = NULL;
    errno = 0;
    long long number = strtoll(begin, &end, hex ? 16 : 10);
    struct span suffix = {end, (size_t)(begin + len - end)};
    if (begin[0] != '.' && (suffix.len == 0 || span_is(suffix, "L") || span_is(suffix, "LL"))) {
        bytes_add_format(&reader->source->text, "%lldL", errno == ERANGE ? LLONG_MAX : number);
    } else {
        emit(reader, begin, len); // a float, or nonsense that libconfig will name
    }
    frame->at += len;
}

// The path of an @include line, with its quotes and escapes undone; NULL when the line is none.
static char *include_path(struct reader *reader)
{
    struct frame *frame = innermost(reader);
    size_t at = frame->at + strlen("@include");
    const struct bytes *data = &frame->data;
    while (at < data->len && (data->data[at] == ' ' || data->data[at] == '\t')) {
        at++;
    }
    const char *open = at < data->len && data->data[at] == '"' ? data->data + at + 1 : NULL;
    const char *close = open != NULL ? strpbrk(open, "\"\n") : NULL;
    if (close == NULL || *close != '"' || close == open) {
        return NULL;
    }
    frame->at = (size_t)(close + 1 - data->data);
    struct bytes path;
    bytes_init(&path, PATH_MAX);
    config_source_resolve(reader->source->files[frame->file], (struct span){open, (size_t)(close - open)}, &path);
    char *copy = bytes_ok(&path) ? span_dup(bytes_span(&path)) : NULL;
    bytes_free(&path);
    return copy;
}

static void follow_include(struct reader *reader)
{
    struct frame *frame = innermost(reader);
    bool is_include = strncmp(frame->data.data + frame->at, "@include", strlen("@include")) == 0;
    char *path = is_include && frame->line_start ? include_path(reader) : NULL;
    if (path == NULL) {
        fail_at(reader, STATUS_INVALID, frame->line, "an '@' here, expected a line of its own: @include \"FILE\"", "");
        return;
    }
    frame->line_start = false;
    push_file(reader, path);
}

static void copy_next(struct reader *reader)
{
    struct frame *frame = innermost(reader);
    char c = peek(frame, 0);
    if (c == '@') {
        follow_include(reader);
        return;
    }
    frame->line_start = c == '\n' || (frame->line_start && (c == ' ' || c == '\t'));
    if (c == '"') {
        copy_string(reader);
    } else if (c == '#' || (c == '/' && peek(frame, 1) == '/')) {
        skip_line(frame);
    } else if (c == '/' && peek(frame, 1) == '*') {
        skip_block(reader);
    } else if (isalpha((unsigned char)c) || c == '*') {
        copy_name(reader);
    } else if (isdigit((unsigned char)c) || c == '.') {
        copy_number(reader);
    } else if (c == '\0') {
        fail_at(reader, STATUS_INVALID, frame->line, "a NUL byte, expected text", "");
    } else {
        emit(reader, &c, 1);
        frame->at++;
    }
}

enum status config_source_read(const char *path, struct config_source *source, struct config_problems *problems)
{
    *source = (struct config_source){0};
    bytes_init(&source->text, CONFIG_SOURCE_MAX_BYTES * 2);
    struct reader reader = {.source = source, .problems = problems, .status = STATUS_OK};
    char *copy = strdup(path);
    if (copy == NULL) {
        return STATUS_NO_MEMORY;
    }
    push_file(&reader, copy);
    while (reader.status == STATUS_OK && reader.depth > 0) {
        if (innermost(&reader)->at < innermost(&reader)->data.len) {
            copy_next(&reader);
        } else {
            pop_file(&reader);
        }
        if (!bytes_ok(&source->text)) {
            config_problem_add(problems, (struct config_place){path, 0}, "", "is too large with all that it includes");
            reader.status = STATUS_TOO_LARGE;
        }
    }
    while (reader.depth > 0) {
        bytes_free(&innermost(&reader)->data);
        reader.depth--;
    }
    return reader.status;
}

void config_source_free(struct config_source *source)
{
    for (size_t i = 0; i < source->file_count; i++) {
        free(source->files[i]);
    }
    free(source->segments);
    bytes_free(&source->text);
    *source = (struct config_source){0};
}

struct config_place config_source_place(const struct config_source *source, size_t line)
{
    if (line == 0 || source->segment_count == 0) {
        return (struct config_place){source->file_count > 0 ? source->files[0] : "", 0};
    }
    if (line > source->lines && source->lines > 0) {
        line = source->lines; // libconfig names the line after the last one when something is missing at the end
    }
    size_t i = source->segment_count - 1;
    while (i > 0 && source->segments[i].from_line > line) {
        i--;
    }
    const struct config_segment *segment = &source->segments[i];
    return (struct config_place){source->files[segment->file], (int)(segment->file_line + line - segment->from_line)};
}

void config_source_resolve(const char *file, struct span name, struct bytes *out)
{
    const char *slash = strrchr(file, '/');
    if (slash != NULL && !(name.len > 0 && name.at[0] == '/')) {
        bytes_add(out, file, (size_t)(slash - file) + 1);
    }
    bytes_add_span(out, name);
}
