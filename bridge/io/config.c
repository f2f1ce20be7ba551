// SPDX-License-Identifier: Apache-2.0
// Walks the tree of the file along the table of keys and builds struct config. Must never stop at the first problem:
// whoever reads the report should have to come back once. Called at start and at a reload, by one thread at a time.
#include "io/config.h"
#include "base/near.h"
#include "io/config_value.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 16 // groups inside one scope that wait to be read; the table has far fewer

// A group of the file and the part of the table that rules it: "" for the whole, "jobs[]." for an element of jobs.
struct scope {
    const struct config_node *node;
    char path[CONFIG_KEY_MAX_BYTES];  // as in the table, with the dot at its end
    char shown[CONFIG_KEY_MAX_BYTES]; // as people see it, "jobs[2]."
    void *object;
};

const char *config_keep(struct config_loading *loading, struct span text)
{
    struct config_store *store = loading->config->store;
    if (store->count == store->capacity) {
        size_t capacity = store->capacity == 0 ? 64 : store->capacity * 2;
        char **texts = reallocarray(store->texts, capacity, sizeof *texts);
        if (texts == NULL) {
            loading->no_memory = true;
            return "";
        }
        store->texts = texts;
        store->capacity = capacity;
    }
    if (text.len == 0) {
        return "";
    }
    char *copy = span_dup(text);
    if (copy == NULL) {
        loading->no_memory = true;
        return "";
    }
    store->texts[store->count++] = copy;
    return copy;
}

const char *config_member(char key[CONFIG_KEY_MAX_BYTES], const char *list, size_t index, const char *member)
{
    (void)snprintf(key, CONFIG_KEY_MAX_BYTES, "%s[%zu].%s", list, index, member);
    return key;
}

bool config_is_right(const struct config_loading *loading, const char *key)
{
    return !config_tree_wrong(loading->tree, key);
}

static const struct config_key *find_key(const char *path)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].path, path) == 0) {
            return &config_keys[i];
        }
    }
    return NULL;
}

// Whether the table knows keys below path, as "broker.tls" of "broker.tls.ca_file".
static bool is_group(const char *path)
{
    size_t len = strlen(path);
    for (size_t i = 0; i < config_key_count; i++) {
        if (strncmp(config_keys[i].path, path, len) == 0 && config_keys[i].path[len] == '.') {
            return true;
        }
    }
    return false;
}

// The key or group right below the scope that key lies in, "tls" for "broker.tls.ca_file" in "broker."; "" when none.
static const char *name_below(const struct config_key *key, const char *scope, char name[CONFIG_KEY_MAX_BYTES])
{
    size_t len = strlen(scope);
    const char *rest = strncmp(key->path, scope, len) == 0 ? key->path + len : "";
    (void)snprintf(name, CONFIG_KEY_MAX_BYTES, "%.*s", (int)strcspn(rest, ".["), rest);
    return name;
}

// What the writer of an unknown key may have meant: a name beside it, or the same name elsewhere. "" when nothing.
static void guess_meant(const char *scope, const char *written, char meant[CONFIG_KEY_MAX_BYTES])
{
    char name[CONFIG_KEY_MAX_BYTES];
    size_t best = NEAR_WORD_MAX + 1;
    meant[0] = '\0';
    for (size_t i = 0; i < config_key_count; i++) {
        name_below(&config_keys[i], scope, name);
        size_t distance = near_distance(written, name);
        if (name[0] != '\0' && near_enough(written, name) && distance < best) {
            best = distance;
            memcpy(meant, name, sizeof name);
        }
    }
    for (size_t i = 0; i < config_key_count && meant[0] == '\0'; i++) {
        const char *dot = strrchr(config_keys[i].path, '.');
        if (dot != NULL && strcmp(dot + 1, written) == 0) {
            (void)snprintf(meant, CONFIG_KEY_MAX_BYTES, "%s", config_keys[i].path);
        }
    }
}

static void complain_unknown(struct config_loading *loading, const struct scope *scope, const char *name,
                             const char *shown)
{
    char meant[CONFIG_KEY_MAX_BYTES];
    guess_meant(scope->path, name, meant);
    bool secret = strstr(name, "password") != NULL || strstr(name, "token") != NULL || strstr(name, "secret") != NULL;
    config_complain(loading, shown, "is no key that is known here%s%s%s%s", meant[0] != '\0' ? ", did you mean " : "",
                    meant, meant[0] != '\0' ? "?" : "",
                    secret ? " A secret does not stand in this file, expected the name of a file that holds it" : "");
}

