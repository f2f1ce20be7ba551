// SPDX-License-Identifier: Apache-2.0
// See cli_table.h. Ends the process when memory is short: there is nothing to save here. Main thread.
#include "cli/cli_table.h"
#include "base/memory.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>

#define GAP 2 // spaces between two columns

void cli_table_init(struct cli_table *table, size_t columns)
{
    *table = (struct cli_table){.columns = columns};
}

void cli_table_free(struct cli_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    *table = (struct cli_table){0};
}

char *cli_printable(struct span text)
{
    char *copy = memory_must(span_dup(text));
    for (size_t at = 0; at < text.len;) {
        uint32_t code_point = 0;
        size_t len = utf8_next((struct span){text.at + at, text.len - at}, &code_point);
        if (len == 0 || !utf8_printable(code_point)) {
            len = len == 0 ? 1 : len;
            memset(copy + at, '?', len);
        }
        at += len;
    }
    return copy;
}

void cli_table_add(struct cli_table *table, struct span cell)
{
    if (table->count == CLI_TABLE_CELLS_MAX) {
        return;
    }
    if (table->count == table->capacity) {
        table->capacity = table->capacity * 2 + 64;
        table->cells = memory_must(realloc(table->cells, table->capacity * sizeof *table->cells));
    }
    table->cells[table->count++] = cli_printable(cell);
}

static size_t width(const char *cell)
{
    return utf8_length(span_of(cell));
}

void cli_table_print(const struct cli_table *table, FILE *out)
{
    size_t widths[CLI_TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < table->count; i++) {
        size_t cell = width(table->cells[i]);
        size_t *widest = &widths[i % table->columns];
        *widest = cell > *widest ? cell : *widest;
    }
    for (size_t i = 0; i < table->count; i++) {
        bool last = i % table->columns == table->columns - 1;
        size_t pad = last ? 0 : widths[i % table->columns] - width(table->cells[i]) + GAP;
        (void)fprintf(out, "%s%*s%s", table->cells[i], (int)pad, "", last ? "\n" : "");
    }
}
