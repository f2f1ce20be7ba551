// SPDX-License-Identifier: Apache-2.0
// See intake.h. Every message ends in exactly one of: a command in the journal, a rejection in the outbox, a dead
// letter, or nothing at all when it is known already. Threads: the MQTT library's receive thread; for what was begun
// and not waited for also the journal's writer (take_committed) and the loop (intake_go_on and what it calls).
#include "flow/intake.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "flow/flow.h"
#include "rules/reply.h"
#include "rules/route.h"
#include "rules/translate.h"
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct intake {
    const struct config *config; // under busy
    struct store *store;
    const struct clock *clock;
    void (*ring)(void *context);
    void *ring_context;
    pthread_mutex_t busy; // held while a message is worked on
    pthread_mutex_t lock;
    struct intake_arrival arrivals[INTAKE_ARRIVALS_MAX]; // under lock
    size_t arrival_count;
    bool overflow;
    struct intake_counts counts; // under lock
    size_t committing;           // under lock: begun and not committed; they use the configuration
    pthread_cond_t none_commits;
    struct order *unfinished; // under lock: committed, but no new command came of them; in order
    struct order **unfinished_last;
};

// One message on its way. Texts are borrowed from the message, the route or the structures below.
struct order {
    const struct mqtt_message *message;
    const struct config_route *route;
    const struct config_job *job;
    struct route_captures captures;
    struct span job_name;
    struct span action_name;
    struct store_command command;
    struct translation translation;
    int64_t wall_ms;
    int64_t letter;   // the dead letter that is tried once more, 0: none
    const char *type; // of the rejection
    char why[TRANSLATE_MESSAGE_BYTES];
    // Of one that nobody waits for:
    struct order *next;
    struct intake *intake;
    struct mqtt_message kept;
    struct mqtt_delivery *delivery;
    struct store_request request;
};

struct intake *intake_create(const struct config *config, struct store *store, const struct clock *clock,
                             void (*ring)(void *context), void *ring_context)
{
    struct intake *intake = memory_must(calloc(1, sizeof *intake));
    intake->config = config;
    intake->store = store;
    intake->clock = clock;
    intake->ring = ring;
    intake->ring_context = ring_context;
    pthread_mutex_init(&intake->busy, NULL);
    pthread_mutex_init(&intake->lock, NULL);
    pthread_cond_init(&intake->none_commits, NULL);
    intake->unfinished_last = &intake->unfinished;
    return intake;
}

static void free_order(struct order *order)
{
    store_command_free(&order->request.existing);
    translate_free(&order->translation);
    store_command_free(&order->command);
    free(order);
}

void intake_free(struct intake *intake)
{
    while (intake->unfinished) {
        struct order *next = intake->unfinished->next;
        mqtt_abandoned(intake->unfinished->delivery);
        free_order(intake->unfinished);
        intake->unfinished = next;
    }
    pthread_cond_destroy(&intake->none_commits);
    pthread_mutex_destroy(&intake->busy);
    pthread_mutex_destroy(&intake->lock);
    free(intake);
}

static const struct config_route *find_route(const struct intake *intake, struct order *order)
{
    for (size_t i = 0; i < intake->config->route_count; i++) {
        const struct config_route *route = &intake->config->routes[i];
        if (route_match(span_of(route->filter), order->message->topic, &order->captures)) {
            return route;
        }
    }
    return NULL;
}

static bool refuse(struct order *order, const char *type, const char *why)
{
    order->type = type;
    snprintf(order->why, sizeof order->why, "%s", why);
    return false;
}

static bool refuse_name(struct order *order, const char *type, const char *what, struct span name)
{
    order->type = type;
    snprintf(order->why, sizeof order->why, "%s \"%.*s\"", what, (int)(name.len < 100 ? name.len : 100), name.at);
    return false;
}

