// SPDX-License-Identifier: Apache-2.0
// The list of everything that is wrong with a configuration. Owned by one thread at a time.
#ifndef IO_CONFIG_PROBLEM_H
#define IO_CONFIG_PROBLEM_H

#include "io/config.h"
#include <stdarg.h>

#define CONFIG_PROBLEM_MAX_BYTES 512 // of one problem's text; what is longer is cut

// A line of a file. The file's name is borrowed.
struct config_place {
    const char *file;
    int line; // 0: the file as a whole
};

// Adds a problem; all texts are copied. Beyond CONFIG_PROBLEMS_MAX, or when there is no memory, it is only counted.
void config_problem_add(struct config_problems *problems, struct config_place place, const char *key,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
void config_problem_addv(struct config_problems *problems, struct config_place place, const char *key,
                         const char *format, va_list args) __attribute__((format(printf, 4, 0)));
// By file (main_file first, the others by name) and line.
void config_problems_sort(struct config_problems *problems, const char *main_file);

#endif
