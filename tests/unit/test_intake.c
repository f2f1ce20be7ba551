// SPDX-License-Identifier: Apache-2.0
// From a message to the journal, without a broker: every message ends as a command, a rejection, a dead letter, or as
// nothing when it is known, and all that is committed when intake_message returns.
#include "flow/intake.h"
#include "store_fixture.h"

#define CONFIG_TEXT                                                                                                    \
    "broker = { uri = \"tcp://127.0.0.1:1\"; client_id = \"b\"; };\n"                                                  \
    "api = { token_file = \"token\"; };\n"                                                                             \
    "journal = { keep_done_s = 60; };\n"                                                                               \
    "jobs = ( { name = \"tune\"; application_id = \"575ec8687ae143cd83dc4a97\";"                                       \
    " resource_job_id = \"6328c6c026517badf9142116\"; ttl_s = 100; } );\n"                                             \
    "routes = ( { name = \"devices\"; filter = \"devices/{device}/jobs/{job}/cmd/{action}\";"                          \
    " replies = \"devices/{device}/jobs/{job}\"; response_topics = \"answers/#\"; },\n"                                \
    " { name = \"heat\"; filter = \"plant/{line}/heat\"; job = \"tune\"; action = \"execute\";"                        \
    " context = \"{ \\\"line\\\": \\\"{line}\\\", \\\"alarm\\\": {payload} }\"; replies = \"plant/{line}/tune\"; } "   \
    ");\n"

#define EXECUTE "devices/d1/jobs/tune/cmd/execute"

static struct config *config;
static struct intake *intake;

static int set_up_intake(void **state)
{
    char path[PATH_BYTES];
    struct config_problems problems;
    clock_used = clock_fake(1000, WALL_MS);
    set_up(state);
    (void)snprintf(path, sizeof path, "%s/main.conf", folder);
    FILE *file = fopen(path, "w");
    if (!file || fputs(CONFIG_TEXT, file) < 0 || fclose(file) != 0) {
        return -1;
    }
    enum status rc = config_load(path, &config, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        print_error("%d: %s: %s\n", problems.items[i].line, problems.items[i].key, problems.items[i].text);
    }
    config_problems_free(&problems);
    if (rc != STATUS_OK) {
        return -1;
    }
    intake = intake_create(config, store, &clock_used, ring_bell, NULL);
    return 0;
}

static int tear_down_intake(void **state)
{
    intake_free(intake);
    config_free(config);
    return tear_down(state);
}

static struct mqtt_message message_of(const char *topic, const char *payload)
{
    return (struct mqtt_message){
        .topic = span_of(topic), .payload = span_of(payload), .packet_id = 1, .epoch = 1, .expiry_s = -1};
}

static void arrive(const char *topic, const char *payload)
{
    struct mqtt_message message = message_of(topic, payload);
    intake_message(intake, &message);
}

// The newest message of the outbox went to that topic and has that in it.
static void expect_told(const char *topic, const char *part)
{
    struct store_message *message = store_next_messages(reader, 0, 1000);
    assert_non_null(message);
    while (message->next) {
        struct store_message *next = message->next;
        free(message);
        message = next;
    }
    char *text = span_dup(message->payload);
    if (!span_is(message->topic, topic) || !strstr(text, part)) {
        print_error("%.*s: %s\n", (int)message->topic.len, message->topic.at, text);
    }
    assert_true(span_is(message->topic, topic));
    assert_non_null(strstr(text, part));
    free(text);
    free(message);
}

static void load(int64_t id, struct store_command *command)
{
    assert_int_equal(store_load(reader, id, command), STATUS_OK);
}

static int64_t ready_count(void)
{
    return store_count(reader, COMMAND_READY, NULL);
}

