// SPDX-License-Identifier: Apache-2.0
// A table for people: columns as wide as they need to be, nothing in a cell that could move a terminal's cursor.
// Main thread.
//
//   struct cli_table table;
//   cli_table_init(&table, 2);
//   cli_table_add(&table, SPAN("NAME"));
//   cli_table_add(&table, SPAN("VALUE"));
//   cli_table_print(&table, stdout);
//   cli_table_free(&table);
#ifndef CLI_CLI_TABLE_H
#define CLI_CLI_TABLE_H

#include "base/bytes.h"
#include <stdio.h>

#define CLI_TABLE_COLUMNS_MAX 10
#define CLI_TABLE_CELLS_MAX   1000000 // beyond it cells are left out

struct cli_table {
    size_t columns;
    char **cells; // row by row
    size_t count;
    size_t capacity;
};

void cli_table_init(struct cli_table *table, size_t columns);
void cli_table_free(struct cli_table *table);
void cli_table_add(struct cli_table *table, struct span cell); // copied; the next cell, from left to right
void cli_table_print(const struct cli_table *table, FILE *out);
// A copy in which control characters are '?', and what is no UTF-8 too; the caller frees.
char *cli_printable(struct span text);

#endif
