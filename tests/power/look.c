// SPDX-License-Identifier: Apache-2.0
// Opens journals with the bridge's own store, as a start after a power cut does, and says what is in them. One path a
// line comes in; for each goes out a line a command, a line a message of the outbox, and a last one with the verdict.
// Must never judge: replay.py does. One thread, and the store's writer.
//
//   look [process]
//   > PATH
//   < command ID STATE ATTEMPTS SEQ EXECUTION_ID|- REQUEST_ID|-
//   < message TOPIC PAYLOAD       (the beginning of it)
//   < opened | damaged WHY | failed WHY
#include "base/log.h"
#include "io/store.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_PATH_BYTES   4096
#define LOOK_COMMANDS_MAX 100000 // the largest id that is looked for
#define LOOK_MESSAGES_MAX 10000
#define LOOK_PAYLOAD_MAX  300

static const char *or_dash(const char *text)
{
    return text && text[0] ? text : "-";
}

static void print_command(const struct store_command *command)
{
    printf("command %" PRId64 " %s %" PRId64 " %" PRId64 " %s %s\n", command->id, command_state_text(command->state),
           command->attempts, command->seq, or_dash(command->execution_id), or_dash(command->request_id));
}

static void print_outbox(struct store_reader *reader)
{
    struct store_message *message = store_next_messages(reader, 0, LOOK_MESSAGES_MAX);
    while (message) {
        struct store_message *next = message->next;
        size_t len = message->payload.len < LOOK_PAYLOAD_MAX ? message->payload.len : LOOK_PAYLOAD_MAX;
        printf("message %.*s %.*s\n", (int)message->topic.len, message->topic.at, (int)len, message->payload.at);
        free(message);
        message = next;
    }
}

static void print_contents(const char *path)
{
    struct store_reader *reader = NULL;
    char *why = NULL;
    if (store_reader_open(path, &reader, &why) != STATUS_OK) {
        printf("failed %s\n", why ? why : "?");
        free(why);
        return;
    }
    int gap = 0; // ids grow without holes but for those that were pruned, which is never in a workload of ours
    for (int64_t id = 1; id < LOOK_COMMANDS_MAX && gap < 100; id++) {
        struct store_command command;
        if (store_load(reader, id, &command) == STATUS_OK) {
            print_command(&command);
            store_command_free(&command);
            gap = 0;
        } else {
            gap++;
        }
    }
    print_outbox(reader);
    puts("opened");
    store_reader_close(reader);
}

static void look(const char *path, const struct clock *clock, bool power)
{
    struct store_settings settings = {.path = path, .power = power, .max_commands = LOOK_COMMANDS_MAX, .clock = clock};
    struct store *store = NULL;
    char *why = NULL;
    enum status rc = store_open(&settings, &store, &why);
    if (rc != STATUS_OK) {
        printf("%s %s\n", rc == STATUS_INVALID ? "damaged" : "failed", why ? why : status_text(rc));
        free(why);
        return;
    }
    print_contents(path);
    store_close(store);
}

int main(int argc, char **argv)
{
    struct clock clock = clock_real();
    char path[LOOK_PATH_BYTES];
    bool power = argc < 2 || strcmp(argv[1], "process") != 0;
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    while (fgets(path, sizeof path, stdin)) {
        path[strcspn(path, "\n")] = '\0';
        look(path, &clock, power);
        fflush(stdout);
    }
    log_flush();
    return 0;
}
