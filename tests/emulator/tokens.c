// SPDX-License-Identifier: Apache-2.0
// Tokens and scopes. Must never let a token do what the vendor's page does not list for one of its scopes. Runs on any
// thread, under the world's lock.
#include "tokens.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

// Which scopes, beside the general ones, allow an operation; reads are also allowed by all.X.read.
static const struct {
    const char *group;
    const char *own;
    bool reads;
} needs[OP_COUNT] = {
    [OP_EXECUTE] = {"resourceJob.*", "resourceJob.execute", false},
    [OP_CANCEL_EXECUTION] = {"resourceJob.*", "resourceJob.cancelExecution", false},
    [OP_GET] = {"resourceJob.*", "resourceJob.get", true},
    [OP_LOGS] = {"resourceJob.*", "resourceJob.logs", true},
    [OP_PATCH] = {"resourceJob.*", "resourceJob.patch", false},
    [OP_DELETE] = {"resourceJob.*", "resourceJob.delete", false},
    [OP_LIST] = {"resourceJobs.*", "resourceJobs.get", true},
    [OP_CREATE] = {"resourceJobs.*", "resourceJobs.post", false},
};

static void drop_scopes(struct token *token)
{
    for (size_t i = 0; i < token->scope_count; i++) {
        free(token->scopes[i]);
    }
    free(token->scopes);
    token->scopes = NULL;
    token->scope_count = 0;
}

static struct token *find(const struct tokens *tokens, const char *text)
{
    for (size_t i = 0; i < tokens->count; i++) {
        if (strcmp(tokens->list[i].text, text) == 0) {
            return &tokens->list[i];
        }
    }
    return NULL;
}

const struct token *tokens_find(const struct tokens *tokens, const char *text)
{
    return find(tokens, text);
}

struct token *tokens_put(struct tokens *tokens, const char *text, const char id[ID_SIZE])
{
    struct token *token = find(tokens, text);

    if (token) {
        drop_scopes(token);
        return token;
    }
    tokens->list = memory_resize(tokens->list, (tokens->count + 1) * sizeof *tokens->list);
    token = &tokens->list[tokens->count++];
    *token = (struct token){.text = memory_copy_text(text)};
    memcpy(token->id, id, ID_SIZE);
    return token;
}

void token_add_scope(struct token *token, const char *scope)
{
    token->scopes = memory_resize(token->scopes, (token->scope_count + 1) * sizeof *token->scopes);
    token->scopes[token->scope_count++] = memory_copy_text(scope);
}

bool tokens_drop(struct tokens *tokens, const char *text)
{
    struct token *token = find(tokens, text);

    if (!token) {
        return false;
    }
    drop_scopes(token);
    free(token->text);
    *token = tokens->list[--tokens->count];
    return true;
}

static bool scope_allows(const char *scope, enum op op)
{
    if (!strcmp(scope, needs[op].group) || !strcmp(scope, needs[op].own) || !strcmp(scope, "all.Application") ||
        !strcmp(scope, "all.Organization") || !strcmp(scope, "all.User")) {
        return true;
    }
    return needs[op].reads && (!strcmp(scope, "all.Application.read") || !strcmp(scope, "all.Organization.read") ||
                               !strcmp(scope, "all.User.read"));
}

bool token_allows(const struct token *token, enum op op)
{
    for (size_t i = 0; i < token->scope_count; i++) {
        if (scope_allows(token->scopes[i], op)) {
            return true;
        }
    }
    return false;
}

void tokens_free(struct tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++) {
        drop_scopes(&tokens->list[i]);
        free(tokens->list[i].text);
    }
    free(tokens->list);
    *tokens = (struct tokens){0};
}