// What the topic and the route say: the job, the action, whether they may be together.
static bool read_address(const struct intake *intake, struct order *order)
{
    const struct config_route *route = order->route;
    order->job_name = span_of(route->job);
    order->action_name = span_of(route->action);
    if (order->job_name.len == 0) {
        route_capture(&order->captures, "job", &order->job_name);
    }
    if (order->action_name.len == 0) {
        route_capture(&order->captures, "action", &order->action_name);
    }
    order->job = config_job(intake->config, order->job_name);
    if (!order->job) {
        return refuse_name(order, "UnknownJob", "no job of the configuration is named", order->job_name);
    }
    if (!action_parse(order->action_name, &order->command.action)) {
        return refuse_name(order, "ActionNotAllowed", "action: there is none named", order->action_name);
    }
    if (order->command.action != ACTION_STATUS && !order->job->actions[order->command.action]) {
        return refuse_name(order, "ActionNotAllowed", "the configuration of the job does not allow",
                           order->action_name);
    }
    return true;
}

static bool matches_a_route(const struct config *config, struct span topic)
{
    struct route_captures captures;
    for (size_t i = 0; i < config->route_count; i++) {
        if (route_match(span_of(config->routes[i].filter), topic, &captures)) {
            return true;
        }
    }
    return false;
}

static bool check_response_topic(const struct intake *intake, struct order *order)
{
    struct span topic = order->message->response_topic;
    if (topic.len == 0) {
        return true;
    }
    if (!topic_name_valid(topic) || order->route->response_topics[0] == '\0' ||
        !topic_matches(span_of(order->route->response_topics), topic)) {
        return refuse(order, "InvalidCommand", "Response Topic: the route's response_topics does not allow it");
    }
    if (matches_a_route(intake->config, topic)) {
        return refuse(order, "InvalidCommand", "Response Topic: it is a topic of commands, the reply would loop");
    }
    return true;
}

static size_t marker_reserve(const struct intake *intake, const struct order *order)
{
    const struct config_api *api = &intake->config->api;
    bool marked = order->command.action == ACTION_EXECUTE && api->policy == CONFIG_POLICY_RECONCILE && api->marker[0];
    return marked ? translate_marker_length(api->marker, STORE_TAG_BYTES) : 0;
}

static bool expand_context(struct order *order, size_t reserve)
{
    struct bytes context;
    bytes_init(&context, COMMAND_PAYLOAD_MAX);
    enum status rc =
        route_expand_context(span_of(order->route->context), &order->captures, order->message->payload, &context);
    bool ok = rc == STATUS_OK && bytes_ok(&context);
    if (rc == STATUS_TOO_LARGE) {
        refuse(order, "PayloadTooLarge", "payload: the context made of it is longer than 262144 bytes");
    } else if (!ok) {
        refuse(order, "InvalidCommand", "payload: the route's context made of it is no JSON object");
    } else if (utf8_length(bytes_span(&context)) + reserve > COMMAND_CONTEXT_MAX) {
        ok = refuse(order, "InvalidCommand", "payload: the context made of it is longer than the API allows");
    } else {
        order->translation.context = memory_must(strdup(bytes_text(&context)));
    }
    bytes_free(&context);
    return ok;
}

// A marker of the sender's own under the bridge's key would be taken for the bridge's.
static bool check_marker_free(const struct intake *intake, struct order *order)
{
    if (!order->translation.context || marker_reserve(intake, order) == 0) {
        return true;
    }
    struct bytes marked;
    bytes_init(&marked, COMMAND_PAYLOAD_MAX);
    enum status rc = translate_add_marker(span_of(order->translation.context), intake->config->api.marker, "", &marked);
    bytes_free(&marked);
    if (rc == STATUS_CONFLICT) {
        return refuse_name(order, "InvalidCommand", "templateContext: the bridge needs the member",
                           span_of(intake->config->api.marker));
    }
    return true;
}

static bool read_payload(const struct intake *intake, struct order *order)
{
    size_t reserve = marker_reserve(intake, order);
    order->translation.ttl_s = -1;
    if (order->route->context[0]) {
        return expand_context(order, reserve);
    }
    struct translate_error error;
    enum status rc =
        translate_payload(order->command.action, order->message->payload, reserve, &order->translation, &error);
    memory_check(rc != STATUS_NO_MEMORY);
    if (rc != STATUS_OK) {
        return refuse(order, rc == STATUS_TOO_LARGE ? "PayloadTooLarge" : "InvalidCommand", error.message);
    }
    return true;
}

