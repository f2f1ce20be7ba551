// SPDX-License-Identifier: Apache-2.0
// The command line and the help that teaches it. Must never read a file or open a socket. Main thread.
#include "args.h"

#include "http.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define VERSION     "0.1.0"
#define API_VERSION "1.30.0"

enum args_option {
    OPT_LISTEN = 256,
    OPT_CONTROL,
    OPT_CERT,
    OPT_KEY,
    OPT_TOKEN,
    OPT_JOB,
    OPT_APPLICATION,
    OPT_RUN_MS,
    OPT_ITERATIONS,
    OPT_LOG_DELAY_MS,
    OPT_SEED,
    OPT_VERBOSE,
    OPT_HELP,
    OPT_VERSION
};

static const struct option options[] = {
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"tls-cert", required_argument, NULL, OPT_CERT},
    {"tls-key", required_argument, NULL, OPT_KEY},
    {"token", required_argument, NULL, OPT_TOKEN},
    {"job", required_argument, NULL, OPT_JOB},
    {"application", required_argument, NULL, OPT_APPLICATION},
    {"run-ms", required_argument, NULL, OPT_RUN_MS},
    {"iterations", required_argument, NULL, OPT_ITERATIONS},
    {"log-delay-ms", required_argument, NULL, OPT_LOG_DELAY_MS},
    {"seed", required_argument, NULL, OPT_SEED},
    {"verbose", no_argument, NULL, OPT_VERBOSE},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "losant-emulator - the Losant resource-job API on this machine, without an account\n"
    "\n"
    "Usage: losant-emulator [OPTION]...\n"
    "\n"
    "  --listen ADDRESS:PORT       where the API answers (127.0.0.1:8080; port 0 takes a free one)\n"
    "  --control ADDRESS:PORT      where settings, faults and the audit are; loopback only (off)\n"
    "  --tls-cert FILE             PEM certificate; the API then speaks HTTPS\n"
    "  --tls-key FILE              PEM key of that certificate\n"
    "  --token TOKEN[=SCOPE,...]   a token that the API knows, again for more (scope all.Application;\n"
    "                              without this option there is one token, \"emulator\")\n"
    "  --job APP/JOB[=FILE]        a job that exists, again for more; APP and JOB are 24 hex digits, FILE is a\n"
    "                              JSON object of its fields, or a job as the real API gave it\n"
    "  --application APP           an application without jobs, for creating some through the API\n"
    "  --run-ms N                  how long a run takes (5000)\n"
    "  --iterations N              how many iterations it has (10)\n"
    "  --log-delay-ms N            how long until a new run shows in the log (0)\n"
    "  --seed N                    the same N gives the same ids and the same faults by percent (1)\n"
    "  --verbose                   a line on standard error for each request\n"
    "  --help, --version\n"
    "\n"
    "It prints one line of JSON with its addresses on standard output and runs until SIGTERM or SIGINT.\n"
    "\n"
    "Try it:\n"
    "  losant-emulator --token secret --job 575ec8687ae143cd83dc4a97/6328c6c026517badf9142116 &\n"
    "  J=http://127.0.0.1:8080/applications/575ec8687ae143cd83dc4a97/resource-jobs/6328c6c026517badf9142116\n"
    "  curl -H 'Authorization: Bearer secret' -H 'Content-Type: application/json' -d '{}' $J/execute\n"
    "  curl -H 'Authorization: Bearer secret' $J/logs?limit=10\n"
    "\n"
    "Let every third execute answer 503, and see what was really executed (with --control 127.0.0.1:8081):\n"
    "  curl -H 'Content-Type: application/json' -d "
    "'{\"on\":\"execute\",\"do\":\"status\",\"status\":503,\"percent\":33}' \\\n"
    "       http://127.0.0.1:8081/faults\n"
    "  curl http://127.0.0.1:8081/audit\n";

static bool add_text(const char **list, size_t *count, const char *text)
{
    if (*count == ARGS_LIST_MAX) {
        fprintf(stderr, "losant-emulator: %s: more than %d of this option\n", text, ARGS_LIST_MAX);
        return false;
    }
    list[(*count)++] = text;
    return true;
}

static bool read_number(const char *name, int64_t max, int64_t *value)
{
    if (!http_read_integer(optarg, value) || *value > max) {
        fprintf(stderr, "losant-emulator: --%s %s: expected an integer from 0 to %lld\n", name, optarg, (long long)max);
        return false;
    }
    return true;
}

static bool take_option(int option, struct args *args)
{
    int64_t seed;

    switch (option) {
    case OPT_LISTEN:
        args->listen = optarg;
        return true;
    case OPT_CONTROL:
        args->control = optarg;
        return true;
    case OPT_CERT:
        args->tls_cert = optarg;
        return true;
    case OPT_KEY:
        args->tls_key = optarg;
        return true;
    case OPT_TOKEN:
        return add_text(args->tokens, &args->token_count, optarg);
    case OPT_JOB:
        return add_text(args->jobs, &args->job_count, optarg);
    case OPT_APPLICATION:
        return add_text(args->applications, &args->application_count, optarg);
    case OPT_RUN_MS:
        return read_number("run-ms", 86400000, &args->run_ms);
    case OPT_ITERATIONS:
        return read_number("iterations", 1000000000, &args->iterations);
    case OPT_LOG_DELAY_MS:
        return read_number("log-delay-ms", 86400000, &args->log_delay_ms);
    case OPT_SEED:
        if (!read_number("seed", INT64_MAX, &seed)) {
            return false;
        }
        args->seed = (uint64_t)seed;
        return true;
    case OPT_VERBOSE:
        args->verbose = true;
        return true;
    default:
        fputs("Try losant-emulator --help\n", stderr); // getopt has said what is wrong
        return false;
    }
}

int args_read(int argc, char **argv, struct args *args)
{
    int option;

    *args = (struct args){.listen = "127.0.0.1:8080", .run_ms = -1, .iterations = -1, .log_delay_ms = -1, .seed = 1};
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == OPT_HELP) {
            fputs(help, stdout);
            return EX_OK;
        }
        if (option == OPT_VERSION) {
            puts("losant-emulator " VERSION " (resource-job API " API_VERSION ")");
            return EX_OK;
        }
        if (!take_option(option, args)) {
            return EX_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "losant-emulator: %s: not an option\nTry losant-emulator --help\n", argv[optind]);
        return EX_USAGE;
    }
    if (!args->tls_cert != !args->tls_key) {
        fputs("losant-emulator: --tls-cert and --tls-key go together\n", stderr);
        return EX_USAGE;
    }
    return -1;
}
