// SPDX-License-Identifier: Apache-2.0
// The front door: --help, --version, and the subcommand that is named. Must never know what a subcommand does.
// Main thread.
#include "cli/cli.h"
#include "base/near.h"
#include "cli/cli_call.h"
#include "cli/cli_check.h"
#include "cli/cli_probe.h"
#include "cli/cli_queue.h"
#include "cli/cli_run.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct command {
    const char *name;
    int (*function)(int argc, char **argv); // argv[0] is the name; returns the exit code
    const char *help;                       // one line
};

static const struct command commands[] = {
    {"run", cli_run, "runs the bridge until SIGTERM or SIGINT"},
    {"check", cli_check, "reads the configuration and names every problem in it"},
    {"probe", cli_probe, "tries broker, token and jobs for real, and says what to do"},
    {"call", cli_call, "sends one command through the broker and prints the replies"},
    {"queue", cli_queue, "lists, shows, retries and drops what is in the journal"},
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void print_help(FILE *out)
{
    (void)fprintf(out, "Usage: jobbridge COMMAND [-c FILE] [OPTION...]\n\n"
                       "Turns MQTT commands into Losant resource-job calls and publishes what becomes of them.\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        (void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    }
    (void)fprintf(out, "\n  --version  prints the version\n  --help     prints this; also after a COMMAND\n");
}

static int unknown_command(const char *name)
{
    const struct command *meant = NULL;
    size_t best = NEAR_WORD_MAX + 1;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        size_t distance = near_distance(name, commands[i].name);
        if (near_enough(name, commands[i].name) && distance < best) {
            best = distance;
            meant = &commands[i];
        }
    }
    (void)fprintf(stderr, "jobbridge: no command \"%s\"", name);
    if (meant != NULL) {
        (void)fprintf(stderr, ", did you mean %s?\n", meant->name);
    } else {
        (void)fprintf(stderr, "; jobbridge --help lists them\n");
    }
    return EX_USAGE;
}

// A result that could not be written is no success: `jobbridge check > /dev/full`.
static int flush_output(int exit_code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("jobbridge: standard output");
        return exit_code == EX_OK ? EX_IOERR : exit_code;
    }
    return exit_code;
}

static int run_command(int argc, char **argv)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[0], commands[i].name) == 0) {
            return commands[i].function(argc, argv);
        }
    }
    return unknown_command(argv[0]);
}

int cli_main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EX_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return flush_output(EX_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("jobbridge %s\n", JOBBRIDGE_VERSION);
        return flush_output(EX_OK);
    }
    return flush_output(run_command(argc - 1, argv + 1));
}