static void set_defaults(struct config_loading *loading, const struct scope *scope)
{
    size_t len = strlen(scope->path);
    for (size_t i = 0; i < config_key_count; i++) {
        bool in_list = strstr(config_keys[i].path, "[]") != NULL;
        if (len == 0 ? !in_list : strncmp(config_keys[i].path, scope->path, len) == 0) {
            config_value_default(loading, &config_keys[i], scope->object);
        }
    }
}

static void complain_missing(struct config_loading *loading, const struct scope *scope)
{
    size_t len = strlen(scope->path);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        bool in_list = strstr(key->path, "[]") != NULL;
        if (!key->required || (len == 0 ? in_list : strncmp(key->path, scope->path, len) != 0)) {
            continue;
        }
        char shown[CONFIG_KEY_MAX_BYTES];
        char expected[CONFIG_EXPECTED_MAX_BYTES];
        (void)snprintf(shown, sizeof shown, "%s%s", scope->shown, key->path + len);
        if (config_tree_find(loading->tree, shown) == NULL) {
            config_complain(loading, shown, "is missing, expected %s", config_value_expected(key, expected));
        }
    }
}

static bool is_list(const struct scope *scope, const char *name)
{
    return scope->path[0] == '\0' && (strcmp(name, "jobs") == 0 || strcmp(name, "routes") == 0);
}

// One member of a group: a value, a group (then *below is what is to be read next and the result true), or unknown.
static bool read_member(struct config_loading *loading, const struct scope *scope, const struct config_node *node,
                        struct scope *below)
{
    char path[CONFIG_KEY_MAX_BYTES];
    char shown[CONFIG_KEY_MAX_BYTES];
    const char *name = config_node_name(node);
    int path_len = snprintf(path, sizeof path, "%s%s", scope->path, name);
    int shown_len = snprintf(shown, sizeof shown, "%s%s", scope->shown, name);
    bool fits = path_len < CONFIG_KEY_MAX_BYTES - 1 && shown_len < CONFIG_KEY_MAX_BYTES - 1;
    const struct config_key *key = find_key(path);
    if (is_list(scope, name)) {
        return false; // read_list does these
    }
    if (key != NULL) {
        config_value_read(loading, key, node, shown, scope->object);
        return false;
    }
    if (!fits || !is_group(path)) {
        complain_unknown(loading, scope, name, shown);
        return false;
    }
    if (config_node_type(node) != NODE_GROUP) {
        char found[CONFIG_EXPECTED_MAX_BYTES];
        config_complain(loading, shown, "%s, expected a group { ... }", config_value_found(node, found));
        return false;
    }
    *below = (struct scope){.node = node, .object = scope->object};
    (void)snprintf(below->path, sizeof below->path, "%.*s.", CONFIG_KEY_MAX_BYTES - 2, path);
    (void)snprintf(below->shown, sizeof below->shown, "%.*s.", CONFIG_KEY_MAX_BYTES - 2, shown);
    return true;
}

static void read_scope(struct config_loading *loading, const struct scope *scope)
{
    struct scope waiting[GROUPS_MAX];
    size_t count = 1;
    waiting[0] = *scope;
    set_defaults(loading, scope);
    while (count > 0) {
        struct scope group = waiting[--count];
        for (size_t i = 0; i < config_node_count(group.node); i++) {
            struct scope below;
            if (read_member(loading, &group, config_node_child(group.node, i), &below) && count < GROUPS_MAX) {
                waiting[count++] = below;
            }
        }
    }
    complain_missing(loading, scope);
}

