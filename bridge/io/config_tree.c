// SPDX-License-Identifier: Apache-2.0
// libconfig behind a handful of functions. Its settings carry the lines of the prepared text (io/config_source.h),
// which are turned back into those of the files. Must never let libconfig open a file by itself.
#include "io/config_tree.h"
#include "io/config_source.h"
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct config_tree {
    struct config_t settings;
    struct config_source source;
};

static const config_setting_t *setting_of(const struct config_node *node)
{
    return (const config_setting_t *)node;
}

static const struct config_node *node_of(const config_setting_t *setting)
{
    return (const struct config_node *)setting;
}

// libconfig's own words, which never say what it expected.
static const char *expected_instead(const char *error)
{
    if (strcmp(error, "duplicate setting name") == 0) {
        return "each name once";
    }
    if (strcmp(error, "mismatched element type in array") == 0) {
        return "elements of one type between [ and ]";
    }
    if (strcmp(error, "memory exhausted") == 0) { // of the parser's stack
        return "fewer brackets inside one another";
    }
    return "NAME = VALUE; with every { ( [ closed (the mistake may be just before)";
}

static enum status parse(struct config_tree *tree, struct config_problems *problems)
{
    config_init(&tree->settings);
    if (config_read_string(&tree->settings, bytes_text(&tree->source.text))) {
        return STATUS_OK;
    }
    const char *error = config_error_text(&tree->settings);
    struct config_place place = config_source_place(&tree->source, (size_t)config_error_line(&tree->settings));
    config_problem_add(problems, place, "", "%s, expected %s", error, expected_instead(error));
    return STATUS_INVALID;
}

enum status config_tree_read(const char *path, struct config_tree **tree, struct config_problems *problems)
{
    struct config_tree *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return STATUS_NO_MEMORY;
    }
    enum status rc = config_source_read(path, &made->source, problems);
    if (rc == STATUS_OK) {
        rc = parse(made, problems);
        if (rc != STATUS_OK) {
            config_destroy(&made->settings);
        }
    }
    if (rc != STATUS_OK) {
        config_source_free(&made->source);
        free(made);
        return rc;
    }
    *tree = made;
    return STATUS_OK;
}

void config_tree_free(struct config_tree *tree)
{
    if (tree != NULL) {
        config_destroy(&tree->settings);
        config_source_free(&tree->source);
        free(tree);
    }
}

// The member that one step of a dotted path names: "tls" or "[2]"; moves *key behind it.
static config_setting_t *step_into(const config_setting_t *at, const char **key)
{
    if (**key == '[') {
        char *end = NULL;
        unsigned long index = strtoul(*key + 1, &end, 10);
        *key = *end == ']' ? end + 1 : end;
        return config_setting_is_aggregate(at) ? config_setting_get_elem(at, (unsigned int)index) : NULL;
    }
    *key += **key == '.' ? 1 : 0;
    char name[CONFIG_KEY_MAX_BYTES];
    size_t len = strcspn(*key, ".[");
    if (len == 0 || len >= sizeof name || !config_setting_is_group(at)) {
        return NULL;
    }
    memcpy(name, *key, len);
    name[len] = '\0';
    *key += len;
    return config_setting_get_member(at, name);
}

// The setting of the key; NULL when it is not there, with the last one on the way to it in *nearest.
static config_setting_t *find(const struct config_tree *tree, const char *key, config_setting_t **nearest)
{
    config_setting_t *at = config_root_setting(&tree->settings);
    while (at != NULL && *key != '\0') {
        *nearest = at;
        at = step_into(at, &key);
    }
    if (at != NULL) {
        *nearest = at;
    }
    return at;
}

const struct config_node *config_tree_find(const struct config_tree *tree, const char *key)
{
    config_setting_t *nearest = NULL;
    return node_of(find(tree, key, &nearest));
}

struct config_place config_tree_place(const struct config_tree *tree, const char *key)
{
    config_setting_t *nearest = NULL;
    (void)find(tree, key, &nearest);
    return config_source_place(&tree->source, config_setting_source_line(nearest));
}

const char *config_node_name(const struct config_node *node)
{
    return config_setting_name(setting_of(node));
}

enum config_node_type config_node_type(const struct config_node *node)
{
    switch (config_setting_type(setting_of(node))) {
    case CONFIG_TYPE_GROUP:
        return NODE_GROUP;
    case CONFIG_TYPE_LIST:
    case CONFIG_TYPE_ARRAY:
        return NODE_LIST;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return NODE_INT;
    case CONFIG_TYPE_BOOL:
        return NODE_BOOL;
    case CONFIG_TYPE_FLOAT:
        return NODE_FLOAT;
    default:
        return NODE_TEXT;
    }
}

size_t config_node_count(const struct config_node *node)
{
    return config_setting_is_aggregate(setting_of(node)) ? (size_t)config_setting_length(setting_of(node)) : 0;
}

const struct config_node *config_node_child(const struct config_node *node, size_t index)
{
    return node_of(config_setting_get_elem(setting_of(node), (unsigned int)index));
}

const char *config_node_text(const struct config_node *node)
{
    const char *text = config_setting_get_string(setting_of(node));
    return text != NULL ? text : "";
}

int64_t config_node_int(const struct config_node *node)
{
    return config_setting_get_int64(setting_of(node));
}

bool config_node_bool(const struct config_node *node)
{
    return config_setting_get_bool(setting_of(node)) != 0;
}

void config_tree_complain(struct config_tree *tree, struct config_problems *problems, const char *key,
                          const char *format, ...)
{
    config_setting_t *nearest = NULL;
    config_setting_t *setting = find(tree, key, &nearest);
    if (setting != NULL) {
        config_setting_set_hook(setting, tree); // any pointer but NULL says "wrong"
    }
    va_list args;
    va_start(args, format);
    config_problem_addv(problems, config_source_place(&tree->source, config_setting_source_line(nearest)), key, format,
                        args);
    va_end(args);
}

bool config_tree_wrong(const struct config_tree *tree, const char *key)
{
    config_setting_t *nearest = NULL;
    const config_setting_t *setting = find(tree, key, &nearest);
    if (setting == NULL || config_setting_get_hook(setting) != NULL) {
        return setting != NULL;
    }
    // A list of values is as wrong as one of its elements.
    bool values = config_setting_is_array(setting) || config_setting_is_list(setting);
    for (int i = 0; values && i < config_setting_length(setting); i++) {
        if (config_setting_get_hook(config_setting_get_elem(setting, (unsigned int)i)) != NULL) {
            return true;
        }
    }
    return false;
}
