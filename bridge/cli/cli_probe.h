// SPDX-License-Identifier: Apache-2.0
// `jobbridge probe`: tries everything that the bridge needs, for real, and says of each what to do when it fails. Must
// never disturb a running bridge: its own client id, a clean session, no shared group, nothing published, nothing
// executed, nothing written. Must never print a secret. Main thread.
#ifndef CLI_CLI_PROBE_H
#define CLI_CLI_PROBE_H

#include "io/config.h"

#define CLI_PROBE_CLOCK_MS     60000      // a clock that is further apart than this is a finding
#define CLI_PROBE_EXPIRY_MS    1209600000 // a token that expires within 14 days is one, too
#define CLI_PROBE_DISK_BYTES   16777216   // less room for the journal than this is one
#define CLI_PROBE_CONNECT_MS   10000
#define CLI_PROBE_CA_MAX_BYTES 16777216
#define CLI_PROBE_REPORT_BYTES 4194304
#define CLI_PROBE_TEXT_BYTES   512

enum cli_verdict { CLI_OK, CLI_BAD, CLI_SKIPPED };

struct cli_probe;

// One row. remedy: what to do, "" when there is nothing to do.
void cli_probe_row(struct cli_probe *probe, const char *check, enum cli_verdict verdict, const char *remedy,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));
const struct config *cli_probe_config(const struct cli_probe *probe);
const char *cli_probe_client_id(const struct cli_probe *probe); // --client-id, or NULL

// The parts, in their order.
void cli_probe_journal(struct cli_probe *probe); // cli_probe_local.c
void cli_probe_stores(struct cli_probe *probe);
void cli_probe_expiry(struct cli_probe *probe);
void cli_probe_broker(struct cli_probe *probe); // cli_probe_broker.c
void cli_probe_api(struct cli_probe *probe);    // cli_probe_api.c

// EX_OK only when all is well, EX_UNAVAILABLE when a row is bad.
int cli_probe(int argc, char **argv);

#endif