// Whoever asked for what is not there still wants to know which of his commands that was.
static void read_request_id(struct order *order)
{
    struct translate_error ignored;
    if (!order->route->context[0]) {
        enum status rc = translate_payload(ACTION_STATUS, order->message->payload, 0, &order->translation, &ignored);
        memory_check(rc != STATUS_NO_MEMORY);
    }
}

static bool read_message(const struct intake *intake, struct order *order)
{
    if (!read_address(intake, order)) {
        read_request_id(order);
        return false;
    }
    // The payload is read even of a retained command, so that the rejection can name its requestId.
    bool readable = read_payload(intake, order);
    if (order->message->retained) {
        return refuse(order, "Retained", "a retained command would run again at every reconnect: publish it without");
    }
    return readable && check_marker_free(intake, order) && check_response_topic(intake, order);
}

static bool add_topic(const struct order *order, const char *text, struct bytes *topics)
{
    return route_expand_topic(span_of(text), &order->captures, span_of(order->translation.request_id), topics) ==
           STATUS_OK;
}

// The four topics of the replies. false: the route cannot answer this message.
static bool expand_topics(struct order *order, bool use_response_topic)
{
    struct bytes topics;
    bytes_init(&topics, (size_t)(TOPIC_MAX_BYTES + 1) * STORE_TOPIC_COUNT);
    struct span response = use_response_topic ? order->message->response_topic : SPAN_NONE;
    const char *texts[STORE_TOPIC_COUNT] = {order->route->accepted, order->route->rejected, order->route->status,
                                            order->route->log};
    bool ok = true;
    for (int kind = 0; kind < STORE_TOPIC_COUNT && ok; kind++) {
        if (kind > 0) {
            bytes_add_char(&topics, '\n');
        }
        if (response.len > 0 && kind <= STORE_TOPIC_REJECTED) {
            bytes_add_span(&topics, response);
        } else {
            ok = add_topic(order, texts[kind], &topics);
        }
    }
    if (ok && bytes_ok(&topics)) {
        order->command.topics = memory_must(strdup(bytes_text(&topics)));
    }
    ok = ok && bytes_ok(&topics);
    bytes_free(&topics);
    return ok;
}

static char *copy(struct span text)
{
    return memory_must(span_dup(text));
}

static void fill_deadline(struct order *order)
{
    int64_t ttl_s = order->translation.ttl_s >= 0 ? order->translation.ttl_s : order->job->ttl_s;
    int64_t expiry_s = order->message->expiry_s;
    if (expiry_s >= 0 && (order->translation.ttl_s < 0 || expiry_s < ttl_s)) {
        ttl_s = expiry_s;
    }
    order->command.arrived_ms = order->wall_ms;
    order->command.expires_ms = order->wall_ms + ttl_s * 1000;
}

static char *make_scope(const struct order *order, const struct route_captures *captures)
{
    struct bytes scope;
    bytes_init(&scope, (size_t)TOPIC_MAX_BYTES * 2);
    route_scope(span_of(order->route->name), captures, &scope);
    char *text = copy(bytes_span(&scope));
    bytes_free(&scope);
    return text;
}

// The scope in which the execute that a cancelExecution means got its requestId: the same but for the action.
static char *target_scope(const struct order *order)
{
    struct route_captures captures = order->captures;
    for (size_t i = 0; i < captures.count; i++) {
        if (span_is(captures.names[i], "action")) {
            captures.values[i] = span_of(action_text(ACTION_EXECUTE));
        }
    }
    return make_scope(order, &captures);
}

