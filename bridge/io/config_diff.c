// SPDX-License-Identifier: Apache-2.0
// See config_diff.h. Compares the fields that the table's offsets name, as text. Any thread.
#include "io/config_diff.h"
#include "io/config_schema.h"
#include "io/config_tree.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// What is not listed takes effect by itself. The first that fits counts.
static const struct {
    const char *prefix; // of the path in the table
    unsigned touches;
} touched[] = {
    {"broker.publish_rate.", 0},
    {"broker.retain", CONFIG_TOUCH_BROKER | CONFIG_TOUCH_DISCOVERY},
    {"broker.bridge_topic", CONFIG_TOUCH_BROKER | CONFIG_TOUCH_DISCOVERY},
    {"broker.client_id", CONFIG_TOUCH_BROKER | CONFIG_TOUCH_DISCOVERY},
    {"broker.", CONFIG_TOUCH_BROKER},
    {"journal.keep_done_s", 0},
    {"journal.", CONFIG_TOUCH_RESTART},
    {"discovery.", CONFIG_TOUCH_BROKER | CONFIG_TOUCH_DISCOVERY},
    {"jobs[]", CONFIG_TOUCH_DISCOVERY},
    {"routes[].filter", CONFIG_TOUCH_BROKER | CONFIG_TOUCH_DISCOVERY},
    {"routes[]", CONFIG_TOUCH_DISCOVERY},
};

struct diff {
    void (*each)(void *context, const struct config_change *change);
    void *context;
    unsigned touches;
};

static unsigned touches_of(const char *path)
{
    for (size_t i = 0; i < sizeof touched / sizeof touched[0]; i++) {
        if (strncmp(path, touched[i].prefix, strlen(touched[i].prefix)) == 0) {
            return touched[i].touches;
        }
    }
    return 0;
}

static void tell(struct diff *diff, const char *key, const char *from, const char *to, unsigned touches)
{
    struct config_change change = {key, from, to, touches};
    diff->touches |= touches;
    if (diff->each) {
        diff->each(diff->context, &change);
    }
}

static const char *text_at(const struct config_key *key, const void *object)
{
    const char *text = NULL;
    memcpy(&text, (const char *)object + key->offset, sizeof text);
    return text;
}

static void write_word(const char *words, unsigned index, char text[CONFIG_DIFF_TEXT_MAX])
{
    for (; index > 0 && strchr(words, '|'); index--) {
        words = strchr(words, '|') + 1;
    }
    (void)snprintf(text, CONFIG_DIFF_TEXT_MAX, "%.*s", (int)strcspn(words, "|"), words);
}

static void write_actions(const bool *allowed, char text[CONFIG_DIFF_TEXT_MAX])
{
    int at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (allowed[i] && i != ACTION_STATUS) {
            at += snprintf(text + at, (size_t)(CONFIG_DIFF_TEXT_MAX - at), "%s%s", at > 0 ? "," : "",
                           action_text((enum action)i));
        }
    }
}

static void write_value(const struct config_key *key, const void *object, char text[CONFIG_DIFF_TEXT_MAX])
{
    const char *at = (const char *)object + key->offset;
    int64_t number = 0;
    unsigned word = 0;
    struct ratelimit_spec rate;
    text[0] = '\0';
    switch (key->type) {
    case CONFIG_TEXT:
    case CONFIG_PATH:
        (void)snprintf(text, CONFIG_DIFF_TEXT_MAX, "%s", text_at(key, object));
        break;
    case CONFIG_INT:
        memcpy(&number, at, sizeof number);
        (void)snprintf(text, CONFIG_DIFF_TEXT_MAX, "%" PRId64, number);
        break;
    case CONFIG_BOOL:
        (void)snprintf(text, CONFIG_DIFF_TEXT_MAX, "%s", *(const bool *)at ? "true" : "false");
        break;
    case CONFIG_ENUM:
        memcpy(&word, at, sizeof word);
        write_word(key->words, word, text);
        break;
    case CONFIG_RATE:
        memcpy(&rate, at, sizeof rate);
        if (rate.count != 0) {
            (void)snprintf(text, CONFIG_DIFF_TEXT_MAX, "%" PRIu32 "/%" PRId64 "ms", rate.count, rate.window_ms);
        }
        break;
    case CONFIG_ACTIONS:
        write_actions((const bool *)at, text);
        break;
    }
}

