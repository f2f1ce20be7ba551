// SPDX-License-Identifier: Apache-2.0
// Collects and orders the problems of a configuration. Must never fail: a problem that cannot be kept is counted.
#include "io/config_problem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void config_problem_addv(struct config_problems *problems, struct config_place place, const char *key,
                         const char *format, va_list args)
{
    char text[CONFIG_PROBLEM_MAX_BYTES];
    (void)vsnprintf(text, sizeof text, format, args);
    if (problems->items == NULL) {
        problems->items = calloc(CONFIG_PROBLEMS_MAX, sizeof *problems->items);
    }
    if (problems->items == NULL || problems->count >= CONFIG_PROBLEMS_MAX) {
        problems->left_out++;
        return;
    }
    struct config_problem problem = {strdup(place.file), place.line, strdup(key), strdup(text)};
    if (problem.file == NULL || problem.key == NULL || problem.text == NULL) {
        free(problem.file);
        free(problem.key);
        free(problem.text);
        problems->left_out++;
        return;
    }
    problems->items[problems->count++] = problem;
}

void config_problem_add(struct config_problems *problems, struct config_place place, const char *key,
                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    config_problem_addv(problems, place, key, format, args);
    va_end(args);
}

static bool comes_before(const struct config_problem *a, const struct config_problem *b, const char *main_file)
{
    if (strcmp(a->file, b->file) == 0) {
        return a->line < b->line;
    }
    bool a_main = strcmp(a->file, main_file) == 0;
    bool b_main = strcmp(b->file, main_file) == 0;
    if (a_main != b_main) {
        return a_main;
    }
    return strcmp(a->file, b->file) < 0;
}

// An insertion sort: stable, and the list is short.
void config_problems_sort(struct config_problems *problems, const char *main_file)
{
    for (size_t i = 1; i < problems->count; i++) {
        struct config_problem problem = problems->items[i];
        size_t to = i;
        for (; to > 0 && comes_before(&problem, &problems->items[to - 1], main_file); to--) {
            problems->items[to] = problems->items[to - 1];
        }
        problems->items[to] = problem;
    }
}

void config_problems_free(struct config_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->items[i].file);
        free(problems->items[i].key);
        free(problems->items[i].text);
    }
    free(problems->items);
    *problems = (struct config_problems){0};
}
