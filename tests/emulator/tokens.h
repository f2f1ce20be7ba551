// SPDX-License-Identifier: Apache-2.0
// API tokens and what their scopes allow, with the names of the scopes as the vendor documents them.
#ifndef EMULATOR_TOKENS_H
#define EMULATOR_TOKENS_H

#include "ids.h"
#include "op.h"

#include <stdbool.h>
#include <stddef.h>

struct token {
    char *text;
    char id[ID_SIZE]; // what the log names as sourceId
    char **scopes;
    size_t scope_count;
};

// Starts as all zero.
struct tokens {
    struct token *list;
    size_t count;
};

// Adds a token without scopes or takes all scopes from the one there is. Under the world's lock, as all here.
struct token *tokens_put(struct tokens *tokens, const char *text, const char id[ID_SIZE]);

// scope is copied.
void token_add_scope(struct token *token, const char *scope);

// Says whether there was such a token.
bool tokens_drop(struct tokens *tokens, const char *text);

// NULL for an unknown token.
const struct token *tokens_find(const struct tokens *tokens, const char *text);

// Whether one of the token's scopes allows the operation.
bool token_allows(const struct token *token, enum op op);

void tokens_free(struct tokens *tokens);

#endif