static void a_command_is_in_the_journal_when_intake_returns(void **state)
{
    struct store_command command;
    struct intake_arrival arrivals[4];
    bool overflow = true;
    (void)state;
    arrive(EXECUTE, "{\"requestId\":\"r1\",\"templateContext\":{\"n\":12345678901234567890}}");
    load(1, &command);
    assert_int_equal(command.state, COMMAND_READY);
    assert_string_equal(command.job, "tune");
    assert_string_equal(command.request_id, "r1");
    assert_string_equal(command.context, "{\"n\":12345678901234567890}");
    assert_true(span_is(store_command_topic(&command, STORE_TOPIC_ACCEPTED), "devices/d1/jobs/tune/accepted"));
    assert_int_equal(command.expires_ms, WALL_MS + 100000);
    store_command_free(&command);
    assert_int_equal(intake_take(intake, arrivals, 4, &overflow), 1);
    assert_int_equal(arrivals[0].id, 1);
    assert_int_equal(arrivals[0].action, ACTION_EXECUTE);
    assert_false(overflow);
    assert_int_equal(intake_take(intake, arrivals, 4, &overflow), 0);
}

static void the_shortest_time_to_live_counts(void **state)
{
    struct store_command command;
    struct mqtt_message message = message_of(EXECUTE, "{}");
    (void)state;
    message.expiry_s = 7;
    intake_message(intake, &message);
    load(1, &command);
    assert_int_equal(command.expires_ms, WALL_MS + 7000);
    store_command_free(&command);
    message.payload = SPAN("{\"ttl\":5}");
    message.packet_id = 2;
    intake_message(intake, &message);
    load(2, &command);
    assert_int_equal(command.expires_ms, WALL_MS + 5000);
    store_command_free(&command);
}

static void a_route_with_a_context_makes_a_command_of_any_message(void **state)
{
    struct store_command command;
    (void)state;
    arrive("plant/l7/heat", "[1e400]");
    load(1, &command);
    assert_string_equal(command.context, "{ \"line\": \"l7\", \"alarm\": [1e400] }");
    store_command_free(&command);
    arrive("plant/l7/heat", "not \"json");
    load(2, &command);
    assert_string_equal(command.context, "{ \"line\": \"l7\", \"alarm\": \"not \\\"json\" }");
    store_command_free(&command);
    arrive("plant/l7/heat", "\xff");
    expect_told("plant/l7/tune/rejected", "\"InvalidCommand\"");
    assert_int_equal(ready_count(), 2);
}

