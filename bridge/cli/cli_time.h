// SPDX-License-Identifier: Apache-2.0
// Times as people write them: RFC 3339, or an age as "90s", "2h", "3d". Pure; any thread.
#ifndef CLI_CLI_TIME_H
#define CLI_CLI_TIME_H

#include "base/clock.h"

#define CLI_AGE_BYTES 24

// ms since the epoch, -1 when text is no time, or one before 1970.
int64_t cli_time_parse(const char *text, int64_t wall_ms);
// How long ago: "12s", "5m", "3h", "2d"; returns text. The future is "0s".
const char *cli_time_age(int64_t then_ms, int64_t wall_ms, char text[CLI_AGE_BYTES]);

#endif
