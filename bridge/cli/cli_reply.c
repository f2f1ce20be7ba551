// SPDX-License-Identifier: Apache-2.0
// See cli_reply.h. The kind is told from the members, not from the topic: a route may send several to one. Pure; any
// thread.
#include "cli/cli_reply.h"
#include "cli/cli_table.h"
#include "rules/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

// What a script does about it: 65 correct the command, 75 try later, 77 ask for permission, 66 look for the thing.
static const struct {
    const char *type;
    int exit_code;
} types[] = {
    {"InvalidCommand", EX_DATAERR}, {"PayloadTooLarge", EX_DATAERR}, {"Conflict", EX_DATAERR},
    {"Retained", EX_DATAERR},       {"Validation", EX_DATAERR},      {"UnknownJob", EX_NOINPUT},
    {"NotFound", EX_NOINPUT},       {"ActionNotAllowed", EX_NOPERM}, {"Unauthorized", EX_NOPERM},
    {"Forbidden", EX_NOPERM},       {"Expired", EX_TEMPFAIL},        {"Canceled", EX_TEMPFAIL},
    {"Overlap", EX_TEMPFAIL},       {"JournalFull", EX_TEMPFAIL},    {"OutcomeUnknown", EX_TEMPFAIL},
};

static int exit_code_of(const char *type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].type, type) == 0) {
            return types[i].exit_code;
        }
    }
    return EX_UNAVAILABLE;
}

// A member's text, ready for a terminal, cut where it is too long; "" when there is none.
static void read_text(struct json_value object, const char *name, char *out, size_t size)
{
    struct json_value value;
    struct bytes text;
    out[0] = '\0';
    bytes_init(&text, (size_t)CLI_REPLY_TEXT_BYTES * 8);
    if (json_find(object, name, &value) && value.type == JSON_STRING && json_unescape(value, &text) == STATUS_OK) {
        char *line = cli_printable(bytes_span(&text));
        (void)snprintf(out, size, "%s", line);
        free(line);
    }
    bytes_free(&text);
}

static bool is_ours(struct json_value object, const char *request_id)
{
    struct json_value value;
    struct bytes text;
    bytes_init(&text, (size_t)COMMAND_REQUEST_ID_MAX * 4 + 1);
    bool ours = json_find(object, "requestId", &value) && value.type == JSON_STRING &&
                json_unescape(value, &text) == STATUS_OK && span_is(bytes_span(&text), request_id);
    bytes_free(&text);
    return ours;
}

static void read_rejected(struct json_value error, struct cli_reply_read *reply)
{
    char type[64];
    char message[384];
    read_text(error, "type", type, sizeof type);
    read_text(error, "message", message, sizeof message);
    reply->kind = CLI_REPLY_REJECTED;
    reply->exit_code = exit_code_of(type);
    (void)snprintf(reply->text, sizeof reply->text, "rejected: %s: %s", type, message);
}

static void read_accepted(struct json_value object, struct cli_reply_read *reply)
{
    char execution[COMMAND_ID_BYTES];
    struct json_value body;
    read_text(object, "executionId", execution, sizeof execution);
    reply->kind = CLI_REPLY_ACCEPTED;
    reply->exit_code = EX_OK;
    reply->body = json_find(object, "body", &body) ? body.raw : SPAN_NONE;
    (void)snprintf(reply->text, sizeof reply->text, "accepted%s%s", execution[0] ? ": execution " : "", execution);
}

static void put_summary(struct json_value object, char *text, size_t size)
{
    static const char *const names[] = {"succeeded", "failed", "timedOut", "inProgress", "remaining"};
    struct json_value summary;
    struct json_value value;
    int64_t number = 0;
    size_t len = strlen(text);
    if (!json_find(object, "summary", &summary) || summary.type != JSON_OBJECT) {
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0] && len < size; i++) {
        if (json_find(summary, names[i], &value) && json_int64(value, &number)) {
            int added = snprintf(text + len, size - len, " %s=%lld", names[i], (long long)number);
            len += added > 0 ? (size_t)added : 0;
        }
    }
}

static void read_status(struct json_value object, struct cli_reply_read *reply)
{
    char state[64];
    char outcome[32];
    struct json_value value;
    int64_t number = -1;
    read_text(object, "state", state, sizeof state);
    read_text(object, "outcome", outcome, sizeof outcome);
    if (json_find(object, "progress", &value) && json_int64(value, &number)) {
        reply->progress = (int)number;
    }
    reply->kind = CLI_REPLY_STATUS;
    reply->final = outcome[0] != '\0';
    reply->exit_code = strcmp(outcome, "succeeded") == 0 ? EX_OK : EX_SOFTWARE;
    int len = snprintf(reply->text, sizeof reply->text, "%s", state);
    if (reply->progress >= 0) {
        (void)snprintf(reply->text + len, sizeof reply->text - (size_t)len, " %d%%", reply->progress);
    }
    put_summary(object, reply->text, sizeof reply->text);
    if (reply->final) {
        size_t end = strlen(reply->text);
        (void)snprintf(reply->text + end, sizeof reply->text - end, ": %s", outcome);
    }
}

bool cli_reply_parse(struct span payload, const char *request_id, struct cli_reply_read *reply)
{
    struct json_value object;
    struct json_value value;
    *reply = (struct cli_reply_read){.kind = CLI_REPLY_LOG, .progress = -1};
    if (json_check(payload, &object, NULL, NULL) != STATUS_OK || !is_ours(object, request_id)) {
        return false;
    }
    if (json_find(object, "state", &value)) {
        read_status(object, reply);
    } else if (json_find(object, "error", &value)) {
        read_rejected(value, reply);
    } else if (json_find(object, "action", &value)) {
        read_accepted(object, reply);
    } else {
        (void)snprintf(reply->text, sizeof reply->text, "log");
        return json_find(object, "entry", &value); // else it is the command itself, seen again
    }
    return true;
}

void cli_reply_bar(const struct cli_reply_read *reply, struct bytes *out)
{
    int done = reply->progress < 0 ? 0 : reply->progress > 100 ? 100 : reply->progress;
    bytes_add_char(out, '[');
    for (int i = 0; i < CLI_REPLY_BAR; i++) {
        bytes_add_char(out, i * 100 < done * CLI_REPLY_BAR ? '=' : ' ');
    }
    bytes_add_text(out, "] ");
    bytes_add_text(out, reply->text);
}