static void fill_command(struct order *order)
{
    struct store_command *command = &order->command;
    struct translation *translation = &order->translation;
    command->scope = make_scope(order, &order->captures);
    command->job = copy(span_of(order->job->name));
    memcpy(command->application_id, order->job->application_id, COMMAND_ID_BYTES);
    memcpy(command->resource_job_id, order->job->resource_job_id, COMMAND_ID_BYTES);
    command->follow = command->action == ACTION_EXECUTE && order->job->follow;
    command->digest = digest_of(order->message->payload);
    command->packet_id = order->message->packet_id;
    command->epoch = order->message->epoch;
    command->letter = order->letter;
    memcpy(command->execution_id, translation->execution_id, COMMAND_ID_BYTES);
    fill_deadline(order);
    // The translation's texts change their owner.
    command->request_id = translation->request_id;
    command->context = translation->context;
    command->body = translation->body;
    command->query = translation->query;
    command->of = translation->of;
    if (command->of) {
        command->context = target_scope(order);
    }
    *translation = (struct translation){.ttl_s = -1};
}

static void count(struct intake *intake, int64_t *counter)
{
    pthread_mutex_lock(&intake->lock);
    (*counter)++;
    pthread_mutex_unlock(&intake->lock);
}

static struct flow_tell telling(const struct intake *intake, const struct order *order)
{
    return (struct flow_tell){store_instance(intake->store), order->wall_ms, intake->config->broker.retain};
}

// The rejection of a message that did not become a command.
static struct store_change *make_rejection(const struct order *order)
{
    struct store_change *change = memory_must(store_change_new());
    struct reply reply = {
        .request_id = span_of(order->command.request_id ? order->command.request_id : order->translation.request_id),
        .action = order->action_name,
        .job = order->job_name,
        .at_ms = order->wall_ms};
    struct bytes payload;
    struct bytes topic;
    bytes_init(&payload, REPLY_MAX_BYTES);
    bytes_init(&topic, (size_t)TOPIC_MAX_BYTES * 2);
    reply_rejected(&payload, &reply, span_of(order->type), span_of(order->why), 0);
    route_put_ids(store_command_topic(&order->command, STORE_TOPIC_REJECTED), SPAN("unknown"), SPAN_NONE, &topic);
    memory_check(bytes_ok(&payload) && bytes_ok(&topic));
    change->messages =
        memory_must(store_message_new(bytes_span(&topic), bytes_span(&payload), false, order->message->correlation, 0));
    bytes_free(&payload);
    bytes_free(&topic);
    change->invalid = true;
    if (!action_parse(order->action_name, &change->action)) {
        change->action = TALLY_NO_ACTION;
    }
    LOG_INFO("command rejected", LOG_SPAN("request", reply.request_id), LOG_SPAN("job", order->job_name),
             LOG_SPAN("action", order->action_name), LOG_TEXT("type", order->type),
             LOG_TEXT("route", order->route->name), LOG_SPAN("topic", order->message->topic),
             LOG_TEXT("why", order->why));
    change->dead_remove = order->letter;
    return change;
}

static enum intake_end submit_rejection(struct intake *intake, struct order *order)
{
    enum status rc = store_submit_wait(intake->store, make_rejection(order));
    if (rc != STATUS_OK) {
        return rc == STATUS_CONFLICT ? INTAKE_REPEATED : INTAKE_HELD; // a conflict: the letter has gone meanwhile
    }
    count(intake, &intake->counts.rejected);
    intake->ring(intake->ring_context); // a message waits in the outbox
    return INTAKE_REJECTED;
}

