// SPDX-License-Identifier: Apache-2.0
// The configuration file as a tree of settings, each with its file and line. Hides libconfig: nobody else includes its
// header. Used by the one thread that reads the configuration, and gone when that is done.
//
// Keys are dotted paths as they are told to people: "broker.tls.ca_file", "jobs[2].ttl_s", "" for the whole file.
#ifndef IO_CONFIG_TREE_H
#define IO_CONFIG_TREE_H

#include "io/config_problem.h"

#define CONFIG_KEY_MAX_BYTES 160 // of a dotted path; longer names are cut in messages and never found

enum config_node_type { NODE_GROUP, NODE_LIST, NODE_TEXT, NODE_INT, NODE_BOOL, NODE_FLOAT };

struct config_tree;
struct config_node; // a setting, owned by the tree

// STATUS_OK with *tree (config_tree_free), else as config_source_read, with the problem added: libconfig stops at the
// first syntax error, so there is only one.
enum status config_tree_read(const char *path, struct config_tree **tree, struct config_problems *problems);
void config_tree_free(struct config_tree *tree); // NULL is allowed

const struct config_node *config_tree_find(const struct config_tree *tree, const char *key); // NULL: not in the file
// Where the key stands or, when it is not there, the innermost group around it that is.
struct config_place config_tree_place(const struct config_tree *tree, const char *key);

const char *config_node_name(const struct config_node *node); // NULL for an element of a list
enum config_node_type config_node_type(const struct config_node *node);
size_t config_node_count(const struct config_node *node); // members of a group or list
const struct config_node *config_node_child(const struct config_node *node, size_t index);
const char *config_node_text(const struct config_node *node); // NODE_TEXT only
int64_t config_node_int(const struct config_node *node);      // NODE_INT only
bool config_node_bool(const struct config_node *node);        // NODE_BOOL only

// Adds a problem at the key's place and remembers that the key is wrong, so that nobody builds on its value.
void config_tree_complain(struct config_tree *tree, struct config_problems *problems, const char *key,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
// Whether somebody complained about this key or, when it is a list, about one of its elements.
bool config_tree_wrong(const struct config_tree *tree, const char *key);

#endif
