// SPDX-License-Identifier: Apache-2.0
// From a command's payload to the request of the API: strict, with the API's own bounds, naming the field that is
// wrong. The texts of templateContext and queryJson are passed on digit for digit. Pure; any thread.
//
//   execute  {"templateContext": {"n": 1}}      ->  context {"n": 1}   (the object's own text)
//   execute  {"templateContext": "{\"n\": 1}"}  ->  context {"n": 1}   (the string's text)
//   execute  (empty)                            ->  no context
#ifndef RULES_TRANSLATE_H
#define RULES_TRANSLATE_H

#include "rules/command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRANSLATE_FIELD_BYTES   64
#define TRANSLATE_MESSAGE_BYTES 384

// What a payload asks for. All texts are owned by it; translate_free() frees.
struct translation {
    char *request_id; // NULL: none was given
    int64_t ttl_s;    // -1: none was given
    char *context;    // execute: the text of the context object, NULL: none was given
    char *body; // execute: the other members of the request body as `"queryJson":"…","dataTableId":"…"` (may be
                // ""), to be joined with the context; patch: the whole request body; else NULL
    char *of;   // cancelExecution: the requestId to cancel, or NULL
    char execution_id[COMMAND_ID_BYTES]; // cancelExecution: or ""
    char *query; // logs and delete: the URL query built from checked values ("limit=10&since=5"), or NULL
};

struct translate_error {
    char field[TRANSLATE_FIELD_BYTES];     // "" when it is the payload as a whole; a longer name is cut
    char message[TRANSLATE_MESSAGE_BYTES]; // for the user; names the field, what is wrong, what was expected
};

// payload: the MQTT message; empty or only white space is {}. reserve: code points of templateContext to keep free (for
// the marker).
// STATUS_OK, STATUS_INVALID (error filled), STATUS_TOO_LARGE (the same, when the payload is longer than
// COMMAND_PAYLOAD_MAX: it was not looked at), or STATUS_NO_MEMORY. out is valid to free in every case.
// When out->request_id could be read it is set even if the rest is invalid, so that a rejection can name it.
enum status translate_payload(enum action action, struct span payload, size_t reserve, struct translation *out,
                              struct translate_error *error);
void translate_free(struct translation *out);

// Whether text can be a request id: 1..COMMAND_REQUEST_ID_MAX code points, each utf8_printable().
bool translate_request_id_valid(struct span text);

// The JSON body of an execute: {"templateContext":"…", <members>}. context: empty for none; members: as in
// translation.body, NULL or "" for none.
void translate_execute_body(struct span context, const char *members, struct bytes *out);
// The context with "marker_key":"marker" as its first member, all other text unchanged. context: one JSON object.
// STATUS_CONFLICT when the object has that key already, STATUS_INVALID when it is no object, STATUS_TOO_LARGE when out
// refuses it.
enum status translate_add_marker(struct span context, const char *marker_key, const char *marker, struct bytes *out);
// Code points that translate_add_marker adds at most, for a marker without quotes, backslashes or control characters.
size_t translate_marker_length(const char *marker_key, size_t marker_bytes);

#endif
