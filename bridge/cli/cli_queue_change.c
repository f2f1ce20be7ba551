// SPDX-License-Identifier: Apache-2.0
// `retry` and `drop`: asked of the bridge that holds the journal, or done here when none does, by the same functions
// (flow/desk) under the same lock. Must never write to the journal beside a running bridge. Main thread.
#include "cli/cli_queue.h"
#include "flow/desk.h"
#include "flow/intake.h"
#include "io/control.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

// What a bridge does all the time, for one question.
struct stand_in {
    struct clock clock;
    struct store *store;
    struct intake *intake;
    struct desk desk;
};

static void ignore_ring(void *context)
{
    (void)context; // there is no loop to wake
}

static enum desk_end take_letter(void *context, const struct mqtt_message *message, int64_t letter)
{
    static const enum desk_end ends[] = {[INTAKE_QUEUED] = DESK_QUEUED,
                                         [INTAKE_REPEATED] = DESK_REPEATED,
                                         [INTAKE_REJECTED] = DESK_REJECTED,
                                         [INTAKE_DEAD] = DESK_STILL_DEAD,
                                         [INTAKE_HELD] = DESK_CLOSING};
    struct stand_in *stand_in = context;
    return ends[intake_again(stand_in->intake, message, letter)];
}

static int open_journal(struct stand_in *stand_in, const struct config_journal *journal)
{
    struct store_settings settings = {.path = journal->path,
                                      .power = journal->durability == CONFIG_DURABILITY_POWER,
                                      .max_commands = journal->max_commands,
                                      .max_dead = journal->max_dead,
                                      .clock = &stand_in->clock};
    char *why = NULL;
    enum status rc = store_open(&settings, &stand_in->store, &why);
    if (rc != STATUS_OK) {
        (void)fprintf(stderr, "jobbridge queue: %s%s\n", why ? why : status_text(rc),
                      rc == STATUS_BUSY ? ", which does not answer on its control socket" : "");
    }
    free(why);
    return rc == STATUS_OK ? EX_OK : rc == STATUS_BUSY ? EX_TEMPFAIL : EX_IOERR;
}

static int ask_journal(const struct config *config, struct span question, struct bytes *answer)
{
    struct stand_in stand_in = {.clock = clock_real()};
    int exit_code = open_journal(&stand_in, &config->journal);
    if (exit_code != EX_OK) {
        return exit_code;
    }
    stand_in.intake = intake_create(config, stand_in.store, &stand_in.clock, ignore_ring, NULL);
    stand_in.desk.store = stand_in.store;
    stand_in.desk.clock = &stand_in.clock;
    stand_in.desk.next = (struct desk_next){take_letter, ignore_ring, &stand_in};
    stand_in.desk.retain = config->broker.retain;
    pthread_mutex_init(&stand_in.desk.lock, NULL);
    desk_answer(&stand_in.desk, question, answer);
    intake_free(stand_in.intake);
    store_close(stand_in.store);
    return EX_OK;
}

int cli_queue_ask(const struct config *config, const char *question, struct bytes *answer)
{
    enum status rc = control_ask(config->journal.path, span_of(question), answer);
    if (rc == STATUS_NOT_FOUND) {
        return ask_journal(config, span_of(question), answer);
    }
    if (rc != STATUS_OK) {
        (void)fprintf(stderr, "jobbridge queue: the bridge cannot be asked: %s%s\n",
                      rc == STATUS_IO ? strerror(errno) : status_text(rc),
                      rc == STATUS_IO && errno == EACCES ? " (be the user that it runs as)" : "");
        return rc == STATUS_IO && errno == EACCES ? EX_NOPERM : EX_TEMPFAIL;
    }
    return EX_OK;
}
