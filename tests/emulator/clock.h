// SPDX-License-Identifier: Apache-2.0
// The two clocks, in milliseconds.
#ifndef EMULATOR_CLOCK_H
#define EMULATOR_CLOCK_H

#include <stdint.h>

// Milliseconds since the epoch by the machine's clock. Any thread.
int64_t clock_wall_ms(void);

// Milliseconds of a clock that is never set. Any thread.
int64_t clock_steady_ms(void);

#endif
