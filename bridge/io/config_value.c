// SPDX-License-Identifier: Apache-2.0
// One function per type of config_schema.h. Must never guess: a value of another type is a problem, not converted.
#include "io/config_value.h"
#include "base/near.h"
#include "io/config_rule.h"
#include "io/config_source.h"
#include "rules/json.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOUND_TEXT_MAX 60 // bytes of a wrong text that are shown

static void *field(const struct config_key *key, void *object)
{
    return (char *)object + key->offset;
}

// The next word of a list "a|b|c"; false at the end.
static bool next_word(const char **list, struct span *word)
{
    if (**list == '\0') {
        return false;
    }
    size_t len = strcspn(*list, "|");
    *word = (struct span){*list, len};
    *list += len + ((*list)[len] == '|' ? 1 : 0);
    return true;
}

static bool find_word(const char *words, struct span text, unsigned *index)
{
    struct span word;
    for (*index = 0; next_word(&words, &word); (*index)++) {
        if (span_equal(word, text)) {
            return true;
        }
    }
    return false;
}

static void set_text(struct config_loading *loading, const struct config_key *key, struct span text, void *object)
{
    const char *kept = config_keep(loading, text);
    memcpy(field(key, object), &kept, sizeof kept);
}

// A relative file name becomes one that can be opened from anywhere that path itself can.
static void set_path(struct config_loading *loading, const struct config_key *key, struct span text, void *object)
{
    struct bytes resolved;
    bytes_init(&resolved, PATH_MAX);
    if (text.len > 0) {
        config_source_resolve(loading->path, text, &resolved);
    }
    loading->no_memory = loading->no_memory || !bytes_ok(&resolved);
    set_text(loading, key, bytes_span(&resolved), object);
    bytes_free(&resolved);
}

static void default_actions(const char *list, bool *allowed)
{
    struct span rest = span_of(list);
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        char quoted[CONFIG_KEY_MAX_BYTES];
        int len = snprintf(quoted, sizeof quoted, "\"%s\"", action_text((enum action)i));
        allowed[i] = i == ACTION_STATUS || memmem(rest.at, rest.len, quoted, (size_t)len) != NULL;
    }
}

void config_value_default(struct config_loading *loading, const struct config_key *key, void *object)
{
    struct span text = span_of(key->fallback);
    if (text.len >= 2 && text.at[0] == '"') {
        text = (struct span){text.at + 1, text.len - 2};
    }
    bool truth = span_is(text, "true");
    unsigned word = 0;
    int64_t number = 0;
    switch (key->type) {
    case CONFIG_TEXT:
    case CONFIG_PATH: // the defaults are absolute or empty
        set_text(loading, key, text, object);
        break;
    case CONFIG_INT:
        number = strtoll(key->fallback, NULL, 10);
        memcpy(field(key, object), &number, sizeof number);
        break;
    case CONFIG_BOOL:
        memcpy(field(key, object), &truth, sizeof truth);
        break;
    case CONFIG_ENUM:
        (void)find_word(key->words, text, &word);
        memcpy(field(key, object), &word, sizeof word);
        break;
    case CONFIG_RATE:
        *(struct ratelimit_spec *)field(key, object) = (struct ratelimit_spec){0, 0};
        break;
    case CONFIG_ACTIONS:
        default_actions(key->fallback, field(key, object));
        break;
    }
}

const char *config_value_expected(const struct config_key *key, char text[CONFIG_EXPECTED_MAX_BYTES])
{
    struct span word;
    const char *words = key->words;
    int at = 0;
    switch (key->type) {
    case CONFIG_TEXT:
        return "a text in quotes";
    case CONFIG_PATH:
        return "the name of a file in quotes";
    case CONFIG_BOOL:
        return "true or false";
    case CONFIG_RATE:
        return "COUNT/TIME such as \"30/15s\" (1 to 10000 in 1ms to 24h), or \"\" for no limit";
    case CONFIG_ACTIONS:
        return "a list of actions in brackets, such as [\"execute\", \"logs\"]";
    case CONFIG_INT:
        (void)snprintf(text, CONFIG_EXPECTED_MAX_BYTES, "a whole number from %" PRId64 " to %" PRId64, key->min,
                       key->max);
        return text;
    case CONFIG_ENUM:
        while (next_word(&words, &word)) {
            const char *between = at == 0 ? "" : *words != '\0' ? ", " : " or ";
            at += snprintf(text + at, (size_t)(CONFIG_EXPECTED_MAX_BYTES - at), "%s\"%.*s\"", between, (int)word.len,
                           word.at);
        }
        return text;
    }
    return "something else";
}

const char *config_value_found(const struct config_node *node, char text[CONFIG_EXPECTED_MAX_BYTES])
{
    switch (config_node_type(node)) {
    case NODE_GROUP:
        return "is a group";
    case NODE_LIST:
        return "is a list";
    case NODE_FLOAT:
        return "is a number with a fraction";
    case NODE_BOOL:
        return config_node_bool(node) ? "is true" : "is false";
    case NODE_INT:
        (void)snprintf(text, CONFIG_EXPECTED_MAX_BYTES, "is the number %" PRId64, config_node_int(node));
        return text;
    case NODE_TEXT:
        (void)snprintf(text, CONFIG_EXPECTED_MAX_BYTES, "is the text \"%.*s\"", FOUND_TEXT_MAX, config_node_text(node));
        return text;
    }
    return "is something else";
}

static void complain_value(struct config_loading *loading, const struct config_key *key, const struct config_node *node,
                           const char *shown)
{
    char found[CONFIG_EXPECTED_MAX_BYTES];
    char expected[CONFIG_EXPECTED_MAX_BYTES];
    config_complain(loading, shown, "%s, expected %s", config_value_found(node, found),
                    config_value_expected(key, expected));
}

