// SPDX-License-Identifier: Apache-2.0
// `jobbridge call JOB ACTION [JSON]`: a command as a device would send it, through the broker, with what comes back.
// Main thread.
#ifndef CLI_CLI_CALL_H
#define CLI_CLI_CALL_H

#define CLI_CALL_TIMEOUT_S     60 // for the answer, unless --timeout says otherwise
#define CLI_CALL_TIMEOUT_MAX_S 31536000
#define CLI_CALL_END_MARGIN_S  60 // after follow.timeout_s, when the bridge itself has given the run up
#define CLI_CALL_LINE_BYTES    9437184

// EX_OK when the command was accepted (with --follow: when its run succeeded); else a code of sysexits(3).
int cli_call(int argc, char **argv);

#endif
