// SPDX-License-Identifier: Apache-2.0
// What the parts of the reader share while a configuration is being read, and what owns its texts afterwards.
// Only io/config*.c include this. One thread at a time.
#ifndef IO_CONFIG_LOADING_H
#define IO_CONFIG_LOADING_H

#include "io/config_tree.h"

struct config_store {
    char **texts;
    size_t count;
    size_t capacity;
    struct config_place *places; // of each row of config_keys outside jobs and routes, for config_check_files
};

struct config_loading {
    const char *path;
    struct config *config;
    struct config_tree *tree;
    struct config_problems *problems;
    bool no_memory; // sticky
};

// A copy of text that lives as long as the configuration; "" (and no_memory) when there is no memory.
const char *config_keep(struct config_loading *loading, struct span text);

// The dotted key of a member of a list, "jobs[2].ttl_s", into key; returns key.
const char *config_member(char key[CONFIG_KEY_MAX_BYTES], const char *list, size_t index, const char *member);

// Adds a problem at a key and marks the key as wrong.
#define config_complain(loading, key, ...)                                                                             \
    config_tree_complain((loading)->tree, (loading)->problems, (key), __VA_ARGS__)
// Whether the key's value in config can be built upon: nobody complained about it.
bool config_is_right(const struct config_loading *loading, const char *key);

// Puts names into texts ({client_id}, a route's fixed job and action) and fills in what follows from other keys.
void config_finish(struct config_loading *loading);
// What no single key can tell. Adds problems; goes by no value that was complained about.
void config_check(struct config_loading *loading);
void config_check_routes(struct config_loading *loading);
void config_check_discovery(struct config_loading *loading);

#endif