// Reads jobs or routes into *items, an array of count elements of size bytes.
static void read_list(struct config_loading *loading, const char *name, size_t max, size_t size, void **items,
                      size_t *count)
{
    const struct config_node *list = config_tree_find(loading->tree, name);
    if (list == NULL || config_node_type(list) != NODE_LIST || config_node_count(list) == 0) {
        config_complain(loading, name, "%s, expected a list of at least one group: ( { ... } )",
                        list == NULL                          ? "is missing"
                        : config_node_type(list) != NODE_LIST ? "is no list"
                                                              : "is empty");
        return;
    }
    size_t found = config_node_count(list);
    if (found > max) {
        config_complain(loading, name, "has %zu elements, expected at most %zu", found, max);
        found = max;
    }
    *items = calloc(found, size);
    if (*items == NULL) {
        loading->no_memory = true;
        return;
    }
    *count = found;
    for (size_t i = 0; i < found; i++) {
        struct scope scope = {.node = config_node_child(list, i), .object = (char *)*items + i * size};
        char element[CONFIG_KEY_MAX_BYTES];
        (void)snprintf(element, sizeof element, "%s[%zu]", name, i);
        (void)snprintf(scope.path, sizeof scope.path, "%s[].", name);
        (void)snprintf(scope.shown, sizeof scope.shown, "%s[%zu].", name, i);
        if (config_node_type(scope.node) != NODE_GROUP) {
            char text[CONFIG_EXPECTED_MAX_BYTES];
            set_defaults(loading, &scope);
            config_complain(loading, element, "%s, expected a group { ... }", config_value_found(scope.node, text));
            continue;
        }
        read_scope(loading, &scope);
    }
}

// The places of the keys that name files, for problems that only show when the files are looked at.
static void keep_places(struct config_loading *loading)
{
    struct config_store *store = loading->config->store;
    store->places = calloc(config_key_count, sizeof *store->places);
    if (store->places == NULL) {
        loading->no_memory = true;
        return;
    }
    for (size_t i = 0; i < config_key_count; i++) {
        struct config_place place = config_tree_place(loading->tree, config_keys[i].path);
        store->places[i] = (struct config_place){config_keep(loading, span_of(place.file)), place.line};
    }
}

static enum status build(struct config_loading *loading)
{
    struct config *config = loading->config;
    struct scope whole = {.node = config_tree_find(loading->tree, ""), .object = config};
    void *jobs = NULL;
    void *routes = NULL;
    read_scope(loading, &whole);
    read_list(loading, "jobs", CONFIG_JOBS_MAX, sizeof *config->jobs, &jobs, &config->job_count);
    read_list(loading, "routes", CONFIG_ROUTES_MAX, sizeof *config->routes, &routes, &config->route_count);
    config->jobs = jobs;
    config->routes = routes;
    config_finish(loading);
    config_check(loading);
    config_check_routes(loading);
    config_check_discovery(loading);
    keep_places(loading);
    config_problems_sort(loading->problems, loading->path);
    if (loading->no_memory) {
        config_problem_add(loading->problems, (struct config_place){loading->path, 0}, "", "%s",
                           status_text(STATUS_NO_MEMORY));
        return STATUS_NO_MEMORY;
    }
    return loading->problems->count + loading->problems->left_out > 0 ? STATUS_INVALID : STATUS_OK;
}

enum status config_load(const char *path, struct config **config, struct config_problems *problems)
{
    struct config_loading loading = {.path = path, .problems = problems};
    *problems = (struct config_problems){0};
    *config = NULL;
    enum status rc = config_tree_read(path, &loading.tree, problems);
    if (rc != STATUS_OK) {
        return rc;
    }
    loading.config = calloc(1, sizeof *loading.config);
    struct config_store *store = calloc(1, sizeof *store);
    if (loading.config == NULL || store == NULL) {
        free(store);
        rc = STATUS_NO_MEMORY;
        goto out;
    }
    loading.config->store = store;
    rc = build(&loading);
    if (rc == STATUS_OK) {
        *config = loading.config;
        loading.config = NULL;
    }
out:
    config_tree_free(loading.tree);
    config_free(loading.config);
    return rc;
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    if (config->store != NULL) {
        for (size_t i = 0; i < config->store->count; i++) {
            free(config->store->texts[i]);
        }
        free(config->store->texts);
        free(config->store->places);
        free(config->store);
    }
    free(config->jobs);
    free(config->routes);
    free(config);
}

const struct config_job *config_job(const struct config *config, struct span name)
{
    for (size_t i = 0; i < config->job_count; i++) {
        if (span_is(name, config->jobs[i].name)) {
            return &config->jobs[i];
        }
    }
    return NULL;
}
