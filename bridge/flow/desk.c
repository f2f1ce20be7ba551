// SPDX-License-Identifier: Apache-2.0
// See desk.h. Threads: the caller's.
#include "flow/desk.h"
#include "base/log.h"
#include "base/memory.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct question {
    bool retry; // else: drop
    bool dead;
    int64_t id;
};

static bool parse_question(struct span text, struct question *question)
{
    char copy[32];
    char *end = NULL;
    if (text.len == 0 || text.len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    question->retry = strncmp(copy, "retry ", 6) == 0;
    if (!question->retry && strncmp(copy, "drop ", 5) != 0) {
        return false;
    }
    const char *at = copy + (question->retry ? 6 : 5);
    question->dead = *at == 'D';
    question->id = strtoll(at + question->dead, &end, 10);
    return question->id > 0 && *end == '\0';
}

static struct flow_tell telling(struct desk *desk)
{
    return (struct flow_tell){store_instance(desk->store), clock_wall_ms(desk->clock), atomic_load(&desk->retain)};
}

// NULL: the state does not allow it, and *answer says why.
static struct store_change *make_drop(struct desk *desk, const struct store_command *command, struct bytes *answer)
{
    const char *why = "dropped by the operator";
    switch (command->state) {
    case COMMAND_READY:
    case COMMAND_RETRY_WAIT:
        bytes_add_text(answer, "ok dropped before it was sent: rejected with Canceled");
        return flow_refuse_as(telling(desk), command, COMMAND_CANCELED, "canceled", "Canceled", why, 0);
    case COMMAND_AMBIGUOUS:
        bytes_add_text(answer, "ok not looked for any more: rejected with OutcomeUnknown (the API may have done it)");
        return flow_refuse_as(telling(desk), command, COMMAND_UNKNOWN, "unknown", "OutcomeUnknown", why, 0);
    case COMMAND_FOLLOWING:
        bytes_add_text(answer, "ok not followed any more: its final status is unknown (the run itself goes on)");
        return flow_give_up(telling(desk), command, why);
    case COMMAND_SENT:
        bytes_add_text(answer, "no it is at the API at this moment: wait for the answer");
        return NULL;
    default:
        bytes_add_text(answer, "no it has its answer already, and goes by itself after journal.keep_done_s");
        return NULL;
    }
}

static void hurry(struct desk *desk, int64_t id)
{
    pthread_mutex_lock(&desk->lock);
    if (desk->hurried_count < DESK_HURRIED_MAX) {
        desk->hurried[desk->hurried_count++] = id;
    }
    pthread_mutex_unlock(&desk->lock);
    desk->next.ring(desk->next.context);
}

static void drop_command(struct desk *desk, const struct store_command *command, struct bytes *answer, bool *again)
{
    *again = false;
    struct store_change *change = make_drop(desk, command, answer);
    if (!change) {
        return;
    }
    bool told = change->seq > command->seq; // else there is no status whose number could be taken twice
    change->check_seq = told ? change->seq : 0;
    enum status rc = store_submit_wait(desk->store, change);
    if (rc == STATUS_CONFLICT) {
        *again = true;
    } else if (rc != STATUS_OK) {
        bytes_clear(answer);
        bytes_add_text(answer,
                       rc == STATUS_CLOSED ? "no the bridge is ending" : "no the journal cannot be written now");
    } else if (command->state == COMMAND_RETRY_WAIT) {
        hurry(desk, command->id); // the loop finds that it is gone at once, and not when its time has come
    } else {
        desk->next.ring(desk->next.context);
    }
}

size_t desk_take(struct desk *desk, int64_t ids[DESK_HURRIED_MAX])
{
    pthread_mutex_lock(&desk->lock);
    size_t count = desk->hurried_count;
    memcpy(ids, desk->hurried, count * sizeof ids[0]);
    desk->hurried_count = 0;
    pthread_mutex_unlock(&desk->lock);
    return count;
}

static void retry_command(struct desk *desk, const struct store_command *command, struct bytes *answer)
{
    switch (command->state) {
    case COMMAND_RETRY_WAIT:
        hurry(desk, command->id);
        bytes_add_text(answer, "ok it is tried now, unless all calls are held (see the bridge's status)");
        break;
    case COMMAND_READY:
        bytes_add_text(answer, "ok it waits for its turn and was not sent before");
        break;
    case COMMAND_SENT:
        bytes_add_text(answer, "no it is at the API at this moment: wait for the answer");
        break;
    case COMMAND_AMBIGUOUS:
        bytes_add_text(answer, "no it may have run: the bridge looks for it in the job's log and sends it again by "
                               "itself when it was not done");
        break;
    case COMMAND_FOLLOWING:
        bytes_add_text(answer, "no it was accepted, and its run is being followed");
        break;
    default:
        bytes_add_text(answer, "no it has its answer already: send a new command (jobbridge call)");
        break;
    }
}

static void answer_command(struct desk *desk, struct store_reader *reader, const struct question *question,
                           struct bytes *answer)
{
    bool again = true;
    for (int i = 0; i < DESK_TRIES_MAX && again; i++) {
        struct store_command command;
        enum status rc = store_load(reader, question->id, &command);
        bytes_clear(answer);
        again = false;
        if (rc != STATUS_OK) {
            bytes_add_text(answer, rc == STATUS_NOT_FOUND ? "no there is no such command in the journal"
                                                          : "no the journal cannot be read");
        } else if (question->retry) {
            retry_command(desk, &command, answer);
        } else {
            drop_command(desk, &command, answer, &again);
        }
        store_command_free(&command);
    }
    if (again) {
        bytes_clear(answer);
        bytes_add_text(answer, "no it moves too fast just now: try again");
    }
}

struct letter {
    int64_t id; // 0: not found
    char *topic;
    char *payload;
    size_t payload_len;
};

static void copy_letter(void *context, const struct store_deadletter *found)
{
    struct letter *letter = context;
    letter->id = found->id;
    letter->topic = memory_must(span_dup(found->topic));
    letter->payload = memory_must(span_dup(found->payload));
    letter->payload_len = found->payload.len;
}

static bool remove_letter(struct desk *desk, int64_t id)
{
    struct store_change *change = memory_must(store_change_new());
    change->dead_remove = id;
    return store_submit_wait(desk->store, change) == STATUS_OK;
}

static void retry_letter(struct desk *desk, const struct letter *letter, struct bytes *answer)
{
    static const char *const texts[] = {
        [DESK_QUEUED] = "ok taken in: it is a command now",
        [DESK_REPEATED] = "ok it was taken in before",
        [DESK_REJECTED] = "ok rejected on its route's topic",
        [DESK_STILL_DEAD] = "no still nobody can answer it: kept (does a route of the configuration match?)",
        [DESK_CLOSING] = "no the journal cannot be written now",
    };
    // Without a packet id it cannot be taken for a redelivery; the epoch must not go back for those that have one.
    struct mqtt_message message = {.topic = span_of(letter->topic),
                                   .payload = {letter->payload, letter->payload_len},
                                   .epoch = store_next_epoch(desk->store, false),
                                   .expiry_s = -1};
    enum desk_end end = desk->next.message(desk->next.context, &message, letter->id);
    if (end == DESK_REPEATED) {
        remove_letter(desk, letter->id);
    }
    bytes_add_text(answer, texts[end]);
}

static void answer_letter(struct desk *desk, struct store_reader *reader, const struct question *question,
                          struct bytes *answer)
{
    struct letter letter = {0};
    enum status rc = store_query_dead(reader, question->id, 0, 0, 1, copy_letter, &letter);
    if (rc != STATUS_OK || letter.id == 0) {
        bytes_add_text(answer, rc != STATUS_OK ? "no the journal cannot be read" : "no there is no such dead letter");
    } else if (question->retry) {
        retry_letter(desk, &letter, answer);
    } else {
        bytes_add_text(answer, remove_letter(desk, letter.id) ? "ok removed" : "no it has gone meanwhile");
    }
    free(letter.topic);
    free(letter.payload);
}

void desk_answer(struct desk *desk, struct span question, struct bytes *answer)
{
    struct question asked;
    struct store_reader *reader = NULL;
    char *why = NULL;
    if (!parse_question(question, &asked)) {
        bytes_add_text(answer, "no that is no question this bridge knows");
        return;
    }
    // A reader for one question: nothing of it stays in memory.
    if (store_reader_open(store_path(desk->store), &reader, &why) != STATUS_OK) {
        bytes_add_format(answer, "no the journal cannot be read: %.200s", why ? why : "out of memory");
        free(why);
        return;
    }
    if (asked.dead) {
        answer_letter(desk, reader, &asked, answer);
    } else {
        answer_command(desk, reader, &asked, answer);
    }
    store_reader_close(reader);
    LOG_INFO("operator", LOG_SPAN("question", question), LOG_SPAN("answer", bytes_span(answer)));
}
