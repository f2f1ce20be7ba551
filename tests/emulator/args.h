// SPDX-License-Identifier: Apache-2.0
// The command line.
#ifndef EMULATOR_ARGS_H
#define EMULATOR_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARGS_LIST_MAX 1000

// Text belongs to argv. run_ms, iterations, log_delay_ms: -1 where not given.
struct args {
    const char *listen;
    const char *control; // NULL: no control address
    const char *tls_cert;
    const char *tls_key;
    const char *tokens[ARGS_LIST_MAX];
    size_t token_count;
    const char *jobs[ARGS_LIST_MAX];
    size_t job_count;
    const char *applications[ARGS_LIST_MAX];
    size_t application_count;
    int64_t run_ms;
    int64_t iterations;
    int64_t log_delay_ms;
    uint64_t seed;
    bool verbose;
};

// Reads the command line. Gives -1 when the program is to go on, else the code to exit with: --help and --version have
// been printed on stdout, or a problem on stderr. Main thread.
int args_read(int argc, char **argv, struct args *args);

#endif