static enum intake_end submit_deadletter(struct intake *intake, const struct order *order, const char *reason)
{
    if (order->letter != 0) {
        return INTAKE_DEAD;
    }
    struct store_change *change = memory_must(store_change_new());
    struct bytes topic;
    struct bytes payload;
    bytes_init(&topic, (size_t)TOPIC_MAX_BYTES * 2);
    bytes_init(&payload, REPLY_MAX_BYTES);
    bytes_add_format(&topic, "%s/deadletter", intake->config->broker.bridge_topic);
    struct span kept = order->message->payload;
    kept.len = kept.len < COMMAND_PAYLOAD_MAX ? kept.len : COMMAND_PAYLOAD_MAX;
    reply_deadletter(&payload, order->message->topic, kept, span_of(reason), order->wall_ms);
    memory_check(bytes_ok(&topic) && bytes_ok(&payload));
    change->messages = memory_must(store_message_new(bytes_span(&topic), bytes_span(&payload), false, SPAN_NONE, 0));
    change->dead_topic = order->message->topic;
    change->dead_payload = kept;
    change->dead_reason = reason;
    change->done_ms = order->wall_ms;
    bytes_free(&topic);
    bytes_free(&payload);
    LOG_WARNING("dead letter", LOG_SPAN("topic", order->message->topic), LOG_TEXT("reason", reason));
    if (store_submit_wait(intake->store, change) != STATUS_OK) {
        return INTAKE_HELD;
    }
    count(intake, &intake->counts.dead);
    intake->ring(intake->ring_context); // a message waits in the outbox
    return INTAKE_DEAD;
}

// The same request again: the stored answer to where this one wants it; NULL when there is none yet.
static struct store_change *make_repetition(struct intake *intake, struct order *order,
                                            const struct store_command *existing)
{
    if (existing->done_ms == 0) {
        LOG_INFO("command repeated before its answer", LOG_INT("id", existing->id),
                 LOG_TEXT("request", existing->request_id), LOG_TEXT("job", existing->job));
        count(intake, &intake->counts.repeated);
        return NULL;
    }
    struct store_change *change = memory_must(store_change_new());
    struct flow_tell tell = telling(intake, order);
    // To the letter: a redelivery after a crash also comes here, and to who reads both it must be one answer.
    tell.wall_ms = existing->done_ms;
    order->command.id = existing->id;
    if (existing->error_type) {
        flow_tell_rejected(tell, change, &order->command, existing->error_type, existing->error_message,
                           (int)existing->http_status);
    } else {
        bool execute = existing->action == ACTION_EXECUTE;
        flow_tell_accepted(tell, change, &order->command, existing->execution_id,
                           execute ? 0 : (int)existing->http_status, span_of(existing->answer));
    }
    LOG_INFO("command repeated", LOG_INT("id", existing->id), LOG_TEXT("request", existing->request_id),
             LOG_TEXT("job", existing->job));
    return change;
}

static enum intake_end repeat_answer(struct intake *intake, struct order *order, const struct store_command *existing)
{
    struct store_change *change = make_repetition(intake, order, existing);
    if (change && store_submit_wait(intake->store, change) != STATUS_OK) {
        return INTAKE_HELD;
    }
    if (change) {
        count(intake, &intake->counts.repeated);
        intake->ring(intake->ring_context);
    }
    return INTAKE_REPEATED;
}

// Whether it is the first that the loop has not seen.
static bool note_arrival(struct intake *intake, const struct order *order)
{
    LOG_DEBUG("command in the journal", LOG_INT("id", order->command.id),
              LOG_TEXT("request", order->command.request_id), LOG_TEXT("job", order->command.job),
              LOG_TEXT("action", action_text(order->command.action)), LOG_TEXT("route", order->route->name),
              LOG_SPAN("topic", order->message->topic));
    pthread_mutex_lock(&intake->lock);
    intake->counts.queued++;
    if (intake->arrival_count < INTAKE_ARRIVALS_MAX) {
        intake->arrivals[intake->arrival_count++] = (struct intake_arrival){
            order->command.id, order->command.action, (size_t)(order->job - intake->config->jobs)};
    } else {
        intake->overflow = true;
    }
    bool first = intake->arrival_count == 1 || intake->overflow;
    pthread_mutex_unlock(&intake->lock);
    return first;
}

static void refuse_known(struct order *order, enum store_intake_result result)
{
    if (result == STORE_CONFLICT) {
        refuse(order, "Conflict", "requestId: it was used with another body before");
    } else {
        refuse(order, "JournalFull", "the journal holds as many unfinished commands as it may: try again later");
    }
}

