// SPDX-License-Identifier: Apache-2.0
// The control address, where a test sets how the API behaves and reads what it did. It asks for no token.
#ifndef EMULATOR_CONTROL_H
#define EMULATOR_CONTROL_H

#include "world.h"

struct control;

// Serves the world's controls on the socket (a loopback one) until control_stop(); NULL when it cannot. Main thread.
struct control *control_start(struct world *world, int listen_fd);

// Closes the socket and frees the control. Main thread.
void control_stop(struct control *control);

#endif
