// SPDX-License-Identifier: Apache-2.0
// The kinds of fields that a command may carry: one function each checks a value and puts it where it belongs. A part
// of rules/translate, which has the table of the fields themselves. Pure; any thread.
#ifndef RULES_TRANSLATE_FIELD_H
#define RULES_TRANSLATE_FIELD_H

#include "rules/json.h"
#include "rules/translate.h"

// One payload being read.
struct field_reader {
    enum action action;
    size_t reserve;
    struct translation *out;
    struct translate_error *error;
    bool wrong;             // error is filled: the first problem wins
    bool no_memory;         //
    uint32_t seen;          // one bit per row of the table
    struct bytes members;   // of the API's request body
    struct bytes query;     // of the URL
    struct bytes unescaped; // the text of the string that is being looked at
};

struct field;

// Checks a value that passed json_check and keeps it; what is wrong goes to field_refuse(), want of memory to
// reader->no_memory.
typedef void field_taker(struct field_reader *reader, const struct field *field, struct json_value value);

struct field {
    const char *name;
    unsigned actions; // one bit each
    field_taker *take;
    int64_t min; // of the number, or of the string's code points
    int64_t max;
};

// Fills the reader's error unless it is filled already. field: its name, empty for the payload as a whole. format: what
// is wrong and what was expected.
void field_refuse(struct field_reader *reader, struct span field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *field_type_text(enum json_type type); // "a number", for messages
// A copy that the translation will own; NULL and reader->no_memory when there is none.
char *field_keep(struct field_reader *reader, struct span text);

field_taker field_take_request_id;
field_taker field_take_ttl;
field_taker field_take_context;
field_taker field_take_of;
field_taker field_take_execution_id;
field_taker field_take_query_integer; // min to max, into the URL query
field_taker field_take_query_bool;    // the same
field_taker field_take_bool;          // this one and the rest: into the request body, as the sender wrote it
field_taker field_take_integer;       // min to max
field_taker field_take_either;        // min or max
field_taker field_take_string;        // min to max code points
field_taker field_take_data_table;    // an id, or a template of min to max code points
field_taker field_take_object_text;   // a string, or an object that becomes one; at most max code points

#endif