// A context may be written over several lines; nothing else has a use for a control character.
static bool has_control(const char *text, bool lines)
{
    for (; *text != '\0'; text++) {
        bool allowed = lines && strchr("\n\r\t", *text) != NULL;
        if (((unsigned char)*text < ' ' || *text == '\x7f') && !allowed) {
            return true;
        }
    }
    return false;
}

static void read_text(struct config_loading *loading, const struct config_key *key, const char *text, const char *shown,
                      void *object)
{
    bool context = strcmp(key->path, "routes[].context") == 0;
    size_t max = context ? CONFIG_CONTEXT_MAX_BYTES : CONFIG_TEXT_MAX_BYTES;
    const char *why = NULL;
    if (strlen(text) > max) {
        config_complain(loading, shown, "has %zu bytes, expected at most %zu", strlen(text), max);
    } else if (!json_utf8_valid(span_of(text))) {
        config_complain(loading, shown, "is not valid UTF-8, expected text in UTF-8");
    } else if (has_control(text, context)) {
        config_complain(loading, shown, "has a control character in it, expected printable text");
    } else if (key->check != NULL && key->check(text, &why) != STATUS_OK) {
        config_complain(loading, shown, "%s", why);
    } else if (key->type == CONFIG_PATH) {
        set_path(loading, key, span_of(text), object);
    } else {
        set_text(loading, key, span_of(text), object);
    }
}

static void read_int(struct config_loading *loading, const struct config_key *key, const struct config_node *node,
                     const char *shown, void *object)
{
    int64_t number = config_node_int(node);
    if (number < key->min || number > key->max) {
        complain_value(loading, key, node, shown);
        return;
    }
    memcpy(field(key, object), &number, sizeof number);
}

static void read_word(struct config_loading *loading, const struct config_key *key, const struct config_node *node,
                      const char *shown, void *object)
{
    unsigned word = 0;
    if (!find_word(key->words, span_of(config_node_text(node)), &word)) {
        complain_value(loading, key, node, shown);
        return;
    }
    memcpy(field(key, object), &word, sizeof word);
}

static void read_rate(struct config_loading *loading, const struct config_key *key, const struct config_node *node,
                      const char *shown, void *object)
{
    struct ratelimit_spec spec;
    if (ratelimit_parse(config_node_text(node), &spec) != STATUS_OK) {
        complain_value(loading, key, node, shown);
        return;
    }
    *(struct ratelimit_spec *)field(key, object) = spec;
}

static const char *nearest_action(const char *written)
{
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (strcasecmp(written, action_text((enum action)i)) == 0 ||
            near_enough(written, action_text((enum action)i))) {
            return action_text((enum action)i);
        }
    }
    return NULL;
}

static void complain_action(struct config_loading *loading, const struct config_node *node, const char *shown)
{
    char found[CONFIG_EXPECTED_MAX_BYTES];
    const char *meant = config_node_type(node) == NODE_TEXT ? nearest_action(config_node_text(node)) : NULL;
    config_complain(loading, shown, "%s, expected an action: execute, cancelExecution, get, logs, patch, delete%s%s%s",
                    config_value_found(node, found), meant != NULL ? "; did you mean " : "", meant != NULL ? meant : "",
                    meant != NULL ? "?" : "");
}

static void read_actions(struct config_loading *loading, const struct config_key *key, const struct config_node *node,
                         const char *shown, void *object)
{
    bool allowed[ACTION_COUNT] = {[ACTION_STATUS] = true};
    bool right = true;
    for (size_t i = 0; i < config_node_count(node); i++) {
        const struct config_node *element = config_node_child(node, i);
        enum action action = ACTION_COUNT;
        if (config_node_type(element) != NODE_TEXT || !action_parse(span_of(config_node_text(element)), &action)) {
            char element_key[CONFIG_KEY_MAX_BYTES];
            (void)snprintf(element_key, sizeof element_key, "%s[%zu]", shown, i);
            complain_action(loading, element, element_key);
            right = false;
            continue;
        }
        allowed[action] = true;
    }
    if (config_node_count(node) == 0) {
        config_complain(loading, shown, "is empty, expected at least one action");
        right = false;
    }
    if (right) {
        memcpy(field(key, object), allowed, sizeof allowed);
    }
}

static enum config_node_type node_type_of(enum config_type type)
{
    switch (type) {
    case CONFIG_INT:
        return NODE_INT;
    case CONFIG_BOOL:
        return NODE_BOOL;
    case CONFIG_ACTIONS:
        return NODE_LIST;
    default:
        return NODE_TEXT;
    }
}

void config_value_read(struct config_loading *loading, const struct config_key *key, const struct config_node *node,
                       const char *shown, void *object)
{
    bool truth = false;
    if (config_node_type(node) != node_type_of(key->type)) {
        complain_value(loading, key, node, shown);
        return;
    }
    switch (key->type) {
    case CONFIG_TEXT:
    case CONFIG_PATH:
        read_text(loading, key, config_node_text(node), shown, object);
        break;
    case CONFIG_INT:
        read_int(loading, key, node, shown, object);
        break;
    case CONFIG_BOOL:
        truth = config_node_bool(node);
        memcpy(field(key, object), &truth, sizeof truth);
        break;
    case CONFIG_ENUM:
        read_word(loading, key, node, shown, object);
        break;
    case CONFIG_RATE:
        read_rate(loading, key, node, shown, object);
        break;
    case CONFIG_ACTIONS:
        read_actions(loading, key, node, shown, object);
        break;
    }
}