static void note_redelivered(struct intake *intake, const struct order *order)
{
    LOG_INFO("message redelivered", LOG_SPAN("topic", order->message->topic));
    count(intake, &intake->counts.redelivered);
}

static enum intake_end submit_command(struct intake *intake, struct order *order)
{
    struct store_command existing;
    enum intake_end end = INTAKE_QUEUED;
    int64_t forget_before_ms = order->wall_ms - intake->config->journal.keep_done_s * 1000;
    fill_command(order);
    enum store_intake_result result =
        store_intake(intake->store, &order->command, order->message->duplicate, forget_before_ms, &existing);
    switch (result) {
    case STORE_NEW:
        if (note_arrival(intake, order)) {
            intake->ring(intake->ring_context);
        }
        break;
    case STORE_REPEAT:
        end = repeat_answer(intake, order, &existing);
        break;
    case STORE_CONFLICT:
    case STORE_JOURNAL_FULL:
        refuse_known(order, result);
        end = submit_rejection(intake, order);
        break;
    case STORE_REDELIVERED:
        note_redelivered(intake, order);
        end = INTAKE_REPEATED;
        break;
    case STORE_CLOSING:
    case STORE_FAILED:
        end = INTAKE_HELD;
        break;
    }
    store_command_free(&existing);
    return end;
}

// What was begun is committed. The writer's thread: nothing of this waits.
static void take_committed(struct store_request *request)
{
    struct order *order = (struct order *)((char *)request - offsetof(struct order, request));
    struct intake *intake = order->intake;
    bool queued = request->result == STORE_NEW;
    bool failed = request->result == STORE_FAILED;
    if (queued) {
        note_arrival(intake, order); // the store rings after its commit
        mqtt_settled(order->delivery);
    } else if (failed) {
        mqtt_abandoned(order->delivery);
    }
    pthread_mutex_lock(&intake->lock);
    intake->counts.received += !failed; // one that is held comes again
    if (!queued && !failed) {
        order->next = NULL;
        *intake->unfinished_last = order;
        intake->unfinished_last = &order->next;
    }
    intake->committing--;
    pthread_cond_signal(&intake->none_commits);
    pthread_mutex_unlock(&intake->lock);
    if (queued || failed) {
        free_order(order);
    }
}

static enum intake_end begin_command(struct intake *intake, struct order *order)
{
    fill_command(order);
    order->request =
        (struct store_request){.command = &order->command,
                               .redelivered = order->message->duplicate,
                               .forget_before_ms = order->wall_ms - intake->config->journal.keep_done_s * 1000,
                               .done = take_committed};
    pthread_mutex_lock(&intake->lock);
    intake->committing++;
    pthread_mutex_unlock(&intake->lock);
    if (store_intake_begin(intake->store, &order->request) == STATUS_OK) {
        return INTAKE_BEGUN;
    }
    pthread_mutex_lock(&intake->lock);
    intake->committing--;
    pthread_mutex_unlock(&intake->lock);
    return INTAKE_HELD;
}

static enum intake_end work_on(struct intake *intake, struct order *order)
{
    order->route = find_route(intake, order);
    if (!order->route) {
        return submit_deadletter(intake, order, "no route matches the topic");
    }
    bool valid = read_message(intake, order);
    bool respond = order->message->response_topic.len > 0 && check_response_topic(intake, order);
    if (!expand_topics(order, respond)) {
        return submit_deadletter(intake, order, "the route's reply topics cannot be made of this topic");
    }
    order->command.correlation = (struct span){copy(order->message->correlation), order->message->correlation.len};
    if (!valid) {
        return submit_rejection(intake, order);
    }
    return order->delivery ? begin_command(intake, order) : submit_command(intake, order);
}

static enum intake_end take(struct intake *intake, struct order *order)
{
    order->wall_ms = clock_wall_ms(intake->clock);
    pthread_mutex_lock(&intake->busy);
    enum intake_end end = work_on(intake, order);
    pthread_mutex_unlock(&intake->busy);
    translate_free(&order->translation);
    store_command_free(&order->command);
    return end;
}

