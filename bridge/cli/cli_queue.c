// SPDX-License-Identifier: Apache-2.0
// See cli_queue.h. Reading is beside the bridge, on a connection that cannot write. Main thread.
#include "cli/cli_queue.h"
#include "base/log.h"
#include "cli/cli_config.h"
#include "cli/cli_options.h"
#include "cli/cli_table.h"
#include "cli/cli_time.h"
#include "flow/flow.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char more[] =
    "A command's ID is its number in the list, or the requestId that its replies carry. A dead letter (a message that\n"
    "nobody could answer) has an ID that begins with D.\n\n"
    "  list        the newest commands, or with --dead the dead letters; with --json one object a line\n"
    "  show ID     all that is known of one, with what waits to be published; with --json one object\n"
    "  retry ID    a command that waits after a failure is tried now; a dead letter is taken in again, by the routes\n"
    "              of today. What may have run already is never sent again by hand.\n"
    "  drop ID     a command that was not sent is rejected (Canceled), one whose answer was lost is not looked for "
    "any\n"
    "              more (OutcomeUnknown), a run is not followed any more; a dead letter is removed\n\n"
    "States: ready, sent, retryWait, ambiguous, following; done, finished, refused, expired, canceled, unknown;\n"
    "open stands for the first five. Times are RFC 3339, or ages: 90s, 30m, 2h, 3d.\n\n"
    "Examples:\n"
    "  jobbridge queue list --state open\n"
    "  jobbridge queue list --job recalibrate --since 2h --json | jq .error\n"
    "  jobbridge queue show 4711\n"
    "  jobbridge queue list --dead && jobbridge queue retry D3\n\n"
    "Exit codes: 0 done, 66 nothing of that name, 69 the state does not allow it, 64 wrong usage.\n";

struct words {
    const char *job;
    const char *state;
    const char *since;
    const char *until;
    const char *limit;
    bool dead;
};

struct inquiry {
    struct store_reader *reader;
    struct cli_table table;
    int64_t wall_ms;
    bool json;
    bool full;
    size_t count;
};

static int complain(const char *what, const char *text)
{
    (void)fprintf(stderr, "jobbridge queue: %s \"%s\"\n", what, text);
    return EX_USAGE;
}

static int read_state(const char *text, struct store_filter *filter)
{
    filter->any_state = true;
    if (text && strcmp(text, "open") == 0) {
        filter->open = true;
    } else if (text) {
        filter->any_state = false;
        if (!command_state_parse(span_of(text), &filter->state)) {
            return complain("--state: there is none called", text);
        }
    }
    return EX_OK;
}

static int read_words(const struct words *words, int64_t wall_ms, struct store_filter *filter)
{
    *filter = (struct store_filter){.job = words->job, .max = CLI_QUEUE_LIMIT};
    if (words->since && (filter->since_ms = cli_time_parse(words->since, wall_ms)) < 0) {
        return complain("--since: neither RFC 3339 nor an age as 2h:", words->since);
    }
    if (words->until && (filter->until_ms = cli_time_parse(words->until, wall_ms)) < 0) {
        return complain("--until: neither RFC 3339 nor an age as 2h:", words->until);
    }
    if (words->limit) {
        char *end = NULL;
        long number = strtol(words->limit, &end, 10);
        if (*end != '\0' || number < 1 || number > CLI_QUEUE_LIMIT_MAX) {
            return complain("--limit: no number from 1 to 1000000:", words->limit);
        }
        filter->max = (size_t)number;
    }
    return read_state(words->state, filter);
}

// One object a line.
static void print_json(struct bytes *out)
{
    puts(bytes_ok(out) ? bytes_text(out) : "{}");
    bytes_free(out);
}

static void add_row(struct inquiry *inquiry, const struct store_command *command)
{
    char tag[STORE_TAG_BYTES];
    char age[CLI_AGE_BYTES];
    char id[24];
    struct cli_table *table = &inquiry->table;
    snprintf(id, sizeof id, "%lld", (long long)command->id);
    cli_table_add(table, span_of(id));
    cli_table_add(table, span_of(cli_time_age(command->arrived_ms, inquiry->wall_ms, age)));
    cli_table_add(table, span_of(command->job));
    cli_table_add(table, span_of(action_text(command->action)));
    cli_table_add(table, span_of(command_state_text(command->state)));
    cli_table_add(table, span_of(command->run_state ? command->run_state : "-"));
    cli_table_add(table, flow_request_id(command, store_reader_instance(inquiry->reader), tag));
    cli_table_add(table, span_of(command->error_type            ? command->error_type
                                 : command->outcome != RUN_NONE ? run_outcome_text(command->outcome)
                                                                : ""));
}

