// SPDX-License-Identifier: Apache-2.0
// `jobbridge check`: everything that is wrong with a configuration, on standard output, since that is its result.
// Main thread.
#ifndef CLI_CLI_CHECK_H
#define CLI_CLI_CHECK_H

// EX_OK and "ok"; EX_CONFIG and one line a problem, `file:line: key: what is wrong, what was expected`.
// --json: one object {"ok": …, "problems": [{"file", "line", "key", "text"}…], "leftOut": n}.
// --jobs (for a shell's completion): the names of the jobs, one a line, and nothing about problems.
// --schema (for the manual and the tests): the table of all keys as JSON, and EX_OK.
int cli_check(int argc, char **argv);

#endif
