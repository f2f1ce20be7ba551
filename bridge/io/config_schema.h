// SPDX-License-Identifier: Apache-2.0
// The table of every configuration key: path, type, range, default, check, and one sentence of help. The reader, the
// manual and the test that every key is documented all go by it.
#ifndef IO_CONFIG_SCHEMA_H
#define IO_CONFIG_SCHEMA_H

#include "io/config.h"

enum config_type {
    CONFIG_TEXT,
    CONFIG_PATH, // a text that names a file; a relative one is relative to the configuration's folder
    CONFIG_INT,
    CONFIG_BOOL,
    CONFIG_ENUM,
    CONFIG_RATE,
    CONFIG_ACTIONS
};

struct config_key {
    const char *path; // "broker.tls.ca_file", "jobs[].ttl_s"
    enum config_type type;
    bool required;
    size_t offset;        // into struct config, struct config_job or struct config_route
    const char *fallback; // the default as it would stand in the file, "" when required
    int64_t min, max;     // CONFIG_INT
    const char *words;    // CONFIG_ENUM: the allowed words, separated by '|', in the order of the enum
    enum status (*check)(const char *text, const char **why); // texts: what is wrong, what was expected; may be NULL
    const char *help;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

#endif
