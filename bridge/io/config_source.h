// SPDX-License-Identifier: Apache-2.0
// The text of a configuration with its @include lines already followed, and the way back from a line of that text to
// the file and line where it stands.
//
// libconfig 1.5 could follow includes itself, but: an included folder or a read error ends the whole process (its
// scanner calls exit), an absolute path is taken as relative, and an integer over 32 bits without an L at its end
// silently loses its upper half (5000000000 is read as 705032704). So the text is prepared here: includes replaced,
// comments blanked, integers given their L.
//
// An @include stands alone on its line; a relative path is relative to the folder of the file that includes.
#ifndef IO_CONFIG_SOURCE_H
#define IO_CONFIG_SOURCE_H

#include "io/config_problem.h"

#define CONFIG_SOURCE_MAX_BYTES  ((size_t)4 * 1024 * 1024) // all files together
#define CONFIG_INCLUDE_DEPTH_MAX 10
#define CONFIG_FILES_MAX         256 // files read, each inclusion counted

struct config_source {
    struct bytes text;
    size_t lines; // of text
    char *files[CONFIG_FILES_MAX];
    size_t file_count;
    struct config_segment *segments; // which lines of text come from where, in the order of text
    size_t segment_count;
};

// STATUS_OK, or STATUS_IO (a file cannot be read), STATUS_INVALID, STATUS_TOO_LARGE, STATUS_NO_MEMORY with the one
// problem added. config_source_free in every case.
enum status config_source_read(const char *path, struct config_source *source, struct config_problems *problems);
void config_source_free(struct config_source *source);
// Where line (from 1) of the text stands; 0 gives the main file as a whole. The file's name lives as long as source.
struct config_place config_source_place(const struct config_source *source, size_t line);

// A file name as it is meant in a file of that name: an absolute one as it is, others in the same folder.
// Appends to out.
void config_source_resolve(const char *file, struct span name, struct bytes *out);

#endif
