// SPDX-License-Identifier: Apache-2.0
// From one setting of the file, or one default of the table, to one field of struct config.
// Used by the thread that reads the configuration.
#ifndef IO_CONFIG_VALUE_H
#define IO_CONFIG_VALUE_H

#include "io/config_loading.h"
#include "io/config_schema.h"

#define CONFIG_EXPECTED_MAX_BYTES 256

// Sets the key's field in object (the struct that the offset counts from) to the default of the table.
void config_value_default(struct config_loading *loading, const struct config_key *key, void *object);
// Sets it to what the file says, or complains about shown (the key as people see it) and leaves the field alone.
void config_value_read(struct config_loading *loading, const struct config_key *key, const struct config_node *node,
                       const char *shown, void *object);
// "a whole number from 1 to 65535", into text; returns text.
const char *config_value_expected(const struct config_key *key, char text[CONFIG_EXPECTED_MAX_BYTES]);
// `is the text "x"`, into text; returns text.
const char *config_value_found(const struct config_node *node, char text[CONFIG_EXPECTED_MAX_BYTES]);

#endif