static void what_is_wrong_is_rejected_by_its_name(void **state)
{
    static const struct {
        const char *topic, *payload, *told_on, *part;
    } wrong[] = {
        {"devices/d1/jobs/none/cmd/execute", "{}", "devices/d1/jobs/none/rejected", "\"UnknownJob\""},
        {"devices/d1/jobs/tune/cmd/explode", "{}", "devices/d1/jobs/tune/rejected", "\"ActionNotAllowed\""},
        {"devices/d1/jobs/tune/cmd/patch", "{}", "devices/d1/jobs/tune/rejected", "\"ActionNotAllowed\""},
        {EXECUTE, "{\"requestId\":\"r9\",\"frob\":1}", "devices/d1/jobs/tune/rejected", "frob"},
        {EXECUTE, "{\"requestId\":\"r9\",\"ttl\":\"x\"}", "devices/d1/jobs/tune/rejected", "ttl"},
        {EXECUTE, "{} {}", "devices/d1/jobs/tune/rejected", "\"InvalidCommand\""},
        {EXECUTE, "{\"templateContext\":{\"_jobbridge\":\"x\"}}", "devices/d1/jobs/tune/rejected", "_jobbridge"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        arrive(wrong[i].topic, wrong[i].payload);
        expect_told(wrong[i].told_on, wrong[i].part);
    }
    assert_int_equal(ready_count(), 0);
    struct intake_counts counts;
    intake_counts(intake, &counts);
    assert_int_equal(counts.received, sizeof wrong / sizeof wrong[0]);
    assert_int_equal(counts.rejected, counts.received);
}

static void a_retained_command_is_rejected_with_its_request_id(void **state)
{
    struct mqtt_message message = message_of(EXECUTE, "{\"requestId\":\"kept\"}");
    (void)state;
    message.retained = true;
    intake_message(intake, &message);
    expect_told("devices/d1/jobs/tune/rejected", "\"requestId\":\"kept\"");
    expect_told("devices/d1/jobs/tune/rejected", "\"Retained\"");
    assert_int_equal(ready_count(), 0);
}

static void what_no_route_can_answer_is_a_dead_letter(void **state)
{
    struct intake_counts counts;
    (void)state;
    arrive("somewhere/else", "hello");
    expect_told("bridges/b/deadletter", "\"payload\":\"hello\"");
    intake_counts(intake, &counts);
    assert_int_equal(counts.dead, 1);
}

static void a_response_topic_takes_the_place_of_the_replies_where_it_may(void **state)
{
    struct store_command command;
    struct mqtt_message message = message_of(EXECUTE, "{\"requestId\":\"r1\"}");
    (void)state;
    message.response_topic = SPAN("answers/me");
    message.correlation = SPAN("\x01\0\x02");
    intake_message(intake, &message);
    load(1, &command);
    assert_true(span_is(store_command_topic(&command, STORE_TOPIC_REJECTED), "answers/me"));
    assert_true(span_is(store_command_topic(&command, STORE_TOPIC_STATUS), "devices/d1/jobs/tune/status"));
    assert_int_equal(command.correlation.len, 3);
    store_command_free(&command);
    message.payload = SPAN("{\"requestId\":\"r2\"}");
    message.response_topic = SPAN("elsewhere/me");
    intake_message(intake, &message);
    expect_told("devices/d1/jobs/tune/rejected", "Response Topic");
    assert_int_equal(ready_count(), 1);
}

static void the_same_request_gets_its_stored_answer(void **state)
{
    struct intake_counts counts;
    (void)state;
    arrive(EXECUTE, "{\"requestId\":\"r1\"}");
    arrive(EXECUTE, "{\"requestId\":\"r1\"}");
    assert_string_equal(outbox_text(NULL, 0), ""); // there is no answer yet
    struct store_change *change = move_of(1, COMMAND_READY, COMMAND_DONE);
    change->fields = STORE_SET_RESULT;
    change->done_ms = WALL_MS;
    strcpy(change->execution_id, "aaaaaaaaaaaaaaaaaaaaaaaa");
    assert_true(submit(change).applied);
    clock_advance(&clock_used, 5000); // the answer is as old as it is, however late it is asked for again
    arrive(EXECUTE, "{\"requestId\":\"r1\"}");
    expect_told("devices/d1/jobs/tune/accepted", "\"at\":\"2026-11-25T04:04:05.678Z\"");
    expect_told("devices/d1/jobs/tune/accepted", "\"executionId\":\"aaaaaaaaaaaaaaaaaaaaaaaa\"");
    arrive(EXECUTE, "{\"requestId\":\"r1\",\"ttl\":1}");
    expect_told("devices/d1/jobs/tune/rejected", "\"Conflict\"");
    arrive("devices/d2/jobs/tune/cmd/execute", "{\"requestId\":\"r1\"}"); // another device: another command
    assert_int_equal(ready_count(), 1);
    intake_counts(intake, &counts);
    assert_int_equal(counts.repeated, 2);
    assert_int_equal(counts.queued, 2);
}

static void a_repeated_cancel_names_the_execution_again(void **state)
{
    (void)state;
    arrive("devices/d1/jobs/tune/cmd/cancelExecution", "{\"requestId\":\"c1\",\"of\":\"r1\"}");
    struct store_change *change = move_of(1, COMMAND_READY, COMMAND_DONE);
    change->fields = STORE_SET_RESULT;
    change->done_ms = WALL_MS;
    change->http_status = 200;
    change->answer = strdup("{\"success\":true}");
    strcpy(change->execution_id, "aaaaaaaaaaaaaaaaaaaaaaaa");
    assert_true(submit(change).applied);
    arrive("devices/d1/jobs/tune/cmd/cancelExecution", "{\"requestId\":\"c1\",\"of\":\"r1\"}");
    expect_told("devices/d1/jobs/tune/accepted",
                "\"executionId\":\"aaaaaaaaaaaaaaaaaaaaaaaa\",\"status\":200,\"body\":{\"success\":true}}");
}

static void a_refused_request_gets_its_refusal_again(void **state)
{
    (void)state;
    arrive(EXECUTE, "{\"requestId\":\"r1\"}");
    struct store_change *change = move_of(1, COMMAND_READY, COMMAND_REFUSED);
    change->fields = STORE_SET_RESULT;
    change->done_ms = WALL_MS;
    change->error_type = strdup("NotFound");
    change->error_message = strdup("gone");
    change->http_status = 404;
    assert_true(submit(change).applied);
    arrive(EXECUTE, "{\"requestId\":\"r1\"}");
    expect_told("devices/d1/jobs/tune/rejected",
                "\"error\":{\"type\":\"NotFound\",\"message\":\"gone\",\"status\":404}");
    clock_advance(&clock_used, 61000); // keep_done_s is over: the id is free
    arrive(EXECUTE, "{\"requestId\":\"r1\"}");
    assert_int_equal(ready_count(), 1);
}

static void a_redelivered_message_without_an_id_is_known(void **state)
{
    struct mqtt_message message = message_of(EXECUTE, "{}");
    struct intake_counts counts;
    (void)state;
    intake_message(intake, &message);
    message.duplicate = true;
    message.epoch = 2;
    intake_message(intake, &message);
    assert_int_equal(ready_count(), 1);
    message.duplicate = false; // the same body sent on purpose
    intake_message(intake, &message);
    assert_int_equal(ready_count(), 2);
    intake_counts(intake, &counts);
    assert_int_equal(counts.redelivered, 1);
}

static void more_arrivals_than_are_noted_are_told_as_such(void **state)
{
    static struct intake_arrival arrivals[INTAKE_ARRIVALS_MAX + 1];
    bool overflow = false;
    (void)state;
    for (int i = 0; i < INTAKE_ARRIVALS_MAX + 1; i++) {
        arrive(EXECUTE, "{}");
    }
    assert_int_equal(intake_take(intake, arrivals, 10, &overflow), 10);
    assert_true(overflow);
    assert_int_equal(arrivals[9].id, 10);
    assert_int_equal(intake_take(intake, arrivals, INTAKE_ARRIVALS_MAX + 1, &overflow), INTAKE_ARRIVALS_MAX - 10);
    assert_false(overflow);
    assert_int_equal(arrivals[0].id, 11);
    arrive(EXECUTE, "{}");
    intake_set_config(intake, config); // places of jobs are of the old one: the loop must look itself
    assert_int_equal(intake_take(intake, arrivals, 10, &overflow), 0);
    assert_true(overflow);
}

#define INTAKE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_intake, tear_down_intake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INTAKE_TEST(a_command_is_in_the_journal_when_intake_returns),
        INTAKE_TEST(the_shortest_time_to_live_counts),
        INTAKE_TEST(a_route_with_a_context_makes_a_command_of_any_message),
        INTAKE_TEST(what_is_wrong_is_rejected_by_its_name),
        INTAKE_TEST(a_retained_command_is_rejected_with_its_request_id),
        INTAKE_TEST(what_no_route_can_answer_is_a_dead_letter),
        INTAKE_TEST(a_response_topic_takes_the_place_of_the_replies_where_it_may),
        INTAKE_TEST(the_same_request_gets_its_stored_answer),
        INTAKE_TEST(a_repeated_cancel_names_the_execution_again),
        INTAKE_TEST(a_refused_request_gets_its_refusal_again),
        INTAKE_TEST(a_redelivered_message_without_an_id_is_known),
        INTAKE_TEST(more_arrivals_than_are_noted_are_told_as_such),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
