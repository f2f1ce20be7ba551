// SPDX-License-Identifier: Apache-2.0
// Query parameters by table. Must never ignore a parameter: a caller's typo is to be seen here, not in production.
// Pure.
#include "query.h"

#include "jsontext.h"

#include <stdio.h>
#include <string.h>

enum kind { KIND_ID, KIND_INTEGER, KIND_FLAG, KIND_WORD, KIND_TEXT };

#define IN(op)    (1u << (op))
#define IN_ALL    UINT32_MAX
#define OFFSET(m) offsetof(struct query, m)

static const char *const sort_fields[] = {"name",         "id", "creationDate", "lastUpdated", "lastExecutionRequested",
                                          "resourceType", NULL};
static const char *const sort_directions[] = {"asc", "desc", "ASC", "DESC", "", NULL};
static const char *const filter_fields[] = {"name", "resourceType", "", NULL};

// The vendor's clients send the parameters with an underscore with every call.
static const struct rule {
    const char *name;
    uint32_t ops;
    enum kind kind;
    size_t offset;
    int64_t min;
    int64_t max;
    const char *const *words;
} rules[] = {
    {"_actions", IN_ALL, KIND_FLAG, OFFSET(ignored), 0, 0, NULL},
    {"_links", IN_ALL, KIND_FLAG, OFFSET(ignored), 0, 0, NULL},
    {"_embedded", IN_ALL, KIND_FLAG, OFFSET(ignored), 0, 0, NULL},
    {"executionId", IN(OP_CANCEL_EXECUTION), KIND_ID, OFFSET(execution_id), 0, 0, NULL},
    {"limit", IN(OP_LOGS), KIND_INTEGER, OFFSET(log.limit), 1, INT64_MAX, NULL},
    {"since", IN(OP_LOGS), KIND_INTEGER, OFFSET(log.since_ms), 0, INT64_MAX, NULL},
    {"includeWorkflows", IN(OP_DELETE), KIND_FLAG, OFFSET(include_workflows), 0, 0, NULL},
    {"sortField", IN(OP_LIST), KIND_WORD, OFFSET(sort_field), 0, 0, sort_fields},
    {"sortDirection", IN(OP_LIST), KIND_WORD, OFFSET(sort_direction), 0, 0, sort_directions},
    {"page", IN(OP_LIST), KIND_INTEGER, OFFSET(page), 0, 1000000, NULL},
    {"perPage", IN(OP_LIST), KIND_INTEGER, OFFSET(per_page), 1, 1000, NULL},
    {"filterField", IN(OP_LIST), KIND_WORD, OFFSET(filter_field), 0, 0, filter_fields},
    {"filter", IN(OP_LIST), KIND_TEXT, OFFSET(filter), 0, 0, NULL},
};

#define RULES (sizeof rules / sizeof rules[0])

static size_t find_rule(enum op op, const char *name)
{
    size_t at = 0;

    while (at < RULES && !((rules[at].ops & IN(op)) && strcmp(rules[at].name, name) == 0)) {
        at++;
    }
    return at;
}

static const char *read_flag(const char *value, char *member)
{
    bool flag = strcmp(value, "true") == 0;

    if (!flag && strcmp(value, "false") != 0) {
        return "must be true or false";
    }
    memcpy(member, &flag, sizeof flag);
    return NULL;
}

static const char *read_integer(const struct rule *rule, const char *value, char *member)
{
    int64_t number;

    if (!http_read_integer(value, &number) || number < rule->min || number > rule->max) {
        return "must be an integer in range";
    }
    memcpy(member, &number, sizeof number);
    return NULL;
}

static const char *read_word(const struct rule *rule, const char *value, char *member)
{
    const char *const *word = rule->words;

    while (*word && strcmp(*word, value) != 0) {
        word++;
    }
    if (!*word) {
        return "is not one of the accepted values";
    }
    memcpy(member, word, sizeof(const char *));
    return NULL;
}

static bool is_utf8(const char *text)
{
    struct buf quoted = {0};
    char kind;
    bool good;

    buf_quote(&quoted, text);
    good = jsontext_valid(quoted.text, quoted.bytes, false, &kind);
    buf_free(&quoted);
    return good;
}

static const char *read_value(const struct rule *rule, const char *value, struct query *query)
{
    char *member = (char *)query + rule->offset;

    if (!value) {
        return "has no value";
    }
    switch (rule->kind) {
    case KIND_ID:
        return id_read(value, strlen(value), member) ? NULL : "must be an id of 24 hex digits";
    case KIND_INTEGER:
        return read_integer(rule, value, member);
    case KIND_FLAG:
        return read_flag(value, member);
    case KIND_WORD:
        return read_word(rule, value, member);
    case KIND_TEXT:
        memcpy(member, &value, sizeof(const char *));
        return is_utf8(value) ? NULL : "is not UTF-8"; // it is repeated in the answer
    }
    return "is not known";
}

bool query_read(enum op op, const struct http_request *request, struct query *query, char problem[SCHEMA_PROBLEM_SIZE])
{
    bool seen[RULES + 1] = {false};

    *query = (struct query){.log = {.limit = 1}, .per_page = 100, .sort_field = "name", .sort_direction = "asc"};
    if (request->parameter_count > HTTP_PARAMETERS_MAX) {
        snprintf(problem, SCHEMA_PROBLEM_SIZE, "Too many query parameters");
        return false;
    }
    for (size_t i = 0; i < request->parameter_count; i++) {
        const struct http_parameter *given = &request->parameters[i];
        size_t at = find_rule(op, given->name);
        const char *wrong = at == RULES ? "is not a parameter of this call"
                            : seen[at]  ? "is given twice"
                                        : read_value(&rules[at], given->value, query);

        seen[at] = true;
        query->log.has_since |= wrong == NULL && strcmp(given->name, "since") == 0;
        if (wrong) {
            snprintf(problem, SCHEMA_PROBLEM_SIZE, "Query parameter \"%.60s\" %s", given->name, wrong);
            return false;
        }
    }
    if (op == OP_CANCEL_EXECUTION && query->execution_id[0] == '\0') {
        snprintf(problem, SCHEMA_PROBLEM_SIZE, "Query parameter \"executionId\" is required");
        return false;
    }
    return true;
}