static void diff_key(struct diff *diff, const struct config_key *key, const char *shown, const void *from,
                     const void *to)
{
    char was[CONFIG_DIFF_TEXT_MAX];
    char is[CONFIG_DIFF_TEXT_MAX];
    write_value(key, from, was);
    write_value(key, to, is);
    bool text = key->type == CONFIG_TEXT || key->type == CONFIG_PATH;
    // Of texts that are only alike as far as they are shown, the whole counts.
    bool same = text ? strcmp(text_at(key, from), text_at(key, to)) == 0 : strcmp(was, is) == 0;
    if (!same) {
        tell(diff, shown, was, is, touches_of(key->path));
    }
}

// One of the two lists, jobs or routes; an element begins with its name.
struct list {
    const char *name;  // "jobs"
    const char *scope; // "jobs[]."
    const char *first;
    size_t count;
    size_t size;
};

static const char *name_of(const struct list *list, size_t index)
{
    const char *name = NULL;
    memcpy(&name, list->first + index * list->size, sizeof name);
    return name;
}

static const void *find_element(const struct list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(name_of(list, i), name) == 0) {
            return list->first + i * list->size;
        }
    }
    return NULL;
}

static void diff_element(struct diff *diff, const struct list *list, const char *name, const void *from, const void *to)
{
    char shown[CONFIG_KEY_MAX_BYTES + CONFIG_DIFF_TEXT_MAX];
    for (size_t i = 0; i < config_key_count; i++) {
        if (strncmp(config_keys[i].path, list->scope, strlen(list->scope)) == 0) {
            (void)snprintf(shown, sizeof shown, "%s[%s].%s", list->name, name,
                           config_keys[i].path + strlen(list->scope));
            diff_key(diff, &config_keys[i], shown, from, to);
        }
    }
}

static void diff_lists(struct diff *diff, const struct list *from, const struct list *to)
{
    char shown[CONFIG_KEY_MAX_BYTES + CONFIG_DIFF_TEXT_MAX];
    // A route that comes or goes is a subscription that does.
    unsigned touches = CONFIG_TOUCH_DISCOVERY | (strcmp(from->name, "routes") == 0 ? CONFIG_TOUCH_BROKER : 0);
    for (size_t i = 0; i < from->count; i++) {
        const char *name = name_of(from, i);
        const void *element = find_element(to, name);
        if (element) {
            diff_element(diff, from, name, from->first + i * from->size, element);
        } else {
            (void)snprintf(shown, sizeof shown, "%s[%s]", from->name, name);
            tell(diff, shown, "there", "", touches);
        }
    }
    for (size_t i = 0; i < to->count; i++) {
        if (!find_element(from, name_of(to, i))) {
            (void)snprintf(shown, sizeof shown, "%s[%s]", to->name, name_of(to, i));
            tell(diff, shown, "", "there", touches);
        }
    }
}

static struct list jobs_of(const struct config *config)
{
    return (struct list){"jobs", "jobs[].", (const char *)config->jobs, config->job_count, sizeof *config->jobs};
}

static struct list routes_of(const struct config *config)
{
    return (struct list){"routes", "routes[].", (const char *)config->routes, config->route_count,
                         sizeof *config->routes};
}

unsigned config_diff(const struct config *from, const struct config *to,
                     void (*each)(void *context, const struct config_change *change), void *context)
{
    struct diff diff = {each, context, 0};
    for (size_t i = 0; i < config_key_count; i++) {
        if (!strstr(config_keys[i].path, "[]")) {
            diff_key(&diff, &config_keys[i], config_keys[i].path, from, to);
        }
    }
    struct list from_jobs = jobs_of(from);
    struct list to_jobs = jobs_of(to);
    struct list from_routes = routes_of(from);
    struct list to_routes = routes_of(to);
    diff_lists(&diff, &from_jobs, &to_jobs);
    diff_lists(&diff, &from_routes, &to_routes);
    return diff.touches;
}
