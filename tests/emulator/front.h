// SPDX-License-Identifier: Apache-2.0
// The API's address: takes requests, lets the faults have their way, answers.
#ifndef EMULATOR_FRONT_H
#define EMULATOR_FRONT_H

#include "world.h"

#include <stdbool.h>

struct front;

struct front_options {
    int listen_fd;
    char *tls_cert; // PEM text; NULL for plain HTTP
    char *tls_key;
    bool verbose; // a line on stderr for each request
};

// Serves the world's API on the socket until front_stop(); NULL when it cannot. The world must outlive it. Main thread.
struct front *front_start(struct world *world, const struct front_options *options);

// Ends all connections, also held ones, and frees the front. The socket is closed. Main thread.
void front_stop(struct front *front);

#endif
