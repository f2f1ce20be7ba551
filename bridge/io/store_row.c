// SPDX-License-Identifier: Apache-2.0
// A command between its structure and its row, and the small owned things of the store's interface.
// Must never hand out memory that belongs to a statement. Any thread.
#include "io/store_internal.h"
#include <stdlib.h>
#include <string.h>

struct reading {
    sqlite3_stmt *statement;
    int column;
    bool failed; // out of memory
};

static int64_t take_int(struct reading *reading)
{
    return sqlite3_column_int64(reading->statement, reading->column++);
}

static struct span take_bytes(struct reading *reading)
{
    int column = reading->column++;
    const void *data = sqlite3_column_blob(reading->statement, column);
    struct span copy = {NULL, (size_t)sqlite3_column_bytes(reading->statement, column)};
    if (!data) {
        return SPAN_NONE;
    }
    copy.at = span_dup((struct span){data, copy.len});
    reading->failed = reading->failed || !copy.at;
    return copy;
}

static char *take_text(struct reading *reading)
{
    return (char *)take_bytes(reading).at;
}

static void take_id(struct reading *reading, char id[COMMAND_ID_BYTES])
{
    const char *text = (const char *)sqlite3_column_text(reading->statement, reading->column++);
    strncpy(id, text ? text : "", COMMAND_ID_BYTES - 1);
    id[COMMAND_ID_BYTES - 1] = '\0';
}