static void take_command(void *context, const struct store_command *command)
{
    struct inquiry *inquiry = context;
    inquiry->count++;
    if (!inquiry->json && !inquiry->full) {
        add_row(inquiry, command);
        return;
    }
    struct bytes out;
    bytes_init(&out, CLI_QUEUE_ENTRY_BYTES);
    cli_queue_put_command(&out, inquiry->reader, command, inquiry->full);
    if (inquiry->json) {
        print_json(&out);
    } else {
        cli_queue_print_object(bytes_span(&out));
        bytes_free(&out);
    }
}

static void take_letter(void *context, const struct store_deadletter *letter)
{
    struct inquiry *inquiry = context;
    inquiry->count++;
    if (inquiry->json || inquiry->full) {
        struct bytes out;
        bytes_init(&out, CLI_QUEUE_ENTRY_BYTES);
        cli_queue_put_letter(&out, letter);
        if (inquiry->json) {
            print_json(&out);
        } else {
            cli_queue_print_object(bytes_span(&out));
            bytes_free(&out);
        }
        return;
    }
    char age[CLI_AGE_BYTES];
    char id[24];
    snprintf(id, sizeof id, "D%lld", (long long)letter->id);
    cli_table_add(&inquiry->table, span_of(id));
    cli_table_add(&inquiry->table, span_of(cli_time_age(letter->at_ms, inquiry->wall_ms, age)));
    cli_table_add(&inquiry->table, letter->topic);
    cli_table_add(&inquiry->table, span_of(letter->reason));
}

static void begin_table(struct inquiry *inquiry, bool dead)
{
    static const char *const commands[] = {"ID", "AGE", "JOB", "ACTION", "STATE", "RUN", "REQUEST", "RESULT"};
    static const char *const letters[] = {"ID", "AGE", "TOPIC", "REASON"};
    const char *const *titles = dead ? letters : commands;
    size_t count = dead ? sizeof letters / sizeof letters[0] : sizeof commands / sizeof commands[0];
    cli_table_init(&inquiry->table, count);
    for (size_t i = 0; i < count; i++) {
        cli_table_add(&inquiry->table, span_of(titles[i]));
    }
}

static int list(struct inquiry *inquiry, const struct words *words, const struct store_filter *filter)
{
    begin_table(inquiry, words->dead);
    enum status rc = words->dead ? store_query_dead(inquiry->reader, 0, filter->since_ms, filter->until_ms, filter->max,
                                                    take_letter, inquiry)
                                 : store_query(inquiry->reader, filter, take_command, inquiry);
    if (!inquiry->json && inquiry->count > 0) {
        cli_table_print(&inquiry->table, stdout);
    }
    if (!inquiry->json && isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, inquiry->count == 0             ? "nothing\n"
                              : inquiry->count == filter->max ? "and perhaps more (--limit)\n"
                                                              : "");
    }
    cli_table_free(&inquiry->table);
    return rc == STATUS_OK ? EX_OK : EX_IOERR;
}

struct found {
    int64_t id;
    size_t count;
};

static void note_id(void *context, const struct store_command *command)
{
    struct found *found = context;
    found->id = command->id;
    found->count++;
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && strlen(text) < 19 && strspn(text, "0123456789") == strlen(text);
}

// The command that a person means; 0: none, and it was told. A number is the list's unless it is only a requestId.
static int64_t find_id(struct store_reader *reader, const char *text)
{
    struct store_command command;
    int64_t id = is_number(text) ? strtoll(text, NULL, 10) : store_tag_id(store_reader_instance(reader), span_of(text));
    if (id != 0 && store_load(reader, id, &command) == STATUS_OK) {
        store_command_free(&command);
        return id;
    }
    struct found found = {0};
    struct store_filter filter = {.request_id = text, .any_state = true, .max = 2};
    store_query(reader, &filter, note_id, &found);
    if (found.count == 1) {
        return found.id;
    }
    (void)fprintf(stderr,
                  found.count == 0 ? "jobbridge queue: nothing in the journal is called %s\n"
                                   : "jobbridge queue: several commands have the requestId %s: give a number\n",
                  text);
    return 0;
}

static bool is_letter(const char *text)
{
    return text[0] == 'D' && is_number(text + 1);
}

static int show(struct inquiry *inquiry, const char *text)
{
    struct store_command command;
    inquiry->full = true;
    if (is_letter(text)) {
        store_query_dead(inquiry->reader, strtoll(text + 1, NULL, 10), 0, 0, 1, take_letter, inquiry);
        if (inquiry->count == 0) {
            (void)fprintf(stderr, "jobbridge queue: there is no dead letter %s\n", text);
        }
        return inquiry->count == 1 ? EX_OK : EX_NOINPUT;
    }
    int64_t id = find_id(inquiry->reader, text);
    if (id == 0 || store_load(inquiry->reader, id, &command) != STATUS_OK) {
        return EX_NOINPUT;
    }
    take_command(inquiry, &command);
    store_command_free(&command);
    return EX_OK;
}