enum intake_end intake_message(struct intake *intake, const struct mqtt_message *message)
{
    struct order order = {.message = message};
    enum intake_end end = take(intake, &order);
    if (end != INTAKE_HELD) {
        count(intake, &intake->counts.received); // one that is held comes again
    }
    return end;
}

void intake_begin(struct intake *intake, const struct mqtt_message *message, struct mqtt_delivery *delivery)
{
    struct order *order = memory_must(calloc(1, sizeof *order));
    order->kept = *message;
    order->message = &order->kept;
    order->intake = intake;
    order->delivery = delivery;
    order->wall_ms = clock_wall_ms(intake->clock);
    pthread_mutex_lock(&intake->busy);
    enum intake_end end = work_on(intake, order);
    pthread_mutex_unlock(&intake->busy);
    if (end == INTAKE_BEGUN) {
        return;
    }
    free_order(order);
    if (end == INTAKE_HELD) {
        mqtt_abandoned(delivery);
    } else {
        count(intake, &intake->counts.received);
        mqtt_settled(delivery);
        mqtt_acknowledge();
    }
}

static void after_answer(struct store_change *change, void *context)
{
    struct order *order = context;
    (void)change;
    mqtt_settled(order->delivery);
    mqtt_acknowledge();
    free_order(order);
}

// The loop: it must not wait for the commit of the answer, so the message is settled after it.
static void go_on(struct intake *intake, struct order *order)
{
    struct store_change *change = NULL;
    if (order->request.result == STORE_REDELIVERED) {
        note_redelivered(intake, order);
    } else if (order->request.result == STORE_REPEAT) {
        change = make_repetition(intake, order, &order->request.existing);
        if (change) {
            count(intake, &intake->counts.repeated);
        }
    } else {
        refuse_known(order, order->request.result);
        change = make_rejection(order);
        count(intake, &intake->counts.rejected);
    }
    if (change) {
        change->done = after_answer;
        change->context = order;
        store_submit(intake->store, change);
    } else {
        after_answer(NULL, order);
    }
}

void intake_go_on(struct intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    struct order *order = intake->unfinished;
    intake->unfinished = NULL;
    intake->unfinished_last = &intake->unfinished;
    pthread_mutex_unlock(&intake->lock);
    while (order) {
        struct order *next = order->next;
        go_on(intake, order);
        order = next;
    }
}

enum intake_end intake_again(struct intake *intake, const struct mqtt_message *message, int64_t letter)
{
    struct order order = {.message = message, .letter = letter};
    return take(intake, &order);
}

size_t intake_take(struct intake *intake, struct intake_arrival *arrivals, size_t max, bool *overflow)
{
    pthread_mutex_lock(&intake->lock);
    size_t taken = intake->arrival_count < max ? intake->arrival_count : max;
    memcpy(arrivals, intake->arrivals, taken * sizeof arrivals[0]);
    memmove(intake->arrivals, intake->arrivals + taken, (intake->arrival_count - taken) * sizeof arrivals[0]);
    intake->arrival_count -= taken;
    *overflow = intake->overflow;
    intake->overflow = false;
    pthread_mutex_unlock(&intake->lock);
    return taken;
}

void intake_set_config(struct intake *intake, const struct config *config)
{
    pthread_mutex_lock(&intake->busy);
    pthread_mutex_lock(&intake->lock);
    while (intake->committing > 0) {
        pthread_cond_wait(&intake->none_commits, &intake->lock);
    }
    pthread_mutex_unlock(&intake->lock);
    intake_go_on(intake); // by the configuration that they came under
    intake->config = config;
    pthread_mutex_lock(&intake->lock);
    intake->arrival_count = 0; // places in the old configuration
    intake->overflow = true;
    pthread_mutex_unlock(&intake->lock);
    pthread_mutex_unlock(&intake->busy);
}

void intake_counts(struct intake *intake, struct intake_counts *counts)
{
    pthread_mutex_lock(&intake->lock);
    *counts = intake->counts;
    pthread_mutex_unlock(&intake->lock);
}