// The order is that of STORE_COLUMNS.
enum status store_row_read(sqlite3_stmt *statement, struct store_command *command)
{
    struct reading reading = {statement, 0, false};
    *command = (struct store_command){0};
    command->id = take_int(&reading);
    command->state = (enum command_state)take_int(&reading);
    command->action = (enum action)take_int(&reading);
    int64_t flags = take_int(&reading);
    command->follow = flags & STORE_FLAG_FOLLOW;
    command->pended = flags & STORE_FLAG_PENDED;
    command->foreign = flags & STORE_FLAG_FOREIGN;
    command->marked = flags & STORE_FLAG_MARKED;
    command->job = take_text(&reading);
    take_id(&reading, command->application_id);
    take_id(&reading, command->resource_job_id);
    command->request_id = take_text(&reading);
    command->scope = take_text(&reading);
    command->digest = (uint64_t)take_int(&reading);
    command->topics = take_text(&reading);
    command->correlation = take_bytes(&reading);
    command->context = take_text(&reading);
    command->body = take_text(&reading);
    command->query = take_text(&reading);
    command->of = take_text(&reading);
    take_id(&reading, command->execution_id);
    command->arrived_ms = take_int(&reading);
    command->expires_ms = take_int(&reading);
    command->sent_ms = take_int(&reading);
    command->server_ms = take_int(&reading);
    command->attempts = take_int(&reading);
    command->done_ms = take_int(&reading);
    command->http_status = take_int(&reading);
    command->error_type = take_text(&reading);
    command->error_message = take_text(&reading);
    command->answer = take_text(&reading);
    command->run_state = take_text(&reading);
    command->summary = take_text(&reading);
    command->seq = take_int(&reading);
    command->entry_digest = (uint64_t)take_int(&reading);
    command->outcome = (enum run_outcome)take_int(&reading);
    command->ended_ms = take_int(&reading);
    command->packet_id = take_int(&reading);
    command->epoch = take_int(&reading);
    if (reading.failed) {
        store_command_free(command);
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

static void bind_positive(sqlite3_stmt *statement, int index, int64_t number)
{
    if (number != 0) {
        sqlite3_bind_int64(statement, index, number);
    }
}

void store_row_bind(sqlite3_stmt *statement, const struct store_command *command, int64_t id)
{
    int flags = (command->follow ? STORE_FLAG_FOLLOW : 0) | (command->pended ? STORE_FLAG_PENDED : 0) |
                (command->foreign ? STORE_FLAG_FOREIGN : 0);
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int(statement, 2, (int)command->state);
    sqlite3_bind_int(statement, 3, (int)command->action);
    sqlite3_bind_int(statement, 4, flags);
    store_bind_text(statement, 5, command->job);
    store_bind_text(statement, 6, command->application_id);
    store_bind_text(statement, 7, command->resource_job_id);
    store_bind_text(statement, 8, command->request_id);
    store_bind_text(statement, 9, command->request_id ? command->scope : NULL);
    sqlite3_bind_int64(statement, 10, (int64_t)command->digest);
    store_bind_text(statement, 11, command->topics);
    store_bind_span(statement, 12, command->correlation);
    store_bind_text(statement, 13, command->context);
    store_bind_text(statement, 14, command->body);
    store_bind_text(statement, 15, command->query);
    store_bind_text(statement, 16, command->of);
    store_bind_text(statement, 17, command->execution_id[0] ? command->execution_id : NULL);
    sqlite3_bind_int64(statement, 18, command->arrived_ms);
    sqlite3_bind_int64(statement, 19, command->expires_ms);
    bind_positive(statement, 20, command->sent_ms);
    bind_positive(statement, 21, command->server_ms);
    sqlite3_bind_int64(statement, 22, command->attempts);
    bind_positive(statement, 23, command->done_ms);
    bind_positive(statement, 24, command->http_status);
    store_bind_text(statement, 25, command->error_type);
    store_bind_text(statement, 26, command->error_message);
    store_bind_text(statement, 27, command->answer);
    store_bind_text(statement, 28, command->run_state);
    store_bind_text(statement, 29, command->summary);
    sqlite3_bind_int64(statement, 30, command->seq);
    bind_positive(statement, 31, (int64_t)command->entry_digest);
    bind_positive(statement, 32, (int64_t)command->outcome);
    bind_positive(statement, 33, command->ended_ms);
    bind_positive(statement, 34, command->packet_id);
    bind_positive(statement, 35, command->epoch);
}

void store_command_free(struct store_command *command)
{
    free(command->job);
    free(command->request_id);
    free(command->scope);
    free(command->topics);
    free((char *)command->correlation.at);
    free(command->context);
    free(command->body);
    free(command->query);
    free(command->of);
    free(command->error_type);
    free(command->error_message);
    free(command->answer);
    free(command->run_state);
    free(command->summary);
    *command = (struct store_command){0};
}

struct span store_command_topic(const struct store_command *command, enum store_topic kind)
{
    const char *at = command->topics;
    for (int i = 0; i < (int)kind && at; i++) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    return at ? (struct span){at, strcspn(at, "\n")} : SPAN_NONE;
}

struct store_message *store_message_new(struct span topic, struct span payload, bool retain, struct span correlation,
                                        int64_t progress_of)
{
    struct store_message *message = malloc(sizeof *message + topic.len + payload.len + correlation.len + 1);
    if (!message) {
        return NULL;
    }
    char *at = (char *)(message + 1);
    *message = (struct store_message){.topic = {at, topic.len},
                                      .payload = {at + topic.len, payload.len},
                                      .correlation = {at + topic.len + payload.len, correlation.len},
                                      .retain = retain,
                                      .progress_of = progress_of,
                                      .kind = STORE_TOPIC_COUNT};
    memcpy(at, topic.at, topic.len);
    if (payload.len > 0) {
        memcpy(at + topic.len, payload.at, payload.len);
    }
    if (correlation.len > 0) {
        memcpy(at + topic.len + payload.len, correlation.at, correlation.len);
    }
    return message;
}

struct store_change *store_change_new(void)
{
    return calloc(1, sizeof(struct store_change));
}

void store_change_free(struct store_change *change)
{
    if (!change) {
        return;
    }
    while (change->messages) {
        struct store_message *next = change->messages->next;
        free(change->messages);
        change->messages = next;
    }
    free(change->error_type);
    free(change->error_message);
    free(change->answer);
    free(change->run_state);
    free(change->summary);
    free(change->note);
    free(change->remove);
    free(change);
}