static int change(const struct config *config, struct inquiry *inquiry, const char *verb, const char *text)
{
    char question[64];
    struct bytes answer;
    if (is_letter(text)) {
        snprintf(question, sizeof question, "%s %s", verb, text);
    } else {
        int64_t id = find_id(inquiry->reader, text);
        if (id == 0) {
            return EX_NOINPUT;
        }
        snprintf(question, sizeof question, "%s %lld", verb, (long long)id);
    }
    bytes_init(&answer, CLI_QUEUE_ANSWER_BYTES);
    int exit_code = cli_queue_ask(config, question, &answer);
    if (exit_code == EX_OK) {
        bool done = strncmp(bytes_text(&answer), "ok ", 3) == 0;
        const char *words = answer.len > 3 ? bytes_text(&answer) + 3 : "";
        if (inquiry->json) {
            printf("{\"ok\":%s,\"text\":\"%s\"}\n", done ? "true" : "false", words);
        } else {
            (void)fprintf(done ? stdout : stderr, "%s\n", words);
        }
        exit_code = done ? EX_OK : EX_UNAVAILABLE;
    }
    bytes_free(&answer);
    return exit_code;
}

static int open_reader(const struct config *config, struct inquiry *inquiry)
{
    char *why = NULL;
    const char *path = config->journal.path;
    if (access(path, F_OK) != 0) {
        (void)fprintf(stderr, "jobbridge queue: there is no journal %s (has the bridge run with this configuration?)\n",
                      path);
        return EX_NOINPUT;
    }
    if (store_reader_open(path, &inquiry->reader, &why) != STATUS_OK) {
        (void)fprintf(stderr, "jobbridge queue: %s: %s (the user that the bridge runs as may read it)\n", path,
                      why ? why : "cannot be opened");
        free(why);
        return EX_NOPERM;
    }
    return EX_OK;
}

static int answer(const struct cli_options *options, const struct words *words, struct inquiry *inquiry)
{
    struct store_filter filter;
    struct config *config = NULL;
    const char *verb = options->argv[0];
    bool is_list = strcmp(verb, "list") == 0;
    bool is_show = strcmp(verb, "show") == 0;
    if (!is_list && !is_show && strcmp(verb, "retry") != 0 && strcmp(verb, "drop") != 0) {
        return complain("list, show, retry or drop; not", verb);
    }
    if (options->argc != (is_list ? 1 : 2)) {
        return complain(is_list ? "no more words after" : "an ID must follow after", verb);
    }
    int exit_code = read_words(words, inquiry->wall_ms, &filter);
    exit_code = exit_code != EX_OK ? exit_code : cli_config_load(options->config_path, false, &config);
    exit_code = exit_code != EX_OK ? exit_code : open_reader(config, inquiry);
    if (exit_code == EX_OK) {
        exit_code = is_list   ? list(inquiry, words, &filter)
                    : is_show ? show(inquiry, options->argv[1])
                              : change(config, inquiry, verb, options->argv[1]);
    }
    store_reader_close(inquiry->reader);
    config_free(config);
    return exit_code;
}

int cli_queue(int argc, char **argv)
{
    struct words words = {0};
    const struct cli_flag flags[] = {
        {"job", NULL, &words.job, "list: only of this job", "NAME", NULL},
        {"state", NULL, &words.state, "list: only in this state", "STATE", NULL},
        {"since", NULL, &words.since, "list: only what came at or after", "TIME", NULL},
        {"until", NULL, &words.until, "list: only what came before", "TIME", NULL},
        {"dead", &words.dead, NULL, "list: dead letters instead of commands", NULL, NULL},
        {"limit", NULL, &words.limit, "list: at most so many (50)", "N", NULL},
    };
    const struct cli_spec spec = {
        .usage = "queue [-c FILE] list [OPTION...] | show ID | retry ID | drop ID",
        .help = "Looks into the journal and changes it, also while the bridge runs.",
        .more = more,
        .json = true,
        .flags = flags,
        .flag_count = sizeof flags / sizeof flags[0],
        .args_min = 1,
        .args_max = 2,
    };
    struct cli_options options;
    if (!cli_options_parse(&spec, argc, argv, &options)) {
        return options.exit_code;
    }
    struct clock clock = clock_real();
    struct inquiry inquiry = {.wall_ms = clock_wall_ms(&clock), .json = options.json};
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    return answer(&options, &words, &inquiry);
}
